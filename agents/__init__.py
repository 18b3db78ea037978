"""Undertow's policies and learners, behind one batched protocol.

What needs torch is imported when it is first asked for: rules, bandits and trained policies that
are read from a file act without it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .bandits import LinUCB, LinUCBSettings, Thompson, ThompsonSettings
from .endorsement import Endorsement, EndorsementSettings
from .function_policy import FunctionPolicy
from .limits import Limited, Limits
from .loading import load_policy
from .made_for import MadeFor, check_fits, check_world
from .network_policy import NetworkPolicy
from .policy import Policy, in_world, places_of
from .policy_file import PolicyError
from .rules import Chronological, Greedy, Popular, Random
from .slates import GreedySlate, InTurn
from .use_limits import Binding, UseLimited, UseLimits

if TYPE_CHECKING:
    from .lagrangian import LagrangianPolicy, LagrangianSettings
    from .ppo import PPOPolicy, PPOSettings
    from .recurrent_ppo import RecurrentPPOPolicy, RecurrentPPOSettings
    from .registry import KINDS, SETTINGS, SLATE_KINDS, build_policy
    from .sb3_policy import SB3Policy, from_sb3
    from .shift_penalty import ShiftPenalty, ShiftPenaltyPolicy, ShiftPenaltySettings
    from .vec_env import FeedVecEnv, make_vec_env

_WITH_TORCH = {
    "FeedVecEnv": "vec_env",
    "KINDS": "registry",
    "LagrangianPolicy": "lagrangian",
    "LagrangianSettings": "lagrangian",
    "PPOPolicy": "ppo",
    "PPOSettings": "ppo",
    "RecurrentPPOPolicy": "recurrent_ppo",
    "RecurrentPPOSettings": "recurrent_ppo",
    "SB3Policy": "sb3_policy",
    "SETTINGS": "registry",
    "SLATE_KINDS": "registry",
    "ShiftPenalty": "shift_penalty",
    "ShiftPenaltyPolicy": "shift_penalty",
    "ShiftPenaltySettings": "shift_penalty",
    "build_policy": "registry",
    "from_sb3": "sb3_policy",
    "make_vec_env": "vec_env",
}


def __getattr__(name: str) -> Any:
    if name not in _WITH_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_WITH_TORCH[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "KINDS",
    "SETTINGS",
    "SLATE_KINDS",
    "Binding",
    "Chronological",
    "Endorsement",
    "EndorsementSettings",
    "FeedVecEnv",
    "FunctionPolicy",
    "Greedy",
    "GreedySlate",
    "InTurn",
    "LagrangianPolicy",
    "LagrangianSettings",
    "Limited",
    "Limits",
    "LinUCB",
    "LinUCBSettings",
    "MadeFor",
    "NetworkPolicy",
    "PPOPolicy",
    "PPOSettings",
    "Policy",
    "PolicyError",
    "Popular",
    "Random",
    "RecurrentPPOPolicy",
    "RecurrentPPOSettings",
    "SB3Policy",
    "ShiftPenalty",
    "ShiftPenaltyPolicy",
    "ShiftPenaltySettings",
    "Thompson",
    "ThompsonSettings",
    "UseLimited",
    "UseLimits",
    "build_policy",
    "check_fits",
    "check_world",
    "from_sb3",
    "in_world",
    "load_policy",
    "make_vec_env",
    "places_of",
]
