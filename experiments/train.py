"""`undertow train`: one policy of a config, with the world's own metrics as training goes."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import configure

from ..agents import Policy, build_policy
from ..agents.vec_env import feed_of
from .config import ConfigError, Experiment
from .job import derived_seed, set_torch, worlds_of

_LEARNS = ("ppo", "recurrent_ppo", "ppo_lagrangian", "ppo_shift_penalty")


class WorldMetrics(BaseCallback):
    """Logs what the feed does to the people it trains on, at the end of each rollout.

    `world/minutes_per_day` over the rollout; `world/extremity` (mean |x|), `world/outward` (the
    same less that of their origins), `world/habit` and `world/regret` of who is in the batch. They
    are at every place of the calendar, so these are not metrics of an evaluation.
    folder: where TensorBoard's files go; nowhere if None.
    """

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__()
        self.folder = folder
        self._minutes, self._slots = 0.0, 0

    def _init_callback(self) -> None:
        if self.folder is not None:
            self.model.set_logger(configure(str(self.folder), ["tensorboard"]))

    def _on_step(self) -> bool:
        outcome = feed_of(self.training_env).outcome  # a reward may have costs taken off
        assert outcome is not None
        self._minutes += float(np.sum(outcome.minutes))
        self._slots += outcome.minutes.size
        return True

    def _on_rollout_end(self) -> None:
        batch: Any = self.training_env.get_attr("batch")[0]
        per_day = batch.parameters.calendar.slots_per_day
        extremity = np.abs(batch.state.stance)
        for name, value in {
            "minutes_per_day": self._minutes / self._slots * per_day,
            "extremity": extremity.mean(),
            "outward": (extremity - np.abs(batch.traits.stance)).mean(),
            "habit": batch.state.habit.mean(),
            "regret": batch.state.regret.mean(),
        }.items():
            self.logger.record(f"world/{name}", float(value))
        self._minutes, self._slots = 0.0, 0


def train(
    experiment: Experiment,
    *,
    policy: str,
    world: str,
    seed: int,
    out: Path,
    tensorboard: Path | None = None,
) -> tuple[Policy, Path]:
    """Trains a policy of a config in one of its worlds, as a run would, and saves it.

    out: the file without its suffix. tensorboard: a folder for the learning curves of PPO. Returns
    the policy and its file. Raises `ConfigError` for names that the config does not have.
    """
    if policy not in experiment.policies:
        raise ConfigError(f"--policy: found {policy!r}; allowed: {', '.join(experiment.policies)}")
    if world not in experiment.worlds:
        raise ConfigError(f"--world: found {world!r}; allowed: {', '.join(experiment.worlds)}")
    block = experiment.policies[policy]
    if tensorboard is not None and block.kind not in _LEARNS:
        raise ConfigError(
            f"--tensorboard: found with kind {block.kind!r}; allowed: {', '.join(_LEARNS)}"
        )
    if tensorboard is not None:
        if find_spec("tensorboard") is None:
            raise ConfigError(
                "--tensorboard: tensorboard is not installed; allowed: once it is (pip install "
                "tensorboard)"
            )
    set_torch()
    parameters, items, _ = worlds_of(experiment)[world]
    trained = build_policy(
        block.kind,
        parameters,
        items,
        seed=derived_seed(seed, "training"),
        observation=block.observation,
        settings=experiment.settings(policy),
        callback=WorldMetrics(tensorboard) if block.kind in _LEARNS else None,
        limits=block.limits,
        use_limits=block.use_limits,
        slate=experiment.worlds[world].slate,
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    return trained, trained.save(out)
