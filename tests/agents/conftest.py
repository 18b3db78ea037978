"""A small world, and policies trained on it for a moment, that the tests of the agents share."""

from functools import cache

import numpy as np
import pytest

from undertow.agents import PPOPolicy, PPOSettings
from undertow.envs import FeedBatch
from undertow.envs.world import synthetic, world


@pytest.fixture(scope="session")
def parameters():
    return world("vulnerable", overrides={"calendar": {"slots_per_day": 8, "days": 2}})


@pytest.fixture(scope="session")
def items(parameters):
    return synthetic(parameters)


@pytest.fixture(scope="session")
def lived(parameters, items):
    """lived(observation): what is seen of 24 people in each of their 16 slots, (16, 24, size)."""

    @cache
    def watch(observation):
        batch, chance = FeedBatch(parameters, 24, observation), np.random.default_rng(0)
        seen = [batch.start(5, np.arange(24))]
        for _ in range(15):
            seen.append(batch.step(chance.integers(len(items), size=24)).observation)
        return np.stack(seen)

    return watch


@pytest.fixture(scope="session")
def choices():
    """choices(policy, observations): what it shows people 0, 1, ... of seed 5, (slots, people)."""

    def act(policy, observations):
        people = observations.shape[1]
        policy.begin(np.full(people, 5), np.arange(people))
        return np.stack([policy.act(observation) for observation in observations])

    return act


@pytest.fixture(scope="session")
def train(parameters, items):
    """train(observation, seed, setting=...): PPO after some 2,000 slots of training."""

    def build(observation="platform", seed=1, **settings):
        tiny = {"slots": 2_048, "n_envs": 32, "n_steps": 16, "batch_size": 128, "n_epochs": 2}
        return PPOPolicy.train(
            parameters,
            items,
            observation=observation,
            seed=seed,
            settings=PPOSettings(**{**tiny, **settings}),
        )

    return build


@pytest.fixture(scope="session")
def trained(train):
    """trained(observation): such a policy of seed 1, made once; the oracle's starts near greedy."""

    @cache
    def build(observation):
        return train(observation, greedy_prior=8.0 if observation == "oracle" else 0.0)

    return build
