"""The config of a sensitivity analysis: worlds, how far parameters are moved, and how often."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import annotated_types
from pydantic import BaseModel, Field, model_validator

from ...envs.world import WorldParameters, altered, world
from ..blocks import Block, load, once_each
from ..config import Evaluation
from ..naming import ResultName

#: What is no assumption about people or content: the clock, sizes, seeds and what is paid for.
FIXED = frozenset(
    {
        *("calendar.slots_per_day", "calendar.days", "population.topics"),
        *("catalogue.items", "catalogue.seed", "catalogue.civic_items", "catalogue.creators"),
        # Minutes are told in units of the dose, whose reference is moved.
        *("catalogue.sponsored", "watching.longest", "watching.minutes"),
    }
)
_GROUPS_LEFT_OUT = ("objective",)


class Sensitivity(Block):
    """Moves every assumption of each world by up to `reach` of its value, all at once."""

    name: ResultName
    title: str
    description: str = ""
    worlds: list[str] = Field(["default", "vulnerable"], min_length=1)
    reach: float = Field(0.5, gt=0, le=1, description="share of a value by which it is moved")
    trajectories: int = Field(20, ge=2, le=1000, description="of Morris' design")
    draws: int = Field(300, ge=10, le=100_000, description="of a Latin hypercube, for the shares")
    seed: int = Field(0, ge=0)
    evaluation: Evaluation = Evaluation(people=250)

    @model_validator(mode="after")
    def _worlds_can_be_moved(self) -> Self:
        once_each("worlds", self.worlds)
        for name in self.worlds:
            try:
                knobs_of(world(name), self.reach)
            except ValueError as error:
                raise ValueError(f"worlds: {error}") from None
        return self


@dataclass(frozen=True)
class Knob:
    """One parameter and the range it is moved in."""

    path: str
    low: float
    high: float

    def override(self, value: float) -> dict[str, Any]:
        """The override that sets it."""
        group, _, name = self.path.partition(".")
        return {group: {name: float(value)} if name else float(value)}


def knobs_of(parameters: WorldParameters, reach: float) -> list[Knob]:
    """Every real parameter with its value +- `reach` of it, cut to what is admissible.

    A parameter that is 0 cannot be moved by a share of itself and is left out, as is what `FIXED`
    names.
    """
    knobs = []
    for path, block, value in _real(parameters):
        low, high = _admissible(block, path.rpartition(".")[2])
        low, high = max(low, value - reach * abs(value)), min(high, value + reach * abs(value))
        if path not in FIXED and low < high:
            knobs.append(_cut(parameters, Knob(path, low, high), value))
    return knobs


def _real(parameters: WorldParameters) -> Iterator[tuple[str, type[BaseModel], float]]:
    """Path, the model that holds it and value of every real parameter."""
    for group, block in parameters:
        if isinstance(block, float):
            yield group, WorldParameters, block
        elif isinstance(block, BaseModel) and group not in _GROUPS_LEFT_OUT:
            for name, value in block:
                if isinstance(value, float):
                    yield f"{group}.{name}", type(block), value


def _admissible(block: type[BaseModel], name: str) -> tuple[float, float]:
    low, high = float("-inf"), float("inf")
    for bound in block.model_fields[name].metadata:
        if isinstance(bound, annotated_types.Ge):
            low = float(bound.ge)  # type: ignore[arg-type]
        if isinstance(bound, annotated_types.Le):
            high = float(bound.le)  # type: ignore[arg-type]
    return low, high


def _cut(parameters: WorldParameters, knob: Knob, value: float) -> Knob:
    """The knob with an upper end at which the world builds, halved toward its value until so."""
    high = knob.high
    while True:
        try:
            altered(parameters, knob.override(high))
            return Knob(knob.path, knob.low, high)
        except ValueError:
            high = 0.5 * (high + value)


def moved(parameters: WorldParameters, knobs: list[Knob], values: list[float]) -> WorldParameters:
    """The world with its knobs at these values."""
    overrides: dict[str, Any] = {}
    for knob, value in zip(knobs, values, strict=True):
        for group, setting in knob.override(value).items():
            if isinstance(setting, dict):
                overrides.setdefault(group, {}).update(setting)
            else:
                overrides[group] = setting
    return altered(parameters, overrides)


def load_sensitivity(file: Path) -> Sensitivity:
    """Reads and validates a sensitivity analysis; raises `ConfigError`."""
    return load(Sensitivity, file)
