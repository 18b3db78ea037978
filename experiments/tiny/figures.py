"""The figures of a study: drift against gamma, the map with its critical line, the frontier."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..drawing import arms, new_figure, save_figure, spread, style
from ..result import read_estimate

_OPTIMUM, _PPO = "#000000", "#0072B2"
_TICKS = (0.0, 0.5, 0.9, 0.97, 0.99, 0.999)


def draw(summary: dict[str, Any], folder: Path) -> list[str]:
    """Draws all figures into `folder`; returns their names without ending."""
    makers = {"drift": drift, "map": drift_map, "frontier": frontier}
    with style():
        for name, make in makers.items():
            save_figure(make(summary), folder / f"{name}.png")
    return list(makers)


def _horizon(gamma: Any) -> Any:
    return np.log10(1 / (1 - np.asarray(gamma, dtype=float)))


def drift(summary: dict[str, Any]) -> Figure:
    """Optimal drift (a line) and PPO's (seeds, middle, interval), a panel a world."""
    worlds = list(summary["worlds"])
    figure = new_figure(2.5 * len(worlds) + 0.8, 3.0)
    for axes, world in zip(figure.subplots(1, len(worlds), sharey=True), worlds, strict=True):
        cells = summary["worlds"][world]["cells"]
        axes.axhline(0, color="#888888", lw=0.8)
        axes.plot(
            _horizon([c["gamma"] for c in cells]),
            [c["drift"] for c in cells],
            color=_OPTIMUM,
            marker=".",
            label="exact optimum",
        )
        for cell in (c for c in summary["learned"] if c["world"] == world):
            at, found = float(_horizon(cell["gamma"])), read_estimate(cell["drift"])
            seeds = cell["values"]["drift"]
            axes.scatter(spread(at, len(seeds), 0.06), seeds, s=7, color=_PPO, alpha=0.4, lw=0)
            axes.errorbar(
                at, found.mean or 0.0, yerr=arms(found), fmt="o", color=_PPO, ms=5, mec="white",
                label="PPO, seeds and 95 % interval" if cell["gamma"] == 0 else None,
            )  # fmt: skip
        axes.set_title(world.replace("_", " "))
        axes.set_xticks(_horizon(_TICKS), [f"{g:g}" for g in _TICKS], rotation=60)
        axes.set_xlabel("gamma")
    figure.axes[0].set_ylabel("drift of |stance| beyond neutral")
    handles, labels = figure.axes[1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def drift_map(summary: dict[str, Any]) -> Figure:
    """Ratchet by pull, and what gamma adds to it, with the critical line."""
    pulls = [row["pull"] for row in summary["map"]]
    gammas = summary["gammas"]
    total = np.array([[c["drift"] for c in row["cells"]] for row in summary["map"]])
    invested = total - total[:, :1]
    figure = new_figure(8.6, 3.6)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.5))
    left.axhline(0, color="#888888", lw=0.8)
    left.plot(pulls, total[:, 0], color="#D55E00", marker="o", ms=3)
    begins = summary["critical_pull_of_the_ratchet"]
    if begins is not None:
        left.axvline(begins, color="#888888", ls=":")
    left.set(title="Ratchet: gamma 0", xlabel="strength of the pull", ylabel="drift beyond neutral")
    reach = max(float(np.max(np.abs(invested))), 1e-6)
    columns = np.arange(len(gammas))
    shown = right.pcolormesh(
        pulls, columns, invested.T, cmap="RdBu_r", vmin=-reach, vmax=reach, shading="nearest"
    )
    figure.colorbar(shown, ax=right, label="drift beyond gamma 0")
    known = [(r["pull"], r["critical_gamma"]) for r in summary["map"] if r["critical_gamma"]]
    if known:
        x, critical = zip(*known, strict=True)
        height = np.interp(_horizon(critical), _horizon(gammas), columns)
        right.plot(x, height, color="black", marker="o", ms=3.5, lw=1.2, label="critical gamma")
        right.legend(loc="lower left")
    right.set_yticks(columns, [f"{g:g}" for g in gammas])
    right.grid(visible=False)
    right.set(title="Investment: what long sight adds", xlabel="strength of the pull")
    right.set_ylabel("gamma")
    return figure


def frontier(summary: dict[str, Any]) -> Figure:
    """The corners of the frontier: discounted minutes against discounted drift."""
    points = summary["frontier"]
    figure = new_figure(5.0, 3.4)
    axes = figure.subplots()
    axes.plot([p["cost"] for p in points], [p["reward"] for p in points], color=_OPTIMUM, lw=1)
    axes.scatter([p["cost"] for p in points], [p["reward"] for p in points], color=_PPO, s=18)
    axes.set(
        title="The most minutes for each drift",
        xlabel="expected drift of |stance|, discounted",
        ylabel="expected minutes, discounted",
    )
    return figure
