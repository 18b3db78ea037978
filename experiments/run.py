"""Runs an experiment: its jobs in local processes or on a cluster, resumable at every job.

What a job does is in `job.py`, what it leaves behind and what is kept of it in `result_folder.py`.
When all parts stand they are merged into the result.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context, parent_process
from pathlib import Path

from filelock import FileLock, Timeout

from .config import Experiment
from .job import Job, jobs_of, run_job, set_torch, world_of
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


@dataclass
class Progress:
    """What `run` tells while it works."""

    total: int
    done: int = 0
    resumed: int = 0


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
    catalogue = world_of(experiment, next(iter(experiment.worlds)))[2]
    digest = fingerprint(experiment, catalogue)
    if fresh:
        delete_result(folder)
    manifest = read_manifest(folder)
    jobs = jobs_of(experiment)
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
    if not jobs:
        return
    count = min(workers or os.cpu_count() or 1, len(jobs))
    pool = ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_quiet_worker)
    waiting: set[Future[str]] = set()
    try:
        with _interrupts_held():
            waiting = {pool.submit(run_job, job, folder) for job in jobs}
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    except BrokenProcessPool:
        raise ResultError(
            f"{folder}: a worker was killed (out of memory?); finished jobs are kept, run again to "
            "go on, with fewer --workers if memory is short"
        ) from None
    except BaseException:
        processes = list((pool._processes or {}).values())  # shutdown forgets them
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
        raise
    pool.shutdown()


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C waits, and processes started meanwhile never see it, not even while they import."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _quiet_worker() -> None:
    """Ctrl-C reaches every process of the terminal; only the parent answers it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    set_torch()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that is killed cannot end its workers, which would wait for a job forever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
