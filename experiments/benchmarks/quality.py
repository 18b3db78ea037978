"""Time to the headline's quality: what a training takes, and what the policy earns afterwards."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ...agents import PPOPolicy, PPOSettings
from ...envs.world import synthetic, world
from ..config import load_experiment
from ..job import derived_seed
from ..rollout import live
from .learner import Threads
from .sweep import HEADLINE

WORLD = "vulnerable"
# The settings with which the project began (design, section 1), before the learner was tuned.
FIRST = PPOSettings(
    slots=3_000_000, learning_rate=1.5e-3, gamma=0.99, gae_lambda=0.95, critic_lambda=0.95
)


@dataclass(frozen=True)
class Trained:
    """Seconds of training on one core, and watch minutes a day on other people."""

    seconds: float
    minutes: float


def settings() -> dict[str, PPOSettings]:
    """The first settings, and the headline's on either engine."""
    ours: PPOSettings = load_experiment(HEADLINE).settings("ppo")
    return {
        "first": FIRST,
        "numpy": ours,
        "numba": ours.model_copy(update={"engine": "numba"}),
    }


def trained(chosen: PPOSettings, seed: int = 0, people: int = 1000) -> Trained:
    """Trains PPO on the platform's logs of the vulnerable world, one torch thread."""
    parameters = world(WORLD)
    items = synthetic(parameters)
    with Threads(1):
        began = time.perf_counter()
        policy = PPOPolicy.train(
            parameters,
            items,
            observation="platform",
            seed=derived_seed(seed, "quality"),
            settings=chosen,
        )
        seconds = time.perf_counter() - began
        key = derived_seed(seed, "quality of others")
        lives = live(parameters, items, policy, seed=key, people=people)
    return Trained(seconds, float(lives.minutes.mean()) / parameters.calendar.days)
