"""`validity.yaml`: the rows of evidence with their bands, the worlds that answer, and the fit."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, PositiveFloat, model_validator

from ...agents import PPOSettings
from ...envs.feed_batch import missing
from ..blocks import Block, Name, below, load, once_each
from ..feasible import check_training
from ..naming import ResultName
from .answerer import Answerer
from .studies import STATISTICS


class Part(Block):
    """One statistic of a study and the band in which its mean must lie; null is an open end."""

    statistic: str
    means: str = Field(description="what the number is, with its unit")
    band: tuple[float | None, float | None] = Field(strict=False)

    @model_validator(mode="after")
    def _can_be_met(self) -> Self:
        if self.statistic not in STATISTICS:
            allowed = ", ".join(STATISTICS)
            raise ValueError(f"statistic: found {self.statistic!r}; allowed: {allowed}")
        low, high = self.band
        if (low is None and high is None) or (None not in self.band and low >= high):  # type: ignore[operator]
            raise ValueError(f"band: found {list(self.band)}; allowed: low < high, one may be null")
        return self

    def inset(self, depth: float) -> Part:
        """The same with each end of the band that is not open drawn in; raises `ValueError`."""
        low, high = self.band
        if low is not None and high is not None and depth >= 0.5 * (high - low):
            raise ValueError(
                f"inset.{self.statistic}: found {depth}; allowed: less than half the width of "
                f"its band, {list(self.band)}"
            )
        inner = (None if low is None else low + depth, None if high is None else high - depth)
        return self.model_copy(update={"band": inner})

    def meets(self, value: float | None) -> bool:
        """Whether a mean lies in the band; an undefined one does not."""
        low, high = self.band
        return (
            value is not None and (low is None or value >= low) and (high is None or value <= high)
        )


class Row(Block):
    """One published finding and its simulated copy."""

    row: int = Field(ge=1)
    source: str
    sure: str
    published: str
    design: str
    held_out: bool = Field(False, description="not used by the fit, only reported")
    imposed: bool = Field(False, description="met by design: an input, not a test")
    counted: bool = Field(True, description="whether it counts as testable")
    parts: list[Part] = Field(min_length=1)


class Answering(Block):
    """What answers: `default` with overrides, and the fit's where `fitted`; see `Answerer.of`."""

    description: str
    overrides: dict[str, Any] = Field(default_factory=dict)
    fitted: bool = False

    @model_validator(mode="after")
    def _builds(self) -> Self:
        with below("overrides"):
            Answerer.of(self.overrides)
        return self


class Knob(Block):
    """A free parameter of the fit and the range it may move in."""

    parameter: str = Field(description="its path, such as habit.gain")
    low: float
    high: float
    why: str = Field("", description="why this range")

    @model_validator(mode="after")
    def _is_a_parameter(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"low, high: found {self.low}, {self.high}; allowed: low < high")
        for value in (self.low, self.high):
            with below("low, high"):
                Answerer.of(self.override(value)).value_of(self.parameter)
        return self

    def override(self, value: float) -> dict[str, Any]:
        """The override that sets it."""
        group, _, name = self.parameter.partition(".")
        return {group: {name: float(value)}}


class FitBlock(Block):
    """Parameters that are fitted together, and the statistics that identify them."""

    name: str
    why: str
    knobs: list[Knob] = Field(min_length=1)
    statistics: list[str] = Field(min_length=1)
    screened: int = Field(
        ge=1, le=1024, description="points tried before the search, a power of two"
    )
    rounds: int = Field(ge=0, le=1000, description="most rounds of the search")
    crossers: int | None = Field(
        None, ge=10, description="people where crossings count, if not the fit's"
    )
    nearness: float = Field(
        0.0, ge=0, description="weight of squared distances from the default, in ranges"
    )
    inset: dict[str, PositiveFloat] = Field(
        default_factory=dict,
        exclude_if=lambda inset: not inset,
        description="how far inside its band's ends a statistic is asked to lie, in its own unit",
    )

    @model_validator(mode="after")
    def _insets_what_it_asks(self) -> Self:
        for name in self.inset:
            if name not in self.statistics:
                raise ValueError(
                    f"inset: found {name!r}; allowed: statistics of the block: "
                    + ", ".join(self.statistics)
                )
        once_each("knobs", [knob.parameter for knob in self.knobs])
        once_each("statistics", self.statistics)
        return self


class Fit(Block):
    """The fit: block by block, in order, each from what the blocks before found."""

    seed: int = Field(ge=0, description="whose people are fitted to; none is measured later")
    people: int = Field(300, ge=10)
    crossers: int = Field(300, ge=10, description="people where crossings, which are rare, count")
    engine: Literal["numpy", "numba"] = "numpy"
    passes: int = Field(1, ge=1, le=10, description="times through the blocks")
    start: dict[str, Any] = Field(
        default_factory=dict,
        exclude_if=lambda start: not start,
        description="what of `default` is another before the fit begins",
    )
    blocks: list[FitBlock] = Field(min_length=1)

    @model_validator(mode="after")
    def _starts(self) -> Self:
        with below("start"):
            Answerer.of(self.start)
        once_each("blocks", [block.name for block in self.blocks])
        return self

    @model_validator(mode="after")
    def _engine_is_there(self) -> Self:
        if (why := missing(self.engine)) is not None:
            raise ValueError(f"engine: found {self.engine!r}, but {why}")
        return self


class Validity(Block):
    """The whole suite."""

    name: ResultName
    title: str
    seeds: int = Field(ge=2, le=1000)
    people: int = Field(1000, ge=10, le=100_000)
    crossers: int | None = Field(
        None, ge=10, le=100_000, description="people where crossings, which are rare, count"
    )
    training: PPOSettings = PPOSettings()
    worlds: dict[Name, Answering] = Field(min_length=1)
    rows: list[Row] = Field(min_length=1)
    fit: Fit | None = None
    ensemble: int | None = Field(
        None,
        ge=2,
        le=1000,
        description="worlds of the fit's last block inside all its bands, held to held-out rows",
    )

    @model_validator(mode="after")
    def _fits_what_may_be_fitted(self) -> Self:
        numbers = [row.row for row in self.rows]
        if len(set(numbers)) < len(numbers):
            raise ValueError(f"rows: found {numbers}; allowed: each row once")
        for name, answering in self.worlds.items():
            parameters = Answerer.of(answering.overrides).parameters
            check_training(f"training, in {name}", parameters, self.training)
        if self.fit is None:
            if any(answering.fitted for answering in self.worlds.values()):
                raise ValueError("worlds: found one that is fitted; allowed: with a `fit` block")
            if self.ensemble is not None:
                raise ValueError(f"ensemble: found {self.ensemble}; allowed: with a `fit` block")
            return self
        free = {part.statistic for row in self.rows if not row.held_out for part in row.parts}
        for block in self.fit.blocks:
            for name in block.statistics:
                if name not in free:
                    raise ValueError(
                        f"fit.blocks.{block.name}.statistics: found {name!r}; allowed: "
                        "statistics of rows that are not held out"
                    )
            self.asked(block)
        return self

    def part(self, statistic: str) -> Part:
        """The part that asks for a statistic."""
        return next(p for row in self.rows for p in row.parts if p.statistic == statistic)

    def asked(self, block: FitBlock) -> list[Part]:
        """What a block of the fit asks for, in the order of its statistics, each band inset."""
        return [
            self.part(name).inset(block.inset[name]) if name in block.inset else self.part(name)
            for name in block.statistics
        ]


def load_validity(file: Path) -> Validity:
    """Reads and validates the suite; raises `ConfigError`."""
    return load(Validity, file)
