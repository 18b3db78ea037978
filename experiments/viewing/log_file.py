"""Real input: logged views from a CSV or Parquet file, by the rules stated here.

**A row** is a view: a user, an item, a time, and perhaps minutes and a rating. Where the log also
has rows that are no views (impressions without a click), `event` and `event_value` say which are.

**Topics** are those of a catalogue file (`catalogue_file.topics_of`): the K-1 most frequent first
tags, the rest by their other tags or by CRC-32. Tags stand in a file of items, one row an item, or
in a column of the log, where the first row of an item that has one counts. The civic topic is left
empty: no real item is given a stance.

**Time** becomes the slot of the world's clock: the number of whole slots since 1970, or since 0 for
a log that counts in slots.

**Repairs**, counted, with the first rows named: a row without user, item or time is left out; of
rows with the same user, item and time the first is kept; minutes that are missing or not above 0
are unknown, and so is a missing rating; an item without a tag, or that the file of items does not
have, is `unknown`. Everything else is refused, naming file, row and column.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from ...envs.world import WorldParameters
from ..blocks import Block, FilePath
from ..catalogue_file import UNKNOWN, ids_of, topics_of
from ..table_file import Encoding, Table, TableError, read_table
from .views import Ints, Real, Views

_LATEST = 4_102_444_800  # seconds since 1970: the year 2100; a later time is a mistake in the unit
_LONGEST = 24 * 60  # minutes; a longer view is a mistake in the file or in minutes_unit
_MINUTES = {"s": 1 / 60, "ms": 1 / 60_000, "min": 1.0}


class LogColumns(Block):
    """Which column of the log holds what."""

    user: str = Field(min_length=1, description="who watched")
    item: str = Field(min_length=1, description="what was watched")
    time: str = Field(min_length=1, description="when")
    time_unit: Literal["s", "ms", "iso", "slot"] = Field(
        "s", description="seconds or milliseconds since 1970, ISO dates and times, or slots"
    )
    minutes: str | None = Field(None, min_length=1, description="how long")
    minutes_unit: Literal["s", "ms", "min"] = Field(
        "min", description="unit of minutes that are numbers"
    )
    rating: str | None = Field(None, min_length=1, description="what they said of it, a number")
    topic: str | None = Field(None, min_length=1, description="tags, if no file of items has them")
    event: str | None = Field(None, min_length=1, description="what kind of row it is")
    event_value: str | None = Field(None, min_length=1, description="the value that marks a view")

    @model_validator(mode="after")
    def _event_has_a_value(self) -> Self:
        if (self.event is None) != (self.event_value is None):
            raise ValueError(
                f"found event = {self.event!r} and event_value = {self.event_value!r}; allowed: "
                "both (a column, and its value for a view) or neither"
            )
        return self

    def names(self) -> dict[str, str]:
        """Role to column, for the roles that have one."""
        roles = ("user", "item", "time", "minutes", "rating", "topic", "event")
        return {role: name for role in roles if (name := getattr(self, role)) is not None}


class ItemsFile(Block):
    """A file with one row an item, which has its tags."""

    path: FilePath | None = Field(None, description="CSV or Parquet; or given on the command line")
    id: str = Field(min_length=1, description="column of the item's name in the log")
    topic: str = Field(min_length=1, description="column of tags, separated by commas")


class LogFile(Block):
    """The block `log:` of a config: a file of views, and perhaps one of items."""

    path: FilePath | None = Field(None, description="CSV or Parquet; or given on the command line")
    columns: LogColumns
    items: ItemsFile | None = None
    encoding: Encoding = Field("utf-8", description="text encoding of CSV files")

    @model_validator(mode="after")
    def _tags_stand_somewhere(self) -> Self:
        if (self.items is None) == (self.columns.topic is None):
            raise ValueError(
                f"found columns.topic = {self.columns.topic!r} "
                f"{'without' if self.items is None else 'beside'} items; allowed: one of the two"
            )
        return self


@dataclass(frozen=True)
class LogReport:
    """A log read from its files, and what was done to it."""

    views: Views
    repairs: list[str]
    """One line a kind of repair; empty for a clean log."""
    summary: dict[str, int]
    """Counts of the log."""
    topics: tuple[str, ...]
    """Label of each topic."""
    sha256: dict[str, str]
    """Of the files, by role: `log`, and `items` where there is one."""


def read_log(config: LogFile, parameters: WorldParameters) -> LogReport:
    """Reads, checks and repairs a log by the rules at the head of this module.

    parameters: the world whose topics and clock it is told in. Raises `TableError` for a file that
    cannot be used.
    """
    if config.path is None:
        raise TableError("log.path: found none; allowed: a CSV or Parquet file")
    columns = config.columns
    units = {"minutes": columns.minutes_unit}
    table = read_table(config.path, columns.names(), config.encoding, units)
    rows = _views_of(table, columns.event_value)
    for role in ("user", "item", "time"):
        cells = table.cells[role]
        lacking = [i for i in rows if cells[i] is None]
        table.repair(role, lacking, "missing: left out")
        gone = set(lacking)
        rows = [i for i in rows if i not in gone]
    if not rows:
        raise table.error("found no row with user, item and time; allowed: one or more")
    seconds = _times(table, rows, columns.time_unit)
    rows, seconds = _without_doubles(table, rows, seconds)
    minutes = _numbers(table, "minutes", rows, _minutes_reader(columns.minutes_unit))
    rating = _numbers(table, "rating", rows, _rating)
    user = _codes([str(table.cells["user"][i]) for i in rows])
    names = [str(table.cells["item"][i]) for i in rows]
    item_names, topic, labels, shas = _items(config, table, rows, names, parameters)
    number = {name: j for j, name in enumerate(item_names)}
    item = np.array([number[name] for name in names], dtype=np.int64)
    day = 24 * 3600 / parameters.calendar.slots_per_day
    length = 1.0 if columns.time_unit == "slot" else day
    views = Views(user, item, (seconds // length).astype(np.int64), minutes, rating, topic)
    table.counts |= {
        "views": len(views),
        "users": int(user.max()) + 1,
        "items": len(item_names),
        "items_viewed": len(set(names)),
        "with_minutes": int(np.isfinite(minutes).sum()),
        "with_rating": int(np.isfinite(rating).sum()),
        "topics": len(labels),
    }
    return LogReport(views, table.repairs, table.counts, labels, {"log": table.sha256} | shas)


def _views_of(table: Table, mark: str | None) -> list[int]:
    """Rows (from 0) that are views."""
    every = list(range(table.counts["rows"]))
    if "event" not in table.cells:
        return every
    cells = table.cells["event"]
    views = [i for i in every if cells[i] == mark]
    table.counts["rows_that_are_no_view"] = len(every) - len(views)
    if not views:
        found = ", ".join(sorted({repr(cell) for cell in cells})[:5])
        raise table.error(f"found {found}; allowed: {mark!r} in one row or more", "event")
    return views


def _times(table: Table, rows: Sequence[int], unit: str) -> Real:
    """Seconds since 1970, or slots; one for each of `rows`."""
    return np.array([_time(table, i, str(table.cells["time"][i]), unit) for i in rows])


def _time(table: Table, row: int, cell: str, unit: str) -> float:
    if unit == "iso":
        try:
            moment = datetime.fromisoformat(cell)
        except ValueError as error:
            allowed = "an ISO date and time such as 2022-04-09T18:30"
            raise table.error(f"found {cell!r}; allowed: {allowed}", "time", row) from error
        seconds = moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    else:
        try:
            seconds = float(cell) * (0.001 if unit == "ms" else 1.0)
        except ValueError:
            seconds = math.nan
    if not 0 <= seconds < _LATEST:
        what = {"slot": "a number of slots", "iso": "a time", "s": "seconds", "ms": "milliseconds"}
        allowed = f"{what[unit]} from 0 (1970) to the year 2100 (or name another time_unit)"
        raise table.error(f"found {cell!r}; allowed: {allowed}", "time", row)
    return seconds


def _without_doubles(table: Table, rows: Sequence[int], seconds: Real) -> tuple[list[int], Real]:
    """Rows and their times, less those that repeat user, item and time of an earlier one."""
    seen: set[tuple[str | None, str | None, float]] = set()
    kept: list[int] = []
    doubles: list[int] = []
    for place, (i, when) in enumerate(zip(rows, seconds.tolist(), strict=True)):
        key = (table.cells["user"][i], table.cells["item"][i], when)
        (doubles if key in seen else kept).append(place)
        seen.add(key)
    table.counts["doubles"] = len(doubles)
    if doubles:
        first = ", ".join(str(rows[place] + 1) for place in doubles[:5])
        more = ", ..." if len(doubles) > 5 else ""
        rule = "repeat user, item and time of an earlier row: left out"
        table.repairs.append(f"{len(doubles)} rows {rule} (rows {first}{more})")
    return [rows[place] for place in kept], seconds[kept]


def _minutes_reader(unit: str) -> Callable[[Table, int, str], float]:
    def read(table: Table, row: int, cell: str) -> float:
        try:
            minutes = float(cell) * _MINUTES[unit]
        except ValueError:
            minutes = math.inf
        if not minutes <= _LONGEST:
            allowed = f"a number in {unit}, no more than a day (or name another minutes_unit)"
            raise table.error(f"found {cell!r}; allowed: {allowed}", "minutes", row)
        return minutes if minutes > 0 else math.nan

    return read


def _rating(table: Table, row: int, cell: str) -> float:
    try:
        rating = float(cell)
    except ValueError:
        rating = math.inf
    if not math.isfinite(rating):
        raise table.error(f"found {cell!r}; allowed: a number", "rating", row)
    return rating


def _numbers(
    table: Table, role: str, rows: Sequence[int], read: Callable[[Table, int, str], float]
) -> Real:
    """A column of numbers for these rows; NaN where unknown, or where there is no such column."""
    values = np.full(len(rows), math.nan)
    if role not in table.cells:
        return values
    for place, i in enumerate(rows):
        cell = table.cells[role][i]
        if cell is not None:
            values[place] = read(table, i, cell)
    unknown = [rows[place] for place in np.flatnonzero(np.isnan(values)).tolist()]
    rule = "missing or not above 0 are unknown" if role == "minutes" else "missing are unknown"
    table.repair(role, unknown, rule)
    if len(unknown) == len(rows):
        raise table.error("found no usable value in any view; allowed: one or more", role)
    return values


def _codes(names: Sequence[str]) -> Ints:
    """Names numbered in order of appearance."""
    codes: dict[str, int] = {}
    return np.array([codes.setdefault(name, len(codes)) for name in names], dtype=np.int64)


def _items(
    config: LogFile,
    table: Table,
    rows: Sequence[int],
    names: Sequence[str],
    parameters: WorldParameters,
) -> tuple[list[str], Ints, tuple[str, ...], dict[str, str]]:
    """Names of the items, topic of each from 0, labels of the topics, and hashes of further files.

    rows: the log's views, with their items' `names`.
    """
    most = parameters.population.topics
    if config.items is None:
        tags: dict[str, str | None] = {}
        for i, name in zip(rows, names, strict=True):
            tags[name] = tags.get(name) or table.cells["topic"][i]
        own = _tag_table(table, list(tags.values()))
        topic, labels = topics_of(own, most)
        table.repairs += [f"of {len(tags)} items, {line}" for line in own.repairs]
        return list(tags), topic - 1, labels[1:], {}
    if config.items.path is None:
        raise TableError("log.items.path: found none; allowed: a CSV or Parquet file")
    roles = {"id": config.items.id, "topic": config.items.topic}
    catalogue = read_table(config.items.path, roles, config.encoding)
    known = dict.fromkeys(ids_of(catalogue))
    strangers = [name for name in dict.fromkeys(names) if name not in known]
    if len(strangers) == len(set(names)):
        raise catalogue.error(
            f"found none of the log's items, such as {strangers[0]!r}; allowed: the ids of the log",
            "id",
        )
    if strangers:
        listed = ", ".join(map(repr, strangers[:5])) + (", ..." if len(strangers) > 5 else "")
        table.repairs.append(f"{len(strangers)} items are not in the file of items: {listed}")
    table.counts["items_without_a_row"] = len(strangers)
    catalogue.cells = {"topic": [*catalogue.cells["topic"], *[UNKNOWN] * len(strangers)]}
    topic, labels = topics_of(catalogue, most)
    table.repairs += [f"file of items, {line}" for line in catalogue.repairs]
    return [*known, *strangers], topic - 1, labels[1:], {"items": catalogue.sha256}


def _tag_table(table: Table, tags: list[str | None]) -> Table:
    """The log's tags, one row an item, for `topics_of`."""
    return Table(table.path, {"topic": table.names["topic"]}, {"topic": tags}, table.sha256)
