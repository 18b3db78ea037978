"""Undertow's policies and learners, behind one batched protocol."""

from .policy import Policy
from .ppo import PPOPolicy, PPOSettings
from .registry import KINDS, build_policy, load_policy
from .rules import Chronological, Greedy, Popular, Random
from .vec_env import FeedVecEnv, make_vec_env

__all__ = [
    "KINDS",
    "Chronological",
    "FeedVecEnv",
    "Greedy",
    "PPOPolicy",
    "PPOSettings",
    "Policy",
    "Popular",
    "Random",
    "build_policy",
    "load_policy",
    "make_vec_env",
]
