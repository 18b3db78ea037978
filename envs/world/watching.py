"""3. Watching: minutes in an opened slot.

    minutes = M l sigmoid(u) (1 + g h) E,   E ~ Weibull(k) cut at e_max and scaled to mean 1

u is pull, l the item's length factor, h habit. Dwell times are Weibull with k < 1 (Liu, White &
Dumais 2010: negative ageing); habit lengthens sessions (adjacent complementarity: Becker & Murphy
1988).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .arrays import Float, namespace, sigmoid
from .parameters import WorldParameters


@lru_cache(maxsize=64)
def _mean_of_cut(shape: float, cut: float) -> float:
    """Mean of min(W, cut) for W ~ Weibull(shape) with scale 1: the integral of its survival."""
    x = np.linspace(0.0, cut, 20_001)
    return float(np.trapezoid(np.exp(-(x**shape)), x))


@lru_cache(maxsize=64)
def noise_scale(shape: float, longest: float) -> tuple[float, float]:
    """Cut and scale such that the cut variable has mean 1 and maximum `longest`."""
    low, high = 0.0, 1e3
    for _ in range(200):
        middle = 0.5 * (low + high)
        low, high = (
            (middle, high) if middle < longest * _mean_of_cut(shape, middle) else (low, middle)
        )
    return low, 1.0 / _mean_of_cut(shape, low) if low > 1e-9 else 1.0


def session_noise(parameters: WorldParameters, uniform: Float) -> Float:
    """E: mean 1, right-skewed, at most `watching.longest`."""
    cut, scale = noise_scale(parameters.watching.shape, parameters.watching.longest)
    xp = namespace(uniform)
    raw = xp.exp(xp.log(-xp.log(uniform)) * (1.0 / parameters.watching.shape))
    noise: Float = xp.minimum(raw, cut) * scale
    return noise


def expected_minutes(
    parameters: WorldParameters, pull: Float, length: Float, habit: Float
) -> Float:
    """Mean minutes of an opened slot; arrays broadcast."""
    w = parameters.watching
    return w.minutes * length * sigmoid(pull) * (1.0 + w.habit * habit)
