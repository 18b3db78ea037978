"""The loops behind the interface of the world: state in, state out."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..views import FORGETTING, PRIOR_MINUTES, PRIOR_SESSIONS, PlatformView
from ..world import Items, Outcome, State, Traits, WorldParameters
from ..world.arrays import Bool, Float, Int
from ..world.slot import too_few_to_yoke
from . import loops
from .tables import item_records, numbers, shared

_NOBODY = np.zeros(0, dtype=np.bool_)


class FusedWorld:
    """`world.slot` as one compiled loop, its luck drawn where it is used."""

    def __init__(self, parameters: WorldParameters, items: Items) -> None:
        self._parameters, self._catalogue = parameters, items
        self._numbers = numbers(parameters)
        self._items = item_records(items, np.zeros(len(items), dtype=np.int64))

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._numbers, self._items = shared(self._numbers), shared(self._items)

    def slot(
        self,
        traits: Traits,
        state: State,
        feed: Int,
        seed: Int,
        person: Int,
        slot: Int,
        away: Bool | None = None,
    ) -> tuple[State, Outcome]:
        """Advances (seed, person), int64 (people,), by the slot `slot`; else as `world.slot`."""
        people = feed.shape[0]
        if people < 2 and self._parameters.placebo != "none":
            raise too_few_to_yoke(people)
        taste, satiation = np.empty_like(state.taste), np.empty_like(state.satiation)
        moved, told = np.empty((4, people), np.float32), np.empty((5, people), np.float32)
        flags, choice = np.empty((4, people), np.bool_), np.empty(people, np.int64)
        fine = loops.live(
            self._numbers, self._items,
            traits.self_control, traits.susceptibility, traits.latitude, traits.news,
            traits.stance, traits.taste,
            state.taste, state.satiation, state.habit, state.tolerance, state.stance,
            state.regret, state.present,
            seed, person, slot, feed, _NOBODY if away is None else away,
            taste, satiation, moved, told, flags, choice,
        )  # fmt: skip
        if not fine:
            self._catalogue.check(feed)
        habit, tolerance, stance, regret = moved
        minutes, endorsed, worth, persuasion, revenue = told
        present, opened, sought, left = flags
        following = State(taste, satiation, habit, tolerance, stance, regret, present)
        outcome = Outcome(
            opened=opened,
            item=choice,
            sought=sought,
            minutes=minutes,
            endorsed=endorsed,
            worth=worth,
            persuasion=persuasion,
            revenue=revenue,
            left=left,
        )
        return following, outcome


class FusedPlatformView(PlatformView):
    """`PlatformView` with its logs side by side for each person, kept and read by loops."""

    def _empty(self, people: int) -> None:
        width = self.size - 1  # the calendar is no log
        self._logs = np.zeros((people, width), dtype=np.float32)
        self._items = item_records(self.items, self.item_group)
        self._speeds = np.asarray(FORGETTING, dtype=np.float32)

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._items = shared(self._items)

    def keep_in(self, logs: Float) -> None:
        """Keeps the logs in this array, float32 (people, size - 1), from now on."""
        self._logs = logs

    def clear(self, rows: Int) -> None:
        """Forgets the people of the rows with these numbers."""
        self._logs[rows] = 0.0

    def record(self, outcome: Outcome) -> None:
        """Adds one slot to the logs."""
        loops.log(
            self._items, np.float32(1.0 / self.parameters.watching.minutes), self._speeds,
            self.groups, outcome.opened, outcome.item, outcome.sought, outcome.minutes, self._logs,
        )  # fmt: skip

    def observe(self, slot: Int, traits: Traits | None = None, state: State | None = None) -> Float:
        """Observation, shape (people, size)."""
        seen = np.empty((slot.shape[0], self.size), dtype=np.float32)
        loops.view(
            np.float32(1.0 / self.parameters.calendar.slots), len(FORGETTING), self.groups,
            np.float32(PRIOR_SESSIONS), np.float32(PRIOR_MINUTES), slot, self._logs, seen,
        )  # fmt: skip
        return seen
