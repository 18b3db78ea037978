"""Slates: a slot whose feed is read item by item; of one item, a slot as ever."""

import itertools

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_env_sb3

from undertow.agents import make_vec_env
from undertow.envs import OBSERVATIONS, FeedBatch, FeedSlateEnv, FeedSlateVectorEnv, SlateBatch
from undertow.envs.seeding import keys_of
from undertow.envs.views import true_state
from undertow.envs.world import NULLS, Slate, SlateOutcome, synthetic, world

PEOPLE, SLOTS = 64, 40
SHORT = {"calendar": {"slots_per_day": 8, "days": 3}, "churn": {"hazard": 0.05}}
ALWAYS = {"opening": {"base": 6.0}, "search": {"enabled": False}}


def slates(size, people=PEOPLE, slots=SLOTS, items=30):
    return np.random.default_rng(1).integers(items, size=(slots, people, size))


def batch(size=5, people=PEOPLE, observation="platform", null=None, changes=None, **rule):
    parameters = world("vulnerable", null, SHORT | (changes or {}))
    return SlateBatch(parameters, people, Slate(size=size, **rule), observation)


def tell(one, actions, seed=7):
    """Every step of a batch, and what was seen before each; who ends is replaced."""
    seen, steps = one.start(seed, np.arange(one.people)), []
    for action in actions:
        step = one.step(action)
        done = step.terminated | step.truncated
        one.restart(done)
        steps.append((seen, step))
        seen = one.observe_restarted(step.observation, done)
    return steps


# --- a slate of one item --------------------------------------------------------------------------


@pytest.mark.parametrize("null", [None, *sorted(NULLS)])
@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_a_slate_of_one_is_a_slot_to_the_bit(observation, null):
    feed = slates(1)
    parameters = world("vulnerable", null, SHORT)
    plain = tell(FeedBatch(parameters, PEOPLE, observation), feed[:, :, 0])
    slated = tell(batch(1, observation=observation, null=null), feed)
    for (seen, step), (seen_1, step_1) in zip(plain, slated, strict=True):
        assert np.array_equal(seen, seen_1)
        assert np.array_equal(step.reward, step_1.reward)
        assert np.array_equal(step.observation, step_1.observation)
        for name, value in vars(step.outcome).items():
            assert np.array_equal(value, getattr(step_1.outcome, name)), name


# --- reading --------------------------------------------------------------------------------------


def test_totals_are_sums_over_the_items():
    happened = 0
    for _, step in tell(batch(), slates(5)):
        outcome = step.outcome
        assert isinstance(outcome, SlateOutcome) and len(outcome.parts) == 5
        for name in ("minutes", "endorsed", "worth", "persuasion", "revenue"):
            total = np.sum([getattr(part, name) for part in outcome.parts], axis=0)
            np.testing.assert_allclose(getattr(outcome, name), total, rtol=1e-5, atol=1e-6)
        assert (outcome.endorsed <= outcome.minutes).all()
        happened += outcome.parts[-1].opened.sum()
    assert happened > 100  # some read to the end


def test_items_are_seen_in_order_and_searchers_do_not_scroll():
    sought = left_early = 0
    for _, step in tell(batch(stay_base=0.0), slates(5)):
        seen = np.stack([part.opened for part in step.outcome.parts])
        assert (seen[1:] <= seen[:-1]).all()
        assert not seen[1:, step.outcome.sought].any()
        minutes = np.stack([part.minutes for part in step.outcome.parts])
        assert ((minutes > 0) == seen).all()
        sought += step.outcome.sought.sum()
        left_early += (seen[0] & ~seen[-1]).sum()
    assert sought > 50 and left_early > 50


def test_the_chance_of_staying_is_that_of_the_equation():
    # Nothing pulls or repels: every pull is 0, and so the chance sigmoid(base).
    flat = {
        "appraisal": {name: 0.0 for name in ("base", "taste", "satiation", "quality", "arousal",
                                             "falsehood", "extremity_pull")}
        | {"congruence": False}
    }  # fmt: skip
    one = batch(3, people=4000, stay_base=0.4, changes=flat | ALWAYS)
    one.start(3, np.arange(4000))
    parts = one.step(np.zeros((4000, 3), dtype=np.int64)).outcome.parts
    chance = 1 / (1 + np.exp(-0.4))
    counts = [part.opened.sum() for part in parts]
    for before, after in itertools.pairwise(counts):
        assert after / before == pytest.approx(chance, abs=4 * np.sqrt(0.24 / before))


def test_who_always_stays_watches_as_long_as_one_session_in_the_mean():
    still = {name: {"enabled": False} for name in ("satiation", "habit", "tolerance", "taste")}
    changes = ALWAYS | still | {"stance": {"persuasion": False}}
    people = 20_000
    feed = np.full((people, 4), 17)
    slated = batch(4, people=people, stay_base=6.0, stay_pull=0.0, changes=changes)
    plain = FeedBatch(slated.parameters, people)
    minutes = []
    for one, action in ((slated, feed), (plain, feed[:, 0])):
        one.start(5, np.arange(people))
        minutes.append(one.step(action).outcome.minutes.mean())
    assert minutes[0] == pytest.approx(minutes[1], rel=0.03)


def test_an_item_moves_the_person_before_the_next():
    """Boredom with a topic grows with the second item of it."""
    items = synthetic(world())
    topic = items.topic
    first = int(np.nonzero(topic == 1)[0][0])
    same, other = int(np.nonzero(topic == 1)[0][1]), int(np.nonzero(topic == 2)[0][0])
    one = batch(2, changes=ALWAYS, stay_base=6.0)
    one.start(7, np.arange(PEOPLE))
    start = one.state.satiation[:, 1].copy()
    feed = np.tile([first, same], (PEOPLE, 1))
    parts = one.step(feed).outcome.parts
    after_both = one.state.satiation[:, 1]
    one.start(7, np.arange(PEOPLE))
    one.step(np.tile([first, other], (PEOPLE, 1)))
    after_first = one.state.satiation[:, 1]
    watched = parts[1].minutes > 0
    assert (start == 0).all() and (after_both[watched] > after_first[watched]).all()
    assert np.array_equal(after_both[~watched], after_first[~watched])


def test_time_passes_once_a_slot():
    """Nobody opens: a slate of 20 leaves people where a slot does."""
    changes = {"opening": {"enabled": False}}
    slated = batch(20, changes=changes)
    plain = FeedBatch(slated.parameters, PEOPLE)
    for one, action in ((slated, slates(20)[0]), (plain, slates(20)[0][:, 0])):
        one.start(7, np.arange(PEOPLE))
        for _ in range(5):
            one.step(action)
    for name, value in vars(plain.state).items():
        assert np.array_equal(getattr(slated.state, name), value), name


def test_without_temptation_nothing_is_unendorsed():
    changes = {"habit": {"enabled": False}}
    for _, step in tell(batch(null="no_temptation", changes=changes), slates(5)):
        np.testing.assert_allclose(step.outcome.endorsed, step.outcome.minutes, rtol=1e-5)


def test_the_placebo_cuts_the_link_for_every_item():
    """A person's state does not depend on their own slate, only on the next person's."""
    one, other = (batch(null="yoked", changes=ALWAYS) for _ in range(2))
    feed = slates(5)[0]
    changed = feed.copy()
    changed[10] = (feed[10] + 7) % 30
    states = []
    for each, action in ((one, feed), (other, changed)):
        each.start(7, np.arange(PEOPLE))
        each.step(action)
        states.append(each.state)
    assert states[0].stance[10] == states[1].stance[10]
    assert np.array_equal(states[0].taste[10], states[1].taste[10])
    assert states[0].satiation[9].sum() != states[1].satiation[9].sum()


def test_a_life_does_not_depend_on_the_batch():
    action = slates(5, people=9)
    among, alone = tell(batch(people=9), action), tell(batch(people=1), action[:, :1])
    for (seen, step), (seen_1, step_1) in zip(among, alone, strict=True):
        np.testing.assert_array_equal(seen[:1], seen_1)
        assert step.reward[0] == step_1.reward[0]


def test_torch_tells_the_lives_that_numpy_tells():
    parameters = world("vulnerable", None, SHORT)
    action = slates(5)
    on_numpy = tell(SlateBatch(parameters, PEOPLE, Slate()), action)
    on_torch = tell(SlateBatch(parameters, PEOPLE, Slate(), device="cpu"), action)
    for (seen, step), (seen_t, step_t) in zip(on_numpy, on_torch, strict=True):
        np.testing.assert_allclose(np.asarray(seen_t), seen, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(np.asarray(step_t.reward), step.reward, rtol=1e-4, atol=1e-4)


def test_logs_count_a_session_once_and_every_item():
    """All minutes are in the logs, by group, and the slot was opened once."""
    one = batch(changes=ALWAYS, stay_base=6.0)
    one.start(7, np.arange(PEOPLE))
    step = one.step(slates(5)[0])
    view, groups = one.view, one.view.groups
    scale = 1.0 / one.parameters.watching.minutes
    np.testing.assert_allclose(
        view._total[:groups].sum(axis=0), scale * step.outcome.minutes, rtol=1e-5
    )
    seen = np.sum([part.opened for part in step.outcome.parts], axis=0)
    assert np.array_equal(view._total[groups : 2 * groups].sum(axis=0), seen)
    fast = view._memories[0]
    np.testing.assert_allclose(fast[groups], 0.25 * step.outcome.opened)
    np.testing.assert_allclose(fast[groups + 1], 0.25 * scale * step.outcome.minutes, rtol=1e-5)


# --- the true state, read back --------------------------------------------------------------------


def test_an_oracle_observation_is_the_true_state():
    one = batch(observation="oracle")
    tell(one, slates(5)[:10])
    traits, state = true_state(one.observe(), one.parameters)
    for name in ("self_control", "susceptibility", "latitude", "news", "stance"):
        assert np.array_equal(getattr(traits, name), getattr(one.traits, name)), name
    for name in ("taste", "satiation", "habit", "tolerance", "stance", "regret"):
        assert np.array_equal(getattr(state, name), getattr(one.state, name)), name


# --- faces ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_gymnasium_and_sb3_find_nothing_wrong(observation):
    env = gym.make("undertow/FeedSlate-v0", observation=observation)
    check_env(env.unwrapped, skip_render_check=False)
    check_env_sb3(env.unwrapped)
    assert env.action_space == gym.spaces.MultiDiscrete([30] * 5)


def test_all_faces_tell_one_life():
    staying = {"churn": {"enabled": False}}
    kwargs = {"world": staying, "slate": {"size": 3, "stay_base": 0.5}}
    vector = gym.make_vec(
        "undertow/FeedSlate-v0", 4, vectorization_mode="vector_entry_point", **kwargs
    )
    single = gym.make("undertow/FeedSlate-v0", **kwargs)
    slate = Slate(**kwargs["slate"])
    native = make_vec_env("undertow/FeedSlate-v0", 4, seed=5, world=staying, slate=slate)
    third = {"key": int(keys_of(5, 2)[0])}
    seen, alone, theirs = vector.reset(seed=5)[0], single.reset(options=third)[0], native.reset()
    assert np.array_equal(seen[2], alone) and np.array_equal(seen, theirs)
    for action in slates(3, people=4, slots=30):
        seen, reward, *_, info = vector.step(action)
        alone, paid, *_, told = single.step(action[2])
        theirs, earned, *_ = native.step(action)
        assert np.array_equal(seen[2], alone) and reward[2] == paid
        assert np.array_equal(seen, theirs) and np.array_equal(reward, earned)
        assert info["seen"][2] == told["seen"] and told["minutes"] == pytest.approx(paid)


def test_a_person_can_see_how_far_they_read():
    env = FeedSlateEnv(world={"opening": {"base": 6.0}}, slate=4, render_mode="ansi")
    env.reset(seed=2)
    for action in slates(4, people=1, slots=6)[:, 0]:
        info = env.step(action)[-1]
        shown = env.render()
        assert (f"{info['seen']} of 4 items" in shown) == (info["opened"] and not info["sought"])
    assert FeedSlateEnv(render_mode="rgb_array").reset(seed=0)[0].shape


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: FeedSlateEnv(slate=0), "size"),
        (lambda: FeedSlateEnv(slate=21), "size"),
        (lambda: FeedSlateEnv(slate={"length": 3}), "length"),
        (lambda: FeedSlateVectorEnv(2, render_mode="human"), "render_mode: found 'human'"),
        (
            lambda: make_vec_env("undertow/FeedSlate-v0", 2, engine="numba"),
            "engine: found 'numba' with a slate; allowed: auto, numpy",
        ),
    ],
)
def test_a_bad_argument_is_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "action, message",
    [
        (np.array([1, 2]), "action: found .*; allowed: 3 integers"),
        (np.array([1, 2, 30]), r"action\[0\]: found \[ ?1 +2 +30\]; allowed: 0 to 29"),
        (np.array([1.0, 2.0, 3.0]), r"allowed: integers of shape \(1, 3\)"),
    ],
)
def test_a_bad_slate_is_refused_by_name(action, message):
    env = FeedSlateEnv(slate=3)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=message):
        env.step(action)


def test_a_vector_of_slates_of_the_wrong_shape_is_refused():
    env = FeedSlateVectorEnv(2, slate=3)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"allowed: integers of shape \(2, 3\)"):
        env.step(np.zeros(2, dtype=np.int64))
