"""A CSV or Parquet file as columns of text, with errors and repairs that name row and column.

Rows are numbered from 1; the header and blank lines are not counted. A cell that is empty, NA, N/A,
NaN, null or none (in any case) is missing: None.

A Parquet file has types, and its cells become what a CSV file would hold: a whole number is written
without a point or an exponent, whatever type it is kept in; a length of time (`timedelta64`) as a
number in the unit that the config names, whatever its own is; a time as an ISO date and time.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.parquet as parquet
from pydantic import AfterValidator


def _known(encoding: str) -> str:
    try:
        "a".encode(encoding).decode(encoding, "replace")
    except (LookupError, ValueError) as error:
        allowed = "a text encoding that Python knows, such as utf-8, latin-1 or gb18030"
        raise ValueError(f"found {encoding!r}; allowed: {allowed}") from error
    return encoding


#: The name of a text encoding, in a config.
Encoding = Annotated[str, AfterValidator(_known)]

_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none"})

#: Roles whose cells tell one thing from another, where a number that was rounded names two.
_NAMES = frozenset({"id", "user", "item", "creator"})
#: How many of a unit a second is, as a fraction.
_PER_SECOND = {"s": (1, 1), "ms": (1000, 1), "min": (1, 60)}

Cells = list[str | None]


class TableError(ValueError):
    """A file cannot be used; names file, row, column, value found and what is allowed."""


@dataclass
class Table:
    """The columns that were asked for, by role, with a book of what was counted and repaired."""

    path: Path
    names: Mapping[str, str]
    """Role to the name of its column."""
    cells: Mapping[str, Cells]
    """Role to the cells of its column."""
    sha256: str
    """Of the whole file."""
    counts: dict[str, int] = field(default_factory=dict)
    repairs: list[str] = field(default_factory=list)

    def error(self, text: str, role: str | None = None, row: int | None = None) -> TableError:
        """An error that names the place; `row` counts from 0."""
        place = [str(self.path)]
        if row is not None:
            place.append(f"row {row + 1}")
        if role is not None:
            place.append(f"column {self.names[role]!r}")
        return TableError(f"{', '.join(place)}: {text}")

    def with_clean_books(self) -> Table:
        """The same cells, with nothing counted yet but rows, and nothing repaired."""
        return replace(self, counts={"rows": self.counts["rows"]}, repairs=[])

    def missing(self, role: str) -> list[int]:
        """Rows (from 0) that lack a value."""
        return [i for i, cell in enumerate(self.cells[role]) if cell is None]

    def repair(self, role: str, rows: Sequence[int], rule: str) -> None:
        """Books that `rule` mends these rows (from 0); refuses a column with nothing else in it."""
        self.counts[f"missing_{role}"] = len(rows)
        if len(rows) == len(self.cells[role]):
            raise self.error("found no usable value in any row; allowed: one or more", role)
        if rows:
            first = ", ".join(str(i + 1) for i in rows[:5]) + (", ..." if len(rows) > 5 else "")
            self.repairs.append(f"column {self.names[role]!r}: {len(rows)} {rule} (rows {first})")


def read_table(
    path: Path,
    names: Mapping[str, str],
    encoding: str = "utf-8",
    units: Mapping[str, str] | None = None,
) -> Table:
    """Reads the columns `names` (role to name) of a CSV or Parquet file.

    units: role to s, ms or min, for the columns that may hold lengths of time. Raises `TableError`
    for a file that cannot be read as one.
    """
    if path.suffix.lower() not in {".csv", ".parquet"}:
        raise TableError(
            f"{path}: found a file name that ends in {path.suffix!r}; allowed: .csv or .parquet"
        )
    try:
        raw = path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise TableError(f"{path}: found {reason!r}; allowed: a readable file") from error
    if not raw:
        raise TableError(f"{path}: found an empty file; allowed: a header and rows")
    if path.suffix.lower() == ".csv":
        columns = _csv_columns(path, raw, encoding, names)
    else:
        columns = _parquet_columns(path, raw, names, units or {})
    cells = {role: [_clean(cell) for cell in column] for role, column in columns.items()}
    rows = len(next(iter(cells.values())))
    if not rows:
        raise TableError(f"{path}: found a header and no rows; allowed: one or more rows")
    return Table(path, names, cells, hashlib.sha256(raw).hexdigest(), {"rows": rows})


def _clean(cell: str | None) -> str | None:
    text = (cell or "").strip()
    return None if text.lower() in _MISSING else text


def _check_header(path: Path, header: Sequence[str], names: Sequence[str]) -> None:
    for count, fault in ((0, "missing"), (2, "there more than once")):
        faulty = [repr(name) for name in names if min(header.count(name), 2) == count]
        if faulty:
            raise TableError(
                f"{path}, header: columns {', '.join(faulty)} are {fault}; "
                f"allowed: {', '.join(map(repr, dict.fromkeys(header)))}, each once"
            )


def _csv_columns(
    path: Path, raw: bytes, encoding: str, names: Mapping[str, str]
) -> dict[str, Cells]:
    try:
        text = _decode(path, raw, encoding).removeprefix("\ufeff")
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        records = (record for record in reader if record)
        header = [name.strip() for name in next(records, [""])]
        _check_header(path, header, list(names.values()))
        # Cells that nobody asked for are let go at once.
        columns: dict[str, Cells] = {role: [] for role in names}
        places = [(header.index(names[role]), cells) for role, cells in columns.items()]
        for i, row in enumerate(records):
            if len(row) != len(header):
                last = header[min(len(row), len(header)) - 1]
                raise TableError(
                    f"{path}, row {i + 1}, after column {last!r}: found {len(row)} fields; "
                    f"allowed: {len(header)}, one a column"
                )
            for place, cells in places:
                cells.append(row[place])
    except csv.Error as error:
        raise TableError(f"{path}: found no CSV ({error}); allowed: CSV with commas") from error
    return columns


def _decode(path: Path, raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode(encoding, "replace") + "?"
        records = [record for record in csv.reader(io.StringIO(before, newline="")) if record]
        header, row, column = records[0], len(records) - 1, len(records[-1])
        place = f"row {row}, column " if row else "header, column "
        place += repr(header[column - 1].strip()) if row and column <= len(header) else str(column)
        raise TableError(
            f"{path}, {place}: found byte 0x{raw[error.start]:02x}; "
            f"allowed: {encoding} text (or name another encoding)"
        ) from error
    except UnicodeError as error:  # an encoding that does not say where
        raise TableError(
            f"{path}: found no {encoding} text ({error}); allowed: another encoding"
        ) from error


def _parquet_columns(
    path: Path, raw: bytes, names: Mapping[str, str], units: Mapping[str, str]
) -> dict[str, Cells]:
    try:
        file = parquet.ParquetFile(pa.BufferReader(raw))
        _check_header(path, file.schema_arrow.names, list(names.values()))
        data = file.read(columns=list(dict.fromkeys(names.values())))
    except (pa.ArrowException, OSError) as error:
        raise TableError(f"{path}: found no Parquet ({error}); allowed: Parquet") from error
    return {
        role: _texts(f"{path}, column {name!r}", data.column(name), role, units.get(role))
        for role, name in names.items()
    }


def _texts(where: str, column: pa.ChunkedArray, role: str, unit: str | None) -> Cells:
    """The cells of a Parquet column as a CSV file would hold them, by the type of the column."""
    try:
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if pa.types.is_duration(column.type):
            return _durations(where, column, unit)
        if pa.types.is_floating(column.type):
            return _floats(where, column, exact=role in _NAMES)
        if pa.types.is_decimal(column.type):
            return [
                None if cell is None else f"{cell.normalize():f}" for cell in column.to_pylist()
            ]
        cells: Cells = column.cast(pa.string()).to_pylist()
    except pa.ArrowException as error:
        raise TableError(
            f"{where}: found {column.type}; allowed: text, numbers or dates"
        ) from error
    return cells


def _durations(where: str, column: pa.ChunkedArray, unit: str | None) -> Cells:
    """Lengths of time, which have a unit of their own, as numbers in the unit that is asked for."""
    if unit is None:
        raise TableError(f"{where}: found {column.type}; allowed: text, numbers or dates")
    a_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[column.type.unit]
    times, over = _PER_SECOND[unit]
    counts = column.cast(pa.int64()).to_pylist()
    return [None if n is None else repr(n * times / (a_second * over)) for n in counts]


def _floats(where: str, column: pa.ChunkedArray, *, exact: bool) -> Cells:
    """A column of whole numbers with gaps is often kept as floats: 39.0 is tag 39.

    exact: whether a number must be told from its neighbours, as a name must.
    """
    largest = 2 ** {16: 11, 32: 24, 64: 53}[column.type.bit_width]
    cells: Cells = column.cast(pa.string()).to_pylist()
    for row, value in enumerate(column.to_pylist()):
        if value is None or not math.isfinite(value) or value != int(value):
            continue
        if exact and abs(value) >= largest:
            raise TableError(
                f"{where.replace(', column', f', row {row + 1}, column')}: found {value!r}, a "
                f"{column.type} that has lost its last digits; allowed: whole numbers or text"
            )
        cells[row] = str(int(value))
    return cells
