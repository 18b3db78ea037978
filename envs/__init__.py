"""Undertow's environments. Importing this registers their ids with Gymnasium."""

import gymnasium as _gym

from .feed import FeedEnv, FeedVectorEnv, parameters_of
from .feed_batch import FeedBatch, Transition
from .slate import FeedSlateEnv, FeedSlateVectorEnv
from .slate_batch import SlateBatch
from .views import OBSERVATIONS, OracleView, PlatformView
from .world import NULLS, PRESETS, Items, Slate, WorldParameters, world

__all__ = [
    "NULLS",
    "OBSERVATIONS",
    "PRESETS",
    "FeedBatch",
    "FeedEnv",
    "FeedSlateEnv",
    "FeedSlateVectorEnv",
    "FeedVectorEnv",
    "Items",
    "OracleView",
    "PlatformView",
    "Slate",
    "SlateBatch",
    "Transition",
    "WorldParameters",
    "parameters_of",
    "world",
]

_gym.register(
    id="undertow/Feed-v0",
    entry_point="undertow.envs.feed:FeedEnv",
    vector_entry_point="undertow.envs.feed:FeedVectorEnv",
)

_gym.register(
    id="undertow/FeedSlate-v0",
    entry_point="undertow.envs.slate:FeedSlateEnv",
    vector_entry_point="undertow.envs.slate:FeedSlateVectorEnv",
)

_gym.register(
    id="undertow/Tampering-v0",
    entry_point="undertow.envs.tampering:TamperingEnv",
    vector_entry_point="undertow.envs.tampering:TamperingVectorEnv",
)

_gym.register(
    id="undertow/TinyFeed-v0",
    entry_point="undertow.envs.tiny.env:TinyFeedEnv",
    vector_entry_point="undertow.envs.tiny.env:TinyFeedVectorEnv",
)
