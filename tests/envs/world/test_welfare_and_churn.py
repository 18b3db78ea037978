"""Welfare, regret and leaving, by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertow.envs.world import altered, world
from undertow.envs.world.churn import churn_probability
from undertow.envs.world.welfare import regret_next, worth_of

PARAMETERS = world(
    overrides={
        "welfare": {"unendorsed_cost": 0.5, "regret_gain": 0.2, "regret_decay": 0.1},
        "churn": {"hazard": 0.02, "habit": 4.0, "regret": 2.0},
    }
)


def column(*values):
    return np.array(values, dtype=np.float32)


def test_worth_by_hand():
    found = worth_of(PARAMETERS, column(0.0, 0.5, -1.0), column(10, 10, 4), column(0, 6, 8))
    expected = [5.0, 10 / (1 + math.exp(-1)) - 3.0, 4 / (1 + math.exp(2)) - 4.0]
    assert found == pytest.approx(expected, rel=1e-6)
    assert found == pytest.approx([5.0, 4.310586, -3.523188], rel=1e-6)


def test_an_unendorsed_minute_costs_and_an_endorsed_one_never_does():
    free = altered(PARAMETERS, {"welfare": {"unendorsed_cost": 0.0}})
    assert worth_of(free, column(-6.0), column(10), column(20))[0] > 0
    assert worth_of(PARAMETERS, column(6.0), column(0), column(1))[0] == pytest.approx(-0.5)


@pytest.mark.parametrize(
    "regret, unendorsed, minutes, exposure, expected",
    [
        (0.5, 0, 0, 0.0, 0.45),
        (0.5, 0, 12, 0.6, 0.45),
        (0.0, 12, 12, 0.6, 0.12),
        (0.5, 3, 12, 0.6, 0.45 + 0.2 * 0.6 * 0.25 * 0.55),
    ],
)
def test_regret_by_hand(regret, unendorsed, minutes, exposure, expected):
    found = regret_next(
        PARAMETERS, column(regret), column(unendorsed), column(minutes), column(exposure)
    )
    assert found == pytest.approx([expected], rel=1e-6)


unit = st.floats(0, 1, width=32)


@given(unit, unit, unit, unit, unit, unit)
def test_regret_stays_in_the_unit_interval(regret, share, exposure, more, gain, decay):
    rule = altered(PARAMETERS, {"welfare": {"regret_gain": gain, "regret_decay": decay}})
    minutes = column(10.0)

    def following(fraction):
        return float(
            regret_next(rule, column(regret), fraction * minutes, minutes, column(exposure))[0]
        )

    assert 0 <= following(share) <= 1
    assert following(min(share + more, 1)) >= following(share) - 1e-6


@pytest.mark.parametrize(
    "habit, regret, expected",
    [(0, 0, 0.02), (0.5, 0, 0.02 * math.exp(-2)), (0, 0.5, 0.02 * math.e), (0.25, 0.5, 0.02)],
)
def test_the_hazard_of_leaving_by_hand(habit, regret, expected):
    assert churn_probability(PARAMETERS, column(habit), column(regret)) == pytest.approx([expected])


def test_the_hazard_never_exceeds_one():
    harsh = altered(PARAMETERS, {"churn": {"hazard": 1.0, "habit": 0.0, "regret": 20.0}})
    assert churn_probability(harsh, column(0, 1), column(1, 0.5)).tolist() == [1, 1]


@given(unit, unit, unit)
def test_the_hazard_falls_with_habit_and_rises_with_regret(habit, regret, more):
    base = churn_probability(PARAMETERS, column(habit), column(regret))
    assert churn_probability(PARAMETERS, column(min(habit + more, 1)), column(regret)) <= base
    assert churn_probability(PARAMETERS, column(habit), column(min(regret + more, 1))) >= base


def test_switched_off_nobody_leaves():
    off = altered(PARAMETERS, {"churn": {"enabled": False, "hazard": 1.0}})
    assert not churn_probability(off, column(0, 1), column(1, 1)).any()
