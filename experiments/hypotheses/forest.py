"""The figure of the ten: claims in units of their intervals, nulls in units of their margins."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..drawing import new_figure
from .wording import Told, number

_GOOD, _BAD = "#0072B2", "#D55E00"
_REACH = 3.0  # margins to either side that are drawn


def forest(hypotheses: Sequence[Told]) -> Figure:
    """Claims on the left, nulls on the right, top to bottom in order; blue is as stated."""
    claims = [(h["name"], part) for h in hypotheses for part in h["claims"]]
    nulls = [(h["name"], part) for h in hypotheses for part in h["nulls"]]
    rows = max(len(claims), len(nulls))
    figure = new_figure(13.0, 0.27 * rows + 1.4)
    left, right = figure.subplots(1, 2)
    left.axvline(0, color="#555555", lw=0.9)
    for at, (_, part) in enumerate(claims):
        _claim(left, part, at)
    left.set_xlim(-1.1, 1.5)
    left.set_xticks([0], ["threshold"])
    left.set_title(f"Claims: {_said([p['held'] for _, p in claims])} held")
    left.set_xlabel("right of the line: as claimed; each row in a unit of its own", fontsize=8)
    right.axvspan(-1, 1, color="#000000", alpha=0.08, lw=0)
    for at, (_, part) in enumerate(nulls):
        _null(right, part, at)
    right.set_xlim(-_REACH - 0.2, _REACH + 1.6)
    right.set_xticks([-1, 0, 1], ["− margin", "null", "+ margin"])
    right.set_title(f"Nulls: {_said([p['passed'] for _, p in nulls])} passed")
    right.set_xlabel(
        "unit: the margin (grey); diamonds must be exact; arrows lie further out", fontsize=8
    )
    for axes, parts in ((left, claims), (right, nulls)):
        axes.set_yticks(range(len(parts)), [_label(name, part) for name, part in parts])
        axes.set_ylim(rows - 0.4, -0.6)
        axes.grid(axis="y", visible=False)
        for at in range(1, len(parts)):
            if parts[at][0] != parts[at - 1][0]:
                axes.axhline(at - 0.5, color="#CCCCCC", lw=0.6)
    return figure


def _said(flags: Sequence[bool]) -> str:
    return f"{sum(flags)} of {len(flags)}"


def _label(name: str, part: Told) -> str:
    return f"{name}  {part['name'].replace('_', ' ')}"


def _claim(axes: Axes, part: Told, at: int) -> None:
    colour = _GOOD if part["held"] else _BAD
    if part["mean"] is None:
        axes.text(0.05, at, "undefined", va="center", fontsize=7, color=colour)
        return
    side = 1 if part["test"] == "greater" else -1
    mean, *ends = (side * (part[key] - part["threshold"]) for key in ("mean", "low", "high"))
    unit = max(abs(end) for end in ends) or 1.0
    axes.plot([end / unit for end in ends], [at, at], color=colour, lw=1.6)
    axes.plot(mean / unit, at, "o", color=colour, ms=5, mec="white")
    _mean(axes, part, at, colour)


def _null(axes: Axes, part: Told, at: int) -> None:
    colour = _GOOD if part["passed"] else _BAD
    if part["mean"] is None:
        axes.text(0, at, "undefined", va="center", ha="center", fontsize=7, color=colour)
        return
    if part["test"] == "exactly":
        off = part["mean"] - part["threshold"]
        place = 0.0 if part["passed"] else (1.5 if off >= 0 else -1.5)
        axes.plot(place, at, "D", color=colour, ms=5, mec="white")
    else:
        mean, low, high = (
            (part[key] - part["threshold"]) / part["margin"] for key in ("mean", "low", "high")
        )
        if abs(mean) > _REACH:
            axes.plot(
                _REACH if mean > 0 else -_REACH, at, ">" if mean > 0 else "<", color=colour, ms=6
            )
        else:
            ends = [max(low, -_REACH), min(high, _REACH)]
            axes.plot(ends, [at, at], color=colour, lw=1.6)
            axes.plot(mean, at, "o", color=colour, ms=5, mec="white")
    _mean(axes, part, at, colour)


def _mean(axes: Axes, part: Told, at: int, colour: str) -> None:
    """The mean in figures, at the right edge."""
    text = number(part["mean"])
    place = axes.get_yaxis_transform()
    axes.text(0.99, at, text, va="center", ha="right", fontsize=7, color=colour, transform=place)
