"""A stand-in for a kill at any write, and runs whose values say what they were made of."""

import json
import os
from contextlib import contextmanager
from functools import partial

import pandas as pd
import pytest
import yaml

import undertow.experiments.run as engine
from undertow.experiments import provenance, record, result_folder
from undertow.experiments import report as reporting
from undertow.experiments.metrics import METRICS
from undertow.experiments.provenance import write_whole
from undertow.experiments.result_folder import resolved, task_sha256, write_part

from .tiny import inline

# The same in C, where PyYAML has it.
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WRITES = ("replace", "unlink", "remove", "rmdir", "mkdir")


class Kill(BaseException):
    """What no `except Exception` sees. Once it came, nothing is written any more."""


@contextmanager
def killed_at(number):
    """Within, the write of this number and all after it raise `Kill`; yields a list of writes."""
    done = []

    def counted(name, write):
        def write_(path, *words, **named):
            there = os.path.lexists(path) if "dir_fd" not in named else True
            idle = there if name == "mkdir" else not there  # it changes nothing
            if idle or str(path).endswith(".lock"):
                return write(path, *words, **named)
            if len(done) >= number:
                raise Kill(f"{name} {path}")
            done.append(f"{name} {path}")
            return write(path, *words, **named)

        return write_

    with pytest.MonkeyPatch.context() as patch:
        for name in _WRITES:
            patch.setattr(os, name, counted(name, getattr(os, name)))
        yield done


def at_every_write(begin, go, check):
    """Kills `go(folder)` at every write; after each, `check(folder)` goes on and looks.

    begin: makes the state before, given a number; the folder of results. Returns how many writes
    there are.
    """
    for number in range(1000):
        folder = begin(number)
        with killed_at(number):
            try:
                go(folder)
                return number
            except Kill:
                pass
        check(folder)
    raise AssertionError("it does not end")


def _value(inputs: str) -> float:
    return float(int(inputs[:6], 16))


def told_job(job, folder):
    """A job whose metrics, table and policy are all its inputs' hash: stale ones would be seen."""
    inputs = task_sha256(resolved(job.experiment), None, job.world, job.policy, job.seed)
    saved = folder / "policies" / f"{job.name}.json"
    write_whole(saved, json.dumps({"inputs": inputs}).encode())
    named = {"world": job.world, "policy": job.policy, "seed": job.seed}
    frame = pd.DataFrame([{**named, "value": _value(inputs)}])
    part = named | {"metrics": {name: _value(inputs) for name in METRICS}}
    part |= {"training_s": 1.0, "measuring_s": 1.0, "peak_memory_mb": 0.0}
    write_part(folder, job, part, frame.to_parquet(None, index=False), saved, None)
    return job.name


def told_summary(experiment, parts):
    """Values by cell, and nothing that takes time."""
    of = {(p["world"], p["policy"], p["seed"]): p["metrics"] for p in parts}
    cells = [
        {
            "world": world,
            "policy": policy,
            "values": {
                m: [of[world, policy, s][m] for s in range(experiment.seeds)] for m in METRICS
            },
        }
        for world, policies in experiment.cells.items()
        for policy in policies
    ]
    return {"title": experiment.title, "cells": cells}


def told_report(folder):
    """Figures and a report that hang on the summary."""
    summary = (folder / "summary.json").read_bytes()
    (folder / "figures").mkdir(exist_ok=True)
    for name in ("overview", "minutes"):
        write_whole(folder / "figures" / f"{name}.png", name.encode() + summary)
    write_whole(folder / "report.md", b"of " + summary)


@pytest.fixture
def telling(monkeypatch):
    """Runs whose values say what they were made of, in this process."""
    monkeypatch.setattr(engine, "_run_all", inline)
    monkeypatch.setattr(engine, "run_job", told_job)
    monkeypatch.setattr(result_folder, "summarise", told_summary)
    monkeypatch.setattr(reporting, "write_report", told_report)
    monkeypatch.setattr(provenance, "git_revision", lambda: "a")
    monkeypatch.setattr(provenance, "made_by", lambda: {"git_revision": "a", "versions": {}})
    monkeypatch.setattr(yaml, "safe_dump", partial(yaml.dump, Dumper=_DUMPER))
    monkeypatch.setattr(yaml, "safe_load", partial(yaml.load, Loader=_LOADER))
    monkeypatch.setattr(record, "in_processes", lambda work, tasks, workers: map(work, tasks))


_CLOCK = ("started", "finished", "wall_time_s", "training_core_s", "measuring_core_s")
_HISTORY = ("earlier_configs", "earlier_core_s")


def outcome(folder):
    """All files of a result, the manifest without its clock and history."""
    files = {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in [*folder.glob("*"), *folder.glob("*/*")]
        if file.is_file()
    }
    manifest = json.loads(files.pop("manifest.json"))
    assert manifest["finished"]
    return files, {k: v for k, v in manifest.items() if k not in (*_CLOCK, *_HISTORY)}
