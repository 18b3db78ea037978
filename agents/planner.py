"""Exact planning in a finite world: optimal policies, what a policy earns, and the frontier.

Policy iteration (Howard 1960) with sparse linear solves, then value iteration until the Bellman
residual is below the tolerance. A policy is an array of chances (states, actions).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import linalg

from undertow.envs.tiny import FiniteMDP

Real = NDArray[np.floating[Any]]
Whole = NDArray[np.integer[Any]]

TOLERANCE = 1e-6


@dataclass(frozen=True)
class Plan:
    """An optimal deterministic policy and its value."""

    action: Whole
    """Best action in each state; of equals the first, (states,)."""
    value: Real
    """Discounted reward from each state, (states,)."""
    residual: float
    """Largest violation of Bellman's equation."""


@dataclass(frozen=True)
class Point:
    """A point of the frontier: discounted sums from the start."""

    multiplier: float
    reward: float
    cost: float
    action: Whole


@dataclass(frozen=True)
class Mixture:
    """The constrained optimum: a lot at the start decides between two deterministic policies."""

    costly: Point
    cheap: Point
    share: float
    """Chance of the costly one."""
    reward: float
    cost: float


class Planner:
    """Plans for one finite MDP; keeps its transitions as one sparse matrix."""

    def __init__(self, mdp: FiniteMDP) -> None:
        self.mdp = mdp
        shape = (mdp.states * mdp.actions, mdp.states)
        self.transitions = sparse.csr_matrix((mdp.chance, (mdp.row, mdp.following)), shape=shape)

    def plan(self, gamma: float, *, multiplier: float = 0.0, first: Whole | None = None) -> Plan:
        """The optimum of reward - multiplier x cost at discount `gamma`.

        first: actions to begin with, such as those of a gamma nearby. Raises `ValueError` for a
        gamma outside [0, 1) and `ArithmeticError` where the residual stays above `TOLERANCE`.
        """
        _check(gamma)
        mdp, aim = self.mdp, self.mdp.reward - multiplier * self.mdp.cost
        action = np.argmax(aim, axis=1) if first is None else first.copy()
        value: Real = np.zeros(mdp.states)
        for _ in range(1000):
            value = self._solve(action, aim, gamma, value)
            every = self._backup(aim, gamma, value)
            best = np.argmax(every, axis=1)
            gain = np.max(every, axis=1) - every[np.arange(mdp.states), action]
            better = gain > 1e-9  # solves are exact to less: equals must not take turns
            if not better.any():
                break
            action = np.where(better, best, action)
        for _ in range(100_000):
            residual = float(np.max(np.abs(np.max(every, axis=1) - value)))
            if residual < TOLERANCE:
                # Ties go to the first, whatever policy the iteration began with.
                top = np.max(every, axis=1, keepdims=True)
                return Plan(np.argmax(every >= top - 1e-8, axis=1), value, residual)
            value = np.max(every, axis=1)
            every = self._backup(aim, gamma, value)
        raise ArithmeticError(f"gamma {gamma}: residual {residual:.1e} after 100,000 sweeps")

    def _backup(self, aim: Real, gamma: float, value: Real) -> Real:
        ahead: Real = (self.transitions @ value).reshape(aim.shape)
        return aim + gamma * ahead

    def _rows(self, action: Whole) -> sparse.csr_matrix:
        return self.transitions[np.arange(self.mdp.states) * self.mdp.actions + action]

    def _solve(self, action: Whole, aim: Real, gamma: float, near: Real) -> Real:
        earned = aim[np.arange(self.mdp.states), action]
        return _linear(self._rows(action), earned, gamma, near)

    def evaluate(self, policy: Real, gamma: float, gain: Real | None = None) -> Real:
        """Discounted sum of `gain` (states, actions), by default the reward, from each state."""
        _check(gamma)
        chosen = self.mdp.reward if gain is None else gain
        earned = np.sum(policy * chosen, axis=1)
        return _linear(self.chain(policy), earned, gamma, np.zeros(self.mdp.states))

    def chain(self, policy: Real) -> sparse.csr_matrix:
        """Transitions between states under a policy, (states, states)."""
        mdp = self.mdp
        rows = np.repeat(np.arange(mdp.states), mdp.actions)
        columns = np.arange(mdp.states * mdp.actions)
        chosen = sparse.csr_matrix((policy.ravel(), (rows, columns)))
        return sparse.csr_matrix(chosen @ self.transitions)

    def occupancy(self, policy: Real, slots: int) -> Real:
        """Chance of being in each state at slots 0, 1, ..., `slots`, (slots + 1, states)."""
        forward = self.chain(policy).T.tocsr()
        seen = [self.mdp.start]
        for _ in range(slots):
            seen.append(forward @ seen[-1])
        return np.stack(seen)

    def point(self, gamma: float, multiplier: float, first: Whole | None = None) -> Point:
        """What the optimum of reward - multiplier x cost earns and costs."""
        action = self.plan(gamma, multiplier=multiplier, first=first).action
        chosen = deterministic(action, self.mdp.actions)
        earned = float(self.mdp.start @ self.evaluate(chosen, gamma))
        cost = float(self.mdp.start @ self.evaluate(chosen, gamma, self.mdp.cost))
        return Point(multiplier, earned, cost, action)

    def frontier(self, gamma: float, multipliers: Real) -> list[Point]:
        """The best reward for each price of cost: corners of the true frontier.

        Between two of them the frontier is no lower than their chord: policies can be mixed by lot.
        """
        found: list[Point] = []
        for multiplier in multipliers:
            first = found[-1].action if found else None
            found.append(self.point(gamma, float(multiplier), first))
        return found

    def constrained(self, gamma: float, budget: float, highest: float = 1e6) -> Mixture:
        """The most reward with expected discounted cost at most `budget`, a constrained optimum.

        Bisection over the multiplier (the dual of the occupancy-measure program of Altman 1999):
        the chord between the two policies that meet there. Raises `ValueError` where even the
        price `highest` does not meet the budget.
        """
        costly, cheap = self.point(gamma, 0.0), self.point(gamma, highest)
        if costly.cost <= budget:
            return Mixture(costly, costly, 1.0, costly.reward, costly.cost)
        if cheap.cost > budget:
            raise ValueError(f"budget: found {budget}; allowed: at least {cheap.cost:.6g}")
        for _ in range(100):
            price = (costly.reward - cheap.reward) / (costly.cost - cheap.cost)
            middle = self.point(gamma, price, costly.action)
            gained = middle.reward - price * middle.cost - (costly.reward - price * costly.cost)
            if gained <= 1e-6 * max(1.0, abs(costly.reward)):  # the chord is the frontier
                break
            costly, cheap = (middle, cheap) if middle.cost > budget else (costly, middle)
        share = (budget - cheap.cost) / (costly.cost - cheap.cost)
        reward = share * costly.reward + (1.0 - share) * cheap.reward
        return Mixture(costly, cheap, share, reward, budget)


def deterministic(action: Whole, actions: int) -> Real:
    """A policy that takes `action` (states,) for sure, as chances (states, actions)."""
    return np.eye(actions)[action]


def _linear(chain: sparse.csr_matrix, earned: Real, gamma: float, near: Real) -> Real:
    """Solves value = earned + gamma chain value, by Krylov steps from `near` or else directly."""
    if gamma == 0.0 or not earned.any():
        return earned.copy()
    system = sparse.identity(earned.size, format="csr") - gamma * chain
    value, failed = linalg.bicgstab(system, earned, x0=near, rtol=1e-13, atol=0.0, maxiter=2000)
    wrong = np.max(np.abs(system @ value - earned))
    if failed or not wrong < 1e-9 * max(1.0, float(np.max(np.abs(earned)))):
        value = linalg.spsolve(system.tocsc(), earned)
    return np.asarray(value)


def _check(gamma: float) -> None:
    if not 0.0 <= gamma < 1.0:
        raise ValueError(f"gamma: found {gamma}; allowed: 0 to below 1")
