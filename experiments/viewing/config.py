"""The config of a fit to views: the log, the world that is fitted, and how."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from ...envs.world import PRESETS, WorldParameters, world
from ..blocks import Block, load
from ..config_file import ConfigError
from ..naming import ResultName
from .log_file import LogFile
from .simulated import Reading


class Viewing(Block):
    """Fits a world to a log of views."""

    name: ResultName
    title: str
    description: str = ""
    source: str = Field(min_length=1, description="where the log comes from, and its licence")
    log: LogFile
    world: str = Field("default", description="preset from which the fit starts")
    readings: list[Reading] = Field(
        ["sought", "feed"],
        min_length=1,
        description="how the views came about; the first makes the fitted world",
    )
    items: list[int] = Field(
        [60], min_length=1, description="sizes of the catalogue; the first makes the fitted world"
    )
    people: int = Field(2000, ge=50, le=100_000, description="simulated a try")
    draws: int = Field(100, ge=10, le=10_000, description="of people, for the intervals of a fit")
    lives: int = Field(40, ge=10, le=1000, description="simulations a world, for its marginals")
    seed: int = Field(0, ge=0)

    @field_validator("world")
    @classmethod
    def _world_exists(cls, name: str) -> str:
        if name not in PRESETS:
            raise ValueError(f"found {name!r}; allowed: {', '.join(PRESETS)}")
        return name

    @field_validator("items")
    @classmethod
    def _sizes_build(cls, items: list[int]) -> list[int]:
        for size in items:
            world(overrides={"catalogue": {"items": size}})
        return items

    @field_validator("readings", "items")
    @classmethod
    def _once_each(cls, names: list[Any]) -> list[Any]:
        if len(set(names)) < len(names):
            raise ValueError(f"found {names}; allowed: each once")
        return names

    def resolved(self, sha256: dict[str, str]) -> dict[str, Any]:
        """The config as JSON data; sha256: of the log's files, by role.

        Where files lie differs between machines and is left out; their hashes say what is in them.
        """
        data = self.model_dump(mode="json")
        data["log"]["path"] = None
        if self.log.items is not None:
            data["log"]["items"]["path"] = None
        data["log"]["sha256"] = sha256
        return data

    def start(self, items: int | None = None) -> WorldParameters:
        """The world from which the fit starts; items: size of its catalogue, the first if None."""
        size = self.items[0] if items is None else items
        return world(self.world, overrides={"catalogue": {"items": size}})


def load_viewing(file: Path, log: Path | None = None, items: Path | None = None) -> Viewing:
    """Reads and validates a fit; raises `ConfigError`.

    log, items: files in place of the config's.
    """
    viewing = load(Viewing, file)
    block = viewing.log
    if items is not None and block.items is None:
        raise ConfigError("--items: this config has no log.items block; allowed: one that has")
    if items is not None and block.items is not None:
        block = block.model_copy(update={"items": block.items.model_copy(update={"path": items})})
    if log is not None:
        block = block.model_copy(update={"path": log})
    if block.path is None:
        raise ConfigError("log.path: not given; allowed: --log FILE or the key")
    if block.items is not None and block.items.path is None:
        raise ConfigError("log.items.path: not given; allowed: --items FILE or the key")
    return viewing.model_copy(update={"log": block})
