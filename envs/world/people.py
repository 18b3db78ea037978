"""Who is there: traits that are drawn once, and the state that the feed moves."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import Self

import numpy as np

from .arrays import Any1, Bool, Float, Int, sigmoid
from .parameters import WorldParameters
from .streams import Mechanism, normals


@cache
def _names(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


class _Rows:
    """A structure of arrays with one row a person."""

    def take(self, rows: Int) -> Self:
        """The rows numbered by `rows`, in their order."""
        return type(self)(*(getattr(self, name)[rows] for name in _names(type(self))))

    def with_rows(self, rows: Bool, fresh: Self) -> Self:
        """A copy in which the rows marked true are those of `fresh`, which has as many rows."""

        def replaced(old: Any1, new: Any1) -> Any1:
            return np.where(rows if old.ndim == 1 else rows[:, None], new, old)

        names = _names(type(self))
        return type(self)(*(replaced(getattr(self, n), getattr(fresh, n)) for n in names))


@dataclass(frozen=True)
class Traits(_Rows):
    """Fixed for life. Shapes (people,), `taste` (people, topics)."""

    self_control: Float
    """c in [0, 1]: share of habit and allure withstood at the door."""
    susceptibility: Float
    """eta >= 0: share of the distance moved by one full, accepted exposure."""
    latitude: Float
    """sigma > 0: latitude of acceptance, in units of stance."""
    news: Float
    """News interest in [0, 1]."""
    stance: Float
    """Stance of origin x0 in [-1, 1]."""
    taste: Float
    """Taste of origin p0 in [0, 1]."""


@dataclass(frozen=True)
class State(_Rows):
    """What moves. Shapes (people,), `taste` and `satiation` (people, topics)."""

    taste: Float
    """p in [0, 1]: interest in each topic."""
    satiation: Float
    """s in [0, 1]: boredom with each topic."""
    habit: Float
    """h in [0, 1]."""
    tolerance: Float
    """tau in [0, 1]."""
    stance: Float
    """x in [-1, 1]."""
    regret: Float
    """R in [0, 1]: recent unendorsed use."""
    present: Bool
    """False once churned."""


def draw(parameters: WorldParameters, seed: Int, person: Int) -> tuple[Traits, State]:
    """The people named by (seed, person), both int64 of shape (people,), on their first day."""
    rule = parameters.population
    topics = rule.topics
    z = normals(seed, person, np.zeros_like(person), Mechanism.TRAITS, 5 + topics)
    one = np.float32(1.0)
    susceptibility = rule.susceptibility_median * np.exp(rule.susceptibility_sigma * z[1])
    taste = np.ascontiguousarray(sigmoid(rule.taste_mean + rule.taste_sd * z[5:]).T)
    news = sigmoid(rule.news_mean + rule.news_sd * z[3])
    taste[:, 0] = news  # the civic topic is the news
    traits = Traits(
        self_control=sigmoid(rule.self_control_mean + rule.self_control_sd * z[0]),
        susceptibility=np.minimum(susceptibility, one * rule.susceptibility_cap),
        latitude=rule.latitude_median * np.exp(rule.latitude_sigma * z[2]),
        news=news,
        stance=np.clip(rule.stance_sd * z[4], -1.0, 1.0),
        taste=taste,
    )
    zero = np.zeros_like(traits.stance)
    state = State(
        taste=taste.copy(),
        satiation=np.zeros_like(taste),
        habit=zero + (rule.habit_start if parameters.habit.enabled else 0.0),
        tolerance=zero.copy(),
        stance=traits.stance.copy(),
        regret=zero.copy(),
        present=zero == 0,
    )
    return traits, state
