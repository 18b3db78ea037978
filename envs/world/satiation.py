"""4. Satiation: short-term boredom with a topic.

    s <- (1 - r) s;   s_k <- s_k + i dose (1 - s_k)   for the topic k watched

Recency-weighted satiation as in Leqi, Kilinc-Karzan, Lipton & Montgomery 2021 (rebounding bandits).
"""

from __future__ import annotations

from .arrays import Float
from .parameters import WorldParameters


def satiate(
    parameters: WorldParameters, satiation: Float, indicator: Float, exposure: Float
) -> Float:
    """Next satiation, shape (people, topics). exposure: dose in [0, 1), shape (people,)."""
    rule = parameters.satiation
    if not rule.enabled:
        return satiation
    rested = (1.0 - rule.recovery) * satiation
    return rested + rule.gain * exposure[:, None] * indicator * (1.0 - rested)
