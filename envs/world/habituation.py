"""5. Habituation: habit and tolerance rise with arousing minutes and decay with time.

    h   <- (1 - d_h) h   + g_h dose a (1 - h)
    tau <- (1 - d_t) tau + g_t dose a (1 - tau)

Habit is the consumption stock of Becker & Murphy 1988, its decay that of Allcott, Gentzkow & Song
2022; tolerance is the opponent process of Solomon & Corbit 1974. Each has its own switch.
"""

from __future__ import annotations

from .arrays import Float
from .parameters import WorldParameters


def build_habit(
    parameters: WorldParameters, habit: Float, arousal: Float, exposure: Float
) -> Float:
    """Next habit in [0, 1], shape (people,)."""
    rule = parameters.habit
    if not rule.enabled:
        return habit
    kept = (1.0 - rule.decay) * habit
    return kept + rule.gain * exposure * arousal * (1.0 - kept)


def build_tolerance(
    parameters: WorldParameters, tolerance: Float, arousal: Float, exposure: Float
) -> Float:
    """Next tolerance in [0, 1], shape (people,)."""
    rule = parameters.tolerance
    if not rule.enabled:
        return tolerance
    kept = (1.0 - rule.decay) * tolerance
    return kept + rule.gain * exposure * arousal * (1.0 - kept)
