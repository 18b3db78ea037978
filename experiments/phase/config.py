"""A phase diagram's config: two axes, the world between them, and who is compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from ...agents import PPOSettings
from ...envs.world import WorldParameters, altered, world
from ..blocks import Block, below, load
from ..config import Evaluation
from ..feasible import check_measuring, check_training
from ..naming import ResultName

_PPO = "ppo."


class Axis(Block):
    """One axis: a parameter of the world, or a setting of PPO (`ppo.gamma`)."""

    parameter: str
    label: str
    values: list[float] = Field(min_length=2, max_length=64)
    scale: Literal["linear", "log"] = "linear"

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if any(a >= b for a, b in zip(self.values, self.values[1:], strict=False)):
            raise ValueError(f"values: found {self.values}; allowed: rising values")
        if self.scale == "log" and self.values[0] <= 0:
            raise ValueError(f"values: found {self.values[0]:g} on a log scale; allowed: above 0")
        return self

    def world(self, value: float) -> dict[str, Any]:
        """What this value overrides in the world."""
        if self.parameter.startswith(_PPO):
            return {}
        group, _, name = self.parameter.partition(".")
        default = getattr(getattr(WorldParameters(), group, None), name, None)
        return {group: {name: _like(default, value)} if name else _like(default, value)}

    def training(self, value: float) -> dict[str, Any]:
        """What this value overrides in PPO's settings."""
        if not self.parameter.startswith(_PPO):
            return {}
        name = self.parameter.removeprefix(_PPO)
        return {name: _like(getattr(PPOSettings(), name, None), value)}


def _like(default: Any, value: float) -> float | int:
    """The value as a whole number where the default is one; a switch or a text takes neither."""
    whole = isinstance(default, int) and not isinstance(default, bool) and float(value).is_integer()
    return int(value) if whole else float(value)


class Mark(Block):
    """A world of note, by its place in the plane."""

    name: str
    x: float
    y: float


class Phase(Block):
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
    def _every_edge_builds(self) -> Self:
        if self.x.parameter == self.y.parameter:
            raise ValueError(f"y.parameter: found {self.y.parameter!r}, as in x; allowed: another")
        with below("overrides"):
            world(self.preset, overrides=self.overrides)
        edges = [(x, y) for x in self.x.values for y in (self.y.values[0], self.y.values[-1])]
        edges += [(x, y) for y in self.y.values for x in (self.x.values[0], self.x.values[-1])]
        for x, y in dict.fromkeys(edges):
            where = f"x, y (at {x:g}, {y:g})"
            with below(where):
                parameters, settings = self.parameters(x, y), self.settings(x, y)
            check_training(where, parameters, settings, observation="oracle")
            items = parameters.catalogue.items
            check_measuring(where, self.evaluation.people, items, observation="oracle")
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
    return load(Phase, file)
