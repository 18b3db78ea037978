"""Which files of a folder are a result's own: their hashes, what is missing or changed, deletion.

The manifest of a finished result holds `files`: the SHA-256 of every file by its path, the manifest
itself left out. Results from before this was kept have none; the pattern of a run's names stands
in for it. All other files are the user's: they are named, and never deleted.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from ..envs.world import PRESETS
from .manifest import Manifest
from .problems import ResultError
from .provenance import digest, file_sha256

MANIFEST, CONFIG = "manifest.json", "config.yaml"
SOURCES = ("summary.json", "episodes.parquet", "people.parquet", "world.yaml")
REPORT = "report.md"
_TOP = {CONFIG, *SOURCES, REPORT}
_DRAWN = (
    ("overview", "fronts", "minutes", "harms", "nulls", "susceptible", "profiles", "improvement"),
    ("drift", "frontier", "map"),  # tiny
    ("feed", "sought"),  # fit-views
    ("validity", "maps", "tampering", "forest"),
    tuple(PRESETS),  # sensitivity
)
#: The figures that Undertow's reports have.
FIGURES = frozenset(f"{name}.png" for names in _DRAWN for name in names)
#: A saved policy: world, policy and seed; `README.md` is the cards'.
_POLICY = re.compile(r"[a-z0-9_]+--[a-z0-9_]+--\d+\.(?:json|npz|zip)|README\.md")
#: What a kill leaves of a file that was being written.
_HALF = re.compile(r"\..+\.new(?:\.\w+)?|\.[a-z0-9_]+--[a-z0-9_]+--\d+\.\w+")
_FOLDERS = ("figures", "policies")
_LINK = re.compile(r"\]\((figures/[^)]+\.png)\)")
_SMALL = 1_000_000  # bytes that are hashed wherever a result is only looked at

Differences = dict[str, str]
OK, MISSING, CHANGED = "ok", "missing", "changed"
UNLISTED, FOREIGN = "not in the manifest", "not of this result"


def files_of(
    folder: Path, manifest: Manifest, policies: Collection[str] | None = None
) -> list[str]:
    """Paths of the result's own files that are there, without the manifest.

    policies: the stems of its policies; by their pattern, or by `files`, where None.
    """
    return [
        path
        for path in _present(folder)
        if _is_own(path, manifest.get("files") or {}, policies) and path != MANIFEST
    ]


def hashes(
    folder: Path, manifest: Manifest, policies: Collection[str] | None = None
) -> dict[str, str]:
    """The `files` of a manifest: of what is there now, the hash by path."""
    unlisted = {key: value for key, value in manifest.items() if key != "files"}
    paths = files_of(folder, unlisted, policies)
    return {path: file_sha256(folder / path) for path in paths}


def rehashed(folder: Path, manifest: Manifest) -> dict[str, str]:
    """`files` of a result whose report and figures were written anew."""
    old = {p: s for p, s in manifest["files"].items() if p != REPORT and not _is_figure(p)}
    drawn = [p for p in _present(folder) if p == REPORT or (_is_figure(p) and _is_own(p, {}))]
    return old | {path: file_sha256(folder / path) for path in drawn}


def compared(folder: Path, manifest: Manifest, *, quick: bool = False) -> Differences:
    """The state of every file of a finished result, and of files that are not its own.

    quick: large files are only looked for. Where the manifest has no hashes, what it says of the
    config is checked, and that what a result must have is there.
    """
    files = manifest.get("files")
    present = _present(folder)
    states: Differences = {}
    if files is None:
        states = _without_hashes(folder, manifest)
    else:
        for path, sha256 in files.items():
            file = folder / path
            if not file.is_file():
                states[path] = MISSING
            elif quick and file.stat().st_size > _SMALL:
                states[path] = OK
            else:
                states[path] = OK if file_sha256(file) == sha256 else CHANGED
    for path in present:
        if path in states or path == MANIFEST or (files is None and _is_own(path, {})):
            continue
        states[path] = UNLISTED if _is_own(path, {}) else FOREIGN
    return states


def faults(states: Differences) -> Differences:
    """Of all states, those that make the result another than the one that was finished."""
    return {path: s for path, s in states.items() if s in (MISSING, CHANGED, UNLISTED)}


def delete_result(folder: Path, manifest: Manifest | None) -> None:
    """Deletes a result's own files; the folder itself stays, and so does a link to it.

    The manifest goes last, so a stop on the way leaves a result that says what it lacks. Raises
    `ResultError`, before anything is deleted, where a file is not of a run.
    """
    if not folder.exists():
        return
    files = (manifest or {}).get("files") or {}
    foreign = [p for p in _present(folder) if not _is_own(p, files) and p != MANIFEST]
    foreign += [f"{d.name}/" for d in _folders(folder) if d.name not in (*_FOLDERS, "parts")]
    if foreign:
        named = ", ".join(repr(path) for path in foreign[:5]) + (", ..." if foreign[5:] else "")
        raise ResultError(
            f"{folder}: --fresh would delete {named}, which no run wrote; allowed: a folder of "
            "results alone"
        )
    drop_parts(folder)
    own = [path for path in _present(folder) if path not in (MANIFEST, CONFIG)]
    for path in (*own, CONFIG, MANIFEST):
        (folder / path).unlink(missing_ok=True)
    drop_half_files(folder)
    for name in _FOLDERS:
        place = folder / name
        if place.is_dir() and not place.is_symlink() and not any(place.iterdir()):
            place.rmdir()


def drop_parts(folder: Path) -> None:
    """Deletes the parts; where their folder is a link, what is in it."""
    parts = folder / "parts"
    if parts.is_symlink():
        for entry in parts.iterdir() if parts.is_dir() else ():
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    elif parts.exists():
        shutil.rmtree(parts)


def drop_half_files(folder: Path) -> None:
    """Deletes what kills left of files that were being written."""
    for place in (folder, *(folder / name for name in _FOLDERS)):
        for file in place.iterdir() if place.is_dir() else ():
            if _HALF.fullmatch(file.name) and not file.is_dir():
                file.unlink(missing_ok=True)


def drop_policies(folder: Path) -> None:
    """Deletes what an unfinished run saved of policies."""
    place = folder / "policies"
    for file in place.iterdir() if place.is_dir() else ():
        if _POLICY.fullmatch(file.name):
            file.unlink(missing_ok=True)


def _present(folder: Path) -> list[str]:
    """Paths of all files but parts and hidden ones, in order."""
    found = [f.name for f in folder.iterdir() if not f.is_dir() and f.name[0] != "."]
    for name in _FOLDERS:
        place = folder / name
        for file in place.rglob("*") if place.is_dir() else ():
            below = file.relative_to(folder)
            if not file.is_dir() and not any(part[0] == "." for part in below.parts):
                found.append(below.as_posix())
    return sorted(found)


def _folders(folder: Path) -> list[Path]:
    return [f for f in folder.iterdir() if f.is_dir() and f.name[0] != "."]


def _is_figure(path: str) -> bool:
    return path.startswith("figures/")


def _is_own(path: str, files: Collection[str], policies: Collection[str] | None = None) -> bool:
    """Whether a run wrote a file: it is listed, or, where nothing is, named as a run names it."""
    if path in files:
        return True
    place, _, name = path.rpartition("/")
    if place == "":
        return name in _TOP
    if place == "figures":
        return name in FIGURES
    if place != "policies":
        return False
    if policies is not None and name != "README.md":
        return bool(_POLICY.fullmatch(name)) and name.rpartition(".")[0] in policies
    return bool(_POLICY.fullmatch(name)) and (not files or name == "README.md")


def _without_hashes(folder: Path, manifest: Manifest) -> Differences:
    """What can be said of a result from before hashes of files were kept."""
    states = {CONFIG: config_state(folder, manifest)}
    must = ["summary.json", REPORT, *([] if "kind" in manifest else ["episodes.parquet"])]
    states |= {name: OK if (folder / name).is_file() else MISSING for name in must}
    if states[REPORT] == OK:
        text = (folder / REPORT).read_text(encoding="utf-8", errors="replace")
        for path in dict.fromkeys(_LINK.findall(text)):
            states[path] = OK if (folder / path).is_file() else MISSING
    return states


def config_state(folder: Path, manifest: Manifest) -> str:
    """Whether `config.yaml` is the one whose hash the manifest has."""
    try:
        config = yaml.safe_load((folder / CONFIG).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return MISSING
    except (OSError, ValueError, yaml.YAMLError):
        return CHANGED
    catalogue = manifest.get("catalogue_sha256")
    data = config if "kind" in manifest else {"config": config, "catalogue": catalogue}
    try:
        return OK if digest(data) == manifest["config_sha256"] else CHANGED
    except (TypeError, ValueError):  # a date, say, which JSON does not know
        return CHANGED


def check_finished(
    folder: Path, manifest: Manifest, *, reported: bool = True, anew: bool = True
) -> None:
    """Raises `ResultError` where a file of a finished result is damaged, changed or missing.

    reported: figures and report count too. anew: the command can make these from the rest.
    """
    states = faults(compared(folder, manifest))
    values = {path: s for path, s in states.items() if path in (*SOURCES, "config.yaml")}
    for path, state in values.items():
        raise _damaged(folder / path, state)
    for name, read in (("summary.json", _read_json), ("episodes.parquet", pd.read_parquet)):
        if "files" in manifest or (name == "episodes.parquet" and "kind" in manifest):
            continue
        try:
            read(folder / name)
        except Exception as error:
            raise _damaged(folder / name, str(error)) from None
    policies = {path: s for path, s in states.items() if path.startswith("policies/")}
    drawn = {path: s for path, s in states.items() if path not in policies and reported}
    if policies or drawn:
        told = ", ".join(
            f"{path} is {state}" for path, state in [*policies.items(), *drawn.items()]
        )
        offered = "--report to write report and figures anew, " if anew and not policies else ""
        raise ResultError(
            f"{folder}: finished, but {told}; allowed: {offered}the files restored, --fresh to run "
            "it again, or `undertow verify --seal` to keep it as it is"
        )


def _read_json(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def _damaged(file: Path, why: str) -> ResultError:
    return ResultError(
        f"{file}: damaged ({why}), though the manifest says finished; allowed: --fresh to run it "
        "again, or the file restored"
    )
