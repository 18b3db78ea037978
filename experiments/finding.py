"""What the numbers say, in sentences: every word that judges is chosen by an interval.

An interval that includes zero is never called a gain or a loss, and a share of nobody is called
undefined.
"""

from __future__ import annotations

from .result import LIKE_WITH_LIKE, NEUTRAL, Result, plain, scaled, side
from .statistics import Estimate

MINUTES, DRIFT = "watch_minutes_per_day", "induced_drift"
LONG_SIGHTED = ("ppo", "ppo_oracle")
#: Below these an effect that is not zero is still called small; the sentence says the mark.
SMALL_GAIN, SMALL_DRIFT = 0.02, 0.05


def finding(result: Result, world: str) -> list[str]:
    """What happened in one world, a sentence an item; nothing where nothing was measured."""
    sentences = [in_short(result, world)]
    sentences += [long_sight(result, a, b, world, seen) for a, b, seen in LIKE_WITH_LIKE[::-1]]
    sentences += [drift(result, world), habit(result, world), radicalised(result, world)]
    return [sentence for sentence in sentences if sentence]


def in_short(result: Result, world: str) -> str:
    """The one sentence that comes first: what long sight earned and whom it moved."""
    parts = []
    gains = [
        relative(result.contrast(a, b, world, MINUTES, ratio=True))
        for a, b, _ in LIKE_WITH_LIKE
        if result.has(a, world) and result.has(b, world)
    ]
    if gains:
        parts.append(f"long sight {_gained(gains)}")
    moved = {p: result.estimate(p, world, DRIFT) for p in LONG_SIGHTED if result.has(p, world)}
    if moved:
        parts.append(_moved(moved))
    text = ", and ".join(parts)
    return text[:1].upper() + text[1:] + "." if text else ""


def _gained(gains: list[Estimate]) -> str:
    up = [g.mean for g in gains if g.mean is not None and side(g) > 0]
    down = sum(side(g) < 0 for g in gains)
    if not up:
        text = "earned no clear gain in minutes"
    else:
        small = max(up) < SMALL_GAIN
        text = (
            f"earned {f'a small gain (under {SMALL_GAIN:.0%})' if small else 'a gain'} in minutes"
        )
        text += f" in {len(up)} of {len(gains)} comparisons"
    return text + (f" and lost minutes in {down} of {len(gains)}" if down else "")


def _moved(moved: dict[str, Estimate]) -> str:
    out = {p: e.mean for p, e in moved.items() if e.mean is not None and side(e) > 0}
    if not out:
        return "long-sighted policies did not clearly move stances outward"
    by = f" by little (under {SMALL_DRIFT})" if max(out.values()) < SMALL_DRIFT else ""
    return f"{' and '.join(f'`{p}`' for p in out)} moved stances outward on average{by}"


def long_sight(result: Result, long: str, short: str, world: str, seen: str) -> str:
    """What planning ahead earns in minutes, against the same view without a horizon."""
    if not (result.has(long, world) and result.has(short, world)):
        return ""
    a, b = (result.number(result.estimate(p, world, MINUTES).mean, MINUTES) for p in (long, short))
    gain = relative(result.contrast(long, short, world, MINUTES, ratio=True))
    return (
        f"`{long}` earned {a} watch minutes a day against {b} for `{short}` ({seen}): "
        f"{judged(gain, '%')}."
    )


def drift(result: Result, world: str) -> str:
    """Where the policies leave people's stances, beside the neutral feed."""
    told = []
    for policy in (*LONG_SIGHTED, "greedy"):
        found = result.estimate(policy, world, DRIFT)
        if found.mean is None:
            continue
        told.append(f"under `{policy}`, {_way(result, found)}")
    if not told:
        return ""
    return (
        f"Mean |stance| (0 the middle, 1 the extreme) against the neutral feed: {'; '.join(told)}."
    )


def _way(result: Result, found: Estimate) -> str:
    if found.mean is None or found.low == found.high == 0:
        return "exactly the same"
    if side(found) == 0:
        written = result.with_interval(found, DRIFT, signed=True)
        return f"no clear difference, {written}{including_zero(found)}"
    size = result.number(abs(found.mean), DRIFT)
    low, high = (result.number(v, DRIFT) for v in (found.low, found.high))
    return f"{size} further {'out' if side(found) > 0 else 'in'} ({low} to {high})"


def habit(result: Result, world: str) -> str:
    """How much of the minutes hangs on habit, under the long-sighted and the neutral policy."""
    metric = "habit_share"
    policy = _first(result, world)
    if policy is None or result.estimate(policy, world, metric).mean is None:
        return ""
    text = f"Habit carried {result.with_interval(result.estimate(policy, world, metric), metric)} "
    text += f"of the minutes under `{policy}`"
    neutral = result.estimate(NEUTRAL, world, metric)
    if neutral.mean is None:
        return text + "."
    difference = judged(result.contrast(policy, NEUTRAL, world, metric), " points")
    return f"{text} and {result.with_interval(neutral, metric)} under `{NEUTRAL}`: {difference}."


def radicalised(result: Result, world: str) -> str:
    """How many end past the threshold, and what the two shares of them say."""
    metric = "radicalised_share"
    policy = _first(result, world)
    found = result.estimate(policy or "", world, metric)
    if policy is None or found.mean is None:
        return ""
    if found.mean == 0 and found.high == 0:
        return (
            f"Nobody under `{policy}` ended past the threshold of extremity whose twin without a "
            "feed did not, so their referral and steering shares are undefined."
        )
    text = (
        f"Under `{policy}`, {result.with_interval(found, metric)} of people ended past the "
        "threshold of extremity though their twin without a feed did not"
    )
    both = ("referral_share", "steering_share")
    if any(result.estimate(policy, world, m).mean is None for m in both):
        return text + "."
    referral, steering = (result.number(result.estimate(policy, world, m).mean, m) for m in both)
    return (
        f"{text}; the feed had placed the item on which {referral} of them crossed, and {steering} "
        "of them would not have been past it under the neutral feed."
    )


def split_sentence(result: Result, split: dict[str, Estimate], long: str, short: str) -> str:
    """How a gain in minutes divides into innocent pacing and what moving people earns."""
    total, pacing, rest = (split[key] for key in ("total", "pacing", "tampering"))
    if total.mean is None or pacing.mean is None or rest.mean is None:
        return f"The gain of `{long}` over `{short}` could not be split: a part of it is undefined."
    written = [result.with_interval(part, MINUTES, signed=True) for part in (total, pacing, rest)]
    text = (
        f"`{long}` against `{short}`: {written[0]} minutes a day; with preferences frozen "
        f"(innocent pacing) {written[1]}; the rest {written[2]}. "
    )
    if side(rest) < 0:
        return text + "Long sight gains less where preferences can move."
    if side(rest) == 0:
        return (
            f"{text}Whether moving people's preferences earns anything cannot be told"
            f"{including_zero(rest)}."
        )
    text += "Moving people's preferences earns minutes"
    if side(total) > 0:
        text += f", {plain(rest.mean / total.mean, 0, scale=100)}% of the gain"
    return text + "."


def judged(found: Estimate, unit: str) -> str:
    """A difference in words: more or less where its interval excludes zero, else neither."""
    if found.mean is None:
        return "the difference is undefined"
    size = scaled(found, unit)
    if side(found) == 0:
        return f"no clear difference, {size}{including_zero(found)}"
    return f"clearly {'more' if side(found) > 0 else 'less'}, {size}"


def including_zero(found: Estimate) -> str:
    """The reminder that belongs to an interval that includes zero."""
    known = found.low is not None and found.high is not None
    return "; the interval includes zero" if known else "; without an interval"


def relative(ratio: Estimate) -> Estimate:
    """A quotient as a gain: 1.05 becomes 0.05."""
    mean, low, high = (None if v is None else v - 1 for v in (ratio.mean, ratio.low, ratio.high))
    return Estimate(mean, low, high, ratio.n)


def _first(result: Result, world: str) -> str | None:
    return next((p for p in (*LONG_SIGHTED, "greedy") if result.has(p, world)), None)
