import json

import numpy as np
import pytest

from undertow.experiments.config import Hypothesis, Split
from undertow.experiments.metrics import METRICS
from undertow.experiments.statistics import equivalence_p, estimate
from undertow.experiments.summary import Values, judge, split_gain, summarise

from .tiny import experiment

MINUTES = "watch_minutes_per_day"


def hypothesis(contrast="a@w", test="greater", **more):
    data = {"name": "h", "statement": "So it is.", "metric": MINUTES, "contrast": contrast}
    return Hypothesis.model_validate({**data, "test": test, **more})


def judged(values, test="greater", **more):
    return judge(hypothesis(test=test, **more), np.array(values, dtype=float))


def parts(cells, metric=MINUTES):
    """The parts of a run: cells maps policy@world to one value a seed."""
    made = []
    for cell, values in cells.items():
        policy, world = cell.split("@")
        for seed, value in enumerate(values):
            metrics = dict.fromkeys(METRICS, 0.5) | {metric: value}
            made.append({"policy": policy, "world": world, "seed": seed, "metrics": metrics})
    return made


def values_of(cells, metric=MINUTES):
    return Values(parts(cells, metric), len(next(iter(cells.values()))))


# --- judging --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "more", "held"),
    [
        ([1.1, 1.2, 1.3], {"threshold": 1.0}, True),
        ([0.9, 1.2, 1.3], {"threshold": 1.0}, False),  # the interval reaches down to 0.9
        ([0.7, 0.8, 0.9], {"threshold": 1.0}, False),
        ([1.0, 1.0, 1.0], {"threshold": 1.0}, False),  # beyond, not at
        ([0.1, 0.2, 0.3], {}, True),
        ([-0.1, 0.2, 0.3], {}, False),
    ],
)
def test_greater_wants_the_whole_interval_above(values, more, held):
    assert judged(values, "greater", **more)["held"] is held


@pytest.mark.parametrize(
    ("values", "more", "held"),
    [
        ([0.7, 0.8, 0.9], {"threshold": 1.0}, True),
        ([0.7, 0.8, 1.1], {"threshold": 1.0}, False),
        ([1.1, 1.2, 1.3], {"threshold": 1.0}, False),
        ([1.0, 1.0, 1.0], {"threshold": 1.0}, False),
        ([-0.3, -0.2, -0.1], {}, True),
    ],
)
def test_less_wants_the_whole_interval_below(values, more, held):
    assert judged(values, "less", **more)["held"] is held


@pytest.mark.parametrize(
    ("values", "more", "held"),
    [
        ([-0.001, 0.0, 0.001, 0.002], {"margin": 0.01}, True),
        ([-0.2, 0.0, 0.1, 0.2], {"margin": 0.01}, False),  # not shown to be zero
        ([0.1, 0.101, 0.099, 0.1], {"margin": 0.01}, False),  # shown not to be zero
        ([0.999, 1.0, 1.001, 1.0], {"margin": 0.01, "threshold": 1.0}, True),
        ([0.0, 0.0, 0.0, 0.0], {"margin": 0.01}, True),
        ([0.02, 0.02, 0.02, 0.02], {"margin": 0.01}, False),
    ],
)
def test_equivalent_wants_both_tests_to_reject(values, more, held):
    found = judged(values, "equivalent", **more)
    assert found["held"] is held
    assert found["p"] == equivalence_p(np.array(values), more.get("threshold", 0), more["margin"])
    assert (found["p"] < 0.05) is held


def test_a_judgement_carries_the_hypothesis_and_the_estimate():
    values = [1.1, 1.2, 1.3, 1.6]
    found = judged(values, threshold=1.0, group="headline")
    expected = estimate(np.array(values))
    assert found == {
        "name": "h",
        "statement": "So it is.",
        "metric": MINUTES,
        "contrast": "a@w",
        "test": "greater",
        "threshold": 1.0,
        "margin": None,
        "group": "headline",
        "added": "",
        "held": True,
        "estimate": expected.mean,
        "low": expected.low,
        "high": expected.high,
        "n": 4,
        "p": None,
    }


@pytest.mark.parametrize("test", ["greater", "less", "equivalent"])
@pytest.mark.parametrize("values", [[np.nan] * 4, [np.nan, np.nan, 5.0, np.nan]])
def test_what_is_not_known_has_not_held(test, values):
    more = {"margin": 100.0} if test == "equivalent" else {"threshold": 0.0}
    found = judged(values, test, **more)
    assert found["held"] is False
    assert found["n"] < 2
    assert found["p"] is None


def test_undefined_seeds_are_left_out_of_the_test_too():
    with_gap = judged([-0.001, np.nan, 0.0, 0.001], "equivalent", margin=0.01)
    assert with_gap["n"] == 3
    assert with_gap["p"] == equivalence_p(np.array([-0.001, 0.0, 0.001]), 0.0, 0.01)


# --- contrasts ------------------------------------------------------------------------------------

CELLS = {"a@w": [1.0, 2.0, 4.0], "b@w": [2.0, 8.0, 1.0], "a@v": [10.0, 20.0, 30.0]}


@pytest.mark.parametrize(
    ("contrast", "values"),
    [
        ("a@w", [1, 2, 4]),
        ("- a@w", [-1, -2, -4]),
        ("a@w - b@w", [-1, -6, 3]),
        ("a@w + b@w", [3, 10, 5]),
        ("a@w-b@w", [-1, -6, 3]),
        ("a@v - a@w - b@w", [7, 10, 25]),
        ("a@v - b@w - a@w + b@w", [9, 18, 26]),
        ("a@w / b@w", [0.5, 0.25, 4]),
        ("a@v/a@w", [10, 10, 7.5]),
    ],
)
def test_contrasts_are_taken_seed_by_seed(contrast, values):
    assert values_of(CELLS).contrast(hypothesis(contrast)).tolist() == values


def test_a_contrast_is_undefined_where_one_of_its_cells_is():
    cells = {"a@w": [1.0, None, 4.0], "b@w": [2.0, 8.0, None]}
    found = values_of(cells).contrast(hypothesis("a@w - b@w"))
    assert np.array_equal(found, [-1.0, np.nan, np.nan], equal_nan=True)


def test_a_ratio_to_nothing_is_undefined_and_warns_of_nothing():
    cells = {"a@w": [1.0, 0.0, 4.0], "b@w": [0.0, 0.0, 2.0]}
    found = values_of(cells).contrast(hypothesis("a@w / b@w"))
    assert judge(hypothesis("a@w / b@w"), found)["n"] == 1


def test_values_are_found_by_seed_whatever_the_order_of_the_parts():
    shuffled = parts(CELLS)[::-1]
    assert Values(shuffled, 3).of(MINUTES, "b", "w").tolist() == [2.0, 8.0, 1.0]


# --- splits ---------------------------------------------------------------------------------------

SPLIT = Split(name="s", long="ppo", short="greedy", world="w", frozen="f")
GAINS = {
    "ppo@w": [30.0, 42.5, 38.25, 50.0],
    "greedy@w": [20.0, 30.0, 30.0, 30.0],
    "ppo@f": [24.0, 26.0, 27.5, 28.0],
    "greedy@f": [21.0, 21.0, 21.0, 21.0],
}


def test_what_is_left_and_the_rest_are_the_whole():
    found = split_gain(SPLIT, values_of(GAINS))
    total, pacing, rest = (found[key]["mean"] for key in ("total", "pacing", "tampering"))
    assert (total, pacing, rest) == (12.6875, 5.375, 7.3125)  # plain means of the four seeds
    assert pacing + rest == total
    for key, gains in (("total", [10.0, 12.5, 8.25, 20.0]), ("pacing", [3.0, 5.0, 6.5, 7.0])):
        assert found[key] == estimate(np.array(gains), np.mean).as_dict()
    assert found["pair"] == ["ppo", "greedy"]
    assert (found["name"], found["world"], found["frozen"]) == ("s", "w", "f")


def test_a_gain_that_stays_when_frozen_is_pacing_alone():
    cells = {**GAINS, "ppo@f": GAINS["ppo@w"], "greedy@f": GAINS["greedy@w"]}
    assert split_gain(SPLIT, values_of(cells))["tampering"] == {
        "mean": 0.0,
        "low": 0.0,
        "high": 0.0,
        "n": 4,
    }


# --- the whole ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole():
    """The summary of the tiny experiment with made-up values; referral is undefined in seed 1."""
    tiny = experiment()
    made = []
    for place, (world, policies) in enumerate(tiny.cells.items()):
        for row, policy in enumerate(policies):
            for seed in range(tiny.seeds):
                metrics = dict.fromkeys(METRICS, float(place + row + seed))
                metrics["referral_share"] = None if seed else 0.5
                metrics["steering_share"] = None
                metrics["induced_drift"] = 0.0
                made.append({"policy": policy, "world": world, "seed": seed, "metrics": metrics})
    return tiny, summarise(tiny, made)


def test_it_is_json_as_the_standard_has_it(whole):
    _, found = whole
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_every_cell_has_every_metric_in_the_order_of_the_config(whole):
    tiny, found = whole
    order = [(p, w) for w, policies in tiny.cells.items() for p in policies]
    assert [(c["policy"], c["world"]) for c in found["cells"]] == order
    for cell in found["cells"]:
        assert list(cell["metrics"]) == list(cell["values"]) == list(METRICS)
        for estimate_ in cell["metrics"].values():
            assert estimate_.keys() == {"mean", "low", "high", "n"}


def test_values_and_estimates_agree(whole):
    _, found = whole
    cell = found["cells"][2]
    assert cell["values"][MINUTES] == [2.0, 3.0]
    assert cell["metrics"][MINUTES] == estimate(np.array([2.0, 3.0])).as_dict()
    assert cell["values"]["referral_share"] == [0.5, None]
    assert cell["metrics"]["referral_share"] == {"mean": 0.5, "low": 0.5, "high": 0.5, "n": 1}
    nothing = {"mean": None, "low": None, "high": None, "n": 0}
    assert cell["metrics"]["steering_share"] == nothing


def test_hypotheses_that_failed_stay_in(whole):
    tiny, found = whole
    assert [h["name"] for h in found["hypotheses"]] == [h.name for h in tiny.hypotheses]
    assert [h["held"] for h in found["hypotheses"]] == [False, True]


def test_it_says_what_its_names_mean(whole):
    tiny, found = whole
    assert (found["name"], found["title"]) == ("tiny", "A tiny experiment")
    assert found["metrics"].keys() == METRICS.keys()
    assert found["worlds"].keys() == tiny.worlds.keys()
    assert found["worlds"]["frozen"]["null"] == "frozen_preferences"
    assert found["policies"]["greedy"] == {
        "kind": "greedy",
        "observation": "oracle",
        "description": "",
    }
    assert [s["name"] for s in found["splits"]] == ["gain"]
