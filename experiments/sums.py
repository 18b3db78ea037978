"""Every metric as sums over people, so that blocks of people can be merged exactly.

A metric is a ratio of two sums (or the difference of two ratios, or a Gini of sums over creators).
What a person adds is rounded to 2^-24 of its unit and summed in whole numbers, so the total does
not depend on how people were cut into blocks. Intervals are over people, by the delta method for a
ratio of means (Cochran 1977), from sums of squares and products.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .metrics import Case, gini
from .rollout import Lives, Real
from .statistics import Estimate

_UNIT = 2.0**-24
_Z = 1.959963984540054  # 97.5 % of a standard normal

Column = NDArray[Any]


@dataclass(frozen=True)
class Block:
    """Some people with their twins, and where the most susceptible tenth of all people begins."""

    case: Case
    susceptible_from: float


@dataclass(frozen=True)
class Ratio:
    """sum(top) / sum(bottom) over people; both functions give (people,)."""

    top: Callable[[Block], Column]
    bottom: Callable[[Block], Column]


@dataclass(frozen=True)
class Streamed:
    """A metric: `finish` of one ratio, or of the first less the second."""

    ratios: tuple[Ratio, ...]
    scale: Callable[[Case], float] = lambda case: 1.0
    complement: bool = False
    """1 - ratio, as of what is removed."""


def _policy(block: Block) -> Lives:
    return block.case.twins.policy


def _everybody(block: Block) -> Column:
    return np.ones(_policy(block).minutes.size)


def _minutes(block: Block) -> Column:
    return _policy(block).minutes


def _mean(of: Callable[[Block], Column]) -> tuple[Ratio, ...]:
    return (Ratio(of, _everybody),)


def _outward(a: Lives, b: Lives) -> Column:
    return np.abs(a.stance) - np.abs(b.stance)


def _past(lives: Lives, block: Block) -> NDArray[np.bool_]:
    return np.abs(lives.stance) > block.case.threshold


def _radicalised(block: Block) -> Column:
    return block.case.radicalised


def _steered(block: Block) -> Column:
    return block.case.radicalised & ~_past(block.case.twins.neutral, block)


def _top(block: Block) -> Column:
    return _policy(block).susceptibility >= block.susceptible_from


def _entropy(block: Block) -> Column:
    minutes = _policy(block).topic_minutes
    total = minutes.sum(axis=1, keepdims=True)
    share = minutes / np.where(total > 0, total, 1.0)
    entropy: Column = -np.sum(
        np.where(share > 0, share * np.log(np.maximum(share, 1e-300)), 0), axis=1
    )
    return entropy


def _watched(block: Block) -> Column:
    return _policy(block).topic_minutes.sum(axis=1) > 0


def _per_day(case: Case) -> float:
    return 1.0 / case.days


STREAMED: dict[str, Streamed] = {
    "watch_minutes_per_day": Streamed(_mean(_minutes), _per_day),
    "unendorsed_share": Streamed(
        (Ratio(lambda b: _policy(b).endorsed, _minutes),), complement=True
    ),
    "self_control_wedge": Streamed(
        (Ratio(lambda b: b.case.twins.no_temptation.minutes, _minutes),), complement=True
    ),
    "habit_share": Streamed(
        (Ratio(lambda b: b.case.twins.no_habit.minutes, _minutes),), complement=True
    ),
    "radicalised_share": Streamed(_mean(_radicalised)),
    "referral_share": Streamed(
        (Ratio(lambda b: _policy(b).crossed_by_feed & b.case.radicalised, _radicalised),)
    ),
    "steering_share": Streamed((Ratio(_steered, _radicalised),)),
    "induced_drift": Streamed(_mean(lambda b: _outward(_policy(b), b.case.twins.neutral))),
    "targeting": Streamed(
        (
            Ratio(lambda b: _policy(b).led_extremity * _top(b), _top),
            Ratio(lambda b: _policy(b).led_extremity * ~_top(b), lambda b: ~_top(b)),
        )
    ),
    "diversity": Streamed(
        (Ratio(_entropy, _watched),),
        lambda case: 1.0 / math.log(case.twins.policy.topic_minutes.shape[1]),
    ),
    "welfare": Streamed(_mean(lambda b: _policy(b).worth), _per_day),
    "habit": Streamed(_mean(lambda b: _policy(b).habit)),
    "habit_over_neutral": Streamed(_mean(lambda b: _policy(b).habit - b.case.twins.neutral.habit)),
    "natural_drift": Streamed(
        _mean(
            lambda b: (
                np.abs(b.case.twins.no_feed.stance) - np.abs(b.case.twins.no_feed.stance_start)
            )
        )
    ),
    "drift_from_natural": Streamed(_mean(lambda b: _outward(_policy(b), b.case.twins.no_feed))),
    "taste_shift": Streamed(
        _mean(lambda b: np.abs(_policy(b).taste - b.case.twins.no_feed.taste).mean(axis=1))
    ),
    "false_share": Streamed((Ratio(lambda b: _policy(b).false_minutes, _minutes),)),
    "civic_share": Streamed((Ratio(lambda b: _policy(b).civic_minutes, _minutes),)),
    "arousal_shown": Streamed(_mean(lambda b: _policy(b).led_arousal)),
    "open_rate": Streamed((Ratio(lambda b: _policy(b).opened, lambda b: _policy(b).served),)),
    "retention": Streamed(_mean(lambda b: _policy(b).present)),
    "revenue": Streamed(_mean(lambda b: _policy(b).revenue), _per_day),
}
#: The one metric that is no ratio: it is taken of minutes summed over people, by creator.
GINI = "creator_gini"


def whole(column: Column) -> list[int]:
    """Values in whole units of 2^-24."""
    scaled = np.round(np.asarray(column, dtype=np.float64) / _UNIT).astype(np.int64)
    return [int(value) for value in np.atleast_1d(scaled)]


def sums_of(block: Block) -> dict[str, Any]:
    """What a block adds, in whole units: JSON data, to be merged with that of other blocks."""
    found: dict[str, Any] = {"people": int(_everybody(block).size)}
    for name, metric in STREAMED.items():
        found[name] = [_moments(r.top(block), r.bottom(block)) for r in metric.ratios]
        found[f"{name}/scale"] = metric.scale(block.case)
    found[GINI] = whole(_policy(block).creator_minutes)
    return found


def _moments(top: Column, bottom: Column) -> list[int]:
    """Sums of top, bottom, top^2, top bottom and bottom^2."""
    a, b = np.asarray(top, dtype=np.float64), np.asarray(bottom, dtype=np.float64)
    return [_total(values) for values in (a, b, a * a, a * b, b * b)]


def _total(values: Real) -> int:
    scaled = np.round(values / _UNIT)
    # Whole numbers of 2^53 and more would lose digits in a float sum: high and low parts apart.
    high = np.floor(scaled / 2**26)
    low = scaled - high * 2**26
    return int(high.astype(np.int64).sum()) * 2**26 + int(low.astype(np.int64).sum())


def merge(blocks: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Blocks added up; the order does not matter."""
    first = blocks[0]
    merged: dict[str, Any] = {"people": sum(block["people"] for block in blocks)}
    for name, metric in STREAMED.items():
        merged[name] = [
            [sum(block[name][k][moment] for block in blocks) for moment in range(5)]
            for k in range(len(metric.ratios))
        ]
        merged[f"{name}/scale"] = first[f"{name}/scale"]
    merged[GINI] = [sum(column) for column in zip(*(b[GINI] for b in blocks), strict=True)]
    return merged


def estimates(merged: Mapping[str, Any]) -> dict[str, Estimate]:
    """Every metric with its 95 % interval over people; undefined ones have no mean."""
    people = merged["people"]
    found = {}
    for name, metric in STREAMED.items():
        ratios = [_ratio(moments, people) for moments in merged[name]]
        if any(r is None for r in ratios):
            found[name] = Estimate(None, None, None, 0)
            continue
        told = [r for r in ratios if r is not None]
        value = told[0][0] - (told[1][0] if len(told) > 1 else 0.0)
        error = math.sqrt(sum(variance for _, variance in told))
        scale = merged[f"{name}/scale"]
        centre = (1.0 - value if metric.complement else value) * scale
        reach = _Z * error * scale
        found[name] = Estimate(centre, centre - reach, centre + reach, people)
    amount = np.asarray(merged[GINI], dtype=np.float64) * _UNIT
    spread = gini(amount)
    defined = None if math.isnan(spread) else spread
    found[GINI] = Estimate(defined, None, None, people)
    return found


def _ratio(moments: list[int], people: int) -> tuple[float, float] | None:
    """A ratio of sums and its variance; None where the denominator is 0."""
    _, bottom, tt, tb, bb = (moment * _UNIT for moment in moments)
    if moments[1] == 0:
        return None
    ratio = moments[0] / moments[1]
    # Residuals top - ratio bottom have mean 0; Cochran's variance of a ratio estimate.
    squares = max(tt - 2 * ratio * tb + ratio * ratio * bb, 0.0)
    return ratio, squares / bottom**2 * people / max(people - 1, 1)
