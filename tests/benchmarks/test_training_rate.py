"""What the world costs a learner: PPO on Undertow and on an environment that does nothing.

Both are trained in turns, in one run.
`make bench` prints the ratios. Nothing here asserts on a time.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecMonitor

from undertow.agents import FeedVecEnv, PPOSettings
from undertow.agents.ppo import learner

ROUNDS = 7


class Nothing(FeedVecEnv):
    """The same spaces and calendar, and no world."""

    def reset(self) -> np.ndarray:
        """A constant observation."""
        self._slot = 0
        self._same = np.zeros((self.num_envs, self.batch.view.size), dtype=np.float32)
        return self._same

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """The same observation, no reward; everybody ends with the calendar."""
        self._slot = (self._slot + 1) % self.batch.parameters.calendar.slots
        done = np.full(self.num_envs, self._slot == 0)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        if done[0]:
            infos = [
                {"terminal_observation": row, "TimeLimit.truncated": True} for row in self._same
            ]
        return self._same, np.zeros(self.num_envs, dtype=np.float32), done, infos


def trained_on(env_class: type[FeedVecEnv], settings: PPOSettings) -> PPO:
    """PPO as the experiments train it."""
    return learner(VecMonitor(env_class(settings.n_envs, seed=0, stagger=True)), settings, seed=0)


@pytest.mark.parametrize("threads", [1, 2])
def test_training_rate(threads: int) -> None:
    """Slots a second of PPO on both, in turns; median of the ratios of neighbouring rounds."""
    torch.set_num_threads(threads)
    torch.distributions.Distribution.set_default_validate_args(False)  # as `set_torch` does
    settings = PPOSettings()
    slots = settings.n_envs * settings.n_steps
    learners = {
        "undertow": trained_on(FeedVecEnv, settings),
        "nothing": trained_on(Nothing, settings),
    }
    rates: dict[str, list[float]] = {name: [] for name in learners}
    for model in learners.values():
        model.learn(slots)
    for _ in range(ROUNDS):
        for name, model in learners.items():
            began = time.perf_counter()
            model.learn(2 * slots, reset_num_timesteps=False)
            rates[name].append(2 * slots / (time.perf_counter() - began))
    ratio = statistics.median(a / b for a, b in zip(*rates.values(), strict=True))
    told = ", ".join(f"{name} {statistics.median(r):,.0f} slots/s" for name, r in rates.items())
    print(f"\nPPO, {threads} thread(s): {told}; ratio {ratio:.3f} (median of {ROUNDS})")
    assert ratio > 0
