"""Values and policies that other results hold, once their configs are seen to ask for the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ..inventory import OK, config_state
from ..manifest import require_finished
from ..result_folder import ResultError, job_inputs, resolved
from ..saved_policies import saved_file
from .config import Register, Source
from .quantity import Cell, Real


class SavedResults:
    """The results that a register reads; raises `ResultError` where one cannot be read."""

    def __init__(self, register: Register, results: Path) -> None:
        self._register, self._results = register, results
        self._values: dict[tuple[str, str, str], dict[str, list[float | None]]] = {}
        self.told: dict[str, dict[str, Any]] = {}
        for result in register.saved:
            self._open(result)

    def values(self, result: str, cell: Cell) -> Real:
        """The values of a cell, one a seed; NaN where undefined."""
        found = self._values[result, cell.policy, cell.world][cell.statistic]
        return np.array([np.nan if value is None else value for value in found])

    def _open(self, result: str) -> None:
        folder = self._results / result
        try:
            summary, manifest = (
                json.loads((folder / name).read_text(encoding="utf-8"))
                for name in ("summary.json", "manifest.json")
            )
            config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ResultError(
                f"{folder}: cannot be read ({error}); allowed: a finished result of `undertow run`"
            ) from None
        require_finished(folder, manifest)
        if config_state(folder, manifest) != OK:
            raise ResultError(
                f"{folder / 'config.yaml'}: is not the config of its manifest; allowed: the file "
                "restored, or its command run again with --fresh"
            )
        self._require_same(result, config)
        if config["seeds"] < self._register.saved[result].seeds:
            raise ResultError(
                f"{folder}: has {config['seeds']} seeds; allowed: the "
                f"{self._register.saved[result].seeds} that the config reads, or more"
            )
        for cell in summary["cells"]:
            self._values[result, cell["policy"], cell["world"]] = cell["values"]
        told = ("config_sha256", "git_revision", "later_revisions", "finished")
        self.told[result] = {key: manifest.get(key) for key in told}

    def _require_same(self, result: str, config: dict[str, Any]) -> None:
        mine = resolved(self._register.experiment)

        def inputs(of: dict[str, Any], world: str, policy: str) -> dict[str, Any]:
            found = job_inputs(of, world, policy)
            for settings in found["policy"].values():
                if isinstance(settings, dict):
                    settings.pop("engine", None)  # plays the world, and is no setting of a learner
            return found

        for world, policies in self._register.saved[result].cells.items():
            for policy in policies:
                if policy not in config["cells"].get(world, []):
                    raise ResultError(f"{result}: has no {policy}@{world}; allowed: what it ran")
                if inputs(config, world, policy) != inputs(mine, world, policy):
                    raise ResultError(
                        f"{result}: {policy}@{world} was run with other settings; allowed: those "
                        "of this config"
                    )


def policy_file(results: Path, source: Source, seed: int) -> Path:
    """Where a result keeps a policy; raises `ResultError` where it does not."""
    assert source.result is not None
    stem = f"{source.world}--{source.policy}--{seed + source.offset}"
    folder = results / source.result / "policies"
    if (file := saved_file(folder / stem)) is not None:
        return file
    raise ResultError(
        f"{folder / stem}.npz: no such policy; allowed: a result that holds its policies"
    )
