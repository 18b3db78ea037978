"""A made-up result: no run stands behind its numbers, only the schema of the runner's files."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from undertow.experiments.metrics import METRICS
from undertow.experiments.statistics import equivalence_p, estimate, interquartile_mean

POLICIES = ("ppo_oracle", "ppo", "ppo_myopic", "greedy", "popular", "chronological", "random")
NULLS = ("no_extremity_pull", "no_persuasion", "no_habit", "yoked", "frozen_preferences")
# policy: minutes in default, minutes in vulnerable, drift in default, drift in vulnerable
SHAPE = {
    "ppo_oracle": (81, 118, 0.035, 0.31),
    "ppo": (79.5, 112, 0.031, 0.26),
    "ppo_myopic": (78.3, 88, 0.012, 0.05),
    "greedy": (79, 92, 0.015, 0.09),
    "popular": (52, 55, 0.004, 0.01),
    "chronological": (44, 45, 0, 0),
    "random": (38, 39, -0.004, -0.006),
}


def made_up(folder: Path, seeds: int = 10, worlds=("vulnerable", "default"), policies=POLICIES):
    """Writes summary.json, manifest.json and episodes.parquet, and returns the summary."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(7)
    values = {}
    for policy in policies:
        for world in worlds:
            values[policy, world] = _cell(policy, world == "vulnerable", seeds, rng)
    nulls = NULLS if "vulnerable" in worlds and "ppo" in policies else ()
    for null in nulls:
        cell = _cell("ppo", True, seeds, rng)
        cell["induced_drift"] = rng.normal(0, 0.004, seeds)
        if null in ("no_persuasion", "frozen_preferences"):
            cell["induced_drift"] = cell["radicalised_share"] = np.zeros(seeds)
            cell["referral_share"] = cell["steering_share"] = np.full(seeds, np.nan)
        if null == "no_habit":
            cell["habit_share"] = np.zeros(seeds)
            cell["induced_drift"] = rng.normal(0.19, 0.01, seeds)
        values["ppo", null] = cell
    summary = {
        "name": "made_up",
        "title": "A made-up result",
        "description": "Numbers without a run.",
        "metrics": {
            k: {"title": m.title, "unit": m.unit, "definition": m.definition}
            for k, m in METRICS.items()
        },
        "worlds": {w: {"preset": w, "null": None, "description": f"the {w} world"} for w in worlds}
        | {
            n: {"preset": "vulnerable", "null": n, "description": f"vulnerable with {n}"}
            for n in nulls
        },
        "policies": {
            p: {
                "kind": "ppo" if p.startswith("ppo") else p,
                "observation": "oracle" if p in ("greedy", "ppo_oracle") else "platform",
                "description": "",
            }
            for p in policies
        },
        "cells": [
            {
                "policy": p,
                "world": w,
                "metrics": {m: _rough(v) for m, v in cell.items()},
                "values": {
                    m: [None if np.isnan(x) else float(x) for x in v] for m, v in cell.items()
                },
            }
            for (p, w), cell in values.items()
        ],
        "hypotheses": _hypotheses(values),
        "splits": _splits(values),
        "catalogue": None,
        "environment": {},
    }
    manifest = {
        "versions": {"undertow": "0.1.0", "numpy": "2.4.6"},
        "seeds": list(range(seeds)),
        "config_sha256": "ab" * 32,
        "git_revision": "0123abc",
        "wall_time_s": 4321.0,
        "started": "2026-01-01T00:00:00Z",
        "finished": "2026-01-01T01:12:01Z",
        "people_per_seed": 2000,
        "training_slots": 3_000_000,
        "cpu": "a made-up processor",
    }
    save(folder, summary)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    _people(policies, worlds, seeds, rng).to_parquet(folder / "episodes.parquet")
    return summary


def save(folder: Path, summary: dict) -> None:
    (folder / "summary.json").write_text(json.dumps(summary))


def cell_of(summary: dict, policy: str, world: str) -> dict:
    return next(c for c in summary["cells"] if (c["policy"], c["world"]) == (policy, world))


def put(summary: dict, policy: str, world: str, metric: str, values: list) -> None:
    """Replaces the values of one metric of one cell, and its estimate."""
    cell = cell_of(summary, policy, world)
    cell["values"][metric] = values
    known = np.array([np.nan if v is None else v for v in values], dtype=float)
    cell["metrics"][metric] = estimate(known).as_dict()


def _rough(values):
    """An estimate with the whole range as its interval: the cells are many, a bootstrap is slow."""
    known = values[np.isfinite(values)]
    if not known.size:
        return estimate(known).as_dict()
    middle = float(interquartile_mean(known))
    return {"mean": middle, "low": known.min(), "high": known.max(), "n": known.size}


def _cell(policy, vulnerable, seeds, rng):
    shape = SHAPE[policy]
    long = policy in ("ppo", "ppo_oracle")
    cell = {name: rng.normal(0.3, 0.01, seeds) for name in METRICS}
    cell["watch_minutes_per_day"] = rng.normal(shape[vulnerable], 0.6 + vulnerable, seeds)
    cell["induced_drift"] = rng.normal(shape[2 + vulnerable], 0.004 + 0.01 * vulnerable, seeds)
    cell["habit_share"] = rng.normal(0.15 + 0.1 * long + 0.1 * vulnerable, 0.01, seeds)
    cell["radicalised_share"] = np.abs(
        rng.normal(0.004 + max(0, shape[2 + vulnerable]), 0.003, seeds)
    )
    cell["steering_share"] = rng.normal(0.5 + 0.2 * long, 0.05, seeds)
    cell["referral_share"] = rng.normal(0.7, 0.03, seeds)
    cell["welfare"] = rng.normal(14 - 3 * long - 4 * vulnerable, 0.3, seeds)
    if policy == "chronological":
        cell["induced_drift"] = cell["steering_share"] = np.zeros(seeds)
    if policy == "random":
        cell["radicalised_share"] = np.zeros(seeds)
        cell["referral_share"] = cell["steering_share"] = np.full(seeds, np.nan)
    return cell


def _hypotheses(values):
    def one(name, metric, first, second, op, test, threshold, margin, group):
        if first not in values or second not in values:
            return
        a, b = values[first][metric], values[second][metric]
        x = a / b if op == "/" else a - b if op == "-" else a
        found = estimate(x)
        p = equivalence_p(x, threshold, margin) if margin else None
        held = (
            p < 0.05
            if margin
            else found.low > threshold
            if test == "greater"
            else found.high < threshold
        )
        contrast = f"{first[0]}@{first[1]}" + (f" {op} {second[0]}@{second[1]}" if op else "")
        made.append({
            "name": name, "statement": f"Statement of {name}.", "metric": metric,
            "contrast": contrast, "test": test, "threshold": threshold, "margin": margin,
            "held": bool(held), "estimate": found.mean, "low": found.low, "high": found.high,
            "n": found.n, "p": p, "group": group,
        })  # fmt: skip

    made: list[dict] = []
    minutes, drift, vulnerable = "watch_minutes_per_day", "induced_drift", "vulnerable"
    for w in ("default", vulnerable):
        one(
            f"oracle_sight_{w}",
            minutes,
            ("ppo_oracle", w),
            ("greedy", w),
            "/",
            "greater",
            0.99 if w == "default" else 1.0,
            None,
            "headline",
        )
        one(
            f"platform_sight_{w}",
            minutes,
            ("ppo", w),
            ("ppo_myopic", w),
            "/",
            "greater",
            1.0,
            None,
            "headline",
        )
    one(
        "popular_wins",
        minutes,
        ("popular", "default"),
        ("greedy", "default"),
        "-",
        "greater",
        0,
        None,
        "other",
    )
    for null in NULLS:
        cell = ("ppo", null)
        one(f"{null}_drift", drift, cell, cell, "", "equivalent", 0.0, 0.01, "null")
    one(
        "no_habit_habit",
        "habit_share",
        ("ppo", "no_habit"),
        ("ppo", "no_habit"),
        "",
        "equivalent",
        0.0,
        0.01,
        "null",
    )
    return made


def _splits(values):
    key = "watch_minutes_per_day"
    if ("ppo", "vulnerable") not in values or ("ppo_myopic", "vulnerable") not in values:
        return []
    total = values["ppo", "vulnerable"][key] - values["ppo_myopic", "vulnerable"][key]
    pacing = total * 0.4 + np.linspace(-1, 1, total.size)
    parts = {"total": total, "pacing": pacing, "tampering": total - pacing}
    return [
        {"name": "platform", "world": "vulnerable", "pair": ["ppo", "ppo_myopic"]}
        | {k: estimate(v).as_dict() for k, v in parts.items()}
    ]


def _people(policies, worlds, seeds, rng):
    frames = []
    for policy in policies:
        for world in worlds:
            for seed in range(seeds):
                n = 100
                susceptibility = rng.lognormal(-2.2, 1.6, n)
                neutral = rng.normal(0, 0.2, n)
                push = (
                    SHAPE[policy][2 + (world == "vulnerable")]
                    * susceptibility
                    / susceptibility.mean()
                )
                frames.append(pd.DataFrame({
                    "world": world, "policy": policy, "seed": seed, "person": np.arange(n),
                    "susceptibility": susceptibility, "stance_origin": neutral,
                    "stance": np.clip(neutral + np.sign(neutral) * push, -1, 1),
                    "stance_neutral": neutral,
                }))  # fmt: skip
    return pd.concat(frames, ignore_index=True)
