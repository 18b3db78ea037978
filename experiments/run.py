"""Runs an experiment: its jobs in local processes or on a cluster, resumable at every job.

What a job does is in `job.py`, what it leaves behind and what is kept of it in `result_folder.py`.
When all parts stand they are merged into the result.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from .config import Experiment
from .job import Job, jobs_of, run_job, worlds_of
from .pool import WorkerKilledError, in_processes
from .progress import Progress
from .ray_cluster import run_on_ray
from .result_folder import (
    ResultError,
    check_finished,
    delete_result,
    fingerprint,
    finish,
    merge,
    open_folder,
    read_manifest,
    stands,
    take_over,
    write_manifest,
)


def run(
    experiment: Experiment,
    results: Path,
    *,
    fresh: bool = False,
    extend: bool = False,
    workers: int | None = None,
    ray: str | None = None,
    told: Callable[[Progress, str], None] = lambda progress, text: None,
) -> Path:
    """Runs what is missing of an experiment and writes `results/<name>/`; returns the folder.

    fresh: throw an existing result away first. extend: take up a finished result, do only what its
    config has gained since, and write its summary and report anew. workers: processes; one a core
    if None. ray: address of a Ray cluster whose machines do the jobs instead.
    told: is called with the progress and a line of text. Raises `ResultError` for a folder of
    another config, or a damaged one.
    """
    folder = results / experiment.name
    results.mkdir(parents=True, exist_ok=True)
    go = partial(_run_all, workers=workers) if ray is None else partial(run_on_ray, address=ray)
    try:
        with FileLock(results / f".{experiment.name}.lock", timeout=0):
            return _run(experiment, folder, fresh=fresh, extend=extend, go=go, told=told)
    except Timeout:
        raise ResultError(
            f"{folder}: another run is at work on it; allowed: one at a time"
        ) from None


def _run(
    experiment: Experiment,
    folder: Path,
    *,
    fresh: bool,
    extend: bool,
    go: Callable[[list[Job], Path], Iterator[str]],
    told: Callable[[Progress, str], None],
) -> Path:
    places = worlds_of(experiment)
    catalogue = next(iter(places.values()))[2]
    digest = fingerprint(experiment, catalogue)
    if fresh:
        delete_result(folder)
    manifest = read_manifest(folder)
    jobs = jobs_of(experiment, places)
    progress = Progress(len(jobs))
    same = manifest is not None and manifest["config_sha256"] == digest
    if manifest and (not same or (extend and manifest["finished"])):
        manifest = take_over(folder, manifest, experiment, catalogue, jobs, extend=extend)
        if not same:
            told(progress, "the config changed; jobs that it does not touch are kept")
    if manifest and manifest["finished"]:
        check_finished(folder)
        if (folder / "parts").exists():  # stopped before the report was whole
            finish(folder)
        progress.done = progress.resumed = len(jobs)
        told(progress, "already finished; --fresh runs it again")
        return folder
    manifest = open_folder(folder, manifest, experiment, catalogue)
    missing = [job for job in jobs if not stands(folder, job, lambda text: told(progress, text))]
    progress.done = progress.resumed = len(jobs) - len(missing)
    told(progress, f"{progress.done} of {len(jobs)} jobs stand" if progress.done else "starting")
    began = time.perf_counter()
    try:
        for name in go(missing, folder):
            progress.done += 1
            told(progress, name)
    finally:
        manifest["wall_time_s"] += time.perf_counter() - began
        write_manifest(folder, manifest)
    merge(folder, manifest, experiment, catalogue, jobs)
    return folder


def _run_all(jobs: list[Job], folder: Path, workers: int | None) -> Iterator[str]:
    try:
        yield from in_processes(partial(run_job, folder=folder), jobs, workers)
    except WorkerKilledError as error:
        raise ResultError(
            f"{folder}: {error}; finished jobs are kept, run again to go on, with fewer --workers "
            "if memory is short"
        ) from None
