"""From one value a seed to `summary.json`: cells, hypotheses held or not, and splits of gains."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .config import Experiment, Hypothesis, Split
from .metrics import METRICS
from .statistics import equivalence_p, estimate

Real = NDArray[np.float64]
_LEVEL = 0.05


class Values:
    """Values of metrics by policy, world and seed."""

    def __init__(self, parts: list[dict[str, Any]], seeds: int) -> None:
        self._parts = {(p["policy"], p["world"], p["seed"]): p["metrics"] for p in parts}
        self._seeds = seeds

    def of(self, metric: str, policy: str, world: str) -> Real:
        """One value a seed; NaN where undefined."""
        found = (self._parts[policy, world, seed][metric] for seed in range(self._seeds))
        return np.array([np.nan if value is None else value for value in found])

    def contrast(self, hypothesis: Hypothesis) -> Real:
        """The contrast of a hypothesis, one value a seed."""
        terms = hypothesis.terms()
        values = [self.of(hypothesis.metric, term.policy, term.world) for term in terms]
        if terms[-1].sign == "/":
            with np.errstate(divide="ignore", invalid="ignore"):  # 0 / 0 is undefined
                return values[0] / values[1]
        signs = [-1.0 if term.sign == "-" else 1.0 for term in terms]
        return np.sum([s * v for s, v in zip(signs, values, strict=True)], axis=0)


def judge(hypothesis: Hypothesis, values: Real) -> dict[str, Any]:
    """A hypothesis with its estimate and whether it held."""
    found = estimate(values)
    p = None
    if found.n < 2 or found.low is None or found.high is None:
        held = False
    elif hypothesis.test == "equivalent":
        assert hypothesis.margin is not None
        defined = values[np.isfinite(values)]
        p = equivalence_p(defined, hypothesis.threshold, hypothesis.margin)
        held = p < _LEVEL
    elif hypothesis.test == "greater":
        held = found.low > hypothesis.threshold
    else:
        held = found.high < hypothesis.threshold
    return {
        **hypothesis.model_dump(),
        "held": bool(held),
        "estimate": found.mean,
        "low": found.low,
        "high": found.high,
        "n": found.n,
        "p": p,
    }


def split_gain(split: Split, values: Values) -> dict[str, Any]:
    """The gain in watch time of one policy over another, and what of it remains when frozen.

    Plain means: of interquartile means the parts would not sum to the whole.
    """

    def gain(world: str) -> Real:
        metric = "watch_minutes_per_day"
        return values.of(metric, split.long, world) - values.of(metric, split.short, world)

    total, pacing = gain(split.world), gain(split.frozen)
    return {
        "name": split.name,
        "world": split.world,
        "frozen": split.frozen,
        "pair": [split.long, split.short],
        "total": estimate(total, np.mean).as_dict(),
        "pacing": estimate(pacing, np.mean).as_dict(),
        "tampering": estimate(total - pacing, np.mean).as_dict(),
    }


def summarise(experiment: Experiment, parts: list[dict[str, Any]]) -> dict[str, Any]:
    """The whole `summary.json` but for the catalogue."""
    values = Values(parts, experiment.seeds)
    cells = []
    for world, policies in experiment.cells.items():
        for policy in policies:
            found = {name: values.of(name, policy, world) for name in METRICS}
            cells.append(
                {
                    "policy": policy,
                    "world": world,
                    "metrics": {name: estimate(v).as_dict() for name, v in found.items()},
                    "values": {
                        name: [None if np.isnan(x) else float(x) for x in v]
                        for name, v in found.items()
                    },
                }
            )
    return {
        "name": experiment.name,
        "title": experiment.title,
        "description": experiment.description,
        "metrics": {
            name: {"title": m.title, "unit": m.unit, "definition": m.definition}
            for name, m in METRICS.items()
        },
        "worlds": {
            name: {"preset": w.preset, "null": w.null, "description": w.description}
            for name, w in experiment.worlds.items()
        },
        "policies": {
            name: {"kind": p.kind, "observation": p.observation, "description": p.description}
            for name, p in experiment.policies.items()
        },
        "cells": cells,
        "hypotheses": [judge(h, values.contrast(h)) for h in experiment.hypotheses],
        "splits": [split_gain(s, values) for s in experiment.splits],
    }
