"""A column of a Parquet file says what its cells are: units, whole numbers, gaps, time zones."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from pydantic import ValidationError

from undertow.envs.world import world
from undertow.experiments.catalogue_file import CatalogueFile, read_catalogue
from undertow.experiments.table_file import TableError, read_table
from undertow.experiments.viewing.log_file import LogFile, read_log


def cells(folder: Path, column: Any, role: str = "topic", **units: str) -> list[str | None]:
    file = folder / "a.parquet"
    parquet.write_table(pa.table({"a": column}), file)
    return list(read_table(file, {role: "a"}, units=units).cells[role])


@pytest.mark.parametrize("kept", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize(("asked", "expected"), [("s", 90.0), ("ms", 90_000.0), ("min", 1.5)])
def test_a_length_of_time_is_told_in_the_unit_that_the_config_names(
    tmp_path: Path, kept: str, asked: str, expected: float
) -> None:
    column = pa.array([timedelta(seconds=90), None]).cast(pa.duration(kept))
    told, gap = cells(tmp_path, column, "minutes", minutes=asked)
    assert float(str(told)) == expected
    assert gap is None


def test_a_length_of_time_is_no_name(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"column 'a': found duration\[s\]; allowed: text, numbe"):
        cells(tmp_path, pa.array([1], pa.duration("s")), "id")


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([39.0, None, 0.5]), ["39", None, "0.5"]),
        (pa.array([39.0], pa.float32()), ["39"]),
        (pa.array([1e10, 4e15]), ["10000000000", "4000000000000000"]),  # pyarrow says 1e+10
        (pa.array([-0.0]), ["0"]),
        (pa.array([float("nan")]), [None]),
        (pa.array([2**64 - 1], pa.uint64()), ["18446744073709551615"]),
        (pa.array([Decimal("39.00"), Decimal("1.50"), Decimal("100")]), ["39", "1.5", "100"]),
        (pa.array(["x", "y"]).dictionary_encode(), ["x", "y"]),
        (pa.array([1e10, 2.0]).dictionary_encode(), ["10000000000", "2"]),
        (pa.array([True, False]), ["true", "false"]),
        (pa.array([date(2022, 4, 9)]), ["2022-04-09"]),
        (pa.array(["a"], pa.large_string()), ["a"]),
    ],
)
def test_a_cell_is_what_a_csv_file_would_hold(
    tmp_path: Path, column: pa.Array, expected: list[str | None]
) -> None:
    usable = pa.concat_arrays([column, column]) if not pa.types.is_dictionary(column.type) else None
    found = cells(tmp_path, column if usable is None else usable)
    assert found[: len(expected)] == expected


@pytest.mark.parametrize("role", ["id", "user", "item", "creator"])
@pytest.mark.parametrize("column", [pa.array([2.0**53]), pa.array([2.0**24], pa.float32())])
def test_a_name_that_lost_its_last_digits_is_refused(
    tmp_path: Path, role: str, column: pa.Array
) -> None:
    with pytest.raises(TableError, match=r"row 1, column 'a': found .* lost its last digits"):
        cells(tmp_path, column, role)
    assert cells(tmp_path, column, "rating") == [str(int(column[0].as_py()))]


def test_only_the_columns_that_are_asked_for_are_read_and_one_may_have_two_roles(
    tmp_path: Path,
) -> None:
    file = tmp_path / "a.parquet"
    parquet.write_table(pa.table({"a": ["x"], "b": [[1]], "c.d": ["y"]}), file)
    found = read_table(file, {"id": "a", "topic": "a", "creator": "c.d"}).cells
    assert found == {"id": ["x"], "topic": ["x"], "creator": ["y"]}


def test_the_index_of_a_frame_is_a_column_by_its_name(tmp_path: Path) -> None:
    frame = pd.DataFrame({"topic": ["x", "y"]}, index=pd.Index([7, 8], name="video"))
    frame.to_parquet(tmp_path / "a.parquet")
    found = read_table(tmp_path / "a.parquet", {"id": "video", "topic": "topic"}).cells
    assert found["id"] == ["7", "8"]


LOG = {"user": "user", "item": "item", "time": "time", "topic": "topic"}


def log(folder: Path, time_unit: str, **columns: Any) -> Any:
    frame = {"user": ["a", "b"], "item": ["x", "y"], "topic": ["t", "u"]} | columns
    parquet.write_table(pa.table(frame), folder / "log.parquet")
    names = LOG | ({"minutes": "minutes"} if "minutes" in columns else {})
    block = {"path": folder / "log.parquet", "columns": names | {"time_unit": time_unit}}
    return read_log(LogFile.model_validate(block), world()).views


def test_logged_minutes_kept_as_lengths_of_time_are_minutes(tmp_path: Path) -> None:
    minutes = pa.array([timedelta(minutes=3), timedelta(seconds=30)], pa.duration("s"))
    found = log(tmp_path, "s", time=[0, 0], minutes=minutes)
    assert found.minutes.tolist() == [3.0, 0.5]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_times_with_and_without_a_zone_are_the_same_slot(tmp_path: Path, unit: str) -> None:
    here = datetime(2022, 4, 9, 18, 30, tzinfo=UTC)
    plain = pa.array([here.replace(tzinfo=None)] * 2, pa.timestamp(unit))
    zoned = pa.array([here.astimezone(timezone(timedelta(hours=2)))] * 2)
    slots = [
        log(tmp_path, "iso", time=column).slot.tolist()
        for column in (plain, zoned.cast(pa.timestamp(unit, "Europe/Berlin")))
    ]
    assert slots[0] == slots[1] == [int(here.timestamp() // 10_800)] * 2


def test_a_time_is_not_read_as_seconds(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"column 'time': found '2022-04-09.*another time_unit"):
        log(tmp_path, "s", time=[datetime(2022, 4, 9)] * 2)
    with pytest.raises(TableError, match=r"column 'time': found duration"):
        log(tmp_path, "s", time=[timedelta(days=1)] * 2)


@pytest.mark.parametrize("unit", ["s", "ms"])
def test_a_catalogue_s_durations_kept_as_lengths_of_time_are_seconds(
    tmp_path: Path, unit: str
) -> None:
    frame = {
        "video": [f"v{k}" for k in range(20)],
        "tags": ["x", "y"] * 10,
        "length": pa.array([timedelta(seconds=45)] * 20, pa.duration("us")),
    }
    parquet.write_table(pa.table(frame), tmp_path / "a.parquet")
    columns = {"id": "video", "topic": "tags", "duration": "length", "duration_unit": unit}
    block = {"path": tmp_path / "a.parquet", "columns": columns, "items": 12}
    found = read_catalogue(CatalogueFile.model_validate(block), world())
    assert np.unique(found.items.duration).tolist() == [45.0]


@pytest.mark.parametrize("encoding", ["idna", "punycode", "undefined", "base64", "a\0b", "nothing"])
def test_an_encoding_that_is_none_for_files_is_refused_when_named_or_read(
    tmp_path: Path, encoding: str
) -> None:
    (tmp_path / "a.csv").write_bytes(b"video,tags\n\xe4--,\xff\n" * 12)
    columns = {"id": "video", "topic": "tags"}
    block = {"path": tmp_path / "a.csv", "columns": columns, "encoding": encoding}
    with pytest.raises((TableError, ValidationError), match=r"allowed: "):
        read_catalogue(CatalogueFile.model_validate(block), world())
