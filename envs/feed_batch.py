"""The one implementation behind every face: a batch of people, each at their own place in time."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

from .refusals import checked_choice, checked_count
from .views import OBSERVATIONS, VIEWS, OracleView, PlatformView
from .world import (
    IN_A_SLOT,
    Items,
    Mechanism,
    Outcome,
    State,
    Traits,
    WorldParameters,
    draw,
    slot,
    synthetic,
    uniforms,
)
from .world.arrays import Any1, Bool, Float, Int, library, namespace

ENGINES = ("numpy", "numba")
_AHEAD = 8  # slots drawn together


@dataclass(frozen=True)
class Transition:
    """What a step gives, before any restart. Shapes (people,), observation (people, size)."""

    observation: Float
    reward: Float
    terminated: Bool
    truncated: Bool
    outcome: Outcome


class FeedBatch:
    """People who each meet a feed, stepped together.

    parameters: the world. people: batch size. observation: `platform` or `oracle`. items: the
    catalogue; the world's synthetic one if None. device: None for NumPy; a torch device, such as
    "cpu" or "cuda", for torch. Arrays in and out are of that library. engine: `numpy`, or `numba`
    for the same slot as compiled loops (`envs/fused`): the same luck to the bit, the same lives to
    float32 tolerance, and many times as fast for few people; or `auto`, which is numba where numba
    works and numpy elsewhere. The attribute `engine` says which it is. Call `start` before `step`.
    """

    def __init__(
        self,
        parameters: WorldParameters,
        people: int,
        observation: str = "platform",
        items: Items | None = None,
        device: str | None = None,
        engine: str = "numpy",
    ) -> None:
        checked_choice("observation", observation, OBSERVATIONS)
        people = checked_count("people", people)
        self.engine = engine_for(engine, device)
        self.parameters = parameters
        self.people = people
        self.xp, self.device = library(device)
        items = synthetic(parameters) if items is None else checked_items(items, parameters)
        self.items = items if device is None else items.on(self.xp, self.device)
        views: dict[str, type[PlatformView] | type[OracleView]] = VIEWS
        self._fused: Any = None
        if self.engine == "numba":
            fused = importlib.import_module("undertow.envs.fused")
            self._fused = fused.FusedWorld(parameters, self.items)
            views = VIEWS | {"platform": fused.FusedPlatformView}
        self.view = views[observation](parameters, self.items, people)
        self.started = False

    def __getstate__(self) -> dict[str, Any]:
        """For copies and pickles: all but the library, which is a module."""
        return {name: value for name, value in vars(self).items() if name != "xp"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        # NumPy's device is a string, torch's is not.
        self.xp, _ = library(None if isinstance(self.device, str) else str(self.device))

    @property
    def action_shape(self) -> tuple[int, ...]:
        """Shape of an action for everybody: (people,)."""
        return (self.people,)

    @property
    def longest(self) -> int:
        """Slots of the longest episode."""
        return self.parameters.calendar.slots

    def start(self, seed: Any1 | int, person: Any1 | int) -> Float:
        """Puts the person (seed, person) in each row, at slot 0.

        Both are int64, shape (people,), or one number for all. Returns the first observation.
        """
        bounds = (seed, seed) if isinstance(seed, int) else (int(seed.min()), int(seed.max()))
        if bounds[0] < 0 or bounds[1] >= 2**63:
            raise ValueError(f"seed: found {bounds[1]}; allowed: 0 to 2**63 - 1")
        self.slot = self._every(0)
        self.seed = self._every(seed)
        self.person = self._every(person)
        self.traits, self.state = draw(self.parameters, self.seed, self.person)
        self._used = _AHEAD
        self._newcomers = _Newcomers(self.parameters)
        self.view.clear(self.xp.arange(self.people, device=self.device))
        self.started = True
        return self.observe()

    def _every(self, number: Any1 | int) -> Int:
        """int64 (people,), from one number for all or one each."""
        given = self.xp.asarray(number, dtype=self.xp.int64, device=self.device)
        every: Int = given + self.xp.zeros(self.people, dtype=self.xp.int64, device=self.device)
        return every

    def restart(self, rows: Bool) -> None:
        """Puts the next person (person + 1) in each of the rows marked true."""
        (some,) = self.xp.nonzero(rows)
        if some.shape[0] == 0:
            return
        traits, state, luck = self._newcomers.take(some, self.seed, self.person + 1)
        self.person = self.xp.where(rows, self.person + 1, self.person)
        self.slot = self.xp.where(rows, 0, self.slot)
        self.traits = self.traits.with_rows(some, traits)
        self.state = self.state.with_rows(some, state)
        if self._fused is None and self._used < _AHEAD:
            self._ahead[self._used :, :, some] = luck[: _AHEAD - self._used, ...]
        self.view.clear(some)

    def observe(self) -> Float:
        """The observation as things stand."""
        return self.view.observe(self.slot, self.traits, self.state)

    def observe_restarted(self, observation: Float, rows: Bool) -> Float:
        """A copy of `observation` in which the rows that have just restarted are up to date."""
        fresh: Float = self.xp.asarray(observation, copy=True)
        fresh[rows] = self.view.observe_newcomers(rows, self.slot, self.traits, self.state)
        return fresh

    def step(self, action: Any1, away: Bool | None = None) -> Transition:
        """Leads each person's feed with the item `action`, an integer array of `action_shape`.

        away: who keeps the app closed in this slot whatever calls, bool (people,); nobody if None.
        Raises `ValueError` for an action outside the catalogue, naming the row, and for `away` of
        another shape or type.
        """
        feed, following = self._shaped(action), self.slot + 1
        if away is not None and (away.shape != (self.people,) or not _boolean(self.xp, away.dtype)):
            raise ValueError(
                f"away: found {away.dtype} of shape {away.shape}; allowed: bools of shape "
                f"{(self.people,)}"
            )
        self.state, outcome = self._lived(feed, following, away)
        self.slot = following
        yoked_logs = self.parameters.placebo == "yoked_logs"
        self.view.record(outcome.of_next() if yoked_logs else outcome)
        ended = self.slot >= self.parameters.calendar.slots
        return Transition(
            observation=self.observe(),
            reward=self._reward(outcome),
            terminated=outcome.left,
            truncated=ended & ~outcome.left,
            outcome=outcome,
        )

    def _lived(self, feed: Int, number: Int, away: Bool | None) -> tuple[State, Outcome]:
        """Slot `number` of everybody, by the engine."""
        if self._fused is None:
            self.items.check(feed)
            luck = self._luck()
            return slot(self.parameters, self.items, self.traits, self.state, feed, luck, away)
        lived: tuple[State, Outcome] = self._fused.slot(
            self.traits, self.state, feed, self.seed, self.person, number, away
        )
        return lived

    def _luck(self) -> Float:
        """The draws of this slot, shape (lanes, people)."""
        if self._used == _AHEAD:
            self._used = 0
            self._ahead = _luck_ahead(self.seed, self.person, self.slot)
        self._used += 1
        luck: Float = self._ahead[self._used - 1]
        return luck

    def _shaped(self, action: Any1) -> Int:
        xp = self.xp
        feed = xp.asarray(action, device=self.device)
        if feed.shape != self.action_shape or not _integral(xp, feed.dtype):
            raise ValueError(
                f"action: found {feed.dtype} of shape {feed.shape}; allowed: integers of shape "
                f"{self.action_shape}"
            )
        shaped: Int = xp.astype(feed, xp.int64, copy=False)
        return shaped

    def _reward(self, outcome: Outcome) -> Float:
        aim = self.parameters.objective
        reward = aim.watch_time * outcome.minutes
        if aim.growth:
            reward = reward + aim.growth * outcome.opened
        if aim.advertising:
            reward = reward + aim.advertising * outcome.revenue
        if aim.unendorsed_minutes:
            reward = reward - aim.unendorsed_minutes * outcome.unendorsed
        if aim.induced_extremity:
            reward = reward - aim.induced_extremity * outcome.persuasion
        paid: Float = self.xp.astype(reward, self.xp.float32, copy=False)
        return paid

    def nothing(self) -> Outcome:
        """The outcome of a slot that has not been played: zeros."""
        none, zero = self._every(0) != 0, self._every(0)
        real = self.xp.astype(zero, self.xp.float32)
        return Outcome(none, zero, none, real, real, real, real, real, none)

    def measured(self, outcome: Outcome, idle: Bool | None = None) -> dict[str, Any]:
        """The true state and what happened, for `info`: arrays with one row a person.

        In rows marked `idle` nothing happened: they only began.

        `cost` follows Safety-Gymnasium: the sum of the parts `cost_*`. Parts are unendorsed
        minutes, and induced extremity in hundredths of the stance axis, so that the sum is not one
        of them.
        """
        unendorsed = outcome.unendorsed
        xp = self.xp
        extremity = xp.maximum(100.0 * outcome.persuasion, 0.0)
        happened = {
            "opened": outcome.opened,
            "item": outcome.item,
            "sought": outcome.sought,
            "minutes": outcome.minutes,
            "endorsed_minutes": outcome.endorsed,
            "welfare": outcome.worth,
            "revenue": outcome.revenue,
            "cost": unendorsed + extremity,
            "cost_unendorsed_minutes": unendorsed,
            "cost_induced_extremity": extremity,
            "churned": outcome.left,
        }
        if idle is not None:
            (rows,) = xp.nonzero(idle)
            happened = {name: _blank(xp, column, rows) for name, column in happened.items()}
        return happened | {
            "habit": self.state.habit,
            "tolerance": self.state.tolerance,
            "stance": self.state.stance,
            "origin": self.traits.stance,
            "regret": self.state.regret,
            "taste": self.state.taste,
            "satiation": self.state.satiation,
            "slot": self.slot,
            "person": self.person,
        }


def _blank(xp: Any, column: Any1, rows: Int) -> Any1:
    """A copy of the column with 0 in the rows numbered."""
    fresh: Any1 = xp.asarray(column, copy=True)
    fresh[rows] = 0
    return fresh


@cache
def _integral(xp: Any, dtype: Any) -> bool:
    return bool(xp.isdtype(dtype, "integral"))


@cache
def _boolean(xp: Any, dtype: Any) -> bool:
    return bool(xp.isdtype(dtype, "bool"))


def engine_for(engine: str, device: str | None = None) -> str:
    """Which of `ENGINES` plays where `engine` is asked for; device: see `FeedBatch`.

    `auto` is numba where numba works and NumPy's arrays are asked for, else numpy. Raises
    `ValueError` for an engine that does not exist or does not play on the device,
    `ModuleNotFoundError` for one that is not there.
    """
    checked_choice("engine", engine, ("auto", *ENGINES))
    if engine == "auto":
        return "numpy" if device is not None or missing("numba") else "numba"
    if engine != "numpy" and device is not None:
        raise ValueError(f"engine: found {engine!r} beside device {device!r}; allowed: numpy")
    if (why := missing(engine)) is not None:
        raise ModuleNotFoundError(f"engine: {why}")
    return engine


def missing(engine: str) -> str | None:
    """Why an engine cannot be had here; None if it can."""
    if engine != "numba":
        return None
    if find_spec("numba") is None:
        return "numba is not installed; allowed: engine 'numpy', or pip install 'undertow[fast]'"
    try:  # slow, so only where it is asked for
        numba = importlib.import_module("numba")
    except (ImportError, OSError) as error:  # such as a NumPy newer than it knows
        return f"numba cannot be imported ({error}); allowed: engine 'numpy'"
    if numba.config.DISABLE_JIT:
        return "numba does not compile (NUMBA_DISABLE_JIT is set); allowed: engine 'numpy'"
    return None


def checked_items(items: Any, parameters: WorldParameters) -> Items:
    """The items. Raises `TypeError` for what is none, `ValueError` for another world's topics."""
    if not isinstance(items, Items):
        raise TypeError(f"items: found {type(items).__name__}; allowed: Items")
    topics, allowed = items.indicator.shape[1], parameters.population.topics
    if topics != allowed:
        raise ValueError(
            f"items: found {topics} topics; allowed: {allowed} (population.topics of the world)"
        )
    return items


class _Newcomers:
    """The next person of each row, drawn many at once, so that a restart is but a copy."""

    def __init__(self, parameters: WorldParameters) -> None:
        self._parameters = parameters
        self._waiting: Bool | None = None  # whose next person is drawn

    def take(self, rows: Int, seed: Int, person: Int) -> tuple[Traits, State, Float]:
        """Traits, state and first luck, (ahead, lanes, rows), of who is next in these rows.

        rows: their numbers. seed, person: int64 (people,), who is next in each row of the batch.
        """
        xp = namespace(rows)
        if self._waiting is None:
            self._traits, self._state = draw(self._parameters, seed, person)
            self._luck = _luck_ahead(seed, person, person - person)
            self._waiting = person == person
        elif not xp.all(self._waiting[rows]):
            (missing,) = xp.nonzero(~self._waiting)
            self._draw_some(missing, seed[missing], person[missing])
            self._waiting[missing] = True
        self._waiting[rows] = False
        return self._traits.take(rows), self._state.take(rows), self._luck[:, :, rows]

    def _draw_some(self, rows: Int, seed: Int, person: Int) -> None:
        traits, state = draw(self._parameters, seed, person)
        self._traits = self._traits.with_rows(rows, traits)
        self._state = self._state.with_rows(rows, state)
        self._luck[:, :, rows] = _luck_ahead(seed, person, person - person)


def _luck_ahead(seed: Int, person: Int, slot: Int) -> Float:
    """Luck of the coming slots, (ahead, lanes, people), after `slot`, int64 (people,)."""
    xp = namespace(slot)
    ahead = xp.arange(1, _AHEAD + 1, dtype=xp.int64, device=slot.device)
    drawn = uniforms(seed, person, ahead[:, None] + slot, Mechanism.OPENING, IN_A_SLOT)
    lanes: Float = xp.moveaxis(drawn, 0, 1)
    return lanes
