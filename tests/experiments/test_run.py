import errno
import json
import os
import shutil
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from filelock import FileLock

import undertow.experiments.result_folder as result_folder
import undertow.experiments.run as engine
from undertow.agents import Chronological, load_policy
from undertow.envs import FeedBatch
from undertow.experiments import cli
from undertow.experiments import report as reporting
from undertow.experiments.config import Experiment
from undertow.experiments.job import Job, jobs_of
from undertow.experiments.metrics import METRICS
from undertow.experiments.run import run

from .tiny import (
    JOBS,
    RULES,
    TINY,
    UNDERTOW,
    Listener,
    Stop,
    config,
    contents,
    copied,
    experiment,
    inline,
    manifest_of,
    parts_of,
    rerun,
    same_result,
    undertow,
    until,
    workers,
    write,
)

ENDLESS = {**TINY["training"], "slots": 10**9}
REPOSITORY = Path(__file__).parents[2]


def summary_of(folder):
    return json.loads((folder / "summary.json").read_text(encoding="utf-8"))


@contextmanager
def acting(after, act):
    """Within, `act` is called in a run of the command once so many jobs are done."""
    inner = cli.run

    def run_(*words, told, **named):
        listener = Listener(after, act)
        return inner(*words, told=lambda p, text: (told(p, text), listener(p, text)), **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "run", run_)
        yield


# --- a whole run ----------------------------------------------------------------------------------


def test_all_files_are_there(finished):
    assert {file.name for file in finished.iterdir()} == {
        "config.yaml",
        "manifest.json",
        "episodes.parquet",
        "summary.json",
        "report.md",
        "figures",
        "policies",
    }
    assert any((finished / "figures").glob("*.png"))
    saved = {file.stem for file in (finished / "policies").iterdir()}
    assert saved == {job.name for job in jobs_of(experiment())}
    assert not [name for name in contents(finished) if ".new" in name]


def test_the_report_can_be_read(finished):
    text = (finished / "report.md").read_text(encoding="utf-8")
    assert "A tiny experiment" in text
    for hypothesis in TINY["hypotheses"]:
        assert hypothesis["statement"] in text


def test_episodes_have_a_row_a_person_and_job(finished):
    frame = pd.read_parquet(finished / "episodes.parquet")
    people = TINY["evaluation"]["people"]
    assert len(frame) == JOBS * people
    keys = ["policy", "world", "seed", "person"]
    assert not frame.duplicated(keys).any()
    assert set(frame["person"]) == set(range(people))
    assert set(frame["seed"]) == {0, 1}
    assert not frame.isna().any().any()
    assert list(frame["world"].cat.categories) == list(TINY["worlds"])
    assert list(frame["policy"].cat.categories) == list(TINY["policies"])


def test_episodes_and_summary_tell_the_same(finished):
    frame = pd.read_parquet(finished / "episodes.parquet")
    for cell in summary_of(finished)["cells"]:
        rows = frame[(frame["policy"] == cell["policy"]) & (frame["world"] == cell["world"])]
        for seed, people in rows.groupby("seed"):
            values = {name: cell["values"][name][seed] for name in cell["values"]}
            minutes = people["minutes_per_day"]
            drift = (people["stance"].abs() - people["stance_neutral"].abs()).mean()
            habitless = 1 - people["minutes_no_habit"].sum() / minutes.sum()
            assert minutes.mean() == pytest.approx(values["watch_minutes_per_day"], rel=1e-5)
            assert drift == pytest.approx(values["induced_drift"], abs=1e-6)
            assert habitless == pytest.approx(values["habit_share"], abs=1e-5)
            assert people["present"].mean() == values["retention"]


def test_policies_of_a_world_are_measured_on_the_same_people(finished):
    frame = pd.read_parquet(finished / "episodes.parquet")
    columns = ["susceptibility", "stance_origin", "stance_neutral", "stance_no_feed"]
    for _, people in frame[frame["world"] == "lively"].groupby(["seed", "person"]):
        assert (people[columns].nunique() == 1).all()
    by_seed = frame.groupby("seed")["susceptibility"].mean()
    assert by_seed[0] != by_seed[1]


def test_the_summary_is_complete(finished):
    found = summary_of(finished)
    cells = [(p, w) for w, policies in TINY["cells"].items() for p in policies]
    assert [(c["policy"], c["world"]) for c in found["cells"]] == cells
    for cell in found["cells"]:
        assert list(cell["metrics"]) == list(METRICS)
        assert all(len(values) == 2 for values in cell["values"].values())
        minutes = cell["metrics"]["watch_minutes_per_day"]
        assert minutes["n"] == 2
        assert 0 < minutes["low"] <= minutes["mean"] <= minutes["high"]
    assert [h["held"] for h in found["hypotheses"]] == [False, True]
    assert found["catalogue"] is None
    (split,) = found["splits"]
    whole = split["pacing"]["mean"] + split["tampering"]["mean"]
    assert whole == pytest.approx(split["total"]["mean"])


def test_what_must_be_zero_is_zero_in_a_run_too(finished):
    cells = {(c["policy"], c["world"]): c["values"] for c in summary_of(finished)["cells"]}
    assert cells["chronological", "lively"]["induced_drift"] == [0.0, 0.0]
    assert cells["chronological", "lively"]["habit_over_neutral"] == [0.0, 0.0]
    for policy in ("greedy", "ppo"):
        assert cells[policy, "frozen"]["induced_drift"] == [0.0, 0.0]
        assert cells[policy, "frozen"]["taste_shift"] == [0.0, 0.0]


def test_saved_policies_can_be_loaded_and_act(finished):
    world = experiment().worlds["lively"].parameters()
    for name in ("lively--random--0.json", "lively--greedy--1.json", "lively--ppo--1.npz"):
        policy = load_policy(finished / "policies" / name)
        batch = FeedBatch(world, 5, policy.observation)
        action = policy.act(batch.start(np.arange(5), 0))
        assert action.shape == (5,)
        assert np.all((action >= 0) & (action < 10))


def test_the_same_config_gives_the_same_result_bit_for_bit(finished, tmp_path, light):
    """Another folder, another process, one job after another."""
    told = Listener()
    folder = run(experiment(), tmp_path, told=told)
    same_result(folder, finished)
    assert told.done == [(0, JOBS), *((done + 1, JOBS) for done in range(JOBS))]
    assert told.texts[0] == "starting"


# --- resuming -------------------------------------------------------------------------------------


def test_a_stopped_run_goes_on_and_gives_the_same(stopped, finished, tmp_path, light):
    folder = copied(stopped, tmp_path)
    before = contents(folder / "parts")
    assert len(parts_of(folder)) == JOBS - 2
    assert manifest_of(folder)["finished"] is None
    assert not (folder / "summary.json").exists()
    ran, told = rerun(folder)
    assert ran == ["frozen--greedy--1", "frozen--ppo--1"]
    assert told.texts[0] == f"{JOBS - 2} of {JOBS} jobs stand"
    assert told.done[0] == (JOBS - 2, JOBS)
    assert told.done[-1] == (JOBS, JOBS)
    same_result(folder, finished)
    assert not (folder / "parts").exists()
    assert len(before) == 2 * (JOBS - 2)


def test_wall_time_adds_up_over_the_stops(stopped, tmp_path, light):
    folder = copied(stopped, tmp_path)
    before = manifest_of(folder)
    assert before["wall_time_s"] > 0
    rerun(folder)
    after = manifest_of(folder)
    assert after["wall_time_s"] > before["wall_time_s"]
    assert after["started"] == before["started"]


@pytest.mark.parametrize("place", ["figures", "report"])
def test_a_run_stopped_in_its_report_writes_it_the_next_time(
    stopped, finished, tmp_path, in_process, monkeypatch, place
):
    folder = copied(stopped, tmp_path)

    def stop(where):
        if place == "report":
            (where / "report.md").write_text("half a rep")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(reporting, "write_report", stop)
        with pytest.raises(KeyboardInterrupt):
            run(experiment(), tmp_path)
    ran, told = rerun(folder)
    assert ran == []
    assert told.done == [(JOBS, JOBS)]
    same_result(folder, finished)
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert "A tiny experiment" in text
    assert not (folder / "parts").exists()


def test_two_runs_at_once_are_refused(stopped, tmp_path, light):
    folder, file = copied(stopped, tmp_path), write(tmp_path, config())
    before = contents(folder)
    with FileLock(tmp_path / ".tiny.lock"):
        found = undertow("run", file, "--results", tmp_path, "--fresh")
    assert found.exit_code == 1
    assert f"{folder}: another run is at work on it" in found.stderr
    assert contents(folder) == before


# --- a full disk ----------------------------------------------------------------------------------


def full(name):
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)


FULL = "the disk is full; finished jobs are kept, the same command goes on"


@pytest.mark.parametrize(
    ("victim", "parts"),
    [
        ("lively--random--0.parquet", 0),
        ("lively--greedy--0.json", 2),
        ("episodes.parquet", JOBS),
        ("summary.json", JOBS),
    ],
)
def test_a_full_disk_loses_no_finished_job(tmp_path, finished, light, monkeypatch, victim, parts):
    write_, file = result_folder.write_whole, write(tmp_path, config())

    def fill(where, content):
        if where.name == victim:
            raise full(str(where))
        write_(where, content)

    with monkeypatch.context() as patch:
        patch.setattr(result_folder, "write_whole", fill)
        found = undertow("run", file, "--results", tmp_path)
    assert found.exit_code == 1
    assert FULL in " ".join(found.stderr.split())
    assert "Traceback" not in found.stderr
    folder = tmp_path / "tiny"
    assert len(parts_of(folder)) == parts
    ran, _ = rerun(folder)
    assert len(ran) == JOBS - parts
    same_result(folder, finished)


@pytest.mark.parametrize("victim", ["config.yaml", "manifest.json"])
def test_a_disk_that_is_full_from_the_start(tmp_path, light, monkeypatch, unmerged, victim):
    write_, file = result_folder.write_whole, write(tmp_path, config(**RULES))

    def fill(where, content):
        if where.name == victim:
            raise full(str(where))
        write_(where, content)

    with monkeypatch.context() as patch:
        patch.setattr(result_folder, "write_whole", fill)
        found = undertow("run", file, "--results", tmp_path)
    assert found.exit_code == 1
    assert FULL in " ".join(found.stderr.split())
    ran, _ = rerun(tmp_path / "tiny", **RULES)
    assert len(ran) == 4
    assert (tmp_path / "tiny" / "config.yaml").exists()


def test_a_disk_that_is_full_when_the_policy_is_saved(tmp_path, light, monkeypatch, unmerged):
    def fill(policy, path):
        raise full(str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Chronological, "save", fill)
        found = undertow("run", write(tmp_path, config()), "--results", tmp_path)
    assert found.exit_code == 1
    assert FULL in " ".join(found.stderr.split())
    assert parts_of(tmp_path / "tiny") == {"lively--random--0"}


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own, of two megabytes."""
    mount, folder = shutil.which("mount"), tmp_path / "disk"
    if mount is None or os.name != "posix" or os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    folder.mkdir()
    words = [mount, "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if subprocess.run(words, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting is not allowed here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("left", [0, 8192])
def test_a_really_full_disk(small_disk, tmp_path, finished, light, left):
    """It fills up when three jobs are done; the fourth has a learner to save."""
    filler, folder = small_disk / "filler", small_disk / "tiny"

    def fill():
        with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="space"):
            while True:
                file.write(bytes(4096))
        os.truncate(filler, filler.stat().st_size - left)

    file = write(tmp_path, config())
    with acting(after=3, act=fill):
        found = undertow("run", file, "--results", small_disk)
    assert found.exit_code == 1
    assert FULL in " ".join(found.stderr.split())
    assert "Traceback" not in found.stderr
    assert len(parts_of(folder)) == 3
    again = undertow("run", file, "--results", small_disk)
    assert again.exit_code == 1
    assert len(parts_of(folder)) == 3
    filler.unlink()
    ran, _ = rerun(folder)
    assert len(ran) == JOBS - 3
    same_result(folder, finished)


# --- stopped and killed ---------------------------------------------------------------------------


def started(file, results):
    """`undertow run` in a session of its own, as a terminal would start it.

    Tests that a script started in the background ignore Ctrl-C, and so would what they start.
    """

    def hears_ctrl_c():
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    words = [UNDERTOW, "run", str(file), "--results", str(results), "--workers", "1"]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        words,
        stdout=pipe,
        stderr=pipe,
        text=True,
        start_new_session=True,
        preexec_fn=hears_ctrl_c if os.name == "posix" else None,
    )


def gone(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


posix = pytest.mark.skipif(os.name != "posix", reason="signals to a process group")
SLOW = {**TINY["training"], "slots": 4096}
SHORT = {
    "cells": {"lively": ["chronological", "ppo"]},
    "hypotheses": [],
    "splits": [],
}


@posix
def test_ctrl_c_stops_it_and_the_same_command_goes_on(tmp_path, light):
    data = config(**SHORT, training=SLOW, seeds=3)
    file, folder = write(tmp_path, data), tmp_path / "results" / "tiny"
    process = started(file, folder.parent)
    first = folder / "parts" / "lively--chronological--0.json"
    until(lambda: first.exists() or process.poll() is not None)
    os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to the workers too
    stdout, stderr = process.communicate(timeout=300)
    assert process.returncode == 130, (stdout, stderr)
    assert stderr.strip() == "stopped; finished jobs are kept, the same command goes on"
    assert "Traceback" not in stdout
    until(lambda: gone(process.pid))
    done = parts_of(folder)
    assert 1 <= len(done) < 6
    assert manifest_of(folder)["finished"] is None
    ran, _ = rerun(folder, **SHORT, training=SLOW, seeds=3)
    assert set(ran) == {job.name for job in jobs_of(Experiment.model_validate(data))} - done
    same_result(folder, run(Experiment.model_validate(data), tmp_path / "alone"))


@posix
def test_workers_end_with_a_parent_that_is_killed(tmp_path):
    data = config(**SHORT, training=ENDLESS)
    process = started(write(tmp_path, data), tmp_path)
    first = tmp_path / "tiny" / "parts" / "lively--chronological--0.json"
    until(lambda: first.exists() or process.poll() is not None)
    process.kill()
    process.communicate(timeout=300)
    assert process.returncode == -signal.SIGKILL
    until(lambda: gone(process.pid))


def test_an_interrupt_does_not_wait_for_the_jobs_that_run(tmp_path):
    def stop():
        raise KeyboardInterrupt

    endless = experiment(**SHORT, training=ENDLESS)
    with pytest.raises(KeyboardInterrupt):
        run(endless, tmp_path, workers=1, told=Listener(after=1, act=stop))
    until(lambda: not workers())
    assert parts_of(tmp_path / "tiny") == {"lively--chronological--0"}
    assert manifest_of(tmp_path / "tiny")["wall_time_s"] > 0


def test_a_killed_worker_is_told_and_the_run_goes_on(tmp_path, monkeypatch, no_figures):
    data = config(**SHORT, training=SLOW, seeds=3)
    file, folder = write(tmp_path, data), tmp_path / "tiny"

    def kill():
        for worker in workers():
            os.kill(worker.pid, signal.SIGKILL if os.name == "posix" else signal.SIGTERM)

    with acting(after=1, act=kill):
        found = undertow("run", file, "--results", tmp_path, "--workers", 1)
    assert found.exit_code == 1
    assert f"{folder}: a worker was killed (out of memory?); finished jobs are kept" in found.stderr
    assert "Traceback" not in found.stderr
    done = parts_of(folder)
    assert "lively--chronological--0" in done
    assert len(done) < 6
    monkeypatch.setattr(engine, "_run_all", inline)
    again = undertow("run", file, "--results", tmp_path)
    assert again.exit_code == 0
    assert f"{len(done)} of 6 jobs stand" in again.stdout
    assert manifest_of(folder)["finished"]


def test_a_mistake_in_a_job_stops_the_run_and_keeps_the_others(tmp_path, light, monkeypatch):
    inner = engine.run_job

    def fail(job: Job, folder):
        if job.name == "lively--greedy--0":
            raise Stop
        return inner(job, folder)

    with monkeypatch.context() as patch, pytest.raises(Stop):
        patch.setattr(engine, "run_job", fail)
        run(experiment(), tmp_path)
    assert parts_of(tmp_path / "tiny") == {"lively--random--0", "lively--chronological--0"}


# --- a catalogue from a file ----------------------------------------------------------------------

CATALOGUE = {"columns": {"id": "video", "topic": "tag"}, "items": 10, "civic_share": 0.4}


def videos(file, rows=40):
    n = range(rows)
    frame = pd.DataFrame({"video": [f"v{i}" for i in n], "tag": ["abc"[i % 3] for i in n]})
    frame.to_csv(file, index=False)
    return file


def test_a_catalogue_given_on_the_command_line(tmp_path, light):
    data = config(**RULES, catalogue=CATALOGUE)
    file, items, folder = write(tmp_path, data), videos(tmp_path / "a.csv"), tmp_path / "tiny"
    words = ("run", file, "--results", tmp_path)
    found = undertow(*words, "--catalogue", items)
    assert found.exit_code == 0, found.stderr
    manifest = manifest_of(folder)
    assert len(manifest["catalogue_sha256"]) == 64
    resolved_ = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    assert resolved_["catalogue"]["path"] is None
    assert summary_of(folder)["catalogue"].keys() == {"summary", "repairs"}
    moved = shutil.move(items, tmp_path / "b.csv")
    again = undertow(*words, "--catalogue", moved)
    assert again.exit_code == 0
    assert "already finished" in again.stdout
    before = contents(folder)
    other = undertow(*words, "--catalogue", videos(tmp_path / "c.csv", rows=41))
    assert other.exit_code == 1
    assert "another config" in other.stderr
    assert contents(folder) == before


def test_another_catalogue_runs_every_job_again(tmp_path, light, unmerged):
    def with_catalogue(rows):
        path = str(videos(tmp_path / f"{rows}.csv", rows))
        return {**RULES, "catalogue": {**CATALOGUE, "path": path}}

    run(experiment(**with_catalogue(40)), tmp_path)
    ran, _ = rerun(tmp_path / "tiny", **with_catalogue(40))
    assert ran == []
    ran, _ = rerun(tmp_path / "tiny", **with_catalogue(41))
    assert len(ran) == 4
