"""People who each live in the tiny world, stepped together; what `FeedBatch` is to the big one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..refusals import checked_choice, checked_count
from ..world import IN_A_SLOT, Mechanism, uniforms
from ..world.arrays import Any1, Bool, Int
from ..world.watching import session_noise
from .build import TinyWorld
from .grid import COORDINATES, Real

OBSERVATIONS = ("features", "state")
REWARDS = ("minutes", "expected")

_HATS = 9
_APART = 2 / (_HATS - 1)

# The lanes of a slot that round the coordinates, in their order; those of the big world go on as
# they are: opening, watching, churn.
_ROUNDING = (Mechanism.STANCE, 5, 6, 7, Mechanism.SEARCH)


@dataclass(frozen=True)
class TinyOutcome:
    """What happened in a slot. Shapes (people,)."""

    opened: Bool
    item: Int
    minutes: Real
    moved: Real
    """Change of |stance|."""
    left: Bool


@dataclass(frozen=True)
class TinyTransition:
    """What a step gives, before any restart. Shapes (people,), observation (people, size)."""

    observation: Any1
    reward: NDArray[np.float32]
    terminated: Bool
    truncated: Bool
    outcome: TinyOutcome


class TinyBatch:
    """People of one tiny world. They differ in their luck alone; call `start` before `step`.

    observation: `features` (float32) or `state`, its number (int64).
    reward: the `minutes` watched, or what is `expected` of them in this state for this item: the
    same decision process with the luck of a session taken out of the reward, not of the moves.
    exploring: chance that a person starts in any state at all, each equally likely (exploring
    starts: Sutton & Barto 2018), so that a learner sees where its own policy would not go.
    """

    def __init__(
        self,
        world: TinyWorld,
        people: int,
        observation: str = "features",
        reward: str = "minutes",
        exploring: float = 0.0,
    ) -> None:
        if not 0 <= exploring <= 1:
            raise ValueError(f"exploring: found {exploring}; allowed: 0 to 1")
        checked_choice("observation", observation, OBSERVATIONS)
        checked_choice("reward", reward, REWARDS)
        people = checked_count("people", people)
        self.world, self.people, self.observation = world, people, observation
        self.reward, self.exploring = reward, exploring
        self.parameters, self.items = world.full, world.items
        self.started = False
        self._features = features(world)
        self._first = np.cumsum(world.start)

    @property
    def action_shape(self) -> tuple[int, ...]:
        """Shape of an action for everybody: (people,)."""
        return (self.people,)

    @property
    def longest(self) -> int:
        """Slots of the longest episode."""
        return self.parameters.calendar.slots

    def start(self, seed: Any1 | int, person: Any1 | int) -> Any1:
        """Puts the person (seed, person) in each row, at slot 0; returns the first observation."""
        every = np.zeros(self.people, dtype=np.int64)
        self.seed, self.person, self.slot = every + seed, every + person, every.copy()
        if self.seed.min() < 0:
            raise ValueError(f"seed: found {self.seed.min()}; allowed: 0 to 2**63 - 1")
        self.state = self._birth()
        self.started = True
        return self.observe()

    def restart(self, rows: Bool) -> None:
        """Puts the next person (person + 1) in each of the rows marked true."""
        self.person = np.where(rows, self.person + 1, self.person)
        self.slot = np.where(rows, 0, self.slot)
        self.state = np.where(rows, self._birth(), self.state)

    def _birth(self) -> Int:
        zero = np.zeros_like(self.person)
        lot, chance, place = uniforms(self.seed, self.person, zero, Mechanism.TRAITS, 3)
        born = np.searchsorted(self._first, lot * self._first[-1], side="left")
        anywhere = (place * self._first.size).astype(np.int64)
        return np.asarray(np.where(chance < self.exploring, anywhere, born), dtype=np.int64)

    def observe(self) -> Any1:
        """The observation as things stand."""
        return self._features[self.state] if self.observation == "features" else self.state.copy()

    def observe_restarted(self, observation: Any1, rows: Bool) -> Any1:
        """A copy of `observation` in which the rows that have just restarted are up to date."""
        fresh = observation.copy()
        fresh[rows] = self.observe()[rows]
        return fresh

    def step(self, action: Any1) -> TinyTransition:
        """Leads each person's feed with the item `action`, integers (people,)."""
        feed, world, grid = self._checked(action), self.world, self.world.grid
        self.slot = self.slot + 1
        luck = uniforms(self.seed, self.person, self.slot, Mechanism.OPENING, IN_A_SLOT)
        now = self.state
        opened = luck[Mechanism.OPENING] < world.opening[now, feed]
        noise = session_noise(self.parameters, luck[Mechanism.WATCHING].astype(np.float64))
        minutes = np.where(opened, world.minutes[now, feed] * noise, 0.0)
        left = ~opened & (luck[Mechanism.CHURN] < world.leaving[now])
        below = np.where(opened, world.below[1][:, now, feed], world.below[0][:, now])
        up = np.where(opened, world.up[1][:, now, feed], world.up[0][:, now])
        place = below + (luck[list(_ROUNDING)] < up)
        self.state = np.ravel_multi_index(tuple(place), grid.shape).astype(np.int64)
        paid = minutes if self.reward == "minutes" else world.mdp.reward[now, feed]
        extremity = np.abs(grid.values["stance"])
        ended = self.slot >= self.parameters.calendar.slots
        return TinyTransition(
            observation=self.observe(),
            reward=np.asarray(paid, dtype=np.float32),
            terminated=left,
            truncated=ended & ~left,
            outcome=TinyOutcome(
                opened, feed, minutes, extremity[self.state] - extremity[now], left
            ),
        )

    def _checked(self, action: Any1) -> Int:
        feed, count = np.asarray(action), len(self.items)
        if feed.shape != (self.people,) or not np.issubdtype(feed.dtype, np.integer):
            raise ValueError(
                f"action: found {feed.dtype} of shape {feed.shape}; allowed: integers of shape "
                f"({self.people},)"
            )
        if feed.min() < 0 or feed.max() >= count:
            row = int(np.nonzero((feed < 0) | (feed >= count))[0][0])
            raise ValueError(f"action[{row}]: found {feed[row]}; allowed: 0 to {count - 1}")
        return feed.astype(np.int64)

    def nothing(self) -> TinyOutcome:
        """The outcome of a slot that has not been played: zeros."""
        none, real = np.zeros(self.people, dtype=np.bool_), np.zeros(self.people)
        return TinyOutcome(none, np.zeros(self.people, dtype=np.int64), real, real, none)

    def measured(self, outcome: TinyOutcome, idle: Bool | None = None) -> dict[str, Any]:
        """The true state and what happened, for `info`; in rows marked `idle` they only began.

        `cost` is the outward move of |stance| in hundredths of the axis, inward ones as 0.
        """
        outward = np.maximum(100.0 * outcome.moved, 0.0)
        happened: dict[str, Any] = {
            "opened": outcome.opened,
            "item": outcome.item,
            "minutes": outcome.minutes,
            "cost": outward,
            "cost_induced_extremity": outward,
            "churned": outcome.left,
        }
        if idle is not None:
            happened = {k: np.where(idle, 0, v).astype(v.dtype) for k, v in happened.items()}
        values = {name: column[self.state] for name, column in self.world.grid.values.items()}
        origin = np.full(self.people, self.world.parameters.origin)
        place = {"state": self.state.copy(), "slot": self.slot, "person": self.person}
        return happened | values | {"origin": origin} | place


def feature_names() -> tuple[str, ...]:
    """The names of the columns of `features`."""
    hats = (f"stance_near_{place:+.2f}" for place in np.linspace(-1, 1, _HATS))
    return ("stance", "extremity", *COORDINATES[1:], *hats)


def features(world: TinyWorld) -> NDArray[np.float32]:
    """What is seen in each state, float32 (states, size), within [-1, 1].

    The stance, its distance from 0, the other coordinates, and where on the axis the stance lies
    as nine hats that sum to 1: enough to tell any state, and alike for those that lie together.
    """
    value = world.grid.values
    stance = value["stance"]
    others = [value[name] for name in COORDINATES[1:]]
    hats = np.maximum(0.0, 1.0 - np.abs(stance[:, None] - np.linspace(-1, 1, _HATS)) / _APART)
    seen = np.column_stack([stance, np.abs(stance), *others, hats])
    return seen.astype(np.float32)
