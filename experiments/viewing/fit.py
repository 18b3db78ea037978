"""Fits parameters of the world to the statistics of a log, by the method of simulated moments.

One parameter a statistic (McFadden 1989; just identified): the parameters are found at which the
simulated world, read as the log was made, has the log's statistics. Rules:

1. A statistic that the log does not have, or has too few views for, sets nothing.
2. One whose parameter, moved over its whole range from the starting world, moves it by less than
   the width of its own 95 % interval sets nothing: it is not identified, or out of reach where the
   log's value lies further than that interval beyond all that is found.
3. A parameter that the fit drives to an end of its range, or whose statistic it misses by more
   than 1.96 standard errors, is out of reach and put back. If several are, only the one that is
   missed by most is. The rest are fitted anew.

All tries of a fit meet the same people with the same luck, so it is repeatable. Draws of people
(bootstrap) are fitted anew, each with people and luck of its own, so that intervals hold the noise
of the log and of the simulation; they take the slopes found at the estimate (chord method).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize

from ...envs.world import WorldParameters, altered
from .marginals import people_of, statistics
from .simulated import Reading, simulate
from .views import Real

_STEP = 0.04  # of a range, for slopes
_EDGE = 0.01  # of a range: nearer to an end than this is at the end
_MISSED = 1.96  # standard errors
_SWEEP = 5  # places of a range that are tried to see whether a statistic is moved


@dataclass(frozen=True)
class Aim:
    """A statistic, and the parameter that is set by it within a range."""

    statistic: str
    parameter: str
    low: float
    high: float

    def value(self, place: float) -> float:
        """The parameter at a place in [0, 1] of its range, to four digits."""
        return float(f"{self.low + place * (self.high - self.low):.4g}")

    def place(self, value: float) -> float:
        """Its place for a value."""
        return float(np.clip((value - self.low) / (self.high - self.low), 0.0, 1.0))

    def of(self, parameters: WorldParameters) -> float:
        """Its value in a world."""
        group, name = self.parameter.split(".")
        return float(getattr(getattr(parameters, group), name))


_TASTE = Aim("taste_spread", "population.taste_sd", 0.0, 6.0)
_REPEAT = Aim("repeat", "satiation.gain", 0.0, 1.0)
_MINUTES = Aim("minutes", "watching.minutes", 1.0, 23.0)  # a longer session leaves its slot
_SHAPE = Aim("minutes_spread", "watching.shape", 0.3, 3.0)
#: By reading. What concentrates views on few items is how surely the best match is found where
#: people look for it, and how much quality pulls where a feed leads.
AIMS: Mapping[Reading, tuple[Aim, ...]] = {
    "sought": (
        _TASTE,
        Aim("popularity", "search.sharpness", 0.0, 10.0),
        _REPEAT,
        _MINUTES,
        _SHAPE,
    ),
    "feed": (_TASTE, Aim("popularity", "appraisal.quality", 0.0, 6.0), _REPEAT, _MINUTES, _SHAPE),
}


@dataclass(frozen=True)
class Target:
    """A statistic of the log: its value and standard error over people."""

    value: float
    error: float


@dataclass(frozen=True)
class Fitted:
    """What a fit found."""

    reading: Reading
    aims: tuple[Aim, ...]
    """Those whose parameters are set."""
    places: tuple[float, ...]
    """Where, in their ranges."""
    slopes: tuple[tuple[float, ...], ...]
    """Of (statistic - target) / error with the places."""
    left: dict[str, str]
    """Parameters that are not set, by name, with the reason."""
    reach: dict[str, tuple[float, float]]
    """Least and most of each statistic over its parameter's range, the rest as at the start."""

    def overrides(self) -> dict[str, dict[str, float]]:
        """The fitted parameters, as overrides of a world."""
        return overrides_of(self.aims, self.places)


def overrides_of(aims: Sequence[Aim], places: Sequence[float]) -> dict[str, dict[str, float]]:
    """Overrides that put parameters at places of their ranges."""
    found: dict[str, dict[str, float]] = {}
    for aim, place in zip(aims, places, strict=True):
        group, name = aim.parameter.split(".")
        found.setdefault(group, {})[name] = aim.value(place)
    return found


def measured(
    parameters: WorldParameters, reading: Reading, *, people: int, seed: int
) -> dict[str, float]:
    """The statistics of a simulated world."""
    views = simulate(parameters, reading, people=people, seed=seed)
    return statistics(people_of(views, parameters.calendar.slots_per_day))


def fit(
    targets: Mapping[str, Target],
    start: WorldParameters,
    reading: Reading,
    *,
    people: int,
    seed: int,
    told: Callable[[str], None] = lambda text: None,
) -> Fitted:
    """Fits the parameters of a reading to the log's statistics, by the rules above."""

    def at(aims: Sequence[Aim], places: Sequence[float]) -> dict[str, float]:
        tried = altered(start, overrides_of(aims, places))
        return measured(tried, reading, people=people, seed=seed)

    left: dict[str, str] = {}
    reach: dict[str, tuple[float, float]] = {}
    aims = []
    for aim in AIMS[reading]:
        target = targets[aim.statistic]
        if not np.isfinite(target.value):
            left[aim.parameter] = f"the log does not tell `{aim.statistic}`"
            continue
        if not target.error > 0:
            left[aim.parameter] = f"too few views to tell `{aim.statistic}`"
            continue
        values = [at([aim], [place])[aim.statistic] for place in np.linspace(0, 1, _SWEEP)]
        reach[aim.statistic] = (min(values), max(values))
        told(f"{reading}: {aim.statistic} reaches {min(values):.3g} to {max(values):.3g}")
        half = 1.96 * target.error
        if np.ptp(values) >= 2 * half:
            aims.append(aim)
            continue
        beyond = not min(values) - half <= target.value <= max(values) + half
        moves = f"over its range `{aim.statistic}` moves from {values[0]:.3g} to {values[-1]:.3g}"
        left[aim.parameter] = (
            f"out of reach: {moves}, and the log has {target.value:.3g}"
            if beyond
            else f"not identified: {moves}, less than its interval in the log is wide"
        )
    while aims:
        solved = _solve(aims, targets, at, [aim.place(aim.of(start)) for aim in aims])
        places, missed, slopes = solved
        told(
            f"{reading}: "
            + ", ".join(
                f"{aim.parameter} {aim.value(x):g}" for aim, x in zip(aims, places, strict=True)
            )
        )
        failed = [
            k
            for k, place in enumerate(places)
            if missed[k] > _MISSED or not _EDGE <= place <= 1 - _EDGE
        ]
        if not failed:
            return Fitted(reading, tuple(aims), tuple(places), slopes, left, reach)
        k = max(failed, key=lambda k: missed[k])
        worst = aims.pop(k)
        left[worst.parameter] = (
            f"out of reach: the fit of `{worst.statistic}` ends at {worst.value(places[k]):.3g} of "
            f"{worst.low:g} to {worst.high:g}, {missed[k]:.1f} standard errors off"
        )
    return Fitted(reading, (), (), (), left, reach)


def _solve(
    aims: Sequence[Aim],
    targets: Mapping[str, Target],
    at: Callable[[Sequence[Aim], Sequence[float]], dict[str, float]],
    start: Sequence[float],
) -> tuple[list[float], list[float], tuple[tuple[float, ...], ...]]:
    """Places at which the simulated statistics are nearest to the targets.

    Also by how many standard errors each is missed there, and the slopes.
    """

    def beyond(places: Real) -> Real:
        found = at(aims, list(places))
        return np.array(
            [
                (found[aim.statistic] - targets[aim.statistic].value) / targets[aim.statistic].error
                for aim in aims
            ]
        )

    def slopes(places: Real) -> Real:
        here = beyond(places)
        columns = []
        for axis in range(places.size):
            step = _STEP if places[axis] < 0.5 else -_STEP
            moved = places.copy()
            moved[axis] += step
            columns.append((beyond(moved) - here) / step)
        return np.stack(columns, axis=1)

    first = np.clip(np.array(start), 0.1, 0.9)
    found = optimize.least_squares(
        beyond, first, slopes, bounds=(0.0, 1.0), xtol=1e-3, ftol=1e-4, gtol=1e-6, max_nfev=25
    )
    missed = [abs(float(off)) for off in found.fun]
    steep = tuple(tuple(map(float, row)) for row in slopes(found.x))
    return [float(x) for x in found.x], missed, steep


def refit(
    fitted: Fitted,
    errors: Mapping[str, float],
    values: Mapping[str, float],
    start: WorldParameters,
    *,
    people: int,
    seed: int,
) -> dict[str, Any]:
    """The parameters for one draw of the log's people: by name, and how far off the fit stayed.

    values: the draw's statistics. errors: of the log's statistics, as in the fit.
    """
    slopes = np.array(fitted.slopes)

    def beyond(places: Real) -> Real:
        tried = altered(start, overrides_of(fitted.aims, list(places)))
        found = measured(tried, fitted.reading, people=people, seed=seed)
        return np.array(
            [
                (found[aim.statistic] - values[aim.statistic]) / errors[aim.statistic]
                for aim in fitted.aims
            ]
        )

    found = optimize.least_squares(
        beyond,
        np.array(fitted.places),
        lambda places: slopes,
        bounds=(0.0, 1.0),
        xtol=1e-3,
        ftol=1e-4,
        gtol=1e-6,
        max_nfev=12,
    )
    return {
        "parameters": {
            aim.parameter: aim.value(place) for aim, place in zip(fitted.aims, found.x, strict=True)
        },
        "off": float(np.abs(found.fun).max()),
    }
