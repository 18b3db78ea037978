"""The report of a fit to views: the log beside the fitted and the starting world."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from ..drawing import new_figure, save_figure, style
from ..markdown import bullets, join, section, table
from ..record import made_section
from ..result_folder import Manifest
from .marginals import FITTED, STATISTICS, THINNED

_TITLES = {
    "taste_spread": "spread of tastes, rho",
    "popularity": "popularity, squared variation of items",
    "repeat": "repeat of a topic, observed / expected",
    "minutes": "minutes a view",
    "minutes_spread": "spread of minutes, sd / mean",
    "top_share": f"largest topic's share of {THINNED} views",
    "largest_topic": "views in the largest topic",
    "top_items": "views in the top tenth of items",
    "rating_items": "share of the item in what ratings tell",
    "views": "views a person",
}
_READINGS = {
    "sought": "people looked for what they viewed (every session self-directed)",
    "feed": "a feed led with posts in proportion to supply; some sessions are sought",
}
#: What no log of views tells, in any reading, and why.
_NOT_TOLD = {
    "population.stance_sd, susceptibility, latitude, news": "a log holds no stances",
    "population.taste_mean, appraisal.base, opening.*": "views do not say what was passed over",
    "the weight of taste in a choice, apart from population.taste_sd": "only their product shows; "
    "the weight keeps its value, whatever else of the choice is fitted",
    "habit.*, tolerance.*, taste.gain, churn.*": "they need a feed that is known, and people who "
    "are seen from their first day to their last",
    "self_control, regret, welfare.*": "what a person would have chosen beforehand is not logged",
    "welfare.taste and welfare.quality from ratings": "a rating is an endorsement in a unit of its "
    "own; the ratio of its parts is told as `rating_items` and sets nothing",
}
_LOG, _FITTED, _START = "#000000", "#D55E00", "#0072B2"


def viewing_report(summary: dict[str, Any], manifest: Manifest) -> str:
    """`report.md`."""
    log = summary["log"]
    counts = log["summary"]
    first = next(iter(summary["readings"]))
    head = [
        f"# {summary['title']}",
        summary["description"],
        f"The log: {summary['source']}. {counts['views']:,} views by {counts['users']:,} users of "
        f"{counts['items_viewed']:,} items in {counts['topics']} topics "
        f"({', '.join(log['topics'])}). Intervals of the log are 95% over users drawn with "
        f"replacement; of a world, what 95% of {summary['lives']} simulations of as many people "
        "show. Civic views are left out of the worlds', since no real item is given a stance.",
        bullets(log["repairs"]),
        f"The fitted world is that of the first reading, `{first}`: "
        "[world.yaml](world.yaml), which a run config names as `overrides_from:`.",
    ]
    parts = [
        section(
            f"Reading `{name}`: {_READINGS[name]}",
            _parameters(summary, found),
            _beside(summary, found),
            f"![Log and worlds, reading {name}](figures/{name}.png)",
            _sizes(summary, found),
        )
        for name, found in summary["readings"].items()
    ]
    left = section(
        "What the log does not tell",
        "These keep their values, whatever the reading:",
        bullets(f"{what}: {why}." for what, why in _NOT_TOLD.items()),
    )
    made = made_section(manifest, "undertow fit-views")
    return join([*head, *parts, left, made]) + "\n"


def _parameters(summary: dict[str, Any], found: dict[str, Any]) -> str:
    rows = [
        [
            f"`{name}`",
            f"`{one['statistic']}`",
            number(one["start"]),
            f"{number(one['value'])} [{number(one['low'])}, {number(one['high'])}]",
            f"{one['range'][0]:g} to {one['range'][1]:g}",
        ]
        for name, one in found["parameters"].items()
    ]
    left = bullets(f"`{name}` keeps its value: {why}." for name, why in found["left"].items())
    off = found["draws_off"]
    doubt = " The interval is then too narrow." if off is not None and off > 0.1 else ""
    told = (
        f"Intervals: 95% of {found['draws_used']} draws of users, each fitted anew; {off:.0%} of "
        f"these fits stayed more than a standard error off.{doubt}"
        if off is not None
        else "No parameter is set in this reading."
    )
    head = ["parameter", "set by", summary["world"], "fitted", "range searched"]
    return join([table(head, rows), told, left])


def _beside(summary: dict[str, Any], found: dict[str, Any]) -> str:
    rows = []
    log = summary["log"]
    set_by = {one["statistic"] for one in found["parameters"].values()}
    for name in STATISTICS:
        if log["statistics"][name] is None:
            continue
        role = "fitted" if name in set_by else "not fitted" if name in FITTED else "told"
        if name == "views":
            role = "not comparable"
        rows.append(
            [
                _TITLES[name],
                role,
                valued(log, name),
                valued(found["fitted"], name),
                "" if name == "views" else agrees(log, found["fitted"], name),
                valued(found["start"], name),
                "" if name == "views" else agrees(log, found["start"], name),
            ]
        )
    head = ["statistic", "", "log", "fitted world", "agrees", f"`{summary['world']}`", "agrees"]
    text = (
        "Agrees: the two differ by less than 1.96 times the noise of both. A fitted statistic "
        "agrees by construction; the others are the test. Views a person are not comparable: a log "
        "need not cover the calendar of a world."
    )
    return join([table(head, rows), text])


def _sizes(summary: dict[str, Any], found: dict[str, Any]) -> str:
    """The same fit in catalogues of other sizes."""
    if len(found["other_sizes"]) < 2:
        return ""
    rows = []
    for items, one in found["other_sizes"].items():
        told = ", ".join(f"`{name}` {value:g}" for name, value in one["parameters"].items())
        values = one["statistics"]
        rows.append(
            [items, told or "none"]
            + [number(values[name]) for name in ("top_share", "largest_topic", "rating_items")]
        )
    head = ["items", "fitted", "`top_share`", "`largest_topic`", "`rating_items`"]
    text = (
        "An item of a log is one item, one of the world a class of content, and a small catalogue "
        "has luck of its own: the same fit in catalogues of other sizes."
    )
    return join([text, table(head, rows)])


def number(value: float | None) -> str:
    """A number as the tables write it."""
    return "undefined" if value is None else f"{value:.3g}"


def valued(side: dict[str, Any], name: str) -> str:
    """A statistic with its interval."""
    value, interval = side["statistics"][name], side["intervals"][name]
    if value is None or interval is None:
        return "undefined"
    return f"{number(value)} [{number(interval[0])}, {number(interval[1])}]"


def agrees(log: dict[str, Any], world: dict[str, Any], name: str) -> str:
    """Whether two sides differ by less than the noise of both."""
    sides = (log, world)
    if any(side["statistics"][name] is None or side["intervals"][name] is None for side in sides):
        return ""
    noise = np.hypot(*(np.ptp(side["intervals"][name]) / 3.92 for side in sides))
    if np.ptp(log["intervals"][name]) == 0:
        return ""  # too few views to tell
    apart = abs(log["statistics"][name] - world["statistics"][name])
    return "yes" if apart <= 1.96 * noise else "**no**"


def draw_marginals(summary: dict[str, Any], folder: Path) -> None:
    """`figures/<reading>.png`: distributions of the log, the fitted and the starting world."""
    with style():
        for name, found in summary["readings"].items():
            figure = new_figure(10.5, 7.2)
            axes = figure.subplots(2, 2).ravel()
            sides = [
                ("log", _LOG, summary["log"]),
                ("fitted world", _FITTED, found["fitted"]),
                (summary["world"], _START, found["start"]),
            ]
            for label, colour, side in sides:
                ranks = 1 + np.arange(len(side["topic_share"]))
                axes[0].plot(ranks, side["topic_share"], "o-", color=colour, label=label, ms=4)
                _distribution(axes[1], summary, side["top_share"], colour)
                _distribution(axes[2], summary, side["item_views"], colour)
                minutes = summary["log"]["minutes"]
                if minutes:
                    _distribution(axes[3], summary, side["minutes"], colour)
                else:
                    _repeats(axes[3], summary, side, colour)
            axes[0].set(title="Topics by rank", xlabel="rank", ylabel="share of views")
            axes[0].set_xticks(range(1, 1 + len(summary["log"]["topic_share"])))
            axes[0].legend()
            axes[1].set(
                title="How devoted people are",
                xlabel=f"share of the largest topic in {THINNED} views",
                ylabel="share of people below",
            )
            axes[2].set(
                title="Popularity", xlabel="views of an item / mean", ylabel="share of items below"
            )
            axes[2].set_xscale("symlog", linthresh=0.1)
            if minutes:
                axes[3].set(title="Minutes", xlabel="minutes a view", ylabel="share of views below")
            else:
                axes[3].set(
                    title="Repeat of a topic (1: order says nothing)",
                    xlabel="views at most so many slots apart",
                    ylabel="observed / expected",
                )
            save_figure(figure, folder / "figures" / f"{name}.png")


def _distribution(axes: Axes, summary: dict[str, Any], values: list[float], colour: str) -> None:
    if values:
        axes.plot(values, summary["quantiles"], color=colour)


def _repeats(axes: Axes, summary: dict[str, Any], side: dict[str, Any], colour: str) -> None:
    values = [np.nan if value is None else value for value in side["repeat"]]
    if values:
        axes.plot(summary["gaps"], values, "o-", color=colour, ms=4)
        axes.set_xscale("log", base=2)
        axes.set_xticks(summary["gaps"], [str(gap) for gap in summary["gaps"]])
    for gap, one in zip(summary["gaps"], side.get("gaps", []), strict=False):
        if "low" in one:
            axes.plot([gap, gap], [one["low"], one["high"]], color=colour, lw=1)
