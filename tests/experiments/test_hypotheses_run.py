"""The register end to end, on a tiny result that it reads."""

import json

import pytest
import yaml

import undertow.experiments.record as record
from undertow.agents import load_policy
from undertow.experiments.hypotheses.config import load_register
from undertow.experiments.hypotheses.run import hypotheses_record, measurements
from undertow.experiments.record import run_record
from undertow.experiments.result_folder import ResultError

from .test_hypotheses import prepared, written
from .tiny import copied, undertow


@pytest.fixture(scope="module")
def told(finished, tmp_path_factory):
    """The folder of a register that was run by its command beside a tiny result."""
    folder = tmp_path_factory.mktemp("register")
    copied(finished, folder / "results")
    file = written(folder, prepared())
    with pytest.MonkeyPatch.context() as patch:  # in this process: a worker's start is slow
        patch.setattr(record, "in_processes", lambda work, tasks, workers: map(work, tasks))
        done = undertow("hypotheses", file, "--results", folder / "results")
    assert done.exit_code == 0, done.output
    assert "1 supported" in done.output or "0 of 1 supported" in done.output
    return folder / "results" / "tiny_ten"


def test_what_a_result_holds_is_read_and_the_rest_is_made(told, tmp_path):
    summary = json.loads((told / "summary.json").read_text())
    (hypothesis,) = summary["hypotheses"]
    nulls = {null["name"]: null for null in hypothesis["nulls"]}
    # Greedy measured here is greedy as the result has it: the same people, to the bit.
    assert nulls["self"]["passed"] and nulls["self"]["values"] == [0.0, 0.0]
    assert nulls["frozen"]["passed"] and nulls["frozen"]["n"] == 2
    (claim,) = hypothesis["claims"]
    assert claim["n"] == 2 and 0 <= claim["p"] == claim["p_holm"] <= 1
    saved = json.loads((told.parent / "tiny" / "manifest.json").read_text())
    assert summary["reads"]["tiny"]["config_sha256"] == saved["config_sha256"]
    assert summary["supported"] == hypothesis["supported"]
    report = (told / "report.md").read_text()
    assert "H1. Everything" in report and "by construction" in report
    assert (told / "figures" / "forest.png").stat().st_size > 10_000
    assert not (told / "parts").exists()


def test_only_what_no_result_holds_is_trained_and_kept(told):
    kept = sorted(file.name for file in (told / "policies").iterdir())
    assert kept == [f"{w}--{p}--{s}.npz" for w, p in (("frozen", "ppo"), ("lively_2", "again"))
                    for s in (0, 1)]  # fmt: skip
    load_policy(told / "policies" / kept[0])


def test_the_parts_are_those_that_the_quantities_need(told, tmp_path):
    register = load_register(written(tmp_path, prepared()))
    found = {m.name: m.statistics for m in measurements(register, told.parent, tmp_path)}
    assert "lively--greedy--0" not in found  # its values are read
    assert found["lively--ppo--1"] == ("taste_shift_ratio",)  # its policy is
    assert found["lively--random--1"] == ("watch_minutes_per_day",)
    assert "lively--random--2" not in found  # greedy beside it has two seeds
    assert "lively--curious--1" in found


def test_a_result_of_other_settings_is_refused(told, tmp_path):
    for change, message in (
        ({"evaluation": {"people": 21, "threshold": 0.5}}, "was run with other settings"),
        ({"saved": {"tiny": {"seeds": 3, "cells": {"lively": ["greedy"]}}}}, "has 2 seeds"),
        (
            {"saved": {"tiny": {"seeds": 2, "cells": {"frozen": ["random"]}}}},
            "has no random@frozen",
        ),
        ({"saved": {"gone": {"seeds": 2, "cells": {"lively": ["greedy"]}}}}, "cannot be read"),
    ):
        register = load_register(written(tmp_path, prepared() | change))
        with pytest.raises(ResultError, match=message):
            hypotheses_record(register, told.parent)


def test_a_policy_that_a_result_lost_is_named(told, tmp_path):
    copied(told.parent / "tiny", tmp_path / "results")
    (tmp_path / "results/tiny/policies/lively--ppo--1.npz").unlink()
    register = load_register(written(tmp_path, prepared()))
    again = hypotheses_record(register, tmp_path / "results")
    with pytest.raises(ResultError, match=r"lively--ppo--1\.npz: no such policy; allowed"):
        run_record(again, tmp_path / "results", workers=1)


def test_the_report_alone_can_be_written_anew(told, tmp_path):
    folder = copied(told, tmp_path / "results")
    before = (folder / "report.md").read_bytes()
    (folder / "report.md").unlink()
    file = written(tmp_path, prepared())
    done = undertow("hypotheses", file, "--results", tmp_path / "results", "--report")
    assert done.exit_code == 0, done.output
    assert (folder / "report.md").read_bytes() == before
    gone = undertow("hypotheses", file, "--results", tmp_path / "nowhere", "--report")
    assert gone.exit_code == 1 and "no finished suite or register" in gone.output


def test_the_config_beside_the_report_is_the_register(told, tmp_path):
    register = load_register(written(tmp_path, prepared()))
    found = yaml.safe_load((told / "config.yaml").read_text())
    assert found == register.model_dump(mode="json")
