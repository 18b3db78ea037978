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
assumption. Lots are those of the person and slot, so twins differ by what they watched alone.
"""

from __future__ import annotations

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
    """

    kind: ClassVar[str] = "following"

    def __init__(self, parameters: WorldParameters, items: Items) -> None:
        super().__init__(items.supply)
        self.parameters, self.catalogue = parameters, items
        self.accounts: NDArray[np.float64] = np.zeros((0, self.items))
        """How many accounts each person follows of each item, (people, items)."""

    def met(self, traits: Traits, state: State) -> None:
        """Starts people, begun before, with the accounts that they look for themselves."""
        assert self._people is not None
        seed, person = self._people
        weight = search_weights(self.parameters, self.catalogue, traits, state).astype(np.float64)
        self.accounts = np.zeros_like(weight)
        for number in range(_AT_FIRST):
            found = drawn(weight, _lot(seed, person, number, 0))
            self.accounts[np.arange(found.size), found] += 1

    def watched(self, slot: int, outcome: Outcome) -> None:
        """Follows, by lot, who posted what was watched in slot `slot`, counted from 0."""
        assert self._people is not None
        follows = outcome.opened & (_lot(*self._people, slot, 2) < _CHANCE)
        self.accounts[np.flatnonzero(follows), outcome.item[follows]] += 1
        self._slot = slot + 1

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
    """One uniform draw a person; which: 0 of the start, 1 of a lead, 2 of a session's end."""
    slots = np.full_like(person, slot)
    return uniforms(seed, person, slots, Mechanism.FOLLOWING, 3)[which]


def drawn(weight: NDArray[np.float64], lot: NDArray[np.float32]) -> Action:
    """The place that falls to each lot, (people,), in proportion to `weight`, (people, places)."""
    mass = np.cumsum(weight, axis=1)
    found = np.sum(mass <= lot[:, None] * mass[:, -1:], axis=1)
    return np.minimum(found, weight.shape[1] - 1)
