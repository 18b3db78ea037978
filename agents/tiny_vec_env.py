"""`undertow/TinyFeed-v0` as stable-baselines3 sees it."""

from __future__ import annotations

from typing import cast

from gymnasium import spaces
from stable_baselines3.common.vec_env import VecEnv

from undertow.envs.feed_batch import FeedBatch
from undertow.envs.tiny.batch import TinyBatch
from undertow.envs.tiny.env import World, observation_space, tiny_world_of

from .vec_env import FeedVecEnv, Keys


class TinyFeedVecEnv(FeedVecEnv):
    """A native SB3 `VecEnv` over a `TinyBatch`; arguments as for both."""

    def __init__(
        self,
        n_envs: int,
        world: World = "vulnerable",
        *,
        observation: str = "features",
        reward: str = "minutes",
        seed: int | None = None,
        keys: Keys | None = None,
        measured: bool = False,
        bootstrap: bool = True,
        stagger: bool = False,
        exploring: float = 0.0,
    ) -> None:
        tiny = TinyBatch(tiny_world_of(world), n_envs, observation, reward, exploring)
        self.batch = cast(FeedBatch, tiny)  # the same protocol
        self.render_mode = None
        VecEnv.__init__(self, n_envs, observation_space(tiny), spaces.Discrete(len(tiny.items)))
        self._measured, self._bootstrap, self._stagger = measured, bootstrap, stagger
        self._seeded(seed, keys)
