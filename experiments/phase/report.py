"""Maps of a plane and the report beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from ..drawing import new_figure, save_figure, style
from ..markdown import bullets, join, section, table
from ..record import made_section
from ..result import DASH
from ..result_folder import Manifest
from .config import Axis, Phase

_COMMAND = "undertow phase"


def phase_report(phase: Phase, summary: dict[str, Any], manifest: Manifest) -> str:
    """`report.md`."""
    cells, effects = summary["cells"], summary["effects"]
    lost = sum(not cell["learned"] for cell in cells)
    head = [
        f"# {summary['title']}",
        summary["description"],
        f"{len(cells)} worlds between `{phase.x.parameter}` and `{phase.y.parameter}` from the "
        f"preset `{phase.preset}`, {summary['seeds']} training seeds each, {summary['people']} "
        "people a seed with their twins; long sight is PPO on the true state, beside `greedy` on "
        "the same. Plain means over seeds with 95% intervals; with so few seeds an interval is "
        "hardly wider than the seeds themselves, so read the maps and not single cells.",
        "![Maps of the effects](figures/maps.png)",
        "Dots: the interval includes zero. Crosses: long sight earned less than 0.99 of greedy, so "
        "the learner failed there and its cell says nothing.",
    ]
    rows = [
        [
            effects[name]["title"],
            f"{effects[name]['threshold']:g}",
            f"{found['positive']:.0%}",
            f"{found['negative']:.0%}",
        ]
        for name, found in summary["shares"].items()
    ]
    counted = len(cells) - lost
    where = section(
        "Where each effect appears",
        f"Share of the {counted} cells that were learned ({lost} of {len(cells)} were not) in "
        "which the whole interval lies beyond the threshold, above it or below its negative.",
        table(["effect", "threshold", "above", "below"], rows),
    )
    cost = section(
        "Cost",
        f"{summary['core_hours']:.2f} core-hours for {len(cells) * summary['seeds']} cells and "
        f"seeds, {3600 * summary['core_hours'] / (len(cells) * summary['seeds']):.0f} core-seconds "
        f"each; 400 cells of 3 seeds at the same training would take "
        f"{1200 * summary['core_hours'] / (len(cells) * summary['seeds']):.1f} core-hours.",
    )
    tables = [
        section(f"Cells: {effects[name]['title']}", _cells(phase, summary, name))
        for name in effects
    ]
    marks = bullets(
        f"{mark.name}: {phase.x.label} {mark.x:g}, {phase.y.label} {mark.y:g}"
        for mark in phase.marks
    )
    marked = join(["Marked:", marks]) if marks else ""
    return join([*head, marked, where, *tables, cost, made_section(manifest, _COMMAND)]) + "\n"


def _cells(phase: Phase, summary: dict[str, Any], name: str) -> str:
    """A table: rows are values of y, columns those of x."""
    found = {(c["x"], c["y"]): c["effects"][name] for c in summary["cells"]}
    rows = [
        [f"{y:g}", *(_told(found[x, y]) for x in phase.x.values)] for y in reversed(phase.y.values)
    ]
    return table([f"{phase.y.label} / {phase.x.label}", *(f"{x:g}" for x in phase.x.values)], rows)


def _told(found: dict[str, Any]) -> str:
    if found["mean"] is None:
        return DASH
    return f"{found['mean']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"


def draw_maps(phase: Phase, summary: dict[str, Any], folder: Path) -> None:
    """`figures/maps.png`: a map an effect."""
    with style():
        save_figure(_maps(phase, summary), folder / "figures" / "maps.png")


def _maps(phase: Phase, summary: dict[str, Any]) -> Figure:
    figure = new_figure(11.5, 7.0)
    shape = (len(phase.y.values), len(phase.x.values))
    for axes, (name, effect) in zip(
        figure.subplots(2, 3).ravel(), summary["effects"].items(), strict=True
    ):
        cells = [cell["effects"][name] for cell in summary["cells"]]
        mean, low, high = (
            np.array([cell[key] for cell in cells], dtype=np.float64).reshape(shape)
            for key in ("mean", "low", "high")
        )
        learned = np.array([cell["learned"] for cell in summary["cells"]]).reshape(shape)
        _map(axes, figure, mean, (low <= 0) & (high >= 0), learned)
        axes.set_title(effect["title"], fontsize=9)
        _ticks(axes, phase)
        for mark in phase.marks:
            x, y = phase.nearest(mark)
            axes.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, fill=False, ec="black", lw=1.6))
            axes.annotate(
                *(mark.name, (x, y + 0.3)),
                ha="center",
                va="center",
                fontsize=6.5,
                bbox={"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.8},
            )
    return figure


def _map(
    axes: Axes,
    figure: Figure,
    mean: NDArray[np.float64],
    unclear: NDArray[np.bool_],
    learned: NDArray[np.bool_],
) -> None:
    reach = max(float(np.nan_to_num(np.abs(mean)).max()), 1e-6)
    norm = TwoSlopeNorm(0.0, -reach, reach)
    drawn = axes.imshow(mean, origin="lower", aspect="auto", cmap="PuOr_r", norm=norm)
    figure.colorbar(drawn, ax=axes, shrink=0.85)
    for row, column in np.argwhere(unclear & learned):
        axes.plot(column, row, ".", color="black", ms=3)
    for row, column in np.argwhere(~learned):
        axes.plot(column, row, "x", color="black", ms=6)
    axes.grid(visible=False)


def _ticks(axes: Axes, phase: Phase) -> None:
    def named(axis: Axis) -> tuple[list[int], list[str]]:
        step = -(-len(axis.values) // 7)
        places = list(range(0, len(axis.values), step))
        return places, [f"{axis.values[k]:g}" for k in places]

    axes.set_xticks(*named(phase.x))
    axes.set_yticks(*named(phase.y))
    axes.set_xlabel(phase.x.label, fontsize=8)
    axes.set_ylabel(phase.y.label, fontsize=8)
