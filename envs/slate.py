"""`undertow/FeedSlate-v0`: the agent chooses a slate, which a person reads until they leave it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gymnasium.vector import AutoresetMode

from .faces import check_length, check_render_mode
from .feed import FeedEnv, FeedVectorEnv, World, parameters_of, pictures_of, shown_of
from .refusals import checked_count
from .slate_batch import batch_of, slate_of
from .world import Items, Slate

Reading = Slate | Mapping[str, Any] | int


class FeedSlateEnv(FeedEnv):
    """One person. Action `MultiDiscrete`: the items of the next slot's slate, in order.

    slate: its size, or a `Slate`, or its parameters. Else as `FeedEnv`; `info` tells of all items
    watched together, `item` of the first, and `seen` how many the person came to. A slate of one
    item is `undertow/Feed-v0`, to the bit. engine: `auto` or `numpy`, which are the same here.
    """

    def __init__(
        self,
        world: World = "default",
        *,
        slate: Reading = 5,
        null: str | None = None,
        observation: str = "platform",
        items: Items | None = None,
        render_mode: str | None = None,
        engine: str = "auto",
    ) -> None:
        check_render_mode(render_mode)
        parameters, reading = parameters_of(world, null), slate_of(slate)
        batch = batch_of(parameters, 1, observation, items, slate=reading, engine=engine)
        self._face(batch, shown_of(batch), render_mode, pictures_of(batch))


class FeedSlateVectorEnv(FeedVectorEnv):
    """Many people at once, each with a slate; arguments as for `FeedSlateEnv` and `FeedVectorEnv`.

    An action has shape (num_envs, size).
    """

    def __init__(
        self,
        num_envs: int = 1,
        world: World = "default",
        *,
        slate: Reading = 5,
        null: str | None = None,
        observation: str = "platform",
        items: Items | None = None,
        render_mode: str | None = None,
        autoreset_mode: AutoresetMode | str = AutoresetMode.SAME_STEP,
        max_episode_steps: int | None = None,
        engine: str = "auto",
    ) -> None:
        check_render_mode(render_mode)
        num_envs = checked_count("num_envs", num_envs)
        parameters, reading = parameters_of(world, null), slate_of(slate)
        batch = batch_of(parameters, num_envs, observation, items, slate=reading, engine=engine)
        self._face(batch, shown_of(batch), render_mode, pictures_of(batch), autoreset_mode)
        check_length(batch, max_episode_steps)
