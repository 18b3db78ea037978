from __future__ import annotations

import csv
import io
import os
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from undertow.envs import FeedBatch, world
from undertow.experiments.catalogue_file import (
    CatalogueError,
    CatalogueFile,
    CatalogueReport,
    read_catalogue,
)

COLUMNS = {
    "id": "video",
    "topic": "tags",
    "duration": "length",
    "creator": "author",
    "sponsor": "kind",
    "sponsor_value": "AD",
    "date": "day",
}
TAGS = ["a"] * 10 + ["b"] * 5 + ["c,a"] * 3 + ["d"] * 2


def clean(tags: list[str] = TAGS) -> dict[str, list[Any]]:
    n = range(len(tags))
    return {
        "video": [f"v{i}" for i in n],
        "tags": list(tags),
        "length": [10.0 + i for i in n],
        "author": [f"p{i // 2}" for i in n],
        "kind": ["AD" if i % 4 == 0 else "NORMAL" for i in n],
        "day": [str(date(2024, 1, 28) - timedelta(days=i)) for i in n],
    }


def in_csv(folder: Path, data: dict[str, list[Any]]) -> Path:
    path = folder / "videos.csv"
    pd.DataFrame(data).to_csv(path, index=False)
    return path


def in_parquet(folder: Path, data: dict[str, list[Any]]) -> Path:
    path = folder / "videos.parquet"
    pd.DataFrame(data).to_parquet(path)
    return path


def config(
    path: Path | None, columns: dict[str, Any] | None = None, **fields: Any
) -> CatalogueFile:
    fields = {"items": 12, "civic_share": 0.34} | fields
    return CatalogueFile.model_validate(
        {"path": path, "columns": COLUMNS if columns is None else columns, **fields}
    )


def read(path: Path | None, topics: int = 4, **fields: Any) -> CatalogueReport:
    parameters = world(overrides={"population": {"topics": topics}})
    return read_catalogue(config(path, **fields), parameters)


def refusal(path: Path | None, **fields: Any) -> str:
    with pytest.raises(CatalogueError) as caught:
        read(path, **fields)
    return str(caught.value)


def same(one: CatalogueReport, other: CatalogueReport) -> bool:
    arrays = zip(vars(one.items).values(), vars(other.items).values(), strict=True)
    return one.ids == other.ids and all(np.array_equal(a, b) for a, b in arrays)


# --- a clean file ---------------------------------------------------------------------------------


def test_a_clean_file_needs_no_repair_and_is_counted(tmp_path: Path) -> None:
    report = read(in_csv(tmp_path, clean()))
    assert report.repairs == []
    assert report.summary["rows"] == 20
    assert report.summary["creators"] == 10
    assert report.summary["tag_sets"] == 4
    assert report.summary["topics"] == 4
    assert report.summary["advertisements"] == 5
    assert report.summary["missing_duration"] == 0
    assert report.summary["shortlist"] == len(report.items) == 12
    assert report.summary["shortlist_civic"] == 4
    assert report.parameters.catalogue.items == 12
    assert report.parameters.population.topics == 4


def test_topics_are_the_most_frequent_first_tags_and_a_rare_one_follows_its_other_tags(
    tmp_path: Path,
) -> None:
    # First tags: a 10, b 5, c 3, h 2. Named with K = 3: a and b. `c,a` goes with a; h by CRC-32.
    tags = ["a"] * 10 + ["b"] * 5 + ["c,a"] * 3 + ["h"] * 2
    report = read(in_csv(tmp_path, clean(tags)), topics=3, items=20, civic_share=0)
    assert report.topics == ("civic (invented)", "a (+1 rarer)", "b (+1 rarer)")
    expected = {"a": 1, "b": 2, "c,a": 1, "h": 2}
    for name, topic in zip(report.ids, report.items.topic, strict=True):
        assert topic == expected[tags[int(name[1:])]]


def test_ties_between_tags_go_by_name(tmp_path: Path) -> None:
    report = read(in_csv(tmp_path, clean(["z", "y", "x"] * 6)), topics=3)
    assert report.topics[1].startswith("x") and report.topics[2].startswith("y")


def test_a_file_with_fewer_tags_has_fewer_topics(tmp_path: Path) -> None:
    report = read(in_csv(tmp_path, clean(["a", "b"] * 8)), topics=6)
    assert report.parameters.population.topics == 3
    assert report.items.indicator.shape == (12, 3)


def test_an_item_has_the_supply_of_the_rows_that_it_stands_for(tmp_path: Path) -> None:
    report = read(in_csv(tmp_path, clean()), topics=5)
    items, share = report.items, report.parameters.catalogue.civic_supply
    assert items.supply[items.topic == 0].sum() == pytest.approx(share)
    assert items.supply[items.topic == 1].sum() == pytest.approx((1 - share) * 10 / 20)
    assert items.supply[items.topic > 1].sum() == pytest.approx((1 - share) * 10 / 20)
    assert items.supply.sum() == pytest.approx(1)


def test_places_go_in_proportion_to_rows_and_at_least_one_to_a_topic(tmp_path: Path) -> None:
    tags = ["a"] * 70 + ["b"] * 29 + ["c"]
    report = read(in_csv(tmp_path, clean(tags)), items=10, civic_share=0)
    assert np.bincount(report.items.topic).tolist() == [0, 6, 3, 1]


def test_civic_items_are_mirrored_pairs_alike_in_all_but_stance_and_creator(tmp_path: Path) -> None:
    items = read(in_csv(tmp_path, clean()), civic_share=0.5).items
    civic = items.civic == 1
    assert np.array_equal(civic, items.topic == 0)
    left = np.flatnonzero(civic & (items.stance < 0))
    right = np.flatnonzero(civic & (items.stance > 0))
    left = left[np.argsort(-items.stance[left])]
    right = right[np.argsort(items.stance[right])]
    assert np.array_equal(items.stance[left], -items.stance[right])
    for name in ("arousal", "quality", "falsehood", "duration", "sponsor", "supply"):
        column = getattr(items, name)
        assert np.array_equal(column[left], column[right]), name
    assert len(set(items.creator[civic])) == civic.sum()
    assert not set(items.creator[civic]) & set(items.creator[~civic])


def test_without_a_civic_share_no_item_takes_a_stance(tmp_path: Path) -> None:
    items = read(in_csv(tmp_path, clean()), civic_share=0).items
    assert not items.civic.any() and not items.stance.any()
    assert (items.topic > 0).all()
    assert items.supply.sum() == pytest.approx(1)


def test_real_items_keep_what_the_file_says(tmp_path: Path) -> None:
    data = clean()
    report = read(in_csv(tmp_path, data))
    codes = {name: code for code, name in enumerate(dict.fromkeys(data["author"]))}
    for i, name in enumerate(report.ids):
        if name.startswith("v"):
            row = int(name[1:])
            assert report.items.duration[i] == data["length"][row]
            assert report.items.creator[i] == codes[data["author"][row]]
            assert (report.items.sponsor[i] > 0) == (data["kind"][row] == "AD")


def test_milliseconds_are_converted(tmp_path: Path) -> None:
    data = clean()
    plain = read(in_csv(tmp_path, data))
    data["length"] = [1000 * seconds for seconds in data["length"]]
    columns = COLUMNS | {"duration_unit": "ms"}
    assert same(plain, read(in_csv(tmp_path, data), columns=columns))


def test_items_stand_in_the_order_of_posting(tmp_path: Path) -> None:
    data = clean()  # the first row was posted last
    names = [name for name in read(in_csv(tmp_path, data)).ids if name.startswith("v")]
    assert names == sorted(names, key=lambda name: -int(name[1:]))
    columns = {role: name for role, name in COLUMNS.items() if role != "date"}
    names = [n for n in read(in_csv(tmp_path, data), columns=columns).ids if n.startswith("v")]
    assert names == sorted(names, key=lambda name: int(name[1:]))


def test_dates_with_and_without_time_zone_compare(tmp_path: Path) -> None:
    data = clean()
    data["day"] = ["2024-01-02T00:30+01:00", "2024-01-01T23:00", "2024-01-02"]
    data["day"] += ["2024-03-01"] * (len(TAGS) - 3)
    report = read(in_csv(tmp_path, data), items=20, civic_share=0)
    assert report.ids[:3] == ("v1", "v0", "v2")


def test_what_the_file_lacks_is_drawn(tmp_path: Path) -> None:
    report = read(in_csv(tmp_path, clean()), columns={"id": "video", "topic": "tags"})
    items = report.items
    assert (items.duration > 0).all() and len(set(items.duration)) > 4
    assert (items.quality[items.civic == 0] > 0.25).all()
    assert not items.falsehood[items.civic == 0].any()
    assert items.creator[items.civic == 0].max() < report.parameters.catalogue.creators
    assert "creators" not in report.summary


def test_the_catalogue_makes_a_world_that_runs(tmp_path: Path) -> None:
    report = read(in_csv(tmp_path, clean()))
    batch = FeedBatch(report.parameters, 3, items=report.items)
    batch.start(seed=np.array(1), person=np.arange(3))
    for action in range(12):
        step = batch.step(np.full(3, action))
        assert np.isfinite(step.observation).all() and np.isfinite(step.reward).all()


# --- determinism ----------------------------------------------------------------------------------


def test_the_seed_alone_decides_the_draw(tmp_path: Path) -> None:
    path = in_csv(tmp_path, clean())
    assert same(read(path), read(path))
    assert not same(read(path), read(path, seed=8))
    assert read(path).sha256 == read(path).sha256


def test_a_null_world_has_the_same_shortlist(tmp_path: Path) -> None:
    path = in_csv(tmp_path, clean())
    topics = {"population": {"topics": 4}}
    null = read_catalogue(config(path), world("vulnerable", "no_extremity_pull", topics))
    plain = read(path)
    assert null.ids == plain.ids
    assert np.array_equal(
        null.items.quality[null.items.civic == 0], plain.items.quality[plain.items.civic == 0]
    )
    assert len(set(null.items.arousal[null.items.civic == 1])) == 1


def test_csv_and_parquet_give_the_same(tmp_path: Path) -> None:
    data = clean()
    data["tags"] = [39.0, None, 7.0, 39.0] * 5  # whole numbers with gaps become floats
    text = data | {"tags": ["39", "", "7", "39"] * 5}
    from_csv, from_parquet = read(in_csv(tmp_path, text)), read(in_parquet(tmp_path, data))
    assert same(from_csv, from_parquet)
    assert from_csv.topics == from_parquet.topics == ("civic (invented)", "39", "7", "unknown")
    frame = pd.DataFrame(data)
    frame["day"], frame["kind"] = pd.to_datetime(frame["day"]), frame["kind"].astype("category")
    frame.to_parquet(tmp_path / "typed.parquet")
    assert same(from_csv, read(tmp_path / "typed.parquet"))


def test_a_byte_order_mark_blank_lines_and_quoted_commas_are_read(tmp_path: Path) -> None:
    path = in_csv(tmp_path, clean())
    plain = read(path)
    path.write_text("\ufeff" + path.read_text().replace("\n", "\n\n"), encoding="utf-8")
    assert same(plain, read(path))


def test_another_encoding_is_read_when_named(tmp_path: Path) -> None:
    path = in_csv(tmp_path, clean(["é"] * 12 + ["b"] * 8))
    path.write_text(path.read_text(encoding="utf-8"), encoding="latin-1")
    assert read(path, encoding="latin-1").topics[1] == "é"


# --- repairs --------------------------------------------------------------------------------------


def test_a_missing_tag_is_unknown(tmp_path: Path) -> None:
    data = clean()
    for row in (0, 3, 4, 5, 6, 7, 8):
        data["tags"][row] = ("", "NaN", " , ")[row % 3]
    report = read(in_csv(tmp_path, data))
    assert report.summary["missing_topic"] == 7
    assert report.repairs == ["column 'tags': 7 missing became 'unknown' (rows 1, 4, 5, 6, 7, ...)"]
    assert "unknown" in report.topics[1]


@pytest.mark.parametrize("found", ["", "nan", "NULL", "0", "-3", "-inf"])
def test_a_missing_duration_is_the_median_of_its_topic(tmp_path: Path, found: str) -> None:
    data = clean(["a"] * 5 + ["b"] * 5)
    data["length"] = [found, "1", "2", "9", "4", "50", "50", "50", "50", "50"]
    report = read(in_csv(tmp_path, data), items=10, civic_share=0)
    assert report.items.duration[report.ids.index("v0")] == 3
    assert report.summary["missing_duration"] == 1
    assert "column 'length': 1 missing or not above 0" in report.repairs[0]
    assert report.repairs[0].endswith("(rows 1)")


def test_a_topic_without_durations_takes_the_median_of_the_file(tmp_path: Path) -> None:
    data = clean(["a"] * 5 + ["b"] * 5)
    data["length"] = [None] * 5 + [1, 2, 3, 4, 50]
    report = read(in_csv(tmp_path, data), items=10, civic_share=0)
    assert (report.items.duration[report.items.topic == 1] == 3).all()


def test_missing_creators_sponsors_and_dates_are_repaired_and_named(tmp_path: Path) -> None:
    data = clean()
    data["author"][2] = data["author"][9] = data["kind"][4] = data["day"][1] = None
    report = read(in_csv(tmp_path, data), items=20, civic_share=0)
    assert report.repairs == [
        "column 'author': 2 missing became 'unknown' (rows 3, 10)",
        "column 'kind': 1 missing became no advertisement (rows 5)",
        "column 'day': 1 missing became the earliest date (rows 2)",
    ]
    creator = dict(zip(report.ids, report.items.creator, strict=True))
    assert creator["v2"] == creator["v9"] != creator["v3"]
    assert report.ids[:2] == ("v1", "v19")


def test_a_sponsor_value_that_marks_nothing_is_reported(tmp_path: Path) -> None:
    report = read(in_csv(tmp_path, clean()), columns=COLUMNS | {"sponsor_value": "ad"})
    assert not report.items.sponsor.any()
    assert "column 'kind': no row is 'ad'" in report.repairs[0]
    assert "'NORMAL', 'AD'" in report.repairs[0]


# --- refusals -------------------------------------------------------------------------------------


def test_no_path(tmp_path: Path) -> None:
    assert "catalogue.path: found none" in refusal(None)


@pytest.mark.parametrize("name", ["absent.csv", "absent.parquet"])
def test_an_absent_file(tmp_path: Path, name: str) -> None:
    message = refusal(tmp_path / name)
    assert name in message and "No such file" in message


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    assert "allowed: a readable file" in refusal(tmp_path / "folder.csv")


def test_another_kind_of_file(tmp_path: Path) -> None:
    assert "'.xlsx'; allowed: .csv or .parquet" in refusal(tmp_path / "videos.xlsx")
    (tmp_path / "no.parquet").write_text("video,tags\n")
    assert "found no Parquet" in refusal(tmp_path / "no.parquet")
    (tmp_path / "no.csv").write_text('video,tags,length,author,kind,day\n"v,a\n')
    assert "found no CSV" in refusal(tmp_path / "no.csv")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "empty file"),
        ("\n\n", "missing"),
        ("video,tags,length,author,kind,day\n", "no rows"),
    ],
)
def test_an_empty_file(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "videos.csv"
    path.write_text(text)
    assert expected in refusal(path)


@pytest.mark.parametrize("write", [in_csv, in_parquet])
def test_missing_columns(tmp_path: Path, write: Any) -> None:
    data = clean()
    del data["tags"], data["day"]
    message = refusal(write(tmp_path, data))
    assert "header: columns 'tags', 'day' are missing" in message
    assert "allowed: 'video', 'length', 'author', 'kind'" in message


def test_a_column_that_is_there_twice(tmp_path: Path) -> None:
    path = in_csv(tmp_path, clean())
    path.write_text(path.read_text().replace("author", "author,author", 1).replace(",p", ",p,p"))
    assert "columns 'author' are there more than once" in refusal(path)


def test_a_row_of_another_width(tmp_path: Path) -> None:
    path = in_csv(tmp_path, clean())
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:3], lines[3] + ",x", *lines[4:]]))
    assert "row 3, after column 'day': found 7 fields; allowed: 6" in refusal(path)
    path.write_text("\n".join([*lines[:3], "v2,a", *lines[4:]]))
    assert "row 3, after column 'tags': found 2 fields; allowed: 6" in refusal(path)


@pytest.mark.parametrize("write", [in_csv, in_parquet])
@pytest.mark.parametrize(
    ("column", "row", "found", "expected"),
    [
        ("video", 4, "v1", "row 5, column 'video': found 'v1', as in row 2; allowed: a unique id"),
        ("video", 4, None, "row 5, column 'video': found no id"),
        ("length", 2, "long", "row 3, column 'length': found 'long'; allowed: a number in s"),
        ("length", 2, "1e9", "row 3, column 'length': found '1e9'; allowed: a number in s"),
        ("length", 2, "inf", "row 3, column 'length': found 'inf'"),
        ("day", 6, "01/02/2024", "row 7, column 'day': found '01/02/2024'; allowed: an ISO date"),
        ("day", 6, "2024-02-30", "row 7, column 'day': found '2024-02-30'"),
    ],
)
def test_a_bad_cell(
    tmp_path: Path, write: Any, column: str, row: int, found: str | None, expected: str
) -> None:
    data = clean()
    data[column] = [str(value) for value in data[column]]
    data[column][row] = found
    path = write(tmp_path, data)
    message = refusal(path)
    assert message.startswith(str(path)) and expected in message


@pytest.mark.parametrize("column", ["tags", "length", "author", "kind", "day"])
def test_a_column_without_a_value(tmp_path: Path, column: str) -> None:
    data = clean()
    data[column] = [None] * len(TAGS)
    assert f"column '{column}': found no usable value in any row" in refusal(in_csv(tmp_path, data))


def test_a_nested_column(tmp_path: Path) -> None:
    data = clean()
    data["tags"] = [["a", "b"]] * len(TAGS)
    assert "column 'tags': found list<" in refusal(in_parquet(tmp_path, data))


def test_a_wrong_encoding_names_the_place(tmp_path: Path) -> None:
    path = in_csv(tmp_path, clean())
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"p3", b"p\xe9"))
    message = refusal(path)
    assert "row 7, column 'author': found byte 0xe9; allowed: utf-8 text" in message
    path.write_bytes(raw.replace(b"tags", b"t\xe9gs"))
    assert "header, column 2: found byte 0xe9" in refusal(path)
    path.write_bytes(raw.decode().encode("utf-16"))
    assert "allowed: utf-8 text" in refusal(path)


def test_fewer_rows_than_the_shortlist(tmp_path: Path) -> None:
    assert "found 20 rows; allowed: 21" in refusal(in_csv(tmp_path, clean()), items=21)


@pytest.mark.parametrize("share", [0.9, 1.0])
def test_fewer_places_than_topics(tmp_path: Path, share: float) -> None:
    message = refusal(in_csv(tmp_path, clean()), civic_share=share)
    assert "catalogue.items: found 12" in message and "3 topics" in message


@pytest.mark.parametrize(
    "fields",
    [
        {"columns": {"id": "video"}},
        {"columns": {"id": "video", "topic": "tags", "stance": "y"}},
        {"columns": {"id": "video", "topic": "tags", "sponsor": "kind"}},
        {"columns": COLUMNS | {"duration_unit": "min"}},
        {"items": 3},
        {"civic_share": 1.5},
        {"encoding": "utf-9"},
        {"encoding": "base64"},
        {"shortlist": 12},
    ],
)
def test_a_bad_block_is_refused_with_its_key(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        config(Path("videos.csv"), **fields)
    assert caught.value.errors()[0]["loc"][0] == next(iter(fields))


# --- properties -----------------------------------------------------------------------------------

TAG = st.sampled_from(["", "39", "39,68", "3", "6,3", "x", "y,39", "z"])
DURATION = st.one_of(st.none(), st.floats(-10, 1e6))
LIGHT = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@LIGHT
@given(
    rows=st.lists(st.tuples(TAG, DURATION), min_size=12, max_size=60),
    seed=st.integers(0, 2**40),
    share=st.floats(0, 0.6),
    topics=st.integers(2, 5),
)
def test_any_readable_file_gives_a_sound_catalogue(
    tmp_path: Path, rows: list[tuple[str, float | None]], seed: int, share: float, topics: int
) -> None:
    data = clean([tag for tag, _ in rows]) | {"length": [length for _, length in rows]}
    path = in_csv(tmp_path, data | {"day": ["2024-01-01"] * len(rows)})
    try:
        report = read(path, topics=topics, seed=seed, civic_share=share)
    except CatalogueError as error:
        assert "no usable value" in str(error)
        return
    items = report.items
    assert len(items) == len(report.ids) == len(set(report.ids)) == 12
    real = items.civic == 0
    assert set(items.topic[real]) == set(range(1, len(report.topics)))
    assert items.supply.sum() == pytest.approx(1, abs=1e-5)
    assert items.stance.sum() == pytest.approx(0, abs=1e-6)
    assert (items.supply @ items.stance) == pytest.approx(0, abs=1e-6)
    for name in ("arousal", "quality", "falsehood"):
        assert (getattr(items, name) >= 0).all() and (getattr(items, name) <= 1).all()
    assert np.isfinite(items.duration).all() and (items.duration > 0).all()
    # Topics are supplied as they are posted, whatever the shortlist.
    weights = np.bincount(items.topic[real], items.supply[real]) / items.supply[real].sum()
    assert weights * len(rows) == pytest.approx(np.round(weights * len(rows)), abs=1e-3)


@LIGHT
@given(raw=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
@pytest.mark.parametrize("name", ["videos.csv", "videos.parquet"])
def test_any_bytes_are_refused_clearly(tmp_path: Path, name: str, raw: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(raw)
    assert name in refusal(path)


@LIGHT
@given(
    cells=st.lists(st.lists(st.text(max_size=8), min_size=6, max_size=6), min_size=4, max_size=8)
)
def test_any_cells_are_read_or_refused_clearly(tmp_path: Path, cells: list[list[str]]) -> None:
    buffer = io.StringIO()
    csv.writer(buffer).writerows([list(clean()), *cells])
    path = tmp_path / "videos.csv"
    path.write_bytes(buffer.getvalue().encode("utf-8", "ignore"))
    try:
        read(path, topics=3, items=4)
    except CatalogueError as error:
        assert "allowed: " in str(error)


# --- a real file ----------------------------------------------------------------------------------


@pytest.mark.skipif("UNDERTOW_KUAIRAND" not in os.environ, reason="UNDERTOW_KUAIRAND names no file")
def test_the_catalogue_of_a_real_short_video_app() -> None:
    columns = {
        "id": "video_id",
        "topic": "tag",
        "duration": "video_duration",
        "duration_unit": "ms",
        "creator": "author_id",
        "sponsor": "video_type",
        "sponsor_value": "AD",
        "date": "upload_dt",
    }
    block = config(Path(os.environ["UNDERTOW_KUAIRAND"]), columns, items=60)
    report = read_catalogue(block, world())
    expected = {
        "rows": 7583,
        "creators": 6510,
        "tag_sets": 111,
        "missing_topic": 96,
        "missing_duration": 239,
        "advertisements": 76,
        "topics": 6,
        "shortlist": 60,
        "shortlist_civic": 20,
    }
    assert {name: report.summary[name] for name in expected} == expected
    assert len(report.repairs) == 2
    assert 5 <= np.median(report.items.duration) <= 200
    batch = FeedBatch(report.parameters, 4, items=report.items)
    batch.start(seed=np.array(0), person=np.arange(4))
    assert np.isfinite(batch.step(np.arange(4)).observation).all()
