"""10. Scrolling: the rest of a slate, item by item, until the person leaves.

    P(stay after item j) = sigmoid(b + w u_j)     u_j: pull of the item just watched
    minutes of item j    = M l_j sigmoid(u_j) (1 + g h) E_j / L,   L: size of the slate

Items are seen in order and each decides whether the next is seen: the cascade model (Craswell,
Zoeter, Taylor & Ramsey 2008). A slate that is watched to its end lasts as long, in the mean, as the
sessions that its items would lead. Each item moves the person as a slot's would; what happens with
time (decay, return, noise, leaving for good) happens once a slot, with the first. Who looks for
something does not scroll. A slate of one item is a slot of `slot.py`, to the bit.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache

from .appraisal import Appraised, appraise_one
from .arrays import Bool, Float, Int, dose, namespace, sigmoid
from .catalogue import Items
from .habituation import build_habit, build_tolerance
from .parameters import Slate, WorldParameters, altered
from .people import State, Traits
from .satiation import satiate
from .slot import Outcome, slot, yoked
from .stance import persuade
from .taste import drift_taste
from .watching import expected_minutes, session_noise
from .welfare import regret_next, worth_of

# Nothing happens with time between two items.
_NO_TIME = {
    "satiation": {"recovery": 0.0},
    "habit": {"decay": 0.0},
    "tolerance": {"decay": 0.0},
    "taste": {"anchor": 0.0},
    "welfare": {"regret_decay": 0.0},
}


@dataclass(frozen=True)
class SlateOutcome(Outcome):
    """A slot of slates: totals over the items watched; `item`, `opened`, `sought`: the first's."""

    items: tuple[Outcome, ...]
    """One an item of the slate, in order; `opened`: whether the person came to it."""

    @classmethod
    def of(cls, items: tuple[Outcome, ...]) -> SlateOutcome:
        """The slot that these make."""
        first, rest = items[0], items[1:]
        totals = {}
        for name in ("minutes", "endorsed", "worth", "persuasion", "revenue"):
            totals[name] = getattr(first, name)
            for part in rest:
                totals[name] = totals[name] + getattr(part, name)
        own = {f.name: getattr(first, f.name) for f in fields(Outcome)}
        return cls(**own | totals, items=items)

    @property
    def parts(self) -> tuple[Outcome, ...]:
        """What was watched, item by item."""
        return self.items

    def of_next(self) -> SlateOutcome:
        """See `Outcome`."""
        return SlateOutcome.of(tuple(part.of_next() for part in self.items))


def scroll(
    parameters: WorldParameters,
    rule: Slate,
    items: Items,
    traits: Traits,
    state: State,
    slate: Int,
    luck: Float,
    rest: Float,
    away: Bool | None = None,
) -> tuple[State, SlateOutcome]:
    """Advances every person by one slot, with a slate; else as `slot`.

    slate: int64 (people, size). rest: uniform draws, float32 (2 (size - 1), people): for each
    further item whether the person stays for it, and for how long.
    """
    feed = slate[:, 0]
    following, first = slot(parameters, items, traits, state, feed, luck, away, share=rule.share)
    still, xp = _without_time(parameters), namespace(feed)
    reading = first.opened & ~first.sought
    # With temptation removed they read on only if they would have opened.
    calm = reading & (first.endorsed > 0)
    seen = appraise_one(parameters, items.at(feed), traits, state)
    parts = [first]
    for place in range(1, rule.size):
        stay, length_luck = rest[2 * place - 2, :], rest[2 * place - 1, :]
        reading = reading & (stay < _staying(rule, seen.pull))
        calm = calm & reading & (stay < _staying(rule, seen.plan))
        choice = slate[:, place]
        item = items.at(choice)
        seen = appraise_one(parameters, item, traits, following)
        noise = session_noise(parameters, length_luck) * rule.share
        mean = expected_minutes(parameters, seen.pull, item.length, following.habit)
        minutes = xp.where(reading, mean * noise, 0.0)
        unmoved = xp.zeros_like(following.habit)
        bare = expected_minutes(parameters, seen.plan, item.length, unmoved) * noise
        endorsed = xp.where(calm, xp.minimum(minutes, bare), 0.0)
        unendorsed = minutes - endorsed
        moving, resented, moved_by = yoked(parameters, minutes, unendorsed, item)
        exposure = dose(moving, parameters.exposure_minutes)
        stance = persuade(still, following.stance, moved_by, traits, exposure)
        outward = xp.abs(stance) - xp.abs(following.stance)
        parts.append(
            Outcome(
                opened=reading,
                item=choice,
                sought=xp.zeros_like(first.sought),
                minutes=minutes,
                endorsed=endorsed,
                worth=worth_of(parameters, seen.endorsement, endorsed, unendorsed),
                persuasion=xp.where(following.present, outward, 0.0),
                revenue=parameters.objective.ad_load * minutes * item.sponsor,
                left=xp.zeros_like(first.left),
            )
        )
        following = State(
            taste=drift_taste(still, following.taste, traits.taste, moved_by.indicator, exposure),
            satiation=satiate(still, following.satiation, moved_by.indicator, exposure),
            habit=build_habit(still, following.habit, moved_by.arousal, exposure),
            tolerance=build_tolerance(still, following.tolerance, moved_by.arousal, exposure),
            stance=stance,
            regret=regret_next(still, following.regret, resented, moving, exposure),
            present=following.present,
        )
    return following, SlateOutcome.of(tuple(parts))


def staying(rule: Slate, appraised: Appraised) -> Float:
    """Chance of going on to the next item after this one; any shape."""
    return _staying(rule, appraised.pull)


def _staying(rule: Slate, pull: Float) -> Float:
    return sigmoid(rule.stay_base + rule.stay_pull * pull)


@lru_cache(maxsize=64)
def _without_time(parameters: WorldParameters) -> WorldParameters:
    return altered(parameters, _NO_TIME)
