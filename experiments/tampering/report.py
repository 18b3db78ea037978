"""The report of the replication."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from ..drawing import new_figure, save_figure, style
from ..markdown import join, section, table
from ..record import made_section
from ..result_folder import Manifest

_COLOURS = {"ppo": "#0072B2", "ppo_myopic": "#3A9AD0"}


def tampering_report(summary: dict[str, Any], manifest: Manifest) -> str:
    """`report.md`."""
    plans = [
        [
            plan["name"].replace("_", " "),
            f"{plan['reported']:.2f}",
            _told(plan["clicks"], 3),
            f"{plan['exact']:.3f}",
            "yes" if plan["held"] else "**no**",
        ]
        for plan in summary["plans"]
    ]
    optima = [
        [
            person.replace("_", " "),
            f"{found['honest']:.2f}",
            str(found["opposing_first"]),
            f"{found['clicks']:.2f}",
            f"{found['seeing']:.2f}",
        ]
        for person, found in summary["optima"].items()
    ]
    agents = [
        [
            f"`{one['agent']}`",
            one["meets"].replace("_", " "),
            one["effect"],
            _told(one["clicks"], 2),
            _told(one["opposing"], 1),
        ]
        for one in summary["agents"]
    ]
    hypotheses = [
        [
            one["name"],
            one["statement"],
            one["test"],
            _told(one["estimate"], 2),
            "held" if one["held"] else "**failed**",
        ]
        for one in summary["hypotheses"]
    ]
    head = f"# {summary['title']}"
    text = (
        "The environment of Evans & Kasirzadeh 2021 (arXiv 2109.04083), rebuilt from their "
        "equations and their code's numbers: thirty recommendations from a left, a central or a "
        "right source; what opposes those who lean one way drives them further that way. "
        f"{summary['seeds']} seeds, {summary['episodes']:,} episodes a seed for the plans."
    )
    return (
        join(
            [
                head,
                text,
                section(
                    "Their figures, and ours",
                    "Clicks an episode. The reported figures are of a run of their own code; ours "
                    "are the same if two one-sided tests say so.",
                    table(["plan", "reported", "simulated", "exact", "the same"], plans),
                ),
                section(
                    "The best plan",
                    "For a person who is known: opposing items first, then their own side. "
                    "Exact expectations. The ceiling is what a policy that saw the chances would "
                    "earn; none earns more.",
                    table(["person", "never opposing", "best number", "clicks", "ceiling"], optima),
                    "![Clicks against opposing items shown first](figures/tampering.png)",
                ),
                section(
                    "PPO",
                    "On counts of what was shown and clicked; `everybody` is one of the five by "
                    "lot, whom the agent has to find out about. Opposing: items from the far side "
                    "among the first ten, shown to those who lean.",
                    table(["agent", "meets", "polarising", "clicks", "opposing"], agents),
                ),
                section(
                    "Hypotheses",
                    table(["name", "statement", "test", "estimate", ""], hypotheses),
                ),
                made_section(manifest, "undertow replicate"),
            ]
        )
        + "\n"
    )


def _told(found: dict[str, Any], digits: int) -> str:
    mean, low, high = (f"{found[key]:.{digits}f}" for key in ("mean", "low", "high"))
    return f"{mean} [{low}, {high}]"


def draw_tampering(summary: dict[str, Any], folder: Path) -> None:
    """`figures/tampering.png`: clicks against opposing items first, and where PPO ends up."""
    with style():
        save_figure(_curves(summary), folder / "figures" / "tampering.png")


def _curves(summary: dict[str, Any]) -> Figure:
    figure = new_figure(7.0, 4.2)
    axes = figure.subplots()
    for person, colour in (("strong_right", "#000000"), ("moderate_right", "#999999")):
        curve = summary["curves"][person]
        axes.plot(
            range(len(curve)), curve, color=colour, label=f"exact, {person.replace('_', ' ')}"
        )
    for plan in summary["plans"]:
        axes.plot(
            *(plan["opposing_first"], plan["clicks"]["mean"], "o"),
            ms=9,
            mfc="none",
            mec="#D55E00",
        )
        axes.annotate(
            *(f"reported {plan['reported']:.2f}", (plan["opposing_first"], plan["reported"])),
            xytext=(8, -12),
            textcoords="offset points",
            fontsize=8,
        )
    for one in summary["agents"]:
        if one["meets"] == "strong_right" and one["effect"] == "on":
            axes.errorbar(
                *(one["opposing"]["mean"], one["clicks"]["mean"]),
                fmt="s",
                color=_COLOURS[one["agent"]],
                label=f"{one['agent']}, opposing items of the first ten",
            )
    axes.set_xlabel("opposing items shown first")
    axes.set_ylabel("clicks an episode")
    axes.legend(loc="lower center", fontsize=8)
    return figure
