"""The summary of a study: what was found where, with intervals, and every hypothesis."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..statistics import Real, equivalence_p, estimate
from .config import TinyHypothesis, TinyStudy
from .exact import crossing

_RESAMPLES, _SEED = 2000, 20_240_502
_LEARNED = ("value_share", "drift", "investment", "drift_error", "minutes_per_day", "habit")

Parts = dict[tuple[Any, ...], Any]


def summarise(study: TinyStudy, parts: Parts) -> dict[str, Any]:
    """Everything that the report tells, for JSON."""
    cells = [cell for key, p in parts.items() if key[0] in ("map", "world") for cell in p["cells"]]
    return {
        "name": study.name,
        "title": study.title,
        "margin": study.margin,
        "gammas": study.gammas,
        "largest_residual": max(cell["residual"] for cell in cells),
        "critical_pull_of_the_ratchet": parts["ratchet",],
        "map": [{"pull": pull} | parts["map", pull] for pull in study.pulls],
        "worlds": {name: parts["world", name] for name in study.worlds},
        "people": [
            _people(study, preset, pull, parts)
            for preset in study.people.presets
            for pull in study.people.pulls
        ],
        "learned": [
            _learned(study, world, gamma, parts)
            for world in study.learning.worlds
            for gamma in study.learning.gammas
        ],
        "frontier": parts["frontier",],
        "near": [
            {"world": world, "gamma": gamma, "ranges": parts["near", world, gamma]}
            for world in study.learning.worlds
            for gamma in study.learning.gammas[1:]
        ],
        "hypotheses": [_judged(study, h, parts) for h in study.hypotheses],
    }


def _people(study: TinyStudy, preset: str, pull: float, parts: Parts) -> dict[str, Any]:
    """Means over people drawn, and the critical gamma of the mean, resampling people."""
    drift = np.array([parts["person", preset, pull, k]["drift"] for k in range(study.people.count)])
    invested = drift - drift[:, :1]
    lots = np.random.Generator(np.random.Philox(_SEED))
    rows = lots.integers(len(drift), size=(_RESAMPLES, len(drift)))
    found = np.array(
        [crossing(study.gammas, invested[row].mean(axis=0), study.margin) for row in rows]
    )
    reached = found[np.isfinite(found)]
    critical = crossing(study.gammas, invested.mean(axis=0), study.margin)
    certain = reached.size >= 0.975 * found.size
    return {
        "preset": preset,
        "pull": pull,
        "n": len(drift),
        "ratchet": estimate(drift[:, 0], np.mean).as_dict(),
        "investment": [estimate(column, np.mean).as_dict() for column in invested.T],
        "share_invested_in": float(np.mean(np.max(invested, axis=1) > study.margin)),
        "share_spared": float(np.mean(np.min(invested, axis=1) < -study.margin)),
        "critical_gamma": {
            "mean": critical if np.isfinite(critical) else None,
            "low": float(np.quantile(reached, 0.025)) if certain else None,
            "high": float(np.quantile(reached, 0.975)) if certain else None,
            "reached": float(reached.size / found.size),
        },
    }


def learned_values(study: TinyStudy, world: str, gamma: float, quantity: str, parts: Parts) -> Real:
    """One value a seed."""

    def of(at: float, name: str) -> Real:
        seeds = range(study.learning.seeds)
        return np.array([parts["learned", world, at, seed][name] for seed in seeds])

    if quantity == "investment":
        return of(gamma, "drift") - of(0.0, "drift")
    return of(gamma, quantity)


def _learned(study: TinyStudy, world: str, gamma: float, parts: Parts) -> dict[str, Any]:
    values = {q: learned_values(study, world, gamma, q, parts) for q in _LEARNED}
    return {
        "world": world,
        "gamma": gamma,
        "values": {q: list(map(float, v)) for q, v in values.items()},
    } | {q: estimate(v).as_dict() for q, v in values.items()}


def _judged(study: TinyStudy, h: TinyHypothesis, parts: Parts) -> dict[str, Any]:
    stated = h.model_dump(mode="json")
    if h.of == "optimum":
        cells = {c["gamma"]: c["drift"] for c in parts["world", h.world]["cells"]}
        value = cells[h.gamma] - (cells[0.0] if h.quantity == "investment" else 0.0)
        found: dict[str, Any] = {"mean": value, "low": value, "high": value, "n": 1}
        p = None
        held = {
            "greater": value > h.threshold,
            "less": value < h.threshold,
            "equivalent": abs(value - h.threshold) < (h.margin or 0.0),
        }[h.test]
    else:
        values = learned_values(study, h.world, h.gamma, h.quantity, parts)
        found, p = estimate(values).as_dict(), None
        low, high = found["low"], found["high"]
        if h.test == "equivalent":
            p = equivalence_p(values, h.threshold, h.margin or 0.0)
            held = p < 0.05
        elif h.test == "greater":
            held = low is not None and low > h.threshold
        else:
            held = high is not None and high < h.threshold
    return stated | {"found": found, "p": p, "held": bool(held)}
