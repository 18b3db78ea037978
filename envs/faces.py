"""What all Gymnasium faces share: seeds, ends, `info` in Gymnasium's layout, pictures.

`PersonEnv` is the face of a batch of one person, `PeopleVectorEnv` that of a batch of many. Both
tell the same of a person, under the same keys, from `reset` on: what has not happened yet is 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, SupportsFloat

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from .info import FinalObs, only_of, row_of, with_masks
from .refusals import Named, checked_choice
from .seeding import checked_numbers, checked_seed, keys_for, keys_of
from .world.arrays import Any1, Bool, Int


class Moved(Protocol):
    """What a batch gives for a step, before any restart. Arrays with one row a person."""

    @property
    def observation(self) -> Any1:
        """What is seen now."""

    @property
    def reward(self) -> Any1:
        """Float32 (people,)."""

    @property
    def terminated(self) -> Bool:
        """Whose life on the platform is over."""

    @property
    def truncated(self) -> Bool:
        """Whose calendar is over."""

    @property
    def outcome(self) -> Any:
        """What happened, as `Batch.measured` reads it."""


class Batch(Protocol):
    """People stepped together: `FeedBatch`, and what stands in its place."""

    people: int
    started: bool
    person: Any1

    @property
    def action_shape(self) -> tuple[int, ...]:
        """Shape of an action for everybody."""

    @property
    def longest(self) -> int:
        """Steps of the longest episode."""

    def start(self, seed: Any1, person: Any1 | int) -> Any:
        """Puts the person (seed, person) in each row."""

    def restart(self, rows: Bool) -> None:
        """Puts the next person in each of the rows marked."""

    def observe(self) -> Any1:
        """The observation as things stand."""

    def observe_restarted(self, observation: Any1, rows: Bool) -> Any1:
        """A copy of `observation`, up to date in the rows that have just restarted."""

    def step(self, action: Any1) -> Moved:
        """One step of everybody."""

    def nothing(self) -> Any:
        """The outcome of a step that has not been played."""

    def measured(self, outcome: Any, idle: Bool | None = None) -> dict[str, Any]:
        """What `info` holds, one row a person; nothing has happened in rows that are `idle`."""


class Picture(Protocol):
    """What is kept of one row, so that it can be drawn."""

    def clear(self) -> None:
        """Forgets everything."""

    def add(self, batch: Any, lead: int, info: Mapping[str, Any]) -> None:
        """Adds the step just played, led by the item `lead`."""

    def draw(self, batch: Any, mode: str) -> Any:
        """Text (`ansi`) or pixels (`rgb_array`)."""


class Shown(NamedTuple):
    """What the agent of one person sees, by what names, and what it chooses from."""

    observation: gym.Space[Any]
    names: tuple[str, ...]
    action: gym.Space[Any]


class PersonEnv(Named, gym.Env[Any1, Any1]):
    """One person; `reset(seed=...)` starts person 0 of that seed, `reset()` the next one."""

    batch: Any
    observation_names: tuple[str, ...]
    """A name for each column of an observation."""

    def _face(
        self,
        batch: Batch,
        shown: Shown,
        render_mode: str | None,
        picture: Callable[[int], Picture],
    ) -> None:
        """Becomes the face of this batch."""
        self.batch, self.render_mode = batch, render_mode
        self.observation_space, self.action_space = shown.observation, shown.action
        self.observation_names = shown.names
        self._over = False
        self._picture = picture(0) if render_mode else None

    @property
    def spec(self) -> EnvSpec | None:
        """As Gymnasium has it, with the calendar's length as `max_episode_steps`."""
        return getattr(self, "_spec", None)

    @spec.setter
    def spec(self, spec: EnvSpec | None) -> None:
        self._spec = with_length(spec, self.batch)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any1, dict[str, Any]]:
        """Starts a person; see the class.

        options: `key`, the person's own instead of a seed's, and `person`, their number (0).
        """
        refuse_options(options, seed, "key", "person")
        super().reset(seed=None if seed is None else checked_seed(seed))
        named = people_of(options, "key", "person", 1)
        if named is not None:
            self.batch.start(*named)
        elif seed is not None or not self.batch.started:
            first = int(self.np_random.integers(2**62)) if seed is None else checked_seed(seed)
            self.batch.start(keys_of(first, 0), 0)
        else:
            self.batch.restart(np.ones(1, dtype=np.bool_))
        self._over = False
        if self._picture is not None:
            self._picture.clear()
        return self.batch.observe()[0], row_of(self.batch.measured(self.batch.nothing()), 0)

    def step(self, action: Any) -> tuple[Any1, SupportsFloat, bool, bool, dict[str, Any]]:
        """Plays one step.

        Raises `ResetNeeded` before `reset` and after the end, `ValueError` for a bad action.
        """
        require_reset(self.batch, "step")
        if self._over:
            raise gym.error.ResetNeeded("step: called after the end; allowed: after reset")
        given = self._shaped(action)
        moved = self.batch.step(given)
        info = row_of(self.batch.measured(moved.outcome), 0)
        if self._picture is not None:
            self._picture.add(self.batch, int(given.flat[0]), info)
        terminated, truncated = bool(moved.terminated[0]), bool(moved.truncated[0])
        self._over = terminated or truncated
        return moved.observation[0], float(moved.reward[0]), terminated, truncated, info

    def _shaped(self, action: Any) -> Any1:
        _, *size = self.batch.action_shape
        given = np.asarray(action)
        if given.size != math.prod(size):
            one = f"{size[0]} integers" if size else "one integer"
            raise ValueError(f"action: found {action!r}; allowed: {one}")
        return given.reshape(self.batch.action_shape)

    def render(self) -> Any:
        """The last steps, as text (`ansi`) or a picture (`rgb_array`, uint8 (height, width, 3))."""
        if self._picture is None or self.render_mode is None:
            gym.logger.warn("render: no render_mode was given to make; allowed: ansi, rgb_array")
            return None
        require_reset(self.batch, "render")
        return self._picture.draw(self.batch, self.render_mode)


class PeopleVectorEnv(Named, VectorEnv[Any1, Any1, Any1]):
    """Many people at once. Row 0 of a seed is whom the single environment meets with that seed.

    reset(seed=s) starts person 0 of hash(s, i) in row i, reset(seed=[...]) in each row the person
    of the single environment with that seed, reset() the next person everywhere.
    """

    batch: Any
    observation_names: tuple[str, ...]
    """A name for each column of an observation."""

    def _face(
        self,
        batch: Batch,
        shown: Shown,
        render_mode: str | None,
        picture: Callable[[int], Picture],
        autoreset_mode: AutoresetMode | str,
    ) -> None:
        """Becomes the face of this batch."""
        self.batch, self.num_envs, self.render_mode = batch, batch.people, render_mode
        self.autoreset_mode = autoreset_mode_of(autoreset_mode)
        self.metadata = {**type(self).metadata, "autoreset_mode": self.autoreset_mode}
        self.single_observation_space, self.single_action_space = shown.observation, shown.action
        self.observation_space = batch_space(shown.observation, self.num_envs)
        self.action_space = batch_space(shown.action, self.num_envs)
        self.observation_names = shown.names
        self._over = np.zeros(self.num_envs, dtype=np.bool_)
        self._pictures = [picture(row) for row in range(self.num_envs)] if render_mode else []

    @property
    def spec(self) -> EnvSpec | None:
        """As Gymnasium has it, with the calendar's length as `max_episode_steps`."""
        return getattr(self, "_spec", None)

    @spec.setter
    def spec(self, spec: EnvSpec | None) -> None:
        self._spec = with_length(spec, self.batch)

    def reset(
        self,
        *,
        seed: int | list[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any1, dict[str, Any]]:
        """Starts everybody (or, with `reset_mask`, the next person in the rows marked).

        options: `reset_mask`, bool (num_envs,); or `keys`, int64 (num_envs,): the people by their
        own keys instead of a seed's, and `persons`, their numbers (0).
        """
        refuse_options(options, seed, "reset_mask", "keys", "persons")
        mask = (options or {}).get("reset_mask")
        if mask is not None:
            return self._reset_rows(mask)
        named = people_of(options, "keys", "persons", self.num_envs)
        if named is not None:
            self.batch.start(*named)
        elif seed is not None:
            own, keys = keys_for(seed, self.num_envs)
            super().reset(seed=own)
            self.batch.start(keys, 0)
        elif not self.batch.started:
            drawn = int(self.np_random.integers(2**62))
            self.batch.start(keys_of(drawn, np.arange(self.num_envs)), 0)
        else:
            self.batch.restart(np.ones(self.num_envs, dtype=np.bool_))
        self._over = np.zeros(self.num_envs, dtype=np.bool_)
        for picture in self._pictures:
            picture.clear()
        return self.batch.observe(), with_masks(self.batch.measured(self.batch.nothing()))

    def _reset_rows(self, mask: Any) -> tuple[Any1, dict[str, Any]]:
        require_reset(self.batch, "reset with a reset_mask")
        rows = np.asarray(mask)
        if rows.shape != (self.num_envs,) or rows.dtype != np.bool_:
            raise ValueError(
                f"reset_mask: found {rows.dtype} of shape {rows.shape}; allowed: bools of shape "
                f"({self.num_envs},)"
            )
        self.batch.restart(rows)
        self._over = self._over & ~rows
        return self.batch.observe(), only_of(self.batch.measured(self.batch.nothing()), rows)

    def step(self, actions: Any1) -> tuple[Any1, Any1, Bool, Bool, dict[str, Any]]:
        """Plays one step for everybody.

        Raises `ResetNeeded` before `reset`, and with `DISABLED` while a row has ended.
        """
        require_reset(self.batch, "step")
        waking = self._over
        if self.autoreset_mode is AutoresetMode.DISABLED and waking.any():
            rows = ", ".join(map(str, np.flatnonzero(waking)[:8]))
            raise gym.error.ResetNeeded(
                f"step: found rows that have ended ({rows}); allowed: after "
                "reset(options={'reset_mask': mask})"
            )
        moved = self.batch.step(actions)
        self._add_to_pictures(actions, moved)
        observation, reward, ended = moved.observation, moved.reward, moved.terminated
        truncated, final, starting = moved.truncated, {}, None
        if self.autoreset_mode is AutoresetMode.NEXT_STEP and waking.any():
            # These rows ended a step ago: this step only starts their next person.
            starting, reward = waking, np.where(waking, np.float32(0), reward)
            ended, truncated = ended & ~waking, truncated & ~waking
        over = ended | truncated
        if self.autoreset_mode is AutoresetMode.SAME_STEP and over.any():
            starting, final = over, self._ends(over, moved)
        if starting is not None:
            self.batch.restart(starting)
            observation = self.batch.observe_restarted(observation, starting)
        info = with_masks(self.batch.measured(moved.outcome, idle=starting))
        self._over = over
        return observation, reward, ended, truncated, info | final

    def _ends(self, over: Bool, moved: Moved) -> dict[str, Any]:
        """The last observation and info of the rows that end now, as Gymnasium lays them out."""
        final_obs = np.full(self.num_envs, None, dtype=object).view(FinalObs)
        for row in np.flatnonzero(over):
            final_obs[row] = moved.observation[row].copy()
        final_info = only_of(self.batch.measured(moved.outcome), over)
        masks = {"_final_obs": over.copy(), "_final_info": over.copy()}
        return {"final_obs": final_obs, "final_info": final_info} | masks

    def _add_to_pictures(self, actions: Any1, moved: Moved) -> None:
        if self._pictures:
            columns, leads = self.batch.measured(moved.outcome), np.asarray(actions)
            for row, picture in enumerate(self._pictures):
                picture.add(self.batch, int(leads[row].flat[0]), row_of(columns, row))

    def render(self) -> Any:
        """A frame for each person, as the single environment shows it: a tuple of `num_envs`."""
        if self.render_mode is None:
            gym.logger.warn("render: no render_mode was given to make_vec")
            return None
        require_reset(self.batch, "render")
        return tuple(picture.draw(self.batch, self.render_mode) for picture in self._pictures)


def with_length(spec: EnvSpec | None, batch: Batch) -> EnvSpec | None:
    """The spec with the longest episode, which the environment itself cuts: no wrapper does."""
    if spec is not None and spec.max_episode_steps is None:
        spec.max_episode_steps = batch.longest
    return spec


def check_length(batch: Batch, max_episode_steps: int | None) -> None:
    """Raises `ValueError` for a length other than the batch's own.

    Gymnasium's `make_vec` hands over the one that a spec states.
    """
    if max_episode_steps is not None and max_episode_steps != batch.longest:
        raise ValueError(
            f"max_episode_steps: found {max_episode_steps!r}; allowed: {batch.longest}, the length "
            "of the calendar"
        )


def refuse_options(options: Mapping[str, Any] | None, seed: Any, *known: str) -> None:
    """Raises `ValueError` for an option of `reset` that there is not, or one beside another."""
    for name in options or {}:
        if name not in known:
            raise ValueError(f"options: found {name!r}; allowed: {', '.join(known)}")
        if seed is not None:
            raise ValueError(f"options: found {name!r} beside seed {seed!r}; allowed: one of them")
    if options and "reset_mask" in options and len(options) > 1:
        raise ValueError(f"options: found {', '.join(options)}; allowed: reset_mask alone")


def people_of(
    options: Mapping[str, Any] | None, key: str, person: str, people: int
) -> tuple[Int, Int] | None:
    """Keys and numbers of the people whom `options` name, int64 (people,); None if nobody."""
    if not options or key not in options:
        if options and person in options:
            raise ValueError(f"options: found {person!r} without {key!r}; allowed: both")
        return None
    numbers = np.zeros(people, dtype=np.int64) if person not in options else options[person]
    keys = checked_numbers(key, options[key], people)
    return keys, checked_numbers(person, numbers, people)


def require_reset(batch: Batch, what: str) -> None:
    """Raises `ResetNeeded` before the first reset."""
    if not batch.started:
        raise gym.error.ResetNeeded(f"{what}: called before reset; allowed: after reset")


def check_render_mode(render_mode: Any) -> None:
    """Raises `ValueError` for a mode that there is not."""
    if render_mode is not None:
        checked_choice("render_mode", render_mode, ("ansi", "rgb_array"))


def autoreset_mode_of(mode: Any) -> AutoresetMode:
    """Gymnasium's mode, from itself or its text. Raises `ValueError` for one that there is not."""
    if isinstance(mode, AutoresetMode):
        return mode
    checked_choice("autoreset_mode", mode, tuple(each.value for each in AutoresetMode))
    return AutoresetMode(mode)
