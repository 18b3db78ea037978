"""A result that is no experiment of policies and worlds: tasks, each with a part, then a report.

`undertow validate` and its like leave what `undertow run` leaves, less people and policies, and are
stopped and resumed in the same way. The manifest's `kind` says which command made a result; its
parts go once the report is whole.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import yaml
from filelock import FileLock, Timeout

from . import provenance
from .markdown import bullets, section
from .pool import WorkerKilledError, in_processes
from .progress import Progress
from .provenance import digest, now, write_whole
from .result_folder import Manifest, ResultError, delete_result, read_manifest, write_manifest

Told = Callable[[Progress, str], None]


class Task(Protocol):
    """A piece of work that any process can do; it pickles."""

    @property
    def name(self) -> str:
        """Also the name of its part."""
        ...


SomeTask = TypeVar("SomeTask", bound=Task)


@dataclass(frozen=True)
class Record(Generic[SomeTask]):
    """What a command makes: its name and config, its tasks, and what becomes of their data.

    config: what was asked, resolved, as JSON data. tasks_of: the tasks, given the folder and what
    is told of work that comes before them. work: what a task gives, JSON data; it pickles. finish:
    draws figures into the folder; summary and report, from the tasks, their data by name and the
    manifest. then: further tasks, from the tasks and their data.
    """

    name: str
    kind: str
    config: dict[str, Any]
    tasks_of: Callable[[Path, Callable[[str], None]], Sequence[SomeTask]]
    work: Callable[[SomeTask], Any]
    finish: Callable[
        [Path, Sequence[SomeTask], dict[str, Any], Manifest], tuple[dict[str, Any], str]
    ]
    then: Callable[[Sequence[SomeTask], dict[str, Any]], Sequence[SomeTask]] | None = None


def run_record(
    record: Record[SomeTask],
    results: Path,
    *,
    fresh: bool = False,
    workers: int | None = None,
    told: Told = lambda progress, text: None,
) -> Path:
    """Does what is missing of a record and finishes it; returns its folder, `results/<name>/`.

    Arguments are those of `run.run`. Raises `ResultError` for a finished result of another config,
    or a damaged one.
    """
    folder = results / record.name
    results.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(results / f".{record.name}.lock", timeout=0):
            manifest = _open(folder, record, fresh=fresh)
            if manifest["finished"]:
                told(Progress(1, 1, 1), "already finished; --fresh runs it again")
                return folder
            tasks, data = _work_through(record, folder, manifest, workers, told)
            summary, report = record.finish(folder, tasks, data, manifest)
            _finish(folder, manifest, summary, report)
            return folder
    except Timeout:
        raise ResultError(
            f"{folder}: another run is at work on it; allowed: one at a time"
        ) from None


def _work_through(
    record: Record[SomeTask], folder: Path, manifest: Manifest, workers: int | None, told: Told
) -> tuple[Sequence[SomeTask], dict[str, Any]]:
    began = time.perf_counter()
    progress = Progress(1)
    try:
        tasks = record.tasks_of(folder, lambda text: told(progress, text))
        data = _data_of(tasks, record.work, folder, workers, told)
        if record.then is not None:
            more = record.then(tasks, data)
            data |= _data_of(more, record.work, folder, workers, told)
            tasks = [*tasks, *more]
        return tasks, data
    except WorkerKilledError as error:
        raise ResultError(f"{folder}: {error}; finished parts are kept, run again") from None
    finally:
        manifest["wall_time_s"] += time.perf_counter() - began
        write_manifest(folder, manifest)


def _data_of(
    tasks: Sequence[SomeTask],
    work: Callable[[SomeTask], Any],
    folder: Path,
    workers: int | None,
    told: Told,
) -> dict[str, Any]:
    """The data of tasks by name; those without a part are made."""
    data = {task.name: _read(_part(folder, task.name)) for task in tasks}
    missing = [task for task in tasks if data[task.name] is None]
    progress = Progress(len(tasks), len(tasks) - len(missing), len(tasks) - len(missing))
    told(progress, f"{progress.done} of {len(tasks)} parts stand")
    for name, found in in_processes(partial(_make, work, folder), missing, workers):
        data[name] = found
        progress.done += 1
        told(progress, name)
    return data


def _make(work: Callable[[SomeTask], Any], folder: Path, task: SomeTask) -> tuple[str, Any]:
    found = work(task)
    write_whole(_part(folder, task.name), json.dumps(found).encode())
    return task.name, found


def _part(folder: Path, name: str) -> Path:
    return folder / "parts" / f"{name}.json"


def _read(part: Path) -> Any:
    """What a part holds; None where it is missing or damaged, and so to be made again."""
    try:
        return json.loads(part.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def _open(folder: Path, record: Record[Any], *, fresh: bool) -> Manifest:
    """Makes the folder ready for parts.

    Parts of an unfinished run of another config are dropped, since they may rest on what changed.
    """
    if fresh:
        delete_result(folder)
    manifest = read_manifest(folder) if folder.exists() else None
    sha = digest(record.config)
    if manifest and manifest["config_sha256"] == sha:
        return manifest
    if manifest and manifest["finished"]:
        raise ResultError(
            f"{folder}: holds a result of another config ({manifest['config_sha256'][:12]}, this "
            f"one is {sha[:12]}); allowed: --fresh to replace it, or another name"
        )
    shutil.rmtree(folder / "parts", ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    manifest = {
        "name": folder.name,
        "kind": record.kind,
        "config_sha256": sha,
        "catalogue_sha256": None,
        **provenance.made_by(),
        "started": now(),
        "wall_time_s": 0.0,
        "finished": None,
    }
    write_whole(folder / "config.yaml", yaml.safe_dump(record.config, sort_keys=False).encode())
    write_manifest(folder, manifest)
    (folder / "parts").mkdir()
    return manifest


def _finish(folder: Path, manifest: Manifest, summary: dict[str, Any], report: str) -> None:
    write_whole(folder / "summary.json", (json.dumps(summary, indent=1) + "\n").encode())
    write_whole(folder / "report.md", report.encode())
    manifest["finished"] = now()
    write_manifest(folder, manifest)
    shutil.rmtree(folder / "parts", ignore_errors=True)


def made_section(manifest: Manifest, command: str) -> str:
    """The end of a report: command, code, versions, time."""
    versions = ", ".join(f"{k} {v}" for k, v in sorted(manifest["versions"].items()))
    return section(
        "How this was made",
        f"`{command}`; the config beside this report is what was run.",
        bullets(
            [
                f"git revision {manifest['git_revision']}",
                f"config sha256 {manifest['config_sha256']}",
                f"versions: {versions}",
                f"wall time {manifest['wall_time_s'] / 60:.0f} min on {manifest['machine']}",
            ]
        ),
    )


def report_anew(
    folder: Path,
    draw: Callable[[dict[str, Any], Path], None],
    report: Callable[[dict[str, Any], Manifest], str],
) -> Path:
    """Writes the figures and the report of a finished result again, from its summary.

    Raises `ResultError` where there is none.
    """
    try:
        summary, manifest = (
            json.loads((folder / name).read_text(encoding="utf-8"))
            for name in ("summary.json", "manifest.json")
        )
    except (OSError, ValueError) as error:
        raise ResultError(
            f"{folder}: no finished suite or register ({error}); allowed: one that ran"
        ) from None
    draw(summary, folder)
    write_whole(folder / "report.md", report(summary, manifest).encode())
    return folder
