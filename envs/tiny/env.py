"""`undertow/TinyFeed-v0`: the faces of `undertow/Feed-v0` over a `TinyBatch`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode

from ..faces import PeopleVectorEnv, PersonEnv, Shown, check_length, check_render_mode
from ..panels import Level, Panel
from ..refusals import checked_choice, checked_count, validated
from ..world import PRESETS
from .batch import TinyBatch, feature_names, features
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
        checked_choice("world preset", world, PRESETS)
        return build(TinyParameters.median(world))
    if isinstance(world, Mapping):
        changes = dict(world)
        preset = changes.pop("preset", "vulnerable")
        checked_choice("world preset", preset, PRESETS)
        # Through pydantic first: it knows every key.
        make = partial(TinyParameters.model_validate, changes)
        validated(TinyParameters, make, "world")
        return build(TinyParameters.median(preset, **changes))
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


class TinyFeedEnv(PersonEnv):
    """One person of the tiny world. Action `Discrete(items)`: what leads the feed in the next slot.

    Seeds and ends are those of `FeedEnv`: churn terminates, the calendar truncates. The reward is
    the `minutes` watched, or `expected` minutes, from which the luck of a session is taken out.
    """

    metadata = {"render_modes": ["ansi", "rgb_array"], "render_fps": 4}  # noqa: RUF012

    def __init__(
        self,
        world: World = "vulnerable",
        *,
        observation: str = "features",
        reward: str = "minutes",
        render_mode: str | None = None,
    ) -> None:
        check_render_mode(render_mode)
        batch = TinyBatch(tiny_world_of(world), 1, observation, reward)
        self._face(batch, shown_of(batch), render_mode, partial(Panel, _reading))


class TinyFeedVectorEnv(PeopleVectorEnv):
    """Many people at once; row 0 of a seed is the person that `TinyFeedEnv` meets with that seed.

    Arguments as for `TinyFeedEnv`, and autoreset_mode as for `FeedVectorEnv`.
    """

    metadata = {  # noqa: RUF012
        "render_modes": ["ansi", "rgb_array"],
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
        max_episode_steps: int | None = None,
    ) -> None:
        check_render_mode(render_mode)
        num_envs = checked_count("num_envs", num_envs)
        batch = TinyBatch(tiny_world_of(world), num_envs, observation, reward)
        picture = partial(Panel, _reading)
        self._face(batch, shown_of(batch), render_mode, picture, autoreset_mode)
        check_length(batch, max_episode_steps)


def shown_of(batch: TinyBatch) -> Shown:
    """What the agent of one person sees and does."""
    names = feature_names() if batch.observation == "features" else ("state",)
    return Shown(observation_space(batch), names, spaces.Discrete(len(batch.items)))


def _reading(
    batch: TinyBatch, row: int, lead: int | None, info: Mapping[str, Any]
) -> tuple[str, list[Level]]:
    """What `Panel` draws of a row: where its person stands."""
    state = int(batch.state[row])
    parts = [f"person {batch.person[row]}", f"slot {batch.slot[row]} of {batch.longest}"]
    if lead is not None:
        parts.append(f"led with item {lead}")
        parts.append(f"{info['minutes']:.1f} min" if info["opened"] else "app closed")
        parts += ["left for good"] * bool(info["churned"])
    values = batch.world.grid.values
    levels = [
        Level(name, float(column[state]), -1.0 if name == "stance" else 0.0)
        for name, column in values.items()
    ]
    return " · ".join(parts), levels
