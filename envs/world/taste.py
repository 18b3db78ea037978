"""6. Taste drifts toward what is watched and back toward its origin.

    p_k <- p_k + mu dose (1 - p_k)   for the topic k watched;   p <- p + nu (p0 - p)

Reinforcement of interest by exposure: Jiang et al. 2019; Kalimeris et al. 2021 (amplification);
the anchor is that of Friedkin & Johnsen 1990.
"""

from __future__ import annotations

from .arrays import Float
from .parameters import WorldParameters


def drift_taste(
    parameters: WorldParameters, taste: Float, origin: Float, indicator: Float, exposure: Float
) -> Float:
    """Next taste in [0, 1], shape (people, topics)."""
    rule = parameters.taste
    if not rule.enabled:
        return taste
    moved = taste + rule.gain * exposure[:, None] * indicator * (1.0 - taste)
    return moved + rule.anchor * (origin - moved)
