"""What policies that are nearly the best do to a stance: whether a value tells a drift at all.

Prices of drift, of either sign, give corners of the frontier; a lot at the start between two of
them gives all that lies between, of which value and drift are linear in the chances. So both ends
of a range are had by a policy, and the true range is at least as wide.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...agents.planner import deterministic
from ...envs.tiny import TinyParameters
from .exact import Optimum

_PRICES = np.geomspace(0.3, 10_000, 19)  # minutes a unit of stance


def near_optimal(
    parameters: TinyParameters, gamma: float, losses: Sequence[float]
) -> list[dict[str, float]]:
    """The range of drift among policies that lose at most each share of the optimal value."""
    optimum = Optimum(parameters)
    values, drifts = [], []
    for sign in (1.0, -1.0):
        first = None
        for price in (0.0, *_PRICES):
            point = optimum.planner.point(gamma, sign * float(price), first)
            first = point.action
            policy = deterministic(first, optimum.world.mdp.actions)
            values.append(point.reward)
            drifts.append(optimum.measured(policy)["drift"])
    best = max(values)
    rows = []
    for loss in losses:
        low, high = widest(np.array(values), np.array(drifts), (1.0 - loss) * best)
        rows.append({"loss": float(loss), "low": low, "high": high})
    return rows


def widest(
    values: NDArray[np.floating[Any]], drifts: NDArray[np.floating[Any]], least: float
) -> tuple[float, float]:
    """The least and the largest drift of lots between two of the policies, worth `least` or more.

    One of the two is worth as much by itself; the other is taken as often as that allows.
    """
    enough = values >= least
    found = [*drifts[enough]]
    for value, drift in zip(values[enough], drifts[enough], strict=True):
        share = (value - least) / (value - values[~enough])
        found.extend(drift + share * (drifts[~enough] - drift))
    return float(min(found)), float(max(found))
