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
from .nulls import NULLS, Mechanism
from .studies import STATISTICS


class Quantity(Block):
    """One statistic of a study."""

    statistic: str
    means: str = Field(description="what the number is, with its unit")

    @model_validator(mode="after")
    def _is_measured(self) -> Self:
        if self.statistic not in STATISTICS:
            allowed = ", ".join(STATISTICS)
            raise ValueError(f"statistic: found {self.statistic!r}; allowed: {allowed}")
        return self


class Part(Quantity):
    """One statistic of a study and the band in which its mean must lie; null is an open end."""

    band: tuple[float | None, float | None] = Field(strict=False)

    @model_validator(mode="after")
    def _can_be_met(self) -> Self:
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
    about: list[Mechanism] = Field(
        default_factory=list, description="mechanisms that the finding is about"
    )
    applies: list[Mechanism] = Field(
        default_factory=list,
        description="if it is about none: mechanisms that could change its statistics",
    )
    because: str = Field("", description="why these")
    parts: list[Part] = Field(min_length=1)

    @property
    def held_against(self) -> list[Mechanism]:
        """The mechanisms without which the row must be missed, to count."""
        return self.about or self.applies

    def has_its_nulls(self) -> None:
        """Raises `ValueError` where it is not stated which null worlds the row is held against."""
        if bool(self.about) == bool(self.applies):
            raise ValueError(
                f"rows: row {self.row}: found about: {self.about}, applies: {self.applies}; "
                f"allowed: one of the two, of {', '.join(NULLS)}"
            )
        if not self.because:
            raise ValueError(f"rows: row {self.row}: found no `because`; allowed: a reason")


class Answering(Block):
    """What answers: `default` with overrides, and the fit's where `fitted`; see `Answerer.of`."""

    description: str
    overrides: dict[str, Any] = Field(default_factory=dict)
    fitted: bool = False
    set_to: list[int] = Field(
        default_factory=list,
        description="rows that its parameters or its form were chosen for, besides the fit's",
    )

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
    asked_then: dict[str, str] = Field(
        default_factory=dict,
        exclude_if=lambda asked: not asked,
        description="for a statistic of the blocks, which one the fit was asked for under its name",
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
        _has_engine(self.engine)
        return self

    @model_validator(mode="after")
    def _asked_for_what_is_measured(self) -> Self:
        names = {name for block in self.blocks for name in block.statistics}
        for name, then in self.asked_then.items():
            if name not in names or then not in STATISTICS:
                raise ValueError(
                    f"asked_then: found {name}: {then}; allowed: a statistic of the blocks, and "
                    "one that a study gives"
                )
        return self


class Nulls(Block):
    """How the null column is made, see `nulls.py`."""

    seeds: int = Field(ge=2, le=1000, description="the first so many of the suite's")
    engine: Literal["numpy", "numba"] = "numpy"

    @model_validator(mode="after")
    def _engine_is_there(self) -> Self:
        _has_engine(self.engine)
        return self


def _has_engine(engine: str) -> None:
    if (why := missing(engine)) is not None:
        raise ValueError(f"engine: found {engine!r}, but {why}")


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
    context: list[Quantity] = Field(
        default_factory=list, description="what is printed beside the rows and asked of nobody"
    )
    nulls: Nulls | None = None
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
            if strange := set(answering.set_to) - set(numbers):
                raise ValueError(f"set_to: found {sorted(strange)}; allowed: {numbers}")
        if self.nulls is not None:
            if self.nulls.seeds > self.seeds:
                raise ValueError(
                    f"nulls.seeds: found {self.nulls.seeds}; allowed: 2 to {self.seeds}"
                )
            for row in self.rows:
                row.has_its_nulls()
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

    def fitted_rows(self, world: str) -> list[int]:
        """The rows that a world's parameters or form were chosen for."""
        answering = self.worlds[world]
        blocks = self.fit.blocks if self.fit is not None and answering.fitted else []
        asked = {name for block in blocks for name in block.statistics}
        return [
            row.row
            for row in self.rows
            if row.row in answering.set_to or asked & {part.statistic for part in row.parts}
        ]

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
