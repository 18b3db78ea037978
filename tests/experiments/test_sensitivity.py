"""Global sensitivity: ranges, designs, ranks of a known function, shares, resume and report."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from SALib.sample import morris

from undertow.envs.world import world
from undertow.experiments import cli, record
from undertow.experiments.config import ConfigError
from undertow.experiments.record import run_record
from undertow.experiments.sensitivity import run as engine
from undertow.experiments.sensitivity.config import Knob, knobs_of, load_sensitivity, moved
from undertow.experiments.sensitivity.run import (
    designs,
    measure_worlds,
    rank,
    sensitivity_record,
    share,
    tasks_of,
)

from .tiny import undertow

COMMITTED = Path(cli.__file__).parent / "configs" / "other" / "sensitivity.yaml"


def write(tmp_path, **changes):
    data = {
        "extends": str(COMMITTED),
        "name": "small",
        "worlds": ["default"],
        "trajectories": 2,
        "draws": 10,
        "evaluation": {"people": 10},
    } | changes
    file = tmp_path / "small.yaml"
    file.write_text(yaml.safe_dump(data), encoding="utf-8")
    return file


@pytest.mark.parametrize("name", ["default", "vulnerable"])
def test_every_assumption_is_moved_by_its_share_and_stays_admissible(name):
    base = world(name)
    knobs = {knob.path: knob for knob in knobs_of(base, 0.5)}
    for path in ("appraisal.extremity_pull", "habit.gain", "exposure_minutes", "search.share"):
        assert path in knobs
    for path in ("calendar.days", "catalogue.seed", "objective.watch_time", "watching.minutes"):
        assert path not in knobs
    assert (knobs["habit.gain"].low, knobs["habit.gain"].high) == (0.02, pytest.approx(0.06))
    assert knobs["population.taste_mean"].low == pytest.approx(-0.6)
    ends = [[k.low for k in knobs.values()], [k.high for k in knobs.values()]]
    assert moved(base, list(knobs.values()), ends[0]).habit.gain == 0.02
    assert moved(base, list(knobs.values()), ends[1]).exposure_minutes == pytest.approx(18)


def test_what_stands_at_zero_is_not_moved():
    base = world(overrides={"appraisal": {"extremity_pull": 0.0}})
    assert "appraisal.extremity_pull" not in {knob.path for knob in knobs_of(base, 0.5)}


def test_an_upper_end_is_cut_to_where_the_world_still_builds():
    wide = {knob.path: knob for knob in knobs_of(world(), 1.0)}["watching.habit"]
    assert 0.6 < wide.high < 1.2
    moved(world(), [wide], [wide.high])


def test_ranks_recover_an_additive_function_exactly():
    knobs = [Knob("habit.gain", 0, 1), Knob("habit.decay", 0, 2), Knob("search.share", 0, 1)]
    problem = {
        "num_vars": 3,
        "names": ["a", "b", "c"],
        "bounds": [[0, 1], [0, 2], [0, 1]],
    }
    paths = morris.sample(problem, 10, num_levels=4, seed=0)
    found = rank(knobs, paths, 3 * paths[:, 0] - 5 * paths[:, 1])
    assert [one["parameter"] for one in found] == ["habit.decay", "habit.gain", "search.share"]
    # Effects are per share of the range: -5 over a range of 2 is -10.
    assert found[0]["mu"] == pytest.approx(-10) and found[0]["mu_star"] == pytest.approx(10)
    assert found[1]["mu"] == pytest.approx(3) and found[1]["sigma"] == pytest.approx(0, abs=1e-9)
    assert found[2]["mu_star"] == 0


def test_a_metric_that_is_undefined_somewhere_is_not_ranked():
    knobs = [Knob("habit.gain", 0, 1)]
    assert rank(knobs, np.zeros((2, 1)), np.array([1.0, np.nan])) == []


def test_a_share_with_wilsons_interval_by_hand():
    found = share(np.array([1.0] * 8 + [0.0] * 2 + [np.nan]), 0.5)
    assert found["share"] == 0.8 and found["n"] == 10
    assert found["low"] == pytest.approx(0.490, abs=5e-4)
    assert found["high"] == pytest.approx(0.943, abs=5e-4)


def test_designs_are_repeatable_and_within_the_ranges(tmp_path):
    loaded = load_sensitivity(write(tmp_path))
    knobs, first = designs(loaded, "default")
    _, second = designs(loaded, "default")
    low, high = np.array([[k.low, k.high] for k in knobs]).T
    for name, rows in first.items():
        np.testing.assert_array_equal(rows, second[name])
        assert (rows >= low - 1e-12).all() and (rows <= high + 1e-12).all()
    assert first["morris"].shape == (2 * (len(knobs) + 1), len(knobs))
    assert sum(len(task.rows) for task in tasks_of(loaded)) == len(first["morris"]) + 10


def test_the_same_worlds_give_the_same_numbers(tmp_path):
    task = tasks_of(load_sensitivity(write(tmp_path)))[-1]
    task = replace(task, rows=task.rows[:2])
    found = measure_worlds(task)
    assert measure_worlds(task) == found
    assert found[0] != found[1]
    assert set(found[0]) == {*engine.WATCHED, "gain_over_neutral"}


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"worlds": ["defualt"]}, "worlds: world preset: found 'defualt'; allowed: default"),
        ({"reach": 1.5}, "reach: .*less than or equal to 1"),
        ({"drawz": 3}, "drawz: unknown key"),
    ],
)
def test_what_cannot_be_run_is_refused(tmp_path, changes, message):
    with pytest.raises(ConfigError, match=message):
        load_sensitivity(write(tmp_path, **changes))


def test_an_analysis_runs_resumes_and_reports(tmp_path, monkeypatch):
    done = []

    def inline(work, tasks, workers=None):
        for task in tasks:
            if len(done) == 2:
                done.append("stop")
                raise KeyboardInterrupt
            done.append(task.name)
            yield work(task)

    def known(task):
        names = (*engine.WATCHED, "gain_over_neutral")
        return [{name: row[0] - k * row[1] for k, name in enumerate(names)} for row in task.rows]

    monkeypatch.setattr(record, "in_processes", inline)
    monkeypatch.setattr(engine, "measure_worlds", known)
    loaded = load_sensitivity(write(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        run_record(sensitivity_record(loaded), tmp_path)
    folder = run_record(sensitivity_record(loaded), tmp_path)
    assert len(done) == len(set(done)) == len(tasks_of(loaded)) + 1
    summary = json.loads((folder / "summary.json").read_text())
    found = summary["worlds"]["default"]
    assert set(found["shares"]) == set(engine.EFFECTS)
    ranks = found["ranks"]["watch_minutes_per_day"]
    assert ranks[0]["parameter"] == next(iter(found["knobs"]))
    assert ranks[0]["mu_star"] > ranks[1]["mu_star"] == 0 and len(ranks) == len(found["knobs"])
    report = (folder / "report.md").read_text()
    assert "share of draws" in report and "`habit.gain` 0.02 to 0.06" in report
    assert (folder / "figures" / "default.png").stat().st_size > 20_000


def test_the_command_refuses_what_it_cannot_read(tmp_path):
    assert undertow("sensitivity", tmp_path / "no.yaml", "--results", tmp_path).exit_code == 1
