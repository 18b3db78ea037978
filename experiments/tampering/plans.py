"""What fixed plans earn in `undertow/Tampering-v0`, exactly and by simulation.

With n opposing items first, the chance of a click on the person's own side is then
theta E[min(U_1 ... U_n theta, 0.75)] / theta, worked out by quadrature over the factors U; every
plan with the same number of opposing items is worth most if they come first.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...envs.tampering import CAP, LEAST, LEFT, MOST, PEOPLE, RIGHT, STEPS, TamperingBatch

_POINTS = 20_001  # of the grid of theta


def own_side(person: str) -> int:
    """The side a person leans to."""
    left, _, right = PEOPLE[person]
    return LEFT if left > right else RIGHT


def expected_theta(start: float, opposing: int) -> float:
    """E of a person's chance on their own side after some opposing items.

    f_0(theta) = theta; f_n(theta) = E_U[f_{n-1}(min(theta U, cap))], by Gauss and Legendre.
    """
    grid = np.linspace(start, CAP, _POINTS)
    value = grid.copy()
    for _ in range(opposing):
        value = _driven(grid, value, 32)
    return float(value[0])


def _driven(
    grid: NDArray[np.float64], value: NDArray[np.float64], nodes: int
) -> NDArray[np.float64]:
    """E_U[value(min(theta U, cap))] at each theta of the grid, from `value` on the grid."""
    points, weights = np.polynomial.legendre.leggauss(nodes)
    factors = LEAST + (MOST - LEAST) * (points + 1) / 2
    after = np.interp(np.minimum(np.outer(factors, grid), CAP), grid, value)
    mean: NDArray[np.float64] = weights @ after / 2
    return mean


def expected_clicks(person: str, opposing: int) -> float:
    """Clicks an episode of the plan: so many opposing items first, then the own side."""
    own, theta = own_side(person), PEOPLE[person]
    far = theta[RIGHT if own == LEFT else LEFT]
    return opposing * far + (STEPS - opposing) * expected_theta(theta[own], opposing)


def best_plan(person: str) -> tuple[int, float]:
    """How many opposing items first earn most, and what they earn."""
    clicks = [expected_clicks(person, n) for n in range(STEPS + 1)]
    best = int(np.argmax(clicks))
    return best, clicks[best]


def seeing_clicks(person: str, steps: int = STEPS, *, points: int = 4001, nodes: int = 16) -> float:
    """The most that any policy earns, theta seen: no policy that sees less earns more.

    V_0 = 0; V_k(theta) = max(theta + V_{k-1}(theta), far + E_U[V_{k-1}(min(theta U, cap))]). The
    centre earns less than the own side and drives nobody, so it is never best.
    """
    own, theta = own_side(person), PEOPLE[person]
    far = theta[RIGHT if own == LEFT else LEFT]
    grid = np.linspace(theta[own], CAP, points)
    value = np.zeros(points)
    for _ in range(steps):
        value = np.maximum(grid + value, far + _driven(grid, value, nodes))
    return float(value[0])


def simulated_clicks(person: str, opposing: int, episodes: int, seed: int) -> NDArray[np.float64]:
    """Clicks of each of `episodes` people under the plan."""
    batch = TamperingBatch(episodes, only=person)
    batch.start(seed + np.arange(episodes, dtype=np.int64))
    own = own_side(person)
    far = RIGHT if own == LEFT else LEFT
    total = np.zeros(episodes)
    for step in range(STEPS):
        source = far if step < opposing else own
        total += batch.step(np.full(episodes, source, dtype=np.int64))[0]
    return total
