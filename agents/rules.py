"""Policies that are not learned by reinforcement: random, chronological, popular, greedy."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from undertow.envs.feed_batch import FeedBatch
from undertow.envs.views import expected_shares
from undertow.envs.world import Items, Mechanism, WorldParameters, uniforms

from .made_for import MadeFor
from .policy import Action, Observed, write_rule

_Ints = NDArray[np.int64]
_TIMELINE = 4096  # posts before the neutral feed repeats


class _Rule:
    """Keeps who is served and how far they are."""

    kind: ClassVar[str]
    observation = "platform"

    def __init__(self, items: int) -> None:
        if items < 1:
            raise ValueError(f"items: found {items}; allowed: 1 or more")
        self.items = items
        self._people: tuple[_Ints, _Ints] | None = None
        self._slot = 0

    @property
    def made_for(self) -> MadeFor:
        """What it fits: it names so many items."""
        return MadeFor(items=self.items)

    def begin(self, seed: _Ints, person: _Ints) -> None:
        """Starts the people (seed, person), int64 (people,), at slot 0."""
        self._people, self._slot = (seed, person), 0

    def _next(self, observation: Observed) -> tuple[_Ints, _Ints, int]:
        people = observation.shape[0]
        if self._people is None:
            self.begin(np.zeros(people, dtype=np.int64), np.arange(people, dtype=np.int64))
        assert self._people is not None
        if self._people[0].shape != (people,):
            raise ValueError(
                f"observation: found {people} people; allowed: the {self._people[0].size} begun"
            )
        self._slot += 1
        return (*self._people, self._slot)

    def save(self, path: Path) -> Path:
        """Writes a JSON file; see `Policy`."""
        return write_rule(path, kind=self.kind, items=self.items)


def _lots(seed: _Ints, person: _Ints, slot: int) -> NDArray[np.float32]:
    slots = np.full_like(person, slot)
    return uniforms(seed, person, slots, Mechanism.POLICY, 1)[0]


class Random(_Rule):
    """Every item equally likely."""

    kind = "random"

    def act(self, observation: Observed) -> Action:
        """See `Policy`."""
        lot = _lots(*self._next(observation))
        return np.minimum((lot * self.items).astype(np.int64), self.items - 1)


class Chronological(_Rule):
    """The neutral feed: the newest post first, whoever looks.

    Each item is posted regularly, in proportion to its supply, from its place in the catalogue's
    order on; together the posts are one timeline. A person joins it at a place of their own and
    sees what is newest in each slot.
    """

    kind = "chronological"

    def __init__(self, supply: NDArray[np.float32]) -> None:
        super().__init__(int(supply.size))
        self.supply = np.asarray(supply, dtype=np.float64)
        posts = np.maximum(np.round(self.supply / self.supply.sum() * _TIMELINE), 1).astype(int)
        item = np.repeat(np.arange(self.items), posts)
        number = np.concatenate([np.arange(count) for count in posts])
        first = (np.arange(self.items) + 0.5) / self.items
        when = (number + first[item]) / posts[item]
        self._timeline = item[np.argsort(when, kind="stable")]

    def act(self, observation: Observed) -> Action:
        """See `Policy`."""
        return self.newest(*self._next(observation))

    def newest(self, seed: _Ints, person: _Ints, slot: _Ints | int) -> Action:
        """What these people, (people,), see in slots `slot`, counted from 1; one number for all."""
        joined = (_lots(seed, person, 0) * self._timeline.size).astype(np.int64)
        return self._timeline[(joined + slot) % self._timeline.size]

    def save(self, path: Path) -> Path:
        """Writes a JSON file; see `Policy`."""
        return write_rule(path, kind=self.kind, supply=self.supply.tolist())


class Popular(_Rule):
    """The items most watched by everybody, in turn, so that nobody is bored by one alone."""

    kind = "popular"

    def __init__(self, ranking: _Ints, items: int) -> None:
        super().__init__(items)
        self.ranking = np.asarray(ranking, dtype=np.int64)
        if not self.ranking.size or self.ranking.min() < 0 or self.ranking.max() >= items:
            raise ValueError(f"ranking: found {ranking!r}; allowed: items from 0 to {items - 1}")

    @classmethod
    def fit(
        cls,
        parameters: WorldParameters,
        catalogue: Items,
        *,
        seed: int,
        people: int = 1024,
        top: int = 10,
    ) -> Popular:
        """Ranks items by mean minutes in the logs of a random feed among other people."""
        items = len(catalogue)
        batch = FeedBatch(parameters, people, items=catalogue)
        watched, led = np.zeros(items), np.zeros(items)
        policy = Random(items)
        seeds, persons = np.full(people, seed), np.arange(people)
        policy.begin(seeds, persons)
        observation = batch.start(seeds, persons)
        for _ in range(parameters.calendar.slots):
            action = policy.act(observation)
            transition = batch.step(action)
            observation = transition.observation
            watched = watched + np.bincount(action, transition.outcome.minutes, minlength=items)
            led = led + np.bincount(action, minlength=items)
        mean = watched / np.maximum(led, 1)
        return cls(np.argsort(-mean, kind="stable")[: min(top, items)], items)

    def act(self, observation: Observed) -> Action:
        """See `Policy`."""
        seed, person, slot = self._next(observation)
        start = (_lots(seed, person, 0) * self.ranking.size).astype(np.int64)
        return self.ranking[(start + slot) % self.ranking.size]

    def save(self, path: Path) -> Path:
        """Writes a JSON file; see `Policy`."""
        return write_rule(path, kind=self.kind, items=self.items, ranking=self.ranking.tolist())


class Greedy(_Rule):
    """One step ahead on the true state, exactly: the bound for every myopic policy."""

    kind = "greedy"
    observation = "oracle"

    def act(self, observation: Observed) -> Action:
        """See `Policy`."""
        self._next(observation)
        return np.argmax(expected_shares(observation, self.items), axis=1)

    def act_within(self, observation: Observed, allowed: NDArray[np.bool_]) -> Action:
        """See `Selective`."""
        self._next(observation)
        shares = expected_shares(observation, self.items)
        return np.argmax(np.where(allowed, shares, -np.inf), axis=1)
