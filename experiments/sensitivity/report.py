"""The report of a sensitivity analysis: which parameters matter, and how often effects appear."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from ..drawing import new_figure, save_figure, style
from ..markdown import bullets, join, section, table
from ..record import made_section
from ..result_folder import Manifest

_SHOWN = 8
_SIGN = 0.8  # science: a sign that survives in fewer of the draws is not robust


def sensitivity_report(summary: dict[str, Any], manifest: Manifest) -> str:
    """`report.md`."""
    worlds = summary["worlds"]
    knobs = len(next(iter(worlds.values()))["knobs"])
    head = [
        f"# {summary['title']}",
        summary["description"],
        f"{knobs} parameters are moved together, each within {summary['reach']:.0%} of its value "
        f"(cut to what is admissible), under `greedy`; {summary['people']} people a world with "
        "their twins, the same luck in all. "
        f"{summary['trajectories']} Morris trajectories rank the "
        f"parameters, {summary['draws']} Latin hypercube draws give the shares.",
    ]
    parts = [
        section(
            f"World `{name}`",
            _shares(summary, found),
            f"![Parameters that matter in {name}](figures/{name}.png)",
            _ranks(summary, found),
        )
        for name, found in worlds.items()
    ]
    ranges = section(
        "Ranges",
        *(
            join(
                [
                    f"`{name}`:",
                    bullets(f"`{k}` {low:g} to {high:g}" for k, (low, high) in w["knobs"].items()),
                ]
            )
            for name, w in worlds.items()
        ),
    )
    return join([*head, *parts, ranges, made_section(manifest, "undertow sensitivity")]) + "\n"


def _shares(summary: dict[str, Any], found: dict[str, Any]) -> str:
    rows = []
    for effect, told in found["shares"].items():
        rule = summary["effects"][effect]
        robust = "yes" if told["low"] >= _SIGN else "no" if told["high"] < _SIGN else "undecided"
        rows.append(
            [
                effect,
                f"`{rule['metric']}` > {rule['threshold']:g}",
                f"{told['share']:.0%} [{told['low']:.0%}, {told['high']:.0%}]",
                robust,
            ]
        )
    text = "Share of the space in which each effect is there, and whether that is 80% or more."
    return join([text, table(["effect", "there where", "share of draws", "robust"], rows)])


def _ranks(summary: dict[str, Any], found: dict[str, Any]) -> str:
    rows = []
    for metric, ranks in found["ranks"].items():
        first = [
            f"`{r['parameter']}` {r['mu']:+.3g} ({r['mu_star']:.3g} ± {r['half_width']:.2g})"
            for r in ranks[:5]
        ]
        title = summary["metrics"][metric]["title"]
        rows.append([title, "<br>".join(first) or "undefined in some world"])
    text = (
        "The five that matter most: mean signed effect of moving a parameter over its range, and "
        "in brackets its mean size with a 95% half-width."
    )
    return join([text, table(["metric", "parameters"], rows)])


def draw_ranks(summary: dict[str, Any], folder: Path) -> None:
    """`figures/<world>.png`: the parameters that matter most for each metric."""
    with style():
        for name, found in summary["worlds"].items():
            save_figure(_bars(summary, found), folder / "figures" / f"{name}.png")


def _bars(summary: dict[str, Any], found: dict[str, Any]) -> Figure:
    figure = new_figure(12.0, 8.4)
    for axes, (metric, ranks) in zip(
        figure.subplots(3, 3).ravel(), found["ranks"].items(), strict=True
    ):
        axes.set_title(summary["metrics"][metric]["title"], fontsize=9)
        for at, one in enumerate(ranks[:_SHOWN]):
            colour = "#D55E00" if one["mu"] > 0 else "#0072B2"
            axes.barh(at, one["mu_star"], xerr=one["half_width"], color=colour, height=0.65)
        axes.set_yticks(range(len(ranks[:_SHOWN])), [r["parameter"] for r in ranks[:_SHOWN]])
        axes.tick_params(axis="y", labelsize=7)
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.set_xlabel(f"mu* ({summary['metrics'][metric]['unit']})", fontsize=7.5)
    figure.suptitle("orange: more of it raises the metric on average; blue: lowers", fontsize=8.5)
    return figure
