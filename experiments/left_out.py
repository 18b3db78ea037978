"""What a report leaves out because it looks for policies by name, and this result has none such."""

from __future__ import annotations

from collections.abc import Sequence

from .finding import LONG_SIGHTED
from .fronts import SWEEPS
from .markdown import bullets, enumeration, section
from .result import LIKE_WITH_LIKE, NEUTRAL, Result

#: Kinds that are trained in sweeps, with a budget or a price each.
_SWEPT = ("ppo_lagrangian", "ppo_shift_penalty")


def left_out(result: Result) -> str:
    """The section that says so; nothing where nothing is left out."""
    return section(
        "Left out of this report",
        bullets(
            told
            for part in (_pairs, _long_sighted, _neutral, _moved, _strip, _sweeps)
            for told in part(result)
        ),
    )


def _pairs(result: Result) -> list[str]:
    told = []
    for long, short, _ in LIKE_WITH_LIKE:
        worlds = [*result.worlds, *result.null_worlds]
        if any(result.has(long, w) and result.has(short, w) for w in worlds):
            continue
        why = _absent(result, (long, short)) or "no world ran both"
        told.append(
            f"**Like with like** and **Ratchet and investment** compare `{long}` with `{short}`, "
            f"and **The finding** says what `{long}` earned; {why}."
        )
    return told


def _long_sighted(result: Result) -> list[str]:
    if any(policy in result.policies for policy in LONG_SIGHTED):
        return []
    text = f"**The finding** says whom {_named(LONG_SIGHTED)} moved"
    if "greedy" not in result.policies:
        text += ", how much of the minutes hangs on habit and how many people were radicalised"
    return [f"{text}; {_absent(result, LONG_SIGHTED)}."]


def _neutral(result: Result) -> list[str]:
    if NEUTRAL in result.policies:
        return []
    return [
        f"**The finding** and **Referral share beside steering share** also tell of `{NEUTRAL}`, "
        f"the neutral feed as a policy; {_absent(result, (NEUTRAL,))}."
    ]


def _moved(result: Result) -> list[str]:
    wanted = ("greedy", *LONG_SIGHTED)
    if not (why := _absent(result, wanted)):
        return []
    return [f"**Who is moved** tells of {_named(wanted)}; {why}."]


def _strip(result: Result) -> list[str]:
    """The strip of the overview is of the first of these policies."""
    if not result.null_worlds:
        return []
    wanted = (*LONG_SIGHTED, "greedy")
    reference = next((p for p in wanted if p in result.policies), None)
    if reference is None:
        why = _absent(result, wanted)
    elif not any(result.has(reference, world) for world in result.null_worlds):
        why = f"`{reference}` was run in none of them"
    else:
        return []
    return [f"The overview shows the drift of {_named(wanted)} in the null worlds; {why}."]


def _sweeps(result: Result) -> list[str]:
    kinds = {p: (result.summary.get("policies") or {}).get(p, {}) for p in result.policies}
    swept = [p for p, block in kinds.items() if block.get("kind") in _SWEPT]
    others = [p for p in swept if not any(p.startswith(start) for start in SWEEPS)]
    if len(others) < 2:
        return []
    starts = enumeration([f"`{start}`" for start in SWEEPS])
    return [
        f"The figure of watch time against each harm joins policies whose names begin with "
        f"{starts}; {_named(others)} do not."
    ]


def _absent(result: Result, wanted: Sequence[str]) -> str:
    """Which of these names the result lacks, in words; empty where it has all."""
    missing = [policy for policy in wanted if policy not in result.policies]
    if not missing:
        return ""
    names = " or ".join(f"`{policy}`" for policy in missing)
    return f"this result has no policy named {names}"


def _named(policies: Sequence[str]) -> str:
    return enumeration([f"`{policy}`" for policy in policies])
