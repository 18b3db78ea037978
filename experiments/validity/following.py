"""The chronological feed of the studies: the newest post of what a person follows.

In none of the studies that switch ranking off (rows 8, 17, 18 and 25) does chronology mean the
posts of everybody: it means those of the accounts that a person follows, and Gauthier et al. 2026
trace what stays when the algorithm goes to what was followed under it. Here an account posts items
of one kind, all accounts post equally often, and nobody unfollows:

    P(item i leads) = F_i / sum_j F_j,   F_i = accounts followed that post item i

At the start a person follows the accounts of so many draws from their own search
(`envs/world/search.py`); afterwards a session ends in following one more account of what was
watched, whoever placed it, with a fixed chance. The number at the start is the median among the
less active nine in ten US adults on Twitter (Pew Research Center 2019); the chance is an
assumption.

Whom the studies of rows 8, 17 and 18 found had lived for years with the feed that they had. So the
first days of a copy can stand for those years: when they are over, a person follows the accounts of
as many draws from the sessions that they had, each alike, instead of those of the start. What came
by search and what the feed placed then stand in the proportion in which they were watched.

Lots are those of the person and slot, so twins differ by what they watched alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ...agents import Chronological
from ...agents.policy import Action, Observed
from ...envs.world import Items, Mechanism, Outcome, State, Traits, WorldParameters, uniforms
from ...envs.world.search import search_weights

_AT_FIRST = 74  # accounts that a person follows at the start
_CHANCE = 0.1  # that a session ends in following what was watched


class Following(Chronological):
    """Leads with the newest post of the accounts that each person follows; see above.

    Whoever runs people tells it who they are (`met`) and what they watch (`watched`), also while
    another feed serves them.

    lived: days at the start that stand for years; 0 for people who are new to the platform.
    """

    kind: ClassVar[str] = "following"

    def __init__(self, parameters: WorldParameters, items: Items, lived: int = 0) -> None:
        super().__init__(items.supply)
        if lived < 0:
            raise ValueError(f"lived: found {lived}; allowed: 0 days or more")
        self.parameters, self.catalogue = parameters, items
        self.settles = lived * parameters.calendar.slots_per_day
        """In how many slots the years are over."""
        self.accounts: NDArray[np.float64] = np.zeros((0, self.items))
        """How many accounts each person follows of each item, (people, items)."""

    def met(self, traits: Traits, state: State) -> None:
        """Starts people, begun before, with the accounts that they look for themselves."""
        weight = search_weights(self.parameters, self.catalogue, traits, state).astype(np.float64)
        self.accounts = self._drawn_accounts(weight, 0)
        self._seen = np.zeros_like(weight)

    def watched(self, slot: int, outcome: Outcome) -> None:
        """Follows, by lot, who posted what was watched in slot `slot`, counted from 0."""
        assert self._people is not None
        self._slot = slot + 1
        if slot < self.settles:
            self._seen[np.flatnonzero(outcome.opened), outcome.item[outcome.opened]] += 1
        if self._slot == self.settles:
            some = (self._seen.sum(axis=1) > 0)[:, None]
            self.accounts = np.where(some, self._drawn_accounts(self._seen, 3), self.accounts)
        elif slot >= self.settles:
            follows = outcome.opened & (_lot(*self._people, slot, 2) < _CHANCE)
            self.accounts[np.flatnonzero(follows), outcome.item[follows]] += 1

    def _drawn_accounts(self, weight: NDArray[np.float64], which: int) -> NDArray[np.float64]:
        """As many accounts as people have, drawn by `weight`, (people, items)."""
        assert self._people is not None
        accounts = np.zeros_like(weight)
        for number in range(_AT_FIRST):
            found = drawn(weight, _lot(*self._people, number, which))
            accounts[np.arange(found.size), found] += 1
        return accounts

    def save(self, path: Path) -> Path:
        """Whom people follow is no rule in a file: raises `NotImplementedError`."""
        raise NotImplementedError("what people follow is not saved; allowed: making it in a study")

    def act(self, observation: Observed) -> Action:
        """See `Policy`; raises `ValueError` before people were met."""
        seed, person, slot = self._next(observation)
        if len(self.accounts) != person.size:
            raise ValueError(
                f"following: found {len(self.accounts)} people met of {person.size}; allowed: all "
                "(`follow` of `diary.py` sees to it)"
            )
        return drawn(self.accounts, _lot(seed, person, slot, 1))

    def timeline(self, lots: NDArray[np.float32]) -> Action:
        """The newest posts of what each follows, (places, people), by lots of the same shape."""
        return np.stack([drawn(self.accounts, lot) for lot in lots])


def _lot(
    seed: NDArray[np.int64], person: NDArray[np.int64], slot: int, which: int
) -> NDArray[np.float32]:
    """One uniform draw a person; which: 0 the start, 1 a lead, 2 a session's end, 3 the years."""
    slots = np.full_like(person, slot)
    return uniforms(seed, person, slots, Mechanism.FOLLOWING, 4)[which]


def drawn(weight: NDArray[np.float64], lot: NDArray[np.float32]) -> Action:
    """The place that falls to each lot, (people,), in proportion to `weight`, (people, places)."""
    mass = np.cumsum(weight, axis=1)
    found = np.sum(mass <= lot[:, None] * mass[:, -1:], axis=1)
    return np.minimum(found, weight.shape[1] - 1)
