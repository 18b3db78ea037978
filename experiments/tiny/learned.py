"""PPO in the tiny world, measured exactly: its policy is read off in every state."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.callbacks import CallbackList
from stable_baselines3.common.vec_env import VecMonitor

from ...agents.planner import deterministic
from ...agents.ppo import PPOSettings, learner, training_callbacks
from ...agents.tiny_vec_env import TinyFeedVecEnv
from ...agents.vec_env import consecutive
from ...envs.tiny import TinyParameters
from ...envs.tiny.batch import features
from .exact import Optimum


def train(
    parameters: TinyParameters,
    gamma: float,
    seed: int,
    settings: PPOSettings,
    exploring: float = 0.0,
) -> dict[str, float]:
    """Trains PPO at `gamma` and measures its likeliest items: value, share of the optimum, drift.

    Deployed by its likeliest item, as the optimum needs no lots. exploring: see `TinyBatch`; what
    is measured starts where lives start.
    """
    began = time.perf_counter()
    optimum = Optimum(parameters)
    env = TinyFeedVecEnv(
        settings.n_envs,
        optimum.world,
        reward="expected",
        keys=consecutive(seed, settings.n_envs),
        stagger=True,
        exploring=exploring,
    )
    model = learner(VecMonitor(env), settings.model_copy(update={"gamma": gamma}), seed=seed)
    model.learn(settings.slots, callback=CallbackList(training_callbacks(settings)))
    with torch.no_grad():
        seen = torch.as_tensor(features(optimum.world))
        categorical: Any = model.policy.get_distribution(seen).distribution
        action = np.argmax(categorical.logits.numpy(), axis=1)
    policy = deterministic(action, optimum.world.mdp.actions)
    value = float(optimum.world.mdp.start @ optimum.planner.evaluate(policy, gamma))
    best = optimum.of(gamma)
    found = optimum.measured(policy)
    return found | {
        "value": value,
        "value_share": value / best["value"],
        "drift_error": found["drift"] - best["drift"],
        "training_s": time.perf_counter() - began,
    }
