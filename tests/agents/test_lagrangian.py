"""PPO-Lagrangian: its equations by hand, infinite budgets are PPO, and budgets that bind."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from undertow.agents import (
    LagrangianPolicy,
    LagrangianSettings,
    PPOPolicy,
    PPOSettings,
    load_policy,
)
from undertow.agents.lagrangian import COSTS, generalised, mixed, stepped
from undertow.envs.feed_batch import FeedBatch
from undertow.envs.world import altered, synthetic, world

WORLD = altered(world("vulnerable"), {"calendar": {"days": 4}})
ITEMS = synthetic(WORLD)
SMALL = {"slots": 6144, "n_envs": 64, "n_steps": 32, "batch_size": 512, "net": (8,)}


def trained(seed=3, parameters=WORLD, **changes):
    settings = LagrangianSettings.model_validate(SMALL | changes)
    return LagrangianPolicy.train_within(
        parameters, ITEMS, observation="platform", seed=seed, settings=settings
    )


def cost_of(policy, name, people=400, parameters=WORLD):
    """A day and person who is there."""
    batch = FeedBatch(parameters, people, policy.observation, ITEMS)
    persons = np.arange(people)
    seen = batch.start(np.full(people, 77), persons)
    policy.begin(np.full(people, 77), persons)
    total = there = 0.0
    for _ in range(parameters.calendar.slots):
        there += batch.state.present.sum()
        step = batch.step(policy.act(seen))
        seen = step.observation
        total += COSTS[name](step.outcome).sum()
    return total / there * parameters.calendar.slots_per_day


# --- equations ------------------------------------------------------------------------------------


def test_the_mixed_advantage_by_hand():
    reward = np.array([[2.0, -1.0]], dtype=np.float32)
    costs = np.array([[[1.0, 3.0]], [[4.0, 0.0]]], dtype=np.float32)
    found = mixed(reward, costs, np.array([0.5, 0.25], dtype=np.float32))
    np.testing.assert_allclose(found, [[(2 - 0.5 - 1) / 1.75, (-1 - 1.5) / 1.75]])


def test_multipliers_rise_above_a_budget_fall_below_and_never_leave_zero():
    before = np.array([0.5, 0.5, 0.01, 0.3], dtype=np.float32)
    excess = np.array([1.0, -1.0, -1.0, -np.inf], dtype=np.float32)
    integral, multipliers = stepped(before, excess, 0.2, 0.4)
    np.testing.assert_allclose(integral, [0.7, 0.3, 0.0, 0.0])
    np.testing.assert_allclose(multipliers, [1.1, 0.0, 0.0, 0.0], atol=1e-7)


@given(
    st.lists(st.floats(0, 10), min_size=1, max_size=3),
    st.floats(-5, 5),
    st.floats(0.01, 1),
    st.floats(0, 1),
)
def test_multipliers_are_never_negative(before, excess, rate, gain):
    for moved in stepped(np.array(before, dtype=np.float32), np.float32(excess), rate, gain):
        assert (moved >= 0).all()


def test_generalised_advantages_by_hand():
    costs = np.array([[[1.0], [2.0]]], dtype=np.float32)
    values = np.array([[[0.5], [0.25]]], dtype=np.float32)
    last = np.array([[4.0]], dtype=np.float32)
    goes_on = np.zeros((2, 1), dtype=np.float32)
    second = 2 + 0.9 * 4 - 0.25
    first = 1 + 0.9 * 0.25 - 0.5 + 0.9 * 0.8 * second
    found = generalised(costs, values, last, goes_on, 0.9, 0.8)
    np.testing.assert_allclose(found[0, :, 0], [first, second], rtol=1e-6)
    ended = np.array([[1.0], [0.0]], dtype=np.float32)
    np.testing.assert_allclose(generalised(costs, values, last, ended, 0.9, 0.8)[0, 0, 0], 1 - 0.5)


def test_costs_are_those_of_the_world():
    batch = FeedBatch(WORLD, 50)
    batch.start(1, np.arange(50))
    for slot in range(8):
        outcome = batch.step(np.full(50, slot)).outcome
        told = batch.measured(outcome)
        for name in ("unendorsed_minutes", "induced_extremity"):
            np.testing.assert_allclose(COSTS[name](outcome), told[f"cost_{name}"], rtol=1e-6)
        drift = COSTS["outward_drift"](outcome)
        np.testing.assert_allclose(np.maximum(drift, 0), told["cost_induced_extremity"], rtol=1e-6)


# --- training -------------------------------------------------------------------------------------


def parameters_of(policy):
    return torch.cat([p.detach().ravel() for p in policy.model.policy.parameters()])


def test_infinite_budgets_are_ppo_bit_for_bit():
    ours = trained(budgets={"unendorsed_minutes": np.inf, "outward_drift": np.inf})
    theirs = PPOPolicy.train(
        WORLD, ITEMS, observation="platform", seed=3, settings=PPOSettings.model_validate(SMALL)
    )
    assert torch.equal(parameters_of(ours), parameters_of(theirs))


def test_the_same_seed_gives_the_same_policy_and_a_budget_another():
    budget = {"unendorsed_minutes": 1.0}
    first, second = trained(budgets=budget), trained(budgets=budget)
    assert torch.equal(parameters_of(first), parameters_of(second))
    assert not torch.equal(parameters_of(first), parameters_of(trained(seed=4, budgets=budget)))
    free = trained(budgets={"unendorsed_minutes": np.inf})
    assert not torch.equal(parameters_of(first), parameters_of(free))


@pytest.mark.slow
def test_a_budget_that_binds_lowers_its_cost_and_one_that_cannot_be_met_lowers_it_further():
    long = {"slots": 160_000, "n_envs": 256, "batch_size": 2048, "multiplier_rate": 0.5}
    free = cost_of(trained(budgets={"outward_drift": np.inf}, **long), "outward_drift")
    tight = cost_of(trained(budgets={"outward_drift": 0.0}, **long), "outward_drift")
    assert free > 0.5
    assert tight < 0.5 * free


def test_it_is_saved_and_acts_as_it_did(tmp_path):
    policy = trained(budgets={"unendorsed_minutes": 5.0})
    again = load_policy(policy.save(tmp_path / "mine"))
    seen = np.random.Generator(np.random.Philox(1)).normal(
        size=(20, policy.model.observation_space.shape[0])
    )
    seen, persons = seen.astype(np.float32), np.arange(20)
    for one in (policy, again):
        one.begin(np.full(20, 5), persons)
    np.testing.assert_array_equal(policy.act(seen), again.act(seen))


@pytest.mark.parametrize(
    "budgets, message",
    [
        ({"drift": 1.0}, "budgets: found 'drift'; allowed: unendorsed_minutes"),
        ({"outward_drift": float("nan")}, "budgets.outward_drift: found nan"),
        ({}, "at least 1 item"),
    ],
)
def test_budgets_are_checked(budgets, message):
    with pytest.raises(ValueError, match=message):
        LagrangianSettings(budgets=budgets)
