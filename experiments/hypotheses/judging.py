"""Claims by one-sided t tests, corrected by Holm over all of them; nulls by equivalence tests.

The seed is the unit. With five seeds the smallest p of an exact sign-flip test is 1/32, which no
correction over many claims leaves below 5 %; the t test takes values of seeds, each of them a
contrast of many twins, to be normal. Nulls are not corrected: a hypothesis needs all of its own to
pass (intersection-union, Berger 1982), which is conservative as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import stats

from ..statistics import equivalence_p
from .config import Beside, Claim, Hypothesis, Null
from .quantity import Quantity, Real

_LEVEL = 0.05
_RESAMPLES = 10_000
_SEED = 20_240_501


def one_sided_p(values: Real, threshold: float, test: str) -> float:
    """The p of a t test that the mean is `greater` or `less` than the threshold; 1 below 2 seeds.

    values: one a seed; undefined ones (NaN) are left out.
    """
    defined = values[np.isfinite(values)]
    if defined.size < 2:
        return 1.0
    if np.ptp(defined) == 0:
        beyond = defined[0] > threshold if test == "greater" else defined[0] < threshold
        return 0.0 if beyond else 1.0
    return float(stats.ttest_1samp(defined, threshold, alternative=test).pvalue)


def holm(ps: Sequence[float]) -> list[float]:
    """Adjusted p values (Holm 1979): below the level where the hypothesis is rejected there."""
    order = np.argsort(ps, kind="stable")
    adjusted, largest = np.empty(len(ps)), 0.0
    for rank, at in enumerate(order):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[at]))
        adjusted[at] = largest
    return [float(p) for p in adjusted]


def mean_and_interval(values: Real) -> dict[str, Any]:
    """Plain mean over seeds, the one that is tested, with its 95 % BCa bootstrap interval."""
    defined = values[np.isfinite(values)]
    told = {
        "n": int(defined.size),
        "values": [float(v) if np.isfinite(v) else None for v in values],
    }
    if defined.size == 0:
        return {"mean": None, "low": None, "high": None, **told}
    mean = float(defined.mean())
    if defined.size == 1 or np.ptp(defined) == 0:
        return {"mean": mean, "low": mean, "high": mean, **told}
    interval = stats.bootstrap(
        (defined,),
        np.mean,
        n_resamples=_RESAMPLES,
        method="BCa",
        rng=np.random.Generator(np.random.Philox(_SEED)),
    ).confidence_interval
    return {"mean": mean, "low": float(interval.low), "high": float(interval.high), **told}


def null_p(null: Null, values: Real) -> float:
    """The p of a null: of the equivalence test, or 0 and 1 where it must be exact."""
    defined = values[np.isfinite(values)]
    if defined.size < 2:
        return 1.0
    if null.test == "exactly":
        return 0.0 if bool(np.all(defined == null.threshold)) else 1.0
    assert null.margin is not None
    return equivalence_p(defined, null.threshold, null.margin)


def judge(
    hypotheses: Sequence[Hypothesis], value_of: Callable[[Quantity], Real]
) -> list[dict[str, Any]]:
    """Every hypothesis with its claims, nulls and verdict; value_of: a quantity, one a seed."""

    def told(asked: Beside) -> dict[str, Any]:
        return asked.model_dump(mode="json") | mean_and_interval(value_of(asked.parsed))

    def claimed(claim: Claim) -> dict[str, Any]:
        return {"p": one_sided_p(value_of(claim.parsed), claim.threshold, claim.test)}

    def tested(null: Null) -> dict[str, Any]:
        p = null_p(null, value_of(null.parsed))
        return {"p": p, "passed": p < _LEVEL}

    found: list[dict[str, Any]] = [
        {
            "name": hypothesis.name,
            "title": hypothesis.title,
            "asked": hypothesis.asked,
            "reading": hypothesis.reading,
            "claims": [told(claim) | claimed(claim) for claim in hypothesis.claims],
            "nulls": [told(null) | tested(null) for null in hypothesis.nulls],
            "beside": [told(beside) for beside in hypothesis.beside],
        }
        for hypothesis in hypotheses
    ]
    claims = [claim for hypothesis in found for claim in hypothesis["claims"]]
    for claim, p in zip(claims, holm([claim["p"] for claim in claims]), strict=True):
        claim["p_holm"], claim["held"] = p, p < _LEVEL
    for hypothesis in found:
        hypothesis["claims_held"] = all(claim["held"] for claim in hypothesis["claims"])
        hypothesis["nulls_passed"] = all(null["passed"] for null in hypothesis["nulls"])
        hypothesis["supported"] = hypothesis["claims_held"] and hypothesis["nulls_passed"]
    return found
