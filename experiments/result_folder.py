"""The folder `results/<name>/` while a run writes it: config, manifest, parts, then the result.

A part is what one job leaves: a table of people and a JSON file, complete or absent. Parts and the
manifest say what is done, so a run can stop anywhere. `result.py` reads what is finished.
"""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import yaml

from ..agents import SETTINGS
from . import provenance
from .catalogue_file import CatalogueReport
from .config import Experiment
from .metrics import METRICS
from .provenance import digest, json_text, now, write_whole
from .summary import summarise

if TYPE_CHECKING:  # jobs write through this module
    from .job import Job

_RECORDS = {"config.yaml", "manifest.json"}
_OUTCOME = {"parts", "policies", "summary.json", "report.md", "figures"} | {
    "episodes.parquet",
    "people.parquet",
    "world.yaml",
}

Manifest = dict[str, Any]


class ResultError(RuntimeError):
    """A result folder that cannot be used; the message says what to do."""


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


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest, or None where no run has begun yet.

    Raises `ResultError` for a damaged manifest, and for a folder of other files without one.
    """
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
        manifest: Manifest = json.loads(file.read_text(encoding="utf-8"))
        for key in ("config_sha256", "catalogue_sha256", "git_revision", "started", "finished"):
            manifest[key]
        manifest["wall_time_s"] + 0.0
    except (ValueError, KeyError, TypeError) as error:
        raise ResultError(
            f"{file}: damaged ({error!r}); allowed: --fresh to run it again, or the file restored"
        ) from None
    return manifest


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
        manifest = _new_manifest(experiment, catalogue)
        _write_records(folder, manifest, experiment)
    else:
        _note_revision(folder, manifest)
    for name in ("parts", "policies"):  # last: without a manifest they would count as foreign
        (folder / name).mkdir(exist_ok=True)
    return manifest


def take_over(
    folder: Path,
    manifest: Manifest,
    experiment: Experiment,
    catalogue: CatalogueReport | None,
    jobs: list[Job],
    *,
    extend: bool,
) -> Manifest:
    """The manifest of a result whose config was changed, less the jobs that changed.

    A job's result depends on its world, its policy, how it is measured and the catalogue alone; so
    seeds, cells and hypotheses can be added to a run without doing the rest again. extend: also
    where the result is finished, which is then taken apart into its jobs.

    Raises `ResultError` for a finished result that is not to be extended, and where the earlier
    config cannot be read.
    """
    new = _new_manifest(experiment, catalogue)
    if manifest["finished"] and not extend:
        raise ResultError(
            f"{folder}: holds a result of another config ({manifest['config_sha256'][:12]}, "
            f"this one is {new['config_sha256'][:12]}); allowed: --extend to keep the jobs that "
            "the change does not touch, --fresh to replace it, or another name"
        )
    try:
        before = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
        old = {name: job_inputs(before, *name) for name in _cells(before)}
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ResultError(
            f"{folder / 'config.yaml'}: damaged ({error!r}), so what is done cannot be told from "
            "what changed; allowed: --fresh, or the file restored"
        ) from None
    if manifest["finished"]:
        check_finished(folder)
        _unpack(folder, manifest)
    after = resolved(experiment)
    same_catalogue = manifest["catalogue_sha256"] == new["catalogue_sha256"]
    for job in jobs:
        inputs = job_inputs(after, job.world, job.policy)
        if not same_catalogue or old.get((job.world, job.policy)) != inputs:
            for suffix in (".json", ".parquet"):
                (folder / "parts" / (job.name + suffix)).unlink(missing_ok=True)
    stays = (
        *("started", "wall_time_s", "git_revision", "later_revisions", "earlier_core_s"),
        "peak_memory_mb_per_worker",
    )
    kept = {key: manifest[key] for key in stays if key in manifest}
    earlier = list(manifest.get("earlier_configs", []))
    if manifest["config_sha256"] != new["config_sha256"]:
        earlier.append(manifest["config_sha256"])
    manifest = new | kept | {"earlier_configs": earlier}
    _write_records(folder, manifest, experiment)
    return manifest


def _unpack(folder: Path, manifest: Manifest) -> None:
    """Takes a finished result apart into the parts that it was made of.

    What each job took is not kept in a result, so their sum goes on in `earlier_core_s`.
    """
    parts = folder / "parts"
    parts.mkdir(exist_ok=True)
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    episodes = pd.read_parquet(folder / "episodes.parquet")
    people = dict(tuple(episodes.groupby(["world", "policy", "seed"], observed=True)))
    for cell in summary["cells"]:
        for seed in manifest["seeds"]:
            key = (cell["world"], cell["policy"], seed)
            metrics = {name: values[seed] for name, values in cell["values"].items()}
            named = dict(zip(("world", "policy", "seed"), key, strict=True))
            part = named | {"metrics": metrics, "training_s": 0.0, "measuring_s": 0.0}
            file = parts / ("--".join(map(str, key)) + ".json")
            write_whole(file.with_suffix(".parquet"), _parquet(people[key]))
            write_whole(file, json.dumps(part, indent=1).encode())
    spent = ("training_core_s", "measuring_core_s")
    before = manifest.get("earlier_core_s", {})
    manifest["earlier_core_s"] = {key: manifest.get(key, before.get(key, 0.0)) for key in spent}


def _parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()


def _cells(config: dict[str, Any]) -> list[tuple[str, str]]:
    return [(world, policy) for world, names in config["cells"].items() for policy in names]


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


def delete_result(folder: Path) -> None:
    """Deletes a result, if there is one; raises `ResultError` if a file is not of a run."""
    if not folder.exists():
        return
    known = _RECORDS | _OUTCOME
    foreign = [f.name for f in folder.iterdir() if f.name not in known and f.name[0] != "."]
    if foreign:
        raise ResultError(
            f"{folder}: --fresh would delete {foreign[0]!r}, which no run wrote; allowed: a folder "
            "of results alone"
        )
    shutil.rmtree(folder)


def write_part(folder: Path, job: Job, part: dict[str, Any], episodes: bytes) -> None:
    """Writes a job's part, the table of its people first: the JSON says that all is there.

    part: world, policy, seed, metrics (a value or None for each), training_s, measuring_s and
    peak_memory_mb.
    """
    file = folder / "parts" / f"{job.name}.json"
    write_whole(file.with_suffix(".parquet"), episodes)
    write_whole(file, json.dumps(part, indent=1).encode())


def stands(folder: Path, job: Job, told: Callable[[str], None]) -> bool:
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
        told(f"{part} is damaged ({error!r}); the job is run again")
        part.unlink()
        return False
    return True


def merge(
    folder: Path,
    manifest: Manifest,
    experiment: Experiment,
    catalogue: CatalogueReport | None,
    jobs: list[Job],
) -> None:
    """Makes the result of all jobs' parts, which must stand, and finishes it."""
    parts = [
        json.loads((folder / "parts" / f"{job.name}.json").read_text(encoding="utf-8"))
        for job in jobs
    ]
    frames = [pd.read_parquet(folder / "parts" / f"{job.name}.parquet") for job in jobs]
    for column, names in (("world", experiment.worlds), ("policy", experiment.policies)):
        for frame in frames:
            frame[column] = pd.Categorical(frame[column], categories=list(names))
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
    finish(folder)


def check_finished(folder: Path) -> None:
    """Raises `ResultError` where a file of a finished result is damaged or missing."""

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


def finish(folder: Path) -> None:
    """Writes the report; the parts go last, so their folder says that it is not whole."""
    from .report import write_report  # matplotlib is slow to import and only needed here

    write_report(folder)
    shutil.rmtree(folder / "parts")


def _new_manifest(experiment: Experiment, catalogue: CatalogueReport | None) -> Manifest:
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


def _write_records(folder: Path, manifest: Manifest, experiment: Experiment) -> None:
    text = yaml.safe_dump(resolved(experiment), sort_keys=False)
    write_whole(folder / "config.yaml", text.encode())
    write_manifest(folder, manifest)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Writes the manifest, whole or not at all."""
    write_whole(folder / "manifest.json", (json_text(manifest) + "\n").encode())
