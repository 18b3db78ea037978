"""Runs a study of the tiny world: tasks that each leave a part, then the summary and the report."""

from __future__ import annotations

import json
import os
import platform
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import yaml

from ...envs.tiny import person
from ..result_folder import (
    ResultError,
    _git_revision,
    installed_versions,
    write_manifest,
    write_whole,
)
from ..run import _quiet_worker
from .config import TinyStudy
from .exact import critical_pull, frontier, one_person, row_of_map
from .learned import train
from .summary import summarise

_FILES = {"config.yaml", "manifest.json", "summary.json", "report.md", "figures", "parts"}


@dataclass(frozen=True)
class Task:
    """One part of the study; `where` names it."""

    kind: str
    where: tuple[str | float, ...]

    @property
    def name(self) -> str:
        """Of its file."""
        return "--".join([self.kind, *(str(part) for part in self.where)])


def tasks_of(study: TinyStudy) -> list[Task]:
    """All tasks, the longest first."""
    people, learning = study.people, study.learning
    return [
        *(
            Task("learned", (world, gamma, seed))
            for seed in range(learning.seeds)
            for world in learning.worlds
            for gamma in learning.gammas
        ),
        *(
            Task("person", (preset, pull, number))
            for preset in people.presets
            for pull in people.pulls
            for number in range(people.count)
        ),
        Task("ratchet", ()),
        *(Task("map", (pull,)) for pull in study.pulls),
        *(Task("world", (world,)) for world in study.worlds),
        Task("frontier", ()),
    ]


def do(study: TinyStudy, task: Task) -> Any:
    """The result of a task, for JSON."""
    worlds = {name: block.parameters() for name, block in study.worlds.items()}
    mapped = worlds[study.map]
    if task.kind == "learned":
        world, gamma, seed = task.where
        return train(worlds[str(world)], float(gamma), int(seed), study.learning.training)
    if task.kind == "person":
        preset, pull, number = task.where
        drawn = person(str(preset), study.people.seed, int(number), pull=float(pull))
        return one_person(drawn, study.gammas)
    if task.kind == "ratchet":
        return critical_pull(mapped, max(study.pulls), study.margin)
    if task.kind == "map":
        changed = mapped.model_copy(update={"pull": float(task.where[0])})
        return row_of_map(changed, study.gammas, study.margin)
    if task.kind == "world":
        return row_of_map(worlds[str(task.where[0])], study.gammas, study.margin)
    block = study.frontier
    return frontier(worlds[block.world], block.gamma, block.multipliers)


def _do_and_write(study: TinyStudy, task: Task, parts: Path) -> str:
    found = do(study, task)
    write_whole(parts / f"{task.name}.json", json.dumps(found).encode())
    return task.name


def run_study(
    study: TinyStudy,
    results: Path,
    *,
    fresh: bool = False,
    workers: int | None = None,
    told: Callable[[int, int, str], None] = lambda done, total, text: None,
) -> Path:
    """Runs what is missing of a study and writes `results/<name>/`; returns the folder.

    told: is called with tasks done, tasks in all and a line of text. Raises `ResultError` for a
    folder of another config or of other files.
    """
    folder = results / study.name
    tasks, parts = tasks_of(study), folder / "parts"
    manifest = _opened(study, folder, fresh)
    if manifest["finished"] and (folder / "report.md").exists():
        told(len(tasks), len(tasks), "already finished; --fresh runs it again")
        return folder
    missing = [task for task in tasks if not _stands(parts / f"{task.name}.json")]
    done = len(tasks) - len(missing)
    told(done, len(tasks), f"{done} of {len(tasks)} tasks stand" if done else "starting")
    began = time.perf_counter()
    try:
        for name in _all(study, missing, parts, workers):
            done += 1
            told(done, len(tasks), name)
    finally:
        manifest["wall_time_s"] += time.perf_counter() - began
        write_manifest(folder, manifest)
    found = {
        task: json.loads((parts / f"{task.name}.json").read_text(encoding="utf-8"))
        for task in tasks
    }
    summary = summarise(study, {(task.kind, *task.where): value for task, value in found.items()})
    write_whole(folder / "summary.json", (json.dumps(summary, indent=1) + "\n").encode())
    from .report import write_report  # matplotlib is slow to import

    manifest["finished"] = datetime.now(UTC).isoformat(timespec="seconds")
    write_report(folder, study, summary, manifest)
    write_manifest(folder, manifest)
    shutil.rmtree(parts)
    return folder


def _all(study: TinyStudy, tasks: list[Task], parts: Path, workers: int | None) -> Any:
    count = min(workers or os.cpu_count() or 1, max(len(tasks), 1))
    context = get_context("spawn")
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=_quiet_worker)
    try:
        for future in as_completed([pool.submit(_do_and_write, study, t, parts) for t in tasks]):
            yield future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _stands(file: Path) -> bool:
    try:
        json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True


def _opened(study: TinyStudy, folder: Path, fresh: bool) -> dict[str, Any]:
    """The manifest of the folder, a new one where there is none."""
    if folder.exists():
        foreign = [f.name for f in folder.iterdir() if f.name not in _FILES and f.name[0] != "."]
        if foreign:
            raise ResultError(f"{folder}: holds {foreign[0]!r}; allowed: a folder of this study")
        if fresh:
            shutil.rmtree(folder)
    digest = study.fingerprint()
    file = folder / "manifest.json"
    if file.exists():
        try:
            manifest: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            before = manifest["config_sha256"]
        except (ValueError, KeyError, TypeError) as error:
            raise ResultError(f"{file}: damaged ({error!r}); allowed: --fresh") from None
        if before != digest:
            raise ResultError(
                f"{folder}: holds a result of another config ({before[:12]}, this one is "
                f"{digest[:12]}); allowed: --fresh to replace it, or another name"
            )
        return manifest
    (folder / "parts").mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(study.resolved(), sort_keys=False, allow_unicode=True, width=100)
    write_whole(folder / "config.yaml", text.encode())
    manifest = {
        "name": study.name,
        "kind": "tiny",
        "config_sha256": digest,
        "git_revision": _git_revision(),
        "versions": installed_versions(),
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "seeds": list(range(study.learning.seeds)),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "wall_time_s": 0.0,
        "finished": None,
    }
    write_manifest(folder, manifest)
    return manifest
