"""The figure of the README: watch time against induced drift, world beside world, and the nulls."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import fill

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .drawing import arms, look, new_figure, spread
from .labels import place
from .result import Result

MINUTES, DRIFT = "watch_minutes_per_day", "induced_drift"


def overview(result: Result) -> Figure | None:
    """Watch time against induced drift, a panel a world; then the drift in the null worlds."""
    worlds = [w for w in result.worlds if _shown(result, w)]
    if not worlds:
        return None
    reference = next((p for p in ("ppo", "ppo_oracle", "greedy") if p in result.policies), None)
    true = worlds[-1]  # the nulls that belong to it are set beside it
    nulls = [w for w in result.null_worlds if reference and result.has(reference, w)]
    nulls = [w for w in nulls if result.preset_of(w) == result.preset_of(true)]
    figure = new_figure(3.6 * len(worlds) + 0.62 * len(nulls) + (0.9 if nulls else 0.6), 4.1)
    ratios = [1.0] * len(worlds) + ([0.28 + 0.13 * len(nulls)] if nulls else [])
    panels = figure.subplots(1, len(ratios), sharey=True, squeeze=False, width_ratios=ratios)[0]
    for axes, world in zip(panels, worlds, strict=False):
        for policy in _shown(result, world):
            _cross(axes, result, policy, world)
        axes.axhline(0, color="#888888", lw=0.8, zorder=1)
        axes.set_title(f"{world} world")
        axes.set_xlabel("watch minutes a day")
        axes.margins(x=0.16, y=0.14)
        if axes is not panels[0]:
            axes.sharex(panels[0])
    panels[0].autoscale()
    panels[0].set_ylabel("induced drift\n(|stance| beyond the neutral feed's)")
    note = "small dots: training seeds\nbars: 95% intervals"
    panels[0].text(
        0.03, 0.97, note, transform=panels[0].transAxes, va="top", fontsize=8, color="#666666"
    )
    if nulls and reference:
        _null_strip(panels[-1], result, reference, true, nulls)
    figure.canvas.draw()
    figure.set_layout_engine("none")  # labels are placed where the points now are
    for axes, world in zip(panels, worlds, strict=False):
        shown = _shown(result, world)
        points = [(*_at(result, p, world), p, look(p)[0]) for p in shown]
        clear = [box for p in shown for box in cross_boxes(result, p, world)]
        place(axes, points, lines=[0], clear=clear)
    return figure


def cross_boxes(
    result: Result, policy: str, world: str, metric: str = DRIFT
) -> list[tuple[float, float, float, float]]:
    """The two bars of a cross as x0, y0, x1, y1, so that labels keep off them; none without one."""
    across, up = (result.estimate(policy, world, m) for m in (MINUTES, metric))
    if across.mean is None or up.mean is None:
        return []
    boxes = []
    if across.low is not None and across.high is not None:
        boxes.append((across.low, up.mean, across.high, up.mean))
    if up.low is not None and up.high is not None:
        boxes.append((across.mean, up.low, across.mean, up.high))
    return boxes


def _cross(axes: Axes, result: Result, policy: str, world: str) -> None:
    colour, marker = look(policy)
    x, y = result.estimate(policy, world, MINUTES), result.estimate(policy, world, DRIFT)
    seeds = zip(
        result.values(policy, world, MINUTES), result.values(policy, world, DRIFT), strict=False
    )
    dots = np.array([s for s in seeds if None not in s], dtype=float).reshape(-1, 2)
    axes.scatter(dots[:, 0], dots[:, 1], s=6, color=colour, alpha=0.3, lw=0, zorder=2)
    axes.errorbar(
        *_at(result, policy, world), yerr=arms(y), xerr=arms(x), fmt=marker, color=colour, ms=6,
        mec="white", mew=0.6, elinewidth=1.3, zorder=4,
    )  # fmt: skip


def _null_strip(axes: Axes, result: Result, policy: str, world: str, nulls: Sequence[str]) -> None:
    """The drift of one policy in the null worlds, with the true world before them."""
    shown = [world, *nulls] if result.has(policy, world) else list(nulls)
    colour, marker = look(policy)
    for i, name in enumerate(shown):
        found = result.estimate(policy, name, DRIFT)
        if found.mean is None:
            continue
        values = [v for v in result.values(policy, name, DRIFT) if v is not None]
        axes.scatter(spread(i, len(values)), values, s=6, color=colour, alpha=0.3, lw=0)
        axes.errorbar(
            i, found.mean, yerr=arms(found), fmt=marker, color=colour, ms=6, mec="white",
            mfc=colour if name == world else "white", elinewidth=1.3,
        )  # fmt: skip
        if name != world:
            axes.lines[-1].set_markeredgecolor(colour)
    axes.axhline(0, color="#888888", lw=0.8, zorder=1)
    names = [name.replace("_", " ") for name in shown]
    names = [fill(name, 12) for name in names]
    axes.set_xticks(range(len(shown)), names, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_xlim(-0.6, len(shown) - 0.4)
    axes.grid(axis="x", visible=False)
    axes.set_title(fill(f"null worlds, {policy}", 11 + 5 * len(nulls)))  # a strip is narrow


def _at(result: Result, policy: str, world: str) -> tuple[float, float]:
    x, y = (result.estimate(policy, world, m).mean for m in (MINUTES, DRIFT))
    assert x is not None and y is not None
    return x, y


def _shown(result: Result, world: str) -> list[str]:
    return [
        p
        for p in result.policies
        if all(result.estimate(p, world, m).mean is not None for m in (MINUTES, DRIFT))
    ]
