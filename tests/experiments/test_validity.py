"""The validity suite: statistics in worlds where they are known, bands, fit, resume."""

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from undertow.agents import Greedy, PPOSettings
from undertow.envs.world import altered, synthetic, world
from undertow.experiments import cli, record
from undertow.experiments.config import ConfigError
from undertow.experiments.record import run_record
from undertow.experiments.result_folder import ResultError
from undertow.experiments.validity import fit, studies
from undertow.experiments.validity import run as engine
from undertow.experiments.validity.answerer import Answerer
from undertow.experiments.validity.config import Part, load_validity
from undertow.experiments.validity.descent import Point, beyond, descend
from undertow.experiments.validity.ensemble import left_open, spread, studies_held_out
from undertow.experiments.validity.fit import fit_world
from undertow.experiments.validity.forgetting import forgotten_after, heavy_partisans
from undertow.experiments.validity.misses import MISSES, held_against, why_missed
from undertow.experiments.validity.recommender import Recommender, kinds
from undertow.experiments.validity.report import _place, band, validity_report
from undertow.experiments.validity.studies import STATISTICS, STUDIES, Setting

from .tiny import undertow

SUITE = Path(cli.__file__).parent / "configs" / "validity.yaml"
RESULT = Path(__file__).parents[2] / "results" / "validity"


def setting(people=200, **overrides):
    return Setting(Answerer.of(overrides), people, 11)


# --- studies in worlds where the answer is known -------------------------------------------------


def test_without_temptation_no_use_is_for_want_of_self_control():
    assert studies.self_control(setting(appraisal={"temptation": False}))["wedge"] == 0


def test_the_bonus_is_of_the_strength_asked_for():
    assert studies.bonus(setting())["bonus_cut"] == pytest.approx(0.39, abs=0.02)


def test_without_habit_a_paid_cut_leaves_next_to_nothing():
    """Habit, tolerance, regret, tastes and stances are all that lasts; boredom goes in days."""
    found = studies.bonus(
        setting(
            habit={"enabled": False},
            opening={"regret": 0.0},
            tolerance={"enabled": False},
            taste={"enabled": False},
            stance={"persuasion": False},
        )
    )
    with_habit = studies.bonus(setting())
    assert abs(found["persistence_first"]) < 0.01
    assert abs(found["persistence_second"]) < 0.01
    assert with_habit["persistence_first"] > found["persistence_first"] + 0.05


def test_who_is_never_tempted_needs_no_limit():
    """A limit at untempted use binds on busy days alone; with temptation it binds on most."""
    calm = studies.limit(setting(appraisal={"temptation": False}))["limit_cut"]
    assert 0 < calm < studies.limit(setting())["limit_cut"]


def test_an_app_that_is_fully_endorsed_is_missed():
    loved = setting(welfare={"base": 6.0, "unendorsed_cost": 0.0}, habit={"enabled": False})
    assert studies.deactivation(loved)["welfare_of_deactivation"] < 0
    assert studies.deactivation(setting())["welfare_of_deactivation"] > 0


@pytest.mark.parametrize("shape", [0.6, 1.5])
def test_the_shape_of_sessions_is_found(shape):
    alike = setting(
        watching={"shape": shape, "habit": 0.0, "duration": 0.0, "longest": 7.0, "minutes": 20.0},
        appraisal={"taste": 0.0, "satiation": 0.0, "quality": 0.0, "arousal": 0.0, "falsehood": 0.0,
                   "extremity_pull": 0.0, "congruence": False},
    )  # fmt: skip
    assert studies.dwell(alike)["weibull_shape"] == pytest.approx(shape, rel=0.05)


def test_where_there_are_two_topics_all_that_is_shown_is_of_the_two_dearest():
    assert studies.ranking(setting(population={"topics": 2}))["exploited_share"] == 1
    assert studies.ranking(setting())["exploited_share"] < 1


def test_ranking_amplifies_more_where_more_people_follow_the_news():
    few, many = (studies.ranking(setting(population={"news_mean": mean})) for mean in (-3.0, 2.0))
    assert many["civic_amplification"] > 2 * few["civic_amplification"]
    assert many["civic_share"] > 2 * few["civic_share"]
    assert few["ranked_over_random"] > 1


@pytest.mark.parametrize(
    ("pull", "strength", "name"),
    [("arousal", 2.0, "arousal_of_ranking"), ("extremity_pull", 6.0, "extremity_of_ranking")],
)
def test_ranked_timelines_hold_more_of_what_pulls(pull, strength, name):
    news = {"news_mean": 1.0}
    none, strong = (
        studies.timelines(setting(population=news, appraisal={pull: weight}))[name]
        for weight in (0.0, strength)
    )
    assert strong > none + 0.5


def test_bots_watch_what_people_do_where_people_watch_all_that_is_recommended():
    eager = {"search": {"enabled": False}, "opening": {"base": 8.0}}
    found = studies.counterfactual_bots(setting(**eager))["recommender_over_own_choice"]
    assert found == pytest.approx(0, abs=0.001)
    choosy = studies.counterfactual_bots(setting(**eager | {"opening": {"base": -3.0}}))
    assert abs(choosy["recommender_over_own_choice"]) > 0.01


def test_later_use_is_that_of_days_16_to_25_of_those_who_were_admitted(monkeypatch):
    """Four people: 5, 60, 60 and 700 minutes a day; 30 on those days alone after the break."""
    usual = np.array([5.0, 60.0, 60.0, 700.0])
    after = range(21 + 28 + 15, 21 + 28 + 25)

    class Made:
        def __init__(self, paused):
            self.daily = np.tile(usual, (77, 1))
            if paused:
                self.daily[21:] = [
                    [0, 30, 30, 0] if day in after else usual for day in range(21, 77)
                ]

        def use(self, first, last):
            return self.daily[first:last].mean(axis=0)

        def days(self, first, last):
            return SimpleNamespace(worth=-self.daily[first:last])

    monkeypatch.setattr(Setting, "arm", lambda self, world, *phases: Made(len(phases) == 3))
    found = studies.deactivation(setting())
    assert found["use_after_deactivation"] == pytest.approx(-0.5)
    assert found["welfare_of_deactivation"] == 0


def test_a_break_is_asked_of_those_alone_who_use_enough():
    seldom = studies.deactivation(setting(watching={"minutes": 1.0}))
    assert all(np.isnan(value) for value in seldom.values())


def test_a_week_of_less_hostility_is_asked_of_those_alone_who_see_politics():
    nobody = setting(population={"news_mean": -6.0})
    assert np.isnan(studies.less_hostile(nobody)["thermometer"])


def test_shares_follow_allure_alone():
    calm = studies.sharing(
        setting(appraisal={"arousal": 0.0, "falsehood": 0.0, "extremity_pull": 0.0})
    )
    assert calm == {"false_over_true": pytest.approx(1), "shares_per_arousal_sd": 1}
    novel = studies.sharing(
        setting(appraisal={"arousal": 0.0, "falsehood": 0.5, "extremity_pull": 0.0})
    )
    assert novel["false_over_true"] == pytest.approx(np.exp(0.5))


def test_nothing_problematic_is_shown_where_nothing_is():
    found = studies.problematic(setting(catalogue={"stance_range": 0.7}))
    assert found == {"problematic_share": 0, "ever_problematic": 0}


def test_content_that_persuades_nobody_moves_nobody_in_any_study():
    still = setting(stance={"persuasion": False})
    assert studies.switch_on_and_off(still) == {"switched_on": 0, "switched_off": 0}
    assert studies.chronological_for_three_months(still)["stance_when_chronological"] == 0
    assert studies.less_hostile(still)["thermometer"] == 0


def test_a_supply_that_leans_moves_the_mean_its_way():
    moved = setting(population={"susceptibility_median": 0.15, "news_mean": 1.5})
    found = studies.switch_on_and_off(moved)
    assert found["switched_on"] > 0.05


def test_nobody_searches_so_every_crossing_was_placed():
    assert studies.referral(setting(search={"enabled": False}))["referral_share"] == 1
    often = studies.referral(setting(search={"share": 0.8}))["referral_share"]
    assert often < studies.referral(setting(search={"share": 0.3}))["referral_share"]


def test_every_study_gives_the_statistics_it_says_it_gives():
    small = replace(setting(people=40), training=PPOSettings(slots=4096, n_envs=64, batch_size=512))
    for name, study in STUDIES.items():
        assert set(study.measure(small)) == set(study.gives), name
    assert len(STATISTICS) == sum(len(study.gives) for study in STUDIES.values())


def test_too_few_people_are_refused():
    with pytest.raises(ValueError, match="people: found 9; allowed: 10 or more"):
        setting(people=9)


# --- forgetting ----------------------------------------------------------------------------------


def test_forgetting_is_counted_from_the_switch_to_a_tenth_of_the_excess():
    excess = np.concatenate([np.full(10, 0.4), 0.4 * 0.9 ** np.arange(100)])
    after = forgotten_after(excess, 10)
    assert after == pytest.approx(np.log(0.1) / np.log(0.9), abs=3)


def test_what_never_fades_is_never_forgotten_and_no_reaction_is_undefined():
    assert forgotten_after(np.full(60, 0.4), 10) == np.inf
    assert np.isnan(forgotten_after(np.full(60, 0.01), 10))
    assert forgotten_after(np.concatenate([np.full(10, 0.4), np.zeros(50)]), 10) == 1


def test_heavy_partisans_are_the_tenth_that_care_most_and_stand_furthest():
    course = setting(people=100).three_weeks
    heavy = heavy_partisans(course)
    heat = course.traits.news * np.abs(course.traits.stance)
    assert heavy.size == 10
    assert heat[heavy].min() >= np.delete(heat, heavy).max()


# --- bands, cost and places ----------------------------------------------------------------------


def part(low, high):
    return Part(statistic="wedge", means="share", band=(low, high))


def bands(*ends):
    return np.array([[np.nan if end is None else end for end in pair] for pair in ends])


@given(st.floats(-10, 10))
def test_a_value_without_cost_is_inside_its_band(value):
    for ends in ((0.2, 0.6), (None, 0.5), (0.5, None)):
        if beyond(bands(ends), np.array([value]))[0] == 0:
            assert part(*ends).meets(value)


def test_cost_by_hand():
    ends = bands((0, 4), (0, 4), (None, 0), (2, None), (0, 4))
    found = beyond(ends, np.array([2.9, 4.0, 0.2, 1.8, np.nan]))
    # 0.45 half-widths from the middle; at the end; 0.2 in tenths; 0.2 in tenths of 2; undefined.
    np.testing.assert_allclose(found, [0, 0.5, 2, -1, 5], atol=1e-12)
    point = Point(np.zeros(1), np.array([2.9, 4.0, 0.2, 1.8, np.nan]))
    assert point.cost(ends) == pytest.approx(0.25 + 4 + 1 + 25)


def test_bands_are_told_and_placed():
    assert band({"band": [None, 0.5]}) == "at most 0.5"
    assert band({"band": [0.5, None]}) == "at least 0.5"
    assert band({"band": [0.5, 1.0]}) == "0.5 to 1"
    assert _place([0.0, 2.0], 2.0) == 1 and _place([0.0, 2.0], 1.0) == 0
    assert _place([None, 2.0], 2.0) == 1 and _place([2.0, None], 2.0) == -1


@pytest.mark.parametrize("value, met", [(0.2, True), (0.6, True), (0.61, False), (None, False)])
def test_the_ends_of_a_band_belong_to_it(value, met):
    assert part(0.2, 0.6).meets(value) is met


def test_a_statistic_undefined_in_half_of_the_seeds_is_undefined():
    row = load_validity(SUITE).rows[0]
    found = engine.judge(row, {"wedge": np.array([0.3, 0.3, np.nan, np.nan])})
    assert found["simulated"]["mean"] is None and found["pass"] is False
    found = engine.judge(row, {"wedge": np.array([0.3, 0.3, 0.3, np.nan])})
    assert found["simulated"] == {"mean": 0.3, "low": 0.3, "high": 0.3, "n": 3}
    assert found["pass"] is True


# --- the config ----------------------------------------------------------------------------------


def small(tmp_path, **changes):
    data = yaml.safe_load(SUITE.read_text(encoding="utf-8"))
    data["seeds"], data["people"], data["ensemble"] = 2, 20, None
    data["nulls"], data["context"] = None, []
    data["worlds"] = {"default": {"description": ""}, "fitted": {"description": "", "fitted": True}}
    data["rows"] = [row for row in data["rows"] if row["row"] in (1, 9, 10, 23)]
    data["fit"] = {
        "seed": 1000,
        "people": 20,
        "blocks": [
            {
                "name": "novelty",
                "why": "test",
                "screened": 4,
                "rounds": 3,
                "statistics": ["false_over_true"],
                "knobs": [{"parameter": "appraisal.falsehood", "low": 0.0, "high": 1.0}],
            }
        ],
    }
    data |= changes
    file = tmp_path / "small.yaml"
    file.write_text(yaml.safe_dump(data), encoding="utf-8")
    return file


def test_the_committed_suite_has_every_row_but_the_input():
    suite = load_validity(SUITE)
    assert [row.row for row in suite.rows] == [n for n in range(1, 26) if n != 24]
    held_out = [row.row for row in suite.rows if row.held_out]
    assert held_out == [5, 8, 12, 17, 19]
    assert set(MISSES) <= {row.row for row in suite.rows}


def test_the_committed_result_gives_a_reason_for_every_miss():
    summary = json.loads((RESULT / "summary.json").read_text(encoding="utf-8"))
    assert list(summary["worlds"]) == ["anchored", "default", "default_erring"]
    for name, found in summary["worlds"].items():
        for row in found["rows"]:
            assert row["pass"] or why_missed(name, row["row"]) != "Not explained.", row["row"]


def test_what_is_held_against_a_row_stands_in_the_report_only_if_it_is_met():
    summary = json.loads((RESULT / "summary.json").read_text(encoding="utf-8"))
    manifest = json.loads((RESULT / "manifest.json").read_text(encoding="utf-8"))
    for met in (True, False):
        for found in summary["worlds"].values():
            for row in found["rows"]:
                row["pass"] = met
        report = validity_report(summary, manifest)
        assert ("Met, and yet no evidence:" in report) == met
        assert report.count(held_against("anchored", 5)) == met
    assert held_against("default", 5) is None


def test_the_anchored_preset_is_the_world_that_the_fit_found():
    summary = json.loads((RESULT / "summary.json").read_text(encoding="utf-8"))
    found = Answerer.of(summary["worlds"]["anchored"]["overrides"])
    assert found.parameters == world("anchored") and found.temperature > 0


def test_a_held_out_row_cannot_be_fitted_to(tmp_path):
    data = yaml.safe_load(SUITE.read_text(encoding="utf-8"))
    data["fit"]["blocks"][0]["statistics"] = ["thermometer"]
    with pytest.raises(ConfigError, match=r"contested.statistics: found 'thermometer'; allowed"):
        load_validity(small(tmp_path, rows=data["rows"], fit=data["fit"]))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"statistic": "wedg"}, r"rows.0.parts.0: statistic: found 'wedg'; allowed: wedge"),
        ({"band": [1.0, 0.0]}, r"band: found \[1.0, 0.0\]; allowed: low < high"),
        ({"band": [None, None]}, r"band: found \[None, None\]; allowed"),
    ],
)
def test_a_part_that_cannot_be_met_is_refused(tmp_path, change, message):
    data = yaml.safe_load(SUITE.read_text(encoding="utf-8"))["rows"][:1]
    data[0]["parts"][0] |= change
    with pytest.raises(ConfigError, match=message):
        load_validity(small(tmp_path, rows=data, fit=None, worlds={"default": {"description": ""}}))


def test_a_row_stands_once_and_a_fitted_world_needs_a_fit(tmp_path):
    data = yaml.safe_load(SUITE.read_text(encoding="utf-8"))["rows"][:1]
    with pytest.raises(ConfigError, match=r"rows: found \[1, 1\]; allowed: each row once"):
        load_validity(small(tmp_path, rows=data * 2))
    with pytest.raises(ConfigError, match="worlds: found one that is fitted; allowed: with a"):
        load_validity(small(tmp_path, fit=None))
    alone = {"default": {"description": ""}}
    with pytest.raises(ConfigError, match="ensemble: found 3; allowed: with a `fit` block"):
        load_validity(small(tmp_path, fit=None, worlds=alone, ensemble=3))


def test_a_knob_outside_what_is_admissible_is_refused(tmp_path):
    fit = yaml.safe_load(small(tmp_path).read_text(encoding="utf-8"))["fit"]
    fit["blocks"][0]["knobs"][0]["high"] = 100.0
    with pytest.raises(ConfigError, match=r"fit.blocks.0.knobs.0.*\n?.*less than or equal to 6"):
        load_validity(small(tmp_path, fit=fit))
    fit["blocks"][0]["knobs"][0] |= {"low": 1.0, "high": 1.0}
    with pytest.raises(ConfigError, match=r"low, high: found 1.0, 1.0; allowed: low < high"):
        load_validity(small(tmp_path, fit=fit))


# --- fit, run, resume ----------------------------------------------------------------------------


def by_function(function):
    """Points of a function, and how many were asked for."""
    asked = []

    def points(places):
        asked.append(len(places))
        return [Point(place, function(place)) for place in places]

    return points, asked


def test_a_descent_finds_the_bands_of_a_function_that_is_not_linear():
    ends = bands((0.6, 0.7), (0.05, 0.15), (None, 0.4))
    points, _ = by_function(lambda u: np.array([u[0] ** 2 + u[1], u[0] * u[1], u[1]]))
    (start,) = points([np.array([0.1, 0.9])])
    end = descend(start, ends, points, rounds=20)
    assert start.cost(ends) > 10 and end.cost(ends) == 0
    assert ((end.place >= 0) & (end.place <= 1)).all()


def test_a_descent_never_makes_worse_and_stops_where_it_is_good():
    noise = np.random.Generator(np.random.Philox(3))
    points, asked = by_function(lambda u: np.array([u.sum() + noise.normal(0, 0.5)]))
    (start,) = points([np.full(3, 0.5)])
    end = descend(start, bands((5.0, 6.0)), points, rounds=6)
    assert end.cost(bands((5.0, 6.0))) <= start.cost(bands((5.0, 6.0)))
    asked.clear()
    assert descend(start, bands((-10.0, 10.0)), points, rounds=6) is start and not asked


def test_what_nothing_asks_to_move_is_drawn_to_the_origin():
    """And what a statistic asks for is not given up for it."""
    points, _ = by_function(lambda u: u[:1])
    (start,) = points([np.array([0.1, 0.9])])
    end = descend(
        start, bands((0.6, 0.7)), points, rounds=20, origin=np.array([0.0, 0.3]), nearness=0.02
    )
    np.testing.assert_allclose(end.place, [0.625, 0.3], atol=0.01)
    assert end.cost(bands((0.6, 0.7))) < 0.01


def test_what_is_undefined_is_left_and_what_can_be_mended_is():
    points, _ = by_function(lambda u: np.array([np.nan, u[0]]))
    (start,) = points([np.array([0.1])])
    end = descend(start, bands((0, 1), (0.8, 0.9)), points, rounds=8)
    assert end.cost(bands((0, 1), (0.8, 0.9))) == pytest.approx(25)


@pytest.mark.parametrize("workers", [1, 2])
def test_the_fit_finds_what_it_is_asked_for_and_replays_what_it_knows(tmp_path, workers):
    suite = load_validity(small(tmp_path))
    log, told = tmp_path / "fit.jsonl", []
    overrides, steps, alike = fit_world(suite, log, told.append, workers)
    count = len(log.read_text(encoding="utf-8").splitlines())
    assert count >= 5 and steps[0]["evaluations"] >= count
    assert any("evaluations" in text for text in told)
    assert steps[0]["cost_after"] <= steps[0]["cost_before"]
    values = studies.sharing(Setting(Answerer.of(overrides), 20, 1))
    assert 1.4 <= values["false_over_true"] <= 2.0
    log.write_text(log.read_text(encoding="utf-8") + '["cut sho', encoding="utf-8")
    assert fit_world(suite, log, workers=1) == (overrides, steps, alike)
    assert len(log.read_text(encoding="utf-8").splitlines()) == count  # what was cut short is gone


def test_a_fit_may_start_from_another_world_and_tells_it(tmp_path):
    fitting = yaml.safe_load(small(tmp_path).read_text(encoding="utf-8"))["fit"]
    started = fitting | {"start": {"opening": {"habit": 0.0, "cue": 0.4}}}
    suite = load_validity(small(tmp_path, fit=started))
    overrides, _, alike = fit_world(suite, tmp_path / "f", workers=1)
    assert all(one["opening"] == {"habit": 0.0, "cue": 0.4} for one in [overrides, *alike])
    assert Answerer.of(overrides).parameters.opening.cue == 0.4
    assert "start" not in load_validity(small(tmp_path)).model_dump()["fit"]
    with pytest.raises(ConfigError, match=r"fit.start.opening.cue: .* \(found 2.0\)"):
        load_validity(small(tmp_path, fit=fitting | {"start": {"opening": {"cue": 2.0}}}))


def test_a_band_may_be_asked_for_inset(tmp_path):
    block = yaml.safe_load(small(tmp_path).read_text(encoding="utf-8"))["fit"]["blocks"][0]
    fitting = {"seed": 1000, "people": 20, "blocks": [block | {"inset": {"false_over_true": 0.25}}]}
    suite = load_validity(small(tmp_path, fit=fitting))
    (inner,) = suite.asked(suite.fit.blocks[0])
    assert inner.band == (1.65, 1.75) and suite.part("false_over_true").band == (1.4, 2.0)
    overrides, _, alike = fit_world(suite, tmp_path / "f", workers=1)
    (odds,) = fit.statistics_of(suite.fit, suite.fit.blocks[0], Answerer.of(overrides))
    assert 1.65 <= odds <= 1.75
    lines = (tmp_path / "f").read_text(encoding="utf-8").splitlines()
    # What does as well is inside the band itself.
    assert len(alike) == sum(1.4 <= json.loads(line)[1][0] <= 2.0 for line in lines) > 1
    (plain,) = load_validity(small(tmp_path)).fit.blocks
    assert "inset" not in plain.model_dump()


@pytest.mark.parametrize(
    ("inset", "message"),
    [
        ({"wedge": 0.1}, "inset: found 'wedge'; allowed: statistics of the block: false_over_true"),
        ({"false_over_true": 0.0}, r"inset.false_over_true: .*greater than 0 \(found 0.0\)"),
        ({"false_over_true": 0.4}, "inset.false_over_true: found 0.4; allowed: less than half"),
    ],
)
def test_an_inset_that_leaves_no_band_is_refused(tmp_path, inset, message):
    fitting = yaml.safe_load(small(tmp_path).read_text(encoding="utf-8"))["fit"]
    fitting["blocks"][0]["inset"] = inset
    with pytest.raises(ConfigError, match=message):
        load_validity(small(tmp_path, fit=fitting))


def test_an_open_end_of_a_band_stays_open():
    part = Part(statistic="use_trend", means="", band=(0.0, None))
    assert part.inset(0.1).band == (0.1, None)


def test_each_block_counts_its_own_evaluations(tmp_path):
    block = yaml.safe_load(small(tmp_path).read_text(encoding="utf-8"))["fit"]["blocks"][0]
    fitting = {"seed": 1000, "people": 20, "blocks": []}
    fitting["blocks"] = [block | {"name": name, "rounds": 0} for name in ("first", "second")]
    _, steps, _ = fit_world(load_validity(small(tmp_path, fit=fitting)), tmp_path / "f", workers=1)
    assert [step["evaluations"] for step in steps] == [5, 5]  # where it stood and four screened


def test_all_that_did_as_well_as_the_fit_met_what_was_asked_and_stands_once(tmp_path):
    suite = load_validity(small(tmp_path))
    overrides, _, alike = fit_world(suite, tmp_path / "fit.jsonl", workers=1)
    assert overrides in alike
    falsehood = [one["appraisal"]["falsehood"] for one in alike]
    assert len(set(falsehood)) == len(falsehood)
    block = suite.fit.blocks[0]
    for one in alike:
        (odds,) = fit.statistics_of(suite.fit, block, Answerer.of(one))
        assert 1.4 <= odds <= 2.0
    lines = (tmp_path / "fit.jsonl").read_text(encoding="utf-8").splitlines()
    inside = [1.4 <= json.loads(line)[1][0] <= 2.0 for line in lines]
    assert len(alike) == sum(inside) < len(lines)


# --- the ensemble --------------------------------------------------------------------------------


def test_an_ensemble_is_evenly_spaced_and_no_larger_than_what_there_is():
    alike = [{"habit": {"gain": float(place)}} for place in range(9)]
    assert list(spread(alike, 3)) == ["ensemble0", "ensemble4", "ensemble8"]
    assert spread(alike, 3)["ensemble4"] == alike[4]
    assert list(spread(alike, 20).values()) == alike
    assert spread([], 3) == {}


def test_what_is_left_open_by_hand():
    suite = load_validity(SUITE)
    every = {part.statistic: None for row in suite.rows if row.held_out for part in row.parts}
    first = every | {"arousal_of_ranking": 0.5, "extremity_of_ranking": 0.2, "thermometer": 0.02}
    second = every | {"arousal_of_ranking": 0.7, "extremity_of_ranking": 0.3}
    found = left_open(suite, {"ensemble0": first, "ensemble7": second}, met=9)
    assert (found["met"], found["worlds"]) == (9, 2)
    rows = {row["row"]: row for row in found["rows"]}
    assert list(rows) == [5, 8, 12, 17, 19]
    arousal, extremity = rows[8]["parts"]
    assert (arousal["least"], arousal["most"], arousal["inside"]) == (0.5, 0.7, 1)
    assert (extremity["inside"], rows[8]["inside"]) == (2, 1)
    (thermometer,) = rows[19]["parts"]
    assert (thermometer["undefined"], thermometer["inside"], rows[19]["inside"]) == (1, 1, 1)
    assert rows[5]["inside"] == 0 and rows[5]["parts"][0]["least"] is None


def test_the_studies_of_an_ensemble_are_those_of_held_out_rows():
    asked = studies_held_out(load_validity(SUITE))
    gives = {name for study in asked for name in STUDIES[study].gives}
    suite = load_validity(SUITE)
    free = {part.statistic for row in suite.rows if not row.held_out for part in row.parts}
    assert "timelines" in asked and not gives & free


# --- the recommender -----------------------------------------------------------------------------


def observed(shares):
    """What a policy sees of expected minutes as shares of the best, (people, items)."""
    return (4.0 * np.asarray(shares, dtype=np.float32) - 3.0).repeat(2000, axis=0)


def test_the_recommender_draws_a_kind_by_luce_s_rule_and_leads_with_its_best_item():
    items = synthetic(altered(world(), {"catalogue": {"items": 8, "civic_items": 0.0}}))
    np.testing.assert_array_equal(items.topic, [0, 1, 2, 3, 4, 5, 0, 1])
    shares = np.array([[0.5, 0.25, 0.0, 0.0, 0.0, 0.0, 1.0, 0.2]])
    found = np.bincount(Recommender(items, 0.5).act(observed(shares)), minlength=8) / 2000
    # Two kinds have two items each, and the lesser of them never leads.
    np.testing.assert_allclose(found, [0, 1 / 17, 0, 0, 0, 0, 16 / 17, 0], atol=0.02)
    assert (Recommender(items, 1e-3).act(observed(shares)) == 6).all()


def test_kinds_are_topics_and_fifths_of_the_axis_of_stances():
    items = synthetic(world())
    kind = kinds(items)
    civic = items.civic > 0
    assert len(set(kind[civic])) == civic.sum()  # each of the ten stands for itself
    plain = {(topic, k) for topic, k in zip(items.topic[~civic], kind[~civic], strict=True)}
    assert len(plain) == len(set(items.topic[~civic])) and not set(kind[civic]) & set(kind[~civic])
    many = synthetic(altered(world(), {"catalogue": {"items": 1500, "creators": 500}}))
    assert kinds(many).max() + 1 == kind.max() + 1


def test_more_of_the_same_does_not_make_a_kind_likelier():
    """Luce's rule over items would double the chance of what is there twice."""
    few = synthetic(altered(world(), {"catalogue": {"items": 6, "civic_items": 0.0}}))
    more = synthetic(altered(world(), {"catalogue": {"items": 12, "civic_items": 0.0}}))
    rising = np.linspace(0.5, 1.0, 6)[None]
    once = few.topic[Recommender(few, 0.3).act(observed(rising))]
    twice = more.topic[Recommender(more, 0.3).act(observed(np.tile(rising, 2)))]
    np.testing.assert_array_equal(once, twice)


def test_without_errors_the_recommender_is_greedy_and_a_cap_holds():
    items = synthetic(world("vulnerable"))
    seen = np.random.Generator(np.random.Philox(1)).random((500, 60)).astype(np.float32)
    free = Recommender(items).act(seen)
    np.testing.assert_array_equal(free, Greedy(len(items)).act(seen))
    extremity = items.civic * np.abs(items.stance)
    capped = setting().capped.act(seen)
    assert extremity[capped].max() <= 0.5
    np.testing.assert_array_equal(capped[extremity[free] <= 0.5], free[extremity[free] <= 0.5])
    erring = setting(recommender={"temperature": 0.3}).capped.act(seen)
    assert extremity[erring].max() <= 0.5 and (erring != capped).mean() > 0.3


def test_the_recommender_of_the_studies_is_no_file(tmp_path):
    with pytest.raises(NotImplementedError, match="not saved; allowed: greedy"):
        Recommender(synthetic(world()), 0.2).save(tmp_path / "ranked")
    assert not list(tmp_path.iterdir())


def test_twins_meet_the_same_errors_and_another_batch_changes_none():
    items = synthetic(world())
    seen = observed(np.linspace(0.5, 1, 30)[None])[:40]
    seeds, people = np.full(40, 3), np.arange(40)
    one, other = Recommender(items, 0.3), Recommender(items, 0.3)
    one.begin(seeds, people)
    other.begin(seeds[::-1], people[::-1])
    np.testing.assert_array_equal(one.act(seen), other.act(seen)[::-1])
    assert len(set(one.act(seen))) > 5


def test_a_recommender_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"temperature: found -0.1; allowed: 0 or more"):
        Recommender(synthetic(world()), -0.1)


def test_an_answerer_takes_a_temperature_beside_the_world_s_parameters():
    found = Answerer.of({"habit": {"gain": 0.05}, "recommender": {"temperature": 0.3}})
    assert found.value_of("habit.gain") == 0.05 and found.temperature == 0.3
    assert found.value_of("recommender.temperature") == 0.3
    assert found.altered({"habit": {"gain": 0.06}}).temperature == 0.3
    assert Answerer.of({}).parameters == world() and Answerer.of({}).temperature == 0
    with pytest.raises(ValueError, match=r"recommender: found heat; allowed: temperature"):
        Answerer.of({"recommender": {"heat": 1.0}})
    with pytest.raises(ValueError, match=r"recommender.temperature: found -1; allowed: 0 to 10"):
        Answerer.of({"recommender": {"temperature": -1}})


@pytest.fixture
def here(monkeypatch):
    """Studies in this process, without figures."""
    done = []

    def inline(work, tasks, workers=None):
        for task in tasks:
            done.append(task.name)
            yield work(task)

    class Pool:
        def done(self, work, tasks):
            return map(work, tasks)

    monkeypatch.setattr(record, "in_processes", inline)
    monkeypatch.setattr(fit, "process_pool", lambda workers: nullcontext(Pool()))
    return done


def test_crossings_are_counted_on_more_people_and_nothing_else_is(monkeypatch):
    """In the suite by its `crossers`; in the fit by the block's, or else the fit's."""
    asked = []

    def count(name):
        def measure(setting):
            asked.append((name, setting.people))
            return dict.fromkeys(STUDIES[name].gives, 0.3)

        return measure

    both = ("crossers", "sharing")
    counted = {name: replace(STUDIES[name], measure=count(name)) for name in both}
    for module in (engine, fit):
        monkeypatch.setattr(module, "STUDIES", counted)
    suite = load_validity(SUITE)
    assert suite.fit is not None
    for name in counted:
        engine.run_study(engine.StudyJob(suite, "default", Answerer.of({}), name, 0))
    assert asked == [("crossers", 24000), ("sharing", 1000)]
    names = ["crossers_from_the_middle", "false_over_true"]
    for crossers, many in ((None, 2000), (8000, 8000)):
        asked.clear()
        block = suite.fit.blocks[-1].model_copy(update={"statistics": names, "crossers": crossers})
        assert fit.statistics_of(suite.fit, block, Answerer.of({})) == [0.3, 0.3]
        assert asked == [("crossers", many), ("sharing", 1000)]


def test_a_suite_runs_resumes_and_stands(tmp_path, here, monkeypatch):
    suite = load_validity(small(tmp_path))
    inner = engine.run_study

    def stop(job):
        if len(here) == 6:
            raise KeyboardInterrupt
        return inner(job)

    monkeypatch.setattr(engine, "run_study", stop)
    with pytest.raises(KeyboardInterrupt):
        run_record(engine.validity_record(suite), tmp_path)
    folder = tmp_path / "validity"
    assert json.loads((folder / "manifest.json").read_text())["finished"] is None
    monkeypatch.setattr(engine, "run_study", inner)
    assert run_record(engine.validity_record(suite), tmp_path) == folder
    assert len(here) == 16 + 1 and len(set(here)) == 16  # only the one that was stopped twice
    summary = json.loads((folder / "summary.json").read_text())
    assert [row["row"] for row in summary["rows"]] == [1, 9, 10, 23]
    row = summary["rows"][0]
    assert set(row["simulated"]) == {"mean", "low", "high", "n"}
    assert row["held_out"] is False and row["band"] == [0.25, 0.37]
    assert summary["worlds"]["fitted"]["overrides"]["appraisal"].keys() == {"falsehood"}
    report = (folder / "report.md").read_text()
    assert "of 4 testable rows inside their band" in report and "## The fit" in report
    assert (folder / "figures" / "validity.png").stat().st_size > 10_000
    assert not (folder / "parts").exists()
    count = len(here)
    run_record(engine.validity_record(suite), tmp_path)
    assert len(here) == count
    with pytest.raises(ResultError, match="holds a result of another config"):
        run_record(engine.validity_record(suite.model_copy(update={"people": 21})), tmp_path)
    run_record(
        engine.validity_record(suite.model_copy(update={"people": 21})), tmp_path, fresh=True
    )
    assert len(here) == count + 16


def test_a_suite_holds_worlds_that_did_as_well_to_what_was_held_out(tmp_path, here):
    rows = yaml.safe_load(SUITE.read_text(encoding="utf-8"))["rows"]
    rows = [row for row in rows if row["row"] in (8, 10)]
    suite = load_validity(small(tmp_path, ensemble=2, rows=rows))
    folder = run_record(engine.validity_record(suite), tmp_path)
    found = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["ensemble"]
    worlds = found["worlds"]
    assert 1 <= worlds == min(2, found["met"]) and [row["row"] for row in found["rows"]] == [8]
    # Two worlds, two seeds, two studies; and one study, of one seed, in each of the others.
    assert len(here) == 8 + worlds and sum("ensemble" in name for name in here) == worlds
    report = (folder / "report.md").read_text(encoding="utf-8")
    assert "## What the fitted rows leave open" in report and f"of {worlds} |" in report


def test_the_same_seed_gives_the_same_figures(tmp_path, here):
    suite = load_validity(small(tmp_path, fit=None, worlds={"default": {"description": ""}}))
    found = [
        (run_record(engine.validity_record(suite), tmp_path / name) / "summary.json").read_bytes()
        for name in "ab"
    ]
    assert found[0] == found[1]


def test_parts_of_another_config_are_dropped(tmp_path, here, monkeypatch):
    suite = load_validity(small(tmp_path, fit=None, worlds={"default": {"description": ""}}))
    monkeypatch.setattr(engine, "run_study", lambda job: 1 / 0)
    with pytest.raises(ResultError, match="ZeroDivisionError"):
        run_record(engine.validity_record(suite), tmp_path)
    (tmp_path / "validity" / "parts" / "default--ranking--0.json").write_text("{}")
    with pytest.raises(ResultError, match="ZeroDivisionError"):
        run_record(engine.validity_record(suite.model_copy(update={"people": 21})), tmp_path)
    assert not list((tmp_path / "validity" / "parts").glob("*.json"))


def test_the_command_prints_every_row_and_a_count(tmp_path, here):
    file = small(tmp_path, fit=None, worlds={"default": {"description": ""}})
    found = undertow("validate", file, "--results", tmp_path)
    assert found.exit_code == 0, found.stderr
    assert "of 4 testable rows inside their band (0 of 0 held out)" in found.stdout
    for name in ("wedge", "ranked_over", "false_over", "use_under"):
        assert name in found.stdout
    again = undertow("validate", file, "--results", tmp_path)
    assert "already finished" in again.stdout
    report = tmp_path / "validity" / "report.md"
    told = report.read_bytes()
    report.write_text("spoilt")
    assert undertow("validate", file, "--results", tmp_path, "--report").exit_code == 0
    assert report.read_bytes() == told
    missing = undertow("validate", file, "--results", tmp_path / "none", "--report")
    assert missing.exit_code == 1 and "no finished suite" in missing.stderr


def test_the_command_refuses_what_it_cannot_read(tmp_path):
    found = undertow("validate", tmp_path / "none.yaml", "--results", tmp_path)
    assert found.exit_code == 1
    assert "none.yaml: no such file" in found.stderr
