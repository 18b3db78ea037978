"""The register: hypotheses with claims, nulls, margins and what had been seen, before the run."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Literal, NamedTuple, Self

from pydantic import Field, ValidationError, model_validator

from ...agents import PPOSettings
from ..blocks import Below, Block, Name, load, once_each, told
from ..config import Evaluation, Experiment, PolicyBlock, WorldBlock
from ..metrics import METRICS
from ..naming import ResultName
from .measures import STATISTICS
from .quantity import Cell, Quantity

_RULES = ("random", "chronological", "greedy")


class Beside(Block):
    """A quantity that is told beside a hypothesis and judges nothing."""

    name: str
    statement: str
    quantity: str

    @model_validator(mode="after")
    def _is_measured(self) -> Self:
        for cell in self.parsed.cells:
            if cell.statistic not in STATISTICS:
                raise ValueError(
                    f"quantity: found {cell.statistic!r}; allowed: {', '.join(STATISTICS)}"
                )
        return self

    @property
    def parsed(self) -> Quantity:
        """The quantity, ready to be evaluated."""
        return Quantity(self.quantity)


class Claim(Beside):
    """What is said to be so: `greater` or `less` than the threshold, by a one-sided t test."""

    test: Literal["greater", "less"]
    threshold: float = 0.0
    added: str = Field("", description="what of it had been seen when it was written; '' nothing")


class Null(Beside):
    """What must be so for a claim to mean what it says.

    `equivalent`: two one-sided t tests reject, at 5 %, that the mean lies outside threshold +-
    margin. `exactly`: every seed gives the threshold, to the bit.
    """

    test: Literal["equivalent", "exactly"]
    threshold: float = 0.0
    margin: float | None = Field(None, gt=0)
    by_construction: bool = Field(
        False, description="cannot come out otherwise unless the code is wrong: no finding"
    )
    added: str = Field("", description="what of it had been seen when it was written; '' nothing")

    @model_validator(mode="after")
    def _is_testable(self) -> Self:
        if (self.test == "equivalent") != (self.margin is not None):
            raise ValueError(
                f"margin: found {self.margin} with test {self.test!r}; allowed: a margin with "
                "'equivalent', none with 'exactly'"
            )
        return self


class Hypothesis(Block):
    """A hypothesis: supported only if all claims hold and all nulls pass."""

    name: str
    title: str
    asked: str = Field(description="statistic, sign and nulls as they were first specified")
    reading: str = Field("", description="how that is read here, and why")
    claims: list[Claim] = Field(min_length=1)
    nulls: list[Null] = Field(min_length=1)
    beside: list[Beside] = Field(default_factory=list)


class Variant(Block):
    """A policy of `policies` in another part: trained again, moved elsewhere, or exploring."""

    of: str
    offset: int = Field(0, ge=0, le=1000, description="trained with seed + offset")
    trained_in: str | None = Field(None, description="world it learned in; where it is measured")
    explore: float = Field(0.0, ge=0, le=1, description="share of leads drawn at random")
    description: str = ""


class Saved(Block):
    """Cells of a finished result whose values and policies are read, not made again."""

    seeds: int = Field(ge=2, le=1000, description="read are 0 to seeds - 1")
    cells: dict[str, list[str]] = Field(description="world: policies")


class Source(NamedTuple):
    """Where a policy comes from: what was trained, in which world, and who holds it."""

    policy: str
    world: str
    offset: int
    explore: float
    result: str | None


class Register(Block):
    """The whole study. Which cells it needs follows from the quantities."""

    name: ResultName
    title: str
    description: str = ""
    seeds: int = Field(10, ge=2, le=1000, description="of rules, which learn nothing")
    trained: int = Field(5, ge=2, le=1000, description="of what is trained here")
    evaluation: Evaluation = Evaluation()
    training: PPOSettings = PPOSettings()
    worlds: dict[str, WorldBlock] = Field(min_length=1)
    policies: dict[str, PolicyBlock] = Field(min_length=1)
    variants: dict[Name, Variant] = Field(default_factory=dict)
    saved: dict[Name, Saved] = Field(default_factory=dict)
    hypotheses: list[Hypothesis] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_what_exists(self) -> Self:
        try:
            _ = self.experiment  # refuses what no experiment may say
        except ValidationError as error:
            raise Below(told(error)) from None
        for name, variant in self.variants.items():
            if variant.of not in self.policies or name in self.policies:
                allowed = ", ".join(self.policies)
                raise ValueError(f"variants.{name}.of: found {variant.of!r}; allowed: {allowed}")
            self._require(f"variants.{name}.trained_in", variant.trained_in, self.worlds)
        for result, saved in self.saved.items():
            for world, policies in saved.cells.items():
                self._require(f"saved.{result}.cells", world, self.worlds)
                for policy in policies:
                    self._require(f"saved.{result}.cells.{world}", policy, self.policies)
        names = [hypothesis.name for hypothesis in self.hypotheses]
        names += [f"{h.name}.{t.name}" for h in self.hypotheses for t in h.claims + h.nulls]
        once_each("hypotheses", names)
        for where, asked in self._asked():
            for cell in asked.parsed.cells:
                self._require(where, cell.world, self.worlds)
                self._require(where, cell.policy, [*self.policies, *self.variants])
            if self.seeds_of(asked.parsed) < 2:
                raise ValueError(f"{where}: rests on fewer than 2 seeds; allowed: 2 or more")
        return self

    def _require(self, where: str, found: str | None, allowed: dict | list) -> None:
        if found is not None and found not in allowed:
            raise ValueError(f"{where}: found {found!r}; allowed: {', '.join(allowed)}")

    def _asked(self) -> list[tuple[str, Beside]]:
        return [
            (f"hypotheses.{hypothesis.name}.{asked.name}", asked)
            for hypothesis in self.hypotheses
            for asked in (*hypothesis.claims, *hypothesis.nulls, *hypothesis.beside)
        ]

    @cached_property
    def experiment(self) -> Experiment:
        """The same worlds, policies and training as an experiment's."""
        return Experiment(
            name=self.name,
            title=self.title,
            seeds=self.trained,
            worlds=self.worlds,
            policies=self.policies,
            cells={world: list(self.policies) for world in self.worlds},
            training=self.training,
            evaluation=self.evaluation,
        )

    def source(self, policy: str, world: str) -> Source:
        """Where a policy that is measured in a world comes from."""
        variant = self.variants.get(policy, Variant(of=policy))
        home = variant.trained_in or world
        holders = (
            name for name, saved in self.saved.items() if variant.of in saved.cells.get(home, [])
        )
        result = next(holders, None)
        return Source(variant.of, home, variant.offset, variant.explore, result)

    def reads(self, cell: Cell) -> str | None:
        """The result that holds the values of a cell; None where they are measured here."""
        known = cell.policy in self.policies and cell.statistic in METRICS
        return self.source(cell.policy, cell.world).result if known else None

    def seeds_of(self, quantity: Quantity) -> int:
        """On how many seeds a quantity rests: as many as every one of its cells has."""
        return min(self._seeds_at(cell) for cell in quantity.cells)

    def _seeds_at(self, cell: Cell) -> int:
        source = self.source(cell.policy, cell.world)
        if source.result is not None:
            return self.saved[source.result].seeds - source.offset
        return self.seeds if self.policies[source.policy].kind in _RULES else self.trained

    def needed(self) -> dict[Cell, int]:
        """Every cell that a quantity names, with the number of its seeds that are looked at."""
        found: dict[Cell, int] = {}
        for _, asked in self._asked():
            quantity = asked.parsed
            for cell in quantity.cells:
                found[cell] = max(found.get(cell, 0), self.seeds_of(quantity))
        return found


def load_register(file: Path) -> Register:
    """Reads and validates a register; raises `ConfigError`."""
    return load(Register, file)
