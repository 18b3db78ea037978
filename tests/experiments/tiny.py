"""The smallest experiment that has everything, and what the tests do with it."""

import json
import multiprocessing
import shutil
import sys
import time
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

import undertow.experiments.run as engine
from undertow.experiments.cli import app
from undertow.experiments.config import Experiment

LIVELY = {
    "calendar": {"slots_per_day": 4, "days": 3},
    "population": {"topics": 3, "stance_sd": 0.4},
    "catalogue": {"items": 10},
    "opening": {"base": 0.5},
    "churn": {"hazard": 0.05, "habit": 0.0},
}
TINY = {
    "name": "tiny",
    "title": "A tiny experiment",
    "seeds": 2,
    "evaluation": {"people": 20, "threshold": 0.5},
    "training": {
        "slots": 256,
        "n_envs": 16,
        "n_steps": 8,
        "batch_size": 64,
        "n_epochs": 1,
        "net": [8],
    },
    "worlds": {
        "lively": {"preset": "vulnerable", "overrides": LIVELY},
        "frozen": {"preset": "vulnerable", "null": "frozen_preferences", "overrides": LIVELY},
    },
    "policies": {
        "random": {"kind": "random"},
        "chronological": {"kind": "chronological"},
        "greedy": {"kind": "greedy", "observation": "oracle"},
        "ppo": {"kind": "ppo"},
    },
    "cells": {
        "lively": ["random", "chronological", "greedy", "ppo"],
        "frozen": ["greedy", "ppo"],
    },
    "hypotheses": [
        {
            "name": "impossible",
            "statement": "A tiny learner watches a thousand times what greedy does.",
            "metric": "watch_minutes_per_day",
            "contrast": "ppo@lively / greedy@lively",
            "test": "greater",
            "threshold": 1000.0,
            "group": "headline",
        },
        {
            "name": "frozen_is_still",
            "statement": "Nobody moves where nothing moves anybody.",
            "metric": "induced_drift",
            "contrast": "ppo@frozen",
            "test": "equivalent",
            "margin": 0.01,
            "group": "null",
        },
    ],
    "splits": [
        {
            "name": "gain",
            "long": "ppo",
            "short": "greedy",
            "world": "lively",
            "frozen": "frozen",
        }
    ],
}
RULES = {
    "cells": {"lively": ["chronological", "random"]},
    "hypotheses": [],
    "splits": [],
}
JOBS = 12


def config(**changes):
    """A copy of TINY with some keys replaced."""
    return json.loads(json.dumps({**TINY, **changes}))


def experiment(**changes):
    return Experiment.model_validate(config(**changes))


def write(folder: Path, data, name="experiment.yaml") -> Path:
    """Writes a config (or a text) and returns its file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    text = data if isinstance(data, str) else yaml.safe_dump(data, sort_keys=False)
    file.write_text(text, encoding="utf-8")
    return file


def inline(jobs, folder, workers):
    """`_run_all` without processes."""
    for job in jobs:
        yield engine.run_job(job, folder)


def undertow(*words):
    """The command in this process; `exit_code`, `stdout` and `stderr` of the result count."""
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


UNDERTOW = str(Path(sys.executable).with_name("undertow"))


def copied(folder: Path, to: Path) -> Path:
    """A copy of a result folder that a test may spoil: `to`/<name>."""
    return Path(shutil.copytree(folder, to / folder.name))


def manifest_of(folder):
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


def parts_of(folder):
    return {file.stem for file in (folder / "parts").glob("*.json")}


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, by its path."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def same_result(a, b):
    """Bit for bit, but for the clock."""
    for name in ("summary.json", "episodes.parquet", "config.yaml"):
        assert (a / name).read_bytes() == (b / name).read_bytes(), name


class Stop(Exception):
    """Stands for whatever stops a run."""


class Listener:
    """A `told` that remembers what it heard, and may act once so many jobs are done."""

    def __init__(self, after=None, act=None):
        self.after, self.act = after, act or self.stop
        self.texts, self.done = [], []

    def __call__(self, progress, text):
        self.texts.append(text)
        self.done.append((progress.done, progress.total))
        if self.after is not None and progress.done >= self.after:
            self.after = None
            self.act()

    @staticmethod
    def stop():
        raise Stop


def rerun(folder, **changes):
    """Runs a copied result again in this process; returns which jobs ran and what was told."""
    told = Listener()
    ran = []
    inner = engine.run_job
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            engine, "run_job", lambda job, where: ran.append(job.name) or inner(job, where)
        )
        engine.run(experiment(**changes), folder.parent, told=told)
    return ran, told


def until(true, seconds=240.0, pause=0.005):
    """Waits until `true()` is; the limit is for machines that do much else."""
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(pause)


def workers():
    """The worker processes of this process."""
    return [p for p in multiprocessing.active_children() if p.is_alive()]
