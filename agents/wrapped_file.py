"""The file of a rule that is put on a policy: a .zip of the rule and the policy's own file."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .policy import Policy
from .policy_file import appended, write_zip


@dataclass(frozen=True)
class Wrapped:
    """What such a file holds: the fields of the rule, and the policy under it."""

    fields: dict[str, Any]
    policy: Policy


def write_wrapped(path: Path, name: str, fields: dict[str, Any], policy: Policy) -> Path:
    """Writes `path`.zip, with `fields` as the JSON file `name` in it; returns the file."""
    with tempfile.TemporaryDirectory() as folder:
        own = policy.save(Path(folder) / "policy")
        rule = json.dumps(fields, allow_nan=False).encode()
        return write_zip(appended(path, ".zip"), {name: rule, own.name: own.read_bytes()})
