"""Policies by name: build (and train) one, load one that was saved."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel
from stable_baselines3.common.callbacks import BaseCallback

from undertow.envs.world import Items, Slate, WorldParameters

from .bandits import LinUCB, LinUCBSettings, Thompson, ThompsonSettings
from .endorsement import Endorsement, EndorsementSettings
from .lagrangian import LagrangianPolicy, LagrangianSettings
from .limits import Limited, Limits, is_limited
from .policy import Policy
from .ppo import PPOPolicy, PPOSettings
from .recurrent_ppo import RecurrentPPOPolicy, RecurrentPPOSettings
from .rules import Chronological, Greedy, Popular, Random
from .shift_penalty import ShiftPenaltyPolicy, ShiftPenaltySettings
from .slates import GreedySlate, InTurn, is_in_turn
from .use_limits import UseLimited, UseLimits, is_use_limited

KINDS = (
    "random",
    "chronological",
    "popular",
    "greedy",
    "ppo",
    "linucb",
    "thompson",
    "endorsement",
    "recurrent_ppo",
    "ppo_lagrangian",
    "ppo_shift_penalty",
)
# Those that can fill slates.
SLATE_KINDS = ("random", "chronological", "popular", "greedy", "ppo")
# Settings of the kinds that have their own; those of `ppo` are the experiment's `training`.
SETTINGS: dict[str, type[BaseModel]] = {
    "linucb": LinUCBSettings,
    "thompson": ThompsonSettings,
    "endorsement": EndorsementSettings,
    "recurrent_ppo": RecurrentPPOSettings,
    "ppo_lagrangian": LagrangianSettings,
    "ppo_shift_penalty": ShiftPenaltySettings,
}
_BANDITS: dict[str, type[LinUCB] | type[Thompson]] = {"linucb": LinUCB, "thompson": Thompson}


def build_policy(
    kind: str,
    parameters: WorldParameters,
    items: Items,
    *,
    seed: int,
    observation: str = "platform",
    settings: Any = None,
    callback: BaseCallback | None = None,
    limits: Limits | None = None,
    use_limits: UseLimits | None = None,
    slate: Slate | None = None,
) -> Policy:
    """A policy for this world, fitted or trained on people of `seed` where its kind learns.

    settings: those of its kind, `PPOSettings` for ppo; kinds that have none ignore them. limits,
    use_limits: put on the policy once it is trained. slate: how a slate is read where the policy
    fills slates; `SLATE_KINDS` can.
    """
    if slate is not None and (kind not in SLATE_KINDS or limits is not None):
        found = f"kind {kind!r}" if kind not in SLATE_KINDS else "limits"
        raise ValueError(
            f"slate: found with {found}; allowed: {', '.join(SLATE_KINDS)}, without limits"
        )
    if limits is not None or use_limits is not None:
        policy = build_policy(
            kind,
            parameters,
            items,
            seed=seed,
            observation=observation,
            settings=settings,
            callback=callback,
            slate=slate,
        )
        if limits is not None:
            policy = Limited.of(policy, limits, items)
        if use_limits is None:
            return policy
        return UseLimited(policy, use_limits, slots_per_day=parameters.calendar.slots_per_day)
    if kind in SETTINGS or kind == "ppo":
        allowed = SETTINGS.get(kind, PPOSettings)
        required = [name for name, field in allowed.model_fields.items() if field.is_required()]
        if settings is None and required:
            raise ValueError(
                f"settings: found none for {kind}; allowed: {allowed.__name__} with "
                f"{', '.join(required)}"
            )
        settings = allowed() if settings is None else settings
        if not isinstance(settings, allowed):
            raise ValueError(
                f"settings: found {type(settings).__name__} for {kind}; allowed: {allowed.__name__}"
            )
    if slate is not None and kind == "greedy":
        return GreedySlate(parameters, items, slate)
    if slate is not None and kind != "ppo":
        return InTurn(build_policy(kind, parameters, items, seed=seed), slate.size)
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
            settings=settings,
            callback=callback,
            slate=slate,
        )
    if kind in _BANDITS:
        return _BANDITS[kind].train(parameters, items, seed=seed, settings=settings)
    if kind == "endorsement":
        return Endorsement.of(parameters, items, settings)
    if kind == "ppo_lagrangian":
        return LagrangianPolicy.train_within(
            parameters,
            items,
            observation=observation,
            seed=seed,
            settings=settings,
            callback=callback,
        )
    if kind == "ppo_shift_penalty":
        return ShiftPenaltyPolicy.train_penalised(
            parameters,
            items,
            observation=observation,
            seed=seed,
            settings=settings,
            callback=callback,
        )
    if kind == "recurrent_ppo":
        return RecurrentPPOPolicy.train(
            parameters, items, seed=seed, settings=settings, callback=callback
        )
    raise ValueError(f"kind: found {kind!r}; allowed: {', '.join(KINDS)}")


def load_policy(file: str | Path) -> Policy:
    """The policy saved in `file` (a .json rule, a .npz bandit, or a .zip of the rest)."""
    file = Path(file)
    if not file.is_file():
        raise FileNotFoundError(f"policy: found no file {file}; allowed: one that `save` wrote")
    if file.suffix == ".zip":
        if is_limited(file):
            return Limited.load(file, load_policy)
        if is_in_turn(file):
            return InTurn.load(file, load_policy)
        if is_use_limited(file):
            return UseLimited.load(file, load_policy)
        return (
            RecurrentPPOPolicy.load(file)
            if _kind_in(file) == "recurrent_ppo"
            else (PPOPolicy.load(file))
        )
    if file.suffix == ".npz":
        return _load_bandit(file)
    try:
        rule = json.loads(file.read_text(encoding="utf-8"))
        kind = rule["kind"]
        if kind == "chronological":
            return Chronological(np.asarray(rule["supply"], dtype=np.float64))
        if kind == "popular":
            return Popular(np.asarray(rule["ranking"]), rule["items"])
        if kind == "random":
            return Random(rule["items"])
        if kind == "endorsement":
            return Endorsement.read(rule)
        if kind == "greedy_slate":
            return GreedySlate.read(rule)
        return {"greedy": Greedy}[kind](rule["items"])
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"policy {file}: not a rule that `save` wrote ({error!r})") from error


def _load_bandit(file: Path) -> Policy:
    try:
        with np.load(file) as arrays:
            return _BANDITS[str(arrays["kind"])].load(arrays)
    except (KeyError, TypeError, ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"policy {file}: not a bandit that `save` wrote ({error!r})") from error


def _kind_in(file: Path) -> str:
    """The kind that a .zip of stable-baselines3 names; ppo where it names none."""
    try:
        with zipfile.ZipFile(file) as archive:
            data: dict[str, Any] = json.loads(archive.read("data"))
    except (KeyError, ValueError, OSError, zipfile.BadZipFile):
        return "ppo"  # its own loader says what is wrong
    noted = data.get("undertow")
    return str(noted.get("kind", "ppo")) if isinstance(noted, dict) else "ppo"
