"""`undertow train`: one policy of a config, with the curves of its training."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import configure

from ..agents import Policy, build_policy, from_sb3
from ..agents.policy_file import appended
from ..agents.registry import under_limits
from ..agents.vec_env import feed_of
from ..envs.world import Items, Slate, WorldParameters
from .config import ConfigError, Experiment, PolicyBlock
from .job import derived_seed, set_torch, worlds_of
from .rollout import Lives, live
from .saved_policies import SUFFIXES

FORMATS = ("npz", "sb3")

_LEARNS = ("ppo", "recurrent_ppo", "ppo_lagrangian", "ppo_shift_penalty")


class Curves(BaseCallback):
    """Logs what training sees, and what an evaluation would see, under names of their own.

    `training/*`, at the end of each rollout, of who is in the batch: `minutes_per_present_day`
    (minutes a day of a person who is there, for who leaves is replaced at once), `extremity` (mean
    |x|), `outward` (the same less that of their origins), `habit` and `regret`. Rows stand at every
    place of the calendar and count no day after somebody left, so these are not metrics of an
    evaluation.

    `evaluation/*`, every few rollouts, of the same few people each time, each through a whole
    calendar and with their twin under the neutral feed: `minutes_per_day`, of all days, and
    `induced_drift`. Training never meets these people, and its luck stays what it is.
    """

    def __init__(
        self, folder: Path, measure: Callable[[Any], dict[str, float]], every: int
    ) -> None:
        """folder: where TensorBoard's files go. measure: gives `evaluation/*` of a model."""
        super().__init__()
        self.folder, self.measure, self.every = folder, measure, every
        self._minutes, self._slots, self._rollouts = 0.0, 0, 0

    def _init_callback(self) -> None:
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
        self._record("training", {
            "minutes_per_present_day": self._minutes / self._slots * per_day,
            "extremity": extremity.mean(),
            "outward": (extremity - np.abs(batch.traits.stance)).mean(),
            "habit": batch.state.habit.mean(),
            "regret": batch.state.regret.mean(),
        })  # fmt: skip
        self._minutes, self._slots = 0.0, 0
        if self._rollouts % self.every == 0:
            self._record("evaluation", self.measure(self.model))
        self._rollouts += 1

    def finish(self, policy: Policy, measure: Callable[[Policy], dict[str, float]]) -> None:
        """The last point: the policy as it is deployed, after averaging and under its limits."""
        self._record("evaluation", measure(policy))
        self.logger.dump(self.num_timesteps)

    def _record(self, group: str, values: dict[str, Any]) -> None:
        for name, value in values.items():
            self.logger.record(f"{group}/{name}", float(value))


class Evaluation:
    """Minutes and induced drift of a policy, among the same people each time.

    people: how many, persons 0, 1, ... of `seed`, of a stream of their own.
    """

    def __init__(
        self, parameters: WorldParameters, items: Items, slate: Slate | None, seed: int, people: int
    ) -> None:
        self._world = (parameters, items)
        self._among: dict[str, Any] = {
            "seed": derived_seed(seed, "curves"),
            "people": people,
            "slate": slate,
        }
        neutral = build_policy("chronological", parameters, items, seed=0, slate=slate)
        self._neutral = self._lives(neutral)

    def _lives(self, policy: Policy) -> Lives:
        return live(*self._world, policy, **self._among)

    def __call__(self, policy: Policy) -> dict[str, float]:
        """By the names that curves have."""
        lives = self._lives(policy)
        drift = np.abs(lives.stance) - np.abs(self._neutral.stance)
        days = self._world[0].calendar.days
        return {
            "minutes_per_day": float(lives.minutes.mean() / days),
            "induced_drift": float(drift.mean()),
        }


def default_world(experiment: Experiment, named: str | None) -> str:
    """The world that is named; else `default`, or the only one that there is."""
    worlds = experiment.worlds
    if named is None and (len(worlds) == 1 or "default" in worlds):
        return "default" if "default" in worlds else next(iter(worlds))
    if named is None or named not in worlds:
        found = "none" if named is None else repr(named)
        raise ConfigError(f"--world: found {found}; allowed: {', '.join(worlds)}")
    return named


def train(
    experiment: Experiment,
    *,
    policy: str,
    world: str | None,
    seed: int,
    out: Path,
    tensorboard: Path | None = None,
    format: str = "npz",
    overwrite: bool = False,
    every: int = 4,
    people: int = 200,
) -> tuple[Policy, Path]:
    """Trains a policy of a config in one of its worlds, as a run would, and saves it.

    world: None for `default`, or the only one. out: the file; a suffix is appended. tensorboard: a
    folder for the learning curves of PPO (`Curves`), which are measured every so many rollouts on
    so many people. format: "sb3" for stable-baselines3's own .zip. overwrite: whether a file that
    is there is replaced. Returns the policy and its file. Raises `ConfigError` for names that the
    config does not have, and for a file that is there.
    """
    if policy not in experiment.policies:
        raise ConfigError(f"--policy: found {policy!r}; allowed: {', '.join(experiment.policies)}")
    world = default_world(experiment, world)
    block = experiment.policies[policy]
    if format not in FORMATS or (format == "sb3" and block.kind not in _LEARNS):
        allowed = ", ".join(FORMATS) if block.kind in _LEARNS else "npz"
        raise ConfigError(
            f"--format: found {format!r} with kind {block.kind!r}; allowed: {allowed}"
        )
    if format == "sb3" and (block.limits or block.use_limits):
        raise ConfigError(f"--format: found 'sb3' with limits on {policy!r}; allowed: npz")
    if not overwrite:
        _require_free(out)
    if tensorboard is not None and block.kind not in _LEARNS:
        raise ConfigError(
            f"--tensorboard: found with kind {block.kind!r}; allowed: {', '.join(_LEARNS)}"
        )
    if tensorboard is not None and find_spec("tensorboard") is None:
        raise ConfigError(
            "--tensorboard: tensorboard is not installed; allowed: once it is (pip install "
            "tensorboard)"
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    set_torch()
    parameters, items, _ = worlds_of(experiment)[world]
    slate, settings = experiment.worlds[world].slate, experiment.settings(policy)
    curves = evaluation = None
    if tensorboard is not None:
        evaluation = Evaluation(parameters, items, slate, seed, people)
        deployed = _deployed(block, settings, parameters, items)
        measure = evaluation  # for the closure, which outlives no rollout
        curves = Curves(tensorboard, lambda model: measure(deployed(model)), every)
    trained = build_policy(
        block.kind,
        parameters,
        items,
        seed=derived_seed(seed, "training"),
        observation=block.observation,
        settings=settings,
        callback=curves,
        limits=block.limits,
        use_limits=block.use_limits,
        slate=slate,
    )
    saved = trained.save(out, format="sb3") if format == "sb3" else trained.save(out)  # type: ignore[call-arg]
    if curves is not None and evaluation is not None:
        curves.finish(trained, evaluation)
    return trained, saved


def _require_free(out: Path) -> None:
    """Raises `ConfigError` where a policy of this name is there."""
    for suffix in SUFFIXES:
        if (file := appended(out, suffix)).exists():
            raise ConfigError(f"--out: found {file}; allowed: a new name, or --overwrite")


def _deployed(
    block: PolicyBlock, settings: Any, parameters: WorldParameters, items: Items
) -> Callable[[Any], Policy]:
    """Makes of a model in training the policy that would be deployed, but for averaging."""

    def policy(model: Any) -> Policy:
        made = from_sb3(model, block.observation, deterministic=settings.deterministic)
        return under_limits(made, parameters, items, block.limits, block.use_limits)

    return policy
