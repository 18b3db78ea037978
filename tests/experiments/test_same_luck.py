"""Trainings of committed results meet the people they met, however the faces come to theirs.

Luck is a function of the key, so it is enough to look at the keys: seed, seed + 1, and so on.
"""

import numpy as np
import pytest

from undertow.agents import PPOPolicy, PPOSettings
from undertow.agents.recurrent_ppo import RecurrentPPOPolicy, RecurrentPPOSettings
from undertow.envs.feed_batch import FeedBatch
from undertow.envs.tampering import TamperingBatch
from undertow.envs.tiny import TinyBatch, TinyParameters
from undertow.envs.world import Slate, synthetic, world
from undertow.experiments.job import derived_seed
from undertow.experiments.tampering.config import Replication
from undertow.experiments.tampering.run import Learned
from undertow.experiments.tiny.learned import train

SHORT = {"n_envs": 8, "n_steps": 4, "batch_size": 16, "n_epochs": 1, "slots": 32}
SETTINGS = PPOSettings(**SHORT)
PARAMETERS = world(overrides={"catalogue": {"items": 6}, "calendar": {"days": 1}})
ITEMS = synthetic(PARAMETERS)
SEED = 2**40 + 5  # of which the lower 32 bits count: 5


@pytest.fixture
def met(monkeypatch):
    """The keys of everybody whom a batch was started with, start by start."""
    starts = []
    for kind in (FeedBatch, TinyBatch, TamperingBatch):
        original = kind.start

        def start(self, seed, person=0, original=original):
            starts.append(np.array(seed))
            return original(self, seed, person)

        monkeypatch.setattr(kind, "start", start)
    return starts


@pytest.mark.parametrize("slate", [None, Slate(size=2)], ids=["item", "slate"])
def test_ppo(met, slate):
    PPOPolicy.train(
        PARAMETERS, ITEMS, observation="platform", seed=SEED, settings=SETTINGS, slate=slate
    )
    assert [keys.tolist() for keys in met] == [list(range(5, 13))]


def test_recurrent_ppo(met):
    settings = RecurrentPPOSettings(**SHORT, lstm=4, net=(4,))
    RecurrentPPOPolicy.train(PARAMETERS, ITEMS, seed=SEED, settings=settings)
    assert [keys.tolist() for keys in met] == [list(range(5, 13))]


def test_the_tiny_world(met):
    small = TinyParameters(stances=5, habits=2, satiations=2, regrets=2, items=5)
    train(small, 0.9, 3, SETTINGS)
    assert [keys.tolist() for keys in met] == [list(range(3, 11))]


def test_tampering(met):
    replication = Replication.model_construct(episodes=10, training=SETTINGS)
    Learned(replication, "ppo", "strong_left", True, 2).work()
    first = derived_seed(2, "training") % 2**32
    assert met[0].tolist() == list(range(first, first + 8))
