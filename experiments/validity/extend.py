"""Extends a finished suite: what the change of its config does not touch is kept.

A study's statistics depend on its world, the people, the seed and the training alone. So rows,
bands, nulls and context can be added to a result without making the rest again. Kept are the fit
with its ensemble, and every study all of whose statistics the result holds; those that give more
now are made anew.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ..manifest import locked, read_manifest
from ..parts import sealed, unsealed
from ..problems import ResultError
from ..provenance import digest, git_revision, write_whole
from ..result_folder import write_manifest
from .studies import STUDIES

KIND = "validity"
_ALIKE = ("people", "crossers", "training", "ensemble", "fit")  # what all that is kept rests on


def extend_suite(config: dict[str, Any], results: Path) -> None:
    """Turns a finished result of an earlier form of the suite into an unfinished one of this.

    config: the suite as its record keeps it. Nothing happens where there is no result, or one of
    this config. Raises `ResultError` where what it rests on has changed.
    """
    sha = digest(config)
    with locked(results, config["name"]) as folder:
        manifest = read_manifest(folder)
        if manifest is None or manifest["config_sha256"] == sha:
            return
        before = _read(folder)
        _check(folder, before["config"], config)
        (folder / "parts").mkdir(exist_ok=True)
        write_whole(_kept_in(folder), sealed({"data": before}))
        # Last: until the manifest names the new config, the result is the earlier one.
        kept = {key: value for key, value in manifest.items() if key != "files"}
        revisions = [*manifest.get("later_revisions", []), git_revision()]
        earlier = [*manifest.get("earlier_configs", []), manifest["config_sha256"]]
        changed = {"finished": None, "config_sha256": sha}
        more = {"later_revisions": revisions, "earlier_configs": earlier}
        write_manifest(folder, kept | changed | more)


@dataclass(frozen=True)
class Earlier:
    """What the result that is extended holds: its config and its summary."""

    config: dict[str, Any]
    summary: dict[str, Any]

    def of(self, world: str, study: str, seed: int, config: dict[str, Any]) -> Any:
        """A study's statistics in a world that `config` leaves as it was; None where not held."""
        answers = ("overrides", "fitted")
        old, new = (c["worlds"].get(world, {}) for c in (self.config, config))
        if not old or [old[key] for key in answers] != [new[key] for key in answers]:
            return None
        here = self.summary["worlds"][world]
        parts = [part for row in here["rows"] for part in row["parts"]]
        values = {part["statistic"]: part["values"] for part in [*parts, *here.get("context", [])]}
        gives = STUDIES[study].gives
        if any(seed >= len(values.get(name, [])) for name in gives):
            return None
        return {name: values[name][seed] for name in gives}

    @property
    def fit(self) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]:
        """The overrides that the fit found and how each block went; no worlds that do as well."""
        worlds = self.config["worlds"].items()
        fitted = [name for name, at in worlds if at["fitted"] and not at["overrides"]]
        overrides = self.summary["worlds"][fitted[0]]["overrides"] if fitted else {}
        return overrides, self.summary["fit"], []

    @property
    def ensemble(self) -> Any:
        """The held-out rows in worlds that do as well; None if none were asked for."""
        return self.summary.get("ensemble")


def earlier_of(folder: Path) -> Earlier | None:
    """The result that is being extended in a folder, if any."""
    file = _kept_in(folder)
    return Earlier(**unsealed(file.read_bytes())["data"]) if file.exists() else None


def _kept_in(folder: Path) -> Path:
    return folder / "parts" / "earlier.json"


def _read(folder: Path) -> dict[str, Any]:
    if (stopped := earlier_of(folder)) is not None:
        return {"config": stopped.config, "summary": stopped.summary}
    try:
        config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ResultError(
            f"{folder}: no finished suite to extend ({error}); allowed: --fresh"
        ) from None
    return {"config": config, "summary": summary}


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
