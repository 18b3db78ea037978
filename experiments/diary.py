"""People followed slot by slot through the arms of a study: who sees what, and what they do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..agents import Binding, Policy
from ..envs.feed_batch import FeedBatch
from ..envs.world import (
    Items,
    Mechanism,
    Outcome,
    State,
    Traits,
    WorldParameters,
    altered,
    uniforms,
)

Real = NDArray[np.float32]
Flag = NDArray[np.bool_]


@dataclass(frozen=True)
class Now:
    """What a rule that keeps people away may look at, at the start of a slot."""

    seed: NDArray[np.int64]
    person: NDArray[np.int64]
    slot: int
    minutes_today: Real
    self_control: Real

    def lot(self) -> Real:
        """One uniform draw a person, (people,), the same in every arm."""
        slots = np.full_like(self.person, self.slot)
        drawn: Real = uniforms(self.seed, self.person, slots, Mechanism.AWAY, 1)[0]
        return drawn


#: Who keeps the app closed in a slot, bool (people,).
Away = Callable[[Now], Flag]


def everybody(now: Now) -> Flag:
    """The app is deactivated."""
    return np.ones(now.person.size, dtype=np.bool_)


def some_slots(share: float) -> Away:
    """Friction: a share of slots, drawn by lot, in which the app stays closed."""
    return lambda now: now.lot() < share


def daily_limit(minutes: Real) -> Away:
    """A limit, minutes a day (people,), kept with the chance of a person's self-control."""
    return lambda now: (now.minutes_today >= minutes) & (now.lot() < now.self_control)


@runtime_checkable
class Acquainted(Protocol):
    """A feed that goes by what people watched, under whatever feed they did so."""

    def met(self, traits: Traits, state: State) -> None:
        """Tells it whom it serves, at the start."""
        ...

    def watched(self, slot: int, outcome: Outcome) -> None:
        """Tells it what was done in a slot, counted from 0."""
        ...


@dataclass(frozen=True)
class Phase:
    """A stretch of a study: its length, the feed, and who is kept away from it."""

    days: int
    policy: Policy
    away: Away | None = None


@dataclass(frozen=True)
class Diary:
    """What was shown and done. Arrays have shape (slots, people)."""

    led: NDArray[np.int64]
    watched: NDArray[np.int64]
    opened: Flag
    sought: Flag
    minutes: Real
    worth: Real
    outward: Real
    """How far what was watched pushed |x| outward; negative: inward."""
    present: Flag
    """Still there at the end of the slot."""
    stance: Real
    """x at the end of the slot."""
    habit: Real

    def days(self, first: int, last: int, slots_per_day: int) -> Self:
        """The slots of the days `first` to `last` - 1."""
        part = slice(first * slots_per_day, last * slots_per_day)
        return type(self)(**{f.name: getattr(self, f.name)[part] for f in fields(self)})


@dataclass(frozen=True)
class Course:
    """One arm of a study: the people at its start, and their diary."""

    parameters: WorldParameters
    items: Items
    traits: Traits
    start: State
    diary: Diary

    def days(self, first: int, last: int) -> Diary:
        """The diary of the days `first` to `last` - 1 of the study."""
        return self.diary.days(first, last, self.parameters.calendar.slots_per_day)

    def use(self, first: int, last: int) -> Real:
        """Minutes a day of each person in these days, (people,)."""
        minutes: Real = self.days(first, last).minutes.sum(axis=0) / (last - first)
        return minutes

    def stance_after(self, days: int) -> Real:
        """Stances at the end of day `days`, (people,)."""
        at: Real = self.diary.stance[days * self.parameters.calendar.slots_per_day - 1]
        return at


def follow(
    parameters: WorldParameters,
    items: Items,
    phases: Sequence[Phase],
    *,
    seed: int,
    people: int,
    engine: str = "numpy",
) -> Course:
    """Runs people 0..people-1 of `seed` through the phases, in one calendar as long as them all.

    Every policy sees the true state if one of them does; nobody is replaced after churn. engine:
    see `FeedBatch`.
    """
    days = sum(phase.days for phase in phases)
    parameters = altered(parameters, {"calendar": {"days": days}})
    views = {phase.policy.observation for phase in phases}
    view = "oracle" if "oracle" in views else "platform"
    batch = FeedBatch(parameters, people, view, items, engine=engine)
    seeds = np.full(people, seed, dtype=np.int64)
    persons = np.arange(people, dtype=np.int64)
    observation = batch.start(seeds, persons)
    start = batch.state
    policies = {id(phase.policy): phase.policy for phase in phases}.values()
    for policy in policies:
        policy.begin(seeds, persons)
    acquainted = [policy for policy in policies if isinstance(policy, Acquainted)]
    for policy in acquainted:
        policy.met(batch.traits, start)
    slots_per_day = parameters.calendar.slots_per_day
    slots = days * slots_per_day
    diary = _blank(slots, people)
    per_slot = [phase for phase in phases for _ in range(phase.days * slots_per_day)]
    today = np.zeros_like(batch.state.stance)
    for slot, phase in zip(range(slots), per_slot, strict=True):
        if slot % slots_per_day == 0:
            today = np.zeros_like(batch.state.stance)
        away = None
        if phase.away is not None:
            away = phase.away(Now(seeds, persons, slot, today, batch.traits.self_control))
        binding = phase.policy if isinstance(phase.policy, Binding) else None
        if binding is not None:
            away = binding.away() if away is None else away | binding.away()
        action = phase.policy.act(observation)
        transition = batch.step(action, away)
        observation, outcome = transition.observation, transition.outcome
        if binding is not None:
            binding.used(outcome.opened, outcome.minutes)
        for policy in acquainted:
            policy.watched(slot, outcome)
        today = today + outcome.minutes
        diary.led[slot], diary.watched[slot] = action, outcome.item
        diary.opened[slot], diary.sought[slot] = outcome.opened, outcome.sought
        diary.minutes[slot], diary.worth[slot] = outcome.minutes, outcome.worth
        diary.outward[slot], diary.present[slot] = outcome.persuasion, batch.state.present
        diary.stance[slot], diary.habit[slot] = batch.state.stance, batch.state.habit
    return Course(parameters, items, batch.traits, start, diary)


def _blank(slots: int, people: int) -> Diary:
    def numbers() -> Real:
        return np.zeros((slots, people), dtype=np.float32)

    def flags() -> Flag:
        return np.zeros((slots, people), dtype=np.bool_)

    def names() -> NDArray[np.int64]:
        return np.zeros((slots, people), dtype=np.int64)

    return Diary(
        led=names(),
        watched=names(),
        opened=flags(),
        sought=flags(),
        minutes=numbers(),
        worth=numbers(),
        outward=numbers(),
        present=flags(),
        stance=numbers(),
        habit=numbers(),
    )
