"""7. Stance moves toward accepted content, back toward its origin, and a little by itself.

    accept = exp(-(y - x)^2 / (2 sigma^2))
    x <- x + civic eta dose accept (y - x);   x <- x + kappa_x (x0 - x) + s xi

Smooth bounded confidence (Deffuant et al. 2000) with the anchor of Friedkin & Johnsen 1990. xi is
uniform with mean 0 and variance 1. `stance.persuasion` off: content moves nobody; the rest stays.
"""

from __future__ import annotations

import math

from .arrays import Float, namespace
from .catalogue import Shown
from .parameters import WorldParameters
from .people import Traits


def persuade(
    parameters: WorldParameters, stance: Float, item: Shown, traits: Traits, exposure: Float
) -> Float:
    """Stance after what was watched, in [-1, 1], shape (people,)."""
    if not parameters.stance.persuasion:
        return stance
    gap = item.stance - stance
    distance = gap / traits.latitude
    accept: Float = namespace(stance).exp(-0.5 * distance * distance)
    return stance + item.civic * traits.susceptibility * exposure * accept * gap


def relax_stance(
    parameters: WorldParameters, stance: Float, origin: Float, uniform: Float
) -> Float:
    """Stance at the end of the slot, in [-1, 1], shape (people,)."""
    rule = parameters.stance
    noise = (uniform - 0.5) * (math.sqrt(12.0) * rule.noise)
    moved = stance + rule.anchor * (origin - stance) + noise
    kept: Float = namespace(stance).clip(moved, -1.0, 1.0)
    return kept
