"""`undertow verify`: is a result what it was when it was finished? Also the states of `list`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .inventory import OK, compared, faults
from .manifest import Manifest, locked, read_manifest
from .parts import require_unchanged, unsealed
from .problems import ResultError
from .result_folder import seal
from .terminal import console, fail, problems_told

_STOPPED = "stopped before its report was whole; the command that made it goes on from here"
_OLD = "made before file hashes were kept, so only what must be there was looked for"


def verify_command(
    folders: Annotated[list[Path], typer.Argument(help="results, each the folder of one")],
    record: Annotated[
        bool, typer.Option("--seal", help="record the hashes of what is there now")
    ] = False,
) -> None:
    """Check every file of results against the hashes in their manifests."""
    with problems_told():
        differ = [folder for folder in folders if not _told(folder, record)]
    if differ:
        names = ", ".join(str(folder) for folder in differ)
        raise fail(f"{names}: not what was finished; allowed: ok for every file")


def _told(folder: Path, record: bool) -> bool:
    """Like `_verified`; what cannot be read differs too, and does not keep others from a check."""
    try:
        return _verified(folder, record)
    except ResultError as error:
        fail(str(error))
        return False


def _verified(folder: Path, record: bool) -> bool:
    """Tells of one result, file by file; whether it is what was finished."""
    if not folder.is_dir():
        raise ResultError(f"{folder}: no such folder; allowed: the folder of a result")
    manifest = read_manifest(folder)
    if manifest is None:
        raise ResultError(f"{folder}: holds no result; allowed: the folder of one")
    if not manifest["finished"]:
        return _tell_parts(folder)
    if record:
        with locked(folder.resolve().parent, folder.resolve().name):
            seal(folder, manifest)
    _say(f"{folder}: finished {manifest['finished']}")
    if "files" not in manifest:
        _say(f"  {_STOPPED if (folder / 'parts').exists() else _OLD}")
    states = compared(folder, manifest)
    for path, state in states.items():
        _say(f"  {path}: {state}")
    return not faults(states)


def _tell_parts(folder: Path) -> bool:
    """An unfinished result is never what was finished; says which of its parts are whole."""
    _say(f"{folder}: unfinished; run it again to go on")
    for part in sorted((folder / "parts").glob("*--*.json")):
        try:
            require_unchanged(folder, unsealed(part.read_bytes())["files"])
            _say(f"  parts/{part.name}: {OK}")
        except (ValueError, KeyError, AttributeError) as error:
            _say(f"  parts/{part.name}: damaged ({error}), its job will be run again")
    return False


def _say(text: str) -> None:
    console.print(text, soft_wrap=True, highlight=False, markup=False)


def state_of(folder: Path) -> str:
    """The state of a result in a line; large files are looked for, and not read."""
    try:
        manifest = read_manifest(folder)
    except (ResultError, OSError):
        return "damaged manifest"
    if manifest is None or not manifest["finished"]:
        return "unfinished; run it again to go on"
    return f"finished {manifest['finished']}{_but(folder, manifest)}"


def _but(folder: Path, manifest: Manifest) -> str:
    states = compared(folder, manifest, quick=True)
    wrong = [f"{path} is {state}" for path, state in faults(states).items()]
    if not wrong:
        return ""
    more = f" (and {len(wrong) - 1} more)" if wrong[1:] else ""
    return f", but {wrong[0]}{more}; see `undertow verify {folder}`"
