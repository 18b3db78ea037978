"""The figures of a report: intervals on everything, seeds as small dots, one style sheet.

Drawn with Agg; the files carry no date, so the same result gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from .drawing import arms, draw_row, look, new_figure, policy_ticks, save_figure, style
from .fronts import fronts
from .overview import overview
from .result import Result, read_estimate
from .seed_figures import improvement, profiles
from .statistics import Estimate
from .susceptibility import Deciles
from .verdicts import limit, tested

MINUTES = "watch_minutes_per_day"
HARMS = ("unendorsed_share", "self_control_wedge", "habit_share", "radicalised_share", "welfare")
#: How many margins from zero the figure of the nulls reaches.
_REACH = 2.2
#: Colour and marker of a world, in the order of the design.
_WORLD_LOOKS = (
    ("#0072B2", "o"),
    ("#D55E00", "D"),
    ("#009E73", "s"),
    ("#AA4C82", "^"),
    ("#7A5C00", "v"),
    ("#333333", "P"),
)


def draw(result: Result, people: dict[tuple[str, str], Deciles], folder: Path) -> list[str]:
    """Draws every figure that there are numbers for.

    Args:
        result: The result.
        people: Who was moved, by (world, policy).
        folder: Where the figures go; made if it is not there.

    Returns:
        The names of the figures that were drawn, without their ending.
    """
    folder.mkdir(exist_ok=True)
    makers: dict[str, Callable[[], Figure | None]] = {
        "overview": lambda: overview(result),
        "fronts": lambda: fronts(result),
        "minutes": lambda: minutes(result),
        "harms": lambda: harms(result),
        "nulls": lambda: nulls(result),
        "susceptible": lambda: susceptible(people),
        "profiles": lambda: profiles(result),
        "improvement": lambda: improvement(result),
    }
    drawn = []
    with style():
        for name, make in makers.items():
            file = folder / f"{name}.png"
            file.unlink(missing_ok=True)
            if (figure := make()) is not None:
                save_figure(figure, file)
                drawn.append(name)
    return drawn


def minutes(result: Result) -> Figure | None:
    """Watch minutes a day, a row a policy, a panel a world."""
    worlds = [
        w for w in result.worlds if any(_known(result, p, w, MINUTES) for p in result.policies)
    ]
    if not worlds:
        return None
    figure = new_figure(1.6 + 4.0 * len(worlds), 0.9 + 0.42 * len(result.policies))
    panels = figure.subplots(1, len(worlds), sharex=True, sharey=True, squeeze=False)[0]
    for axes, world in zip(panels, worlds, strict=True):
        for row, policy in enumerate(result.policies):
            draw_row(axes, result, policy, world, MINUTES, row, look(policy))
            found = result.estimate(policy, world, MINUTES)
            if found.mean is not None:
                text = result.with_interval(found, MINUTES)
                axes.annotate(
                    text, (found.mean, row), (0, 6), textcoords="offset points",
                    ha="center", fontsize=7.5, color="#333333",
                )  # fmt: skip
        policy_ticks(axes, result)
        axes.set_title(f"{world} world")
        axes.set_xlabel("watch minutes a day")
        axes.margins(x=0.16)
    panels[0].autoscale(axis="x")
    panels[0].set_xlim(left=0)
    return figure


def harms(result: Result) -> Figure | None:
    """What the minutes are made of and what they do: a panel a metric, a colour a world."""
    metrics = [m for m in HARMS if result.measured(m)]
    if not metrics or not result.worlds:
        return None
    columns = min(3, len(metrics))
    rows = -(-len(metrics) // columns)
    figure = new_figure(1.7 + 2.9 * columns, rows * (0.85 + 0.34 * len(result.policies)) + 0.4)
    panels = figure.subplots(rows, columns, sharey=True, squeeze=False).ravel()
    gap = 0.5 / max(1, len(result.worlds))
    looks = list(islice(cycle(_WORLD_LOOKS), len(result.worlds)))
    for axes, metric in zip(panels, metrics, strict=False):
        for j, world in enumerate(result.worlds):
            for i, policy in enumerate(result.policies):
                at = i + gap * (j - (len(result.worlds) - 1) / 2)
                draw_row(axes, result, policy, world, metric, at, looks[j])
        policy_ticks(axes, result)
        axes.axvline(0, color="#888888", lw=0.8, zorder=1)
        unit = "" if result.is_share(metric) else f" ({result.unit(metric)})"
        axes.set_title(result.title(metric) + unit)
        if result.is_share(metric):
            axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{100 * v:g}%"))
        axes.xaxis.set_major_locator(MaxNLocator(4))
    for axes in panels[len(metrics) :]:
        axes.axis("off")
    handles = [
        Line2D([], [], color=colour, marker=marker, mec="white", label=f"{world} world")
        for world, (colour, marker) in zip(result.worlds, looks, strict=True)
    ]
    if len(panels) > len(metrics):
        panels[-1].legend(handles=handles, loc="center")
    else:
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def nulls(result: Result) -> Figure | None:
    """Differences in the null worlds in units of their margins, the margin drawn as a band."""
    tests = [h for h in result.hypotheses if h.get("group") == "null" and h.get("margin")]
    tests = [h for h in tests if read_estimate(h).mean is not None]
    if not tests:
        return None
    figure = new_figure(9.4, 1.1 + 0.42 * len(tests))
    axes = figure.subplots()
    axes.axvspan(-1, 1, color="#009E73", alpha=0.13, lw=0, zorder=0)
    axes.axvline(0, color="#888888", lw=0.8, zorder=1)
    for row, test in enumerate(tests):
        found = read_estimate(test)
        colour = "#0072B2" if test["held"] else "#D55E00"
        middle, low, high = _in_margins(test, found)
        edge = float(np.clip(middle, -_REACH, _REACH))
        if edge == middle:
            axes.plot(np.clip([low, high], -_REACH, _REACH), [row, row], color=colour)
        exact = result.zero_by_construction(test)
        axes.plot(
            edge, row, marker="o" if edge == middle else "<>"[edge > 0], color=colour, ms=6,
            mfc="white" if exact else colour,
        )  # fmt: skip
        verdict = "" if test["held"] else "NOT PASSED: "
        remark = "\nzero by construction" if exact else f"\nmargin {limit(result, test)}"
        axes.annotate(
            verdict + tested(result, test) + remark,
            (1.01, row),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8.5,
            color=colour,
        )
    names = [f"{t['name'].replace('_', ' ')}\n{result.title(t['metric']).lower()}" for t in tests]
    axes.set_yticks(range(len(tests)), names)
    axes.set_ylim(len(tests) - 0.4, -0.6)
    axes.set_xlim(-_REACH * 1.05, _REACH * 1.05)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("difference in units of its margin; the band is what counts as equivalent")
    axes.set_title("Null worlds")
    return figure


def _in_margins(test: dict[str, Any], found: Estimate) -> tuple[float, float, float]:
    """Mean, low and high of a test as distances from its threshold, in margins."""
    mean = found.mean or 0.0
    ends = (
        mean,
        mean if found.low is None else found.low,
        mean if found.high is None else found.high,
    )
    middle, low, high = ((v - (test.get("threshold") or 0.0)) / test["margin"] for v in ends)
    return middle, low, high


def susceptible(people: dict[tuple[str, str], Deciles]) -> Figure | None:
    """Induced drift by decile of susceptibility, a panel a world."""
    worlds = list(dict.fromkeys(world for world, _ in people))
    if not worlds:
        return None
    figure = new_figure(1.2 + 3.9 * len(worlds), 3.7)
    panels = figure.subplots(1, len(worlds), sharey=True, squeeze=False)[0]
    for axes, world in zip(panels, worlds, strict=True):
        policies = [policy for w, policy in people if w == world]
        for policy, shift in zip(policies, np.linspace(-0.12, 0.12, len(policies)), strict=True):
            curve = people[world, policy].curve()
            colour, marker = look(policy)
            at = np.arange(1, 11) + shift
            for x, found in zip(at, curve, strict=True):
                if found.mean is not None:
                    axes.errorbar(x, found.mean, yerr=arms(found), color=colour, elinewidth=1.3)
            means = [np.nan if e.mean is None else e.mean for e in curve]
            axes.plot(at, means, marker=marker, color=colour, mec="white", ms=6, label=policy)
        axes.axhline(0, color="#888888", lw=0.8, zorder=1)
        axes.set_xticks(range(1, 11))
        axes.set_title(f"{world} world")
        axes.set_xlabel("decile of susceptibility (10: the most susceptible)")
    panels[0].set_ylabel("induced drift\n(|stance| beyond the neutral feed's)")
    panels[0].legend(loc="upper left")
    return figure


def _known(result: Result, policy: str, world: str, metric: str) -> bool:
    return result.estimate(policy, world, metric).mean is not None
