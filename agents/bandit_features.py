"""What a linear bandit reads of the platform's logs: phi, for each item."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from undertow.envs.views import FORGETTING, PlatformView

from .policy import Observed

Real = NDArray[np.float64]
Reads = Literal["all", "own"]


@dataclass(frozen=True)
class Features:
    """phi of every item, from an observation of the platform.

    reads `all`: 1 and the whole observation, the same for every item.
    reads `own`: 1, what is not of a group (opens, minutes, sought and arousing minutes at three
    speeds, stance of what was watched, the last slot, the gap, the calendar), and of the item's own
    group the minutes at three speeds, the watch rate and how well it is known. The last five, and
    the product of rate and known, once more times the person's slowest opens: what an item is worth
    is a product of how often they come and how long they stay.
    """

    reads: str
    group: NDArray[np.int64]
    """Group of each item, (items,)."""
    groups: int

    @classmethod
    def of(cls, view: PlatformView, reads: str) -> Self:
        """For what `view` shows."""
        return cls(reads, np.asarray(view.item_group), view.groups)

    @property
    def items(self) -> int:
        """How many items."""
        return int(self.group.size)

    @property
    def size(self) -> int:
        """Length of phi."""
        speeds = len(FORGETTING)
        if self.reads == "all":
            return 1 + self.seen
        return 1 + 4 * speeds + 8 + 2 * (speeds + 3)

    def __call__(self, observation: Observed) -> Real:
        """phi, (items, people, size); (1, people, size) where it is the same for all items."""
        seen = np.asarray(observation, dtype=np.float64)
        people, speeds, groups = seen.shape[0], len(FORGETTING), self.groups
        if self.reads == "all":
            return np.concatenate([np.ones((people, 1)), seen], axis=1)[None]
        ends = np.cumsum([speeds * (groups + 4), groups, groups])
        memories, rate, known, rest = np.split(seen, ends, axis=1)
        memories = memories.reshape(people, speeds, groups + 4)
        activity = memories[:, :, groups:].reshape(people, -1)
        phi = np.empty((groups, people, self.size))
        alike = 1 + activity.shape[1] + rest.shape[1]
        phi[:, :, 0] = 1.0
        phi[:, :, 1:alike] = np.concatenate([activity, rest], axis=1)
        own = phi[:, :, alike : alike + speeds + 3]
        own[:, :, :speeds] = np.moveaxis(memories[:, :, :groups], 2, 0)
        own[:, :, speeds], own[:, :, speeds + 1] = rate.T, known.T
        own[:, :, speeds + 2] = (rate * known).T
        comes = memories[:, -1, groups]
        phi[:, :, alike + speeds + 3 :] = own * comes[None, :, None]
        return phi[self.group]

    @property
    def seen(self) -> int:
        """Columns of the observation that it reads."""
        return len(FORGETTING) * (self.groups + 4) + 2 * self.groups + 8

    def note(self) -> dict[str, Any]:
        """For the JSON text of a file."""
        return {"reads": self.reads, "groups": self.groups}

    def arrays(self) -> dict[str, Any]:
        """For the arrays of a file."""
        return {"group": self.group}

    @classmethod
    def load(cls, fields: Any) -> Self:
        """From both; raises `ValueError` for fields that no `Features` has."""
        reads, groups = str(fields["reads"]), int(fields["groups"])
        group = np.asarray(fields["group"])
        if reads not in get_args(Reads):
            raise ValueError(f"reads: found {reads!r}; allowed: {', '.join(get_args(Reads))}")
        if group.ndim != 1 or group.dtype.kind not in "iu" or not group.size:
            raise ValueError(f"group: found {group.dtype} {group.shape}; allowed: whole (items,)")
        if group.min() < 0 or group.max() >= groups:
            raise ValueError(f"group: found {group.max()}; allowed: 0 to {groups - 1}")
        return cls(reads, group, groups)
