"""Policies by name: build (and train) one, load one that was saved."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from undertow.envs.world import Items, WorldParameters

from .policy import Policy
from .ppo import PPOPolicy, PPOSettings
from .rules import Chronological, Greedy, Popular, Random

KINDS = ("random", "chronological", "popular", "greedy", "ppo")


def build_policy(
    kind: str,
    parameters: WorldParameters,
    items: Items,
    *,
    seed: int,
    observation: str = "platform",
    settings: PPOSettings | None = None,
    callback: BaseCallback | None = None,
) -> Policy:
    """A policy for this world, fitted or trained on people of `seed` where its kind learns."""
    if kind == "random":
        return Random(len(items))
    if kind == "chronological":
        return Chronological(items.supply)
    if kind == "popular":
        return Popular.fit(parameters, items, seed=seed)
    if kind == "greedy":
        return Greedy(len(items))
    if kind == "ppo":
        return PPOPolicy.train(
            parameters,
            items,
            observation=observation,
            seed=seed,
            settings=settings or PPOSettings(),
            callback=callback,
        )
    raise ValueError(f"kind: found {kind!r}; allowed: {', '.join(KINDS)}")


def load_policy(file: str | Path) -> Policy:
    """The policy saved in `file` (a .json rule or a .zip of PPO)."""
    file = Path(file)
    if not file.is_file():
        raise FileNotFoundError(f"policy: found no file {file}; allowed: one that `save` wrote")
    if file.suffix == ".zip":
        return PPOPolicy.load(file)
    try:
        rule = json.loads(file.read_text(encoding="utf-8"))
        kind = rule["kind"]
        if kind == "chronological":
            return Chronological(np.asarray(rule["supply"], dtype=np.float64))
        if kind == "popular":
            return Popular(np.asarray(rule["ranking"]), rule["items"])
        if kind == "random":
            return Random(rule["items"])
        return {"greedy": Greedy}[kind](rule["items"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"policy {file}: not a rule that `save` wrote ({error!r})") from error
