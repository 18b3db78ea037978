"""The config of `undertow tiny`; unknown keys and values out of range are refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from ...agents import PPOSettings
from ...envs.tiny import TinyParameters
from ...envs.world import PRESETS
from ..blocks import Block, Name, below, load, once_each
from ..feasible import check_memory
from ..naming import ResultName


class TinyWorldBlock(Block):
    """A tiny world: the median person of a preset, with single parameters changed."""

    preset: str = "vulnerable"
    description: str = ""
    changes: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _builds(self) -> Self:
        with below("changes"):
            parameters = self.parameters()
        states = parameters.stances * parameters.habits * parameters.regrets
        cells = states * parameters.satiations**2 * parameters.items
        # Of each state and action: 64 states that follow, with their chances and their rows.
        found = f"a grid of {cells:,} states and actions"
        check_memory("changes", found, 64 * 3 * 8.0 * cells)
        return self

    def parameters(self) -> TinyParameters:
        """The validated parameters."""
        return TinyParameters.median(self.preset, **self.changes)


class PeopleBlock(Block):
    """People drawn from presets of the big world, each planned for by itself."""

    count: int = Field(20, ge=3, le=10_000)
    seed: int = Field(ge=0, lt=2**62)
    presets: list[str] = Field(min_length=1)
    pulls: list[float] = Field(min_length=1)


class FrontierBlock(Block):
    """The most minutes for each price of drift, in one of the worlds."""

    world: str
    gamma: float = Field(ge=0, le=0.999)
    multipliers: list[float] = Field(min_length=2)


class LearningBlock(Block):
    """PPO's trainings, one for each world, gamma and seed."""

    seeds: int = Field(5, ge=2, le=1000)
    worlds: list[str] = Field(min_length=1)
    gammas: list[float] = Field(min_length=1)
    training: PPOSettings
    exploring: float = Field(
        0.0, ge=0, le=1, description="share of training's lives that start in any state at all"
    )


class TinyHypothesis(Block):
    """A statement, with what is measured, of whom and where; `added` as in other experiments.

    value_share: PPO's value over the optimum's. drift: that of the policy less the neutral feed's.
    investment: its drift less that of gamma 0, seed by seed. drift_error: PPO's drift less the
    optimum's. Of the optimum there is one exact number, so a test is a comparison.
    """

    name: str
    statement: str
    quantity: Literal["value_share", "drift", "investment", "drift_error"]
    of: Literal["ppo", "optimum"]
    world: str
    gamma: float
    test: Literal["greater", "less", "equivalent"]
    threshold: float = 0.0
    margin: float | None = Field(None, gt=0)
    added: str = ""

    @model_validator(mode="after")
    def _is_testable(self) -> Self:
        if (self.test == "equivalent") != (self.margin is not None):
            raise ValueError(
                f"margin: found {self.margin} with test {self.test!r}; allowed: a margin with "
                "'equivalent', none with the others"
            )
        if self.of == "optimum" and self.quantity in ("value_share", "drift_error"):
            raise ValueError(f"of: found 'optimum' for {self.quantity}; allowed: ppo")
        return self


class TinyStudy(Block):
    """The whole study."""

    name: ResultName
    title: str
    description: str = ""
    margin: float = Field(0.01, gt=0, description="drift, in units of stance, that counts as moved")
    gammas: list[float] = Field(min_length=2)
    pulls: list[float] = Field(min_length=2, description="for the map, of the world `map`")
    map: str
    worlds: dict[Name, TinyWorldBlock] = Field(min_length=1)
    people: PeopleBlock
    frontier: FrontierBlock
    losses: list[float] = Field(
        [0.003, 0.01], min_length=1, description="shares of the optimal value given up, of `near`"
    )
    learning: LearningBlock
    hypotheses: list[TinyHypothesis] = Field(default_factory=list)

    @model_validator(mode="after")
    def _names_what_exists(self) -> Self:
        for where, name in (
            ("map", self.map),
            ("frontier.world", self.frontier.world),
            *(("learning.worlds", name) for name in self.learning.worlds),
            *((f"hypotheses.{h.name}.world", h.world) for h in self.hypotheses),
        ):
            if name not in self.worlds:
                raise ValueError(f"{where}: found {name!r}; allowed: {', '.join(self.worlds)}")
        for where, gammas in (("gammas", self.gammas), ("learning.gammas", self.learning.gammas)):
            if gammas != sorted(set(gammas)) or gammas[0] != 0 or gammas[-1] > 0.999:
                raise ValueError(f"{where}: found {gammas}; allowed: rising from 0 to at most .999")
        for preset in self.people.presets:
            if preset not in PRESETS:
                raise ValueError(f"people.presets: found {preset!r}; allowed: {', '.join(PRESETS)}")
        once_each("people.presets", self.people.presets)
        once_each("people.pulls", self.people.pulls)
        once_each("pulls", self.pulls)
        once_each("learning.worlds", self.learning.worlds)
        once_each("hypotheses", [h.name for h in self.hypotheses])
        for pull in (*self.pulls, *self.people.pulls):
            if not 0 <= pull <= 1.6:
                raise ValueError(f"pulls: found {pull}; allowed: 0 to 1.6")
        for loss in self.losses:
            if not 0 < loss < 1:
                raise ValueError(f"losses: found {loss}; allowed: between 0 and 1")
        for h in self.hypotheses:
            allowed = self.learning.gammas if h.of == "ppo" else self.gammas
            if h.gamma not in allowed:
                raise ValueError(f"hypotheses.{h.name}.gamma: found {h.gamma}; allowed: {allowed}")
            if h.of == "ppo" and h.world not in self.learning.worlds:
                raise ValueError(
                    f"hypotheses.{h.name}.world: found {h.world!r}; allowed: where PPO is trained"
                )
        return self

    def resolved(self) -> dict[str, Any]:
        """With every default filled in and every world's parameters spelt out."""
        data = self.model_dump(mode="json")
        for name, block in self.worlds.items():
            data["worlds"][name]["parameters"] = block.parameters().model_dump(mode="json")
        return data


def load_study(file: Path) -> TinyStudy:
    """Reads and validates a config; raises `ConfigError`."""
    return load(TinyStudy, file)
