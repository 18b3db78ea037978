"""Policies by name: build, and train, one."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from stable_baselines3.common.callbacks import BaseCallback

from undertow.envs.world import Items, Slate, WorldParameters

from .bandits import LinUCB, LinUCBSettings, Thompson, ThompsonSettings
from .endorsement import Endorsement, EndorsementSettings
from .lagrangian import LagrangianPolicy, LagrangianSettings
from .limits import Limited, Limits
from .policy import Policy
from .ppo import PPOPolicy, PPOSettings
from .recurrent_ppo import RecurrentPPOPolicy, RecurrentPPOSettings
from .rules import Chronological, Greedy, Popular, Random
from .shift_penalty import ShiftPenaltyPolicy, ShiftPenaltySettings
from .slates import GreedySlate, InTurn
from .use_limits import UseLimited, UseLimits

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
        return under_limits(policy, parameters, items, limits, use_limits)
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


def under_limits(
    policy: Policy,
    parameters: WorldParameters,
    items: Items,
    limits: Limits | None,
    use_limits: UseLimits | None,
) -> Policy:
    """The policy under those limits that are given."""
    if limits is not None:
        policy = Limited.of(policy, limits, items)
    if use_limits is None:
        return policy
    return UseLimited(policy, use_limits, slots_per_day=parameters.calendar.slots_per_day)
