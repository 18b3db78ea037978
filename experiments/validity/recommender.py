"""The recommender of the studies: greedy, or one that errs about people.

    P(kind k leads) = E_k^(1/T) / sum_j E_j^(1/T),   E_k = max_(i in k) E_i

E_i are the exact expected minutes of the next slot if item i leads. What a platform does not know
is what a person wants now; how good an item is it knows from everybody. So it errs between kinds of
content, by the choice rule of Luce 1959 with temperature T, and leads with the best item of a kind:
a nested logit (McFadden 1978) without errors within nests, in which items that are alike share the
chance of their kind and do not multiply it. A kind is a plain topic, or a fifth of the axis of
stances. At T = 0 this is greedy. Lots are those of the person and slot, so twins meet the same
errors.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...agents import Greedy
from ...agents.lots import among, drawn_by_lots
from ...agents.policy import Action, Observed
from ...envs.views import expected_shares
from ...envs.world import Items
from .following import drawn

_WIDTH = 0.2  # of a kind on the axis of stances
_LEAST = 1e-6  # share of the best below which items are alike


class Recommender(Greedy):
    """Leads with an item by its expected minutes.

    temperature: of the choice of a kind, 0 or more.
    """

    def __init__(self, items: Items, temperature: float = 0.0) -> None:
        super().__init__(len(items))
        if not 0.0 <= temperature < np.inf:
            raise ValueError(f"temperature: found {temperature}; allowed: 0 or more")
        self.temperature = temperature
        kind = kinds(items)
        self._of_kind = [np.flatnonzero(kind == k) for k in range(kind.max() + 1)]

    def save(self, path: Path) -> Path:
        """Its catalogue is no rule in a file: raises `NotImplementedError`."""
        raise NotImplementedError("the studies' recommender is not saved; allowed: greedy")

    def act(self, observation: Observed) -> Action:
        """See `Policy`."""
        return self.act_within(observation, np.ones((1, self.items), dtype=np.bool_))

    def act_within(self, observation: Observed, allowed: NDArray[np.bool_]) -> Action:
        """See `Selective`."""
        if self.temperature == 0.0:
            return super().act_within(observation, allowed)
        seed, person, slot = self._next(observation)
        best, logits = self._of_each_kind(observation, allowed)
        kind = drawn_by_lots(logits, seed, person, slot - 1)
        return np.take_along_axis(best, kind[:, None], axis=1)[:, 0]

    def timeline(self, observation: Observed, lots: NDArray[np.float32]) -> Action:
        """What leads and what comes after it, each item once, (places, people).

        lots: uniform draws of each place and person, (places, people), unused at T = 0. Drawn
        without replacement (Plackett 1975), so a kind whose best item is taken stands with its
        second best.
        """
        if self.temperature == 0.0:
            shares = expected_shares(observation, self.items)
            return np.argsort(-shares, axis=1, kind="stable")[:, : len(lots)].T
        left = np.ones((observation.shape[0], self.items), dtype=np.bool_)
        places = []
        for lot in lots:
            best, logits = self._of_each_kind(observation, left)
            kind = drawn(np.exp(logits.astype(np.float64)), lot)
            places.append(np.take_along_axis(best, kind[:, None], axis=1)[:, 0])
            left[np.arange(lot.size), places[-1]] = False
        return np.stack(places)

    def _of_each_kind(
        self, observation: Observed, allowed: NDArray[np.bool_]
    ) -> tuple[Action, NDArray[np.float32]]:
        """The best item of each kind and the logits of the choice among kinds."""
        shares = 0.25 * (expected_shares(observation, self.items) + 3.0)  # of the best item's
        shares = np.where(allowed, shares, -np.inf)
        items = np.stack(
            [which[shares[:, which].argmax(axis=1)] for which in self._of_kind], axis=1
        )
        best = np.take_along_axis(shares, items, axis=1)
        logits = (np.log(np.maximum(best, _LEAST)) / self.temperature).astype(np.float32)
        return items, among(logits, best > -np.inf)


class Unranked(Recommender):
    """A random feed in the recommender's place: every item is equally likely.

    It chooses where the recommender would choose, so each study can be copied without ranking.
    """

    observation = "platform"  # it looks at nobody, and the true state is slow to compute

    def act_within(self, observation: Observed, allowed: NDArray[np.bool_]) -> Action:
        """See `Selective`."""
        seed, person, slot = self._next(observation)
        every = np.broadcast_to(allowed, (person.size, self.items))
        alike = among(np.zeros((1, self.items), dtype=np.float32), every)
        return drawn_by_lots(alike, seed, person, slot)

    def timeline(self, observation: Observed, lots: NDArray[np.float32]) -> Action:
        """Items in random order, each once, (places, people); `lots` as in `Recommender`."""
        left = np.ones((observation.shape[0], self.items), dtype=np.float64)
        places = []
        for lot in lots:
            places.append(drawn(left, lot))
            left[np.arange(lot.size), places[-1]] = 0.0
        return np.stack(places)


def kinds(items: Items) -> NDArray[np.int64]:
    """The kind of each item, numbered from 0: its topic, and among contested ones its fifth."""
    side = np.sign(items.stance) * (1 + np.floor(np.abs(items.stance) / _WIDTH + 1e-4))
    pairs = np.stack([items.topic, np.where(items.civic > 0, side, 0)], axis=1)
    _, kind = np.unique(pairs, axis=0, return_inverse=True)
    return kind.ravel()
