"""The report of the validity suite: a table a world, a count, and a sentence for each miss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from ..drawing import new_figure, save_figure, style
from ..markdown import bullets, enumeration, join, section, table
from ..record import made_section
from .misses import held_against, why_missed
from .nulls import NULLS

_MET, _MISSED = "#0072B2", "#D55E00"


def count_of(world: dict[str, Any]) -> str:
    """How many rows a world meets, how many of the held-out ones, and how many of them count."""
    inside = (
        f"{world['met']} of {world['testable']} testable rows inside their band "
        f"({world['met_held_out']} of {world['held_out']} held out)"
    )
    if "counting" not in world:
        return inside
    return (
        f"{inside}; {len(world['counting'])} of them are missed once their mechanism is off, and "
        f"so count; nothing was chosen for {len(world['counting_unfitted'])} of those"
    )


def number(value: float | None) -> str:
    """A statistic as the tables write it."""
    return "undefined" if value is None else f"{value:.3g}"


def simulated(part: dict[str, Any]) -> str:
    """Mean and interval of a part."""
    found = part["simulated"]
    if found["mean"] is None:
        return "undefined"
    return f"{number(found['mean'])} [{number(found['low'])}, {number(found['high'])}]"


def band(part: dict[str, Any]) -> str:
    """A band, with its open end."""
    low, high = part["band"]
    if low is None:
        return f"at most {high:g}"
    return f"at least {low:g}" if high is None else f"{low:g} to {high:g}"


def validity_report(summary: dict[str, Any], manifest: dict[str, Any]) -> str:
    """`report.md`."""
    worlds = summary["worlds"]
    head = [
        f"# {summary['title']}",
        bullets(f"**`{name}`**: {count_of(world)}." for name, world in worlds.items()),
        "Each row is a simulated copy of a study's design, with its own people and their twins. A "
        "row is met if the interquartile mean over seeds of every one of its statistics lies in "
        "its band, which was set beforehand; intervals are 95% over "
        f"{summary['seeds']} seeds of {summary['people']} people, and of {summary['crossers']} "
        "where crossings count, which are rare. Being inside a band makes a world consistent with "
        "a finding, not right, and rows that a world was fitted to are no evidence for it.",
        _rule(summary),
        "![Each statistic in units of its band](figures/validity.png)",
    ]
    tables = [
        section(
            f"World `{name}`",
            at["description"],
            _table(at["rows"]),
            _counting(at),
            _context(at),
            _misses(name, at),
            _no_evidence(name, at),
        )
        for name, at in worlds.items()
    ]
    tail = [
        _fit(summary),
        _ensemble(summary),
        _designs(summary["rows"]),
        made_section(manifest, "undertow validate"),
        _extended(manifest),
    ]
    return join([*head, *tables, *tail]) + "\n"


HEAD = ("row", "statistic", "band", "simulated", *(f"without {name}" for name in NULLS), "verdict")


def told_rows(rows: list[dict[str, Any]]) -> list[list[str]]:
    """A line for each part, under `HEAD`; the nulls that a row is held against have a star."""
    return [
        [
            f"{row['row']}{' (held out)' if row['held_out'] else ''}",
            f"{part['statistic']}: {part['means']}",
            band(part),
            simulated(part),
            *(_without(row, name, at) for name in NULLS),
            _verdict(row, part),
        ]
        for row in rows
        for at, part in enumerate(row["parts"])
    ]


def _without(row: dict[str, Any], mechanism: str, at: int) -> str:
    """What part number `at` of a row gives without a mechanism; empty where that was not run."""
    if mechanism not in row.get("nulls", {}):
        return ""
    part = row["nulls"][mechanism]["parts"][at]
    star = "*" if mechanism in row["held_against"] else ""
    verdict = "inside" if part["pass"] else "outside"
    return f"{number(part['simulated']['mean'])}, {verdict}{star}"


def _table(rows: list[dict[str, Any]]) -> str:
    published = [row["published"] for row in rows for _ in row["parts"]]
    lines = [
        [
            line[0],
            text,
            *(cell.replace("*", "\\*") if "**" not in cell else cell for cell in line[1:]),
        ]
        for line, text in zip(told_rows(rows), published, strict=True)
    ]
    return table([HEAD[0], "published", *HEAD[1:]], lines)


def _verdict(row: dict[str, Any], part: dict[str, Any]) -> str:
    verdict = "inside" if part["pass"] else "**outside**"
    if not row["counted"]:
        return f"{verdict} (not counted)"
    if row["imposed"]:
        verdict += " (imposed)"
    if not row["pass"] or "counts" not in row:
        return verdict
    return f"{verdict}, {'counts' if row['counts'] else 'does not count'}"


def _rule(summary: dict[str, Any]) -> str:
    if not summary.get("null_seeds"):
        return ""
    return (
        "**What counts.** A row that a world meets is asked again in the same world with "
        "persuasion off, with habit off, and with a random feed in the place of the ranked one "
        f"(the first {summary['null_seeds']} seeds). A row counts if it is missed in every null "
        "that it is held against (starred): those of the mechanisms that the finding is about, or, "
        "if it is about none of the three, those that could change its statistics. A statistic "
        "that is undefined in a null is missed there. A row that is met either way shows nothing "
        "about the mechanism; so a finding that nothing moved cannot count for a world, only "
        "against it. The rule, and what each row is about, stood in the config before the run."
    )


def _counting(world: dict[str, Any]) -> str:
    if "counting" not in world:
        return ""
    told = []
    for row in world["rows"]:
        against = row["held_against"] if row["pass"] and row["counted"] else []
        nulls = [name for name in against if row["nulls"].get(name, {"pass": False})["pass"]]
        without = [f"without {name}" for name in nulls]
        if without:
            told.append(
                f"Row {row['row']} ({row['source']}): also met {enumeration(without)}; "
                f"{row['because']}."
            )
    kept = ", ".join(str(row) for row in world["counting"]) or "none"
    unfitted = ", ".join(str(row) for row in world["counting_unfitted"]) or "none"
    return join(
        [
            f"Rows that count: {kept}. Of these, rows that nothing in this world was chosen for: "
            f"{unfitted}.",
            "Met, and does not count:" if told else "",
            bullets(told),
        ]
    )


def _context(world: dict[str, Any]) -> str:
    rows = [
        [f"{beside['statistic']}: {beside['means']}", simulated(beside)]
        for beside in world.get("context", [])
    ]
    return join(
        ["Beside the rows, and not counted:" if rows else "", table(["statistic", "mean"], rows)]
    )


def _misses(name: str, world: dict[str, Any]) -> str:
    told = []
    for row in world["rows"]:
        if row["pass"]:
            continue
        told.append(f"Row {row['row']} ({row['source']}): {why_missed(name, row['row'])}")
    return join(["Misses:", bullets(told)]) if told else "No row is missed."


def _no_evidence(name: str, world: dict[str, Any]) -> str:
    told = [
        f"Row {row['row']} ({row['source']}): {against}"
        for row in world["rows"]
        if row["pass"] and (against := held_against(name, row["row"])) is not None
    ]
    return join(["Met, and yet no evidence:", bullets(told)]) if told else ""


def _fit(summary: dict[str, Any]) -> str:
    if not summary["fit"]:
        return ""
    rows = [
        [
            step["block"],
            f"`{parameter}`",
            number(moved["before"]),
            number(moved["after"]),
            f"{moved['range'][0]:g} to {moved['range'][1]:g}",
            f"{number(step['cost_before'])} to {number(step['cost_after'])}",
        ]
        for step in summary["fit"]
        for parameter, moved in step["parameters"].items()
    ]
    return section(
        "The fit",
        "Block by block, on people who are measured nowhere else; a value at an end of its range "
        "says that the data ask for more than was thought admissible. A block begins where the one "
        "before it ended. Cost: summed squares of "
        "distances beyond the middle half of the bands, in half-widths. In the last block what "
        "nothing asks to move is drawn to the default, a little.",
        table(["block", "parameter", "before", "fitted", "range", "cost of the block"], rows),
    )


def _ensemble(summary: dict[str, Any]) -> str:
    if "ensemble" not in summary:
        return ""
    found = summary["ensemble"]
    rows = [
        [
            str(row["row"]),
            part["statistic"],
            band(part),
            _span(part),
            f"{part['inside']} of {found['worlds']}",
            f"{row['inside']} of {found['worlds']}",
        ]
        for row in found["rows"]
        for part in row["parts"]
    ]
    return section(
        "What the fitted rows leave open",
        f"Of the worlds that the last block tried {found['met']} had all its statistics inside "
        f"their bands, among the people of the fit. {found['worlds']} of them, evenly spaced in "
        f"the order tried, are held to the rows that were held out, among {found['people']} people "
        "of one seed. One search made them all, so what none of them meets is excluded "
        "near the fitted world and not everywhere. None is chosen by what is found here.",
        table(["row", "statistic", "band", "least to most", "inside", "row met"], rows),
    )


def _span(part: dict[str, Any]) -> str:
    if part["least"] is None:
        return "undefined"
    also = f", {part['undefined']} undefined" if part["undefined"] else ""
    return f"{number(part['least'])} to {number(part['most'])}{also}"


def _extended(manifest: dict[str, Any]) -> str:
    later = [revision or "unknown" for revision in manifest.get("later_revisions", [])]
    if not later:
        return ""
    return (
        f"Extended with `--extend` by git revision {', '.join(later)}, which made the null column, "
        "the context and every study that gives more than it gave. All else, the fit with its "
        "worlds among it, stands as the first revision made it."
    )


def _designs(rows: list[dict[str, Any]]) -> str:
    return section(
        "Designs and sources",
        "Sure: V read in the paper's abstract or text; V2 from a secondary source; M from memory, "
        "not checked, and to be read as approximate.",
        table(
            ["row", "source", "sure", "simulated copy", "held against the nulls of, because"],
            [
                [str(row["row"]), row["source"], row["sure"], row["design"], _about(row)]
                for row in rows
            ],
        ),
        "Row 24 (advertising loads) is an input of the world and has no copy.",
    )


def _about(row: dict[str, Any]) -> str:
    if "held_against" not in row:
        return ""
    return f"{enumeration(row['held_against'])}: {row['because']}"


def draw_validity(summary: dict[str, Any], folder: Path) -> None:
    """`figures/validity.png`: every part of every row, in units of its band, a column a world."""
    with style():
        save_figure(_bands(summary), folder / "figures" / "validity.png")


def _bands(summary: dict[str, Any]) -> Figure:
    worlds = summary["worlds"]
    labels = [
        (f"{row['row']}{'*' if row['held_out'] else ''}", part["statistic"].replace("_", " "))
        for row in summary["rows"]
        for part in row["parts"]
    ]
    figure = new_figure(4.2 + 2.6 * len(worlds), 0.22 * len(labels) + 1.2)
    panels = np.atleast_1d(figure.subplots(1, len(worlds), sharey=True))
    for axes, (name, world) in zip(panels, worlds.items(), strict=True):
        axes.axvspan(-1, 1, color="#000000", alpha=0.08, lw=0)
        parts = [(row, part) for row in world["rows"] for part in row["parts"]]
        for at, (row, part) in enumerate(parts):
            _draw_part(axes, part, at, counts=row.get("counts", True))
        axes.set_xlim(-4, 4)
        axes.set_xticks([-1, 1], ["low end", "high end"])
        axes.set_title(_title(name, world))
        axes.grid(axis="x", visible=False)
    panels[0].set_yticks(range(len(labels)), [f"{text}  {row}" for row, text in labels])
    panels[0].set_ylim(len(labels) - 0.4, -0.6)
    figure.supxlabel(
        "place in the band (grey); arrows: further out; rows with * are held out\n"
        "hollow: inside, but the row is met without its mechanism too, or missed by another part"
    )
    return figure


def _title(name: str, world: dict[str, Any]) -> str:
    met = f"{name}: {world['met']} of {world['testable']} rows"
    return f"{met}, {len(world['counting'])} count" if "counting" in world else met


def _draw_part(axes: Any, part: dict[str, Any], at: int, counts: bool) -> None:
    found = part["simulated"]
    colour = _MET if part["pass"] else _MISSED
    if found["mean"] is None:
        axes.text(0, at, "undefined", ha="center", va="center", fontsize=7, color=colour)
        return
    mean, low, high = (_place(part["band"], found[key]) for key in ("mean", "low", "high"))
    if abs(mean) > 4:
        side = np.sign(mean)
        axes.plot(side * 3.8, at, marker=">" if side > 0 else "<", color=colour, ms=6)
        return
    axes.plot([low, high], [at, at], color=colour, lw=1.5)
    hollow = part["pass"] and not counts
    axes.plot(
        *(mean, at, "o"),
        ms=5,
        color="white" if hollow else colour,
        mec=colour if hollow else "white",
    )


def _place(ends: list[float | None], value: float) -> float:
    """Where a value lies: -1 and 1 are the ends of its band; an open end is as far as the other."""
    low, high = ends
    if low is not None and high is not None:
        return 2 * (value - low) / (high - low) - 1
    end = low if low is not None else high
    assert end is not None
    unit = max(abs(end), 0.1)
    return -1 + (value - end) / unit if low is not None else 1 + (value - end) / unit
