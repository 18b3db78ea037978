"""Two appraisals of the same item, kept apart everywhere: wanting is not liking.

    plan        = b + w_p p_k - w_s s_k + w_q q - civic n (y - x)^2 / (2 sigma^2)
    allure      = w_a (a - tau) + w_m m + civic n kappa |y|
    pull        = plan + allure                       what they would watch now
    endorsement = v_0 + v_p p_k + v_q q               what they would choose beforehand

Wanting and liking: Berridge & Robinson 1998; Kleinberg, Mullainathan & Raghavan 2022 (system 1 and
2); the quadratic loss in distance is smooth bounded confidence (Deffuant 2000). n is news interest.
`appraisal.temptation` off removes allure; `appraisal.congruence` off removes the distance term.
"""

from __future__ import annotations

from dataclasses import dataclass

from .arrays import Float, Int, namespace
from .catalogue import Items, Shown
from .parameters import WorldParameters
from .people import State, Traits


@dataclass(frozen=True)
class Appraised:
    """Appraisals, in logits; shape (people,) for one item each, or (people, items) for all."""

    plan: Float
    allure: Float
    endorsement: Float

    @property
    def pull(self) -> Float:
        """What they would watch now."""
        return self.plan + self.allure


def appraise(
    parameters: WorldParameters,
    item: Shown | Items,
    *,
    taste: Float,
    satiation: Float,
    tolerance: Float,
    stance: Float,
    latitude: Float,
    news: Float,
) -> Appraised:
    """The equations above, on arrays that broadcast against the item's."""
    w, xp = parameters.appraisal, namespace(taste)
    interest = item.civic * news
    plan = w.base + w.taste * taste - w.satiation * satiation + w.quality * item.quality
    if w.congruence:
        distance = (item.stance - stance) / latitude
        plan = plan - (0.5 * interest) * (distance * distance)
    if w.temptation:
        allure = w.arousal * (item.arousal - tolerance) + w.falsehood * item.falsehood
        allure = allure + (w.extremity_pull * interest) * xp.abs(item.stance)
    else:
        allure = xp.zeros_like(plan)
    return Appraised(plan, allure, endorsement(parameters, item, taste))


def endorsement(parameters: WorldParameters, item: Shown | Items, taste: Float) -> Float:
    """What they would choose beforehand, in logits."""
    v = parameters.welfare
    return v.base + v.taste * taste + v.quality * item.quality


def appraise_one(
    parameters: WorldParameters, item: Shown, traits: Traits, state: State
) -> Appraised:
    """Appraisals of one item a person; `item` has shape (people,)."""
    xp = namespace(state.taste)
    return appraise(
        parameters,
        item,
        taste=xp.vecdot(state.taste, item.indicator),
        satiation=xp.vecdot(state.satiation, item.indicator),
        tolerance=state.tolerance,
        stance=state.stance,
        latitude=traits.latitude,
        news=traits.news,
    )


def appraise_every(
    parameters: WorldParameters, items: Items, traits: Traits, state: State
) -> Appraised:
    """Appraisals of every item by every person, shape (people, items)."""
    topic: Int = items.topic
    xp = namespace(state.taste)
    return appraise(
        parameters,
        items,
        taste=xp.take(state.taste, topic, axis=1),
        satiation=xp.take(state.satiation, topic, axis=1),
        tolerance=state.tolerance[:, None],
        stance=state.stance[:, None],
        latitude=traits.latitude[:, None],
        news=traits.news[:, None],
    )
