"""A finite Markov decision process as arrays: any one, and what planners and laws need of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.floating[Any]]
Whole = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class FiniteMDP:
    """Transitions as a sparse tensor in coordinates sorted by state, then action.

    What is missing to 1 in a row of the transitions is the chance of the end, which is worth 0.
    """

    states: int
    actions: int
    row: Whole
    """state * actions + action of each entry, (entries,), ascending."""
    following: Whole
    """Next state of each entry, (entries,)."""
    chance: Real
    """Probability of each entry, (entries,); each row sums to at most 1."""
    reward: Real
    """Expected reward, (states, actions)."""
    cost: Real
    """Expected cost, (states, actions): what a constrained planner holds down."""
    start: Real
    """Chance of each state at the start, (states,)."""

    def __post_init__(self) -> None:
        shape = (self.states, self.actions)
        for name, array, wanted in (
            ("reward", self.reward, shape),
            ("cost", self.cost, shape),
            ("start", self.start, shape[:1]),
            ("following", self.following, self.row.shape),
            ("chance", self.chance, self.row.shape),
        ):
            if array.shape != wanted:
                raise ValueError(f"{name}: found shape {array.shape}; allowed: {wanted}")
        mass = np.bincount(self.row, self.chance, minlength=self.states * self.actions)
        if mass.size > self.states * self.actions or self.chance.min(initial=0) < 0:
            raise ValueError("chance: found a row or a chance out of range; allowed: 0 to 1")
        if mass.max(initial=0) > 1 + 1e-9:
            raise ValueError(f"chance: found a row that sums to {mass.max()}; allowed: at most 1")

    def stay(self) -> Real:
        """Chance that the process goes on, (states, actions)."""
        mass = np.bincount(self.row, self.chance, minlength=self.states * self.actions)
        going_on: Real = mass.reshape(self.states, self.actions).astype(np.float64)
        return going_on
