"""Rates of PPO end to end: what the world costs a learner, and what a native `VecEnv` saves."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecEnv, VecMonitor

from ...agents import FeedVecEnv, PPOSettings
from ...agents.ppo import learner
from ...envs import FeedEnv
from .timing import Rates, Side, side_by_side


class Nothing(FeedVecEnv):
    """The same spaces, lives as long as the calendar, and no world."""

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


def against_nothing(threads: int, engines: tuple[str, ...], rounds: int = 7) -> Rates:
    """PPO as the experiments train it, on the world and on an environment that does nothing."""
    settings = PPOSettings()

    def side(env_class: type[FeedVecEnv], engine: str = "numpy") -> Side:
        env = env_class(settings.n_envs, seed=0, stagger=True, engine=engine)
        return learning(env, settings, 2)

    with Threads(threads):
        sides = {engine: side(FeedVecEnv, engine) for engine in engines}
        return side_by_side(sides | {"nothing": side(Nothing)}, rounds)


def against_dummy(threads: int = 1, rounds: int = 3) -> Rates:
    """The same on the native `VecEnv` and on the ordinary way: 8 single environments in a list.

    A rollout has the same number of slots on both.
    """
    settings = PPOSettings()
    few = settings.model_copy(
        update={"n_envs": 8, "n_steps": settings.n_steps * settings.n_envs // 8}
    )
    ordinary = DummyVecEnv([partial(FeedEnv, engine="numpy") for _ in range(8)])
    ordinary.seed(0)
    env = FeedVecEnv(settings.n_envs, seed=0, stagger=True, engine="numpy")
    with Threads(threads):
        native = learning(env, settings, 1)
        return side_by_side({"native": native, "dummy": learning(ordinary, few, 1)}, rounds)


def learning(env: VecEnv, settings: PPOSettings, rollouts: int) -> Side:
    """Trains PPO on `env`, so many rollouts a round."""
    model: PPO = learner(VecMonitor(env), settings, seed=0)
    slots = rollouts * settings.n_envs * settings.n_steps

    def learn() -> int:
        model.learn(slots, reset_num_timesteps=False)
        return slots

    return learn


class Threads:
    """Torch as in a worker of an experiment, but for the number of threads; then as before."""

    def __init__(self, threads: int) -> None:
        self._threads = threads

    def __enter__(self) -> None:
        self._before = torch.get_num_threads()
        torch.set_num_threads(self._threads)
        torch.distributions.Distribution.set_default_validate_args(False)

    def __exit__(self, *_: object) -> None:
        torch.set_num_threads(self._before)
        torch.distributions.Distribution.set_default_validate_args(__debug__)
