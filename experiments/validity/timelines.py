"""Row 8: two timelines of the same person at the same moment, a ranked and a chronological one.

Milli et al. 2025 collected the first ten posts of each, some two times for each participant, and
let them judge every post. As in their own analysis (its code is public), an effect is

    mean over people (m_ranked - m_chronological) / SD over people (m_chronological)

of each person's means m over their posts: Glass's delta, whose unit is how people's chronological
timelines differ. Posts that are not political count as not partisan there, and as of extremity 0
here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ...agents.policy import Action, Observed
from ...envs.world import Mechanism, Outcome, State, Traits, uniforms
from .following import Following
from .recommender import Recommender

PLACES = 10  # posts of a timeline


class Audit:
    """Serves what `ranked` leads with, and in some slots notes down both whole timelines.

    slots: in which, counted from 0. No post is twice in a ranked timeline; a chronological one has
    the newest posts of accounts, of which several post alike.
    """

    kind: ClassVar[str] = "audit"
    observation = "oracle"

    def __init__(self, ranked: Recommender, ordinary: Following, slots: Sequence[int]) -> None:
        self.feed, self.follows, self.slots = ranked, ordinary, frozenset(slots)
        self.ranked: list[NDArray[np.int64]] = []
        """A timeline, (places, people), for each of the slots."""
        self.ordinary: list[NDArray[np.int64]] = []

    def begin(self, seed: NDArray[np.int64], person: NDArray[np.int64]) -> None:
        """See `Policy`."""
        self._people, self._slot = (seed, person), 0
        self.feed.begin(seed, person)
        self.follows.begin(seed, person)

    def met(self, traits: Traits, state: State) -> None:
        """See `Acquainted`."""
        self.follows.met(traits, state)

    def watched(self, slot: int, outcome: Outcome) -> None:
        """See `Acquainted`."""
        self.follows.watched(slot, outcome)

    def act(self, observation: Observed) -> Action:
        """See `Policy`."""
        if self._slot in self.slots:
            seed, person = self._people
            slots = np.full_like(person, self._slot)
            lots = uniforms(seed, person, slots, Mechanism.TIMELINE, 2 * PLACES)
            self.ranked.append(self.feed.timeline(observation, lots[:PLACES]))
            self.ordinary.append(self.follows.timeline(lots[PLACES:]))
        self._slot += 1
        return self.feed.act(observation)

    def save(self, path: Path) -> Path:
        """As the feed that it serves does: raises `NotImplementedError`."""
        return self.feed.save(path)


def glass_delta(
    what: NDArray[np.float64],
    ranked: Sequence[NDArray[np.int64]],
    ordinary: Sequence[NDArray[np.int64]],
) -> float:
    """How much more of `what`, (items,), ranked timelines have; see above.

    Timelines have shape (places, people). NaN where everybody's chronological one is alike.
    """
    mean, usual = (what[np.concatenate(feed)].mean(axis=0) for feed in (ranked, ordinary))
    unit = usual.std(ddof=1)
    return float((mean - usual).mean() / unit) if unit > 0 else float("nan")
