"""What a result says of how it was made: code, versions, machine; and files written whole."""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

_PACKAGES = ("undertow", "numpy", "gymnasium", "torch", "stable-baselines3", "scipy", "pandas")


def made_by() -> dict[str, Any]:
    """Code, versions and machine, for a manifest."""
    return {
        "git_revision": git_revision(),
        "versions": installed_versions(),
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
    }


def digest(data: Any) -> str:
    """SHA-256 of JSON data, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def file_sha256(file: Path) -> str:
    """SHA-256 of a file's content."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def json_text(data: Any, indent: int | None = 1) -> str:
    """JSON that every reader takes: a float that is infinite or no number becomes null."""
    return json.dumps(_finite(data), indent=indent, allow_nan=False)


def _finite(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return None if isinstance(data, float) and not math.isfinite(data) else data


def now() -> str:
    """The time, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def installed_versions() -> dict[str, str]:
    """Versions of what the figures depend on."""
    return {name: version(name) for name in _PACKAGES}


def git_revision() -> str | None:
    """Revision of the code, with -dirty where it was changed; None outside a checkout."""
    here = Path(__file__).resolve().parents[1]

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=here, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "experiments/run.py")  # not a venv in another checkout
        revision = git("rev-parse", "HEAD")
        code = ("*.py", "experiments/configs", "constraints.txt", "pyproject.toml")
        return revision + ("-dirty" if git("status", "--porcelain", "--", *code) else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def write_whole(file: Path, content: bytes) -> None:
    """Whole or not at all: a kill or a full disk leaves no half-written file under its name."""
    new = file.with_name(f".{file.name}.new")
    try:
        new.write_bytes(content)
        os.replace(new, file)
    finally:
        new.unlink(missing_ok=True)
