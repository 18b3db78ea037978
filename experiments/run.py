"""Runs an experiment: its jobs in local processes or on a cluster, resumable at every job.

What a job does is in `job.py`, what it leaves behind and what is kept of it in `result_folder.py`.
When all parts stand they are merged into the result.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from . import inventory
from .config import Experiment
from .failures import Failed, Failures, attempt
from .inventory import check_finished, delete_result
from .job import Job, jobs_of, run_job, worlds_of
from .manifest import Manifest, locked, read_manifest, readable_manifest, require_finished
from .naming import checked_name
from .pool import WorkerKilledError, in_processes
from .problems import ResultError
from .progress import Progress
from .ray_cluster import run_on_ray
from .result_folder import (
    clear_job,
    fingerprint,
    finish,
    merge,
    open_folder,
    seal_report,
    standing,
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
    checked_name(experiment.name)
    go = partial(_run_all, workers=workers) if ray is None else partial(run_on_ray, address=ray)
    with locked(results, experiment.name) as folder:
        return _run(experiment, folder, fresh=fresh, extend=extend, go=go, told=told)


def _run(
    experiment: Experiment,
    folder: Path,
    *,
    fresh: bool,
    extend: bool,
    go: Callable[[list[Job], Path], Iterator[str | Failed]],
    told: Callable[[Progress, str], None],
) -> Path:
    places = worlds_of(experiment)
    catalogue = next(iter(places.values()))[2]
    digest = fingerprint(experiment, catalogue)
    if fresh:
        delete_result(folder, readable_manifest(folder))
    manifest = read_manifest(folder)
    jobs = jobs_of(experiment, places)
    progress = Progress(len(jobs))
    same = manifest is None or manifest["config_sha256"] == digest
    if manifest and (not same or (extend and manifest["finished"])):
        manifest = take_over(folder, manifest, experiment, catalogue, extend=extend)
        if not same:
            told(progress, "the config changed; jobs that it does not touch are kept")
    if manifest and manifest["finished"]:
        _leave_finished(folder, manifest, {job.name for job in jobs})
        progress.done = progress.resumed = len(jobs)
        told(progress, "already finished; --fresh runs it again")
        return folder
    manifest = open_folder(folder, manifest, experiment, catalogue)
    stand = standing(folder, jobs, catalogue, lambda text: told(progress, text), changed=not same)
    missing = [job for job in jobs if job.name not in stand]
    for job in missing:
        clear_job(folder, job)
    progress.done = progress.resumed = len(jobs) - len(missing)
    told(progress, f"{progress.done} of {len(jobs)} jobs stand" if progress.done else "starting")
    failures = Failures(folder)
    began = time.perf_counter()
    try:
        for outcome in go(missing, folder):
            if isinstance(outcome, Failed):
                told(progress, failures.add(outcome))
                continue
            progress.done += 1
            told(progress, outcome)
    finally:
        manifest["wall_time_s"] += time.perf_counter() - began
        write_manifest(folder, manifest)
    failures.check()
    merge(folder, manifest, experiment, catalogue, jobs)
    return folder


def _leave_finished(folder: Path, manifest: Manifest, policies: set[str]) -> None:
    """Ends what a stop left to do of a finished result; raises `ResultError` if it is damaged."""
    whole = "files" in manifest or not (folder / "parts").exists()
    check_finished(folder, manifest, reported=whole)
    if not whole:  # stopped before the report was whole
        finish(folder, manifest, policies)
    inventory.drop_parts(folder)


def report_run(experiment: Experiment, results: Path) -> Path:
    """Writes figures and report of a finished result anew, from its values; returns the folder.

    Raises `ResultError` where there is none, or where its values are damaged.
    """
    from .report import write_report  # matplotlib is slow to import and only needed here

    if not (results / experiment.name).is_dir():
        raise ResultError(f"{results / experiment.name}: no result; allowed: --report once it ran")
    with locked(results, experiment.name) as folder:
        manifest = read_manifest(folder) or {}
        require_finished(folder, manifest)
        check_finished(folder, manifest, reported=False)
        write_report(folder)
        seal_report(folder, manifest)
        return folder


def _run_all(jobs: list[Job], folder: Path, workers: int | None) -> Iterator[str | Failed]:
    try:
        yield from in_processes(partial(attempt, partial(run_job, folder=folder)), jobs, workers)
    except WorkerKilledError as error:
        raise ResultError(
            f"{folder}: {error}; finished jobs are kept, run again to go on, with fewer --workers "
            "if memory is short"
        ) from None
