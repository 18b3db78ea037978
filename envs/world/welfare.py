"""8. Welfare: which of the minutes the person would have spent with temptation removed.

    endorsed   = min(minutes, minutes with allure and habit removed, same luck)
    unendorsed = minutes - endorsed
    worth      = endorsed sigmoid(2 v) - cost unendorsed          v: endorsement
    R <- (1 - d_r) R + g_r dose (unendorsed / minutes) (1 - R)

Welfare is read off choices made without temptation (Allcott, Gentzkow & Song 2022), not off use.
"""

from __future__ import annotations

from .arrays import Float, sigmoid
from .parameters import WorldParameters


def worth_of(
    parameters: WorldParameters, endorsement: Float, endorsed: Float, unendorsed: Float
) -> Float:
    """Welfare of a slot in minutes of fully endorsed viewing, shape (people,)."""
    return endorsed * sigmoid(2.0 * endorsement) - parameters.welfare.unendorsed_cost * unendorsed


def regret_next(
    parameters: WorldParameters, regret: Float, unendorsed: Float, minutes: Float, exposure: Float
) -> Float:
    """Next regret in [0, 1], shape (people,)."""
    rule = parameters.welfare
    kept = (1.0 - rule.regret_decay) * regret
    share = unendorsed / (minutes + 1e-9)
    return kept + rule.regret_gain * exposure * share * (1.0 - kept)
