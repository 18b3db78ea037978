"""`undertow/TinyFeed-v0` as stable-baselines3 sees it."""

from __future__ import annotations

from typing import cast

from stable_baselines3.common.vec_env import VecEnv

from undertow.envs.feed_batch import FeedBatch
from undertow.envs.refusals import checked_count
from undertow.envs.tiny.batch import TinyBatch
from undertow.envs.tiny.env import World, shown_of, tiny_world_of

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
        n_envs = checked_count("n_envs", n_envs)
        tiny = TinyBatch(tiny_world_of(world), n_envs, observation, reward, exploring)
        self.batch = cast(FeedBatch, tiny)  # the same protocol
        self.render_mode = None
        shown = shown_of(tiny)
        VecEnv.__init__(self, n_envs, shown.observation, shown.action)
        self.observation_names = shown.names
        self._measured, self._bootstrap, self._stagger = measured, bootstrap, stagger
        self._seeded(seed, keys)
