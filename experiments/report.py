"""`report.md`: a finished result, written for a person.

The default world comes first and is never left out; a hypothesis that failed is printed as plainly
as one that held. The same inputs give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from . import colophon, figures, verdicts
from .finding import finding, relative, split_sentence
from .left_out import left_out
from .markdown import bullets, enumeration, image, join, section, table
from .provenance import write_whole
from .result import (
    DASH,
    LIKE_WITH_LIKE,
    NEUTRAL,
    WORLD_ORDER,
    Result,
    plain,
    read_estimate,
    scaled,
    side,
)
from .statistics import Estimate
from .susceptibility import Deciles, read_deciles

MINUTES = "watch_minutes_per_day"
TIME = (MINUTES, "unendorsed_share", "self_control_wedge", "habit_share")
BELIEFS = ("induced_drift", "radicalised_share", "diversity", "welfare")
PRINCIPAL = (*TIME, *BELIEFS, "referral_share", "steering_share", "targeting")


def write_report(folder: Path) -> None:
    """Draws the figures of a finished result and writes its `report.md`.

    Args:
        folder: A result folder with `summary.json` and `manifest.json`, and with
            `episodes.parquet` where figures over people are wanted.
    """
    result = Result.read(folder)
    people = read_deciles(result, folder / "episodes.parquet")
    drawn = figures.draw(result, people, folder / "figures")
    text = join(
        [
            _head(result),
            _findings(result, drawn),
            _policies(result, drawn),
            _seeds(drawn),
            _like_with_like(result),
            _split(result),
            verdicts.null_worlds(result, drawn),
            _ratchet(result),
            _referral(result),
            _moved(result, people, drawn),
            verdicts.hypotheses(result),
            _others(result),
            left_out(result),
            colophon.definitions(result),
            colophon.catalogue(result),
            colophon.made(result),
            colophon.limits(),
        ]
    )
    write_whole(folder / "report.md", (text + "\n").encode())


def _head(result: Result) -> str:
    summary, seeds = result.summary, len(result.seeds)
    worlds, nulls = _code(result.worlds) or "no true world", _code(result.null_worlds)
    run = f"Run: {_code(result.policies)} in {worlds}"
    run += f", and null worlds {nulls}" if nulls else ", without null worlds"
    run += f"; {seeds} training seed{'s' * (seeds != 1)}"
    if people := result.manifest.get("people_per_seed"):
        run += f", {people:,} people a seed"
    run += (
        ". Every figure is the interquartile mean over seeds with its 95% bootstrap interval in "
        f"brackets; a dash ({DASH}) stands where a figure is undefined."
    )
    if seeds < 10:
        run += (
            " These are fewer than the 10 seeds that a headline figure needs: read it as a trial."
        )
    title = summary.get("title") or summary["name"]
    return join([f"# {title}", (summary.get("description") or "").strip(), run])


def _findings(result: Result, drawn: Sequence[str]) -> str:
    parts = []
    if all(result.preset_of(w) != WORLD_ORDER[0] for w in result.worlds):
        parts.append("**The default world was not run: quote nothing below without it beside it.**")
    for world in result.worlds:
        sentences = finding(result, world) or ["Too few policies were run here for a finding."]
        parts.append(f"**In the `{world}` world.** {' '.join(sentences)}")
    if result.hypotheses:
        failed = [h["name"] for h in result.hypotheses if not h["held"]]
        total = len(result.hypotheses)
        text = f"Of {total} hypotheses, {verdicts.stated(result)}, {total - len(failed)} held and "
        parts.append(f"{text}{len(failed)} failed{': ' + _code(failed) if failed else ''}.")
    overview = image(drawn, "overview", "Watch time against induced drift, a point a policy")
    swept = image(drawn, "fronts", "Watch time against each harm, budgets and penalties swept")
    return section("The finding", *parts, overview, swept)


def _policies(result: Result, drawn: Sequence[str]) -> str:
    return section(
        "Policies, world beside world",
        _cells(result, TIME),
        _cells(result, BELIEFS),
        image(drawn, "minutes", "Watch minutes a day of every policy, a small dot a seed"),
        image(drawn, "harms", "What the minutes are made of and what they do"),
    )


def _seeds(drawn: Sequence[str]) -> str:
    shown = [
        image(drawn, "profiles", "Share of seeds above a value, a line a policy"),
        image(
            drawn, "improvement", "Chance that a seed of one policy is watched more than another"
        ),
    ]
    return section("Across training seeds", _SEEDS, *shown) if any(shown) else ""


_SEEDS = """\
What interquartile means leave out (after Agarwal et al. 2021). A profile tells, for every value,
the share of seeds above it; the band is its pointwise 95% bootstrap interval, the mark is at the
median. The chance of improvement is taken over all pairs of seeds, and ties count half; it says how
surely, and not by how much."""


def _like_with_like(result: Result) -> str:
    metrics = ("habit_share", "induced_drift", "radicalised_share", "welfare")
    rows = []
    for long, short, _ in LIKE_WITH_LIKE:
        for world in _with(result, (long, short), result.worlds):
            gain = relative(result.contrast(long, short, world, MINUTES, ratio=True))
            verdict = {1: "more minutes", -1: "fewer minutes", 0: "no clear difference"}[side(gain)]
            others = [result.difference(result.contrast(long, short, world, m), m) for m in metrics]
            rows.append(
                [f"`{long}` − `{short}`", f"`{world}`", scaled(gain, "%"), verdict, *others]
            )
    views = "; ".join(f"`{a}` and `{b}`: {seen}" for a, b, seen in LIKE_WITH_LIKE)
    head = ["pair", "world", "minutes", "long sight earned", *(result.title(m) for m in metrics)]
    text = f"The two of a pair see the same and differ in their horizon ({views}). "
    text += "Differences are taken seed by seed, over twins; those of shares in percentage points."
    return section("Like with like", text, table(head, rows)) if rows else ""


def _split(result: Result) -> str:
    rows, sentences = [], []
    for split in result.splits:
        parts = {key: read_estimate(split.get(key)) for key in ("total", "pacing", "tampering")}
        long, short = split["pair"]
        written = [result.with_interval(part, MINUTES, signed=True) for part in parts.values()]
        rows.append([f"`{long}` − `{short}`", f"`{split['world']}`", *written])
        sentences.append(f"`{split['world']}`, {split_sentence(result, parts, long, short)}")
    if not rows:
        return ""
    return section(
        "Where the minutes of long sight come from",
        "A gain in minutes a day is split in two: what remains where preferences are frozen, which "
        "is innocent pacing (boredom, habit, timing), and the rest. Plain means over seeds here, "
        "so that the parts sum to the total.",
        table(["gain", "world", "total", "innocent pacing", "the rest"], rows),
        bullets(sentences),
    )


def _ratchet(result: Result) -> str:
    metric = "induced_drift"
    rows, told = [], []
    for world in [*result.worlds, *result.null_worlds]:
        for long, short, _ in LIKE_WITH_LIKE:
            if not _with(result, (long, short), [world]):
                continue
            one, far = (result.estimate(p, world, metric) for p in (short, long))
            extra = result.contrast(long, short, world, metric)
            written = [result.with_interval(e, metric, signed=True) for e in (one, far, extra)]
            rows.append([f"`{world}`", f"`{short}`", written[0], f"`{long}`", *written[1:]])
            told.append(f"`{world}`, `{long}` beyond `{short}`: {_investment(one, far, extra)}.")
    head = ["world", "one step", "its drift: the ratchet", "long sight", "its drift", "difference"]
    return (
        section("Ratchet and investment", _RATCHET, table(head, rows), bullets(told))
        if rows
        else ""
    )


_RATCHET = """\
A policy that looks one step ahead can move people too, where what holds them now also moves them: a
ratchet. Only what long sight adds to it can be an investment in later minutes."""


def _investment(one: Estimate, far: Estimate, extra: Estimate) -> str:
    if side(extra) == 0:
        return "no clear difference, the interval includes zero: no investment is shown"
    if side(extra) < 0:
        return "long sight left people less far out than one step does: no investment is shown"
    text = "long sight moved people further out than one step does"
    if side(one) > 0 and one.mean and far.mean:
        text += f"; the ratchet is {plain(one.mean / far.mean, 0, scale=100)}% of its drift"
    return text


def _referral(result: Result) -> str:
    metric = "referral_share"
    if not (result.measured(metric) and result.measured("steering_share")):
        return ""
    neutral = {w: result.estimate(NEUTRAL, w, metric).mean for w in result.worlds}
    shares = [f"{result.number(v, metric)} in `{w}`" for w, v in neutral.items() if v is not None]
    text = _REFERRAL
    if shares:
        text += f" The neutral feed, which steers nobody by definition, has {enumeration(shares)}."
    return section(
        "Referral share beside steering share",
        f"{text} The 64% of the film is a referral share: it does not say what the feed caused.",
        _cells(result, ("radicalised_share", metric, "steering_share")),
    )


_REFERRAL = """\
Both are shares of the radicalised. The referral share asks who had placed the item on which a
person crossed the threshold; the steering share asks whether that person would have stayed short of
it under the neutral feed. They differ because a feed that places most of what is watched also
places most of what people cross on, whether or not they would have crossed without it."""


def _moved(result: Result, people: dict[tuple[str, str], Deciles], drawn: Sequence[str]) -> str:
    if not result.measured("targeting") and not people:
        return ""
    told = []
    for world in result.worlds:
        for policy in ("greedy", "ppo", "ppo_oracle"):
            found = result.estimate(policy, world, "targeting")
            if found.mean is None:
                continue
            way = {
                1: "led the most susceptible tenth with more extreme items than the rest",
                -1: "led the most susceptible tenth with less extreme items than the rest",
                0: "did not clearly lead the most susceptible tenth with other items than the rest",
            }[side(found)]
            written = result.with_interval(found, "targeting", signed=True)
            told.append(f"`{world}`: `{policy}` {way}, {written}.")
    rows = [
        [
            f"`{w}`",
            f"`{p}`",
            *(result.with_interval(e, "induced_drift") for e in (d.top(), d.rest())),
        ]
        for (w, p), d in people.items()
    ]
    return section(
        "Who is moved",
        bullets(told),
        _cells(result, ("targeting",)),
        table(["world", "policy", "drift of the most susceptible tenth", "of the rest"], rows),
        image(drawn, "susceptible", "Induced drift by decile of susceptibility"),
    )


def _others(result: Result) -> str:
    rest = [m for m in result.metrics if m not in PRINCIPAL and result.measured(m)]
    blocks = [_cells(result, rest[i : i + 4]) for i in range(0, len(rest), 4)]
    return section("Everything else that was measured", *blocks)


def _cells(result: Result, metrics: Sequence[str]) -> str:
    """Policies as rows; of every metric, the worlds side by side."""
    columns = [(m, w) for m in metrics if result.measured(m) for w in result.worlds]
    rows = [
        [
            f"`{p}`",
            *(result.with_interval(result.estimate(p, w, m), m, gap="<br>") for m, w in columns),
        ]
        for p in result.policies
        if any(result.has(p, w) for w in result.worlds)
    ]
    head = [f"{result.title(m)}<br>`{w}`" for m, w in columns]
    return table(["policy", *head], rows) if columns else ""


def _with(result: Result, policies: Sequence[str], worlds: Sequence[str]) -> list[str]:
    return [w for w in worlds if all(result.has(p, w) for p in policies)]


def _code(names: Sequence[str]) -> str:
    return enumeration([f"`{name}`" for name in names])
