"""A result that is no experiment of policies and worlds: tasks, each with a part, then a report.

`undertow validate` and its like leave what `undertow run` leaves, less people and policies, and are
stopped and resumed in the same way. The manifest's `kind` says which command made a result; its
parts go once the report is whole.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from . import inventory, provenance
from .failures import Failed, Failures, attempt
from .inventory import check_finished, delete_result
from .manifest import locked, read_manifest, readable_manifest, require_finished
from .markdown import bullets, section
from .naming import checked_name
from .parts import require_unchanged, sealed, unsealed
from .pool import WorkerKilledError, in_processes
from .problems import ResultError
from .progress import Progress
from .provenance import digest, file_sha256, json_text, now, write_whole
from .result_folder import Manifest, seal, seal_report, write_config, write_manifest

_REPORTS_ANEW = ("validity", "hypotheses")  # kinds whose commands have --report
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
    checked_name(record.name)
    with locked(results, record.name) as folder:
        manifest = _open(folder, record, fresh=fresh)
        if manifest["finished"]:
            check_finished(folder, manifest, anew=record.kind in _REPORTS_ANEW)
            inventory.drop_parts(folder)
            told(Progress(1, 1, 1), "already finished; --fresh runs it again")
            return folder
        tasks, data = _work_through(record, folder, manifest, workers, told)
        summary, report = record.finish(folder, tasks, data, manifest)
        _finish(folder, manifest, summary, report, {task.name for task in tasks})
        return folder


def _work_through(
    record: Record[SomeTask], folder: Path, manifest: Manifest, workers: int | None, told: Told
) -> tuple[Sequence[SomeTask], dict[str, Any]]:
    began = time.perf_counter()
    progress, failures = Progress(1), Failures(folder)
    try:
        tasks = record.tasks_of(folder, lambda text: told(progress, text))
        data = _data_of(tasks, record, folder, workers, told, failures)
        if record.then is not None:
            failures.check()
            more = record.then(tasks, data)
            data |= _data_of(more, record, folder, workers, told, failures)
            tasks = [*tasks, *more]
    except WorkerKilledError as error:
        raise ResultError(f"{folder}: {error}; finished parts are kept, run again") from None
    finally:
        manifest["wall_time_s"] += time.perf_counter() - began
        write_manifest(folder, manifest)
    failures.check()
    return tasks, {task.name: data[task.name] for task in tasks}  # in their order, however they end


def _data_of(
    tasks: Sequence[SomeTask],
    record: Record[SomeTask],
    folder: Path,
    workers: int | None,
    told: Told,
    failures: Failures,
) -> dict[str, Any]:
    """The data of tasks by name; those without a part are made."""
    study, progress = _study(record), Progress(len(tasks))
    data = _standing(folder, tasks, study, lambda text: told(progress, text))
    missing = [task for task in tasks if task.name not in data]
    progress = Progress(len(tasks), len(tasks) - len(missing), len(tasks) - len(missing))
    told(progress, f"{progress.done} of {len(tasks)} parts stand")
    make = partial(attempt, partial(_make, record.work, folder, study))
    for outcome in in_processes(make, missing, workers):
        if isinstance(outcome, Failed):
            told(progress, failures.add(outcome))
            continue
        name, data[name] = outcome
        progress.done += 1
        told(progress, name)
    return data


def _study(record: Record[Any]) -> dict[str, Any]:
    """What the inputs of a task are hashed from, besides its name."""
    return {"kind": record.kind, "config_sha256": digest(record.config)}


def _inputs(study: dict[str, Any], name: str) -> str:
    return digest(study | {"task": name})


def _make(
    work: Callable[[SomeTask], Any], folder: Path, study: dict[str, Any], task: SomeTask
) -> tuple[str, Any]:
    found = work(task)
    part = _part(folder, task.name)
    tables = [table for table in [part.with_name(f"{task.name}.parquet")] if table.exists()]
    files = {f"parts/{table.name}": file_sha256(table) for table in tables}
    whole = sealed({"inputs": _inputs(study, task.name), "files": files, "data": found})
    write_whole(part, whole)
    part.with_name(f"{task.name}.error.txt").unlink(missing_ok=True)
    return task.name, unsealed(whole)["data"]


def _part(folder: Path, name: str) -> Path:
    return folder / "parts" / f"{name}.json"


def _standing(
    folder: Path, tasks: Sequence[Task], study: dict[str, Any], told: Callable[[str], None]
) -> dict[str, Any]:
    """What the parts hold that are there and whole; a damaged one is named and made again."""
    found = {}
    for task in tasks:
        part = _part(folder, task.name)
        try:
            data = unsealed(part.read_bytes())
            if data["inputs"] != _inputs(study, task.name):
                raise ValueError("was made of other inputs")
            require_unchanged(folder, data["files"])
            found[task.name] = data["data"]
        except FileNotFoundError:
            continue
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            told(f"{part} is damaged ({error!r}); it is made again")
    return found


def _open(folder: Path, record: Record[Any], *, fresh: bool) -> Manifest:
    """Makes the folder ready for parts; the order of writing is that of `result_folder`.

    Parts of an unfinished run of another config are dropped, since they may rest on what changed.
    """
    if fresh:
        delete_result(folder, readable_manifest(folder))
    manifest = read_manifest(folder)
    sha = digest(record.config)
    same = manifest is not None and manifest["config_sha256"] == sha
    if manifest and manifest["finished"]:
        if same:
            return manifest
        raise ResultError(
            f"{folder}: holds a result of another config ({manifest['config_sha256'][:12]}, this "
            f"one is {sha[:12]}); allowed: --fresh to replace it, or another name"
        )
    if manifest and not same:
        inventory.drop_parts(folder)
        inventory.drop_policies(folder)
    if manifest is None or not same:
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
        write_manifest(folder, manifest)
    write_config(folder, record.config)
    (folder / "parts").mkdir(exist_ok=True)
    return manifest


def _finish(
    folder: Path, manifest: Manifest, summary: dict[str, Any], report: str, policies: set[str]
) -> None:
    write_whole(folder / "summary.json", (json_text(summary) + "\n").encode())
    write_whole(folder / "report.md", report.encode())
    manifest["finished"] = now()
    seal(folder, manifest, policies)
    inventory.drop_parts(folder)


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

    Raises `ResultError` where there is none, or where its values are damaged.
    """
    checked_name(folder.name)
    if not folder.is_dir():
        raise ResultError(f"{folder}: no finished suite or register; allowed: one that ran")
    with locked(folder.parent, folder.name):
        manifest = read_manifest(folder) or {}
        require_finished(folder, manifest)
        check_finished(folder, manifest, reported=False)
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        draw(summary, folder)
        write_whole(folder / "report.md", report(summary, manifest).encode())
        seal_report(folder, manifest)
        return folder
