"""5. Habituation: habit and tolerance rise with arousing minutes and decay with time.

    h   <- (1 - d_h) h   + g_h dose a (1 - h)
    tau <- (1 - d_t) tau + g_t dose a (1 - tau)

Habit is the consumption stock of Becker & Murphy 1988, its decay that of Allcott, Gentzkow & Song
2022; tolerance is the opponent process of Solomon & Corbit 1974. Each has its own switch.
"""

from __future__ import annotations

from .arrays import Float
from .parameters import Habit, Tolerance, WorldParameters


def build_habit(
    parameters: WorldParameters, habit: Float, arousal: Float, exposure: Float
) -> Float:
    """Next habit in [0, 1], shape (people,)."""
    return _fed(parameters.habit, habit, arousal, exposure)


def build_tolerance(
    parameters: WorldParameters, tolerance: Float, arousal: Float, exposure: Float
) -> Float:
    """Next tolerance in [0, 1], shape (people,)."""
    return _fed(parameters.tolerance, tolerance, arousal, exposure)


def _fed(rule: Habit | Tolerance, stock: Float, arousal: Float, exposure: Float) -> Float:
    if not rule.enabled:
        return stock
    kept = (1.0 - rule.decay) * stock
    return kept + rule.gain * exposure * arousal * (1.0 - kept)
