"""The planner against brute force, against the occupancy-measure program, and its identities."""

from itertools import pairwise, product

import numpy as np
import pytest
from scipy.optimize import linprog

from undertow.agents.planner import Planner, deterministic
from undertow.agents.prospect import neutral_policy, prospect
from undertow.envs.tiny import FiniteMDP, TinyParameters, build

SMALL = {"stances": 9, "habits": 3, "satiations": 2, "regrets": 2, "items": 6}


def toy(seed, states=5, actions=3):
    """Any small process: dense random rows that sum to 0.97, as churn leaves them."""
    lots = np.random.default_rng(seed)
    chance = lots.random((states * actions, states)) ** 3
    chance *= 0.97 / chance.sum(axis=1, keepdims=True)
    return FiniteMDP(
        states=states,
        actions=actions,
        row=np.repeat(np.arange(states * actions), states),
        following=np.tile(np.arange(states), states * actions),
        chance=chance.ravel(),
        reward=lots.random((states, actions)),
        cost=lots.random((states, actions)),
        start=np.full(states, 1 / states),
    )


def by_hand(mdp, action, gamma):
    rows = np.arange(mdp.states) * mdp.actions + np.asarray(action)
    dense = mdp.chance.reshape(-1, mdp.states)[rows]
    earned = mdp.reward[np.arange(mdp.states), action]
    return np.linalg.solve(np.eye(mdp.states) - gamma * dense, earned)


def program(mdp, gamma, budget=None):
    """The constrained optimum as a linear program over occupancy measures."""
    flow = np.repeat(np.eye(mdp.states), mdp.actions, axis=1)
    flow -= gamma * mdp.chance.reshape(-1, mdp.states).T
    cost = None if budget is None else mdp.cost.ravel()[None]
    limit = None if budget is None else [budget]
    found = linprog(-mdp.reward.ravel(), A_ub=cost, b_ub=limit, A_eq=flow, b_eq=mdp.start)
    assert found.status == 0
    return -found.fun


@pytest.fixture(scope="module")
def tiny():
    world = build(TinyParameters(**SMALL))
    return world, Planner(world.mdp)


# --- the optimum ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("gamma", [0.0, 0.5, 0.95, 0.999])
def test_agrees_with_every_deterministic_policy_tried(seed, gamma):
    mdp = toy(seed)
    every = np.array([by_hand(mdp, a, gamma) for a in product(range(3), repeat=5)])
    plan = Planner(mdp).plan(gamma)
    np.testing.assert_allclose(plan.value, every.max(axis=0), rtol=1e-9)
    np.testing.assert_allclose(by_hand(mdp, plan.action, gamma), every.max(axis=0), rtol=1e-9)


def test_agrees_with_brute_force_on_a_tiny_world_of_its_own():
    """A tiny world with 3 x 2 x 1 x 1 live states cannot be built, so states are lumped away."""
    world = build(TinyParameters(stances=3, habits=2, satiations=2, regrets=2, items=4))
    keep = np.nonzero((world.grid.index[2:] == 0).all(axis=0))[0]
    rows = (world.mdp.row // 4)[:, None] == keep
    inside = rows.any(axis=1) & np.isin(world.mdp.following, keep)
    place = np.searchsorted(keep, world.mdp.following[inside])
    row = np.searchsorted(keep, world.mdp.row[inside] // 4) * 4 + world.mdp.row[inside] % 4
    dense = np.zeros((keep.size * 4, keep.size))
    np.add.at(dense, (row, place), world.mdp.chance[inside])
    dense *= 0.99 / dense.sum(axis=1, keepdims=True)
    count = keep.size
    mdp = FiniteMDP(
        states=count, actions=4,
        row=np.repeat(np.arange(count * 4), count), following=np.tile(np.arange(count), count * 4),
        chance=dense.ravel(), reward=world.mdp.reward[keep], cost=world.mdp.cost[keep],
        start=np.full(count, 1 / count),
    )  # fmt: skip
    for gamma in (0.0, 0.9, 0.99):
        best = np.max([by_hand(mdp, a, gamma) for a in product(range(4), repeat=count)], axis=0)
        np.testing.assert_allclose(Planner(mdp).plan(gamma).value, best, rtol=1e-9)


@pytest.mark.parametrize("gamma", [0.0, 0.9, 0.99, 0.999])
def test_bellmans_equation_holds(tiny, gamma):
    world, planner = tiny
    mdp, plan = world.mdp, planner.plan(gamma)
    assert plan.residual < 1e-6
    ahead = np.bincount(
        mdp.row, mdp.chance * plan.value[mdp.following], minlength=mdp.states * mdp.actions
    )
    every = mdp.reward + gamma * ahead.reshape(mdp.reward.shape)
    assert np.max(np.abs(every.max(axis=1) - plan.value)) < 1e-6


def test_where_it_begins_does_not_change_the_plan(tiny):
    world, planner = tiny
    cold = planner.plan(0.97)
    warm = planner.plan(0.97, first=np.full(world.mdp.states, 3))
    np.testing.assert_array_equal(cold.action, warm.action)
    np.testing.assert_allclose(cold.value, warm.value, rtol=1e-9)


def test_no_sight_is_greedy(tiny):
    world, planner = tiny
    np.testing.assert_array_equal(planner.plan(0.0).action, world.mdp.reward.argmax(axis=1))


def test_no_policy_earns_more_than_the_optimum(tiny):
    world, planner = tiny
    value = planner.plan(0.97).value
    for seed in range(3):
        lots = np.random.default_rng(seed).dirichlet(np.ones(world.mdp.actions), world.mdp.states)
        assert np.all(planner.evaluate(lots, 0.97) <= value + 1e-9)


@pytest.mark.parametrize("gamma", [-0.1, 1.0, float("nan")])
def test_a_gamma_without_a_meaning_is_refused(tiny, gamma):
    with pytest.raises(ValueError, match="gamma: found"):
        tiny[1].plan(gamma)


# --- what a policy does ---------------------------------------------------------------------------


def test_evaluation_is_the_sum_over_the_law_of_the_state(tiny):
    world, planner = tiny
    neutral = neutral_policy(world)
    law = planner.occupancy(neutral, 400)
    rewards = law @ np.sum(neutral * world.mdp.reward, axis=1)
    summed = np.sum(0.9 ** np.arange(401) * rewards)
    assert world.mdp.start @ planner.evaluate(neutral, 0.9) == pytest.approx(summed, rel=1e-9)


def test_a_prospect_is_what_sampled_people_live(tiny):
    from undertow.envs.tiny import TinyBatch

    world, planner = tiny
    action, people, slots = planner.plan(0.9).action, 20_000, 40
    expected = prospect(world, planner, deterministic(action, world.mdp.actions), slots)
    batch = TinyBatch(world, people, "state")
    seen = batch.start(np.arange(people), 0)
    alive, moved, minutes = np.ones(people, dtype=bool), np.zeros(people), np.zeros(people)
    for _ in range(slots):
        step = batch.step(action[seen])
        moved += np.where(alive & ~step.outcome.left, step.outcome.moved, 0.0)
        minutes += np.where(alive, step.outcome.minutes, 0.0)
        alive &= ~step.outcome.left
        seen = step.observation
    assert moved.mean() == pytest.approx(expected.drift, abs=0.012)
    assert minutes.mean() / 5 == pytest.approx(expected.minutes_per_day, rel=0.02)
    assert alive.mean() == pytest.approx(expected.staying, abs=0.01)
    habit = world.grid.values["habit"][seen][alive].mean()
    assert habit == pytest.approx(expected.habit, abs=0.01)


def test_nobody_drifts_without_persuasion():
    world = build(TinyParameters(**SMALL, persuasion=False))
    planner = Planner(world.mdp)
    neutral = prospect(world, planner, neutral_policy(world), 168).drift
    for gamma in (0.0, 0.99):
        action = planner.plan(gamma).action
        drift = prospect(world, planner, deterministic(action, world.mdp.actions), 168).drift
        # |x| has a corner at 0, so rounding moves its mean a little; who stays sees more of that.
        assert drift == pytest.approx(neutral, abs=1e-4)


# --- the frontier ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_the_constrained_optimum_is_that_of_the_linear_program(seed):
    mdp, gamma = toy(seed), 0.9
    planner = Planner(mdp)
    free, least = planner.point(gamma, 0.0), planner.point(gamma, 1e6)
    assert planner.point(gamma, 0.0).reward == pytest.approx(program(mdp, gamma))
    for share in (0.1, 0.5, 0.9):
        budget = least.cost + share * (free.cost - least.cost)
        found = planner.constrained(gamma, budget)
        assert found.reward == pytest.approx(program(mdp, gamma, budget), rel=1e-5)
        assert found.cost == pytest.approx(budget)
        assert 0 <= found.share <= 1


def test_a_budget_that_does_not_bind_changes_nothing():
    planner = Planner(toy(0))
    free = planner.point(0.9, 0.0)
    assert planner.constrained(0.9, free.cost + 1).reward == free.reward


def test_a_budget_that_cannot_be_met_is_refused():
    with pytest.raises(ValueError, match="budget: found -1; allowed: at least"):
        Planner(toy(0)).constrained(0.9, -1)


def test_the_frontier_falls_with_the_price(tiny):
    points = tiny[1].frontier(0.97, np.array([0.0, 1.0, 10.0, 100.0, 1000.0]))
    rewards, costs = [p.reward for p in points], [p.cost for p in points]
    assert all(b <= a + 1e-7 for a, b in pairwise(rewards))
    assert all(b <= a + 1e-7 for a, b in pairwise(costs))
    assert costs[-1] < costs[0]
