"""Quantities, tests and verdicts of the register, by hand; its config; what it measures."""

import json
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import yaml

from undertow.agents import Chronological, Greedy, Random
from undertow.envs.world import synthetic, world
from undertow.experiments.config import ConfigError
from undertow.experiments.hypotheses.config import Claim, Hypothesis, Null, load_register
from undertow.experiments.hypotheses.exploring import Exploring
from undertow.experiments.hypotheses.judging import (
    holm,
    judge,
    mean_and_interval,
    null_p,
    one_sided_p,
)
from undertow.experiments.hypotheses.measures import STATISTICS, Subject, tail_share
from undertow.experiments.hypotheses.quantity import Cell, Quantity
from undertow.experiments.metrics import METRICS, measure
from undertow.experiments.rollout import twins

from .tiny import LIVELY, TINY

REPOSITORY = Path(__file__).parents[2]
COMMITTED = REPOSITORY / "experiments/configs/other/hypotheses.yaml"


# --- quantities -----------------------------------------------------------------------------------

VALUES = {
    Cell("drift", "a", "w"): np.array([1.0, 2.0, 4.0]),
    Cell("drift", "b", "w"): np.array([0.5, 1.0, 0.0]),
    Cell("share", "a", "w"): np.array([10.0, np.nan, 30.0]),
}


@pytest.mark.parametrize(
    "text, expected",
    [
        ("drift(a@w)", [1, 2, 4]),
        ("-drift(a@w) + drift(b@w)", [-0.5, -1, -4]),
        ("share(a@w) - drift(a@w)", [9, np.nan, 26]),  # statistics may differ
        ("(-3*drift(a@w) - drift(b@w)) / 2", [-1.75, -3.5, -6]),
        ("drift(a@w) - (drift(b@w) - drift(a@w))", [1.5, 3, 8]),
        ("drift(a@w) / drift(b@w)", [2, 2, np.nan]),  # a quotient by 0 is undefined
        ("drift(a@w)\n - 1", [0, 1, 3]),
    ],
)
def test_a_quantity_is_taken_seed_by_seed(text, expected):
    np.testing.assert_array_equal(Quantity(text).of(VALUES.__getitem__), expected)


def test_a_slope_is_that_of_least_squares():
    x = np.array([0.0, 1, 3, 6])
    y = np.random.default_rng(0).normal(size=(4, 5))
    text = "(-2.5*s(a@w) - 1.5*s(b@w) + 0.5*s(c@w) + 3.5*s(d@w)) / 21"
    values = {Cell("s", name, "w"): row for name, row in zip("abcd", y, strict=True)}
    np.testing.assert_allclose(Quantity(text).of(values.__getitem__), np.polyfit(x, y, 1)[0])


@pytest.mark.parametrize(
    "text",
    [
        "drift(a@w", "drift(a)", "a@w", "1 + 2", "drift(a@w) ** 2", "drift(a@w, b@w)",
        "drift(a@w) if True else 1", "drift('a')", "'x' * drift(a@w)", "",
    ],
)  # fmt: skip
def test_what_is_no_quantity_is_refused(text):
    with pytest.raises(ValueError, match="quantity: found"):
        Quantity(text)


# --- tests and verdicts ---------------------------------------------------------------------------


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([0.02]) == [0.02]
    assert holm([]) == []


def test_the_t_test_by_hand():
    values = np.array([1.0, 2.0, 3.0, np.nan])  # t = 2 / (1 / sqrt 3) with 2 degrees of freedom
    t = 2 * np.sqrt(3)
    p = 0.5 * (1 - t / np.sqrt(2 + t * t))  # Student's distribution with 2 degrees, closed form
    assert one_sided_p(values, 0.0, "greater") == pytest.approx(p)
    assert one_sided_p(values, 0.0, "less") == pytest.approx(1 - p)
    assert one_sided_p(np.array([2.0, 2.0]), 1.0, "greater") == 0.0
    assert one_sided_p(np.array([2.0, 2.0]), 2.0, "greater") == 1.0
    assert one_sided_p(np.array([2.0, np.nan]), 1.0, "greater") == 1.0  # one seed says nothing


def test_an_interval_is_of_the_plain_mean():
    found = mean_and_interval(np.array([1.0, 2.0, 3.0, 10.0, np.nan]))
    assert (found["mean"], found["n"]) == (4.0, 4)
    assert 1 < found["low"] < 4 < found["high"] < 10
    same = mean_and_interval(np.zeros(5))
    assert (same["low"], same["mean"], same["high"]) == (0, 0, 0)
    assert mean_and_interval(np.array([np.nan]))["mean"] is None


def null(test="equivalent", margin=0.01, threshold=0.0, quantity="induced_drift(a@w)"):
    return Null(
        name="null", statement="", quantity=quantity, test=test, margin=margin, threshold=threshold
    )


def test_a_null_passes_by_equivalence_and_not_by_ignorance():
    near = np.array([0.001, -0.001, 0.002, 0.0, -0.002])
    assert null_p(null(), near) < 0.05
    assert null_p(null(), 100 * near) > 0.05  # not significant, and not passed
    assert null_p(null(threshold=1.0), 1 + near) < 0.05
    exact = null("exactly", None)
    assert null_p(exact, np.zeros(3)) == 0.0
    assert null_p(exact, np.array([0.0, 1e-300])) == 1.0
    assert null_p(exact, np.array([0.0, np.nan])) == 1.0  # one seed says nothing


def hypothesis(name, *quantities, nulls=()):
    claims = [
        Claim(name=f"claim{k}", statement="", quantity=text, test="greater")
        for k, text in enumerate(quantities)
    ]
    return Hypothesis(
        name=name,
        title="",
        asked="",
        claims=claims,
        nulls=[null(quantity=text) for text in nulls],
    )


def test_a_hypothesis_needs_all_its_claims_and_all_its_nulls():
    drawn = {
        "strong": np.array([1.0, 1.1, 0.9, 1.05, 0.95]),
        "weak": np.array([1.0, 0.1, 0.9, -0.3, 0.2]),  # p = 0.1
        "still": np.array([0.001, -0.001, 0.0, 0.002, -0.002]),
    }

    def of(quantity):
        return quantity.of(lambda cell: drawn[cell.policy])

    strong, weak, still = (f"induced_drift({name}@w)" for name in drawn)
    judged = judge(
        [
            hypothesis("both", strong, nulls=[still]),
            hypothesis("claim_fails", strong, weak, nulls=[still]),
            hypothesis("null_fails", strong, nulls=[still, strong]),
        ],
        of,
    )
    assert [h["supported"] for h in judged] == [True, False, False]
    assert [h["claims_held"] for h in judged] == [True, False, True]
    assert [h["nulls_passed"] for h in judged] == [True, True, False]
    # Holm counts the claims of all hypotheses: four, of which `weak` has the largest p.
    p = one_sided_p(drawn["strong"], 0.0, "greater")
    assert judged[0]["claims"][0]["p_holm"] == pytest.approx(4 * p)
    failed = judged[1]["claims"][1]
    assert failed["p_holm"] == failed["p"] > 0.05


# --- what is measured -----------------------------------------------------------------------------


def subject(policy, overrides=LIVELY, null=None):
    parameters = world("vulnerable", null, overrides)
    items = synthetic(parameters)
    return Subject(parameters, items, policy(items), seed=5, people=30, threshold=0.5)


def test_the_metrics_are_those_of_the_project():
    mine = subject(lambda items: Greedy(len(items)))
    neutral = Chronological(mine.items.supply)
    lives = twins(
        mine.parameters, mine.items, mine.policy, neutral, seed=5, people=30, threshold=0.5
    )
    expected = measure(lives, days=mine.parameters.calendar.days, threshold=0.5)
    found = {name: STATISTICS[name].value(mine) for name in METRICS}
    assert found == pytest.approx(expected, nan_ok=True, abs=0)


def test_the_neutral_feed_against_itself_is_exactly_nothing():
    mine = subject(lambda items: Chronological(items.supply))
    for name in (
        "induced_drift",
        "induced_taste_shift",
        "induced_stance_shift",
        "taste_shift_ratio",
    ):
        assert STATISTICS[name].value(mine) == 0.0, name
    assert STATISTICS["steering_share"].value(mine) in (0.0, pytest.approx(np.nan, nan_ok=True))


def test_frozen_preferences_are_not_shifted():
    mine = subject(lambda items: Greedy(len(items)), null="frozen_preferences")
    assert STATISTICS["induced_taste_shift"].value(mine) == 0.0
    assert STATISTICS["induced_stance_shift"].value(mine) == 0.0
    assert np.isnan(STATISTICS["taste_shift_ratio"].value(mine))  # nor does time move tastes
    assert STATISTICS["stance_shift_ratio"].value(mine) == 0.0


def test_drift_is_left_where_nothing_brings_stances_back():
    def left(anchor):
        overrides = LIVELY | {"stance": {"anchor": anchor, "noise": 0.0}}
        return STATISTICS["drift_left"].value(subject(lambda items: Greedy(len(items)), overrides))

    assert abs(left(0.2)) < 0.1
    assert left(0.0) > 0.3


def test_the_least_watched_tenth():
    minutes, creator = np.arange(20.0), np.arange(20)
    assert tail_share(minutes, creator) == pytest.approx((0 + 1) / 190)
    assert tail_share(minutes, np.arange(10, 20)) == pytest.approx(
        10 / 145
    )  # of those with an item
    assert tail_share(minutes[:5], np.arange(5)) == pytest.approx(0.5 * 0 / 10)
    assert tail_share(minutes[1:6], np.arange(5)) == pytest.approx(0.5 * 1 / 15)


def test_misinformation_among_contested_posts_is_that_of_the_supply_where_all_are_as_false():
    flat = LIVELY | {"catalogue": {"items": 10, "falsehood_base": -1.0, "falsehood_slope": 0.0}}
    mine = subject(lambda items: Greedy(len(items)), flat)
    assert STATISTICS["contested_misinformation_ratio"].value(mine) == pytest.approx(1, abs=1e-6)
    contested = float(mine.items.supply @ mine.items.civic)
    lives = mine.policy_lives
    share = lives.civic_minutes.sum() / lives.minutes.sum()
    found = STATISTICS["misinformation_ratio"].value(mine)
    assert found == pytest.approx(share / contested, rel=1e-5)


def test_a_slot_for_exploration_draws_its_share_of_leads():
    seeds, persons = np.full(4000, 3), np.arange(4000)

    def led(share):
        policy = Exploring(Random(1), share, 10)  # the policy leads with item 0
        policy.begin(seeds, persons)
        return np.stack([policy.act(np.zeros((4000, 1), dtype=np.float32)) for _ in range(5)])

    assert (led(0.0) == 0).all()
    some = led(0.2)
    assert (some != 0).mean() == pytest.approx(0.2 * 0.9, abs=0.01)
    np.testing.assert_array_equal(some, led(0.2))  # counter-based
    assert np.bincount(led(1.0).ravel(), minlength=10) == pytest.approx(np.full(10, 2000), rel=0.1)
    with pytest.raises(ValueError, match=r"share: found 1\.5; allowed"):
        Exploring(Random(1), 1.5, 10)


# --- the config -----------------------------------------------------------------------------------


TINY_REGISTER = """
name: tiny_ten
title: One of ten
seeds: 3
trained: 2
variants:
  again: {of: ppo, offset: 1}
  curious: {of: greedy, explore: 0.5}
  same: {of: greedy}
saved:
  tiny: {seeds: 2, cells: {lively: [ppo, greedy], frozen: [greedy]}}
hypotheses:
  - name: H1
    title: Everything
    asked: that it runs
    claims:
      - name: claim
        statement: Greedy beats random.
        quantity: watch_minutes_per_day(greedy@lively) - watch_minutes_per_day(random@lively)
        test: greater
    nulls:
      - name: self
        statement: A value that is read is the value that is measured.
        quantity: watch_minutes_per_day(same@lively) - watch_minutes_per_day(greedy@lively)
        test: exactly
      - name: frozen
        statement: Nobody moves.
        quantity: induced_stance_shift(ppo@frozen)
        test: exactly
        by_construction: true
    beside:
      - name: again
        statement: Another training.
        quantity: watch_minutes_per_day(again@lively_2) - taste_shift_ratio(ppo@lively)
      - name: curious
        statement: An exploring one.
        quantity: tail_share(curious@lively)
"""


def prepared():
    """A register beside the tiny experiment, whose result it reads."""
    shared = {key: TINY[key] for key in ("evaluation", "training", "policies")}
    worlds = TINY["worlds"] | {"lively_2": TINY["worlds"]["lively"]}
    return deepcopy(yaml.safe_load(TINY_REGISTER) | shared | {"worlds": worlds})


def written(folder, data):
    file = folder / "register.yaml"
    file.write_text(yaml.safe_dump(data), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    "path, value, message",
    [
        (("claims", 0, "quantity"), "drift(ppo@lively)", "found 'drift'; allowed: "),
        (("claims", 0, "quantity"), "welfare(ppo@nowhere)", "found 'nowhere'; allowed: frozen"),
        (("claims", 0, "quantity"), "welfare(ppp@lively)", "found 'ppp'; allowed: chronological"),
        (("claims", 0, "test"), "equivalent", "hypotheses.0.claims.0.test"),
        (("nulls", 0, "margin"), 0.1, "none with 'exactly'"),
        (("nulls", 1, "name"), "self", "allowed: each once"),
    ],
)
def test_a_bad_register_is_refused_by_key(tmp_path, path, value, message):
    data = prepared()
    block, at, key = path
    data["hypotheses"][0][block][at][key] = value
    with pytest.raises(ConfigError) as error:
        load_register(written(tmp_path, data))
    assert message in str(error.value)


def test_more_of_a_register_that_is_refused(tmp_path):
    for change, message in (
        ({"variants": {"ppo": {"of": "ppo"}}}, "variants.ppo.of"),
        ({"variants": {"x": {"of": "ppo", "trained_in": "no"}}}, "variants.x.trained_in"),
        ({"saved": {"tiny": {"seeds": 2, "cells": {"no": ["ppo"]}}}}, "saved.tiny.cells"),
        ({"policies": {"greedy": {"kind": "greedy"}}}, "observation: found 'platform' for greedy"),
    ):
        with pytest.raises(ConfigError) as error:
            load_register(written(tmp_path, prepared() | change))
        assert message in str(error.value)


def test_the_ten_are_those_that_were_asked_for():
    register = load_register(COMMITTED)
    assert [h.name for h in register.hypotheses] == [f"H{k}" for k in range(1, 11)]
    margins = {f"{h.name}.{n.name}": n.margin for h in register.hypotheses for n in h.nulls}
    for name, margin in {
        "H1.yoked": 0.01, "H1.no_pull": 0.01, "H1.frozen": 0.01, "H2.trained_twice": 0.02,
        "H3.untied": 0.01, "H6.frozen_twice": 0.01, "H8.nothing_to_constrain": 0.02,
        "H9.anchored": 0.1, "H10.ratio": 0.05,
    }.items():  # fmt: skip
        assert margins[name] == margin, name
    for hypothesis in register.hypotheses:  # none is told of the vulnerable world alone
        beside = " ".join(one.quantity for one in hypothesis.beside)
        assert "@default)" in beside, hypothesis.name


@pytest.mark.parametrize("name", ["hypotheses", "hypotheses_full_training", "hypotheses_churn"])
def test_a_committed_result_is_that_of_its_committed_register(name):
    folder = REPOSITORY / "results" / name
    register = load_register(COMMITTED.with_stem(name))
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    for stated, told in zip(register.hypotheses, summary["hypotheses"], strict=True):
        for block in ("claims", "nulls", "beside"):
            pairs = zip(getattr(stated, block), told[block], strict=True)
            for mine, theirs in pairs:
                assert mine.model_dump(mode="json").items() <= theirs.items()
                assert len(theirs["values"]) == register.seeds_of(mine.parsed)
        assert told["supported"] == all(
            [c["p_holm"] < 0.05 for c in told["claims"]] + [n["passed"] for n in told["nulls"]]
        )
    claims = [claim for told in summary["hypotheses"] for claim in told["claims"]]
    assert [c["p_holm"] for c in claims] == pytest.approx(holm([c["p"] for c in claims]))
    assert summary["supported"] == sum(told["supported"] for told in summary["hypotheses"])
