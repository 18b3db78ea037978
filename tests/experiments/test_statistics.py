import numpy as np
import pytest
from scipy import stats

from undertow.experiments.statistics import (
    Estimate,
    equivalence_p,
    estimate,
    improvement_probability,
    interquartile_mean,
    profile,
)


def drawn(n=10, seed=0, mean=0.0):
    return np.random.default_rng(seed).normal(mean, 1.0, n)


# --- the interquartile mean -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "middle"),
    [
        ([1, 2, 3, 100], 2.5),
        ([100, 3, 1, 2], 2.5),
        ([-50, 0, 1, 2, 3, 4, 5, 900], 2.5),
        ([1, 2, 6], 3.0),  # of fewer than four none is left out
        ([0, 1, 2, 3, 4, 5, 6, 7, 8, 90], 4.5),
        ([7], 7.0),
    ],
)
def test_interquartile_mean_by_hand(values, middle):
    assert interquartile_mean(np.array(values, dtype=float)) == middle
    assert estimate(np.array(values, dtype=float)).mean == middle


def test_interquartile_mean_along_an_axis():
    table = np.array([[1.0, 2, 3, 100], [0, 10, 20, 30]])
    assert interquartile_mean(table, axis=1).tolist() == [2.5, 15.0]
    assert interquartile_mean(table.T, axis=0).tolist() == [2.5, 15.0]


# --- the interval ---------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [2, 3, 5, 10])
def test_the_interval_holds_the_estimate_and_lies_within_the_data(n):
    values = drawn(n)
    found = estimate(values)
    assert values.min() <= found.low <= found.mean <= found.high <= values.max()
    assert found.low < found.high
    assert found.n == n


def test_the_interval_is_the_same_every_time_and_in_any_order():
    values = drawn()
    assert estimate(values) == estimate(values.copy())
    assert estimate(values).mean == pytest.approx(estimate(values[::-1]).mean)


def test_the_interval_moves_and_grows_with_the_data():
    values = drawn()
    found, moved = estimate(values), estimate(10 + 3 * values)
    for name in ("mean", "low", "high"):
        assert getattr(moved, name) == pytest.approx(10 + 3 * getattr(found, name))


def test_global_randomness_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    estimate(drawn())
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_nobody_and_one_have_no_interval():
    assert estimate(np.array([])) == Estimate(None, None, None, 0)
    assert estimate(np.array([np.nan, np.nan])) == Estimate(None, None, None, 0)
    assert estimate(np.array([3.0])) == Estimate(3.0, 3.0, 3.0, 1)
    assert estimate(np.array([np.nan, 3.0])) == Estimate(3.0, 3.0, 3.0, 1)


@pytest.mark.parametrize("value", [0.0, -1.5, 1e-300])
def test_equal_values_have_an_interval_of_no_width(value):
    assert estimate(np.full(10, value)) == Estimate(value, value, value, 10)


def test_undefined_values_are_left_out_and_n_says_so():
    values = drawn(6)
    with_gaps = np.concatenate([[np.nan], values, [np.inf, -np.inf]])
    assert estimate(with_gaps) == estimate(values)
    assert estimate(with_gaps).n == 6


def test_as_dict_is_what_the_summary_holds():
    assert estimate(np.array([3.0])).as_dict() == {"mean": 3.0, "low": 3.0, "high": 3.0, "n": 1}


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    """Percentile intervals of ten values are a little narrow; far off would be a mistake."""
    found = [estimate(drawn(seed=seed, mean=2.0)) for seed in range(60)]
    covered = np.mean([e.low <= 2.0 <= e.high for e in found])
    assert 0.75 <= covered < 1.0
    width = np.median([e.high - e.low for e in found])
    assert 0.6 < width / (2 * 1.96 / np.sqrt(10)) < 1.4


# --- equivalence ----------------------------------------------------------------------------------


def by_hand(t):
    """P(T > t) of Student's t with two degrees of freedom, in closed form."""
    return 0.5 - t / (2 * np.sqrt(2 + t * t))


def test_equivalence_by_hand():
    # Mean 0, standard error 1 / sqrt(3), so both tests have t = 2 sqrt(3).
    found = equivalence_p(np.array([-1.0, 0.0, 1.0]), 0.0, 2.0)
    assert found == pytest.approx(by_hand(2 * np.sqrt(3)))
    assert found == pytest.approx(0.03709, abs=1e-6)


def test_the_nearer_side_decides():
    values = np.array([-1.0, 0.0, 1.0]) + 0.5
    nearer = by_hand(1.5 * np.sqrt(3))
    assert equivalence_p(values, 0.0, 2.0) == pytest.approx(nearer)
    assert equivalence_p(-values, 0.0, 2.0) == pytest.approx(nearer)


def test_the_margin_lies_about_the_centre():
    values = drawn(10, mean=0.02) * 0.01
    assert equivalence_p(values + 1.0, 1.0, 0.02) == pytest.approx(equivalence_p(values, 0, 0.02))
    assert equivalence_p(values + 1.0, 0.0, 0.02) > 0.99


@pytest.mark.parametrize("shift", [-0.3, 0.0, 0.1, 0.7])
def test_equivalence_agrees_with_the_interval_of_two_alphas(shift):
    """Two one-sided tests at 5 % reject just where the 90 % interval lies within the margin."""
    values = drawn(10, seed=4, mean=shift)
    low, high = stats.t.interval(0.9, 9, values.mean(), stats.sem(values))
    for margin in (0.2, 0.5, 0.8, 1.0, 1.5):
        inside = -margin < low and high < margin
        assert (equivalence_p(values, 0.0, margin) < 0.05) == inside


def test_a_wider_margin_is_easier_and_more_seeds_are_surer():
    values = drawn(10)
    found = [equivalence_p(values, 0.0, margin) for margin in (0.1, 0.5, 1.0, 2.0)]
    assert found == sorted(found, reverse=True)
    assert equivalence_p(np.tile(values, 4), 0.0, 1.0) < equivalence_p(values, 0.0, 1.0)


@pytest.mark.parametrize(
    ("value", "p"), [(0.0, 0.0), (0.009, 0.0), (-0.009, 0.0), (0.01, 1.0), (-0.5, 1.0)]
)
def test_equal_differences_are_decided_by_where_they_lie(value, p):
    assert equivalence_p(np.full(10, value), 0.0, 0.01) == p


# --- profiles and improvement ---------------------------------------------------------------------


def test_a_profile_by_hand():
    share, low, high = profile(np.array([1.0, 2, 3, 4]), np.array([0.0, 1, 2.5, 4]))
    assert share.tolist() == [1.0, 0.75, 0.5, 0.0]
    assert (low[0], high[0]) == (1.0, 1.0) and (low[3], high[3]) == (0.0, 0.0)
    assert np.all(low <= share) and np.all(share <= high) and low[2] < 0.5 < high[2]


def test_the_interval_of_a_profile_is_the_bootstrap_s():
    values, at = drawn(10), np.array([-0.3, 0.2])
    _, low, high = profile(values, at)
    for k, threshold in enumerate(at):
        again = stats.bootstrap(
            ((values > threshold).astype(float),),
            np.mean,
            method="percentile",
            n_resamples=50_000,
            rng=np.random.default_rng(0),
        ).confidence_interval
        assert (low[k], high[k]) == pytest.approx((again.low, again.high), abs=1e-9)


def test_the_chance_of_improvement_by_hand_and_as_mann_and_whitney_have_it():
    a, b = np.array([1.0, 2, 5]), np.array([2.0, 3, 0])
    found = improvement_probability(a, b)
    assert found.mean == pytest.approx((1 + 1.5 + 3) / 9)
    assert found.mean == pytest.approx(stats.mannwhitneyu(a, b).statistic / 9)
    assert found.low < found.mean < found.high and found.n == 3
    other = improvement_probability(b, a)
    assert other.mean == pytest.approx(1 - found.mean)


def test_where_all_seeds_are_better_the_chance_is_one_and_its_interval_too():
    assert improvement_probability(drawn() + 20, drawn(seed=1)) == Estimate(1.0, 1.0, 1.0, 10)
    assert improvement_probability(drawn(), drawn(seed=1) + 20) == Estimate(0.0, 0.0, 0.0, 10)


def test_equal_policies_improve_on_each_other_with_a_half():
    same = np.full(5, 3.0)
    assert improvement_probability(same, same).mean == 0.5
    assert improvement_probability(np.full(4, np.nan), same) == Estimate(None, None, None, 0)


def test_more_seeds_give_a_narrower_interval():
    few, many = (improvement_probability(drawn(n) + 0.5, drawn(n, seed=1)) for n in (5, 60))
    assert many.high - many.low < few.high - few.low
