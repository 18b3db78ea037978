"""The manifest of a result, read and checked; the lock that lets one command write at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from .problems import ResultError

Manifest = dict[str, Any]


@contextmanager
def locked(results: Path, name: str) -> Iterator[Path]:
    """The folder of a result, which nobody else works on meanwhile; makes `results`.

    The lock lies beside the folder itself, also where `results/<name>` is a link to it. Raises
    `ResultError` where another run holds it, and where the folder is none.
    """
    if results.exists() and not results.is_dir():
        raise ResultError(f"--results: found {results}, a file; allowed: a folder")
    results.mkdir(parents=True, exist_ok=True)
    folder = results / name
    if folder.is_symlink() and not folder.exists():
        raise ResultError(
            f"{folder}: a link to {folder.readlink()}, which is not there; allowed: a link to a "
            "folder, or none"
        )
    if folder.exists() and not folder.is_dir():
        raise ResultError(f"{folder}: found a file; allowed: a folder, or another name")
    real = folder.resolve()
    try:
        with FileLock(real.with_name(f".{real.name}.lock"), timeout=0):
            yield folder
    except Timeout:
        raise ResultError(
            f"{folder}: another run is at work on it; allowed: one at a time"
        ) from None
    except NotImplementedError:  # what filelock says of a file system without locks
        raise ResultError(
            f"{results}: its file system has no locks; allowed: --results on another one"
        ) from None


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest, or None where no run has begun yet.

    Raises `ResultError` for a damaged manifest, and for a folder of other files without one.
    """
    file = folder / "manifest.json"
    if not file.exists():
        if folder.exists() and any(map(_is_of_somebody, folder.iterdir())):
            raise ResultError(
                f"{folder}: has files but no manifest.json; allowed: an empty folder, a result, or "
                "--fresh once you have moved what is yours"
            )
        return None
    try:
        manifest: Manifest = json.loads(file.read_text(encoding="utf-8"))
        _require_types(manifest)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ResultError(
            f"{file}: damaged ({error!r}); allowed: --fresh to run it again, or the file restored"
        ) from None
    return manifest


def _is_of_somebody(entry: Path) -> bool:
    """Whether an entry of a folder is more than a deletion that was stopped, or a kill, left."""
    if entry.name[0] == "." or entry.name == "config.yaml":
        return False
    if entry.name in ("parts", "policies", "figures") and entry.is_dir():
        return any(below.name[0] != "." for below in entry.iterdir())
    return True


_NUMBERS = ("wall_time_s", "training_core_s", "measuring_core_s", "peak_memory_mb_per_worker")


def _require_types(manifest: Manifest) -> None:
    """Raises `TypeError`, `KeyError` or the like for a manifest that no run wrote."""
    texts = {key: manifest[key] for key in ("config_sha256", "started")}
    texts |= {key: manifest[key] or "" for key in ("catalogue_sha256", "git_revision", "finished")}
    texts |= {f"files.{k}": v for k, v in manifest.get("files", {}).items()}
    texts |= {f"versions.{k}": v for k, v in manifest.get("versions", {}).items()}
    numbers = {"wall_time_s": manifest["wall_time_s"]}
    numbers |= {key: manifest[key] for key in _NUMBERS if key in manifest}
    numbers |= {f"earlier_core_s.{k}": v for k, v in manifest.get("earlier_core_s", {}).items()}
    numbers |= {f"seeds.{i}": seed for i, seed in enumerate(manifest.get("seeds", []))}
    lists = {k: manifest[k] for k in ("earlier_configs", "later_revisions") if k in manifest}
    for allowed, values in (((str,), texts), ((int, float), numbers), ((list,), lists)):
        for key, value in values.items():
            if not isinstance(value, allowed) or isinstance(value, bool):
                raise TypeError(f"{key}: found {value!r}; allowed: {allowed[-1].__name__}")


def require_finished(folder: Path, manifest: Manifest) -> None:
    """Raises `ResultError` for a result that is not finished: what it holds may be of before."""
    if not manifest.get("finished"):
        raise ResultError(f"{folder}: is not finished; allowed: once its command has run again")


def readable_manifest(folder: Path) -> Manifest | None:
    """The manifest where it can be read; a damaged one does not stop `--fresh`."""
    try:
        return read_manifest(folder)
    except ResultError:
        return None
