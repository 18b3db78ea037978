"""`undertow/Feed-v0`: the agent chooses what leads the feed, slot by slot.

Two faces over one `FeedBatch`: `FeedEnv`, a Gymnasium environment of one person, and
`FeedVectorEnv`, many people stepped together.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, SupportsFloat

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode

from .columns import Column, box_of, columns_of
from .faces import PeopleVectorEnv, PersonEnv, Shown, check_length, check_render_mode
from .feed_batch import FeedBatch, engine_for
from .refusals import checked_choice, checked_count, validated
from .rendering import History
from .world import NULLS, PRESETS, Items, WorldParameters
from .world import world as build_world
from .world.arrays import Any1

World = str | Mapping[str, Any] | WorldParameters


def parameters_of(world: World, null: str | None = None) -> WorldParameters:
    """World parameters from a preset's name, or a mapping of overrides, or as they are.

    Raises `ValueError` naming the parameter, what was found and what is allowed.
    """
    if isinstance(world, WorldParameters):
        return world if null is None else _refuse_null(null)
    if isinstance(world, str):
        return _built(world, null, {})
    if isinstance(world, Mapping):
        overrides = dict(world)
        preset = overrides.pop("preset", "default")
        named = overrides.pop("null", None)
        if named is not None and null is not None and named != null:
            raise ValueError(
                f"null: found {null!r} beside {named!r} in world; allowed: one of them"
            )
        return _built(preset, null if named is None else named, overrides)
    raise TypeError(
        f"world: found {type(world).__name__}; allowed: a preset's name, a mapping of "
        "parameters or WorldParameters"
    )


def _built(preset: Any, null: Any, overrides: dict[str, Any]) -> WorldParameters:
    checked_choice("world preset", preset, PRESETS)
    if null is not None:
        checked_choice("world null", null, NULLS)
    make = partial(build_world, preset, null, overrides)
    parameters: WorldParameters = validated(WorldParameters, make, "world")
    return parameters


def _refuse_null(null: str) -> WorldParameters:
    raise ValueError(
        f"null: found {null!r} beside WorldParameters; allowed: a null with a preset's name"
    )


class FeedEnv(PersonEnv):
    """One person. Action `Discrete(items)`: the item that leads the feed in the next slot.

    world: preset name, mapping of parameters or `WorldParameters`. null: name of a null world.
    observation: `platform` (only what a platform can log) or `oracle` (true state). items:
    catalogue. engine: `numpy`, `numba`, or `auto`: numba where it works (see `FeedBatch`). Reward:
    the platform's objective, by default minutes watched. Churn terminates; the
    end of the calendar truncates. `reset(seed=...)` starts person 0 of that seed, `reset()` the
    next one.
    """

    metadata = {"render_modes": ["ansi", "rgb_array"], "render_fps": 4}  # noqa: RUF012
    _plays = False
    """Whether the batch plays a slot of one person in one call (`fused.alone`)."""

    def __init__(
        self,
        world: World = "default",
        *,
        null: str | None = None,
        observation: str = "platform",
        items: Items | None = None,
        render_mode: str | None = None,
        engine: str = "auto",
    ) -> None:
        check_render_mode(render_mode)
        parameters = parameters_of(world, null)
        batch = _batch_of_one(parameters, observation, items, engine)
        self._face(batch, shown_of(batch), render_mode, pictures_of(batch))
        self._plays = hasattr(batch, "play") and render_mode is None

    def step(self, action: Any) -> tuple[Any1, SupportsFloat, bool, bool, dict[str, Any]]:
        """Plays one slot; see `PersonEnv`."""
        batch = self.batch
        # In one call what the general way does in many; whatever is unusual goes the general way.
        if self._plays and batch.started and not self._over:
            item = _plain(action)
            if item is not None:
                played: tuple[Any1, float, bool, bool, dict[str, Any]] = batch.play(item)
                self._over = played[2] or played[3]
                return played
        return super().step(action)


def _plain(action: Any) -> int | None:
    """The item that an action of one integer names; None for any other action."""
    if type(action) in (int, np.int64):
        return int(action)
    if isinstance(action, np.ndarray | np.integer) and action.size == 1:
        return int(action.item()) if action.dtype.kind in "iu" else None
    return None


def _batch_of_one(
    parameters: WorldParameters, observation: str, items: Items | None, engine: str
) -> FeedBatch:
    """A batch of one person, which plays a slot in one compiled call where that exists."""
    engine = engine_for(engine)
    if engine == "numba" and observation == "platform":
        # numba is slow to import, and NumPy needs none.
        alone = importlib.import_module("undertow.envs.fused.alone")
        batch: FeedBatch = alone.PersonAlone(parameters, items)
        return batch
    return FeedBatch(parameters, 1, observation, items, engine=engine)


class FeedVectorEnv(PeopleVectorEnv):
    """Many people at once; row 0 of a seed is the person that `FeedEnv` meets with that seed.

    Arguments as for `FeedEnv`, and autoreset_mode of Gymnasium's vector environments: `SAME_STEP`
    (default; the end is in `info["final_obs"]` and `info["final_info"]`),
    `NEXT_STEP` or `DISABLED` (call `reset(options={"reset_mask": mask})`).
    """

    metadata = {  # noqa: RUF012
        "render_modes": ["ansi", "rgb_array"],
        "render_fps": 4,
        "autoreset_mode": AutoresetMode.SAME_STEP,
    }

    def __init__(
        self,
        num_envs: int = 1,
        world: World = "default",
        *,
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
        parameters = parameters_of(world, null)
        batch = FeedBatch(parameters, num_envs, observation, items, engine=engine)
        self._face(batch, shown_of(batch), render_mode, pictures_of(batch), autoreset_mode)
        check_length(batch, max_episode_steps)


def shown_of(batch: FeedBatch) -> Shown:
    """What the agent of one person sees and does."""
    columns = _columns(batch)
    names = tuple(column.name for column in columns)
    return Shown(box_of(columns), names, action_space(batch))


def pictures_of(batch: FeedBatch) -> Callable[[int], History]:
    """What makes the picture of a row."""
    return partial(History, batch.parameters)


def observation_space(batch: FeedBatch) -> spaces.Box:
    """The columns of the batch's view, with their bounds."""
    return box_of(_columns(batch))


def _columns(batch: FeedBatch) -> tuple[Column, ...]:
    _, *size = batch.action_shape
    return columns_of(batch.view, batch.longest * math.prod(size))


def action_space(batch: FeedBatch) -> spaces.Space[Any]:
    """An item, or as many as a slate has."""
    count, (_, *size) = len(batch.items), batch.action_shape
    return spaces.MultiDiscrete([count] * size[0]) if size else spaces.Discrete(count)
