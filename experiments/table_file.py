"""A CSV or Parquet file as columns of text, with errors and repairs that name row and column.

Rows are numbered from 1; the header and blank lines are not counted. A cell that is empty, NA, N/A,
NaN, null or none (in any case) is missing: None.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.parquet as parquet
from pydantic import AfterValidator


def _known(encoding: str) -> str:
    try:
        "a".encode(encoding)
    except LookupError as error:
        allowed = "a text encoding that Python knows, such as utf-8, latin-1 or gb18030"
        raise ValueError(f"found {encoding!r}; allowed: {allowed}") from error
    return encoding


#: The name of a text encoding, in a config.
Encoding = Annotated[str, AfterValidator(_known)]

_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none"})

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


def read_table(path: Path, names: Mapping[str, str], encoding: str = "utf-8") -> Table:
    """Reads the columns `names` (role to name) of a CSV or Parquet file.

    Raises `TableError` for a file that cannot be read as one.
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
        columns = _csv_columns(path, raw, encoding, list(names.values()))
    else:
        columns = _parquet_columns(path, raw, list(names.values()))
    cells = {role: [_clean(cell) for cell in columns[name]] for role, name in names.items()}
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


def _csv_columns(path: Path, raw: bytes, encoding: str, names: list[str]) -> dict[str, Cells]:
    try:
        text = _decode(path, raw, encoding).removeprefix("\ufeff")
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        header, *rows = [record for record in reader if record] or [[""]]
    except csv.Error as error:
        raise TableError(f"{path}: found no CSV ({error}); allowed: CSV with commas") from error
    header = [name.strip() for name in header]
    _check_header(path, header, names)
    for i, row in enumerate(rows):
        if len(row) != len(header):
            last = header[min(len(row), len(header)) - 1]
            raise TableError(
                f"{path}, row {i + 1}, after column {last!r}: found {len(row)} fields; "
                f"allowed: {len(header)}, one a column"
            )
    return {name: [row[header.index(name)] for row in rows] for name in names}


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


def _parquet_columns(path: Path, raw: bytes, names: list[str]) -> dict[str, Cells]:
    try:
        data = parquet.read_table(pa.BufferReader(raw))
    except (pa.ArrowException, OSError) as error:
        raise TableError(f"{path}: found no Parquet ({error}); allowed: Parquet") from error
    _check_header(path, data.column_names, names)
    columns: dict[str, Cells] = {}
    for name in names:
        column = data.column(name)
        try:
            cells = column.cast(pa.string()).to_pylist()
        except pa.ArrowException as error:
            raise TableError(
                f"{path}, column {name!r}: found {column.type}; allowed: text, numbers or dates"
            ) from error
        # A column of whole numbers with gaps is often kept as floats: 39.0 is tag 39.
        whole = pa.types.is_floating(column.type)
        columns[name] = [cell.removesuffix(".0") if cell and whole else cell for cell in cells]
    return columns
