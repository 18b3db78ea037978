"""Which world a policy is measured in: the one that its result or its file says, or one named.

default                        a preset
results/headline:vulnerable    a world of a result, as its config has it
my_ppo.npz                     the world that a saved policy was made in
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from pydantic import ValidationError

from ..agents import KINDS, Policy, PolicyError, check_world, load_policy
from ..agents.made_for import MadeFor, made_for
from ..envs.world import PRESETS, Items, Slate, WorldParameters, synthetic, world
from .catalogue_file import CatalogueFile, read_catalogue
from .config import WorldBlock, told
from .manifest import read_manifest
from .result_folder import ResultError

RULES = tuple(kind for kind in KINDS if kind in ("random", "chronological", "popular", "greedy"))


@dataclass(frozen=True)
class World:
    """A world with its people's catalogue, and slates where it has them."""

    label: str
    """How it is named, and found again."""
    parameters: WorldParameters
    items: Items
    slate: Slate | None = None

    def same_as(self, other: World) -> bool:
        """Whether people live alike in both."""
        return (
            self.parameters == other.parameters
            and self.slate == other.slate
            and all(
                np.array_equal(getattr(self.items, f.name), getattr(other.items, f.name))
                for f in fields(Items)
            )
        )

    def takes(self, policy: Policy, name: str) -> Policy:
        """The policy; raises `ResultError` for one that was made for another world."""
        try:
            check_world(policy, self.parameters, self.items, slate=self.slate, name=name)
        except ValueError as error:
            raise ResultError(f"{error} (measured in {self.label})") from None
        return policy


@dataclass(frozen=True)
class InResult:
    """A world of a result."""

    folder: Path
    world: str

    @classmethod
    def of(cls, text: str) -> InResult | None:
        """Of `FOLDER:world`, where the folder is there."""
        folder, colon, name = text.rpartition(":")
        if not colon or not name or not (Path(folder) / "config.yaml").is_file():
            return None
        return cls(Path(folder), name)

    @cached_property
    def config(self) -> dict[str, Any]:
        """The result's config; raises `ResultError` where it or the manifest is damaged."""
        if (self.folder / "manifest.json").exists():
            read_manifest(self.folder)
        return _read(self.folder / "config.yaml", yaml.safe_load)

    def read(self, catalogue: Path | None) -> World:
        """The world; catalogue: the file that its result read, where it read one."""
        label = f"{self.folder}:{self.world}"
        worlds = self.config.get("worlds")
        if not isinstance(worlds, dict) or self.world not in worlds:
            allowed = ", ".join(map(str, worlds)) if isinstance(worlds, dict) else "a result's"
            raise ResultError(f"world: found {label!r}; allowed: {allowed}")
        block = worlds[self.world]
        try:
            parameters = _parameters(block)
            slate = block.get("slate")
            slate = None if slate is None else Slate.model_validate(slate)
            if self.config.get("catalogue") is None:
                return World(label, parameters, synthetic(parameters), slate)
            return self._with_catalogue(label, parameters, slate, catalogue)
        except ValidationError as error:
            raise self._damaged("; ".join(told(error).splitlines())) from None
        except (KeyError, TypeError, AttributeError) as error:
            raise self._damaged(f"damaged ({error!r})") from None

    def _damaged(self, text: str) -> ResultError:
        where = f"{self.folder / 'config.yaml'}: worlds.{self.world}"
        return ResultError(f"{where}: {text}; allowed: the config of a result")

    def _with_catalogue(
        self, label: str, parameters: WorldParameters, slate: Slate | None, catalogue: Path | None
    ) -> World:
        if catalogue is None:
            raise ResultError(
                f"world: {label} has a catalogue from a file that its result does not hold; "
                "allowed: --catalogue FILE, or --world with another"
            )
        block = CatalogueFile.model_validate(self.config["catalogue"] | {"path": str(catalogue)})
        report = read_catalogue(block, parameters)
        known = _read(self.folder / "manifest.json", json.loads).get("catalogue_sha256")
        if known != report.sha256:
            raise ResultError(
                f"--catalogue: found a file with the hash {report.sha256[:12]}; allowed: the one "
                f"of {self.folder}, {str(known)[:12]}"
            )
        return World(label, report.parameters, report.items, slate)


def _read(file: Path, reader: Any) -> dict[str, Any]:
    try:
        data = reader(file.read_text(encoding="utf-8"))
        if not isinstance(data, dict):
            raise ValueError(f"found {type(data).__name__}; allowed: keys and values")
    except (OSError, ValueError, yaml.YAMLError) as error:
        text = " ".join(str(error).split())
        raise ResultError(f"{file}: cannot be read ({text})") from None
    return data


def _parameters(block: Any) -> WorldParameters:
    if "parameters" in block:  # of a run, spelt out
        return WorldParameters.model_validate(block["parameters"])
    known = {key: value for key, value in block.items() if key in WorldBlock.model_fields}
    return WorldBlock.model_validate(known).parameters()


def world_named(text: str, catalogue: Path | None = None, trust: bool = False) -> World:
    """The world of this name; raises `ResultError` where there is none.

    catalogue: the file of a result whose catalogue came from one. trust: see `load_policy`.
    """
    if text in PRESETS:
        return World(text, parameters := world(text), synthetic(parameters))
    if (found := InResult.of(text)) is not None:
        return found.read(catalogue)
    if Path(text).is_file():
        if (own := world_of_side(text, catalogue, trust)) is not None:
            return own
        raise ResultError(
            f"world: {text} does not say which it was made in; allowed: a world by name"
        )
    raise ResultError(
        f"world: found {text!r}; allowed: {', '.join(PRESETS)}, RESULT:world, or a saved policy "
        "that says which world it was made in"
    )


def world_of_side(text: str, catalogue: Path | None = None, trust: bool = False) -> World | None:
    """The world that a side of a comparison comes with; None for one that says none.

    A policy of a result comes with its result's world, another saved policy with the world in its
    file.
    """
    place = place_of(text)
    if place is not None:
        return place.read(catalogue)
    if text in RULES or not Path(text).is_file():
        return None
    made = made_for(loaded(text, trust=trust))
    return None if made is None or made.world is None else _of_file(text, made)


def place_of(text: str) -> InResult | None:
    """Where a side stands in a result: `FOLDER:world/policy`, or a file of its policies."""
    before, slash, _ = text.rpartition("/")
    if slash and not Path(text).is_file():
        return InResult.of(before)
    file = Path(text)
    if not file.is_file() or file.resolve().parent.name != "policies":
        return None
    name, dashes, _ = file.name.partition("--")
    folder = file.parent.parent
    if not dashes or not (folder / "config.yaml").is_file():
        return None
    return InResult(folder, name)


def _of_file(text: str, made: MadeFor) -> World | None:
    try:
        parameters = WorldParameters.model_validate(made.world)
        slate = None if made.slate is None else Slate.model_validate(made.slate)
    except ValidationError as error:
        raise ResultError(f"policy {text}: made_for.{told(error).splitlines()[0]}") from None
    if not made.synthetic:
        return None
    return World(text, parameters, synthetic(parameters), slate)


def loaded(file: str | Path, *, trust: bool = False) -> Policy:
    """`load_policy`, whose refusals are a `ResultError`."""
    try:
        return load_policy(file, trust=trust)
    except (PolicyError, FileNotFoundError) as error:
        raise ResultError(str(error)) from None


def shared_world(
    sides: Sequence[str], named: str | None, catalogue: Path | None = None, trust: bool = False
) -> World:
    """The world in which all of these are measured.

    named: a world by name; None for the one that the sides come with. Raises `ResultError` where
    they come with several, or where a saved policy says none and nobody else does.
    """
    if named is not None:
        return world_named(named, catalogue, trust)
    found = {text: world_of_side(text, catalogue, trust) for text in sides}
    known = [world for world in found.values() if world is not None]
    if not known:
        unknown = [text for text in sides if Path(text).is_file()]
        if unknown:
            raise ResultError(
                f"world: {unknown[0]} does not say which it was made in; allowed: --world with "
                f"{', '.join(PRESETS)} or RESULT:world"
            )
        return world_named("default")
    others = [world for world in known if not world.same_as(known[0])]
    if others:
        raise ResultError(
            f"world: found policies of {known[0].label} and {others[0].label}; allowed: policies "
            "of one world, or --world with the one in which all are measured"
        )
    return known[0]
