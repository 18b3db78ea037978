"""A job that fails is named, the others finish, and the same command goes on."""

import errno
import os
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

import undertow.experiments.run as engine
from undertow.experiments import record
from undertow.experiments.failures import Failed, Failures, attempt
from undertow.experiments.problems import FailedJobsError
from undertow.experiments.ray_cluster import VersionsError, outcomes
from undertow.experiments.record import run_record
from undertow.experiments.run import run

from .killing import outcome, telling, told_job
from .test_half_states import add, toy
from .tiny import Listener, config, experiment, manifest_of, parts_of, undertow, write

__all__ = ["telling"]
FEW = {
    "seeds": 2,
    "cells": {"lively": ["random", "ppo"]},
    "hypotheses": [],
    "splits": [],
}


def breaks(task):
    if task.name == "sum--1":
        raise ZeroDivisionError("a mean over\nnobody")
    return add(task)


def attempted(jobs, folder, workers):
    """`_run_all` without processes, and with what it does about failures."""
    for job in jobs:
        yield attempt(lambda job: engine.run_job(job, folder), job)


@pytest.fixture
def one_fails(telling, monkeypatch):
    def job_(job, folder):
        if job.name == "lively--ppo--0":
            raise ValueError(f"a loss that is no number, {job.seed}")
        return told_job(job, folder)

    monkeypatch.setattr(engine, "_run_all", attempted)
    monkeypatch.setattr(engine, "run_job", job_)


# --- a run ----------------------------------------------------------------------------------------


def test_a_failure_in_one_job_names_it_and_leaves_the_others_to_finish(
    one_fails, tmp_path, monkeypatch
):
    file, folder = write(tmp_path, config(**FEW)), tmp_path / "results" / "tiny"
    found = undertow("run", file, "--results", folder.parent)
    assert found.exit_code == 1 and "Traceback" not in found.stdout + found.stderr
    job, problem = "lively--ppo--0", "ValueError: a loss that is no number, 0"
    assert found.stderr.splitlines() == [
        f"{folder}: 1 job failed, the others are kept; once it is mended, the same command goes on",
        f"  {job}: {problem} (parts/{job}.error.txt)",
    ]
    assert "lively--ppo--0 failed: ValueError: a loss that is no number" in found.stdout
    assert parts_of(folder) == {"lively--random--0", "lively--random--1", "lively--ppo--1"}
    trace = (folder / "parts" / "lively--ppo--0.error.txt").read_text()
    assert trace.startswith("Traceback") and "in job_" in trace
    assert manifest_of(folder)["finished"] is None and manifest_of(folder)["wall_time_s"] > 0
    monkeypatch.setattr(engine, "run_job", told_job)
    again = undertow("run", file, "--results", folder.parent)
    assert again.exit_code == 0 and "3 of 4 jobs stand" in again.stdout
    assert outcome(folder) == outcome(run(experiment(**FEW), tmp_path / "right"))


def test_all_failures_are_named_in_one_line_each(telling, tmp_path, monkeypatch):
    def job_(job, folder):
        raise RuntimeError("x" * 1000 + f" of {job.name}")

    monkeypatch.setattr(engine, "_run_all", attempted)
    monkeypatch.setattr(engine, "run_job", job_)
    with pytest.raises(FailedJobsError) as error:
        run(experiment(**FEW), tmp_path)
    head, *lines = str(error.value).splitlines()
    assert "4 jobs failed" in head and len(lines) == 4
    assert all(len(line) < 400 and "..." in line for line in lines)


def test_a_full_disk_is_no_failure_of_a_job_and_stops_the_run(telling, tmp_path, monkeypatch):
    ran = []

    def job_(job, folder):
        ran.append(job.name)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(engine, "_run_all", attempted)
    monkeypatch.setattr(engine, "run_job", job_)
    with pytest.raises(OSError, match="space"):
        run(experiment(**FEW), tmp_path)
    assert len(ran) == 1


def test_an_error_that_does_not_pickle_is_told_all_the_same():
    class Local(Exception):
        def __reduce__(self):
            raise TypeError("it does not pickle")

    def work(task):
        raise Local(lambda: 3)

    found = attempt(work, SimpleNamespace(name="a"))
    assert isinstance(found, Failed) and found.name == "a" and "Local" in found.problem


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_is_no_error_passes(error):
    def work(task):
        raise error

    with pytest.raises(error):
        attempt(work, SimpleNamespace(name="a"))


def test_no_failures_are_nothing(tmp_path):
    Failures(tmp_path).check()
    assert not list(tmp_path.iterdir())


# --- a record -------------------------------------------------------------------------------------


def test_a_failure_in_one_task_of_a_record_leaves_the_others_to_finish(tmp_path, monkeypatch):
    """In a process of its own."""
    told = Listener()
    with pytest.raises(FailedJobsError) as error:
        run_record(toy("a", work=breaks), tmp_path, workers=1, told=told)
    assert "  sum--1: ZeroDivisionError: a mean over nobody (parts/sum--1.error.txt)" in str(
        error.value
    )
    assert parts_of(tmp_path / "toy") == {"sum--0", "sum--2"}
    assert "in breaks" in (tmp_path / "toy" / "parts" / "sum--1.error.txt").read_text()
    again = Listener()
    monkeypatch.setattr(record, "in_processes", lambda work, tasks, workers: map(work, tasks))
    run_record(toy("a"), tmp_path, told=again)
    assert again.texts == ["2 of 3 parts stand", "sum--1"]
    assert manifest_of(tmp_path / "toy")["finished"]


def test_a_damaged_part_of_a_record_is_named_and_made_again(telling, tmp_path):
    with pytest.raises(FailedJobsError):
        run_record(toy("a", work=breaks), tmp_path)
    parts = tmp_path / "toy" / "parts"
    (parts / "sum--0.json").write_bytes((parts / "sum--0.json").read_bytes().replace(b"0", b"1"))
    (parts / "sum--2.parquet").write_bytes(b"of another")
    told = Listener()
    run_record(toy("a"), tmp_path, told=told)
    assert [text.split()[0] for text in told.texts if "damaged" in text] == [
        str(parts / "sum--0.json"),
        str(parts / "sum--2.json"),
    ]
    right = run_record(toy("a"), tmp_path / "right")
    assert outcome(tmp_path / "toy") == outcome(right)


def test_a_record_s_part_under_another_task_s_name_is_made_again(telling, tmp_path):
    with pytest.raises(FailedJobsError):
        run_record(toy("a", work=breaks), tmp_path)
    parts = tmp_path / "toy" / "parts"
    for suffix in (".json", ".parquet"):
        (parts / f"sum--0{suffix}").write_bytes((parts / f"sum--2{suffix}").read_bytes())
    told = Listener()
    run_record(toy("a"), tmp_path, told=told)
    assert "was made of other inputs" in told.texts[0]
    assert outcome(tmp_path / "toy") == outcome(run_record(toy("a"), tmp_path / "right"))


# --- a cluster ------------------------------------------------------------------------------------


class RayError(Exception):
    pass


class RayTaskError(RayError):
    def __init__(self, cause):
        super().__init__("the worker's traceback")
        self.cause = cause


@dataclass
class FakeRay:
    """What `outcomes` needs of Ray: references that are what became of a job."""

    def wait(self, references, num_returns):
        return references[:1], references[1:]

    def get(self, reference):
        if isinstance(reference, Exception):
            raise reference
        return dict(reference)


def came_back(folder, *references):
    waiting = {
        reference: SimpleNamespace(name=f"job--{i}") for i, reference in enumerate(references)
    }
    return list(outcomes(FakeRay(), waiting, folder, RayError, RayTaskError))


def test_a_job_that_fails_on_a_cluster_leaves_the_others_to_finish(tmp_path):
    (tmp_path / "parts").mkdir()
    last = (("parts/a.json", b"{}"),)
    found = came_back(tmp_path, RayTaskError(ValueError("no number")), RayError("gone"), last)
    assert [one.name for one in found[:2]] == ["job--0", "job--1"] and found[2] == "job--2"
    assert found[0].problem == "ValueError: no number"
    assert found[0].trace == "the worker's traceback"
    assert "the job was lost 6 times (gone)" in found[1].problem
    assert (tmp_path / "parts" / "a.json").read_bytes() == b"{}"


def test_other_versions_on_a_cluster_end_the_run(tmp_path):
    with pytest.raises(VersionsError):
        came_back(tmp_path, RayTaskError(VersionsError("found numpy 1.0")))
