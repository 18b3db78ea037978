"""What the exact optimum does: drift over gamma and pull, critical gammas, people, the frontier.

Drift is that of |stance| over an episode less the neutral feed's in the same world. The ratchet is
the drift of gamma 0; the investment is what a larger gamma adds to it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...agents.planner import Planner, deterministic
from ...agents.prospect import neutral_policy, prospect
from ...envs.tiny import TinyParameters, TinyWorld, build

_BISECTIONS = 14


class Optimum:
    """The optimal policies of one world, by gamma."""

    def __init__(self, parameters: TinyParameters) -> None:
        self.world: TinyWorld = build(parameters)
        self.planner = Planner(self.world.mdp)
        self.slots = self.world.full.calendar.slots
        self.neutral = prospect(self.world, self.planner, neutral_policy(self.world), self.slots)

    def of(self, gamma: float) -> dict[str, float]:
        """What the optimum at `gamma` does, with its value and the residual."""
        plan = self.planner.plan(gamma)
        found = self.measured(deterministic(plan.action, self.world.mdp.actions))
        value = float(self.world.mdp.start @ plan.value)
        return {"gamma": gamma, "value": value, "residual": plan.residual} | found

    def measured(self, policy: NDArray[np.floating[Any]]) -> dict[str, float]:
        """Expectations under a policy, its drift less the neutral feed's."""
        found = prospect(self.world, self.planner, policy, self.slots).as_dict()
        return found | {"drift": found["drift"] - self.neutral.drift}

    def drift(self, gamma: float) -> float:
        """Induced drift of the optimum."""
        return self.of(gamma)["drift"]


def row_of_map(
    parameters: TinyParameters, gammas: Sequence[float], margin: float
) -> dict[str, Any]:
    """The optimum at every gamma, and the critical gamma."""
    optimum = Optimum(parameters)
    cells = [optimum.of(gamma) for gamma in gammas]
    drifts = [cell["drift"] for cell in cells]
    return {
        "neutral": optimum.neutral.as_dict(),
        "cells": cells,
        "ratchet": drifts[0],
        "critical_gamma": critical(optimum.drift, gammas, drifts, margin),
    }


def critical(
    drift: Callable[[float], float],
    gammas: Sequence[float],
    drifts: Sequence[float],
    margin: float,
) -> float | None:
    """The smallest gamma whose drift exceeds that of gamma 0 by `margin`, by bisection.

    The first of `gammas` that does and the one before bracket it; None where none does. Bisects the
    logarithm of the horizon 1 / (1 - gamma).
    """
    over = [k for k, value in enumerate(drifts) if value - drifts[0] > margin]
    if not over:
        return None
    low, high = (np.log(1 / (1 - gammas[k])) for k in (over[0] - 1, over[0]))
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if drift(float(1 - np.exp(-middle))) - drifts[0] > margin:
            high = middle
        else:
            low = middle
    return float(1 - np.exp(-high))


def crossing(
    gammas: Sequence[float], investment: NDArray[np.floating[Any]], margin: float
) -> float:
    """Where a mean of investments over gammas first crosses `margin`; NaN where it does not.

    Linear between the gammas in the logarithm of the horizon.
    """
    horizon = np.log(1 / (1 - np.asarray(gammas)))
    over = np.nonzero(investment > margin)[0]
    if not over.size:
        return float("nan")
    k = over[0]
    part = (margin - investment[k - 1]) / (investment[k] - investment[k - 1])
    return float(1 - np.exp(-(horizon[k - 1] + part * (horizon[k] - horizon[k - 1]))))


def critical_pull(parameters: TinyParameters, highest: float, margin: float) -> float | None:
    """The pull at which the optimum of gamma 0 begins to drift past `margin`, by bisection."""

    def ratchet(pull: float) -> float:
        return Optimum(parameters.model_copy(update={"pull": pull})).drift(0.0)

    low, high = 0.0, highest
    if ratchet(low) > margin or ratchet(high) <= margin:
        return None
    for _ in range(10):
        middle = (low + high) / 2
        low, high = (low, middle) if ratchet(middle) > margin else (middle, high)
    return high


def one_person(parameters: TinyParameters, gammas: Sequence[float]) -> dict[str, Any]:
    """Drift of the optimum at every gamma, for one person."""
    optimum = Optimum(parameters)
    return {
        "drift": [optimum.drift(gamma) for gamma in gammas],
        "susceptibility": parameters.susceptibility,
        "origin": parameters.origin,
    }


def frontier(
    parameters: TinyParameters, gamma: float, multipliers: Sequence[float]
) -> list[dict[str, float]]:
    """Corners of the frontier: discounted sums, and what the policies do in an episode."""
    optimum = Optimum(parameters)
    return [
        {"multiplier": p.multiplier, "reward": p.reward, "cost": p.cost}
        | optimum.measured(deterministic(p.action, optimum.world.mdp.actions))
        for p in optimum.planner.frontier(gamma, np.asarray(multipliers))
    ]
