"""One person on the compiled engine: everything about them in three arrays, one call a slot.

A batch of one spends its time on making arrays, not on arithmetic. Here the person's numbers lie
side by side, and one compiled call moves them on, keeps the logs, writes the observation and pays.
Tests hold every output against `FeedBatch(engine="numba")`, to the bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..feed_batch import FeedBatch
from ..world import Items, State, Traits, WorldParameters, draw
from ..world.arrays import Any1, Bool, Float, Int
from ..world.slot import too_few_to_yoke
from . import loops
from .engine import FusedPlatformView
from .loops import MOVED, PERSON, PRESENT, SEED, SLOT, TASTES, TRAITS
from .tables import frame, item_records, numbers, shared

_MOVED = ("habit", "tolerance", "stance", "regret")
_TRAITS = ("stance", "self_control", "susceptibility", "latitude", "news")
_AHEAD = 32  # people drawn together

Played = tuple[Float, float, bool, bool, dict[str, Any]]


class PersonAlone(FeedBatch):
    """`FeedBatch(people=1, engine="numba")` with the platform's view, and `play` for one slot.

    All that a batch can do, this can do, with the same results; `play` is many times as fast.
    """

    def __init__(self, parameters: WorldParameters, items: Items | None = None) -> None:
        super().__init__(parameters, 1, "platform", items, engine="numba")
        view = self._platform()
        topics = parameters.population.topics
        self._table = numbers(parameters)
        self._records = item_records(self.items, view.item_group)
        self._frame = frame(parameters, view.groups)
        self._slots = parameters.calendar.slots
        self._count, self._size = len(self.items), view.size
        self._yoked = parameters.placebo != "none"
        self._whole = np.zeros(4, dtype=np.int64)
        self._flags = np.zeros(4, dtype=np.bool_)
        self._reals = np.zeros(TASTES + 3 * topics + view.size - 1, dtype=np.float32)
        self._waiting = np.zeros((0, self._reals.size), dtype=np.float32)  # drawn, and not yet here
        self._look()

    def _platform(self) -> FusedPlatformView:
        assert isinstance(self.view, FusedPlatformView)
        return self.view

    def _look(self) -> None:
        """Views of the parts of the arrays."""
        topics, reals = self.parameters.population.topics, self._reals
        tastes = reals[TASTES : TASTES + 3 * topics].reshape(3, 1, topics)
        self._first_taste, self._taste, self._satiation = tastes
        self._brief = reals[: TRAITS + 1]
        self._platform().keep_in(reals[TASTES + 3 * topics :].reshape(1, -1))

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        # A copy of a view is no view of the copy.
        self._whole, self._flags = np.array(self._whole), np.array(self._flags)
        self._reals = np.array(self._reals)
        tables = (self._table, self._records, self._frame)
        self._table, self._records, self._frame = map(shared, tables)
        self._look()

    def play(self, feed: int) -> Played:
        """Leads the feed with the item `feed`: observation, reward, terminated, truncated, info.

        All of it is the caller's own. `info` holds what `measured` tells, as Python's own numbers,
        and taste and satiation as arrays of shape (topics,). Raises as `step` does.
        """
        if self._yoked:
            raise too_few_to_yoke(1)
        if not 0 <= feed < self._count:
            raise ValueError(f"action[0]: found {feed}; allowed: 0 to {self._count - 1}")
        seen = np.empty(self._size, np.float32)
        loops.alone(
            self._table, self._records, self._frame, feed,
            self._whole, self._flags, self._reals, seen,
        )  # fmt: skip
        _, person, slot, item = self._whole.tolist()
        _, opened, sought, left = self._flags.tolist()
        (
            minutes, endorsed, worth, _, revenue, cost, unendorsed, extremity, reward,
            habit, tolerance, stance, regret, origin,
        ) = self._brief.tolist()  # fmt: skip
        info = {
            "opened": opened,
            "item": item,
            "sought": sought,
            "minutes": minutes,
            "endorsed_minutes": endorsed,
            "welfare": worth,
            "revenue": revenue,
            "cost": cost,
            "cost_unendorsed_minutes": unendorsed,
            "cost_induced_extremity": extremity,
            "churned": left,
            "habit": habit,
            "tolerance": tolerance,
            "stance": stance,
            "origin": origin,
            "regret": regret,
            "taste": self._taste[0].copy(),
            "satiation": self._satiation[0].copy(),
            "slot": slot,
            "person": person,
        }
        return seen, reward, left, slot >= self._slots and not left, info

    def restart(self, rows: Bool) -> None:
        """Puts the next person (person + 1) in the one row, if it is marked true."""
        if not rows[0]:
            return
        if not len(self._waiting):
            following = self.person + np.arange(1, _AHEAD + 1, dtype=np.int64)
            drawn = draw(self.parameters, np.repeat(self.seed, _AHEAD), following)
            self._waiting = self._packed(*drawn)
        self.person = self.person + 1
        self._whole[SLOT] = 0
        self._flags[PRESENT] = True
        self._reals[:], self._waiting = self._waiting[0], self._waiting[1:]

    def start(self, seed: Any1 | int, person: Any1 | int) -> Float:
        """Puts the person (seed, person) in the one row, at slot 0; see `FeedBatch`."""
        self._waiting = self._waiting[:0]
        return super().start(seed, person)

    def _packed(self, traits: Traits, state: State) -> Float:
        """These people, all present, as reals on their first day: (people, reals)."""
        rows = np.zeros((len(traits.stance), self._reals.size), dtype=np.float32)
        for names, first, holder in (
            (_MOVED, MOVED, state),
            (_TRAITS, TRAITS, traits),
        ):
            for place, name in enumerate(names, start=first):
                rows[:, place] = getattr(holder, name)
        tastes = np.concatenate([traits.taste, state.taste, state.satiation], axis=1)
        rows[:, TASTES : TASTES + tastes.shape[1]] = tastes
        return rows

    # --- the person as `FeedBatch` keeps them: copied out of the arrays, and into them -----------

    @property
    def seed(self) -> Int:
        """Seed, int64 (1,)."""
        return self._whole[SEED : SEED + 1].copy()

    @seed.setter
    def seed(self, seed: Int) -> None:
        self._whole[SEED] = seed[0]

    @property
    def person(self) -> Int:
        """Who of that seed, int64 (1,)."""
        return self._whole[PERSON : PERSON + 1].copy()

    @person.setter
    def person(self, person: Int) -> None:
        self._whole[PERSON] = person[0]

    @property
    def slot(self) -> Int:
        """Slots lived so far, int64 (1,)."""
        return self._whole[SLOT : SLOT + 1].copy()

    @slot.setter
    def slot(self, slot: Int) -> None:
        self._whole[SLOT] = slot[0]

    @property
    def traits(self) -> Traits:
        """What is fixed for life; arrays of their own."""
        some = self._reals[TRAITS:TASTES].reshape(-1, 1).copy()
        return Traits(**dict(zip(_TRAITS, some, strict=True)), taste=self._first_taste.copy())

    @traits.setter
    def traits(self, traits: Traits) -> None:
        for place, name in enumerate(_TRAITS, start=TRAITS):
            self._reals[place] = getattr(traits, name)[0]
        self._first_taste[:] = traits.taste

    @property
    def state(self) -> State:
        """What moves; arrays of their own."""
        some = self._reals[MOVED:TRAITS].reshape(-1, 1).copy()
        return State(
            taste=self._taste.copy(),
            satiation=self._satiation.copy(),
            **dict(zip(_MOVED, some, strict=True)),
            present=self._flags[:1].copy(),
        )

    @state.setter
    def state(self, state: State) -> None:
        for place, name in enumerate(_MOVED, start=MOVED):
            self._reals[place] = getattr(state, name)[0]
        self._taste[:], self._satiation[:] = state.taste, state.satiation
        self._flags[PRESENT] = state.present[0]
