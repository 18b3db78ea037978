"""The parts of a report that judge: the null worlds, and every hypothesis, failed or held."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .markdown import bullets, image, section, table
from .result import DASH, Contrast, Result, plain, read_estimate


def null_worlds(result: Result, drawn: Sequence[str]) -> str:
    """The null worlds: their equivalence tests, then what was measured in them."""
    tests = [h for h in result.hypotheses if h.get("group") == "null"]
    if not tests and not result.null_worlds:
        return ""
    shown = ("watch_minutes_per_day", "induced_drift", "habit_share", "radicalised_share")
    cells = [
        [f"`{w}`", f"`{p}`", *(result.with_interval(result.estimate(p, w, m), m) for m in shown)]
        for w in result.null_worlds
        for p in result.policies
        if result.has(p, w)
    ]
    told = [
        f"`{w}`: {text.strip()}"
        for w in result.null_worlds
        if (text := (result.summary["worlds"][w].get("description") or ""))
    ]
    return section(
        "The null worlds",
        "Each switches off one thing that an effect may need. A null passes only if two one-sided "
        "tests reject, at 5%, that the difference lies outside the margin that the config states "
        "for it. A difference that is merely not significant does not pass. What is zero by "
        "construction shows that the switch works and is no finding.",
        bullets(told),
        table(
            ["null", "metric", "contrast", "difference", "margin", "p", "verdict", "remark"],
            [_null_row(result, test) for test in tests],
        ),
        image(drawn, "nulls", "Differences in the null worlds, in units of their margins"),
        table(["world", "policy", *(result.title(m) for m in shown)], cells),
    )


def _null_row(result: Result, test: dict[str, Any]) -> list[str]:
    return [
        f"`{test['name']}`",
        result.title(test["metric"]),
        f"`{test['contrast']}`",
        tested(result, test),
        limit(result, test),
        _p(test.get("p")),
        "passed" if test["held"] else "**NOT PASSED**",
        "zero by construction" if result.zero_by_construction(test) else DASH,
    ]


def stated(result: Result) -> str:
    """When the hypotheses were stated: before the run, or some of them later."""
    late = [h for h in result.hypotheses if h.get("added")]
    if not late:
        return "all stated before the run"
    told = ", ".join(f"`{h['name']}` {h['added'].strip()}" for h in late)
    return (
        f"{len(result.hypotheses) - len(late)} stated before the run and {len(late)} later ({told})"
    )


def hypotheses(result: Result) -> str:
    """Every hypothesis with its verdict."""
    if not result.hypotheses:
        return ""
    rows = [
        [
            "held" if h["held"] else "**FAILED**",
            f"`{h['name']}`",
            h["statement"].strip() + (f" (Added {h['added'].strip()}.)" if h.get("added") else ""),
            f"{result.title(h['metric'])}: `{h['contrast']}`",
            f"{h['test']} {limit(result, h)}",
            tested(result, h),
            str(h.get("n") or DASH),
            _p(h.get("p")),
        ]
        for h in result.hypotheses
    ]
    return section(
        "Every hypothesis, those that failed too",
        f"They are {len(result.hypotheses)}, {stated(result)}. `greater` and `less` hold if the "
        "whole interval lies beyond the threshold; `equivalent` holds if two one-sided tests "
        "reject, at 5%, that the mean lies outside the margin.",
        table(["", "name", "statement", "contrast", "test", "estimate", "n", "p"], rows),
    )


def tested(result: Result, test: dict[str, Any]) -> str:
    """The estimate of a hypothesis: a quotient, a difference or a level."""
    found, contrast = read_estimate(test), Contrast.parse(test["contrast"])
    if contrast.ratio and found.mean is not None:
        span = f" ({plain(found.low, 3)} to {plain(found.high, 3)})"
        return plain(found.mean, 3) + (span if found.low is not None else "")
    if len(contrast.terms) > 1:
        return result.difference(found, test["metric"])
    return result.with_interval(found, test["metric"])


def limit(result: Result, test: dict[str, Any]) -> str:
    """The threshold of a hypothesis, or the band that counts as equivalent."""
    contrast, metric = Contrast.parse(test["contrast"]), test["metric"]

    def write(value: float | None) -> str:
        if contrast.ratio:
            return plain(value, 3)
        if len(contrast.terms) > 1 and result.is_share(metric):
            return f"{plain(value, 1, scale=100)} points"
        return result.number(value, metric)

    threshold = test.get("threshold") or 0.0
    if test["test"] != "equivalent":
        return "0" if threshold == 0 else write(threshold)
    band = f"±{write(test.get('margin'))}"
    return band if threshold == 0 else f"{write(threshold)} {band}"


def _p(value: float | None) -> str:
    if value is None:
        return DASH
    return "<0.001" if value < 0.001 else plain(value, 3)
