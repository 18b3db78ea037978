"""Many jobs at once: what a second worker brings, what a seed costs, what a headline run costs."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from ...agents import FeedVecEnv, PPOSettings
from ..config import Experiment, load_experiment
from ..job import Job, jobs_of, run_job
from ..pool import in_processes
from .learner import learning
from .timing import Rates

SEEDS_GROWTH = (1, 4, 16, 64)
HEADLINE = Path(__file__).parents[1] / "configs" / "headline.yaml"


def by_workers(workers: tuple[int, ...], rounds: int = 3, tasks: int = 4) -> Rates:
    """Slots a second of PPO's training, summed over worker processes, as in an experiment.

    Without the start of the processes: from the first task's begin to the last one's end.
    """
    taken: dict[str, list[float]] = {str(count): [] for count in workers}
    for _ in range(rounds):
        for count in workers:
            done = list(in_processes(_train, range(tasks), count))
            seconds = max(end for _, end, _ in done) - min(begin for begin, _, _ in done)
            taken[str(count)].append(sum(slots for *_, slots in done) / seconds)
    return Rates(taken)


def _train(seed: int) -> tuple[float, float, int]:
    """Begin and end on the machine's clock, and slots."""
    settings = PPOSettings()
    env = FeedVecEnv(settings.n_envs, seed=seed, stagger=True, engine="numpy")
    side = learning(env, settings, 6)
    began = time.monotonic()
    slots = side()
    return began, time.monotonic(), slots


def by_seeds(seeds: tuple[int, ...] = SEEDS_GROWTH) -> dict[int, float]:
    """Seconds a seed of a small experiment, processes' start included; by number of seeds."""
    cost = {}
    for count in seeds:
        with _folder() as folder:
            began = time.perf_counter()
            _do(jobs_of(_small(count)), folder)
            cost[count] = (time.perf_counter() - began) / count
    return cost


def _small(seeds: int) -> Experiment:
    """Two policies of the headline in its default world, short."""
    short = {"slots": 65536, "n_envs": 256}
    return Experiment.model_validate({
        "name": "small",
        "title": "The cost of a seed",
        "seeds": max(seeds, 2),
        "evaluation": {"people": 200},
        "training": short,
        "worlds": {"default": {"preset": "default"}},
        "policies": {"greedy": {"kind": "greedy", "observation": "oracle"}, "ppo": {"kind": "ppo"}},
        "cells": {"default": ["greedy", "ppo"]},
    }).model_copy(update={"seeds": seeds})  # fmt: skip


def headline(workers: int | None = None) -> tuple[int, float, float]:
    """Runs one seed of the headline: seeds of the whole, minutes of the one, peak memory in MB.

    Memory is that of the largest worker times the workers.
    """
    experiment = load_experiment(HEADLINE)
    jobs = [job for job in jobs_of(experiment) if job.seed == 0]
    with _folder() as folder:
        began = time.perf_counter()
        _do(jobs, folder, workers)
        minutes = (time.perf_counter() - began) / 60
        parts = [json.loads(part.read_text()) for part in folder.glob("parts/*.json")]
    peak = max(part["peak_memory_mb"] for part in parts)
    return experiment.seeds, minutes, peak * (workers or os.cpu_count() or 1)


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for part in ("parts", "policies"):
            (folder / part).mkdir()
        yield folder


def _do(jobs: list[Job], folder: Path, workers: int | None = None) -> None:
    for _ in in_processes(partial(run_job, folder=folder), jobs, workers):
        pass
