"""The folder `results/<name>/` while a run writes it: manifest, config, parts, then the result.

One order of writing, so that a stop anywhere leaves what the same command goes on from:

1. `manifest.json` says which config is run. It is written before anything follows from it, and all
   else that the folder holds of another config no longer counts from then on.
2. `config.yaml` is the manifest's config, spelt out; it is written again wherever it is not.
3. Parts, one a job, complete or absent. Each holds the hash of its job's inputs.
4. `episodes.parquet`, `summary.json`, then `finished` in the manifest: the values are final.
5. Figures and report, then `files` in the manifest, the hash of every file; then the parts go.

`inventory.py` says which files are the result's, `result.py` reads what is finished.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import yaml

from ..agents import SETTINGS
from . import inventory, provenance
from .catalogue_file import CatalogueReport
from .config import Experiment
from .inventory import check_finished
from .manifest import Manifest as Manifest
from .manifest import read_manifest
from .metrics import METRICS
from .parts import require_unchanged, sealed, unsealed
from .problems import ResultError as ResultError
from .provenance import digest, file_sha256, json_text, now, write_whole
from .summary import summarise

if TYPE_CHECKING:  # jobs write through this module
    from .job import Job

_SUFFIXES = (".json", ".npz", ".zip")  # of saved policies


def resolved(experiment: Experiment) -> dict[str, Any]:
    """The config with every default filled in and every world's parameters spelt out."""
    data = experiment.model_dump(mode="json")
    if experiment.catalogue is not None:
        # Where the file lies differs between machines; what is in it is in the manifest.
        data["catalogue"]["path"] = None
    for name, block in experiment.worlds.items():
        data["worlds"][name]["parameters"] = block.parameters().model_dump(mode="json")
    for name, policy in experiment.policies.items():
        del data["policies"][name]["resources"]  # what a job may take does not change what it finds
        if policy.kind == "ppo":
            data["policies"][name]["ppo"] = experiment.settings(name).model_dump(mode="json")
        elif policy.kind in SETTINGS:
            data["policies"][name][policy.kind] = experiment.settings(name).model_dump(mode="json")
    return data


def fingerprint(experiment: Experiment, catalogue: CatalogueReport | None) -> str:
    """Hash of the resolved config, and of the catalogue's file where there is one."""
    data = {"config": resolved(experiment), "catalogue": catalogue and catalogue.sha256}
    return digest(data)


def open_folder(
    folder: Path,
    manifest: Manifest | None,
    experiment: Experiment,
    catalogue: CatalogueReport | None,
) -> Manifest:
    """Makes a folder ready for jobs; returns its manifest, a new one where it had None.

    An old one is told which code goes on with it, if it is another than before.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if manifest is None:
        manifest = new_manifest(experiment, catalogue)
        write_manifest(folder, manifest)
    else:
        _note_revision(folder, manifest)
    write_config(folder, resolved(experiment))
    for name in ("parts", "policies"):
        (folder / name).mkdir(exist_ok=True)
    return manifest


def write_config(folder: Path, config: dict[str, Any]) -> None:
    """Writes `config.yaml` where it is not this one; takes away what was reported of another."""
    text = yaml.safe_dump(config, sort_keys=False).encode()
    file = folder / "config.yaml"
    if not file.exists() or file.read_bytes() != text:
        write_whole(file, text)
    for name in ("report.md", "summary.json"):  # of before; it is not finished now
        (folder / name).unlink(missing_ok=True)


def take_over(
    folder: Path,
    manifest: Manifest,
    experiment: Experiment,
    catalogue: CatalogueReport | None,
    *,
    extend: bool,
) -> Manifest:
    """The manifest of a result whose config was changed, or that is reported anew.

    Its parts stay: each says what it was made of, so those that the change does not touch stand. A
    finished result is taken apart into its parts first, if extend.

    Raises `ResultError` for a finished result that is not to be extended, or is damaged.
    """
    new = new_manifest(experiment, catalogue)
    if manifest["finished"] and not extend:
        raise ResultError(
            f"{folder}: holds a result of another config ({manifest['config_sha256'][:12]}, "
            f"this one is {new['config_sha256'][:12]}); allowed: --extend to keep the jobs that "
            "the change does not touch, --fresh to replace it, or another name"
        )
    if manifest["finished"]:
        check_finished(folder, manifest, reported=False)
        _unpack(folder, manifest)
    stays = (
        *("started", "wall_time_s", "git_revision", "later_revisions", "earlier_core_s"),
        "peak_memory_mb_per_worker",
    )
    kept = {key: manifest[key] for key in stays if key in manifest}
    earlier = list(manifest.get("earlier_configs", []))
    if manifest["config_sha256"] != new["config_sha256"]:
        earlier.append(manifest["config_sha256"])
    manifest = new | kept | {"earlier_configs": earlier}
    write_manifest(folder, manifest)
    return manifest


def _unpack(folder: Path, manifest: Manifest) -> None:
    """Takes a finished result apart into the parts that it was made of.

    What each job took is not kept in a result, so their sum goes on in `earlier_core_s`.
    """
    parts = folder / "parts"
    parts.mkdir(exist_ok=True)
    config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    episodes = pd.read_parquet(folder / "episodes.parquet")
    people = dict(tuple(episodes.groupby(["world", "policy", "seed"], observed=True)))
    for cell in summary["cells"]:
        for seed in manifest["seeds"]:
            key = (cell["world"], cell["policy"], seed)
            name = "--".join(map(str, key))
            metrics = {metric: values[seed] for metric, values in cell["values"].items()}
            named = dict(zip(("world", "policy", "seed"), key, strict=True))
            part = named | {"metrics": metrics, "training_s": 0.0, "measuring_s": 0.0}
            inputs = task_sha256(config, manifest["catalogue_sha256"], *key)
            # A result need not have kept its policies, so only those that are there are named.
            files = {f"policies/{name}{suffix}" for suffix in _SUFFIXES}
            saved = [folder / path for path in sorted(files) if (folder / path).is_file()]
            _write_part(folder, name, part, inputs, _parquet(people[key]), saved)
    spent = ("training_core_s", "measuring_core_s")
    before = manifest.get("earlier_core_s", {})
    manifest["earlier_core_s"] = {key: manifest.get(key, before.get(key, 0.0)) for key in spent}


def _parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()


def job_inputs(config: dict[str, Any], world: str, policy: str) -> dict[str, Any]:
    """What a job's result depends on, of a resolved config."""
    block = config["policies"][policy]
    return {
        "world": config["worlds"][world]["parameters"],
        "slate": config["worlds"][world].get("slate"),
        "policy": {key: value for key, value in block.items() if key != "description"},
        "evaluation": config["evaluation"],
        "catalogue": config["catalogue"],
    }


def task_sha256(
    config: dict[str, Any], catalogue_sha256: str | None, world: str, policy: str, seed: int
) -> str:
    """Hash of all that a job's result depends on: two jobs with one hash give one result."""
    inputs = job_inputs(config, world, policy)
    return digest({"inputs": inputs, "seed": seed, "catalogue_sha256": catalogue_sha256})


def write_part(
    folder: Path,
    job: Job,
    part: dict[str, Any],
    episodes: bytes,
    saved: Path,
    catalogue: CatalogueReport | None,
) -> None:
    """Writes a job's part, the table of its people first: the JSON says that all is there.

    part: world, policy, seed, metrics (a value or None for each), training_s, measuring_s and
    peak_memory_mb. saved: the file of its policy.
    """
    sha256 = catalogue.sha256 if catalogue else None
    inputs = task_sha256(resolved(job.experiment), sha256, job.world, job.policy, job.seed)
    _write_part(folder, job.name, part, inputs, episodes, [saved])


def _write_part(
    folder: Path, name: str, part: dict[str, Any], inputs: str, episodes: bytes, saved: list[Path]
) -> None:
    file = folder / "parts" / f"{name}.json"
    table = file.with_name(f"{name}.parquet")
    write_whole(table, episodes)
    files = {f.relative_to(folder).as_posix(): file_sha256(f) for f in (table, *saved)}
    write_whole(file, sealed(part | {"inputs": inputs, "files": files}))


def clear_job(folder: Path, job: Job) -> None:
    """Takes away what an earlier try of a job, or another policy of its name, left."""
    for suffix in (".json", ".parquet", ".error.txt"):
        (folder / "parts" / f"{job.name}{suffix}").unlink(missing_ok=True)
    for suffix in _SUFFIXES:
        (folder / "policies" / f"{job.name}{suffix}").unlink(missing_ok=True)


def standing(
    folder: Path,
    jobs: list[Job],
    catalogue: CatalogueReport | None,
    told: Callable[[str], None],
    *,
    changed: bool,
) -> set[str]:
    """Names of the jobs whose parts are there, whole, and of these inputs.

    A damaged part, or one of other inputs, is named and will be run again; changed: the config was
    changed, so parts of other inputs are expected and not named.
    """
    config, sha256 = resolved(jobs[0].experiment), catalogue.sha256 if catalogue else None
    found = set()
    for job in jobs:
        inputs = task_sha256(config, sha256, job.world, job.policy, job.seed)
        part = folder / "parts" / f"{job.name}.json"
        if not part.exists():
            continue
        try:
            data = unsealed(part.read_bytes())
            if changed and data["inputs"] != inputs:
                continue
            _require_whole(folder, job, data, inputs)
        except Exception as error:
            told(f"{part} is damaged ({error!r}); the job is run again")
            continue
        found.add(job.name)
    return found


def _require_whole(folder: Path, job: Job, data: dict[str, Any], inputs: str) -> None:
    if (data["world"], data["policy"], data["seed"]) != (job.world, job.policy, job.seed):
        raise ValueError("is another job's")
    if data["inputs"] != inputs:
        raise ValueError("was made of other inputs")
    if data["metrics"].keys() != METRICS.keys():
        raise ValueError("has other metrics")
    data["training_s"] + data["measuring_s"]
    if f"parts/{job.name}.parquet" not in data["files"]:
        raise ValueError("has no table")
    require_unchanged(folder, data["files"])


def merge(
    folder: Path,
    manifest: Manifest,
    experiment: Experiment,
    catalogue: CatalogueReport | None,
    jobs: list[Job],
) -> None:
    """Makes the result of all jobs' parts, which must stand, and finishes it."""
    names = {job.name for job in jobs}
    _drop_others(folder, names)
    parts = [unsealed((folder / "parts" / f"{job.name}.json").read_bytes()) for job in jobs]
    frames = [pd.read_parquet(folder / "parts" / f"{job.name}.parquet") for job in jobs]
    for column, values in (("world", experiment.worlds), ("policy", experiment.policies)):
        for frame in frames:
            frame[column] = pd.Categorical(frame[column].astype(str), categories=list(values))
    write_whole(folder / "episodes.parquet", _parquet(pd.concat(frames, ignore_index=True)))
    summary = summarise(experiment, parts)
    summary["catalogue"] = catalogue and {
        "summary": catalogue.summary,
        "repairs": catalogue.repairs,
    }
    write_whole(folder / "summary.json", (json_text(summary) + "\n").encode())
    for kind in ("training", "measuring"):
        before = manifest.get("earlier_core_s", {}).get(f"{kind}_core_s", 0.0)
        manifest[f"{kind}_core_s"] = before + sum(part[f"{kind}_s"] for part in parts)
    peak = max(part.get("peak_memory_mb", 0.0) for part in parts)
    if peak:  # 0 where the system, or a result made before, does not say
        manifest["peak_memory_mb_per_worker"] = max(
            peak, manifest.get("peak_memory_mb_per_worker", 0.0)
        )
    manifest["finished"] = now()
    write_manifest(folder, manifest)
    finish(folder, manifest, names)


def _drop_others(folder: Path, names: Collection[str]) -> None:
    """Deletes policies of jobs that the config no longer has: their parts say which are theirs."""
    for file in (folder / "parts").glob("*.json"):
        if file.stem in names:
            continue
        try:
            files = unsealed(file.read_bytes())["files"]
            saved = {path: sha for path, sha in files.items() if path.startswith("policies/")}
            require_unchanged(folder, saved)
        except (ValueError, KeyError):
            continue
        for path in saved:
            (folder / path).unlink()


def finish(folder: Path, manifest: Manifest, policies: Collection[str] | None = None) -> None:
    """Writes the report and the hash of every file; the parts go last.

    policies: the stems of the result's own, of whatever `policies/` holds.
    """
    from .report import write_report  # matplotlib is slow to import and only needed here

    write_report(folder)
    seal(folder, manifest, policies)
    inventory.drop_parts(folder)


def seal(folder: Path, manifest: Manifest, policies: Collection[str] | None = None) -> None:
    """Writes the hash of every file of a finished result into its manifest, as they are now."""
    inventory.drop_half_files(folder)
    manifest["files"] = inventory.hashes(folder, manifest, policies)
    write_manifest(folder, manifest)


def seal_report(folder: Path, manifest: Manifest) -> None:
    """Like `seal`, of report and figures alone; nothing where the manifest has no hashes."""
    if "files" in manifest:
        manifest["files"] = inventory.rehashed(folder, manifest)
        write_manifest(folder, manifest)


def list_file(folder: Path, path: str) -> None:
    """Adds the hash of a file that a later command wrote to a finished result's `files`."""
    manifest = read_manifest(folder)
    if manifest is not None and "files" in manifest:
        manifest["files"][path] = file_sha256(folder / path)
        write_manifest(folder, manifest)


def new_manifest(experiment: Experiment, catalogue: CatalogueReport | None) -> Manifest:
    """The manifest of a run that begins."""
    return {
        "name": experiment.name,
        "config_sha256": fingerprint(experiment, catalogue),
        "catalogue_sha256": catalogue.sha256 if catalogue else None,
        **provenance.made_by(),
        "seeds": list(range(experiment.seeds)),
        "people_per_seed": experiment.evaluation.people,
        "training_slots": experiment.training.slots,
        "started": now(),
        "wall_time_s": 0.0,
        "finished": None,
    }


def _note_revision(folder: Path, manifest: Manifest) -> None:
    """Adds this code's revision to `later_revisions` where none of it has worked here yet."""
    later = manifest.get("later_revisions", [])
    revision = provenance.git_revision()
    if revision not in (manifest["git_revision"], *later):
        manifest["later_revisions"] = [*later, revision]
        write_manifest(folder, manifest)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Writes the manifest, whole or not at all."""
    write_whole(folder / "manifest.json", (json_text(manifest) + "\n").encode())
