"""A native stable-baselines3 `VecEnv` over the batch: no Python for each person."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv, VecMonitor

from undertow.envs.faces import PeopleVectorEnv
from undertow.envs.feed import World, parameters_of, shown_of
from undertow.envs.info import row_of
from undertow.envs.refusals import Named, checked_count
from undertow.envs.seeding import checked_numbers, checked_seed, keys_of
from undertow.envs.slate_batch import batch_of
from undertow.envs.tampering import TamperingVectorEnv
from undertow.envs.world import Items, Outcome, Slate, State

ENVIRONMENTS = (
    "undertow/Feed-v0",
    "undertow/FeedSlate-v0",
    "undertow/Tampering-v0",
    "undertow/TinyFeed-v0",
)


Keys = Sequence[int] | NDArray[np.int64]


class BatchVecEnv(Named, VecEnv):
    """What every native `VecEnv` over one batch shares: nothing in it is per person.

    Row i meets the person with the key hash(seed, i), as in the vector environment of that seed.
    Where `keys`, int64 (n_envs,), were given, it meets the person with that key, whatever the seed.
    """

    observation_names: tuple[str, ...]

    def _seeded(self, seed: int | None, keys: Keys | None) -> None:
        """Takes the people of the first reset; of a new seed each time without either."""
        self._keys = None if keys is None else checked_numbers("keys", keys, self.num_envs)
        # SB3 would draw a missing seed from NumPy's global stream.
        self.seed(int(np.random.SeedSequence().generate_state(1)[0]) if seed is None else seed)

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Says who is there from the next reset on, as in SB3; row i takes hash(seed, i)."""
        return super().seed(None if seed is None else checked_seed(seed))

    def _keys_of_seed(self) -> NDArray[np.int64] | None:
        """Keys of the people of a new seed; None without one: the next people come."""
        first = self._seeds[0]
        if first is None:
            return None
        return keys_of(first, np.arange(self.num_envs)) if self._keys is None else self._keys

    def close(self) -> None:
        """Nothing to close."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """An attribute of this environment, once for each index."""
        return [getattr(self, attr_name)] * len(self._rows(indices))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Sets an attribute for everybody. Raises `ValueError` for some rows alone."""
        self._everybody(indices)
        setattr(self, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> list[Any]:
        """Calls a method of this environment once; what it returns, once for each row.

        Raises `ValueError` for some rows alone: people share one batch.
        """
        self._everybody(indices)
        return [getattr(self, method_name)(*method_args, **method_kwargs)] * self.num_envs

    def set_options(self, options: list[dict[str, Any]] | dict[str, Any] | None = None) -> None:
        """Raises `ValueError` for options of the next reset: there are none here."""
        for each in options if isinstance(options, list) else [options]:
            if each:
                raise ValueError(f"options: found {each}; allowed: none (people: `keys`)")

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """Never wrapped one by one."""
        return [False] * len(self._rows(indices))

    def _rows(self, indices: Any) -> list[int]:
        """The rows meant, as numbers from 0. Raises `ValueError` for a row that there is not."""
        if indices is None:
            return list(range(self.num_envs))
        rows = [int(row) for row in np.atleast_1d(np.asarray(indices, dtype=np.int64))]
        for row in rows:
            if not -self.num_envs <= row < self.num_envs:
                raise ValueError(f"indices: found {row}; allowed: 0 to {self.num_envs - 1}")
        return [row % self.num_envs for row in rows]

    def _everybody(self, indices: Any) -> None:
        if sorted(set(self._rows(indices))) != list(range(self.num_envs)):
            raise ValueError(
                f"indices: found {indices}; allowed: None, which is everybody (people share one "
                "batch)"
            )


class FeedVecEnv(BatchVecEnv):
    """`undertow/Feed-v0` as SB3 sees it; rows meet whom `FeedVectorEnv` of the same seed meets.

    keys: the people by key, instead of a seed (see `BatchVecEnv`).

    The info of a person who ends carries `terminal_observation` and `TimeLimit.truncated`, as SB3
    expects; while nobody ends the infos are empty, unless `measured` asks for the true state.
    `stagger` cuts the first episode of row i short, at slot 1 + i (slots - 1) / n_envs: from then
    on the rows are spread over the calendar, and a rollout shows all of it, not one stretch.
    """

    def __init__(
        self,
        n_envs: int,
        world: World = "default",
        *,
        null: str | None = None,
        observation: str = "platform",
        items: Items | None = None,
        seed: int | None = None,
        keys: Keys | None = None,
        measured: bool = False,
        bootstrap: bool = True,
        stagger: bool = False,
        engine: str = "auto",
        slate: Slate | int | None = None,
    ) -> None:
        n_envs = checked_count("n_envs", n_envs)
        self.batch = batch_of(
            parameters_of(world, null), n_envs, observation, items, engine=engine, slate=slate
        )
        self.render_mode = None
        shown = shown_of(self.batch)
        super().__init__(n_envs, shown.observation, shown.action)
        self.observation_names = shown.names
        self._measured, self._bootstrap, self._stagger = measured, bootstrap, stagger
        # Of the last step, before any restart.
        self.outcome: Outcome | None = None
        self.reached: State | None = None
        self._seeded(seed, keys)

    def reset(self) -> np.ndarray:
        """Starts everybody: person 0 of a new seed, else the next person."""
        keys = self._keys_of_seed()
        if keys is not None:
            self.batch.start(keys, 0)
        else:
            self.batch.restart(np.ones(self.num_envs, dtype=np.bool_))
        slots = self.batch.parameters.calendar.slots
        self._last_slot = np.full(self.num_envs, slots, dtype=np.int64)
        if self._stagger:
            self._last_slot = (
                1 + np.arange(self.num_envs, dtype=np.int64) * (slots - 1) // self.num_envs
            )
        self._reset_seeds()
        return self.batch.observe()

    def step_async(self, actions: np.ndarray) -> None:
        """Keeps the actions for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Plays one slot for everybody; who ends is replaced by the next person at once."""
        if not self.batch.started:
            raise RuntimeError("step: called before reset; allowed: after reset")
        transition = self.batch.step(self._actions)
        self.outcome, self.reached = transition.outcome, self.batch.state
        truncated = (self.batch.slot >= self._last_slot) & ~transition.terminated
        done = transition.terminated | truncated
        infos = self._infos(transition) if self._measured else [{} for _ in range(self.num_envs)]
        observation = transition.observation
        if done.any():
            for row in np.nonzero(done)[0]:
                infos[row] = {
                    **infos[row],
                    "terminal_observation": observation[row],
                    "TimeLimit.truncated": bool(truncated[row]) and self._bootstrap,
                }
            self._last_slot[done] = self.batch.parameters.calendar.slots
            self.batch.restart(done)
            observation = self.batch.observe_restarted(observation, done)
        return observation, transition.reward, done, infos

    def _infos(self, transition: Any) -> list[dict[str, Any]]:
        columns = self.batch.measured(transition.outcome)
        return [row_of(columns, row) for row in range(self.num_envs)]


class VectorEnvAsVecEnv(BatchVecEnv):
    """A Gymnasium `VectorEnv` that replaces who ends in the same step, as SB3 sees it.

    For the small environments, whose vector face knows no more than that.
    """

    def __init__(
        self, env: PeopleVectorEnv, seed: int | None = None, keys: Keys | None = None
    ) -> None:
        self.env, self.batch, self.render_mode = env, env.batch, env.render_mode
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)
        self.observation_names = env.observation_names
        self._seeded(seed, keys)

    def reset(self) -> np.ndarray:
        """Starts everybody: person 0 of a new seed, else the next person."""
        keys = self._keys_of_seed()
        observation, _ = self.env.reset(options=None if keys is None else {"keys": keys})
        self._reset_seeds()
        return observation

    def step_async(self, actions: np.ndarray) -> None:
        """Keeps the actions for `step_wait`."""
        self._actions = actions

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Plays one step for everybody."""
        observation, reward, terminated, truncated, info = self.env.step(self._actions)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        done = terminated | truncated
        for row in np.nonzero(done)[0]:
            infos[row] = {
                "terminal_observation": info["final_obs"][row],
                "TimeLimit.truncated": bool(truncated[row]),
            }
        return observation, reward, done, infos


class Monitored(VecMonitor):
    """SB3's `VecMonitor` that can be copied and pickled in the middle of an episode."""

    def __getstate__(self) -> dict[str, Any]:
        # What SB3 keeps of the class can be looked up again, and not be pickled.
        return {name: value for name, value in vars(self).items() if name != "class_attributes"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, class_attributes=dict(inspect.getmembers(type(self))))


def make_vec_env(
    env_id: str,
    n_envs: int = 1,
    seed: int | None = None,
    *,
    keys: Keys | None = None,
    **kwargs: Any,
) -> VecEnv:
    """`env_id` as a native SB3 `VecEnv` with episode statistics (as SB3's `make_vec_env`).

    env_id: an Undertow id, also as `module:id`. n_envs: people. seed, keys: who they are, see
    `BatchVecEnv`. Further arguments go to `FeedVecEnv` (world, null, observation, items, measured,
    bootstrap, stagger, engine; for slates: slate), to `TinyFeedVecEnv` or to `TamperingVectorEnv`
    (polarising, only).
    """
    module, _, name = str(env_id).rpartition(":")
    if module:
        importlib.import_module(module)
    if name not in ENVIRONMENTS:
        raise ValueError(f"env_id: found {env_id!r}; allowed: {', '.join(ENVIRONMENTS)}")
    if name == "undertow/TinyFeed-v0":
        from .tiny_vec_env import TinyFeedVecEnv  # which is built on this module

        return Monitored(TinyFeedVecEnv(n_envs, seed=seed, keys=keys, **kwargs))
    if name == "undertow/Tampering-v0":
        return Monitored(VectorEnvAsVecEnv(TamperingVectorEnv(n_envs, **kwargs), seed, keys))
    if name == "undertow/FeedSlate-v0":
        kwargs = {"slate": 5} | kwargs
    return Monitored(FeedVecEnv(n_envs, seed=seed, keys=keys, **kwargs))


def consecutive(seed: int, people: int) -> NDArray[np.int64]:
    """The keys whom trainings of results meet, int64 (people,): seed, seed + 1, and so on.

    Most studies hash a training's seed (`experiments.job.derived_seed`), so theirs lie far apart.
    The tiny study takes 0, 1, ...: its trainings meet people in common.
    """
    return seed + np.arange(people, dtype=np.int64)


def feed_of(env: Any) -> FeedVecEnv:
    """The `FeedVecEnv` at the bottom of wrappers."""
    while not isinstance(env, FeedVecEnv):
        env = env.venv
    return env
