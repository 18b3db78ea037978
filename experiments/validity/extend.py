"""Extends a finished suite: what the change of its config does not touch is kept.

A study's statistics depend on its world, the people, the seed and the training alone. So rows,
bands, nulls and context can be added to a result without making the rest again. Kept are the fit
with its ensemble, and every study all of whose statistics the result holds; those that give more
now are made anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from ..manifest import locked, read_manifest
from ..parts import sealed, unsealed
from ..problems import ResultError
from ..provenance import digest, git_revision, write_whole
from ..record import study_of, write_part
from ..result_folder import write_manifest
from .config import Validity
from .studies import STUDIES

KIND = "validity"
_ENSEMBLE = "ensemble"
_ALIKE = ("people", "crossers", "training", "ensemble", "fit")  # what all that is kept rests on


def extend_suite(suite: Validity, config: dict[str, Any], results: Path) -> None:
    """Turns a finished result of an earlier form of the suite into an unfinished one of this.

    config: the suite as its record keeps it. Nothing happens where there is no result, or one of
    this config. Raises `ResultError` where what it rests on has changed.
    """
    sha = digest(config)
    with locked(results, suite.name) as folder:
        manifest = read_manifest(folder)
        if manifest is None or manifest["config_sha256"] == sha:
            return
        before, summary = _read(folder)
        _check(folder, before, config)
        (folder / "parts").mkdir(exist_ok=True)
        _unpack(folder, suite, before, config, summary)
        # Last: until the manifest names the new config, the result is the earlier one.
        kept = {key: value for key, value in manifest.items() if key != "files"}
        revisions = [*manifest.get("later_revisions", []), git_revision()]
        earlier = [*manifest.get("earlier_configs", []), manifest["config_sha256"]]
        write_manifest(
            folder,
            kept
            | {"finished": None, "config_sha256": sha}
            | {"later_revisions": revisions, "earlier_configs": earlier},
        )


def ensemble_kept(folder: Path) -> Any:
    """The ensemble of the result that was extended; None where it is to be made."""
    part = folder / "parts" / f"{_ENSEMBLE}.json"
    return unsealed(part.read_bytes())["data"] if part.exists() else None


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        before = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ResultError(
            f"{folder}: no finished suite to extend ({error}); allowed: --fresh"
        ) from None
    return before, summary


def _check(folder: Path, before: dict[str, Any], after: dict[str, Any]) -> None:
    for key in _ALIKE:
        old, new = (_rests_on(config, key) for config in (before, after))
        if old != new:
            raise ResultError(
                f"{folder}: {key} has changed, on which all that could be kept rests; allowed: "
                "--fresh, or another name"
            )


def _rests_on(config: dict[str, Any], key: str) -> Any:
    """A key's value; of the fit, what it was asked and in which bands."""
    value = config.get(key)
    if key != "fit" or value is None:
        return value
    asked = {name for block in value["blocks"] for name in block["statistics"]}
    parts = [part for row in config["rows"] for part in row["parts"]]
    bands = {part["statistic"]: part["band"] for part in parts if part["statistic"] in asked}
    return {name: of for name, of in value.items() if name != "asked_then"} | {"bands": bands}


def _unpack(
    folder: Path,
    suite: Validity,
    before: dict[str, Any],
    after: dict[str, Any],
    summary: dict[str, Any],
) -> None:
    """Writes what a summary holds as the parts that it was made of."""
    inputs = study_of(KIND, after)
    for name, world in summary["worlds"].items():
        answers = ("overrides", "fitted")
        old, new = (config["worlds"].get(name, {}) for config in (before, after))
        if [old.get(key) for key in answers] != [new.get(key) for key in answers]:
            continue
        if old["fitted"] and not old["overrides"]:
            _keep(folder, "fit", [world["overrides"], summary["fit"], []])
        for study, values in _studies(world).items():
            for seed, found in enumerate(values[: suite.seeds]):
                write_part(folder, inputs, f"{name}--{study}--{seed}", found)
    if _ENSEMBLE in summary:
        _keep(folder, _ENSEMBLE, summary[_ENSEMBLE])


def _keep(folder: Path, name: str, data: Any) -> None:
    write_whole(folder / "parts" / f"{name}.json", sealed({"data": data}))


def _studies(world: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """By study whose statistics are all there: what it gave, one a seed."""
    parts = [part for row in world["rows"] for part in row["parts"]]
    values = {part["statistic"]: part["values"] for part in [*parts, *world.get("context", [])]}
    return {
        name: [
            dict(zip(study.gives, of_seed, strict=True))
            for of_seed in zip(*(values[statistic] for statistic in study.gives), strict=True)
        ]
        for name, study in STUDIES.items()
        if all(statistic in values for statistic in study.gives)
    }
