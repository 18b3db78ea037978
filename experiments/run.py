"""Runs an experiment: one job a (world, policy, seed), in local processes, resumable at every job.

A job trains (where its policy learns), saves the policy, measures it on twins and writes one part;
a part is complete or absent. When all parts stand they are merged into the result.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml
from filelock import FileLock, Timeout

from ..agents import Chronological, build_policy
from ..envs.world import Items, WorldParameters, synthetic
from .catalogue_file import CatalogueReport, read_catalogue
from .config import Experiment
from .metrics import METRICS, measure
from .rollout import Twins, twins
from .summary import summarise

_PACKAGES = ("undertow", "numpy", "gymnasium", "torch", "stable-baselines3", "scipy", "pandas")


class ResultError(RuntimeError):
    """A result folder that cannot be used; the message says what to do."""


@dataclass(frozen=True)
class Job:
    """One policy in one world with one seed."""

    experiment: Experiment
    world: str
    policy: str
    seed: int

    @property
    def name(self) -> str:
        """Also the name of its files."""
        return f"{self.world}--{self.policy}--{self.seed}"


def jobs_of(experiment: Experiment) -> list[Job]:
    """All jobs; seed by seed, so that a stopped run holds whole seeds."""
    return [
        Job(experiment, world, policy, seed)
        for seed in range(experiment.seeds)
        for world, policies in experiment.cells.items()
        for policy in policies
    ]


def derived_seed(seed: int, role: str) -> int:
    """A 62-bit stream key for a seed's role: training and measured people never share luck."""
    digest = hashlib.sha256(f"undertow/{role}/{seed}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 2


def world_of(
    experiment: Experiment, world: str
) -> tuple[WorldParameters, Items, CatalogueReport | None]:
    """The world's parameters and catalogue."""
    parameters = experiment.worlds[world].parameters()
    if experiment.catalogue is None:
        return parameters, synthetic(parameters), None
    report = read_catalogue(experiment.catalogue, parameters)
    return report.parameters, report.items, report


def run_job(job: Job, folder: Path) -> str:
    """Runs one job and writes its files under `folder`; returns its name."""
    _set_torch()
    experiment = job.experiment
    block = experiment.policies[job.policy]
    parameters, items, _ = world_of(experiment, job.world)
    began = time.perf_counter()
    policy = build_policy(
        block.kind,
        parameters,
        items,
        seed=derived_seed(job.seed, "training"),
        observation=block.observation,
        settings=experiment.settings(job.policy),
    )
    trained = time.perf_counter()
    saved = policy.save(folder / "policies" / f".{job.name}.new")
    os.replace(saved, folder / "policies" / f"{job.name}{saved.suffix}")
    lives = twins(
        parameters,
        items,
        policy,
        Chronological(items.supply),
        seed=derived_seed(job.seed, "evaluation"),
        people=experiment.evaluation.people,
        threshold=experiment.evaluation.threshold,
    )
    values = measure(
        lives, days=parameters.calendar.days, threshold=experiment.evaluation.threshold
    )
    _write(folder / "parts" / f"{job.name}.parquet", _episodes(job, lives, parameters))
    part = {
        "world": job.world,
        "policy": job.policy,
        "seed": job.seed,
        "metrics": {k: v if np.isfinite(v) else None for k, v in values.items()},
        "training_s": trained - began,
        "measuring_s": time.perf_counter() - trained,
    }
    _write(folder / "parts" / f"{job.name}.json", json.dumps(part, indent=1).encode())
    return job.name


def _episodes(job: Job, lives: Twins, parameters: WorldParameters) -> bytes:
    policy, days = lives.policy, parameters.calendar.days
    columns: dict[str, Any] = {
        "minutes_per_day": policy.minutes / days,
        "endorsed_per_day": policy.endorsed / days,
        "welfare_per_day": policy.worth / days,
        "minutes_no_temptation": lives.no_temptation.minutes / days,
        "minutes_no_habit": lives.no_habit.minutes / days,
        "minutes_neutral": lives.neutral.minutes / days,
        "habit": policy.habit,
        "habit_neutral": lives.neutral.habit,
        "stance_origin": policy.stance_start,
        "stance": policy.stance,
        "stance_neutral": lives.neutral.stance,
        "stance_no_feed": lives.no_feed.stance,
        "led_extremity": policy.led_extremity,
        "susceptibility": policy.susceptibility,
    }
    frame = pd.DataFrame({k: np.asarray(v, dtype=np.float32) for k, v in columns.items()})
    frame.insert(0, "person", np.arange(len(frame), dtype=np.int32))
    frame.insert(0, "seed", np.int16(job.seed))
    frame.insert(0, "world", pd.Series([job.world] * len(frame), dtype="category"))
    frame.insert(0, "policy", pd.Series([job.policy] * len(frame), dtype="category"))
    frame["crossed_by_feed"] = policy.crossed_by_feed
    frame["present"] = policy.present
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()


def _write(file: Path, content: bytes) -> None:
    """Whole or not at all: a kill or a full disk leaves no half-written file under its name."""
    new = file.with_name(f".{file.name}.new")
    try:
        new.write_bytes(content)
        os.replace(new, file)
    finally:
        new.unlink(missing_ok=True)


def resolved(experiment: Experiment) -> dict[str, Any]:
    """The config with every default filled in and every world's parameters spelt out."""
    data = experiment.model_dump(mode="json")
    if experiment.catalogue is not None:
        # Where the file lies differs between machines; what is in it is in the manifest.
        data["catalogue"]["path"] = None
    for name, block in experiment.worlds.items():
        data["worlds"][name]["parameters"] = block.parameters().model_dump(mode="json")
    for name, policy in experiment.policies.items():
        if policy.kind == "ppo":
            data["policies"][name]["ppo"] = experiment.settings(name).model_dump(mode="json")
    return data


def fingerprint(experiment: Experiment, catalogue: CatalogueReport | None) -> str:
    """Hash of the resolved config, and of the catalogue's file where there is one."""
    data = {"config": resolved(experiment), "catalogue": catalogue and catalogue.sha256}
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


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
    workers: int | None = None,
    told: Callable[[Progress, str], None] = lambda progress, text: None,
) -> Path:
    """Runs what is missing of an experiment and writes `results/<name>/`; returns the folder.

    fresh: throw an existing result away first. workers: processes; one a core if None. told: is
    called with the progress and a line of text. Raises `ResultError` for a folder of another
    config, or a damaged one.
    """
    folder = results / experiment.name
    results.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(results / f".{experiment.name}.lock", timeout=0):
            return _run(experiment, folder, fresh=fresh, workers=workers, told=told)
    except Timeout:
        raise ResultError(
            f"{folder}: another run is at work on it; allowed: one at a time"
        ) from None


def _run(
    experiment: Experiment,
    folder: Path,
    *,
    fresh: bool,
    workers: int | None,
    told: Callable[[Progress, str], None],
) -> Path:
    report = world_of(experiment, next(iter(experiment.worlds)))[2]
    digest = fingerprint(experiment, report)
    if fresh and folder.exists():
        _require_result(folder)
        shutil.rmtree(folder)
    manifest = _manifest(folder)
    jobs = jobs_of(experiment)
    progress = Progress(len(jobs))
    if manifest and manifest["config_sha256"] != digest:
        if manifest["finished"]:
            raise ResultError(
                f"{folder}: holds a result of another config ({manifest['config_sha256'][:12]}, "
                f"this one is {digest[:12]}); allowed: --fresh to replace it, or another name"
            )
        manifest = _taken_over(experiment, jobs, folder, manifest, digest, report)
        told(progress, "the config changed; jobs that it does not touch are kept")
    if manifest and manifest["finished"]:
        _check_finished(folder)
        if (folder / "parts").exists():  # stopped before the report was whole
            _finish(folder)
        progress.done = progress.resumed = len(jobs)
        told(progress, "already finished; --fresh runs it again")
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    if not manifest:
        manifest = _new_manifest(experiment, digest, report)
        _open(folder, manifest, experiment)
    for part in ("parts", "policies"):
        (folder / part).mkdir(exist_ok=True)
    missing = [job for job in jobs if not _stands(job, folder, told, progress)]
    progress.done = progress.resumed = len(jobs) - len(missing)
    told(progress, f"{progress.done} of {len(jobs)} jobs stand" if progress.done else "starting")
    began = time.perf_counter()
    try:
        for name in _run_all(missing, folder, workers):
            progress.done += 1
            told(progress, name)
    finally:
        manifest["wall_time_s"] += time.perf_counter() - began
        _write(folder / "manifest.json", json.dumps(manifest, indent=1).encode())
    _merge(experiment, jobs, folder, manifest, report)
    return folder


def _open(folder: Path, manifest: dict[str, Any], experiment: Experiment) -> None:
    text = yaml.safe_dump(resolved(experiment), sort_keys=False)
    _write(folder / "config.yaml", text.encode())
    _write(folder / "manifest.json", json.dumps(manifest, indent=1).encode())


def _taken_over(
    experiment: Experiment,
    jobs: list[Job],
    folder: Path,
    manifest: dict[str, Any],
    digest: str,
    report: CatalogueReport | None,
) -> dict[str, Any]:
    """The manifest of an unfinished result whose config was changed, less the jobs that changed.

    A job's result depends on its world, its policy, how it is measured and the catalogue alone; so
    seeds, cells and hypotheses can be added to a run without doing the rest again.
    """
    try:
        before = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
        old = {name: _job_inputs(before, *name) for name in _cells(before)}
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ResultError(
            f"{folder / 'config.yaml'}: damaged ({error!r}), so what is done cannot be told from "
            "what changed; allowed: --fresh, or the file restored"
        ) from None
    after = resolved(experiment)
    same_catalogue = manifest["catalogue_sha256"] == (report.sha256 if report else None)
    for job in jobs:
        inputs = _job_inputs(after, job.world, job.policy)
        if not same_catalogue or old.get((job.world, job.policy)) != inputs:
            for suffix in (".json", ".parquet"):
                (folder / "parts" / (job.name + suffix)).unlink(missing_ok=True)
    fresh = _new_manifest(experiment, digest, report)
    kept = {key: manifest[key] for key in ("started", "wall_time_s", "git_revision")}
    earlier = [*manifest.get("earlier_configs", []), manifest["config_sha256"]]
    manifest = fresh | kept | {"earlier_configs": earlier}
    _open(folder, manifest, experiment)
    return manifest


def _cells(config: dict[str, Any]) -> list[tuple[str, str]]:
    return [(world, policy) for world, names in config["cells"].items() for policy in names]


def _job_inputs(config: dict[str, Any], world: str, policy: str) -> dict[str, Any]:
    """What a job's result depends on, of a resolved config."""
    block = config["policies"][policy]
    return {
        "world": config["worlds"][world]["parameters"],
        "policy": {key: block[key] for key in ("kind", "observation", "ppo")},
        "evaluation": config["evaluation"],
        "catalogue": config["catalogue"],
    }


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


def _set_torch() -> None:
    """One thread: the work is spread over processes. No checks of what our own net puts out."""
    torch.set_num_threads(1)
    torch.distributions.Distribution.set_default_validate_args(False)


def _quiet_worker() -> None:
    """Ctrl-C reaches every process of the terminal; only the parent answers it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _set_torch()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that is killed cannot end its workers, which would wait for a job forever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _stands(
    job: Job, folder: Path, told: Callable[[Progress, str], None], progress: Progress
) -> bool:
    """Whether a job's part is there and whole; a damaged one is named and will be run again."""
    part = folder / "parts" / f"{job.name}.json"
    if not part.exists():
        return False
    try:
        found = json.loads(part.read_text(encoding="utf-8"))
        if (found["world"], found["policy"], found["seed"]) != (job.world, job.policy, job.seed):
            raise ValueError("is another job's")
        if found["metrics"].keys() != METRICS.keys():
            raise ValueError("has other metrics")
        found["training_s"] + found["measuring_s"]
        pd.read_parquet(part.with_suffix(".parquet"))
    except Exception as error:
        told(progress, f"{part} is damaged ({error!r}); the job is run again")
        part.unlink()
        return False
    return True


def _manifest(folder: Path) -> dict[str, Any] | None:
    file = folder / "manifest.json"
    if not file.exists():
        # A run that stopped before its first job may have left its config or half a file behind.
        if folder.exists() and any(
            f.name != "config.yaml" and f.name[0] != "." for f in folder.iterdir()
        ):
            raise ResultError(
                f"{folder}: has files but no manifest.json; allowed: an empty folder, a result, or "
                "--fresh once you have moved what is yours"
            )
        return None
    try:
        manifest: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        for key in ("config_sha256", "catalogue_sha256", "git_revision", "started", "finished"):
            manifest[key]
        manifest["wall_time_s"] + 0.0
    except (ValueError, KeyError, TypeError) as error:
        raise ResultError(
            f"{file}: damaged ({error!r}); allowed: --fresh to run it again, or the file restored"
        ) from None
    return manifest


def _check_finished(folder: Path) -> None:
    def summary(file: Path) -> None:
        json.loads(file.read_text(encoding="utf-8"))

    for name, read in (("summary.json", summary), ("episodes.parquet", pd.read_parquet)):
        try:
            read(folder / name)
        except Exception as error:
            raise ResultError(
                f"{folder / name}: damaged ({error}), though the manifest says finished; allowed: "
                "--fresh to run it again, or the file restored"
            ) from None


def _require_result(folder: Path) -> None:
    known = {"manifest.json", "config.yaml", "parts", "policies", "figures", "report.md"}
    known |= {"summary.json", "episodes.parquet"}
    foreign = [f.name for f in folder.iterdir() if f.name not in known and f.name[0] != "."]
    if foreign:
        raise ResultError(
            f"{folder}: --fresh would delete {foreign[0]!r}, which no run wrote; allowed: a folder "
            "of results alone"
        )


def _new_manifest(
    experiment: Experiment, digest: str, report: CatalogueReport | None
) -> dict[str, Any]:
    return {
        "name": experiment.name,
        "config_sha256": digest,
        "catalogue_sha256": report.sha256 if report else None,
        "git_revision": _git_revision(),
        "versions": {name: version(name) for name in _PACKAGES},
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "seeds": list(range(experiment.seeds)),
        "people_per_seed": experiment.evaluation.people,
        "training_slots": experiment.training.slots,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "wall_time_s": 0.0,
        "finished": None,
    }


def _git_revision() -> str | None:
    """Revision of the code, with -dirty where it was changed; None outside a checkout."""
    here = Path(__file__).resolve().parents[1]

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=here, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "experiments/run.py")  # not a venv in another checkout
        revision = git("rev-parse", "HEAD")
        code = ("*.py", "experiments/configs", "constraints.txt", "pyproject.toml")
        return revision + ("-dirty" if git("status", "--porcelain", "--", *code) else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _merge(
    experiment: Experiment,
    jobs: list[Job],
    folder: Path,
    manifest: dict[str, Any],
    report: CatalogueReport | None,
) -> None:
    parts = [
        json.loads((folder / "parts" / f"{job.name}.json").read_text(encoding="utf-8"))
        for job in jobs
    ]
    frames = [pd.read_parquet(folder / "parts" / f"{job.name}.parquet") for job in jobs]
    for column, names in (("world", experiment.worlds), ("policy", experiment.policies)):
        for frame in frames:
            frame[column] = pd.Categorical(frame[column], categories=list(names))
    buffer = io.BytesIO()
    pd.concat(frames, ignore_index=True).to_parquet(buffer, index=False, compression="zstd")
    _write(folder / "episodes.parquet", buffer.getvalue())
    summary = summarise(experiment, parts)
    summary["catalogue"] = report and {"summary": report.summary, "repairs": report.repairs}
    _write(folder / "summary.json", (json.dumps(summary, indent=1) + "\n").encode())
    manifest["training_core_s"] = sum(part["training_s"] for part in parts)
    manifest["measuring_core_s"] = sum(part["measuring_s"] for part in parts)
    manifest["finished"] = datetime.now(UTC).isoformat(timespec="seconds")
    _write(folder / "manifest.json", (json.dumps(manifest, indent=1) + "\n").encode())
    _finish(folder)


def _finish(folder: Path) -> None:
    """Writes the report; the parts go last, so their folder says that it is not whole."""
    from .report import write_report  # matplotlib is slow to import and only needed here

    write_report(folder)
    shutil.rmtree(folder / "parts")
