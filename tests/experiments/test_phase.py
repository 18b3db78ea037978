"""Phase diagrams: the plane of worlds, what counts as there, resume, and the report."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from undertow.envs.world import world
from undertow.experiments import cli, record
from undertow.experiments.config import ConfigError
from undertow.experiments.phase import run as engine
from undertow.experiments.phase.config import Axis, Mark, load_phase
from undertow.experiments.phase.run import EFFECTS, cells_of, phase_record, shares, value_of
from undertow.experiments.record import run_record

from .tiny import undertow

CONFIGS = Path(cli.__file__).parent / "configs" / "other"
GAIN, RATCHET, INVESTMENT = EFFECTS[:3]


def write(tmp_path, **changes):
    data = {
        "extends": str(CONFIGS / "phase_pull.yaml"),
        "name": "small",
        "x": {"values": [0.0, 2.0]},
        "y": {"values": [0.05, 0.15]},
        "seeds": 2,
        "training": {"slots": 2048, "n_envs": 32, "n_steps": 16, "batch_size": 256},
        "evaluation": {"people": 20},
    } | changes
    file = tmp_path / "small.yaml"
    file.write_text(yaml.safe_dump(data), encoding="utf-8")
    return file


@pytest.mark.parametrize("name", ["pull", "full", "churn", "gamma"])
def test_the_committed_planes_build_at_every_place(name):
    phase = load_phase(CONFIGS / f"phase_{name}.yaml")
    for x in phase.x.values:
        for y in phase.y.values:
            phase.parameters(x, y), phase.settings(x, y)
    assert phase.seeds == 3
    if name == "full":
        assert len(phase.x.values) * len(phase.y.values) == 400


def test_a_place_overrides_its_two_parameters_and_no_other(tmp_path):
    phase = load_phase(write(tmp_path))
    found = phase.parameters(2.0, 0.15)
    assert found == world("vulnerable")
    assert phase.parameters(0.5, 0.15) == world(
        "vulnerable", overrides={"appraisal": {"extremity_pull": 0.5}}
    )


def test_an_axis_may_be_a_setting_of_ppo_or_whole_days(tmp_path):
    phase = load_phase(CONFIGS / "phase_gamma.yaml")
    assert phase.settings(0.9, 14).gamma == 0.9
    assert phase.settings(0.9, 14).slots == phase.training.slots
    assert phase.parameters(0.9, 14) == world("vulnerable", overrides={"calendar": {"days": 14}})


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"x": {"values": [1.0, 0.0]}}, r"x: values: found \[1.0, 0.0\]; allowed: rising values"),
        ({"x": {"parameter": "appraisal.pull"}}, "appraisal.pull: unknown key"),
        ({"y": {"values": [0.1, 2.0]}}, "susceptibility_median.*less than or equal to 1"),
        ({"y": {"parameter": "ppo.gama"}}, "gama: unknown key"),
        ({"seeds": 1}, "seeds: Input should be greater than or equal to 2"),
    ],
)
def test_a_plane_that_cannot_be_run_is_refused(tmp_path, changes, message):
    with pytest.raises(ConfigError, match=message):
        load_phase(write(tmp_path, **changes))


def test_a_mark_stands_at_its_place_between_the_values(tmp_path):
    phase = load_phase(write(tmp_path))
    assert phase.nearest(Mark(name="a", x=2.0, y=0.05)) == (1.0, 0.0)
    assert phase.nearest(Mark(name="a", x=1.0, y=0.1)) == (0.5, pytest.approx(0.5))


def test_effects_by_hand():
    found = {
        "greedy": {"watch_minutes_per_day": 40.0, "induced_drift": 0.1},
        "long": {"watch_minutes_per_day": 42.0, "induced_drift": 0.25},
    }
    assert value_of(GAIN, found) == pytest.approx(0.05)
    assert value_of(RATCHET, found) == 0.1
    assert value_of(INVESTMENT, found) == pytest.approx(0.15)


def test_an_effect_is_there_where_its_whole_interval_is_beyond_the_threshold():
    def place(low, high, learned=True):
        return {"learned": learned, "effects": {"investment": {"low": low, "high": high}}}

    found = shares(
        INVESTMENT,
        [place(0.02, 0.05), place(0.0, 0.05), place(-0.05, -0.02), place(0.5, 0.6, learned=False)],
    )
    assert found == {"positive": 1 / 3, "negative": 1 / 3, "cells": 3}
    assert shares(INVESTMENT, [place(0, 1, learned=False)])["cells"] == 0


def test_cells_come_seed_by_seed(tmp_path):
    cells = cells_of(load_phase(write(tmp_path)))
    assert len(cells) == 8 and {c.seed for c in cells[:4]} == {0}
    assert len({c.name for c in cells}) == 8
    assert cells[1].place == (2.0, 0.05)


def test_an_axis_needs_two_values():
    with pytest.raises(ValueError, match="at least 2 items"):
        Axis(parameter="habit.gain", label="gain", values=[0.1])


@pytest.fixture
def here(monkeypatch):
    done = []

    def inline(work, tasks, workers=None):
        for task in tasks:
            done.append(task.name)
            yield work(task)

    monkeypatch.setattr(record, "in_processes", inline)
    return done


def test_a_plane_runs_resumes_and_reports(tmp_path, here, monkeypatch):
    phase, inner = load_phase(write(tmp_path)), engine.run_cell

    def stop(cell):
        if len(here) == 3:
            raise KeyboardInterrupt
        return inner(cell)

    monkeypatch.setattr(engine, "run_cell", stop)
    with pytest.raises(KeyboardInterrupt):
        run_record(phase_record(phase), tmp_path)
    monkeypatch.setattr(engine, "run_cell", inner)
    folder = run_record(phase_record(phase), tmp_path)
    assert len(here) == 8 + 1
    summary = json.loads((folder / "summary.json").read_text())
    assert [(c["x"], c["y"]) for c in summary["cells"]] == [
        (0.0, 0.05), (2.0, 0.05), (0.0, 0.15), (2.0, 0.15),
    ]  # fmt: skip
    drift = summary["cells"][3]["effects"]["ratchet"]
    assert drift["n"] == 2 and drift["mean"] == pytest.approx(np.mean(drift["values"]))
    assert drift["mean"] > summary["cells"][2]["effects"]["ratchet"]["mean"]
    report = (folder / "report.md").read_text()
    assert "400 cells of 3 seeds" in report and "Share of the" in report
    assert (folder / "figures" / "maps.png").stat().st_size > 20_000


def test_the_same_cell_gives_the_same_numbers(tmp_path):
    cell = cells_of(load_phase(write(tmp_path)))[3]
    first, second = engine.run_cell(cell), engine.run_cell(cell)
    assert first["long"] == second["long"] and first["greedy"] == second["greedy"]


def test_the_command(tmp_path, here):
    found = undertow("phase", write(tmp_path, seeds=2), "--results", tmp_path)
    assert found.exit_code == 0, found.stderr
    assert "small/report.md" in found.stdout.replace("\n", "")
    assert undertow("phase", tmp_path / "no.yaml", "--results", tmp_path).exit_code == 1
