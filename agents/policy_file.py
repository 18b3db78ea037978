"""The safe file of a policy: a `.npz` of arrays and one JSON text; reading it runs no code.

    undertow       the JSON text: the kind of the policy, its settings, what it was made for
    ...            arrays of numbers, by name

Readable without torch and without Undertow: `json.loads(str(np.load(file)["undertow"]))`. The same
policy gives the same bytes, whatever the clock says. Pickled objects, archives that unpack to more
than `LARGEST` and numbers that are not finite are refused.
"""

from __future__ import annotations

import io
import json
import math
import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

Arrays = dict[str, np.ndarray]

VERSION = 1
#: Bytes that a file may unpack to.
LARGEST = 2**30
_NOTE = "undertow"
_SUFFIX = ".npy"
_DAMAGED = (OSError, EOFError, ValueError, KeyError, TypeError, NotImplementedError)
UNREADABLE = (*_DAMAGED, RuntimeError, RecursionError, zipfile.BadZipFile, zlib.error)


class PolicyError(ValueError):
    """A policy that cannot be used, or does not fit; the message names it and says why."""


def appended(path: Path, suffix: str) -> Path:
    """`path` with the suffix, unless it ends so: `ppo_gamma_0.90` becomes `ppo_gamma_0.90.npz`."""
    return path if path.suffix == suffix else path.with_name(path.name + suffix)


def write_whole(file: Path, content: bytes) -> Path:
    """Writes the file whole or not at all; returns it."""
    new = file.with_name(f".{file.name}.writing")
    try:
        new.write_bytes(content)
        os.replace(new, file)
    finally:
        new.unlink(missing_ok=True)
    return file


def write_zip(file: Path, members: Mapping[str, bytes]) -> Path:
    """A .zip of these files, each with the date 1980, so that the clock leaves no trace."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in members.items():
            # A ZipInfo of its own has the date 1980; a name alone would be given the clock's.
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return write_whole(file, packed.getvalue())


def write_npz(path: Path, note: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Path:
    """Writes `path`.npz; returns the file. Raises `PolicyError` for numbers that are not finite."""
    file = appended(path, ".npz")
    text = json.dumps({"format": VERSION, **note}, allow_nan=False)
    members = {}
    for name, array in {_NOTE: np.array(text), **arrays}.items():
        _finite(file, name, array)
        content = io.BytesIO()
        npy.write_array(content, np.asarray(array), allow_pickle=False)
        members[name + _SUFFIX] = content.getvalue()
    return write_zip(file, members)


def read_npz(file: Path) -> tuple[dict[str, Any], Arrays]:
    """The JSON note and the arrays of what `write_npz` wrote; raises `PolicyError` for the rest."""
    try:
        arrays = {
            name.removesuffix(_SUFFIX): _array(content) for name, content in read_zip(file).items()
        }
        note = json.loads(str(arrays.pop(_NOTE))) if _NOTE in arrays else {}
    except UNREADABLE as error:
        raise PolicyError(
            f"policy {file}: damaged or not a policy's file ({said(error)})"
        ) from None
    if not isinstance(note, dict) or note.get("format", VERSION) != VERSION:
        found = note.get("format") if isinstance(note, dict) else note
        raise PolicyError(f"policy {file}: format: found {found!r}; allowed: {VERSION}")
    for name, array in arrays.items():
        _finite(file, name, array)
    return note, arrays


def read_zip(file: Path) -> dict[str, bytes]:
    """The files of a .zip, in memory; refuses one that unpacks to more than `LARGEST`."""
    with zipfile.ZipFile(file) as archive:
        size = sum(info.file_size for info in archive.infolist())
        if size > LARGEST:
            raise ValueError(f"unpacks to {size:,} bytes; allowed: {LARGEST:,}")
        return {info.filename: archive.read(info) for info in archive.infolist()}


def said(error: BaseException) -> str:
    """What an exception says, on one line."""
    text = " ".join(str(error).split())
    return text[:200] if text else type(error).__name__


def damaged(file: Path, error: BaseException) -> PolicyError:
    """The error to raise for a file that cannot be read."""
    return PolicyError(f"policy {file}: damaged or not a policy's file ({said(error)})")


def _array(content: bytes) -> np.ndarray:
    """An array of a `.npy`, of numbers or text; its header has to fit what follows."""
    stream = io.BytesIO(content)
    version = npy.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"npy version: found {version}; allowed: (1, 0) or (2, 0)")
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(stream)
    if dtype.kind not in "biufU":
        raise ValueError(f"array: found type {dtype}; allowed: numbers and text")
    if (
        min(shape, default=0) < 0
        or math.prod(shape) * dtype.itemsize != len(content) - stream.tell()
    ):
        raise ValueError(f"array: found shape {shape}, which its bytes do not fill")
    stream.seek(0)
    array: np.ndarray = npy.read_array(stream, allow_pickle=False)
    return array


def _finite(file: Path, name: str, array: np.ndarray) -> None:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        wrong = int(np.sum(~np.isfinite(array)))
        raise PolicyError(
            f"policy {file}: {name}: found {wrong} of {array.size} numbers NaN or infinite; "
            "allowed: finite numbers"
        )
