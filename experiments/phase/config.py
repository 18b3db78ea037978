"""A phase diagram's config: two axes, the world between them, and who is compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ...agents import PPOSettings
from ...envs.world import WorldParameters, altered, world
from ..config import ConfigError, Evaluation, read_yaml, told
from ..naming import ResultName

_PPO = "ppo."


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Axis(_Block):
    """One axis: a parameter of the world, or a setting of PPO (`ppo.gamma`)."""

    parameter: str
    label: str
    values: list[float] = Field(min_length=2, max_length=64)
    scale: Literal["linear", "log"] = "linear"

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if any(a >= b for a, b in zip(self.values, self.values[1:], strict=False)):
            raise ValueError(f"values: found {self.values}; allowed: rising values")
        return self

    def world(self, value: float) -> dict[str, Any]:
        """What this value overrides in the world."""
        if self.parameter.startswith(_PPO):
            return {}
        group, _, name = self.parameter.partition(".")
        found: float | int = int(value) if self.parameter == "calendar.days" else float(value)
        return {group: {name: found}}

    def training(self, value: float) -> dict[str, Any]:
        """What this value overrides in PPO's settings."""
        if not self.parameter.startswith(_PPO):
            return {}
        return {self.parameter.removeprefix(_PPO): value}


class Mark(_Block):
    """A world of note, by its place in the plane."""

    name: str
    x: float
    y: float


class Phase(_Block):
    """A plane of worlds in which long sight is compared with `greedy`, both on the true state."""

    name: ResultName
    title: str
    description: str = ""
    preset: str = "default"
    overrides: dict[str, Any] = Field(default_factory=dict)
    x: Axis
    y: Axis
    marks: list[Mark] = Field(default_factory=list)
    seeds: int = Field(3, ge=2, le=1000)
    training: PPOSettings = Field(PPOSettings(), description="of the long-sighted agent")
    evaluation: Evaluation = Evaluation(people=300)

    @model_validator(mode="after")
    def _every_corner_builds(self) -> Self:
        for x in (self.x.values[0], self.x.values[-1]):
            for y in (self.y.values[0], self.y.values[-1]):
                self.parameters(x, y)
                self.settings(x, y)
        return self

    def parameters(self, x: float, y: float) -> WorldParameters:
        """The world at a place of the plane."""
        between = altered(world(self.preset, overrides=self.overrides), self.x.world(x))
        return altered(between, self.y.world(y))

    def settings(self, x: float, y: float) -> PPOSettings:
        """PPO's settings at a place of the plane."""
        changed = self.x.training(x) | self.y.training(y)
        return PPOSettings.model_validate(self.training.model_dump() | changed)

    def nearest(self, mark: Mark) -> tuple[float, float]:
        """A mark's place on the axes, counted in cells; between two values it lies between them."""

        def place(axis: Axis, value: float) -> float:
            return float(np.interp(value, axis.values, np.arange(len(axis.values))))

        return place(self.x, mark.x), place(self.y, mark.y)


def load_phase(file: Path) -> Phase:
    """Reads and validates a phase diagram; raises `ConfigError`."""
    try:
        return Phase.model_validate(read_yaml(file))
    except ValidationError as error:
        raise ConfigError(f"{file}:\n{told(error)}") from None
