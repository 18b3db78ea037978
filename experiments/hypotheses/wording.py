"""How numbers and verdicts of a register read, in its report and its figure alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..markdown import enumeration

Told = dict[str, Any]


def number(value: float | None) -> str:
    """Three figures, three places near 1, and a real minus sign."""
    if value is None:
        return "undefined"
    text = f"{value:.3f}" if 0.5 <= abs(value) < 2 else f"{value:.3g}"
    return text.replace("-", "−")


def interval(part: Told) -> str:
    """Mean and 95 % interval."""
    if part["mean"] is None:
        return "undefined"
    if part["low"] == part["high"]:
        return number(part["mean"])
    return f"{number(part['mean'])} ({number(part['low'])} to {number(part['high'])})"


def verdict(hypothesis: Told) -> str:
    """In words: supported, or what failed."""
    if hypothesis["supported"]:
        return "supported"
    parts = [
        _failed("claim", hypothesis["claims"], "held"),
        _failed("null", hypothesis["nulls"], "passed"),
    ]
    return "not supported: " + "; ".join(part for part in parts if part)


def _failed(kind: str, parts: Sequence[Told], key: str) -> str:
    """Names what failed, or counts it where it is much; empty where nothing did."""
    names = [f"`{part['name']}`" for part in parts if not part[key]]
    if len(names) > 3:
        return f"{len(names)} of {len(parts)} {kind}s"
    return f"{kind}{'s' if len(names) > 1 else ''} {enumeration(names)}" if names else ""
