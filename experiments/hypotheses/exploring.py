"""A slot for exploration on any policy: a share of leads is drawn, every item equally likely."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ...agents import Policy
from ...agents.policy import Action, Observed
from ...envs.world import Mechanism, uniforms


class Exploring:
    """`policy`, but for a share of leads; each person's lots are the same in every arm."""

    kind: ClassVar[str] = "exploring"

    def __init__(self, policy: Policy, share: float, items: int) -> None:
        if not 0 <= share <= 1:
            raise ValueError(f"share: found {share}; allowed: 0 to 1")
        self.policy, self.share, self.items = policy, share, items
        self.observation = policy.observation

    def begin(self, seed: NDArray[np.int64], person: NDArray[np.int64]) -> None:
        """Starts the people (seed, person), int64 (people,), at slot 0."""
        self.policy.begin(seed, person)
        self._people, self._slot = (seed, person), 0

    def act(self, observation: Observed) -> Action:
        """See `Policy`."""
        led = self.policy.act(observation)
        seed, person = self._people
        self._slot += 1
        slots = np.full_like(person, self._slot)
        whether, which = uniforms(seed, person, slots, Mechanism.REPLACEMENT, 2)
        drawn = np.minimum((which * self.items).astype(np.int64), self.items - 1)
        return np.where(whether < self.share, drawn, led)

    def save(self, path: Path) -> Path:
        """Writes the policy without its slot for exploration, which the config tells."""
        return self.policy.save(path)
