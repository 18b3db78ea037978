"""Opening: the chance by hand, and what calls and what holds back."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertow.envs.world import altered, world
from undertow.envs.world.appraisal import Appraised
from undertow.envs.world.opening import opening_probability

PARAMETERS = world(overrides={"opening": {"base": -1.2, "habit": 3.0, "lead": 0.5, "regret": 1.5}})


def chance(plan=0.0, allure=0.0, habit=0.0, regret=0.0, control=0.0, parameters=PARAMETERS):
    one = [np.array([value], dtype=np.float32) for value in (plan, allure, habit, regret, control)]
    lead = Appraised(one[0], one[1], one[0])
    return float(opening_probability(parameters, lead, *one[2:])[0])


@pytest.mark.parametrize(
    "given_, logit",
    [
        ({}, -1.2),
        ({"plan": 0.8}, -1.2 + 0.5 * 0.8),
        ({"allure": 0.8}, -1.2 + 0.5 * 0.8),
        ({"habit": 0.4}, -1.2 + 3.0 * 0.4),
        ({"regret": 0.5}, -1.2),
        ({"regret": 0.5, "control": 0.4}, -1.2 - 0.4 * 1.5 * 0.5),
        ({"plan": 0.8, "control": 1.0}, -1.2 + 0.5 * 0.8),
        ({"habit": 0.4, "allure": 0.8, "control": 1.0}, -1.2),
        (
            {"plan": -0.6, "allure": 0.8, "habit": 0.4, "regret": 0.5, "control": 0.25},
            -1.2 + 0.5 * (-0.6) + 0.75 * (3.0 * 0.4 + 0.5 * 0.8) - 0.25 * 1.5 * 0.5,
        ),
    ],
)
def test_the_equation_by_hand(given_, logit):
    assert chance(**given_) == pytest.approx(1 / (1 + math.exp(-logit)), rel=1e-5)


CUED = altered(PARAMETERS, {"opening": {"cue": 0.6}})


@pytest.mark.parametrize("control", [0.0, 0.25, 1.0])
def test_habit_opens_the_app_by_itself_past_all_control(control):
    state = {"plan": -0.6, "allure": 0.8, "habit": 0.4, "regret": 0.5, "control": control}
    called = chance(**state)
    alone = 0.6 * 0.4
    assert chance(**state, parameters=CUED) == pytest.approx(
        1 - (1 - called) * (1 - alone), rel=1e-5
    )


def test_by_a_cue_alone_use_rises_with_habit_by_equal_steps():
    alone = altered(CUED, {"opening": {"habit": 0.0}})
    steps = np.diff([chance(habit=h, parameters=alone) for h in (0.0, 0.25, 0.5, 0.75, 1.0)])
    np.testing.assert_allclose(steps, steps[0], rtol=1e-4)
    weighed = np.diff([chance(habit=h) for h in (0.0, 0.25, 0.5, 0.75, 1.0)])
    assert weighed.max() > 1.3 * weighed.min()


def test_without_a_cue_a_world_is_told_as_before_there_was_one():
    assert "cue" not in PARAMETERS.model_dump()["opening"]
    assert CUED.model_dump()["opening"]["cue"] == 0.6


def test_where_there_is_no_feed_nobody_opens_it():
    off = altered(PARAMETERS, {"opening": {"enabled": False, "base": 8.0}})
    assert chance(plan=5.0, allure=5.0, habit=1.0, parameters=off) == 0
    every = Appraised(*(np.ones((3, 4), dtype=np.float32) for _ in range(3)))
    column = np.ones((3, 1), dtype=np.float32)
    assert opening_probability(off, every, column, column, column).shape == (3, 4)


unit = st.floats(0, 1, width=32)
STATE = st.fixed_dictionaries(
    {
        "plan": st.floats(-5, 5, width=32),
        "allure": st.floats(0, 5, width=32),
        "habit": unit,
        "regret": unit,
        "control": unit,
    }
)


@given(STATE, st.sampled_from(["plan", "allure", "habit", "regret", "control"]), unit)
def test_habit_and_the_lead_call_while_control_and_regret_hold_back(state, what, more):
    raised = {**state, what: min(state[what] + more, 5.0 if what in ("plan", "allure") else 1.0)}
    change = chance(**raised) - chance(**state)
    assert 0 < chance(**state) < 1
    assert change >= -1e-6 if what in ("plan", "allure", "habit") else change <= 1e-6
