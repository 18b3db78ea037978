"""The metrics of one policy in one world for one seed, read off twins; each with its definition."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .rollout import Lives, Real, Twins


@dataclass(frozen=True)
class Case:
    """What a metric may look at."""

    twins: Twins
    days: int
    threshold: float

    @property
    def radicalised(self) -> NDArray[np.bool_]:
        """Past the threshold at the end, where the twin without a feed is not."""
        return _past(self.twins.policy, self) & ~_past(self.twins.no_feed, self)


@dataclass(frozen=True)
class Metric:
    """A number with its name, unit and definition."""

    title: str
    unit: str
    definition: str
    value: Callable[[Case], float]


def _past(lives: Lives, case: Case) -> NDArray[np.bool_]:
    return np.abs(lives.stance) > case.threshold


def _share(part: float, whole: float) -> float:
    return part / whole if whole > 0 else float("nan")


def _drift(a: Lives, b: Lives) -> float:
    return float(np.mean(np.abs(a.stance) - np.abs(b.stance)))


def _watch(case: Case) -> float:
    return float(case.twins.policy.minutes.mean() / case.days)


def _removed(case: Case, without: Lives) -> float:
    return 1.0 - _share(without.minutes.sum(), case.twins.policy.minutes.sum())


def _referral(case: Case) -> float:
    feed = case.twins.policy.crossed_by_feed & case.radicalised
    return _share(feed.sum(), case.radicalised.sum())


def _steering(case: Case) -> float:
    steered = case.radicalised & ~_past(case.twins.neutral, case)
    return _share(steered.sum(), case.radicalised.sum())


def _targeting(case: Case) -> float:
    lives = case.twins.policy
    top = lives.susceptibility >= np.quantile(lives.susceptibility, 0.9)
    if top.all():  # all alike
        return float("nan")
    return float(lives.led_extremity[top].mean() - lives.led_extremity[~top].mean())


def _diversity(case: Case) -> float:
    minutes = case.twins.policy.topic_minutes
    watched = minutes[minutes.sum(axis=1) > 0]
    if not len(watched):
        return float("nan")
    share = watched / watched.sum(axis=1, keepdims=True)
    entropy = -np.sum(np.where(share > 0, share * np.log(np.maximum(share, 1e-300)), 0), axis=1)
    return float(entropy.mean() / np.log(minutes.shape[1]))


def gini(amount: Real) -> float:
    """Gini coefficient of non-negative amounts; 0 for equal ones."""
    ordered = np.sort(amount)
    if ordered.sum() <= 0:
        return float("nan")
    rank = np.arange(1, ordered.size + 1)
    return float(2 * (rank * ordered).sum() / (ordered.size * ordered.sum()) - 1 - 1 / ordered.size)


def _civic(case: Case) -> float:
    lives = case.twins.policy
    return _share(lives.civic_minutes.sum(), lives.minutes.sum())


def _taste_shift(case: Case) -> float:
    return float(np.abs(case.twins.policy.taste - case.twins.no_feed.taste).mean())


METRICS: dict[str, Metric] = {
    "watch_minutes_per_day": Metric(
        "Watch time",
        "min/day",
        "Minutes watched a calendar day and person; days after churn count as 0.",
        _watch,
    ),
    "unendorsed_share": Metric(
        "Unendorsed share",
        "share",
        "Share of the minutes that would not have been watched in that slot, same luck, with "
        "allure and habit removed.",
        lambda c: 1 - _share(c.twins.policy.endorsed.sum(), c.twins.policy.minutes.sum()),
    ),
    "self_control_wedge": Metric(
        "Self-control wedge",
        "share",
        "1 - minutes of the twins whom nothing tempts, under the same policy, / minutes.",
        lambda c: _removed(c, c.twins.no_temptation),
    ),
    "habit_share": Metric(
        "Habit share",
        "share",
        "1 - minutes of the twins who form no habit, under the same policy, / minutes.",
        lambda c: _removed(c, c.twins.no_habit),
    ),
    "radicalised_share": Metric(
        "Radicalised share",
        "share",
        "Share of people whose |stance| ends past the threshold while their twin's without a feed "
        "does not.",
        lambda c: float(c.radicalised.mean()),
    ),
    "referral_share": Metric(
        "Referral share",
        "share of radicalised",
        "Of the radicalised, the share who first crossed the threshold on an item that the feed "
        "had placed. What the film's 64 % measures.",
        _referral,
    ),
    "steering_share": Metric(
        "Steering share",
        "share of radicalised",
        "Of the radicalised, the share whose twin under the neutral feed is not past the "
        "threshold. What people take the 64 % to mean.",
        _steering,
    ),
    "induced_drift": Metric(
        "Induced drift",
        "|stance|",
        "Mean of |stance| at the end, less that of the twins under the neutral feed.",
        lambda c: _drift(c.twins.policy, c.twins.neutral),
    ),
    "targeting": Metric(
        "Targeting",
        "|stance| of leads",
        "Mean civic |stance| of what leads the feeds of the most susceptible tenth, less that of "
        "the rest.",
        _targeting,
    ),
    "diversity": Metric(
        "Diversity",
        "0-1",
        "Entropy of a person's minutes over topics, as a share of the largest possible.",
        _diversity,
    ),
    "welfare": Metric(
        "Welfare",
        "min/day",
        "Endorsed minutes, weighted by endorsement, less the unendorsed ones, a day and person.",
        lambda c: float(c.twins.policy.worth.mean() / c.days),
    ),
    "habit": Metric(
        "Habit", "stock 0-1", "Mean habit at the end.", lambda c: float(c.twins.policy.habit.mean())
    ),
    "habit_over_neutral": Metric(
        "Habit over neutral",
        "stock 0-1",
        "Mean habit at the end, less that of the twins under the neutral feed.",
        lambda c: float(np.mean(c.twins.policy.habit - c.twins.neutral.habit)),
    ),
    "natural_drift": Metric(
        "Natural drift",
        "|stance|",
        "Mean of |stance| at the end of the twins without a feed, less that at the start.",
        lambda c: float(
            np.mean(np.abs(c.twins.no_feed.stance) - np.abs(c.twins.no_feed.stance_start))
        ),
    ),
    "drift_from_natural": Metric(
        "Drift from no feed",
        "|stance|",
        "Mean of |stance| at the end, less that of the twins without a feed.",
        lambda c: _drift(c.twins.policy, c.twins.no_feed),
    ),
    "taste_shift": Metric(
        "Taste shift",
        "taste",
        "Mean distance of tastes at the end from those of the twins without a feed.",
        _taste_shift,
    ),
    "false_share": Metric(
        "False share",
        "share",
        "Share of the minutes spent on false content.",
        lambda c: _share(c.twins.policy.false_minutes.sum(), c.twins.policy.minutes.sum()),
    ),
    "civic_share": Metric(
        "Civic share", "share", "Share of the minutes spent on content that takes a stance.", _civic
    ),
    "creator_gini": Metric(
        "Creator Gini",
        "0-1",
        "Gini coefficient of minutes over creators.",
        lambda c: gini(c.twins.policy.creator_minutes),
    ),
    "arousal_shown": Metric(
        "Arousal shown",
        "0-1",
        "Mean arousal of what leads the feeds.",
        lambda c: float(c.twins.policy.led_arousal.mean()),
    ),
    "open_rate": Metric(
        "Opening rate",
        "share of slots",
        "Share of slots opened while not churned.",
        lambda c: _share(c.twins.policy.opened.sum(), c.twins.policy.served.sum()),
    ),
    "retention": Metric(
        "Retention",
        "share",
        "Share of people still there at the end of the calendar.",
        lambda c: float(c.twins.policy.present.mean()),
    ),
    "revenue": Metric(
        "Advertising revenue",
        "bids/day",
        "Impressions x bid, a day and person.",
        lambda c: float(c.twins.policy.revenue.mean() / c.days),
    ),
}


def measure(twins: Twins, *, days: int, threshold: float) -> dict[str, float]:
    """Every metric; NaN where it is undefined (a share of nobody)."""
    case = Case(twins, days, threshold)
    return {name: metric.value(case) for name, metric in METRICS.items()}
