"""The one implementation behind every face: a batch of people, each at their own place in time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .views import OBSERVATIONS, VIEWS
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
from .world.arrays import Any1, Bool, Float, Int

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
    catalogue; the world's synthetic one if None. Call `start` before `step`.
    """

    def __init__(
        self,
        parameters: WorldParameters,
        people: int,
        observation: str = "platform",
        items: Items | None = None,
    ) -> None:
        if observation not in OBSERVATIONS:
            raise ValueError(
                f"observation: found {observation!r}; allowed: {', '.join(OBSERVATIONS)}"
            )
        if people < 1:
            raise ValueError(f"people: found {people}; allowed: 1 or more")
        self.parameters = parameters
        self.people = people
        self.items = synthetic(parameters) if items is None else items
        self.view = VIEWS[observation](parameters, self.items, people)
        self.started = False

    def start(self, seed: Any1 | int, person: Any1 | int) -> Float:
        """Puts the person (seed, person) in each row, at slot 0.

        Both are int64, shape (people,), or one number for all. Returns the first observation.
        """
        if np.max(seed) >= 2**63 or np.min(seed) < 0:
            raise ValueError(f"seed: found {np.max(seed)}; allowed: 0 to 2**63 - 1")
        self.seed = np.asarray(seed, dtype=np.int64) + np.zeros(self.people, dtype=np.int64)
        self.person = np.asarray(person, dtype=np.int64) + np.zeros(self.people, dtype=np.int64)
        self.slot = np.zeros(self.people, dtype=np.int64)
        self.traits, self.state = draw(self.parameters, self.seed, self.person)
        self._used = _AHEAD
        self._newcomers = _Newcomers(self.parameters, self.people)
        self.view.clear(np.ones(self.people, dtype=np.bool_))
        self.started = True
        return self.observe()

    def restart(self, rows: Bool) -> None:
        """Puts the next person (person + 1) in each of the rows marked true."""
        if not rows.any():
            return
        traits, state, luck = self._newcomers.take(rows, self.seed, self.person + 1)
        self.person = np.where(rows, self.person + 1, self.person)
        self.slot = np.where(rows, 0, self.slot)
        self.traits = self.traits.with_rows(rows, traits)
        self.state = self.state.with_rows(rows, state)
        if self._used < _AHEAD:
            self._ahead[self._used :, :, rows] = luck[: _AHEAD - self._used, :, rows]
        self.view.clear(rows)

    def observe(self, rows: Bool | None = None) -> Float:
        """The observation as things stand; of the rows marked true only, if `rows` is given."""
        return self.view.observe(self.slot, self.traits, self.state, rows)

    def observe_restarted(self, observation: Float, rows: Bool) -> Float:
        """A copy of `observation` in which the rows that have just restarted are up to date."""
        fresh = observation.copy()
        fresh[rows] = self.observe(rows)
        return fresh

    def step(self, action: Any1) -> Transition:
        """Leads each person's feed with the item `action`, an integer array of shape (people,).

        Raises `ValueError` for an action outside the catalogue, naming the row.
        """
        feed = self._checked(action)
        self.state, outcome = slot(
            self.parameters, self.items, self.traits, self.state, feed, self._luck()
        )
        self.slot = self.slot + 1
        self.view.record(outcome)
        ended = self.slot >= self.parameters.calendar.slots
        return Transition(
            observation=self.observe(),
            reward=self._reward(outcome),
            terminated=outcome.left,
            truncated=ended & ~outcome.left,
            outcome=outcome,
        )

    def _luck(self) -> Float:
        """The draws of this slot, shape (lanes, people)."""
        if self._used == _AHEAD:
            self._used = 0
            self._ahead = _luck_ahead(self.seed, self.person, self.slot)
        self._used += 1
        luck: Float = self._ahead[self._used - 1]
        return luck

    def _checked(self, action: Any1) -> Int:
        feed = np.asarray(action)
        if feed.shape != (self.people,) or feed.dtype.kind not in "iu":
            raise ValueError(
                f"action: found {feed.dtype} of shape {feed.shape}; allowed: integers of shape "
                f"({self.people},)"
            )
        count = len(self.items)
        if feed.min() < 0 or feed.max() >= count:
            row = int(np.argmax((feed < 0) | (feed >= count)))
            raise ValueError(f"action[{row}]: found {feed[row]}; allowed: 0 to {count - 1}")
        return feed.astype(np.int64)

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
        return reward.astype(np.float32)

    def measured(self, outcome: Outcome, idle: Bool | None = None) -> dict[str, Any]:
        """The true state and what happened, for `info`: arrays with one row a person.

        In rows marked `idle` nothing happened: they only began.

        `cost` follows Safety-Gymnasium: the sum of the parts `cost_*`. Parts are unendorsed
        minutes, and induced extremity in hundredths of the stance axis, so that the sum is not one
        of them.
        """
        unendorsed = outcome.unendorsed
        extremity = np.maximum(100.0 * outcome.persuasion, 0.0)
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
            happened = {name: np.where(idle, 0, v).astype(v.dtype) for name, v in happened.items()}
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


class _Newcomers:
    """The next person of each row, drawn many at once, so that a restart is but a copy."""

    def __init__(self, parameters: WorldParameters, people: int) -> None:
        self._parameters = parameters
        self._waiting = np.zeros(people, dtype=np.bool_)

    def take(self, rows: Bool, seed: Int, person: Int) -> tuple[Traits, State, Float]:
        """Traits, state and first luck, (ahead, lanes, people); valid in the rows marked true.

        seed, person: int64 (people,), who is next in each row.
        """
        missing = ~self._waiting
        if np.any(rows & missing):
            self._draw(missing, seed[missing], person[missing])
        self._waiting = self._waiting & ~rows
        return self._traits, self._state, self._luck

    def _draw(self, rows: Bool, seed: Int, person: Int) -> None:
        traits, state = draw(self._parameters, seed, person)
        luck = _luck_ahead(seed, person, np.zeros_like(person))
        if not rows.all():
            where = np.cumulative_sum(rows.astype(np.int64)) - 1
            traits = self._traits.with_rows(rows, traits.take(where))
            state = self._state.with_rows(rows, state.take(where))
            luck = np.where(rows, luck[:, :, where], self._luck)
        self._traits, self._state, self._luck = traits, state, luck
        self._waiting = np.ones_like(rows)


def _luck_ahead(seed: Int, person: Int, slot: Int) -> Float:
    """Luck of the coming slots, (ahead, lanes, people), after `slot`, int64 (people,)."""
    coming = np.arange(1, _AHEAD + 1, dtype=np.int64)[:, None] + slot
    drawn = uniforms(seed, person, coming, Mechanism.OPENING, IN_A_SLOT)
    return np.moveaxis(drawn, 0, 1)
