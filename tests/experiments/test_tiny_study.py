"""`undertow tiny`: its config, exact study, resumption, refusals and report."""

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

import undertow.experiments.tiny.run as engine
from undertow.agents.planner import deterministic
from undertow.envs.tiny import TinyParameters
from undertow.experiments import cli
from undertow.experiments.config import ConfigError
from undertow.experiments.provenance import digest
from undertow.experiments.record import run_record
from undertow.experiments.result_folder import ResultError
from undertow.experiments.tiny.config import load_study
from undertow.experiments.tiny.exact import Optimum, critical, critical_pull, crossing
from undertow.experiments.tiny.near import near_optimal, widest
from undertow.experiments.tiny.run import study_record, tasks_of

COMMITTED = Path(cli.__file__).parent / "configs" / "other" / "tinyfeed.yaml"
REPOSITORY = Path(cli.__file__).resolve().parents[1]
SMALL = {"stances": 9, "habits": 3, "satiations": 2, "regrets": 2, "items": 6}
STUDY = {
    "name": "small",
    "title": "A small study",
    "map": "lively",
    "gammas": [0, 0.9, 0.99],
    "pulls": [0, 1.0],
    "worlds": {
        "lively": {"changes": SMALL},
        "still": {"changes": {**SMALL, "persuasion": False}},
    },
    "people": {"count": 3, "seed": 1, "presets": ["vulnerable"], "pulls": [1.0]},
    "frontier": {"world": "lively", "gamma": 0.9, "multipliers": [0, 10]},
    "learning": {
        "seeds": 2,
        "worlds": ["still"],
        "gammas": [0, 0.9],
        "training": {"slots": 64, "n_envs": 8, "n_steps": 8, "batch_size": 64, "n_epochs": 1},
    },
    "hypotheses": [
        {
            "name": "nobody", "statement": "Nobody moves", "quantity": "drift", "of": "ppo",
            "world": "still", "gamma": 0.9, "test": "equivalent", "margin": 0.01,
        },
        {
            "name": "never", "statement": "A claim that fails", "quantity": "drift",
            "of": "optimum", "world": "still", "gamma": 0.9, "test": "greater", "threshold": 0.01,
        },
        {
            "name": "more", "statement": "More than all", "quantity": "value_share", "of": "ppo",
            "world": "still", "gamma": 0.9, "test": "greater", "threshold": 1.01,
        },
        {
            "name": "less", "statement": "Not more than all", "quantity": "value_share",
            "of": "ppo", "world": "still", "gamma": 0.9, "test": "less", "threshold": 1.01,
        },
    ],
}  # fmt: skip


def write(folder, data):
    file = folder / "study.yaml"
    file.write_text(yaml.safe_dump(data), encoding="utf-8")
    return file


def refusal(folder, **change):
    with pytest.raises(ConfigError) as caught:
        load_study(write(folder, STUDY | change))
    return str(caught.value)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    return run_record(study_record(load_study(write(folder, STUDY))), folder, workers=1)


# --- the config -----------------------------------------------------------------------------------


def test_the_committed_config_is_sound_and_its_result_is_its_own():
    study = load_study(COMMITTED)
    assert study.learning.seeds >= 5
    file = REPOSITORY / "results" / study.name / "manifest.json"
    if file.exists():
        manifest = json.loads(file.read_text(encoding="utf-8"))
        assert manifest["config_sha256"] == digest(study.resolved())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"odd": 1}, "odd: unknown key"),
        ({"map": "nowhere"}, "map: found 'nowhere'; allowed: lively, still"),
        ({"gammas": [0.5, 0.9]}, "gammas: found"),
        ({"gammas": [0, 0.9999]}, "gammas: found"),
        ({"pulls": [0, 2]}, "pulls: found 2"),
        ({"losses": [0.0]}, "losses: found 0.0"),
        ({"worlds": {"lively": {"changes": {"pull": -1}}}}, "worlds.lively"),
        ({"hypotheses": [STUDY["hypotheses"][0] | {"gamma": 0.5}]}, "gamma: found 0.5"),
        ({"hypotheses": [STUDY["hypotheses"][0] | {"world": "lively"}]}, "where PPO is trained"),
        ({"hypotheses": [STUDY["hypotheses"][0] | {"margin": None}]}, "margin: found None"),
        ({"hypotheses": [STUDY["hypotheses"][1] | {"quantity": "value_share"}]}, "of: found"),
    ],
)
def test_what_cannot_be_run_is_refused_by_name(tmp_path, change, told):
    assert told in refusal(tmp_path, **change)


# --- the exact study ------------------------------------------------------------------------------


def test_a_critical_gamma_parts_what_invests_from_what_does_not():
    optimum = Optimum(TinyParameters.median("vulnerable", pull=0.5))
    gammas = [0, 0.8, 0.9, 0.97]
    drifts = [optimum.drift(g) for g in gammas]
    found = critical(optimum.drift, gammas, drifts, 0.01)
    assert optimum.drift(found) - drifts[0] > 0.01
    assert optimum.drift(found - 1e-3) - drifts[0] <= 0.01
    assert critical(optimum.drift, gammas, drifts, 2.0) is None


def test_the_crossing_is_read_off_between_gammas():
    # Horizons 1, 10 and 100: the margin lies half-way, in logarithms, between the last two.
    found = crossing([0, 0.9, 0.99], np.array([0, 0.0, 0.02]), 0.01)
    assert found == pytest.approx(1 - 10**-1.5)
    assert np.isnan(crossing([0, 0.9], np.zeros(2), 0.01))


def test_the_ratchet_begins_at_the_critical_pull():
    parameters = TinyParameters(**{**SMALL, "stances": 33, "items": 10})
    begins = critical_pull(parameters, 1.2, 0.01)

    def drift(pull):
        return Optimum(parameters.model_copy(update={"pull": pull})).drift(0.0)

    assert drift(begins) > 0.01 >= drift(begins - 0.003)
    assert critical_pull(TinyParameters(**SMALL, persuasion=False), 1.2, 0.01) is None


def test_the_parts_of_drift_sum_to_the_whole():
    optimum = Optimum(TinyParameters(**SMALL))
    plan = optimum.planner.plan(0.99)
    policy = deterministic(plan.action, optimum.world.mdp.actions)
    ratchet = optimum.drift(0.0)
    investment = optimum.drift(0.99) - ratchet
    found = optimum.measured(policy)
    assert ratchet + investment == pytest.approx(found["drift"], abs=1e-12)


def test_a_range_is_had_by_lots_between_a_policy_that_is_good_enough_and_another():
    # Worth 10 and 0, drifts 0 and 1: giving up 1 of 10 lets the second be taken one time in ten.
    assert widest(np.array([10.0, 0.0]), np.array([0.0, 1.0]), 9.0) == pytest.approx((0.0, 0.1))
    assert widest(np.array([10.0, 9.5]), np.array([0.0, -1.0]), 9.0) == (-1.0, 0.0)


def test_near_optimal_drift_holds_the_optimums_and_widens_with_what_is_given_up():
    parameters = TinyParameters(**SMALL, pull=0.0)
    narrow, wide = near_optimal(parameters, 0.9, [0.003, 0.05])
    drift = Optimum(parameters).drift(0.9)
    assert wide["low"] < narrow["low"] <= drift <= narrow["high"] < wide["high"]


def test_without_persuasion_near_optimal_drift_is_nothing():
    (found,) = near_optimal(TinyParameters(**SMALL, persuasion=False), 0.9, [0.05])
    # Rounding leaves a little, and it differs by who leaves: far less than counts as moved.
    assert -1e-4 < found["low"] <= found["high"] < 1e-4


# --- the run --------------------------------------------------------------------------------------


def test_a_finished_study_has_everything(finished):
    names = {file.name for file in finished.iterdir()}
    figures = {file.name for file in (finished / "figures").iterdir()}
    assert names == {"config.yaml", "manifest.json", "summary.json", "report.md", "figures"}
    assert figures == {"drift.png", "map.png", "frontier.png"}
    summary = json.loads((finished / "summary.json").read_text(encoding="utf-8"))
    assert summary["largest_residual"] < 1e-6
    assert {h["name"]: h["held"] for h in summary["hypotheses"]} == {
        "nobody": True, "never": False, "more": False, "less": True,
    }  # fmt: skip
    report = (finished / "report.md").read_text(encoding="utf-8")
    assert "Hypotheses: 2 of 4 held" in report and "**NOT HELD**" in report


def test_ppo_never_beats_the_optimum(finished):
    summary = json.loads((finished / "summary.json").read_text(encoding="utf-8"))
    for cell in summary["learned"]:
        assert all(share <= 1 + 1e-9 for share in cell["values"]["value_share"])


def test_a_stopped_study_goes_on_to_the_same_result(finished, tmp_path):
    study = load_study(write(tmp_path, STUDY))

    def stop(progress, text):
        if progress.done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_record(study_record(study), tmp_path, workers=1, told=stop)
    stood = len(list((tmp_path / "small" / "parts").glob("*.json")))
    assert 4 <= stood <= len(tasks_of(study))
    told = []
    again = run_record(
        study_record(study), tmp_path, workers=1, told=lambda *line: told.append(line)
    )
    assert told[0][1] == f"{stood} of {len(tasks_of(study))} parts stand"
    first, second = (
        json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        for folder in (finished, again)
    )
    assert first == second


def test_a_finished_study_is_left_alone(finished, monkeypatch):
    monkeypatch.setattr(engine, "do", lambda *_: pytest.fail("worked again"))
    before = (finished / "summary.json").read_bytes()
    study = load_study(finished.parent / "study.yaml")
    assert run_record(study_record(study), finished.parent) == finished
    assert (finished / "summary.json").read_bytes() == before


def test_another_config_and_foreign_files_are_refused(finished, tmp_path):
    other = load_study(write(tmp_path, STUDY | {"margin": 0.02}))
    with pytest.raises(ResultError, match="another config"):
        run_record(study_record(other), finished.parent)
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "mine.txt").write_text("mine")
    with pytest.raises(ResultError, match=r"mine\.txt"):
        run_record(study_record(other), tmp_path, fresh=True)
    (tmp_path / "small" / "mine.txt").rename(tmp_path / "small" / "manifest.json")
    with pytest.raises(ResultError, match="damaged"):
        run_record(study_record(other), tmp_path)


def test_the_command_says_where_the_report_is_and_what_is_wrong(finished):
    runner, file = CliRunner(), str(finished.parent / "study.yaml")
    found = runner.invoke(cli.app, ["tiny", file, "--results", str(finished.parent)])
    assert found.exit_code == 0 and "report.md" in found.output
    found = runner.invoke(cli.app, ["tiny", str(finished / "report.md")])
    assert found.exit_code == 1
