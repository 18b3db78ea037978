"""Satiation, habit, tolerance and taste: what watching adds and what time takes away."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertow.envs.world import altered, world
from undertow.envs.world.arrays import dose, sigmoid
from undertow.envs.world.habituation import build_habit, build_tolerance
from undertow.envs.world.satiation import satiate
from undertow.envs.world.taste import drift_taste

PARAMETERS = world(
    overrides={
        "satiation": {"gain": 0.5, "recovery": 0.2},
        "habit": {"gain": 0.06, "decay": 0.03},
        "tolerance": {"gain": 0.08, "decay": 0.05},
        "taste": {"gain": 0.04, "anchor": 0.01},
    }
)


def column(*values):
    return np.array(values, dtype=np.float32)


SECOND = column(0, 1)[None, :]  # the topic watched


@pytest.mark.parametrize("minutes, share", [(0, 0.0), (12, 0.6321206), (27.631, 0.9), (1e9, 1.0)])
def test_dose_is_the_share_of_a_full_exposure(minutes, share):
    assert dose(column(minutes), 12.0)[0] == pytest.approx(share, abs=1e-5)


@pytest.mark.parametrize("z", [-3e38, -40, -2, 0, 0.5, 40, 3e38])
def test_sigmoid_never_overflows(z):
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        found = sigmoid(column(z))
    assert found.dtype == np.float32
    expected = 1 / (1 + math.exp(-z)) if abs(z) < 100 else float(z > 0)
    assert found == pytest.approx([expected], rel=1e-6, abs=1e-12)


def test_satiation_by_hand():
    found = satiate(PARAMETERS, column([0.5, 0.25]), SECOND, column(0.6))
    assert found[0] == pytest.approx([0.8 * 0.5, 0.2 + 0.5 * 0.6 * (1 - 0.2)], rel=1e-6)
    assert found[0] == pytest.approx([0.4, 0.44], rel=1e-6)


def test_habit_by_hand():
    found = build_habit(PARAMETERS, column(0.4), column(0.7), column(0.6))
    assert found == pytest.approx([0.388 + 0.06 * 0.6 * 0.7 * 0.612], rel=1e-6)
    assert found == pytest.approx([0.4034224], rel=1e-6)


def test_tolerance_by_hand():
    found = build_tolerance(PARAMETERS, column(0.4), column(0.7), column(0.6))
    assert found == pytest.approx([0.38 + 0.08 * 0.6 * 0.7 * 0.62], rel=1e-6)
    assert found == pytest.approx([0.400832], rel=1e-6)


def test_taste_by_hand():
    found = drift_taste(PARAMETERS, column([0.5, 0.2]), column([0.6, 0.3]), SECOND, column(0.5))
    assert found[0] == pytest.approx([0.5 + 0.01 * 0.1, 0.216 + 0.01 * 0.084], rel=1e-6)
    assert found[0] == pytest.approx([0.501, 0.21684], rel=1e-6)


def alone(parameters, name, level, arousal, exposure):
    """The next level of one stock of one person, all else fixed."""
    level, arousal, exposure = column(level), column(arousal), column(exposure)
    one = np.ones((1, 1), dtype=np.float32)
    return float(
        {
            "satiation": lambda: satiate(parameters, level[:, None], one, exposure)[0, 0],
            "habit": lambda: build_habit(parameters, level, arousal, exposure)[0],
            "tolerance": lambda: build_tolerance(parameters, level, arousal, exposure)[0],
            "taste": lambda: drift_taste(
                parameters, level[:, None], column(0.3)[:, None], one, exposure
            )[0, 0],
        }[name]()
    )


STOCKS = ["satiation", "habit", "tolerance", "taste"]
unit = st.floats(0, 1, width=32)


@pytest.mark.parametrize("name", STOCKS)
@given(level=unit, arousal=unit, exposure=unit, more=unit, gain=unit, loss=unit)
def test_stocks_stay_in_the_unit_interval_and_rise_with_exposure(
    name, level, arousal, exposure, more, gain, loss
):
    fading = {"satiation": "recovery", "habit": "decay", "tolerance": "decay", "taste": "anchor"}
    parameters = altered(PARAMETERS, {name: {"gain": gain, fading[name]: loss}})
    found = alone(parameters, name, level, arousal, exposure)
    assert 0 <= found <= 1
    assert alone(parameters, name, level, arousal, min(exposure + more, 1)) >= found - 1e-6
    if name in ("habit", "tolerance"):
        assert alone(parameters, name, level, min(arousal + more, 1), exposure) >= found - 1e-6


@pytest.mark.parametrize("name", STOCKS)
@given(level=unit, exposure=unit)
def test_switched_off_a_stock_stays_as_it_is(name, level, exposure):
    off = altered(PARAMETERS, {name: {"enabled": False}})
    assert alone(off, name, level, 0.8, exposure) == np.float32(level)


@pytest.mark.parametrize("name", ["satiation", "habit", "tolerance"])
def test_with_nothing_watched_a_stock_only_fades(name):
    half_life = {"satiation": 0.2, "habit": 0.03, "tolerance": 0.05}[name]
    assert alone(PARAMETERS, name, 0.5, 1.0, 0.0) == pytest.approx(0.5 * (1 - half_life))


def test_with_nothing_watched_taste_returns_to_its_origin():
    assert alone(PARAMETERS, "taste", 0.8, 1.0, 0.0) == pytest.approx(0.8 - 0.01 * 0.5)
    assert alone(PARAMETERS, "taste", 0.1, 1.0, 0.0) == pytest.approx(0.1 + 0.01 * 0.2)
