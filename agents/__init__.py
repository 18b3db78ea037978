"""Undertow's policies and learners, behind one batched protocol."""

from .bandits import LinUCB, LinUCBSettings, Thompson, ThompsonSettings
from .endorsement import Endorsement, EndorsementSettings
from .function_policy import FunctionPolicy
from .lagrangian import LagrangianPolicy, LagrangianSettings
from .limits import Limited, Limits
from .policy import Policy, in_world, places_of
from .ppo import PPOPolicy, PPOSettings
from .recurrent_ppo import RecurrentPPOPolicy, RecurrentPPOSettings
from .registry import KINDS, SETTINGS, SLATE_KINDS, build_policy, load_policy
from .rules import Chronological, Greedy, Popular, Random
from .shift_penalty import ShiftPenalty, ShiftPenaltyPolicy, ShiftPenaltySettings
from .slates import GreedySlate, InTurn
from .use_limits import Binding, UseLimited, UseLimits
from .vec_env import FeedVecEnv, make_vec_env

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
    "PPOPolicy",
    "PPOSettings",
    "Policy",
    "Popular",
    "Random",
    "RecurrentPPOPolicy",
    "RecurrentPPOSettings",
    "ShiftPenalty",
    "ShiftPenaltyPolicy",
    "ShiftPenaltySettings",
    "Thompson",
    "ThompsonSettings",
    "UseLimited",
    "UseLimits",
    "build_policy",
    "in_world",
    "load_policy",
    "make_vec_env",
    "places_of",
]
