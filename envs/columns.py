"""What stands in each column of an observation: its name and its bounds.

Bounds follow from the world and the items: minutes from the longest session, stocks from the scales
of `people.State`. They are true of every person under every policy. Where float32 has to round,
they leave room for it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces

from .views import FORGETTING, PRIOR_MINUTES, PRIOR_SESSIONS, OracleView, PlatformView
from .world import Items, WorldParameters

#: How long the platform's memories last, in the order of `views.FORGETTING`.
SPEEDS = ("half_day", "two_days", "week")
CIVIC = ("civic_left_far", "civic_left_near", "civic_right_near", "civic_right_far")
# The largest normal draw that `streams.normals` can make: from the smallest uniform, 2**-24.
_LARGEST_NORMAL = math.sqrt(48 * math.log(2))
_ROUNDING = 2.0**-23


class Column(NamedTuple):
    """A column of an observation: its bounds, and how many times float32 may round on the way."""

    name: str
    low: float
    high: float
    roundings: int = 0


def columns_of(view: PlatformView | OracleView, watched: int) -> tuple[Column, ...]:
    """The columns of a view, in their order. watched: the most items in an episode."""
    if isinstance(view, PlatformView):
        return tuple(_platform(view.parameters, view.items, watched))
    return tuple(_oracle(view.parameters, view.items))


def box_of(columns: tuple[Column, ...]) -> spaces.Box:
    """The space of these columns, float32."""
    _, low, high, roundings = (np.array(values) for values in zip(*columns, strict=True))
    room = _ROUNDING * roundings
    low, high = low - room * np.abs(low), high + room * np.abs(high)
    return spaces.Box(low.astype(np.float32), high.astype(np.float32))


def group_names(items: Items) -> tuple[str, ...]:
    """The groups of the platform's log: plain topics that there are, then civic items by side."""
    columns: Any = np.asarray(items.indicator) * (1.0 - np.asarray(items.civic))[:, None]
    return (*(f"topic_{k}" for k in np.flatnonzero((columns > 0).any(axis=0))), *CIVIC)


def longest_minutes(parameters: WorldParameters, items: Items) -> tuple[float, float]:
    """The largest mean minutes of a slot, and the most minutes in one."""
    rule = parameters.watching
    mean = rule.minutes * float(items.length.max()) * (1.0 + rule.habit)
    return mean, mean * rule.longest


def _platform(parameters: WorldParameters, items: Items, watched: int) -> Iterator[Column]:
    groups = group_names(items)
    most = longest_minutes(parameters, items)[1] / parameters.watching.minutes
    least_arousal, arousal = min(float(items.arousal.min()), 0.0), float(items.arousal.max())
    # A memory is as old as 1 / forgetting slots; what is older has been rounded away.
    aged = 128
    for _, speed in zip(FORGETTING, SPEEDS, strict=True):
        for group in groups:
            yield Column(f"minutes_{group}_{speed}", 0.0, 3.0 * most, aged)
        yield Column(f"opens_{speed}", 0.0, 3.0, aged)
        yield Column(f"minutes_{speed}", 0.0, 3.0 * most, aged)
        yield Column(f"sought_minutes_{speed}", 0.0, 3.0 * most, aged)
        arousing = (3.0 * most * least_arousal, 3.0 * most * max(arousal, 0.0))
        yield Column(f"arousing_minutes_{speed}", *arousing, aged)
    # Nobody has watched more in a session than the most, nor less than nothing.
    rate = max(most, PRIOR_MINUTES / PRIOR_SESSIONS)
    for group in groups:
        yield Column(f"watch_rate_{group}", -1.0, 2.0 * rate - 1.0, watched + 16)
    for group in groups:
        yield Column(f"known_{group}", 0.0, 1.0)
    low, high = _tilt(parameters, items, most)
    yield Column("civic_stance", low, high, 2 * watched + 16)
    yield Column("civic_extremity", 0.0, max(-low, high), 2 * watched + 16)
    stance = np.asarray(items.stance)
    yield Column("last_opened", 0.0, 1.0)
    yield Column("last_minutes", 0.0, most, 16)
    yield Column("last_stance", min(float(stance.min()), 0.0), max(float(stance.max()), 0.0))
    yield Column("last_arousal", least_arousal, max(arousal, 0.0))
    yield Column("gap", 0.0, 1.0)
    yield Column("calendar", 0.0, 1.0, 2)


def _tilt(parameters: WorldParameters, items: Items, most: float) -> tuple[float, float]:
    """Bounds of the mean stance of civic minutes."""
    stance, civic = (np.asarray(column, dtype=np.float64) for column in (items.stance, items.civic))
    # An item that takes a stance and is not civic would count above the line alone.
    alone = most * parameters.calendar.slots / 0.5
    each = stance * np.where(civic > 0, 1.0 / np.maximum(civic, 1e-9), alone)
    return min(float(each.min()), 0.0), max(float(each.max()), 0.0)


def _oracle(parameters: WorldParameters, items: Items) -> Iterator[Column]:
    rule = parameters.population
    for stock in ("taste", "satiation"):
        for topic in range(rule.topics):
            yield Column(f"{stock}_{topic}", 0.0, 1.0)
    yield Column("habit", 0.0, 2.0)
    yield Column("tolerance", 0.0, 2.0)
    yield Column("stance", -1.0, 1.0)
    yield Column("extremity", 0.0, 1.0)
    yield Column("regret", 0.0, 1.0)
    yield Column("self_control", 0.0, 1.0)
    yield Column("susceptibility", 0.0, 4.0 * rule.susceptibility_cap)
    widest = rule.latitude_median * math.exp(rule.latitude_sigma * _LARGEST_NORMAL)
    yield Column("latitude", 0.0, widest, 64)
    yield Column("news", 0.0, 1.0)
    yield Column("origin", -1.0, 1.0)
    yield Column("calendar", 0.0, 1.0, 2)
    yield Column("best_minutes", 0.0, longest_minutes(parameters, items)[0] / 8.0, 16)
    for item in range(len(items)):
        yield Column(f"minutes_item_{item}", -3.0, 1.0)
