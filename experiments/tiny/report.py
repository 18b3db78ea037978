"""The report of a study of the tiny world."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..markdown import image, join, section, table
from ..record import made_section
from .config import TinyStudy
from .figures import draw


def draw_and_tell(
    folder: Path, study: TinyStudy, summary: dict[str, Any], manifest: dict[str, Any]
) -> str:
    """Draws the figures into the folder; the text of `report.md`."""
    return _text(study, summary, manifest, draw(summary, folder / "figures"))


def _text(
    study: TinyStudy, summary: dict[str, Any], manifest: dict[str, Any], drawn: list[str]
) -> str:
    return (
        join(
            [
                f"# {study.title}",
                study.description.strip(),
                f"Drift is the change of |stance| over an episode less that under the neutral "
                f"feed. An optimum invests where its drift exceeds that of gamma 0 by more than "
                f"{study.margin:g}. All figures but PPO's and people's are exact: no people are "
                f"drawn. Largest Bellman residual: {summary['largest_residual']:.1e}.",
                _hypotheses(summary),
                _optimum(summary, drawn),
                _map(summary, drawn),
                _people(summary),
                _learned(summary),
                _near(study, summary),
                _frontier(study, summary, drawn),
                _limits(),
                made_section(manifest, "undertow tiny"),
            ]
        )
        + "\n"
    )


def _with(found: dict[str, Any], digits: int = 3) -> str:
    if found["mean"] is None:
        return "–"
    middle = f"{found['mean']:.{digits}f}"
    if found["low"] is None or found["low"] == found["high"]:
        return middle
    return f"{middle} [{found['low']:.{digits}f}, {found['high']:.{digits}f}]"


def _gamma(value: float | None) -> str:
    return "none up to 0.999" if value is None else f"{value:.4f}"


def _hypotheses(summary: dict[str, Any]) -> str:
    rows = [
        [
            f"`{h['name']}`",
            h["statement"] + (f" (added {h['added']})" if h["added"] else ""),
            f"{h['quantity']} of {h['of']}, `{h['world']}`, gamma {h['gamma']:g}",
            _with(h["found"]),
            f"within {h['threshold']:g} ± {h['margin']:g}"
            if h["test"] == "equivalent"
            else f"{h['test']} than {h['threshold']:g}",
            "held" if h["held"] else "**NOT HELD**",
        ]
        for h in summary["hypotheses"]
    ]
    held = sum(h["held"] for h in summary["hypotheses"])
    return section(
        f"Hypotheses: {held} of {len(rows)} held",
        table(["name", "statement", "measured", "found", "test", "verdict"], rows),
        "Of the optimum there is one exact number, compared with the threshold. PPO's are "
        "interquartile means over seeds with 95 % bootstrap intervals; its nulls pass by two "
        "one-sided t tests at 5 %.",
    )


def _optimum(summary: dict[str, Any], drawn: list[str]) -> str:
    rows = [
        [
            f"`{name}`",
            f"{world['neutral']['drift']:.4f}",
            f"{world['ratchet']:.4f}",
            *(f"{c['drift'] - world['ratchet']:+.4f}" for c in world["cells"][1:]),
            _gamma(world["critical_gamma"]),
        ]
        for name, world in summary["worlds"].items()
    ]
    head = ["world", "neutral", "ratchet", *(f"+ at {g:g}" for g in summary["gammas"][1:])]
    return section(
        "What the optimum does",
        "The ratchet is the drift of gamma 0; the next columns are what longer sight adds.",
        table([*head, "critical gamma"], rows),
        image(drawn, "drift", "Optimal and learned drift against gamma"),
    )


def _map(summary: dict[str, Any], drawn: list[str]) -> str:
    begins = summary["critical_pull_of_the_ratchet"]
    at = "does not begin within the map" if begins is None else f"begins at pull {begins:.3f}"
    rows = [
        [
            f"{row['pull']:g}",
            f"{row['ratchet']:.4f}",
            f"{max(c['drift'] for c in row['cells']) - row['ratchet']:+.4f}",
            f"{row['cells'][-1]['drift'] - row['ratchet']:+.4f}",
            _gamma(row["critical_gamma"]),
        ]
        for row in summary["map"]
    ]
    return section(
        "Gamma and the strength of the pull",
        f"For the median person of the map's world, the ratchet {at}. Pull 1 is the big world's; 0 "
        "is its null world without extremity pull. The critical gamma is the first that invests, "
        "by bisection; drift need not keep rising beyond it.",
        table(["pull", "ratchet", "most added", "added at the last gamma", "critical gamma"], rows),
        image(drawn, "map", "Drift over gamma and pull, with the critical line"),
    )


def _people(summary: dict[str, Any]) -> str:
    rows = []
    for found in summary["people"]:
        critical = found["critical_gamma"]
        interval = "" if critical["low"] is None else (
            f" [{critical['low']:.3f}, {critical['high']:.3f}]"
        )  # fmt: skip
        value = "none" if critical["mean"] is None else f"{critical['mean']:.3f}"
        rows.append(
            [
                f"`{found['preset']}`",
                f"{found['pull']:g}",
                str(found["n"]),
                _with(found["ratchet"]),
                _with(found["investment"][summary["gammas"].index(0.99)])
                if 0.99 in summary["gammas"]
                else _with(found["investment"][-1]),
                value + interval,
                f"{critical['reached']:.0%}",
                f"{found['share_invested_in']:.0%}",
                f"{found['share_spared']:.0%}",
            ]
        )
    return section(
        "People drawn from the population",
        "Each person is planned for with their own traits. The critical gamma is that of the mean "
        "over people; its interval is over draws of people (95 %, bootstrap), and is given where "
        "nearly all resamples reach the margin.",
        table(
            ["preset", "pull", "people", "ratchet", "added at 0.99", "critical gamma", "resamples "
             "that reach it", "people moved further by some gamma", "people moved less"],
            rows,
        ),
    )  # fmt: skip


def _learned(summary: dict[str, Any]) -> str:
    rows = [
        [
            f"`{c['world']}`",
            f"{c['gamma']:g}",
            _with(c["value_share"], 4),
            f"{min(c['values']['value_share']):.4f}",
            _with(c["drift"]),
            _with(c["drift_error"]),
            _with(c["investment"]),
        ]
        for c in summary["learned"]
    ]
    head = ["world", "gamma", "value, share of the optimum", "least seed", "drift"]
    return section(
        "PPO against the optimum",
        "PPO learns on expected minutes, so luck of a session is in the moves but not in its "
        "reward; its likeliest items are evaluated exactly.",
        table([*head, "less the optimum's", "less its own at gamma 0"], rows),
    )


def _near(study: TinyStudy, summary: dict[str, Any]) -> str:
    learned = {(c["world"], c["gamma"]): c for c in summary["learned"]}
    rows = []
    for near in summary["near"]:
        cell = learned[near["world"], near["gamma"]]
        drifts, errors = cell["values"]["drift"], cell["values"]["drift_error"]
        rows.append(
            [
                f"`{near['world']}`",
                f"{near['gamma']:g}",
                f"{drifts[0] - errors[0]:.3f}",
                *(f"{r['low']:.3f} to {r['high']:.3f}" for r in near["ranges"]),
                f"{min(drifts):.3f} to {max(drifts):.3f}",
            ]
        )
    head = ["world", "gamma", "drift of the optimum"]
    return section(
        "Whether a value tells a drift",
        "Drift of policies that give up at most that share of the optimal value, exactly. Each end "
        "is had by a policy (a lot at the start between two of them), so the true range is at "
        "least as wide. Where it is wide, value and learner say little about drift: policies that "
        "earn the same move people differently.",
        table([*head, *(f"within {x:.1%}" for x in study.losses), "PPO's seeds"], rows),
    )


def _frontier(study: TinyStudy, summary: dict[str, Any], drawn: list[str]) -> str:
    rows = [
        [
            f"{p['multiplier']:g}",
            f"{p['reward']:.2f}",
            f"{p['cost']:.4f}",
            f"{p['minutes_per_day']:.2f}",
            f"{p['drift']:.4f}",
        ]
        for p in summary["frontier"]
    ]
    head = ["price of drift", "minutes, discounted", "drift, discounted", "minutes a day"]
    return section(
        "The frontier",
        f"`{study.frontier.world}`, gamma {study.frontier.gamma:g}: the optimum at each price of "
        "drift, in minutes a unit of stance. Policies in between mix two by lot.",
        table([*head, "drift beyond neutral"], rows),
        image(drawn, "frontier", "The frontier of minutes and drift"),
    )


def _limits() -> str:
    return section(
        "Limits",
        "One person's traits are known to the planner; taste, tolerance and search are off; "
        "rounding to the grid adds variance. Magnitudes hold for no real app or person.",
    )
