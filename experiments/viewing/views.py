"""Views, of a log or of a simulated world: who watched which item in which slot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Real = NDArray[np.float64]


@dataclass(frozen=True)
class Views:
    """One row a view, in any order; arrays have shape (views,) but for `topic_of`."""

    person: Ints
    """Person, 0 upwards."""
    item: Ints
    """Item, 0 upwards."""
    slot: Ints
    """Slot of the world's clock, from any origin that all share."""
    minutes: Real
    """Minutes watched; NaN where unknown."""
    rating: Real
    """What the person said of it afterwards, in any unit; NaN where unknown."""
    topic_of: Ints
    """Topic of each item, 0 upwards, shape (items,)."""

    def __len__(self) -> int:
        return int(self.person.size)

    @property
    def topic(self) -> Ints:
        """Topic of each view."""
        return self.topic_of[self.item]
