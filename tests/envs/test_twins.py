"""The same person has the same life in any batch, place and face, and the same luck anywhere."""

from dataclasses import fields
from functools import cache

import numpy as np
import pytest

from undertow.envs import OBSERVATIONS, FeedBatch, FeedEnv, FeedVectorEnv
from undertow.envs import feed_batch as module
from undertow.envs.world import IN_A_SLOT, Mechanism, altered, uniforms, world

SLOTS = 40
WORLD = world(
    "vulnerable",
    overrides={
        "calendar": {"slots_per_day": 8, "days": 2},
        "catalogue": {"items": 20},
        "opening": {"base": -0.5},
        "churn": {"hazard": 0.05, "habit": 0.0},
    },
)
CONSTANT_CHANCE = altered(
    WORLD,
    {
        "opening": {"base": 0.0, "habit": 0.0, "lead": 0.0, "regret": 0.0},
        "churn": {"enabled": False},
        "search": {"enabled": False},
    },
)


def actions(seed, slots=SLOTS, items=20):
    return np.random.default_rng(seed).integers(items, size=slots)


# --- any batch, any place -------------------------------------------------------------------------


def life(batch, row, own_actions):
    """Everything that row goes through, ends and the next people included, as one list."""
    generator = np.random.default_rng(99)
    path = [batch.observe()[row]]
    for own in own_actions:
        action = generator.integers(len(batch.items), size=batch.people)
        action[row] = own
        step = batch.step(action)
        path += [step.observation[row], step.reward[row], step.terminated[row], step.truncated[row]]
        path += [getattr(step.outcome, f.name)[row] for f in fields(step.outcome)]
        path += [getattr(batch.state, f.name)[row] for f in fields(batch.state)]
        batch.restart(step.terminated | step.truncated)
    assert batch.person[row] > 0  # an end was met
    return path


@cache
def alone(observation):
    batch = FeedBatch(WORLD, 1, observation)
    batch.start(42, 0)
    return life(batch, 0, actions(0))


PLACES = [(2, 0), (2, 1), (7, 3), (64, 63), (513, 0), (513, 255), (513, 512)]


@pytest.mark.parametrize("people, row", PLACES)
@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_a_life_is_bit_identical_in_any_batch_and_place(people, row, observation):
    batch = FeedBatch(WORLD, people, observation)
    seed = 1_000 + np.arange(people)
    seed[row] = 42
    batch.start(seed, 0)
    found = life(batch, row, actions(0))
    for expected, value in zip(alone(observation), found, strict=True):
        assert np.array_equal(expected, value)


def test_the_seed_alone_names_a_person_not_the_row():
    batch = FeedBatch(WORLD, 3, "oracle")
    assert np.array_equal(*batch.start(np.array([42, 7, 42]), 0)[[0, 2]])
    batch.start(np.full(3, 42), np.array([5, 0, 5]))
    assert batch.traits.stance[0] == batch.traits.stance[2] != batch.traits.stance[1]


# --- the Gymnasium faces --------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["SameStep", "NextStep", "Disabled"])
@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_single_and_vector_faces_tell_the_same_lives(observation, mode):
    """Each row of a vector environment is a single one, episode by episode."""
    count, seed = 5, 17
    singles = [FeedEnv(WORLD, observation=observation) for _ in range(count)]
    vec = FeedVectorEnv(count, WORLD, observation=observation, autoreset_mode=mode)
    seen, _ = vec.reset(seed=[seed + row for row in range(count)])
    for row, env in enumerate(singles):
        assert np.array_equal(env.reset(seed=seed + row)[0], seen[row])
    over, ends = np.zeros(count, dtype=np.bool_), 0
    for action in actions(1, count * SLOTS).reshape(SLOTS, count):
        if mode == "Disabled" and over.any():
            seen, _ = vec.reset(options={"reset_mask": over})
            for row in np.nonzero(over)[0]:
                assert np.array_equal(singles[row].reset()[0], seen[row])
        waking = over & (mode == "NextStep")
        seen, reward, terminated, truncated, info = vec.step(action)
        over = terminated | truncated
        for row, env in enumerate(singles):
            if waking[row]:
                assert np.array_equal(env.reset()[0], seen[row])
                continue
            expected = env.step(action[row])
            ended = over[row] and mode == "SameStep"
            shown = info["final_obs"][row] if ended else seen[row]
            told = info["final_info"] if ended else info
            assert np.array_equal(expected[0], shown)
            assert expected[1:4] == (reward[row], terminated[row], truncated[row])
            for name, value in expected[4].items():
                assert np.array_equal(value, told[name][row]), name
            if ended:
                assert np.array_equal(env.reset()[0], seen[row])
        ends += over.sum()
    assert ends > count


@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_the_same_seed_gives_the_same_trajectory_and_another_seed_another(observation):
    def trajectory(seed):
        vec = FeedVectorEnv(6, WORLD, observation=observation)
        path = [vec.reset(seed=seed)[0]]
        for action in actions(2, 6 * 12).reshape(12, 6):
            path.append(vec.step(action)[0])
        return np.stack(path)

    assert np.array_equal(trajectory(0), trajectory(0))
    other = trajectory(100)
    assert not any(np.array_equal(a, b) for a, b in zip(trajectory(0)[1:], other[1:], strict=True))


# --- twins ----------------------------------------------------------------------------------------


@pytest.fixture
def lucks(monkeypatch):
    """lucks(policy): the draws that each slot was given under that policy."""

    def under(policy, parameters=WORLD):
        met = []

        def spying(*given):
            met.append(given[5])  # parameters, items, traits, state, feed, luck, away
            return real(*given)

        real = module.slot
        with monkeypatch.context() as patch:
            patch.setattr(module, "slot", spying)
            batch = FeedBatch(parameters, 32)
            batch.start(8, np.arange(32))
            for slot in range(16):
                batch.step(policy(slot))
        return np.stack(met)

    return under


def one_for_all(slot):
    return np.full(32, slot % 20)


def one_for_each(slot):
    return (np.arange(32) + 3 * slot) % 20


def test_twins_meet_the_same_luck_under_any_policy(lucks):
    one, other = lucks(one_for_all), lucks(one_for_each)
    assert np.array_equal(one, other)
    assert len(np.unique(one)) > 0.99 * one.size  # and new luck in every slot
    who = np.arange(32)
    for slot, luck in enumerate(one, start=1):  # slot 0 is that of the traits
        key = (np.full(32, 8), who, np.full(32, slot))
        assert np.array_equal(luck, uniforms(*key, Mechanism.OPENING, IN_A_SLOT))


def test_twins_meet_the_same_luck_in_any_world(lucks):
    still = altered(WORLD, {"habit": {"enabled": False}, "stance": {"persuasion": False}})
    assert np.array_equal(lucks(one_for_all), lucks(one_for_all, still))


def test_where_the_policy_has_no_say_twins_do_the_same():
    def lived(item):
        batch = FeedBatch(CONSTANT_CHANCE, 256)
        batch.start(8, np.arange(256))
        steps = [batch.step(np.full(256, item)).outcome for _ in range(16)]
        return np.stack([o.opened for o in steps]), np.stack([o.minutes for o in steps])

    (opened, minutes), (opened_too, minutes_too) = lived(0), lived(19)
    assert np.array_equal(opened, opened_too)
    assert 0.4 < opened.mean() < 0.6
    assert not np.array_equal(minutes, minutes_too)  # the item does matter
    first, first_too = minutes[0][opened[0]], minutes_too[0][opened[0]]
    assert np.corrcoef(np.log(first), np.log(first_too))[0, 1] > 0.8  # but the noise is shared


def test_a_mechanism_draws_for_itself_alone(lucks):
    luck = lucks(one_for_all)
    used = [m for m in Mechanism if m < Mechanism.POLICY]
    flat = luck[:, used].transpose(1, 0, 2).reshape(len(used), -1)
    apart = np.corrcoef(flat) - np.eye(len(used))
    assert np.abs(apart).max() < 5 / np.sqrt(flat.shape[1])
