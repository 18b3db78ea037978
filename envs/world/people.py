"""Who is there: traits that are drawn once, and the state that the feed moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from .arrays import Any1, Bool, Float, Int, namespace, sigmoid
from .parameters import WorldParameters
from .streams import Mechanism, normals


class _Rows:
    """A structure of arrays with one row a person."""

    def take(self, rows: Int) -> Self:
        """The rows numbered by `rows`, in their order."""
        return type(self)(**{name: array[rows] for name, array in vars(self).items()})

    def with_rows(self, rows: Int, fresh: Self) -> Self:
        """A copy in which the rows numbered by `rows` are those of `fresh`, in its order."""

        def replaced(old: Any1, new: Any1) -> Any1:
            copy: Any1 = namespace(old).asarray(old, copy=True)
            copy[rows] = new
            return copy

        mine, theirs = vars(self), vars(fresh)
        return type(self)(**{name: replaced(mine[name], theirs[name]) for name in mine})


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
    topics, xp = rule.topics, namespace(person)
    z = normals(seed, person, xp.zeros_like(person), Mechanism.TRAITS, 5 + topics)
    susceptibility = rule.susceptibility_median * xp.exp(rule.susceptibility_sigma * z[1])
    news = sigmoid(rule.news_mean + rule.news_sd * z[3])
    interest = sigmoid(rule.taste_mean + rule.taste_sd * z[6:, ...])
    # The civic topic is the news.
    taste = xp.stack([news, *(interest[k, ...] for k in range(topics - 1))], axis=1)
    traits = Traits(
        self_control=sigmoid(rule.self_control_mean + rule.self_control_sd * z[0]),
        susceptibility=xp.minimum(susceptibility, rule.susceptibility_cap),
        latitude=rule.latitude_median * xp.exp(rule.latitude_sigma * z[2]),
        news=news,
        stance=xp.clip(rule.stance_sd * z[4], -1.0, 1.0),
        taste=taste,
    )
    zero = xp.zeros_like(traits.stance)
    state = State(
        taste=xp.asarray(taste, copy=True),
        satiation=xp.zeros_like(taste),
        habit=zero + (rule.habit_start if parameters.habit.enabled else 0.0),
        tolerance=xp.asarray(zero, copy=True),
        stance=xp.asarray(traits.stance, copy=True),
        regret=xp.asarray(zero, copy=True),
        present=zero == 0,
    )
    return traits, state
