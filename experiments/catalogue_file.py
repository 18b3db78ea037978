"""Real input: a catalogue from a CSV or Parquet file of videos, by the rules stated here.

**From the file**: topics (tags), durations, creators, advertisements, order of posting.

**Drawn**, all from one stream, `Generator(Philox(seed))`, because no file says it:

- Topic 0 is civic and invented whole: no real video or creator is given a stance. `civic_share` of
  the items take one, in mirrored pairs (y, -y) with the stances, the supply and the `civic_content`
  of the synthetic catalogue. Each has a creator of its own and the place in the order of posting of
  a row drawn at random; a pair has the duration and the sponsor of one such row.
- The other items are rows of the file, with falsehood 0 and, as in the synthetic catalogue, quality
  in 0.25 to 0.85 and arousal in 0.05 to 0.65, evenly spread and independent of all else.
- A bid is exp(0.5 z), z normal. Where the file has no such column, a duration is 60 exp(0.6 z)
  seconds, creators follow Zipf's law and `sponsored` of the rows are advertisements, as `Catalogue`
  of the world's parameters says.

**Topics** 1 to K-1 are the K-1 most frequent first tags (ties by name). A row goes to the first of
its tags that is one of these; if none is, to topic 1 + CRC-32(first tag) mod (K-1). A file with
fewer tags has fewer topics.

**Shortlist**: every topic has one place, the rest go in proportion to rows (Sainte-Lague), and a
seeded choice fills them. An item's supply is the share of rows that it stands for, times the share
of posts that are not civic. Items stand in order of posting: by date, then by place in the file.

**Repairs**, counted, with the first rows named: a missing tag or creator is `unknown`; a duration
that is missing or not above 0 is the median of its topic, else of the file; a missing date is the
earliest; a missing sponsor is none. Everything else is refused.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Self
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from ..envs.world import Items, WorldParameters, altered, assemble
from ..envs.world.arrays import Int
from ..envs.world.catalogue import civic_content
from .blocks import Block, FilePath
from .table_file import Encoding, Table, read_table
from .table_file import TableError as CatalogueError

__all__ = [
    "UNKNOWN",
    "CatalogueColumns",
    "CatalogueError",
    "CatalogueFile",
    "CatalogueReport",
    "ids_of",
    "open_catalogue",
    "read_catalogue",
    "topics_of",
]

_Real = NDArray[np.float64]

UNKNOWN = "unknown"
_LONGEST = 100 * 24 * 3600  # seconds; a longer video is a mistake in the file or in duration_unit


class CatalogueColumns(Block):
    """Which column of the file holds what."""

    id: str = Field(min_length=1, description="unique name of the video")
    topic: str = Field(min_length=1, description="tag, or several separated by commas")
    duration: str | None = Field(None, min_length=1, description="length of the video")
    duration_unit: Literal["s", "ms"] = Field("s", description="unit of durations that are numbers")
    creator: str | None = Field(None, min_length=1, description="who posted it")
    sponsor: str | None = Field(None, min_length=1, description="whether it is an advertisement")
    sponsor_value: str | None = Field(None, min_length=1, description="the value that marks one")
    date: str | None = Field(None, min_length=1, description="ISO date or time of posting")

    @model_validator(mode="after")
    def _sponsor_has_a_value(self) -> Self:
        if (self.sponsor is None) != (self.sponsor_value is None):
            raise ValueError(
                f"found sponsor = {self.sponsor!r} and sponsor_value = {self.sponsor_value!r}; "
                "allowed: both (a column, and its value for an advertisement) or neither"
            )
        return self

    def names(self) -> dict[str, str]:
        """Role to column, for the roles that have one."""
        roles = ("id", "topic", "duration", "creator", "sponsor", "date")
        return {role: name for role in roles if (name := getattr(self, role)) is not None}


class CatalogueFile(Block):
    """The block `catalogue:` of a config: a file of videos in place of the synthetic catalogue."""

    path: FilePath | None = Field(None, description="CSV or Parquet; or given on the command line")
    columns: CatalogueColumns
    items: int = Field(60, ge=4, le=20_000, description="shortlist, the size of the action space")
    seed: int = Field(7, ge=0, description="seed of the shortlist and of all that is drawn")
    civic_share: float = Field(0.34, ge=0, le=1, description="share of items that take a stance")
    encoding: Encoding = Field("utf-8", description="text encoding of a CSV file")


@dataclass(frozen=True)
class CatalogueReport:
    """A catalogue read from a file, and what was done to it."""

    items: Items
    """The shortlist in order of posting, oldest first."""
    parameters: WorldParameters
    """The world, with the topics, items, stance share and catalogue seed of this catalogue."""
    repairs: list[str]
    """One line a kind of repair; empty for a clean file."""
    summary: dict[str, int]
    """Counts of the file and of the shortlist."""
    topics: tuple[str, ...]
    """Label of each topic."""
    ids: tuple[str, ...]
    """The file's id of each item; civic items, which no file holds, are named by their stance."""
    sha256: str
    """Of the file, to know it again."""


def open_catalogue(config: CatalogueFile) -> Table:
    """The columns of the file; raises `CatalogueError` for one that cannot be read."""
    if config.path is None:
        raise CatalogueError("catalogue.path: found none; allowed: a CSV or Parquet file")
    units = {"duration": config.columns.duration_unit}
    return read_table(config.path, config.columns.names(), config.encoding, units)


def read_catalogue(
    config: CatalogueFile, parameters: WorldParameters, table: Table | None = None
) -> CatalogueReport:
    """Reads, checks, repairs and shortlists a file by the rules at the head of this module.

    table: the file's columns, where it has been read already. Raises `CatalogueError` for a file
    that cannot be used.
    """
    table = (open_catalogue(config) if table is None else table).with_clean_books()
    rule, generator = parameters.catalogue, np.random.Generator(np.random.Philox(config.seed))
    ids = ids_of(table)
    topic, labels = topics_of(table, parameters.population.topics)
    duration = _durations(table, topic, config.columns.duration_unit, generator)
    creator = _creators(table, rule.creators, generator)
    advert = _adverts(table, config.columns.sponsor_value, rule.sponsored, generator)
    posted = _posted(table)

    # The row of each item: civic pairs first, which only borrow from theirs, then real videos.
    pairs = round(config.items * config.civic_share / 2)
    civics, plain, rows = 2 * pairs, config.items - 2 * pairs, len(ids)
    if rows < config.items:
        raise table.error(f"found {rows} rows; allowed: {config.items} (catalogue.items) or more")
    if plain < len(labels) - bool(pairs):
        raise CatalogueError(
            f"catalogue.items: found {config.items}, of which {plain} take no stance; allowed: "
            f"one or more for each of {len(labels) - 1} topics: more items, a lower civic_share or "
            "a lower population.topics"
        )
    sizes = np.bincount(topic, minlength=len(labels))[1:]
    places = _places(sizes, plain)
    lenders = generator.choice(rows, size=civics, replace=False)
    shortlists = [
        generator.choice(np.flatnonzero(topic == 1 + k), size=count, replace=False)
        for k, count in enumerate(places)
    ]
    row = np.concatenate([lenders, *shortlists])

    # What no file says, and then the columns of the catalogue.
    positive = rule.stance_range * (np.arange(pairs) + 0.5) / max(pairs - 0.5, 0.5)
    stance = np.concatenate([positive, -positive, np.zeros(plain)])
    arousal, falsehood, quality = civic_content(parameters, stance)
    strata = (np.arange(plain) + 0.5) / plain
    quality[civics:] = 0.25 + 0.6 * generator.permutation(strata)
    arousal[civics:] = 0.05 + 0.6 * generator.permutation(strata)
    falsehood[civics:] = 0.0
    bid = np.exp(0.5 * generator.standard_normal(config.items))
    columns = {
        "topic": np.where(np.arange(config.items) < civics, 0, topic[row]),
        "civic": np.repeat([1.0, 0.0], [civics, plain]),
        "stance": stance,
        "arousal": arousal,
        "quality": quality,
        "falsehood": falsehood,
        "creator": np.concatenate([creator.max() + 1 + np.arange(civics), creator[row[civics:]]]),
        "duration": duration[row],
        "sponsor": advert[row] * bid,
        "supply": np.exp(-0.5 * (stance / rule.stance_supply_sd) ** 2),
    }
    for shared in ("duration", "sponsor"):
        columns[shared][pairs:civics] = columns[shared][:pairs]
    supply, civic_supply = columns["supply"], rule.civic_supply if pairs else 0.0
    supply[:civics] *= civic_supply / supply[:civics].sum() if pairs else 0.0
    supply[civics:] = (1 - civic_supply) * np.repeat(sizes / places / rows, places)

    changes = {"items": config.items, "civic_items": config.civic_share, "seed": config.seed}
    adapted = altered(parameters, {"population": {"topics": len(labels)}, "catalogue": changes})
    order = np.argsort(posted[row], kind="stable")
    items = assemble(adapted, **{name: column[order] for name, column in columns.items()})
    names = [f"civic {y:+.3f}" for y in stance[:civics]] + [ids[i] for i in row[civics:]]
    summary = table.counts | {
        "topics": len(labels),
        "shortlist": config.items,
        "shortlist_civic": civics,
        "shortlist_creators": len(np.unique(items.creator)),
        "shortlist_advertisements": int(np.count_nonzero(items.sponsor)),
    }
    in_order = tuple(names[i] for i in order)
    return CatalogueReport(items, adapted, table.repairs, summary, labels, in_order, table.sha256)


def ids_of(table: Table) -> list[str]:
    """The names in the role `id` of a table; refuses one that is missing or there twice."""
    seen: dict[str, int] = {}
    for i, cell in enumerate(table.cells["id"]):
        if cell is None:
            raise table.error("found no id; allowed: a unique one", "id", i)
        if cell in seen:
            first = seen[cell] + 1
            raise table.error(f"found {cell!r}, as in row {first}; allowed: a unique id", "id", i)
        seen[cell] = i
    return list(seen)


def topics_of(table: Table, topics: int) -> tuple[Int, tuple[str, ...]]:
    """The topic of each row, 1 to K-1, and the label of each topic, the civic one first.

    topics: K, the most there may be. Reads the role `topic` of the table, and books its repairs.
    """
    sets = [
        tuple(tag.strip() for tag in (cell or "").split(",") if tag.strip())
        for cell in table.cells["topic"]
    ]
    untagged = [i for i, tags in enumerate(sets) if not tags]
    table.repair("topic", untagged, f"missing became {UNKNOWN!r}")
    sets = [tags or (UNKNOWN,) for tags in sets]
    frequency = Counter(tags[0] for tags in sets)
    frequent = sorted(frequency, key=lambda tag: (-frequency[tag], tag))[: topics - 1]
    number = {tag: 1 + k for k, tag in enumerate(frequent)}

    def place(tags: tuple[str, ...]) -> int:
        hashed = 1 + crc32(tags[0].encode()) % len(frequent)
        return next((number[tag] for tag in tags if tag in number), hashed)

    table.counts |= {"tag_sets": len(set(sets)), "first_tags": len(frequency)}
    topic = np.array([place(tags) for tags in sets], dtype=np.int64)
    firsts = {(k, tags[0]) for k, tags in zip(topic.tolist(), sets, strict=True)}
    guests = Counter(k for k, tag in firsts if tag != frequent[k - 1])
    named = [f"{tag} (+{guests[k]} rarer)" if guests[k] else tag for tag, k in number.items()]
    return topic, ("civic (invented)", *named)


def _durations(table: Table, topic: Int, unit: str, generator: np.random.Generator) -> _Real:
    """Seconds of each row."""
    if "duration" not in table.cells:
        return 60 * np.exp(0.6 * generator.standard_normal(len(topic)))
    seconds = np.full(len(topic), np.nan)
    for i, cell in enumerate(table.cells["duration"]):
        try:
            value = float(cell or 0) * (0.001 if unit == "ms" else 1.0)
        except ValueError:
            value = np.inf
        if value > _LONGEST:
            allowed = f"a number in {unit}, no more than {_LONGEST} s"
            raise table.error(f"found {cell!r}; allowed: {allowed}", "duration", i)
        if round(value, 3) > 0:
            seconds[i] = value
    lacking = np.isnan(seconds)
    rule = "missing or not above 0 became the median of their topic, else of the file"
    table.repair("duration", np.flatnonzero(lacking).tolist(), rule)
    of_file = np.median(seconds[~lacking])
    for k in np.unique(topic[lacking]):
        known = seconds[(topic == k) & ~lacking]
        seconds[(topic == k) & lacking] = np.median(known) if known.size else of_file
    return seconds


def _creators(table: Table, creators: int, generator: np.random.Generator) -> Int:
    """The creator of each row, coded in order of appearance."""
    if "creator" not in table.cells:
        productivity = 1 / np.arange(1, creators + 1)
        share = productivity / productivity.sum()
        return generator.choice(creators, size=table.counts["rows"], p=share)
    table.repair("creator", table.missing("creator"), f"missing became {UNKNOWN!r}")
    codes: dict[str, int] = {}
    creator = [codes.setdefault(cell or UNKNOWN, len(codes)) for cell in table.cells["creator"]]
    table.counts["creators"] = len(codes)
    return np.array(creator, dtype=np.int64)


def _adverts(
    table: Table, mark: str | None, sponsored: float, generator: np.random.Generator
) -> _Real:
    """1 for each row that is an advertisement, else 0."""
    if "sponsor" not in table.cells:
        return (generator.random(table.counts["rows"]) < sponsored).astype(np.float64)
    table.repair("sponsor", table.missing("sponsor"), "missing became no advertisement")
    cells = table.cells["sponsor"]
    advert = np.array([cell == mark for cell in cells], dtype=np.float64)
    table.counts["advertisements"] = int(advert.sum())
    if not advert.any():
        found = ", ".join(repr(value) for value, _ in Counter(filter(None, cells)).most_common(5))
        name = table.names["sponsor"]
        table.repairs.append(f"column {name!r}: no row is {mark!r}, so no advertisement: {found}")
    return advert


def _posted(table: Table) -> Int:
    """The rank of each row in the order of posting."""
    rows = table.counts["rows"]
    if "date" not in table.cells:
        return np.arange(rows)
    table.repair("date", table.missing("date"), "missing became the earliest date")
    dates: list[datetime | None] = []
    for i, cell in enumerate(table.cells["date"]):
        try:
            date = datetime.fromisoformat(cell) if cell else None
        except ValueError as error:
            allowed = "an ISO date such as 2022-04-09, or a date and time"
            raise table.error(f"found {cell!r}; allowed: {allowed}", "date", i) from error
        dates.append(date.replace(tzinfo=date.tzinfo or UTC) if date else None)
    earliest = min(date for date in dates if date)
    rank = np.empty(rows, dtype=np.int64)
    rank[sorted(range(rows), key=lambda i: dates[i] or earliest)] = np.arange(rows)
    return rank


def _places(sizes: Int, places: int) -> Int:
    """Places in proportion to sizes, at least one and at most the size (Sainte-Lague)."""
    given = np.ones_like(sizes)
    for _ in range(places - len(sizes)):
        given[np.argmax(np.where(given < sizes, sizes / (2 * given + 1), 0.0))] += 1
    return given
