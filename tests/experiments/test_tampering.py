"""The replication: exact plans against simulation, the optimum by brute force, resume, report."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from undertow.envs.tampering import CAP, LEAST, MOST, PEOPLE, STEPS
from undertow.experiments import cli, record
from undertow.experiments.config import ConfigError
from undertow.experiments.record import run_record
from undertow.experiments.tampering.config import load_replication
from undertow.experiments.tampering.plans import (
    best_plan,
    expected_clicks,
    expected_theta,
    own_side,
    seeing_clicks,
    simulated_clicks,
)
from undertow.experiments.tampering.run import replication_record, tasks_of

from .tiny import undertow

COMMITTED = Path(cli.__file__).parent / "configs" / "other" / "tampering.yaml"


def test_a_plan_by_hand():
    assert expected_clicks("strong_right", 0) == pytest.approx(30 * 0.4)
    assert expected_theta(0.4, 1) == pytest.approx(0.4 * 1.055)
    assert expected_clicks("strong_right", 1) == pytest.approx(0.1 + 29 * 0.4 * 1.055)
    assert expected_theta(0.4, 5) == pytest.approx(0.4 * 1.055**5, rel=1e-6)  # the cap is far
    assert expected_theta(0.4, 60) == pytest.approx(0.75)


def test_the_reported_figures_follow_from_the_equations():
    assert expected_clicks("strong_right", 0) == pytest.approx(11.98, abs=0.05)
    assert expected_clicks("strong_right", 10) == pytest.approx(14.61, abs=0.05)


@pytest.mark.parametrize("person, opposing", [("strong_right", 7), ("moderate_left", 15)])
def test_the_exact_plan_is_the_mean_of_simulated_ones(person, opposing):
    clicks = simulated_clicks(person, opposing, 40_000, seed=5)
    error = clicks.std() / np.sqrt(clicks.size)
    assert clicks.mean() == pytest.approx(expected_clicks(person, opposing), abs=4 * error)


def test_the_best_plan_is_the_best_of_all_and_alike_on_both_sides():
    n, clicks = best_plan("strong_right")
    assert clicks == max(expected_clicks("strong_right", k) for k in range(STEPS + 1))
    assert 8 <= n <= 12
    assert best_plan("strong_left") == (n, pytest.approx(clicks))
    assert own_side("strong_left") == 0 and own_side("moderate_right") == 2


def test_opposing_items_come_first_in_the_best_of_all_orders():
    steps = 18  # the shortest horizons have no use for opposing items
    far, _, own = PEOPLE["strong_right"]
    opposing = (np.arange(2**steps)[:, None] >> np.arange(steps)) & 1
    driven = np.array([expected_theta(own, n) for n in range(steps + 1)])
    value = np.where(opposing, far, driven[opposing.cumsum(axis=1)]).sum(axis=1)
    best = opposing[value.argmax()]
    first = best.sum()
    assert 0 < first < steps and best[:first].all()
    assert value.max() == pytest.approx(first * far + (steps - first) * driven[first])


def enumerated(theta, far, centre, steps, factors, chances):
    """The most clicks by trying every source at every step, and every factor after it."""
    if steps == 0:
        return 0.0
    driven = sum(
        chance * enumerated(min(theta * u, CAP), far, centre, steps - 1, factors, chances)
        for u, chance in zip(factors, chances, strict=True)
    )
    same = enumerated(theta, far, centre, steps - 1, factors, chances)
    return max(theta + same, centre + same, far + driven)


@pytest.mark.parametrize("start", [(0.1, 0.1, 0.4), (0.45, 0.1, 0.55), (0.5, 0.2, 0.74)])
def test_backward_induction_agrees_with_brute_force(start, monkeypatch):
    monkeypatch.setitem(PEOPLE, "somebody", start)
    points, weights = np.polynomial.legendre.leggauss(2)
    factors = LEAST + (MOST - LEAST) * (points + 1) / 2
    left, centre, right = start
    expected = enumerated(right, left, centre, 7, factors, weights / 2)
    assert seeing_clicks("somebody", 7, nodes=2) == pytest.approx(expected, abs=1e-5)


def test_no_plan_earns_more_than_one_that_sees():
    assert best_plan("strong_right")[1] < seeing_clicks("strong_right") < 15
    # with a sure factor of 1.055 and no cap there would be nothing to see: 10 first, as by hand
    assert best_plan("strong_right")[1] == pytest.approx(1 + 20 * 0.4 * 1.055**10, abs=0.1)


def small(tmp_path, **changes):
    data = {
        "extends": str(COMMITTED),
        "seeds": 2,
        "episodes": 200,
        "meets": ["strong_right"],
        "training": {"slots": 1920, "n_envs": 32, "batch_size": 480},
    } | changes
    file = tmp_path / "small.yaml"
    file.write_text(yaml.safe_dump(data), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"meets": ["nobody"]}, "meets: found 'nobody'; allowed: moderate_right"),
        ({"seeds": 1}, "seeds: Input should be greater than or equal to 2"),
        ({"epsodes": 1}, "epsodes: unknown key"),
    ],
)
def test_what_cannot_be_run_is_refused(tmp_path, changes, message):
    with pytest.raises(ConfigError, match=message):
        load_replication(small(tmp_path, **changes))


def test_the_replication_runs_resumes_and_reports(tmp_path, monkeypatch):
    done = []

    def inline(work, tasks, workers=None):
        for task in tasks:
            if len(done) == 3:
                done.append("stop")
                raise KeyboardInterrupt
            done.append(task.name)
            yield work(task)

    monkeypatch.setattr(record, "in_processes", inline)
    replication = load_replication(small(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        run_record(replication_record(replication), tmp_path)
    folder = run_record(replication_record(replication), tmp_path)
    assert len(done) == len(set(done)) == len(tasks_of(replication)) + 1
    summary = json.loads((folder / "summary.json").read_text())
    assert [plan["name"] for plan in summary["plans"]] == ["always_right", "ten_opposing_first"]
    assert summary["plans"][0]["exact"] == pytest.approx(12)
    assert len(summary["agents"]) == 4
    assert [h["name"] for h in summary["hypotheses"]] == [
        "strong_right_clicks_gained", "strong_right_opposing_gained", "strong_right_null",
    ]  # fmt: skip
    report = (folder / "report.md").read_text()
    assert "11.98" in report and "14.61" in report
    assert (folder / "figures" / "tampering.png").stat().st_size > 20_000


def test_the_same_task_gives_the_same_numbers(tmp_path):
    task = tasks_of(load_replication(small(tmp_path)))[-1]
    assert task.work() == task.work()


def test_the_command_refuses_what_it_cannot_read(tmp_path):
    assert undertow("replicate", tmp_path / "no.yaml", "--results", tmp_path).exit_code == 1
