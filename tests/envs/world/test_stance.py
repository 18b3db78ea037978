"""Stance: bounded confidence by hand, its anchor and noise, and its switch."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertow.envs.world import altered, world
from undertow.envs.world.stance import persuade, relax_stance

PARAMETERS = world(overrides={"stance": {"anchor": 0.02, "noise": 0.01}})


def column(*values):
    return np.array(values, dtype=np.float32)


@pytest.fixture(scope="module")
def pushed(items_of, traits_of):
    """pushed(...): the stance of one person after one item."""

    def push(x=0.2, y=0.6, civic=1.0, eta=0.1, latitude=0.4, exposure=0.5, parameters=PARAMETERS):
        item = items_of(parameters, civic=[civic], stance=[y]).at(np.array([0]))
        traits = traits_of(susceptibility=eta, latitude=latitude)
        return float(persuade(parameters, column(x), item, traits, column(exposure))[0])

    return push


@pytest.mark.parametrize(
    "given_, step",
    [
        ({}, 0.1 * 0.5 * math.exp(-0.5) * 0.4),
        ({"y": -0.2}, -0.1 * 0.5 * math.exp(-0.5) * 0.4),
        ({"y": 1.0}, 0.1 * 0.5 * math.exp(-2.0) * 0.8),
        ({"y": 0.2}, 0.0),
        ({"civic": 0.0}, 0.0),
        ({"eta": 0.0}, 0.0),
        ({"exposure": 0.0}, 0.0),
        ({"exposure": 1.0, "eta": 0.5, "latitude": 0.2}, 0.5 * math.exp(-2.0) * 0.4),
    ],
)
def test_the_pull_of_content_by_hand(pushed, given_, step):
    assert pushed(**given_) == pytest.approx(0.2 + step, abs=1e-7)


def test_content_far_away_moves_less_than_content_within_latitude(pushed):
    steps = [pushed(x=0.0, y=y, latitude=0.2) for y in (0.1, 0.2, 0.4, 0.8)]
    assert steps[0] < steps[1] > steps[2] > steps[3] > 0


STANCE, UNIT = st.floats(-1, 1, width=32), st.floats(0, 1, width=32)


@given(STANCE, STANCE, UNIT, st.floats(2**-6, 2, width=32), UNIT)
def test_a_person_moves_toward_content_and_never_past_it(pushed, x, y, eta, latitude, exposure):
    found = pushed(x=x, y=y, eta=eta, latitude=latitude, exposure=exposure)
    low, high = sorted((np.float32(x), np.float32(y)))
    assert low - 1e-6 <= found <= high + 1e-6


@given(STANCE, STANCE, UNIT, UNIT)
def test_switched_off_content_moves_nobody(pushed, x, y, eta, exposure):
    off = altered(PARAMETERS, {"stance": {"persuasion": False}})
    assert pushed(x=x, y=y, eta=eta, exposure=exposure, parameters=off) == np.float32(x)


@pytest.mark.parametrize(
    "x, origin, uniform, expected",
    [
        (0.5, 0.1, 0.5, 0.5 - 0.02 * 0.4),
        (0.1, 0.1, 0.5, 0.1),
        (0.1, 0.1, 1.0, 0.1 + 0.01 * math.sqrt(3)),
        (0.1, 0.1, 0.25, 0.1 - 0.01 * math.sqrt(3) / 2),
        (0.999, 1.0, 1.0, 1.0),
        (-0.999, -1.0, 0.0, -1.0),
    ],
)
def test_return_to_the_origin_and_noise_by_hand(x, origin, uniform, expected):
    found = relax_stance(PARAMETERS, column(x), column(origin), column(uniform))
    assert found == pytest.approx([expected], abs=1e-6)


def test_noise_has_mean_zero_and_the_stated_spread():
    grid = ((np.arange(10_000) + 0.5) / 10_000).astype(np.float32)
    still = np.zeros_like(grid)
    noise = relax_stance(PARAMETERS, still, still, grid)
    assert np.mean(noise, dtype=np.float64) == pytest.approx(0, abs=1e-7)
    assert np.std(noise, dtype=np.float64) == pytest.approx(0.01, rel=1e-4)
