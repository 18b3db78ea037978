"""`FeedEnv` on the compiled engine: one call a slot, and nothing that a user could tell it by."""

import copy
import pickle

import gymnasium as gym
import numpy as np
import pytest

from undertow.envs import FeedEnv
from undertow.envs.fused.alone import PersonAlone

SHORT = {
    "preset": "vulnerable",
    "calendar": {"slots_per_day": 8, "days": 2},
    "churn": {"hazard": 0.05},
}


def general(env):
    """The same environment without its short way."""
    env._plays = False
    return env


def same(one, other):
    """To the bit, and of the same types."""
    if isinstance(one, dict):
        assert list(one) == list(other)
        return all(same(one[name], other[name]) for name in one)
    assert type(one) is type(other)
    if isinstance(one, tuple):
        return all(map(same, one, other))
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.tobytes() == other.tobytes()
    return one == other


def lives(env, actions, seed=5):
    """All that a user sees, step by step, who ends being followed by the next."""
    seen = [env.reset(seed=seed)]
    for action in actions:
        seen.append(env.step(action))
        if seen[-1][2] or seen[-1][3]:
            seen.append(env.reset())
    return seen


def feed(slots=120):
    return np.random.default_rng(2).integers(30, size=slots)


def test_the_short_way_and_the_general_way_tell_the_same_lives():
    env = FeedEnv(SHORT)
    assert isinstance(env.batch, PersonAlone) and env._plays
    one, other = lives(env, feed()), lives(general(FeedEnv(SHORT)), feed())
    assert len(one) == len(other) > 128  # some lives ended
    assert all(same(a, b) for a, b in zip(one, other, strict=True))


def test_a_picture_changes_nothing():
    drawn = FeedEnv(SHORT, render_mode="ansi")
    assert all(map(same, lives(FeedEnv(SHORT), feed(40)), lives(drawn, feed(40))))
    assert drawn.render().startswith("person ")


@pytest.mark.parametrize(
    "action",
    [np.int64(7), np.int32(7), np.uint8(7), np.array(7), np.array([7]), np.array([[7]])],
    ids=repr,
)
def test_an_item_may_come_in_any_integer(action):
    one, other = FeedEnv(SHORT), FeedEnv(SHORT)
    one.reset(seed=1)
    other.reset(seed=1)
    assert same(one.step(action), other.step(7))


@pytest.mark.parametrize(
    "action", [True, np.True_, 7.0, np.array(7.0), "7", None, [1, 2], np.array([1, 2]), -1, 30]
)
def test_what_is_no_item_is_refused_as_the_general_way_refuses_it(action):
    refusals = []
    for env in (FeedEnv(SHORT), general(FeedEnv(SHORT))):
        env.reset(seed=1)
        with pytest.raises(ValueError, match="action") as refused:
            env.step(action)
        refusals.append(str(refused.value))
        assert env.batch.slot.tolist() == [0]
    assert refusals[0] == refusals[1]


def test_nothing_is_played_before_the_first_reset_nor_after_the_end():
    env = FeedEnv(SHORT | {"calendar": {"slots_per_day": 1, "days": 1}})
    with pytest.raises(gym.error.ResetNeeded, match="before reset"):
        env.step(0)
    env.reset(seed=1)
    assert env.step(0)[2:4] in [(True, False), (False, True)]
    with pytest.raises(gym.error.ResetNeeded, match="after the end"):
        env.step(0)
    assert env.batch.slot.tolist() == [1]
    env.reset()
    env.step(0)


def test_what_reads_the_batch_reads_the_person_as_they_are_now():
    env = FeedEnv(SHORT)
    batch = env.unwrapped.batch
    env.reset(seed=1)
    for slot, action in enumerate(feed(6), start=1):
        info = env.step(action)[-1]
        assert batch.slot.tolist() == [slot] and batch.person.tolist() == [info["person"]]
        for name in ("habit", "tolerance", "stance", "regret"):
            assert float(getattr(batch.state, name)[0]) == info[name]
        assert np.array_equal(batch.state.taste[0], info["taste"])


COPIES = {
    "deepcopy": copy.deepcopy,
    **{
        f"pickle {number}": lambda env, number=number: pickle.loads(pickle.dumps(env, number))
        for number in range(2, pickle.HIGHEST_PROTOCOL + 1)
    },
}


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_a_copy_in_the_middle_of_a_life_goes_on_as_the_original_and_by_itself(copied):
    env, untouched = FeedEnv(SHORT), FeedEnv(SHORT)
    lives(env, feed(40))
    lives(untouched, feed(40))
    copied(env).step(3)  # the others do not notice
    twin = copied(env)
    for action in feed(60):
        steps = [one.step(action) for one in (env, twin, untouched)]
        assert same(steps[0], steps[1]) and same(steps[0], steps[2])
        assert twin.batch.state.habit[0] == steps[0][-1]["habit"]
        if steps[0][2] or steps[0][3]:
            firsts = [one.reset() for one in (env, twin, untouched)]
            assert same(firsts[0], firsts[1]) and same(firsts[0], firsts[2])


def test_a_copy_made_before_the_first_reset_begins():
    one, other = FeedEnv(SHORT), pickle.loads(pickle.dumps(FeedEnv(SHORT)))
    assert all(map(same, lives(one, feed(30)), lives(other, feed(30))))
