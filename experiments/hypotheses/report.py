"""The report of the ten: a table of verdicts, then each with claims, nulls and what is beside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..drawing import save_figure, style
from ..markdown import bullets, enumeration, join, section, table
from ..record import made_section
from ..result_folder import Manifest
from .forest import forest
from .wording import Told, interval, number, verdict


def draw(summary: Told, folder: Path) -> None:
    """`figures/forest.png`: every claim and every null."""
    with style():
        save_figure(forest(summary["hypotheses"]), folder / "figures" / "forest.png")


def hypotheses_report(summary: Told, manifest: Manifest) -> str:
    """`report.md`."""
    hypotheses = summary["hypotheses"]
    claims = sum(len(hypothesis["claims"]) for hypothesis in hypotheses)
    nulls = sum(len(hypothesis["nulls"]) for hypothesis in hypotheses)
    head = [
        f"# {summary['title']}",
        summary["description"],
        f"**Supported: {summary['supported']} of {len(hypotheses)}.** Of {claims} claims "
        f"{_count(hypotheses, 'claims', 'held')} held, of {nulls} nulls "
        f"{_count(hypotheses, 'nulls', 'passed')} passed.",
        _apart(hypotheses),
        table(
            ["", "hypothesis", "verdict", "claims held", "nulls passed", "seeds"],
            verdict_rows(summary),
        ),
        "![Every claim and every null](figures/forest.png)",
    ]
    return (
        join(
            [
                *head,
                _how(summary),
                *map(_part, hypotheses),
                _measured(summary),
                _sources(summary, manifest),
            ]
        )
        + "\n"
    )


def verdict_rows(summary: Told) -> list[list[str]]:
    """A row a hypothesis: name, title, verdict, how many claims held and nulls passed, seeds."""
    rows = []
    for hypothesis in summary["hypotheses"]:
        claims, nulls = hypothesis["claims"], hypothesis["nulls"]
        seeds = sorted({part["n"] for part in (*claims, *nulls)})
        rows.append([
            hypothesis["name"],
            hypothesis["title"],
            verdict(hypothesis),
            f"{sum(c['held'] for c in claims)} of {len(claims)}",
            f"{sum(n['passed'] for n in nulls)} of {len(nulls)}",
            enumeration([str(n) for n in seeds]),
        ])  # fmt: skip
    return rows


def _count(hypotheses: Sequence[Told], parts: str, key: str) -> int:
    return sum(part[key] for hypothesis in hypotheses for part in hypothesis[parts])


def _apart(hypotheses: Sequence[Told]) -> str:
    """Those of which a null alone failed: the effect was found, its reason was not secured."""
    found = [h["name"] for h in hypotheses if h["claims_held"] and not h["nulls_passed"]]
    if not found:
        return ""
    return (
        f"Of {enumeration(found)} every claim held and a null did not pass: the effect was found, "
        "but also where it should have been absent, or its absence there could not be shown."
    )


def _how(summary: Told) -> str:
    parts = [part for h in summary["hypotheses"] for part in (*h["claims"], *h["nulls"])]
    late = sum(bool(part["added"]) for part in parts)
    lines = [
        f"The unit is the training seed: a value a seed, each a contrast of {summary['people']:,} "
        "people and their twins.",
        "A claim holds if a one-sided t test over seeds rejects at 5% after Holm's correction over "
        "all claims here. Intervals are 95% BCa bootstrap intervals of the plain mean, not "
        "corrected; with five seeds they are too narrow, and no verdict rests on them.",
        "A null passes if two one-sided t tests reject, at 5%, that the mean lies outside its "
        "margin; an exact one if every seed gives the value to the bit. Not significant is not "
        "passed. Nulls that cannot come out otherwise are marked: they show that a switch works "
        "and are no finding.",
        "A hypothesis is supported only if all its claims hold and all its nulls pass.",
        f"Of {len(parts)} claims and nulls {late} were written when something of them had been "
        "seen, which each says (*seen*). Those are checks of what was known; the rest are "
        "predictions.",
    ]
    return section("How they are judged", bullets(lines))


def _part(hypothesis: Told) -> str:
    claims = [
        [
            "held" if claim["held"] else "**FAILED**",
            f"`{claim['name']}`",
            _stated(claim),
            f"{'>' if claim['test'] == 'greater' else '<'} {number(claim['threshold'])}",
            interval(claim),
            str(claim["n"]),
            _p(claim["p"]),
            _p(claim["p_holm"]),
        ]
        for claim in hypothesis["claims"]
    ]
    nulls = [
        [
            "passed" if null["passed"] else "**NOT PASSED**",
            f"`{null['name']}`",
            _stated(null),
            _band(null),
            interval(null),
            str(null["n"]),
            "" if null["test"] == "exactly" else _p(null["p"]),
            "by construction" if null["by_construction"] else "",
        ]
        for null in hypothesis["nulls"]
    ]
    beside = [
        [f"`{one['name']}`", _stated(one), interval(one), str(one["n"])]
        for one in hypothesis["beside"]
    ]
    return section(
        f"{hypothesis['name']}. {hypothesis['title']}",
        f"**Verdict: {verdict(hypothesis)}.**",
        f"*Asked.* {hypothesis['asked'].strip()}",
        f"*Read here.* {hypothesis['reading'].strip()}" if hypothesis["reading"] else "",
        table(["claim", "", "", "test", "mean (95%)", "n", "p", "p, Holm"], claims),
        table(["null", "", "", "must be", "mean (95%)", "n", "p", ""], nulls),
        table(["beside, not judged", "", "mean (95%)", "n"], beside),
    )


def _stated(part: Told) -> str:
    seen = f" *Seen: {part['added'].strip()}.*" if part.get("added") else ""
    return f"{part['statement'].strip()}{seen}<br>`{' '.join(part['quantity'].split())}`"


def _band(null: Told) -> str:
    if null["test"] == "exactly":
        return f"exactly {number(null['threshold'])}"
    return f"{number(null['threshold'])} ± {number(null['margin'])}"


def _p(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _measured(summary: Told) -> str:
    statistics, worlds, policies = (summary[key] for key in ("statistics", "worlds", "policies"))
    return section(
        "Statistics, policies and worlds",
        bullets(f"`{name}`: {told['definition']}" for name, told in statistics.items()),
        bullets(f"`{name}`: {told}" for name, told in policies.items()),
        bullets(f"`{name}`: {told['description']}" for name, told in worlds.items()),
    )


def _sources(summary: Told, manifest: Manifest) -> str:
    read = bullets(
        f"`results/{name}`: config {told['config_sha256'][:12]}, finished {told['finished']}"
        for name, told in summary["reads"].items()
    )
    parts = ["Values and policies that other results hold were read there:", read] if read else []
    return join([*parts, made_section(manifest, "undertow hypotheses")])
