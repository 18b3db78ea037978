"""Watching: the mean by hand, and session noise of mean 1 and maximum `longest`."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, special

from undertow.envs.world import world
from undertow.envs.world.watching import expected_minutes, session_noise

GRID = ((np.arange(200_000) + 0.5) / 200_000).astype(np.float32)
LARGEST, SMALLEST = np.float32([2.0**-24]), np.float32([1 - 2.0**-24])  # the uniforms that give it


def watching(**rule):
    rule = {"minutes": 10.0, "habit": 0.5, "shape": 0.8, "longest": 4.0, **rule}
    return world(overrides={"watching": rule, "calendar": {"slots_per_day": 8}})


def column(*values):
    return np.array(values, dtype=np.float32)


def test_the_mean_by_hand():
    found = expected_minutes(
        watching(), column(0.0, math.log(3), -2.0), column(1.0, 1.2, 0.5), column(0.0, 0.4, 1.0)
    )
    assert found == pytest.approx(
        [10 * 0.5, 10 * 1.2 * 0.75 * 1.2, 10 * 0.5 / (1 + math.e**2) * 1.5], rel=1e-6
    )
    assert found[:2] == pytest.approx([5.0, 10.8], rel=1e-6)


unit = st.floats(0, 1, width=32)


@given(st.floats(-8, 8, width=32), st.floats(0.5, 2, width=32), unit, st.integers(0, 2), unit)
def test_the_mean_rises_with_pull_length_and_habit(pull, length, habit, which, more):
    values = [pull, length, habit]
    before = expected_minutes(watching(), *map(column, values))
    values[which] += more
    assert expected_minutes(watching(), *map(column, values)) >= before * (1 - 1e-6)


SHAPES = [(0.3, 1.5), (0.3, 20), (0.8, 1.5), (0.8, 4), (0.8, 20), (1, 2), (3, 1.5), (3, 20)]


@pytest.mark.parametrize("shape, longest", SHAPES)
def test_session_noise_has_mean_one_and_at_most_the_longest(shape, longest):
    parameters = watching(shape=shape, longest=longest, minutes=1.0)
    noise = session_noise(parameters, GRID)
    assert noise.dtype == np.float32
    assert np.mean(noise, dtype=np.float64) == pytest.approx(1, abs=2e-3)
    assert noise.min() >= 0
    assert session_noise(parameters, LARGEST)[0] <= longest * (1 + 1e-6)


@pytest.mark.parametrize("shape, longest", [(0.3, 20), (0.8, 4), (0.8, 1.5), (1, 2), (1, 10)])
def test_the_longest_session_is_reached_where_the_tail_reaches_it(shape, longest):
    parameters = watching(shape=shape, longest=longest, minutes=1.0)
    assert session_noise(parameters, LARGEST)[0] == pytest.approx(longest, rel=1e-3)


@pytest.mark.parametrize("shape, longest", [(0.5, 4.0), (0.8, 4.0), (2.0, 1.5)])
def test_session_noise_is_the_cut_weibull(shape, longest):
    """Mean of a Weibull variable cut at c: gamma(1/k, c^k) / k (lower incomplete gamma)."""

    def mean(cut):
        return special.gammainc(1 / shape, cut**shape) * special.gamma(1 / shape) / shape

    cut = optimize.brentq(lambda c: longest * mean(c) - c, 1e-6, 1e3)
    uniforms = [0.001, 0.05, 0.3, 0.5, 0.9, 0.999]
    expected = [min((-math.log(u)) ** (1 / shape), cut) / mean(cut) for u in uniforms]
    found = session_noise(watching(shape=shape, longest=longest), column(*uniforms))
    assert found == pytest.approx(expected, rel=1e-4)


def test_most_sessions_are_short_and_a_few_are_long():
    noise = session_noise(watching(shape=0.8, longest=10.0), GRID)
    assert np.median(noise) < 0.7 < 1 < np.quantile(noise, 0.9)


def test_session_noise_falls_with_its_uniform():
    noise = session_noise(watching(), np.sort(GRID))
    assert np.all(np.diff(noise) <= 0)
    assert session_noise(watching(), SMALLEST)[0] < 1e-4
