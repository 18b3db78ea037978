"""The grid of states, and stochastic rounding onto it.

A value between two grid points is rounded to one of them by lot, with the chances that keep its
mean (stochastic rounding). What is kept is the mean of each coordinate; what is added is a variance
of at most a quarter of the spacing squared each slot, which falls as the grid is refined.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .parameters import TinyParameters

Real = NDArray[np.floating[Any]]
Whole = NDArray[np.integer[Any]]

COORDINATES = ("stance", "habit", "civic_satiation", "plain_satiation", "regret")


@dataclass(frozen=True)
class Grid:
    """The points of each coordinate, in the order of `COORDINATES`; states count up in C order."""

    stance: Real
    habit: Real
    civic_satiation: Real
    plain_satiation: Real
    regret: Real

    @classmethod
    def of(cls, parameters: TinyParameters) -> Grid:
        """The even grid that `parameters` name."""
        boredom = np.linspace(0, 1, parameters.satiations)
        return cls(
            np.linspace(-1, 1, parameters.stances),
            np.linspace(0, 1, parameters.habits),
            boredom,
            boredom,
            np.linspace(0, 1, parameters.regrets),
        )

    @property
    def points(self) -> tuple[Real, ...]:
        """Points of each coordinate."""
        return tuple(getattr(self, name) for name in COORDINATES)

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Number of points of each coordinate."""
        return tuple(axis.size for axis in self.points)

    def __len__(self) -> int:
        return int(np.prod(self.shape))

    @cached_property
    def index(self) -> Whole:
        """Place of each state on each coordinate, (5, states)."""
        return np.stack(np.unravel_index(np.arange(len(self)), self.shape)).astype(np.int64)

    @cached_property
    def values(self) -> dict[str, Real]:
        """Value of each coordinate in each state, (states,)."""
        rows = zip(COORDINATES, self.points, self.index, strict=True)
        return {name: axis[row] for name, axis, row in rows}

    def between(self, values: Real, coordinate: int) -> tuple[Whole, Real]:
        """The point below each value and the chance of rounding up to the next one."""
        axis = self.points[coordinate]
        place = (np.clip(values, axis[0], axis[-1]) - axis[0]) / (axis[1] - axis[0])
        below = np.minimum(place.astype(np.int64), axis.size - 2)
        return below, place - below

    def corners(self, below: Whole, up: Real) -> tuple[Whole, Real]:
        """All 32 states that five roundings can lead to, with their chances.

        below, up: (5, n), as `between` gives them. Returns states and chances, (n, 32).
        """
        choice = np.stack(np.unravel_index(np.arange(32), (2,) * 5))  # (5, 32)
        strides = np.asarray([int(np.prod(self.shape[k + 1 :])) for k in range(5)])
        state: Whole = ((strides @ below)[:, None] + strides @ choice).astype(np.int64)
        chance = np.ones((below.shape[1], 32))
        for rounded, share in zip(choice, up, strict=True):
            chance *= np.where(rounded, share[:, None], 1.0 - share[:, None])
        return state, chance
