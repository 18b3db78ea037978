"""How policies compare over their training seeds: performance profiles, chance of improvement.

Both are what Agarwal et al. 2021 (rliable) recommend beside interquartile means with intervals,
which `minutes` and `harms` show.
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .drawing import look, new_figure
from .result import Result
from .statistics import Estimate, improvement_probability, profile

MINUTES, DRIFT = "watch_minutes_per_day", "induced_drift"
_POLICIES, _SEEDS = 4, 5  # fewer say little over seeds
_LINES = ("-", (0, (4, 1.5)), (0, (1.2, 1.2)), (0, (5, 1.2, 1.2, 1.2)))


def profiles(result: Result) -> Figure | None:
    """Share of seeds above a value, a line a policy: watch time above, induced drift below."""
    worlds = _worlds(result, MINUTES)
    if not worlds:
        return None
    metrics = [m for m in (MINUTES, DRIFT) if _worlds(result, m)]
    figure = new_figure(2.0 + 4.6 * len(worlds), 0.5 + 2.7 * len(metrics))
    panels = figure.subplots(len(metrics), len(worlds), sharey=True, squeeze=False)
    lines: dict[str, Line2D] = {}
    for metric, row in zip(metrics, panels, strict=True):
        for world, axes in zip(worlds, row, strict=True):
            lines |= _profiles(axes, result, metric, world, _policies(result, metric, world))
            axes.set_title(f"{result.title(metric)}, {world} world")
            axes.set_xlabel(result.unit(metric))
        row[0].set_ylabel("share of seeds above")
    order = [policy for policy in result.policies if policy in lines]
    figure.legend([lines[p] for p in order], order, loc="outside right center", fontsize=8)
    return figure


def _profiles(
    axes: Axes, result: Result, metric: str, world: str, policies: Sequence[str]
) -> dict[str, Line2D]:
    """Draws the profiles of a panel; the line of each policy."""
    values = {p: _values(result, p, world, metric) for p in policies}
    every = np.concatenate(list(values.values()))
    margin = 0.04 * max(float(np.ptp(every)), 1e-6)
    lines = {}
    for policy, found in values.items():
        # Each line on its own stretch: along 0 and 1 they would only hide each other.
        at = np.linspace(found.min() - margin / 8, found.max() + margin / 8, 1000)
        share, low, high = profile(found, at)
        style = _LINES[result.policies.index(policy) % len(_LINES)]
        colour, marker = look(policy)
        axes.fill_between(at, low, high, color=colour, alpha=0.12, lw=0)
        axes.plot(at, share, color=colour, ls=style, lw=1.4)
        # A mark at the middle of the line, so that equal colours can be told apart.
        axes.plot(np.median(found), 0.5, marker=marker, color=colour, mec="white", mew=0.6, ms=7)
        lines[policy] = Line2D(
            [], [], color=colour, ls=style, lw=1.4, marker=marker, mec="white", ms=7
        )
    axes.set_xlim(every.min() - margin, every.max() + margin)
    axes.set_ylim(-0.03, 1.03)
    return lines


def improvement(result: Result) -> Figure | None:
    """Chance that a seed of the row's policy is watched more than one of the column's."""
    worlds = _worlds(result, MINUTES)
    if not worlds:
        return None
    most = max(len(_policies(result, MINUTES, world)) for world in worlds)
    side = 1.4 + 0.36 * most
    figure = new_figure(side * len(worlds) + 0.9, side + 0.6)
    panels = figure.subplots(1, len(worlds), squeeze=False)[0]
    for axes, world in zip(panels, worlds, strict=True):
        _matrix(axes, result, world, _policies(result, MINUTES, world))
        axes.set_title(f"{world} world")
    figure.colorbar(panels[0].images[0], ax=list(panels), shrink=0.6)
    text = (
        "chance that a seed of the row is watched more than one of the column; bold: 95% interval"
    )
    figure.supxlabel(fill(f"{text} without 0.5", int(12 * figure.get_figwidth())), fontsize=9)
    return figure


def _matrix(axes: Axes, result: Result, world: str, policies: Sequence[str]) -> None:
    """The policies of a world, the most watched first; each against those that follow it."""
    order = sorted(policies, key=lambda p: -(result.estimate(p, world, MINUTES).mean or 0.0))
    values = [_values(result, policy, world, MINUTES) for policy in order]
    size = len(order) - 1
    chance = np.full((size, size), np.nan)
    for i in range(size):
        for j in range(i, size):
            found = improvement_probability(values[i], values[j + 1])
            assert found.mean is not None
            chance[i, j] = found.mean
            axes.text(
                j, i, "1" if found.mean == 1 else f"{found.mean:.2f}", ha="center", va="center",
                fontsize=7, weight="bold" if _clear(found) else "normal",
                color="white" if found.mean > 0.85 else "black",
            )  # fmt: skip
    # The other half is 1 less this one. By the order nearly all are 0.5 or more.
    axes.imshow(chance, cmap="Blues", vmin=0.4, vmax=1, alpha=0.85)
    axes.set_xticks(range(size), order[1:], rotation=55, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(size), order[:-1])
    axes.grid(visible=False)
    axes.tick_params(length=0)


def _clear(found: Estimate) -> bool:
    return found.low is not None and found.high is not None and not found.low <= 0.5 <= found.high


def _values(result: Result, policy: str, world: str, metric: str) -> np.ndarray:
    """One value a seed, undefined ones left out, (seeds,)."""
    known = [v for v in result.values(policy, world, metric) if v is not None]
    return np.asarray(known, dtype=np.float64)


def _policies(result: Result, metric: str, world: str) -> list[str]:
    return [p for p in result.policies if _values(result, p, world, metric).size >= _SEEDS]


def _worlds(result: Result, metric: str) -> list[str]:
    return [w for w in result.worlds if len(_policies(result, metric, w)) >= _POLICIES]
