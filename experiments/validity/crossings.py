"""Who passes |x| = 0.6, what they watched when they did, and whether a feed was needed.

Stances also move by themselves (noise, return), so people pass the threshold in slots in which
nothing that they watched moved them. Such a crossing says nothing about what was watched. A
crossing is *by content* if in the slot of the first crossing something contested was watched that
pushed |x| outward.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..diary import Course, Flag

THRESHOLD = 0.6


@dataclass(frozen=True)
class Crossings:
    """First crossings of those who began within the threshold.

    who: true for people who crossed, (people,). The other arrays have one entry for each of them.
    """

    who: Flag
    opened: Flag
    """Something was watched in the slot of the crossing."""
    placed: Flag
    """The feed had placed it; the person had not looked for it."""
    by_content: Flag
    """It was contested and pushed |x| outward."""


def crossings(course: Course, threshold: float = THRESHOLD) -> Crossings:
    """The first crossings of a course."""
    diary = course.diary
    who = crossed(course, threshold)
    people = np.flatnonzero(who)
    first = (np.abs(diary.stance) > threshold).argmax(axis=0)[who]

    def then(column: NDArray[Any]) -> NDArray[Any]:
        return column[first, people]

    opened = then(diary.opened)
    civic = course.items.civic[then(diary.watched)] > 0
    return Crossings(
        who=who,
        opened=opened,
        placed=opened & ~then(diary.sought),
        by_content=opened & civic & (then(diary.outward) > 0),
    )


def crossed(course: Course, threshold: float = THRESHOLD) -> Flag:
    """Who began within the threshold and passed it at some time, (people,)."""
    far = (np.abs(course.diary.stance) > threshold).any(axis=0)
    return far & (np.abs(course.start.stance) <= threshold)


def share(part: Flag, whole: Flag) -> float:
    """How many of `whole` are also in `part`; NaN of nobody."""
    return float((part & whole).sum() / whole.sum()) if whole.any() else float("nan")
