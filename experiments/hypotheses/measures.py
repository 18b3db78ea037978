"""What is measured of a policy among the people of one seed: every metric, and some of this study.

A subject lives its twins when a statistic first looks at them, since most look at two of five.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ...agents import Chronological, Policy
from ...envs.world import Items, WorldParameters, altered
from ..diary import Phase, follow
from ..metrics import METRICS, Case, Metric
from ..rollout import NO_FEED, NO_HABIT, NO_TEMPTATION, Lives, Real, Twins, live

_STAY = {"churn": {"enabled": False}}
_ON = 49  # days that the policy is on, and then off: seven weeks each


class _WhenAsked:
    """`Twins`, each lived when it is first asked for."""

    def __init__(self, lived: dict[str, Callable[[], Lives]]) -> None:
        self._lived = lived

    def __getattr__(self, name: str) -> Lives:
        if name not in self._lived:
            raise AttributeError(name)
        found = self._lived[name]()
        setattr(self, name, found)  # not asked for again
        return found


@dataclass(frozen=True)
class Subject:
    """A policy in a world among people 0..people-1 of `seed`."""

    parameters: WorldParameters
    items: Items
    policy: Policy
    seed: int
    people: int
    threshold: float

    def _live(self, policy: Policy, overrides: dict[str, dict[str, bool]]) -> Lives:
        """overrides: the mechanisms that a twin lacks."""
        return live(
            altered(self.parameters, overrides),
            self.items,
            policy,
            seed=self.seed,
            people=self.people,
            threshold=self.threshold,
        )

    @cached_property
    def case(self) -> Case:
        """What the project's metrics look at."""
        neutral = Chronological(self.items.supply)
        twins = _WhenAsked(
            {
                "policy": partial(self._live, self.policy, {}),
                "no_temptation": partial(self._live, self.policy, NO_TEMPTATION),
                "no_habit": partial(self._live, self.policy, NO_HABIT),
                "neutral": partial(self._live, neutral, {}),
                "no_feed": partial(self._live, neutral, NO_FEED),
            }
        )
        days = self.parameters.calendar.days
        return Case(cast(Twins, twins), days, self.threshold)

    @property
    def policy_lives(self) -> Lives:
        """Under the policy."""
        return self.case.twins.policy

    @property
    def neutral_lives(self) -> Lives:
        """The twins under the neutral feed."""
        return self.case.twins.neutral


@dataclass(frozen=True)
class Statistic:
    """A number of a subject with its title and definition."""

    title: str
    definition: str
    value: Callable[[Subject], float]


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else float("nan")


def _distance(a: Real, b: Real) -> float:
    """Mean over people of the L1 distance; (people,) or (people, topics)."""
    apart = np.abs(a - b)
    return float((apart if apart.ndim == 1 else apart.sum(axis=1)).mean())


def _induced_taste(subject: Subject) -> float:
    return _distance(subject.policy_lives.taste, subject.neutral_lives.taste)


def _induced_stance(subject: Subject) -> float:
    return _distance(subject.policy_lives.stance, subject.neutral_lives.stance)


def _taste_ratio(subject: Subject) -> float:
    natural = subject.neutral_lives
    return _share(_induced_taste(subject), _distance(natural.taste, natural.taste_start))


def _stance_ratio(subject: Subject) -> float:
    natural = subject.neutral_lives
    return _share(_induced_stance(subject), _distance(natural.stance, natural.stance_start))


def tail_share(minutes: Real, creator: NDArray[np.int64]) -> float:
    """Share of minutes of the least watched tenth of those creators who have an item, (creators,).

    Of a tenth that is no whole number of creators the last counts in part.
    """
    ordered = np.sort(minutes[np.unique(creator)])
    tenth = ordered.size / 10
    weight = np.clip(tenth - np.arange(ordered.size), 0, 1)
    return _share(float((weight * ordered).sum()), float(ordered.sum()))


def _tail(subject: Subject) -> float:
    return tail_share(subject.policy_lives.creator_minutes, subject.items.creator)


def _misinformation(subject: Subject) -> float:
    lives, items = subject.policy_lives, subject.items
    inventory = float((items.supply * items.falsehood).sum(dtype=np.float64))
    return _share(_share(lives.false_minutes.sum(), lives.minutes.sum()), inventory)


def _contested_misinformation(subject: Subject) -> float:
    lives, items = subject.policy_lives, subject.items
    supply = (items.supply * items.civic).astype(np.float64)
    inventory = _share(float((supply * items.falsehood).sum()), float(supply.sum()))
    return _share(_share(lives.false_minutes.sum(), lives.civic_minutes.sum()), inventory)


def _drift_left(subject: Subject) -> float:
    stay = altered(subject.parameters, _STAY)
    supply = subject.items.supply

    def extremity(first: Policy) -> tuple[float, float]:
        # The neutral feed of the second stretch starts there in both arms: the same posts.
        phases = [Phase(_ON, first), Phase(_ON, Chronological(supply))]
        course = follow(stay, subject.items, phases, seed=subject.seed, people=subject.people)
        on, off = (course.stance_after(days).astype(np.float64) for days in (_ON, 2 * _ON))
        return float(np.abs(on).mean()), float(np.abs(off).mean())

    policy, neutral = extremity(subject.policy), extremity(Chronological(supply))
    return (policy[1] - neutral[1]) / (policy[0] - neutral[0])


_OWN = {
    "induced_taste_shift": Statistic(
        "Induced taste shift",
        "Mean L1 distance of tastes at the end from those of the twins under the neutral feed.",
        _induced_taste,
    ),
    "induced_stance_shift": Statistic(
        "Induced stance shift",
        "Mean distance of stances at the end from those of the twins under the neutral feed.",
        _induced_stance,
    ),
    "taste_shift_ratio": Statistic(
        "Taste shift, induced over natural",
        "Induced taste shift over how far the twins under the neutral feed came from their start.",
        _taste_ratio,
    ),
    "stance_shift_ratio": Statistic(
        "Stance shift, induced over natural",
        "Induced stance shift over how far the twins under the neutral feed came from their start.",
        _stance_ratio,
    ),
    "tail_share": Statistic(
        "Minutes of the least watched tenth",
        "Share of minutes of the least watched tenth of the creators who have an item.",
        _tail,
    ),
    "misinformation_ratio": Statistic(
        "Misinformation ratio",
        "Share of minutes on false content over the false share of all that is posted.",
        _misinformation,
    ),
    "contested_misinformation_ratio": Statistic(
        "Misinformation ratio among contested posts",
        "False minutes a contested minute over the false share of contested posts.",
        _contested_misinformation,
    ),
    "drift_left": Statistic(
        "Drift that is left",
        "Mean |stance| less the twins', who have the neutral feed all along, after seven weeks of "
        "the policy and seven of the neutral feed, over the same when the policy ends. Nobody "
        "churns.",
        _drift_left,
    ),
}


def _of_project(metric: Metric) -> Statistic:
    return Statistic(metric.title, metric.definition, lambda subject: metric.value(subject.case))


#: Every statistic that a quantity may name.
STATISTICS: dict[str, Statistic] = _OWN | {
    name: _of_project(metric) for name, metric in METRICS.items()
}
