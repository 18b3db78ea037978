"""Parts: what a task leaves behind, with the hash of what went in and of what came out.

A part is a JSON file that holds its own hash, so a flipped bit is noticed. It also holds the hash
of its task's inputs, so a part of another task, seed or config is never taken for this one's.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .provenance import digest, file_sha256, write_whole

_SELF = "sha256"  # the key of a part's hash of itself


def sealed(data: dict[str, Any]) -> bytes:
    """JSON data with its own hash."""
    data = json.loads(json.dumps(data))  # as it will be read: a tuple is a list, a key is a text
    return json.dumps({**data, _SELF: digest(data)}, indent=1).encode()


def unsealed(content: bytes) -> dict[str, Any]:
    """What `sealed` wrote, without the hash; raises `ValueError` where it is damaged."""
    data = json.loads(content.decode("utf-8"))
    if not isinstance(data, dict):
        raise ValueError(f"found {type(data).__name__}; allowed: a part")
    if _SELF not in data:
        raise ValueError("has no hash of itself: damaged, or made before parts had one")
    stated = data.pop(_SELF)
    if digest(data) != stated:
        raise ValueError("is not what its hash says")
    return data


def require_unchanged(folder: Path, files: dict[str, str]) -> None:
    """Raises `ValueError` where one of these files, by path below the folder, is not as hashed."""
    for path, sha256 in files.items():
        if not (folder / path).is_file():
            raise ValueError(f"{path} is missing")
        if file_sha256(folder / path) != sha256:
            raise ValueError(f"{path} is not what its hash says")


def kept(file: Path, make: Callable[[], Any]) -> Any:
    """What a sealed file holds, JSON data; made and written where it is missing or damaged."""
    try:
        return unsealed(file.read_bytes())["data"]
    except (FileNotFoundError, ValueError, KeyError):
        write_whole(file, sealed({"data": make()}))
    return unsealed(file.read_bytes())["data"]
