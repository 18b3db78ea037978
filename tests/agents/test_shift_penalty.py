"""The penalty on induced shift: twins are exact, no penalty is PPO, and a penalty that bites."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from undertow.agents import (
    Chronological,
    FeedVecEnv,
    PPOPolicy,
    PPOSettings,
    ShiftPenalty,
    ShiftPenaltyPolicy,
    ShiftPenaltySettings,
    build_policy,
    load_policy,
    make_vec_env,
)
from undertow.agents.shift_penalty import distance
from undertow.envs.feed_batch import FeedBatch
from undertow.envs.world import NULLS, altered, synthetic, world

WORLD = altered(
    world("vulnerable"), {"calendar": {"days": 4}, "churn": {"hazard": 0.05, "habit": 0.0}}
)
ITEMS = synthetic(WORLD)
SMALL = {"slots": 6144, "n_envs": 64, "n_steps": 32, "batch_size": 512, "net": (8,)}
PEOPLE = 40


def settings(**changes):
    return ShiftPenaltySettings.model_validate({"penalty": 2.0, **changes})


def penalised(parameters=WORLD, **changes):
    env = FeedVecEnv(PEOPLE, parameters, seed=5, items=ITEMS, stagger=True)
    return ShiftPenalty(env, settings(**changes)), env


def trained(seed=3, **changes):
    return ShiftPenaltyPolicy.train_penalised(
        WORLD, ITEMS, observation="platform", seed=seed, settings=settings(**SMALL | changes)
    )


# --- the twin -------------------------------------------------------------------------------------


def test_the_distance_by_hand():
    batch = FeedBatch(WORLD, 2)
    batch.start(0, np.arange(2))
    here = replace(
        batch.state,
        stance=np.float32([0.5, -0.2]),
        taste=np.zeros_like(batch.state.taste) + np.float32(0.3),
    )
    natural = replace(
        here, stance=np.float32([0.1, -0.6]), taste=here.taste + np.float32([[0.1], [-0.2]])
    )
    found = distance(here, natural, settings(stance_weight=2.0, taste_weight=0.5))
    np.testing.assert_allclose(found, [2 * 0.4 + 0.5 * 0.1, 2 * 0.4 + 0.5 * 0.2], rtol=1e-5)


def test_whoever_shows_the_neutral_feed_is_charged_nothing_whoever_comes_and_goes():
    env, feed = penalised()
    neutral = Chronological(ITEMS.supply)
    env.reset()
    ends = 0
    for _ in range(80):
        batch = feed.batch
        _, reward, done, _ = env.step(neutral.newest(batch.seed, batch.person, batch.slot + 1))
        assert np.array_equal(env.apart, np.zeros(PEOPLE))
        assert np.array_equal(reward, feed.outcome.minutes)
        ends += done.sum()
    assert ends > 2 * PEOPLE


@pytest.mark.parametrize("forecast", ["neutral", "no_feed"])
def test_the_reward_is_minutes_less_the_penalty_on_what_the_twin_does_not_show(forecast):
    env, feed = penalised(forecast=forecast, penalty=7.0)
    env.reset()
    twin = FeedBatch(WORLD, PEOPLE, items=ITEMS)
    twin.start(feed.batch.seed, feed.batch.person)
    neutral = Chronological(ITEMS.supply)
    neutral.begin(feed.batch.seed, feed.batch.person)
    seen = np.zeros((PEOPLE, 1), dtype=np.float32)
    extreme = np.full(PEOPLE, int(np.argmax(ITEMS.stance)))
    ended = np.zeros(PEOPLE, dtype=bool)
    for _ in range(20):
        _, reward, done, _ = env.step(extreme)
        twin.step(neutral.act(seen), None if forecast == "neutral" else np.ones(PEOPLE, dtype=bool))
        stance = np.abs(feed.reached.stance - twin.state.stance)
        taste = np.abs(feed.reached.taste - twin.state.taste).mean(axis=1)
        expected = feed.outcome.minutes - 7.0 * (stance + taste)
        np.testing.assert_allclose(reward[~ended], expected[~ended], rtol=1e-4, atol=1e-5)
        ended |= done  # the twin by hand replaces nobody
    assert 0 < ended.sum() < PEOPLE
    assert stance[~ended].max() > 0.01 and taste[~ended].max() > 0.001


def test_where_nothing_moves_anybody_nothing_is_charged():
    env, feed = penalised(altered(WORLD, NULLS["frozen_preferences"]), forecast="no_feed")
    env.reset()
    for slot in range(40):
        reward = env.step(np.full(PEOPLE, slot % len(ITEMS)))[1]
        assert np.array_equal(reward, feed.outcome.minutes)


# --- training -------------------------------------------------------------------------------------


def parameters_of(policy):
    return torch.cat([p.detach().ravel() for p in policy.model.policy.parameters()])


def test_no_penalty_is_ppo_bit_for_bit():
    theirs = PPOPolicy.train(
        WORLD, ITEMS, observation="platform", seed=3, settings=PPOSettings.model_validate(SMALL)
    )
    assert torch.equal(parameters_of(trained(penalty=0.0)), parameters_of(theirs))
    assert not torch.equal(parameters_of(trained(penalty=5.0)), parameters_of(theirs))


def test_the_same_seed_gives_the_same_policy():
    first, second = trained(), trained()
    assert torch.equal(parameters_of(first), parameters_of(second))
    assert not torch.equal(parameters_of(first), parameters_of(trained(seed=4)))


def mean_distance(policy):
    """Over the calendar, of people who are there, from the twin under the neutral feed."""
    seeds, persons = np.full(300, 77), np.arange(300)
    here, twin = (FeedBatch(WORLD, 300, items=ITEMS) for _ in range(2))
    neutral = Chronological(ITEMS.supply)
    seen, _ = here.start(seeds, persons), twin.start(seeds, persons)
    total = []
    for who in (policy, neutral):
        who.begin(seeds, persons)
    for _ in range(WORLD.calendar.slots):
        seen = here.step(policy.act(seen)).observation
        twin.step(neutral.act(seen))
        total.append(distance(here.state, twin.state, settings())[here.state.present].mean())
    return np.mean(total)


@pytest.mark.slow
def test_a_penalty_keeps_people_nearer_to_their_twins():
    long = {"slots": 160_000, "n_envs": 256, "batch_size": 2048}
    assert mean_distance(trained(penalty=100.0, **long)) < 0.8 * mean_distance(
        trained(penalty=0.0, **long)
    )


def test_it_is_saved_and_acts_as_it_did(tmp_path):
    policy = trained()
    again = load_policy(policy.save(tmp_path / "mine"))
    size = policy.model.observation_space.shape[0]
    seen = np.random.default_rng(1).normal(size=(20, size)).astype(np.float32)
    for one in (policy, again):
        one.begin(np.full(20, 5), np.arange(20))
    np.testing.assert_array_equal(policy.act(seen), again.act(seen))


def test_the_statistics_of_episodes_are_of_minutes_and_not_of_the_penalised_reward():
    env = ShiftPenalty(make_vec_env("undertow/Feed-v0", 4, seed=1, world=WORLD), settings())
    env.reset()
    minutes, told = np.zeros(4), []
    for _ in range(WORLD.calendar.slots):
        _, reward, done, infos = env.step(np.full(4, int(np.argmax(ITEMS.stance))))
        minutes += reward + 2.0 * env.apart
        told += [(infos[i]["episode"]["r"], minutes[i]) for i in np.flatnonzero(done)]
        minutes[done] = 0
    assert len(told) >= 4
    np.testing.assert_allclose(*np.array(told).T, rtol=1e-3)


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [{"penalty": -1.0}, {"forecast": "greedy"}, {"taste_weight": -1}])
def test_settings_are_checked(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        settings(**wrong)


def test_a_penalty_has_to_be_given():
    with pytest.raises(ValueError, match="allowed: ShiftPenaltySettings with penalty"):
        build_policy("ppo_shift_penalty", WORLD, ITEMS, seed=0)
