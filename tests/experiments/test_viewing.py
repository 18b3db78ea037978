from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from undertow.envs import world
from undertow.envs.world import altered
from undertow.experiments.cli import app
from undertow.experiments.config import ConfigError, load_experiment
from undertow.experiments.record import run_record
from undertow.experiments.viewing import fit as fitting
from undertow.experiments.viewing.config import Viewing, load_viewing
from undertow.experiments.viewing.fit import AIMS, Fitted, Target, fit, measured, refit
from undertow.experiments.viewing.marginals import (
    FITTED,
    people_of,
    repeat_by_gap,
    resampled,
    statistics,
)
from undertow.experiments.viewing.run import _targets, _usable, viewing_record
from undertow.experiments.viewing.simulated import READINGS, simulate
from undertow.experiments.viewing.views import Views

ROOT = Path(__file__).parents[2]


def views(
    rows: list[tuple[int, int, int]],
    topic_of: list[int],
    minutes: list[float] | None = None,
    rating: list[float] | None = None,
) -> Views:
    """Rows of person, item, slot."""
    person, item, slot = np.array(rows, dtype=np.int64).T
    unknown = np.full(person.size, np.nan)
    return Views(
        person,
        item,
        slot,
        unknown if minutes is None else np.array(minutes),
        unknown if rating is None else np.array(rating),
        np.array(topic_of, dtype=np.int64),
    )


def told(log: Views) -> dict[str, float]:
    return statistics(people_of(log, 8))


# --- statistics by hand ---------------------------------------------------------------------------


def test_taste_spread_by_hand() -> None:
    # Shares (3/4, 1/4) and (1/4, 3/4): same (6 + 0) / 12, two 2 (3/4) (1/4), so 0.125 / 0.625.
    rows = [(0, k, k) for k in (0, 1, 2, 4)] + [(1, k, k) for k in (0, 4, 5, 6)]
    assert told(views(rows, [0, 0, 0, 0, 1, 1, 1]))["taste_spread"] == pytest.approx(0.2)
    apart = [(0, 0, 0), (0, 0, 1), (1, 1, 0), (1, 1, 1)]
    assert told(views(apart, [0, 1]))["taste_spread"] == pytest.approx(1)


def test_taste_spread_is_that_of_a_dirichlet_whatever_the_number_of_views() -> None:
    generator = np.random.Generator(np.random.Philox(3))
    people, concentration = 3000, 9.0
    shares = generator.dirichlet(concentration * np.array([0.5, 0.3, 0.2]), people)
    for each in (4, 30):
        item = (shares.cumsum(axis=1)[:, None, :] < generator.random((people, each, 1))).sum(-1)
        rows = [(i, min(k, 2), t) for i in range(people) for t, k in enumerate(item[i])]
        found = told(views(rows, [0, 1, 2]))["taste_spread"]
        assert found == pytest.approx(1 / (1 + concentration), abs=0.015)


def test_popularity_by_hand() -> None:
    assert told(views([(0, 0, 0), (1, 0, 0)], [0, 0, 0, 0]))["popularity"] == pytest.approx(3)
    # Of four pairs of views two are of one item: 2 x 0.5 - 1.
    even = [(0, 0, 0), (0, 1, 1), (1, 0, 0), (1, 1, 1)]
    assert told(views(even, [0, 0]))["popularity"] == pytest.approx(0)


def test_chance_alone_is_no_popularity() -> None:
    generator = np.random.Generator(np.random.Philox(4))
    item = generator.integers(0, 500, (400, 5))  # four views an item
    rows = [(i, int(j), t) for i in range(400) for t, j in enumerate(item[i])]
    assert told(views(rows, [0] * 500))["popularity"] == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize(
    ("topics", "expected"),
    [((0, 1, 0, 1), 0.0), ((0, 0, 1, 1), 2.0), ((0, 0, 0, 0), 1.0)],
)
def test_repeat_by_hand(topics: tuple[int, ...], expected: float) -> None:
    # Two of six pairs of slots share a topic in the first two: 1/3.
    rows = [(0, topic, slot) for slot, topic in enumerate(topics)]
    assert told(views(rows, [0, 1]))["repeat"] == pytest.approx(expected)


def test_several_views_in_a_slot_count_once_and_have_no_order() -> None:
    rows = [(0, 0, 0), (0, 1, 0), (0, 0, 3)]
    for order in ((0, 1, 2), (1, 0, 2), (2, 1, 0)):
        log = views([rows[k] for k in order], [0, 1])
        near, far = repeat_by_gap(log, (2, 3))
        assert np.isnan(near["value"]) and near["pairs"] == 0
        assert far == {"value": pytest.approx(1.0), "pairs": 1}


def test_slots_more_than_a_day_apart_are_no_pair() -> None:
    rows = [(0, 0, 0), (0, 0, 9), (0, 1, 10)]
    assert repeat_by_gap(views(rows, [0, 1]), (8,)) == [{"value": 0.0, "pairs": 1}]


def test_minutes_by_hand() -> None:
    log = views([(0, 0, 0), (0, 0, 1), (1, 0, 0)], [0], minutes=[2.0, 6.0, np.nan])
    assert told(log)["minutes"] == pytest.approx(4)
    assert told(log)["minutes_spread"] == pytest.approx(0.5)


def test_top_share_takes_twenty_views_of_those_who_have_them() -> None:
    rows = [(0, 0, t) for t in range(45)] + [(1, 1, t) for t in range(19)]
    rows += [(2, t % 2, t) for t in range(20)]
    assert told(views(rows, [0, 1]))["top_share"] == pytest.approx((1 + 0.5) / 2)


def test_what_a_log_does_not_have_is_undefined() -> None:
    found = told(views([(0, 0, 0), (1, 1, 0)], [0, 1]))
    for name in ("minutes", "minutes_spread", "rating_items", "repeat", "top_share"):
        assert np.isnan(found[name]), name


def test_rating_items_finds_the_share_of_the_item_in_any_unit() -> None:
    generator = np.random.Generator(np.random.Philox(5))
    people, items, topics, each = 1500, 120, 4, 40
    topic_of = np.arange(items) % topics
    item_effect = generator.normal(0, 1, items)
    taste = generator.normal(0, 0.5, (people, topics))
    harsh = generator.normal(0, 2, people)
    rows, rating = [], []
    for i in range(people):
        for t, j in enumerate(generator.permutation(items)[:each]):
            rows.append((i, int(j), t))
            effect = item_effect[j] + taste[i, topic_of[j]]
            rating.append(10 * (effect + harsh[i] + generator.normal()))
    found = told(views(rows, topic_of.tolist(), rating=rating))["rating_items"]
    assert found == pytest.approx(1 / (1 + 0.25), abs=0.06)


def test_weights_drop_and_double_people() -> None:
    log = simulate(world(), "sought", people=30, seed=1)
    people = people_of(log, 8)
    kept = np.isin(log.person, np.unique(log.person)[:20])
    columns = {k: v if k == "topic_of" else v[kept] for k, v in vars(log).items()}
    weight = (np.arange(people.views.size) < 20).astype(float)
    part = told(Views(**columns))
    for name in FITTED:
        assert statistics(people, weight)[name] == pytest.approx(part[name]), name
        assert statistics(people, 2 * weight)[name] == pytest.approx(part[name]), name


def test_draws_of_people_are_centred_and_seeded() -> None:
    people = people_of(simulate(world(), "sought", people=300, seed=2), 8)
    draws = resampled(people, 200, seed=1)
    assert draws[:3] == resampled(people, 3, seed=1)
    assert draws[:3] != resampled(people, 3, seed=2)
    for name in FITTED:
        values = np.array([one[name] for one in draws])
        bias = values.mean() - statistics(people)[name]
        assert abs(bias) < 0.25 * values.std(), name


# --- the world's side -----------------------------------------------------------------------------


@pytest.mark.parametrize("reading", READINGS)
def test_simulated_views_are_of_plain_items_and_repeatable(reading: Any) -> None:
    parameters = world()
    log = simulate(parameters, reading, people=50, seed=1)
    again = simulate(parameters, reading, people=50, seed=1)
    for name, column in vars(log).items():
        assert np.array_equal(column, getattr(again, name)), name
    assert log.topic_of.size == 20 and set(log.topic_of) == {0, 1, 2, 3, 4}
    assert (log.minutes > 0).all() and np.isfinite(log.rating).all()
    assert log.slot.max() < parameters.calendar.slots
    other = simulate(parameters, reading, people=50, seed=2)
    assert len(other) != len(log) or not np.array_equal(other.item, log.item)


def test_satiation_lowers_repeats_where_a_feed_leads() -> None:
    def repeat(gain: float) -> float:
        parameters = world(overrides={"satiation": {"gain": gain}})
        return measured(parameters, "feed", people=2000, seed=5)["repeat"]

    assert repeat(0.0) == pytest.approx(1, abs=0.02)
    assert repeat(1.0) < repeat(0.45) - 0.02 < repeat(0.0) - 0.04


# --- the fit --------------------------------------------------------------------------------------


def targets_of(log: Views, draws: int = 100) -> dict[str, Target]:
    people = people_of(log, 8)
    drawn = resampled(people, draws, seed=1)
    return {
        name: Target(value, float(np.std([one[name] for one in drawn])))
        for name, value in statistics(people).items()
        if name in FITTED
    }


def test_a_statistic_that_few_people_have_is_left_alone(tmp_path: Path) -> None:
    """And draws of people in which one that is fitted has no value are not fitted."""
    log = simulate(world(), "sought", people=60, seed=1)
    few = replace(log, minutes=np.where(log.person < 3, log.minutes, np.nan))
    viewing = load_viewing(study(tmp_path), tmp_path / "log.csv")
    targets = _targets(viewing, people_of(few, 8))
    assert np.isfinite(targets["minutes"].value) and np.isnan(targets["minutes"].error)
    assert np.isfinite(targets["taste_spread"].error)
    fitted = Fitted("sought", (AIMS["sought"][0],), (0.5,), ((1.0,),), {}, {})
    name = fitted.aims[0].statistic
    assert _usable(fitted, [{name: 1.0}, {name: float("nan")}]) == [{name: 1.0}]


@pytest.mark.slow
def test_the_parameters_of_a_simulated_log_are_recovered() -> None:
    truth = {
        "population": {"taste_sd": 0.8},
        "search": {"sharpness": 3.0},
        "watching": {"minutes": 12.0, "shape": 1.1},
    }
    log = simulate(altered(world(), truth), "sought", people=2000, seed=999)
    targets = targets_of(log)
    found = fit(targets, world(), "sought", people=2000, seed=11)
    assert found.left.keys() == {"satiation.gain"}
    assert "not identified" in found.left["satiation.gain"]
    values = found.overrides()
    assert values["population"]["taste_sd"] == pytest.approx(0.8, abs=0.08)
    assert values["search"]["sharpness"] == pytest.approx(3.0, abs=0.15)
    assert values["watching"]["minutes"] == pytest.approx(12.0, abs=0.5)
    assert values["watching"]["shape"] == pytest.approx(1.1, abs=0.05)
    errors = {name: target.error for name, target in targets.items()}
    again = refit(found, errors, statistics(people_of(log, 8)), world(), people=2000, seed=12)
    assert again["off"] < 0.5
    assert again["parameters"]["search.sharpness"] == pytest.approx(3.0, abs=0.2)


@pytest.mark.slow
def test_satiation_is_recovered_where_a_feed_led() -> None:
    truth = altered(world(), {"satiation": {"gain": 0.8}})
    targets = targets_of(simulate(truth, "feed", people=5000, seed=998))
    nothing = Target(float("nan"), float("nan"))
    only = dict.fromkeys(FITTED, nothing) | {"repeat": targets["repeat"]}
    found = fit(only, world(), "feed", people=2500, seed=11)
    assert found.overrides()["satiation"]["gain"] == pytest.approx(0.8, abs=0.25)
    assert found.left["watching.minutes"] == "the log does not tell `minutes`"


def test_rules_on_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def linear(parameters: Any, reading: Any, *, people: int, seed: int) -> dict[str, float]:
        """Each statistic rises with its parameter alone, taste_spread up to 0.5."""
        aims = fitting.AIMS[reading]
        share = {aim.statistic: aim.place(aim.of(parameters)) for aim in aims}
        return share | {"taste_spread": 0.5 * share["taste_spread"]}

    monkeypatch.setattr(fitting, "measured", linear)
    targets = {
        "taste_spread": Target(0.9, 0.1),  # beyond reach, and seen so when fitted
        "popularity": Target(0.5, 2.0),  # too uncertain for the range to matter
        "repeat": Target(0.25, 0.01),
        "minutes": Target(float("nan"), float("nan")),
        "minutes_spread": Target(0.3, 0.0),
    }
    found = fit(targets, world(), "feed", people=1, seed=0)
    assert found.overrides() == {"satiation": {"gain": 0.25}}
    assert "out of reach: the fit of `taste_spread` ends at 6" in found.left["population.taste_sd"]
    assert "not identified" in found.left["appraisal.quality"]
    assert found.left["watching.minutes"] == "the log does not tell `minutes`"
    assert found.left["watching.shape"] == "too few views to tell `minutes_spread`"
    far = targets | {"popularity": Target(20.0, 2.0)}
    left = fit(far, world(), "feed", people=1, seed=0).left
    assert (
        "out of reach: over its range `popularity` moves from 0 to 1" in left["appraisal.quality"]
    )


# --- the study ------------------------------------------------------------------------------------


def study(folder: Path, **fields: Any) -> Path:
    """A config of a small study of a log that the world itself made."""
    truth = altered(world(), {"watching": {"minutes": 12.0}})
    log = simulate(truth, "sought", people=40, seed=7)
    frame = pd.DataFrame(
        {"user": log.person, "item": log.item, "slot": log.slot, "min": log.minutes}
    )
    frame["topic"] = [f"t{k}" for k in log.topic]
    frame.to_csv(folder / "log.csv", index=False)
    columns = {"user": "user", "item": "item", "time": "slot", "time_unit": "slot"}
    data = {
        "name": "made_up",
        "title": "A made-up log",
        "source": "the world itself",
        "log": {
            "path": str(folder / "log.csv"),
            "columns": columns | {"minutes": "min", "topic": "topic"},
        },
        "readings": ["sought"],
        "items": [30],
        "people": 50,
        "draws": 10,
        "lives": 10,
    }
    file = folder / "study.yaml"
    file.write_text(yaml.safe_dump(data | fields))
    return file


@pytest.mark.slow
def test_a_study_leaves_a_report_and_a_world_that_a_config_can_name(tmp_path: Path) -> None:
    viewing = load_viewing(study(tmp_path))
    folder = run_record(viewing_record(viewing), tmp_path / "results", workers=1)
    summary = json.loads((folder / "summary.json").read_text())
    found = summary["readings"]["sought"]
    assert "watching.minutes" in found["parameters"]
    for one in found["parameters"].values():
        assert one["range"][0] <= one["low"] <= one["high"] <= one["range"][1]
    for side in (summary["log"], found["fitted"], found["start"]):
        assert side["intervals"]["minutes"][0] < side["intervals"]["minutes"][1]
    fitted, log = found["fitted"]["statistics"], summary["log"]["statistics"]
    start = found["start"]["statistics"]
    assert abs(fitted["minutes"] - log["minutes"]) < abs(start["minutes"] - log["minutes"])
    report = (folder / "report.md").read_text()
    assert "| minutes a view | fitted |" in report
    assert (folder / "figures/sought.png").stat().st_size > 10_000
    assert str(tmp_path) not in (folder / "config.yaml").read_text() + report

    run = tmp_path / "run.yaml"
    block = {"preset": "vulnerable", "overrides_from": "results/made_up/world.yaml"}
    own = {"overrides": {"catalogue": {"items": 40}}}
    experiment = {
        "name": "named",
        "title": "A run in the fitted world",
        "seeds": 2,
        "worlds": {"fitted": block, "larger": block | own},
        "policies": {"random": {"kind": "random"}},
        "cells": {"fitted": ["random"], "larger": ["random"]},
    }
    run.write_text(yaml.safe_dump(experiment))
    loaded = load_experiment(run)
    minutes = found["parameters"]["watching.minutes"]["value"]
    for name, items in (("fitted", 30), ("larger", 40)):
        parameters = loaded.worlds[name].parameters()
        assert parameters.watching.minutes == minutes
        assert parameters.catalogue.items == items
        assert parameters.population.susceptibility_median == 0.15

    # A finished one is left as it is.
    before = (folder / "manifest.json").read_bytes()
    run_record(viewing_record(viewing), tmp_path / "results", workers=1)
    assert (folder / "manifest.json").read_bytes() == before


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ({"overrides_from": 3}, "worlds.w.overrides_from: found 3; allowed: a path beside"),
        ({"overrides_from": "absent.yaml"}, "absent.yaml: no such file"),
        ({"overrides_from": "run.yaml", "overrides": [1]}, r"found overrides \[1\] beside it"),
    ],
)
def test_a_world_that_names_no_overrides(
    tmp_path: Path, block: dict[str, Any], expected: str
) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(yaml.safe_dump({"name": "x", "worlds": {"w": block}}))
    with pytest.raises(ConfigError, match=expected):
        load_experiment(file)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"world": "paradise"}, "found 'paradise'; allowed: default, vulnerable"),
        ({"readings": ["sought", "sought"]}, "allowed: each once"),
        ({"readings": ["heard"]}, "readings.0"),
        ({"items": [2]}, "catalogue.items"),
        ({"draws": 3}, "draws"),
        ({"source": ""}, "source"),
        ({"colour": 1}, "unknown key"),
    ],
)
def test_bad_studies(tmp_path: Path, fields: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        load_viewing(study(tmp_path, **fields))


def test_files_are_asked_for(tmp_path: Path) -> None:
    file = study(tmp_path)
    with pytest.raises(ConfigError, match=r"--items: this config has no log.items block"):
        load_viewing(file, items=tmp_path / "items.csv")
    own = ROOT / "experiments/configs/other/views_movielens.yaml"
    with pytest.raises(ConfigError, match=r"log.path: not given; allowed: --log FILE"):
        load_viewing(own)
    with pytest.raises(ConfigError, match=r"log.items.path: not given; allowed: --items FILE"):
        load_viewing(own, log=tmp_path / "log.csv")
    loaded = load_viewing(own, tmp_path / "log.csv", tmp_path / "items.csv")
    assert isinstance(loaded, Viewing) and loaded.log.items is not None


def test_the_command_tells_a_bad_log(tmp_path: Path) -> None:
    file = study(tmp_path)
    (tmp_path / "bad.csv").write_text("user,item\n1,2\n")
    words = ["fit-views", str(file), "--log", str(tmp_path / "bad.csv")]
    done = CliRunner().invoke(app, [*words, "--results", str(tmp_path / "results")])
    assert done.exit_code == 1
    assert "columns 'slot', 'min', 'topic' are missing" in done.stderr


@pytest.mark.parametrize("name", ["movielens"])
def test_the_world_of_the_config_is_that_of_the_result(name: str) -> None:
    result = ROOT / f"results/views_{name}/world.yaml"
    named = ROOT / f"experiments/configs/worlds/{name}.yaml"
    assert named.read_bytes() == result.read_bytes()
