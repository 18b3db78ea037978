"""The null column: each row that a world meets, again with a mechanism off; and which rows count.

A null is the same world with persuasion off, with habit off, or with a random feed in the place of
the ranked one. The rule was written before any null was run:

- A row is held against the nulls of the mechanisms that its finding is about (`about` in the
  config). A finding about none of the three is held against those that could change its statistics
  (`applies`).
- A row *counts* in a world if it is met there, and missed in every null that it is held against. A
  statistic that is undefined without the mechanism is missed.
- What is met whether or not the mechanism is there shows nothing about the mechanism. So a finding
  that something did *not* move never counts for a world: a world in which nothing moves meets it.
  It can still count against one.

A row that a world misses needs no null.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal, get_args

Mechanism = Literal["persuasion", "habit", "ranking"]

#: The nulls in the order of the report, and what is overridden in each.
NULLS: Mapping[Mechanism, Mapping[str, Any]] = {
    "persuasion": {"stance": {"persuasion": False}},
    "habit": {"habit": {"enabled": False}},
    "ranking": {"recommender": {"random": True}},
}
assert set(NULLS) == set(get_args(Mechanism))


def counts(met: bool, met_without: Mapping[Mechanism, bool], against: Collection[str]) -> bool:
    """Whether a row counts; see above.

    met_without: whether it is met in each null that was run. against: those that it is held
    against, all of them run if the row is met.
    """
    return met and not any(met_without[mechanism] for mechanism in against)  # type: ignore[index]
