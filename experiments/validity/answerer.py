"""What answers a suite: a world, and the recommender that ranks there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ...envs.world import WorldParameters, altered, world
from ...envs.world.parameters import PRESETS

_OUTSIDE = "recommender"  # the group of overrides that no world has
_TEMPERATURE, _RANDOM = "temperature", "random"


@dataclass(frozen=True)
class Answerer:
    """A world, and the temperature of its recommender (`recommender.py`); 0 is greedy.

    random: whether a random feed stands in the place of the ranked one.
    """

    parameters: WorldParameters
    temperature: float = 0.0
    random: bool = False

    @classmethod
    def of(cls, overrides: Mapping[str, Any]) -> Answerer:
        """`default` with these overrides; those of `recommender` are `temperature` and `random`."""
        return cls(world("default")).altered(overrides)

    def altered(self, overrides: Mapping[str, Any]) -> Answerer:
        """With some parameters replaced; raises `ValueError` that names the field."""
        inside = {group: values for group, values in overrides.items() if group != _OUTSIDE}
        outside = overrides.get(_OUTSIDE, {})
        if not isinstance(outside, Mapping):
            raise ValueError(f"{_OUTSIDE}: found {outside!r}; allowed: {_TEMPERATURE}: NUMBER")
        found = dict(outside)
        temperature = found.pop(_TEMPERATURE, self.temperature)
        random = found.pop(_RANDOM, self.random)
        if found:
            unknown = ", ".join(map(str, found))
            raise ValueError(f"{_OUTSIDE}: found {unknown}; allowed: {_TEMPERATURE}, {_RANDOM}")
        number = isinstance(temperature, int | float) and not isinstance(temperature, bool)
        if not number or not 0 <= temperature <= 10:
            raise ValueError(f"{_OUTSIDE}.{_TEMPERATURE}: found {temperature!r}; allowed: 0 to 10")
        if not isinstance(random, bool):
            raise ValueError(f"{_OUTSIDE}.{_RANDOM}: found {random!r}; allowed: true, false")
        return Answerer(altered(self.parameters, inside), float(temperature), random)

    def value_of(self, path: str) -> float:
        """A parameter by its path, such as habit.gain or recommender.temperature."""
        group, name = path.split(".")
        if group == _OUTSIDE:
            return self.temperature
        return float(getattr(getattr(self.parameters, group), name))

    @property
    def vulnerable(self) -> WorldParameters:
        """The same world among the people of the `vulnerable` preset."""
        return altered(self.parameters, PRESETS["vulnerable"])

    def as_dict(self) -> dict[str, Any]:
        """JSON data that tells it from others."""
        told = self.parameters.model_dump(mode="json")
        ranks: dict[str, Any] = {_TEMPERATURE: self.temperature}
        return told | {_OUTSIDE: ranks | ({_RANDOM: True} if self.random else {})}
