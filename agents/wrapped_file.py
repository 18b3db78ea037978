"""The file of a rule that is put on a policy: a .zip of the rule and the policy's own file."""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .policy import Policy


def write_wrapped(path: Path, name: str, fields: dict[str, Any], policy: Policy) -> Path:
    """Writes `path`.zip, with `fields` as the JSON file `name` in it; returns the file."""
    file = path.with_suffix(".zip")
    with tempfile.TemporaryDirectory() as folder:
        own = policy.save(Path(folder) / "policy")
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(name, json.dumps(fields))
            archive.write(own, own.name)
    return file


def read_wrapped(
    file: Path, name: str, load: Callable[[Path], Policy]
) -> tuple[dict[str, Any], Policy]:
    """The fields and the policy, which `load` reads, of what `write_wrapped` wrote."""
    with zipfile.ZipFile(file) as archive, tempfile.TemporaryDirectory() as folder:
        fields: dict[str, Any] = json.loads(archive.read(name))
        (own,) = (other for other in archive.namelist() if other != name)
        return fields, load(Path(archive.extract(own, folder)))


def is_wrapped(file: Path, name: str) -> bool:
    """Whether this .zip holds the rule `name`."""
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as archive:
        return name in archive.namelist()
