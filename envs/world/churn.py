"""9. Churn: leaving for good, decided in slots in which the app stayed closed.

    P(leave | closed) = min(1, h_0 exp(-k_h h + k_R R))

A hazard that falls with habit is decreasing in time on the platform, as retention curves are;
regret raises it (the discipline that makes a long-sighted platform kinder when leaving is cheap).
"""

from __future__ import annotations

from .arrays import Float, namespace
from .parameters import WorldParameters


def churn_probability(parameters: WorldParameters, habit: Float, regret: Float) -> Float:
    """Chance of leaving in a closed slot, in [0, 1]; 0 where churn is off."""
    rule, xp = parameters.churn, namespace(habit)
    if not rule.enabled:
        nobody: Float = xp.zeros_like(habit)
        return nobody
    hazard: Float = rule.hazard * xp.exp(rule.regret * regret - rule.habit * habit)
    chance: Float = xp.minimum(hazard, 1.0)
    return chance
