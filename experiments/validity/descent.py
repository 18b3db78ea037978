"""Least squares toward bands: Gauss-Newton steps within a trust region.

    cost(y) = sum_k max(0, |y_k - m_k| / w_k - 1/2)^2  [+ nu |p - o|^2]

m_k and w_k are the middle and half-width of band k; of an open band the cost is that beyond its
end, in tenths of it (or of 1). With a weight nu the place p is drawn to an origin o a little, so
that what no statistic asks to move stays there (ridge regression: Hoerl & Kennard 1970). Each round
takes slopes by forward differences, minimises the cost of the linear model in boxes of several
sizes around the place (a trust region: Conn, Gould & Toint 2000; L-BFGS-B inside) and goes where
that was best, so that no round makes anything worse. Slopes serve for a few such steps, corrected
by what each of them found (Broyden 1965).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

Real = NDArray[np.float64]
_STEP = 0.08  # of a range, for slopes: wide, since statistics are of few people
_WIDTHS = np.array([1.0, 0.5, 0.25, 0.125])  # of the box, tried side by side
_STEPS = 3  # from one set of slopes
_FIRST, _WIDEST, _NARROWEST = 0.2, 0.4, 0.02  # half-width of the box, in ranges
_RIDGE = 1e-2  # holds parameters that nothing asks to move
_FREE = 0.5  # half-widths from the middle that cost nothing
_UNDEFINED = 5.0  # distance of a statistic without a value


@dataclass(frozen=True)
class Point:
    """A place in the unit cube, and the statistics there."""

    place: Real
    values: Real

    def cost(self, bands: Real) -> float:
        """See above; bands: (statistics, 2), NaN for an open end."""
        return float((beyond(bands, self.values) ** 2).sum())


@dataclass(frozen=True)
class Pull:
    """What draws a place toward an origin: nu |p - o|^2."""

    origin: Real
    nearness: float

    def cost(self, place: Real) -> float:
        """See above."""
        return self.nearness * float(((place - self.origin) ** 2).sum())

    def slope(self, place: Real) -> Real:
        """The gradient of the cost, (parameters,)."""
        return 2.0 * self.nearness * (place - self.origin)


def scale_of(bands: Real) -> tuple[Real, Real]:
    """Where a distance is counted from, and its unit; each (statistics,)."""
    low, high = bands.T
    end = np.where(np.isnan(low), high, low)
    closed = ~np.isnan(bands).any(axis=1)
    with np.errstate(invalid="ignore"):
        middle = np.where(closed, 0.5 * (low + high), end)
        unit = np.where(closed, 0.5 * (high - low), 0.1 * np.maximum(1.0, np.abs(end)))
    return middle, unit


def beyond(bands: Real, values: Real) -> Real:
    """Signed distance of each statistic beyond what costs nothing, in half-widths."""
    middle, unit = scale_of(bands)
    far = (values - middle) / unit
    low_open, high_open = np.isnan(bands).T
    out = np.sign(far) * np.maximum(np.abs(far) - _FREE, 0.0)
    out = np.where(low_open, np.maximum(far, 0.0), out)
    out = np.where(high_open, np.minimum(far, 0.0), out)
    return np.where(np.isfinite(values), out, _UNDEFINED)


def descend(
    start: Point,
    bands: Real,
    points: Callable[[Sequence[Real]], list[Point]],
    *,
    rounds: int,
    origin: Real | None = None,
    nearness: float = 0.0,
    told: Callable[[str], None] = lambda text: None,
) -> Point:
    """The best point found from `start` on.

    points: evaluates places of the unit cube, (parameters,) each. origin, nearness: o and nu above;
    o is the start if None. It stops early at a cost of 0, and where the narrowest box brings
    nothing.
    """
    here, width = start, _FIRST
    pull = Pull(start.place if origin is None else origin, nearness)

    def cost(point: Point) -> float:
        return point.cost(bands) + pull.cost(point.place)

    for number in range(rounds):
        if cost(here) == 0:
            break
        began = here
        beside = points(_beside(here.place))
        slopes = _slopes(here, beside)
        here = min([here, *beside], key=cost)
        for _ in range(_STEPS):
            tried = points([_step(here, slopes, bands, pull, width * share) for share in _WIDTHS])
            for point in tried:
                slopes = _corrected(slopes, here, point)
            which = int(np.argmin([cost(point) for point in tried]))
            if cost(tried[which]) >= cost(here):
                width = max(width * _WIDTHS[-1], _NARROWEST)
                break
            # As wide as what served best, and wider where that was the widest.
            width = float(np.clip(width * [1.5, *_WIDTHS[1:]][which], _NARROWEST, _WIDEST))
            here = tried[which]
        told(f"round {number + 1}, cost {cost(here):.3f}")
        if here is began and width <= _NARROWEST:
            break
    return here


def _beside(place: Real) -> list[Real]:
    """The place with each parameter a step further, or back where that leaves the cube."""
    moved = np.tile(place, (place.size, 1))
    np.fill_diagonal(moved, np.where(place + _STEP <= 1.0, place + _STEP, place - _STEP))
    return list(moved)


def _slopes(here: Point, beside: Sequence[Point]) -> Real:
    """What a unit of each parameter changes, (statistics, parameters); 0 if undefined."""
    found = [(point.values - here.values) / (point.place - here.place).sum() for point in beside]
    return np.nan_to_num(np.stack(found, axis=1), posinf=0.0, neginf=0.0)


def _corrected(slopes: Real, here: Point, there: Point) -> Real:
    """The slopes nearest to these that agree with what a step found; Broyden's update."""
    moved = there.place - here.place
    size = float(moved @ moved)
    if size == 0.0:
        return slopes
    missed = there.values - here.values - slopes @ moved
    return slopes + np.outer(np.nan_to_num(missed, posinf=0.0, neginf=0.0), moved) / size


def _step(here: Point, slopes: Real, bands: Real, pull: Pull, width: float) -> Real:
    """Where the linear model costs least within `width` of the place."""
    _, unit = scale_of(bands)
    defined = np.where(np.isfinite(here.values), 1.0, 0.0)
    values = np.nan_to_num(here.values, posinf=0.0, neginf=0.0)

    def loss(step: Real) -> tuple[float, Real]:
        out = beyond(bands, values + slopes @ step) * defined
        there = here.place + step
        price = float((out**2).sum() + _RIDGE * (step @ step)) + pull.cost(there)
        return price, 2.0 * (slopes.T @ (out / unit) + _RIDGE * step) + pull.slope(there)

    bounds = [(max(-width, -at), min(width, 1.0 - at)) for at in here.place]
    found = optimize.minimize(
        loss, np.zeros_like(here.place), jac=True, bounds=bounds, method="L-BFGS-B"
    )
    return np.clip(here.place + found.x, 0.0, 1.0)
