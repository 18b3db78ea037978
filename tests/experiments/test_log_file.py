from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from undertow.envs import world
from undertow.experiments.table_file import TableError
from undertow.experiments.viewing.log_file import LogFile, LogReport, read_log

COLUMNS = {"user": "who", "item": "what", "time": "when", "minutes": "long", "rating": "stars"}
SLOT = 3 * 3600
ENDS = ["1970-01-01T08:59:59Z", "1970-01-02T03:00"]


def clean() -> dict[str, list[Any]]:
    return {
        "who": ["ann", "ann", "bob", "bob", "bob"],
        "what": ["x", "y", "x", "z", "x"],
        "when": [0, SLOT, 2 * SLOT + 5, 3 * SLOT - 1, 9 * SLOT],
        "long": [1.5, 2.0, 3.0, 4.0, 5.0],
        "stars": [5, 4, 3, 2, 1],
    }


def items() -> dict[str, list[Any]]:
    return {"id": ["x", "y", "z", "w"], "tags": ["a", "b", "a,b", "a"]}


def written(folder: Path, data: dict[str, list[Any]], name: str = "log.csv") -> Path:
    path, frame = folder / name, pd.DataFrame(data)
    if name.endswith(".csv"):
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    return path


def config(path: Path | None, columns: dict[str, Any] | None = None, **fields: Any) -> LogFile:
    given = COLUMNS | (columns or {})
    kept = {role: name for role, name in given.items() if name is not None}
    return LogFile.model_validate({"path": path, "columns": kept, **fields})


def read(
    folder: Path,
    data: dict[str, list[Any]] | None = None,
    about: dict[str, list[Any]] | None = None,
    columns: dict[str, Any] | None = None,
    topics: int = 3,
    **fields: Any,
) -> LogReport:
    path = written(folder, clean() if data is None else data)
    beside = written(folder, items() if about is None else about, "items.csv")
    block = {"path": beside, "id": "id", "topic": "tags"}
    parameters = world(overrides={"population": {"topics": topics}})
    return read_log(config(path, columns, **({"items": block} | fields)), parameters)


def refusal(folder: Path, *args: Any, **kwargs: Any) -> str:
    with pytest.raises(TableError) as caught:
        read(folder, *args, **kwargs)
    return str(caught.value)


def changed(column: str, row: int, value: Any) -> dict[str, list[Any]]:
    data = {name: list(map(str, cells)) for name, cells in clean().items()}
    data[column][row] = value
    return data


# --- a clean log ----------------------------------------------------------------------------------


def test_a_clean_log_is_read_as_it_stands(tmp_path: Path) -> None:
    report = read(tmp_path)
    views = report.views
    assert report.repairs == []
    assert views.person.tolist() == [0, 0, 1, 1, 1]
    assert views.item.tolist() == [0, 1, 0, 2, 0]
    assert views.slot.tolist() == [0, 1, 2, 2, 9]
    assert views.minutes.tolist() == [1.5, 2.0, 3.0, 4.0, 5.0]
    assert views.rating.tolist() == [5, 4, 3, 2, 1]
    assert views.topic_of.tolist() == [0, 1, 0, 0]
    assert report.topics == ("a", "b")
    assert report.summary["views"] == 5
    assert report.summary["users"] == 2
    assert report.summary["items"] == 4
    assert report.summary["items_viewed"] == 3
    assert set(report.sha256) == {"log", "items"}


def test_parquet_gives_the_same(tmp_path: Path) -> None:
    plain = read(tmp_path)
    path = written(tmp_path, clean(), "log.parquet")
    block = {"path": written(tmp_path, items(), "items.parquet"), "id": "id", "topic": "tags"}
    other = read_log(config(path, items=block), world(overrides={"population": {"topics": 3}}))
    for name, column in vars(plain.views).items():
        assert np.array_equal(column, getattr(other.views, name)), name


@pytest.mark.parametrize(
    ("unit", "times"),
    [
        ("ms", [0, SLOT * 1000, (2 * SLOT + 5) * 1000, (3 * SLOT - 1) * 1000, 9 * SLOT * 1000]),
        ("slot", [0, 1, 2, 2, 9]),
        (
            "iso",
            ["1970-01-01", "1970-01-01T03:00", "1970-01-01 07:00:05+01:00", *ENDS],
        ),
    ],
)
def test_units_of_time(tmp_path: Path, unit: str, times: list[Any]) -> None:
    report = read(tmp_path, clean() | {"when": times}, columns={"time_unit": unit})
    assert report.views.slot.tolist() == [0, 1, 2, 2, 9]


@pytest.mark.parametrize(("unit", "factor"), [("s", 60), ("ms", 60_000), ("min", 1)])
def test_units_of_minutes(tmp_path: Path, unit: str, factor: int) -> None:
    long = [factor * minutes for minutes in clean()["long"]]
    report = read(tmp_path, clean() | {"long": long}, columns={"minutes_unit": unit})
    assert report.views.minutes == pytest.approx([1.5, 2, 3, 4, 5])


def test_only_the_rows_of_an_event_are_views(tmp_path: Path) -> None:
    data = clean() | {"click": [1, 0, 1, 0, 0]}
    report = read(tmp_path, data, columns={"event": "click", "event_value": "1"})
    assert report.views.minutes.tolist() == [1.5, 3.0]
    assert report.summary["rows_that_are_no_view"] == 3
    columns = {"event": "click", "event_value": "yes"}
    message = refusal(tmp_path, data, columns=columns)
    assert "column 'click': found '0', '1'; allowed: 'yes' in one row or more" in message


def test_tags_may_stand_in_the_log(tmp_path: Path) -> None:
    data = clean() | {"kind": [None, "b", "a", "a", None]}
    report = read(tmp_path, data, columns={"topic": "kind"}, items=None)
    assert report.topics == ("a", "b")
    assert report.views.topic_of[report.views.item].tolist() == [0, 1, 0, 0, 0]
    assert report.repairs == []


# --- repairs --------------------------------------------------------------------------------------


@pytest.mark.parametrize("column", ["who", "what", "when"])
def test_a_row_without_user_item_or_time_is_left_out(tmp_path: Path, column: str) -> None:
    report = read(tmp_path, changed(column, 1, "NaN"))
    assert len(report.views) == 4
    assert report.repairs == [f"column '{column}': 1 missing: left out (rows 2)"]


def test_of_doubles_the_first_is_kept(tmp_path: Path) -> None:
    data = {name: [*cells, cells[2], cells[0]] for name, cells in clean().items()}
    data["long"][5] = 99.0
    report = read(tmp_path, data)
    assert report.views.minutes.tolist() == [1.5, 2.0, 3.0, 4.0, 5.0]
    assert report.summary["doubles"] == 2
    rule = "repeat user, item and time of an earlier row: left out"
    assert report.repairs == [f"2 rows {rule} (rows 6, 7)"]


@pytest.mark.parametrize("found", ["", "0", "-3", "nan"])
def test_minutes_that_are_not_above_0_are_unknown(tmp_path: Path, found: str) -> None:
    report = read(tmp_path, changed("long", 3, found))
    assert np.isnan(report.views.minutes).tolist() == [False, False, False, True, False]
    assert report.repairs == ["column 'long': 1 missing or not above 0 are unknown (rows 4)"]
    assert report.summary["with_minutes"] == 4


def test_a_missing_rating_is_unknown(tmp_path: Path) -> None:
    report = read(tmp_path, changed("stars", 0, ""))
    assert np.isnan(report.views.rating[0])
    assert report.repairs == ["column 'stars': 1 missing are unknown (rows 1)"]


def test_an_item_without_a_tag_or_a_row_is_unknown(tmp_path: Path) -> None:
    about = {"id": ["x", "y"], "tags": ["a", None]}
    report = read(tmp_path, about=about)
    assert "1 items are not in the file of items: 'z'" in report.repairs
    assert any("file of items, column 'tags': 1 missing" in line for line in report.repairs)
    assert report.topics[0] == "unknown"
    assert report.views.topic_of[report.views.item].tolist() == [1, 0, 1, 0, 1]


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("when", "noon", "row 3, column 'when': found 'noon'; allowed: seconds from 0 (1970)"),
        ("when", "-1", "row 3, column 'when': found '-1'"),
        ("when", "1e12", "found '1e12'; allowed: seconds from 0 (1970) to the year 2100"),
        ("when", "inf", "found 'inf'"),
        ("long", "long", "row 3, column 'long': found 'long'; allowed: a number in min"),
        ("long", "2000", "found '2000'; allowed: a number in min, no more than a day"),
        ("stars", "good", "row 3, column 'stars': found 'good'; allowed: a number"),
    ],
)
def test_a_bad_cell_is_named(tmp_path: Path, column: str, value: str, expected: str) -> None:
    assert expected in refusal(tmp_path, changed(column, 2, value))


def test_bad_iso_times(tmp_path: Path) -> None:
    data = clean() | {"when": ["2020-01-01"] * 4 + ["01.02.2020"]}
    message = refusal(tmp_path, data, columns={"time_unit": "iso"})
    assert "row 5, column 'when': found '01.02.2020'; allowed: an ISO date" in message


def test_a_column_with_nothing_in_it(tmp_path: Path) -> None:
    for column in ("who", "long", "stars"):
        message = refusal(tmp_path, clean() | {column: [None] * 5})
        assert f"column '{column}': found no usable value in any row" in message


def test_rows_of_which_each_lacks_something(tmp_path: Path) -> None:
    data = {"who": ["", "a"], "what": ["x", ""], "when": [0, 0], "long": [1, 1], "stars": [1, 1]}
    assert "found no row with user, item and time" in refusal(tmp_path, data)


def test_missing_columns_and_files(tmp_path: Path) -> None:
    data = clean()
    del data["when"]
    assert "columns 'when' are missing" in refusal(tmp_path, data)
    message = refusal(tmp_path, about={"id": ["x"], "genre": ["a"]})
    assert "columns 'tags' are missing" in message
    with pytest.raises(TableError, match=r"log.path: found none"):
        read_log(config(None, {"topic": "t"}), world())
    with pytest.raises(TableError, match="No such file"):
        read_log(config(tmp_path / "absent.csv", {"topic": "t"}), world())
    with pytest.raises(TableError, match=r"log.items.path: found none"):
        read(tmp_path, items={"id": "id", "topic": "tags"})


def test_the_file_of_items_must_be_that_of_the_log(tmp_path: Path) -> None:
    message = refusal(tmp_path, about={"id": ["1", "2"], "tags": ["a", "b"]})
    assert "found none of the log's items, such as 'x'" in message
    message = refusal(tmp_path, about={"id": ["x", "x"], "tags": ["a", "b"]})
    assert "row 2, column 'id': found 'x', as in row 1; allowed: a unique id" in message
    message = refusal(tmp_path, about={"id": ["x", None], "tags": ["a", "b"]})
    assert "row 2, column 'id': found no id" in message


def test_a_wrong_encoding_names_the_place(tmp_path: Path) -> None:
    data = changed("who", 1, "é")
    path = written(tmp_path, data)
    path.write_text(path.read_text(encoding="utf-8"), encoding="latin-1")
    block = {"path": written(tmp_path, items(), "items.csv"), "id": "id", "topic": "tags"}
    with pytest.raises(TableError, match=r"row 2, column 'who': found byte 0xe9; allowed: utf-8"):
        read_log(config(path, items=block), world())
    assert len(read_log(config(path, items=block, encoding="latin-1"), world()).views) == 5


@pytest.mark.parametrize(
    ("columns", "fields", "expected"),
    [
        ({"topic": "t"}, {"items": {"id": "i", "topic": "t"}}, "beside items"),
        ({}, {}, "without items"),
        ({"event": "click", "topic": "t"}, {}, "event_value"),
        ({"topic": "t"}, {"encoding": "utf-9"}, "found 'utf-9'"),
        ({"topic": "t", "time_unit": "h"}, {}, "time_unit"),
        ({"topic": "t", "extra": "x"}, {}, "extra"),
    ],
)
def test_bad_mappings(columns: dict[str, Any], fields: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        config(None, columns, **fields)


CELL = st.one_of(
    st.none(),
    st.sampled_from(["", "NaN", "-1", "0", "1e400", "0x1", "x", "z", " 3 "]),
    st.integers(-10, 10**13),
    st.text(max_size=4),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(*[CELL] * 5), min_size=1, max_size=6))
def test_whatever_a_log_holds_is_read_or_refused(
    tmp_path: Path, rows: list[tuple[Any, ...]]
) -> None:
    data = dict(zip(clean(), map(list, zip(*rows, strict=True)), strict=True))
    try:
        views = read(tmp_path, data).views
    except TableError as error:
        assert "allowed:" in str(error)
        return
    assert 0 < len(views) <= len(rows)
    assert (views.slot >= 0).all()
    assert ((views.minutes > 0) | np.isnan(views.minutes)).all()
    assert not np.isinf(views.rating).any()
    assert views.item.max() < views.topic_of.size
