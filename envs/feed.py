"""`undertow/Feed-v0`: the agent chooses what leads the feed, slot by slot.

Two faces over one `FeedBatch`: `FeedEnv`, a Gymnasium environment of one person, and
`FeedVectorEnv`, many people stepped together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, SupportsFloat

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from .feed_batch import FeedBatch
from .rendering import History, draw_ansi, draw_rgb
from .world import Items, WorldParameters
from .world import world as build_world
from .world.arrays import Any1, Bool

World = str | Mapping[str, Any] | WorldParameters


def parameters_of(world: World, null: str | None = None) -> WorldParameters:
    """World parameters from a preset's name, or a mapping of overrides, or as they are."""
    if isinstance(world, WorldParameters):
        return world if null is None else _refuse_null(null)
    if isinstance(world, str):
        return build_world(world, null)
    if isinstance(world, Mapping):
        overrides = dict(world)
        preset = overrides.pop("preset", "default")
        named = overrides.pop("null", None)
        if named is not None and null is not None and named != null:
            raise ValueError(
                f"null: found {null!r} beside {named!r} in world; allowed: one of them"
            )
        return build_world(preset, named or null, overrides)
    raise TypeError(
        f"world: found {type(world).__name__}; allowed: a preset's name, a mapping of "
        "parameters or WorldParameters"
    )


def _refuse_null(null: str) -> WorldParameters:
    raise ValueError(
        f"null: found {null!r} beside WorldParameters; allowed: a null with a preset's name"
    )


class FeedEnv(gym.Env[Any1, Any1]):
    """One person. Action `Discrete(items)`: the item that leads the feed in the next slot.

    world: preset name, mapping of parameters or `WorldParameters`. null: name of a null world.
    observation: `platform` (only what a platform can log) or `oracle` (true state). items:
    catalogue. engine: `numpy` or `numba` (see `FeedBatch`). Reward: the platform's objective, by
    default minutes watched. Churn terminates; the
    end of the calendar truncates. `reset(seed=...)` starts person 0 of that seed, `reset()` the
    next one.
    """

    metadata = {"render_modes": ["ansi", "rgb_array"], "render_fps": 4}  # noqa: RUF012

    def __init__(
        self,
        world: World = "default",
        *,
        null: str | None = None,
        observation: str = "platform",
        items: Items | None = None,
        render_mode: str | None = None,
        engine: str = "numpy",
    ) -> None:
        check_render_mode(render_mode)
        parameters = parameters_of(world, null)
        self._face(FeedBatch(parameters, 1, observation, items, engine=engine), render_mode)

    def _face(self, batch: FeedBatch, render_mode: str | None) -> None:
        """Becomes the face of this batch."""
        self.batch, self.render_mode = batch, render_mode
        self.observation_space = observation_space(batch)
        self.action_space = action_space(batch)
        self._history = History(batch.parameters) if render_mode else None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any1, dict[str, Any]]:
        """Starts a person; see the class."""
        super().reset(seed=seed)
        if seed is not None or not self.batch.started:
            key = seed if seed is not None else int(self.np_random.integers(2**62))
            self.batch.start(key, 0)
        else:
            self.batch.restart(np.ones(1, dtype=np.bool_))
        if self._history is not None:
            self._history.clear()
        return self.batch.observe()[0], {
            "stance": self.batch.state.stance[0],
            "origin": self.batch.traits.stance[0],
            "habit": self.batch.state.habit[0],
            "person": int(self.batch.person[0]),
        }

    def step(self, action: Any) -> tuple[Any1, SupportsFloat, bool, bool, dict[str, Any]]:
        """Plays one slot. Raises `ResetNeeded` before `reset`, `ValueError` for a bad action."""
        if not self.batch.started:
            raise gym.error.ResetNeeded("step: called before reset; allowed: after reset")
        _, *size = self.batch.action_shape
        given = np.asarray(action)
        if given.size != math.prod(size):
            one = f"{size[0]} integers" if size else "one integer"
            raise ValueError(f"action: found {action!r}; allowed: {one}")
        given = given.reshape(self.batch.action_shape)
        transition = self.batch.step(given)
        measured = self.batch.measured(transition.outcome)
        info = {name: value[0] for name, value in measured.items()}
        if self._history is not None:
            self._history.add(self.batch, int(given.flat[0]), info)
        return (
            transition.observation[0],
            float(transition.reward[0]),
            bool(transition.terminated[0]),
            bool(transition.truncated[0]),
            info,
        )

    def render(self) -> Any:
        """The last slots, as text (`ansi`) or a picture (`rgb_array`, uint8 (height, width, 3))."""
        if self._history is None:
            gym.logger.warn("render: no render_mode was given to make; allowed: ansi, rgb_array")
            return None
        if self.render_mode == "ansi":
            return draw_ansi(self._history, self.batch)
        return draw_rgb(self._history, self.batch)


class FeedVectorEnv(VectorEnv[Any1, Any1, Any1]):
    """Many people at once; person i is the one that `FeedEnv` seeded with `seed + i` would meet.

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
        engine: str = "numpy",
    ) -> None:
        check_render_mode(render_mode)
        parameters = parameters_of(world, null)
        batch = FeedBatch(parameters, num_envs, observation, items, engine=engine)
        self._face(batch, render_mode, autoreset_mode)

    def _face(
        self, batch: FeedBatch, render_mode: str | None, autoreset_mode: AutoresetMode | str
    ) -> None:
        """Becomes the face of this batch."""
        self.batch, self.num_envs = batch, batch.people
        self.autoreset_mode = AutoresetMode(autoreset_mode)
        self.metadata = {**type(self).metadata, "autoreset_mode": self.autoreset_mode}
        self.render_mode = render_mode
        self.single_observation_space = observation_space(self.batch)
        self.single_action_space = action_space(batch)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._over = np.zeros(self.num_envs, dtype=np.bool_)
        self._history = History(self.batch.parameters) if render_mode else None

    def reset(
        self,
        *,
        seed: int | list[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any1, dict[str, Any]]:
        """Starts everybody (or, with `reset_mask`, the next person in the rows marked)."""
        mask = (options or {}).get("reset_mask")
        if mask is not None:
            self._require_reset("reset with a reset_mask")
            rows = np.asarray(mask, dtype=np.bool_)
            if rows.shape != (self.num_envs,) or seed is not None:
                raise ValueError(
                    f"reset_mask: found shape {rows.shape}, seed {seed}; allowed: shape "
                    f"({self.num_envs},) and no seed"
                )
            self.batch.restart(rows)
            self._over = self._over & ~rows
            return self.batch.observe(), {}
        if isinstance(seed, list):
            if len(seed) != self.num_envs or None in seed:
                raise ValueError(
                    f"seed: found a list of {len(seed)}; allowed: {self.num_envs} integers"
                )
            for one in seed:
                _check_seed(one)
            super().reset(seed=seed[0])
            self.batch.start(np.asarray(seed, dtype=np.int64), 0)
        elif seed is not None or not self.batch.started:
            _check_seed(0 if seed is None else seed + self.num_envs - 1)
            super().reset(seed=seed)
            key = seed if seed is not None else int(self.np_random.integers(2**62))
            self.batch.start(key + np.arange(self.num_envs, dtype=np.int64), 0)
        else:
            self.batch.restart(np.ones(self.num_envs, dtype=np.bool_))
        self._over[:] = False
        if self._history is not None:
            self._history.clear()
        return self.batch.observe(), {}

    def step(self, actions: Any1) -> tuple[Any1, Any1, Bool, Bool, dict[str, Any]]:
        """Plays one slot for everybody."""
        self._require_reset("step")
        waking = self._over
        transition = self.batch.step(actions)
        idle = waking if self.autoreset_mode is AutoresetMode.NEXT_STEP else None
        info = self.batch.measured(transition.outcome)
        reward, terminated, truncated = (
            transition.reward,
            transition.terminated,
            transition.truncated,
        )
        observation = transition.observation
        if self._history is not None:
            row = {name: value[0] for name, value in info.items()}
            self._history.add(self.batch, int(np.asarray(actions).flat[0]), row)
        if self.autoreset_mode is AutoresetMode.NEXT_STEP and waking.any():
            # These rows ended a step ago: this step only starts their next person.
            self.batch.restart(waking)
            observation = self.batch.observe_restarted(observation, waking)
            info = self.batch.measured(transition.outcome, idle=idle)
            reward = np.where(waking, np.float32(0), reward)
            terminated, truncated = terminated & ~waking, truncated & ~waking
        over = terminated | truncated
        if self.autoreset_mode is AutoresetMode.SAME_STEP and over.any():
            # Gymnasium's convention: final_obs and final_info hold the ends, _final_* say which.
            final = {name: value.copy() for name, value in info.items()}
            info = dict(info, final_obs=observation, final_info=final, _final_obs=over)
            info["_final_info"] = over
            self.batch.restart(over)
            observation = self.batch.observe_restarted(observation, over)
        self._over = over
        return observation, reward, terminated, truncated, info

    def render(self) -> Any:
        """The first person, as `FeedEnv.render` shows it; a tuple, as Gymnasium expects."""
        if self._history is None:
            gym.logger.warn("render: no render_mode was given to make_vec")
            return None
        picture = draw_ansi if self.render_mode == "ansi" else draw_rgb
        return (picture(self._history, self.batch),)

    def _require_reset(self, what: str) -> None:
        if not self.batch.started:
            raise gym.error.ResetNeeded(f"{what}: called before reset; allowed: after reset")


def _check_seed(seed: int | None) -> None:
    if seed is None or not 0 <= seed < 2**63:
        raise ValueError(f"seed: found {seed}; allowed: 0 to 2**63 - 1")


def check_render_mode(render_mode: str | None) -> None:
    """Raises `ValueError` for a mode that there is not."""
    if render_mode not in (None, "ansi", "rgb_array"):
        raise ValueError(f"render_mode: found {render_mode!r}; allowed: ansi, rgb_array")


def observation_space(batch: FeedBatch) -> spaces.Box:
    """Bounded where it must be: every feature is finite and of about unit scale."""
    return spaces.Box(-np.inf, np.inf, shape=(batch.view.size,), dtype=np.float32)


def action_space(batch: FeedBatch) -> spaces.Space[Any]:
    """An item, or as many as a slate has."""
    count, (_, *size) = len(batch.items), batch.action_shape
    return spaces.MultiDiscrete([count] * size[0]) if size else spaces.Discrete(count)
