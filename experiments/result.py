"""A finished result, read back: cells, orders, contrasts and how its numbers are written.

The report and the figures both look at `summary.json` through this module, so that a number reads
the same everywhere and the default world always comes before `vulnerable`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from .manifest import require_finished
from .problems import ResultError
from .statistics import Estimate, estimate

NEUTRAL = "chronological"
POLICY_ORDER = ("random", NEUTRAL, "popular", "greedy", "ppo_myopic", "ppo", "ppo_oracle")
WORLD_ORDER = ("default", "vulnerable")
NULL_ORDER = (
    "no_extremity_pull",
    "no_persuasion",
    "no_habit",
    "yoked",
    "no_consequence",
    "frozen_preferences",
)
#: Pairs that differ in their horizon only: (long, short, what both of them see).
LIKE_WITH_LIKE = (
    ("ppo_oracle", "greedy", "both see the true state"),
    ("ppo", "ppo_myopic", "both have the platform's view"),
)

#: Metrics that cannot be anything but zero in a null world, because the mechanism is switched off.
_STILL_STANCE = frozenset(
    {"induced_drift", "drift_from_natural", "radicalised_share", "steering_share"}
)
ZERO_BY_CONSTRUCTION = {
    "no_persuasion": _STILL_STANCE,
    "frozen_preferences": _STILL_STANCE | {"taste_shift"},
    "no_habit": frozenset({"habit_share", "habit_over_neutral"}),
}

DASH = "–"
_TERM = re.compile(r"([-+/]?)\s*(\w+)@(\w+)")


@dataclass(frozen=True)
class Contrast:
    """What a hypothesis is about: signed cells, or one cell over another."""

    terms: tuple[tuple[str, str, str], ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads `a@w - b@w`, longer sums, or `a@w / b@w`; no terms where nothing is recognised."""
        return cls(tuple((m[1] or "+", m[2], m[3]) for m in _TERM.finditer(text)))

    @property
    def worlds(self) -> set[str]:
        """The worlds of its cells."""
        return {world for _, _, world in self.terms}

    @property
    def ratio(self) -> bool:
        """Whether it is a quotient."""
        return any(sign == "/" for sign, _, _ in self.terms)


class Result:
    """The summary and the manifest of one finished experiment.

    Args:
        summary: What `summary.json` holds.
        manifest: What `manifest.json` holds.
    """

    def __init__(self, summary: dict[str, Any], manifest: dict[str, Any]) -> None:
        self.summary = summary
        self.manifest = manifest
        self.hypotheses: list[dict[str, Any]] = list(summary.get("hypotheses") or [])
        self.splits: list[dict[str, Any]] = list(summary.get("splits") or [])
        self.metrics: dict[str, dict[str, str]] = dict(summary.get("metrics") or {})
        self._cells = {(c["policy"], c["world"]): c for c in summary.get("cells") or []}

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Reads a result folder; raises `ResultError` where it is damaged or not finished."""
        try:
            summary, manifest = (
                json.loads((folder / name).read_text(encoding="utf-8"))
                for name in ("summary.json", "manifest.json")
            )
            result = cls(summary, manifest)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ResultError(
                f"{folder}: no finished result of `undertow run` ({error!r}); allowed: a folder "
                "that holds one"
            ) from None
        require_finished(folder, manifest)
        return result

    @cached_property
    def policies(self) -> list[str]:
        """Policies that have a cell: from the plainest to the most far-sighted, then any others."""
        declared = [*(self.summary.get("policies") or {}), *(policy for policy, _ in self._cells)]
        present = {policy for policy, _ in self._cells}
        return _ordered((p for p in declared if p in present), POLICY_ORDER)

    @cached_property
    def worlds(self) -> list[str]:
        """Worlds that are not nulls: those of the default preset first, then the vulnerable."""
        true = [w for w in self._all_worlds if self.null_of(w) is None]
        return sorted(
            _ordered(true, WORLD_ORDER), key=lambda w: self.preset_of(w) != WORLD_ORDER[0]
        )

    @cached_property
    def null_worlds(self) -> list[str]:
        """The null worlds, in the order of the design; of one null, the default preset first."""
        nulls = [w for w in self._all_worlds if self.null_of(w) is not None]

        def place(world: str) -> tuple[int, bool]:
            null = self.null_of(world) or ""
            known = NULL_ORDER.index(null) if null in NULL_ORDER else len(NULL_ORDER)
            return known, self.preset_of(world) != WORLD_ORDER[0]

        return sorted(nulls, key=place)

    @property
    def _all_worlds(self) -> list[str]:
        present = {world for _, world in self._cells}
        declared = [*(self.summary.get("worlds") or {}), *(world for _, world in self._cells)]
        return [world for world in dict.fromkeys(declared) if world in present]

    @property
    def seeds(self) -> list[int]:
        """The training seeds."""
        return list(self.manifest.get("seeds") or [])

    def null_of(self, world: str) -> str | None:
        """The null that a world applies, or None for a true world."""
        return ((self.summary.get("worlds") or {}).get(world) or {}).get("null")

    def preset_of(self, world: str) -> str:
        """The preset that a world starts from."""
        return ((self.summary.get("worlds") or {}).get(world) or {}).get("preset") or world

    def has(self, policy: str, world: str) -> bool:
        """Whether this policy was measured in this world."""
        return (policy, world) in self._cells

    def estimate(self, policy: str, world: str, metric: str) -> Estimate:
        """The estimate of one cell; an empty one where there is none."""
        cell = self._cells.get((policy, world)) or {}
        return read_estimate((cell.get("metrics") or {}).get(metric))

    def values(self, policy: str, world: str, metric: str) -> list[float | None]:
        """One value a seed, None where it is undefined."""
        cell = self._cells.get((policy, world)) or {}
        return list((cell.get("values") or {}).get(metric) or [])

    def measured(self, metric: str) -> bool:
        """Whether any cell has this metric."""
        return any(metric in (cell.get("metrics") or {}) for cell in self._cells.values())

    def contrast(
        self, long: str, short: str, world: str, metric: str, *, ratio: bool = False
    ) -> Estimate:
        """Sets two policies of one world against each other, paired by seed.

        A hypothesis of the summary about the same contrast is taken as it stands, so that the
        report never has two intervals for one quantity.

        Args:
            long: The policy that is set against the other.
            short: The other.
            world: Where both were measured.
            metric: What is compared.
            ratio: Divide instead of subtract.
        """
        wanted = Contrast((("+", long, world), ("/" if ratio else "-", short, world)))
        for entry in self.hypotheses:
            if entry["metric"] == metric and Contrast.parse(entry["contrast"]) == wanted:
                return read_estimate(entry)
        both = zip(
            self.values(long, world, metric), self.values(short, world, metric), strict=False
        )
        pairs = [(a, b) for a, b in both if a is not None and b is not None]
        paired = [a / b for a, b in pairs if b != 0] if ratio else [a - b for a, b in pairs]
        return estimate(np.asarray(paired, dtype=float))

    def zero_by_construction(self, test: dict[str, Any]) -> bool:
        """Whether a test's contrast cannot differ from zero, its mechanism being switched off."""
        nulls = [self.null_of(world) or "" for world in Contrast.parse(test["contrast"]).worlds]
        return bool(nulls) and all(
            test["metric"] in ZERO_BY_CONSTRUCTION.get(null, ()) for null in nulls
        )

    def title(self, metric: str) -> str:
        """What people call a metric."""
        return (self.metrics.get(metric) or {}).get("title") or metric.replace("_", " ")

    def is_share(self, metric: str) -> bool:
        """Whether a metric is written in per cent."""
        return metric.endswith("_share") or self.unit(metric).startswith("share")

    def number(self, value: float | None, metric: str, *, signed: bool = False) -> str:
        """Writes one value of a metric; a dash where it is undefined."""
        if self.is_share(metric):
            return plain(value, 1, scale=100, signed=signed) + ("" if value is None else "%")
        minutes = self.unit(metric).startswith("min")
        return plain(value, (2 if abs(value or 0) < 10 else 1) if minutes else 3, signed=signed)

    def unit(self, metric: str) -> str:
        """The unit of a metric."""
        return (self.metrics.get(metric) or {}).get("unit") or ""

    def with_interval(
        self, found: Estimate, metric: str, *, signed: bool = False, gap: str = " "
    ) -> str:
        """Writes an estimate with its interval, and with its n where seeds are missing."""
        if found.mean is None:
            return DASH
        text = self.number(found.mean, metric, signed=signed)
        if found.low is not None and found.high is not None:
            low, high = (self.number(v, metric) for v in (found.low, found.high))
            text += f"{gap}({low} to {high})"
        if self.seeds and 0 < found.n < len(self.seeds):
            text += f"{gap}[n={found.n}]"
        return text

    def difference(self, found: Estimate, metric: str) -> str:
        """Writes a difference with its sign and interval: of shares, in percentage points."""
        if self.is_share(metric):
            return scaled(found, " points")
        return self.with_interval(found, metric, signed=True)


def read_estimate(entry: dict[str, Any] | None) -> Estimate:
    """Takes an entry of the summary; the centre is called `mean`, or `estimate` in hypotheses."""
    entry = entry or {}
    centre = entry.get("mean", entry.get("estimate"))
    return Estimate(centre, entry.get("low"), entry.get("high"), int(entry.get("n") or 0))


def side(found: Estimate) -> int:
    """1 if the whole interval lies above zero, -1 if below, 0 if it includes zero or is unknown."""
    if found.low is None or found.high is None:
        return 0
    return int(found.low > 0) - int(found.high < 0)


def scaled(found: Estimate, unit: str) -> str:
    """Writes a hundredfold with its sign and interval: a gain in per cent, or points of a share."""
    if found.mean is None:
        return DASH
    text = plain(found.mean, 1, scale=100, signed=True) + unit
    if found.low is None or found.high is None:
        return text
    return f"{text} ({plain(found.low, 1, scale=100)} to {plain(found.high, 1, scale=100)})"


def plain(value: float | None, decimals: int, *, scale: float = 1, signed: bool = False) -> str:
    """A number with a true minus sign, never a negative zero; a dash for None."""
    if value is None or not np.isfinite(value):
        return DASH
    text = f"{abs(value) * scale:,.{decimals}f}"
    if float(text.replace(",", "")) == 0:
        return text
    return ("−" if value < 0 else "+" if signed else "") + text


def _ordered(names: Iterable[str], first: Sequence[str]) -> list[str]:
    names = list(dict.fromkeys(names))
    return [n for n in first if n in names] + [n for n in names if n not in first]
