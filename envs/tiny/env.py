"""`undertow/TinyFeed-v0`: the faces of `undertow/Feed-v0` over a `TinyBatch`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from ..feed import FeedEnv, FeedVectorEnv
from ..feed_batch import FeedBatch
from ..world.arrays import Any1
from .batch import TinyBatch, features
from .build import TinyWorld, build
from .parameters import TinyParameters

World = str | Mapping[str, Any] | TinyParameters | TinyWorld


def tiny_world_of(world: World = "vulnerable") -> TinyWorld:
    """Tables from a preset's name (its median person), a mapping of parameters, or as they are."""
    if isinstance(world, TinyWorld):
        return world
    if isinstance(world, TinyParameters):
        return build(world)
    if isinstance(world, str):
        return build(TinyParameters.median(world))
    if isinstance(world, Mapping):
        changes = dict(world)
        return build(TinyParameters.median(changes.pop("preset", "vulnerable"), **changes))
    raise TypeError(
        f"world: found {type(world).__name__}; allowed: a preset's name, a mapping of parameters, "
        "TinyParameters or TinyWorld"
    )


def observation_space(batch: TinyBatch) -> spaces.Space[Any]:
    """`features` in a box from -1 to 1, or the number of the state."""
    if batch.observation == "features":
        size = features(batch.world).shape[1]
        return spaces.Box(-1.0, 1.0, shape=(size,), dtype=np.float32)
    return spaces.Discrete(len(batch.world.grid))


class TinyFeedEnv(FeedEnv):
    """One person of the tiny world. Action `Discrete(items)`: what leads the feed in the next slot.

    Seeds and ends are those of `FeedEnv`: churn terminates, the calendar truncates. The reward is
    the `minutes` watched, or `expected` minutes, from which the luck of a session is taken out.
    """

    metadata = {"render_modes": [], "render_fps": 4}  # noqa: RUF012

    def __init__(
        self,
        world: World = "vulnerable",
        *,
        observation: str = "features",
        reward: str = "minutes",
        render_mode: str | None = None,
    ) -> None:
        _refuse_rendering(render_mode)
        self.tiny = TinyBatch(tiny_world_of(world), 1, observation, reward)
        self.batch = cast(FeedBatch, self.tiny)  # the same protocol
        self.render_mode = None
        self.observation_space = observation_space(self.tiny)
        self.action_space = spaces.Discrete(len(self.tiny.items))  # type: ignore[assignment]
        self._history = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any1, dict[str, Any]]:
        """Starts a person: person 0 of a seed, without one the next person."""
        gym.Env.reset(self, seed=seed)
        if seed is not None or not self.tiny.started:
            key = seed if seed is not None else int(self.np_random.integers(2**62))
            self.tiny.start(key, 0)
        else:
            self.tiny.restart(np.ones(1, dtype=np.bool_))
        return self.tiny.observe()[0], {
            "state": int(self.tiny.state[0]),
            "person": int(self.tiny.person[0]),
        }


class TinyFeedVectorEnv(FeedVectorEnv):
    """Many people at once; person i is the one that `TinyFeedEnv` seeded with seed + i would meet.

    Arguments as for `TinyFeedEnv`, and autoreset_mode as for `FeedVectorEnv`.
    """

    metadata = {  # noqa: RUF012
        "render_modes": [],
        "render_fps": 4,
        "autoreset_mode": AutoresetMode.SAME_STEP,
    }

    def __init__(
        self,
        num_envs: int = 1,
        world: World = "vulnerable",
        *,
        observation: str = "features",
        reward: str = "minutes",
        render_mode: str | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
    ) -> None:
        _refuse_rendering(render_mode)
        self.tiny = TinyBatch(tiny_world_of(world), num_envs, observation, reward)
        self.batch = cast(FeedBatch, self.tiny)  # the same protocol
        self.num_envs = num_envs
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {**type(self).metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = None
        self.single_observation_space = observation_space(self.tiny)
        self.single_action_space = spaces.Discrete(len(self.tiny.items))
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._over = np.zeros(num_envs, dtype=np.bool_)
        self._history = None


def _refuse_rendering(render_mode: str | None) -> None:
    if render_mode is not None:
        raise ValueError(f"render_mode: found {render_mode!r}; allowed: None")
