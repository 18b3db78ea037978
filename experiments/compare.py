"""`undertow compare`: policies side by side on the same people, differences with intervals.

A side is a rule's kind, a saved policy, a function of the user's own, or all seeds of a cell of a
result. With one policy a side, the unit is a person: what is compared are these policies. With
several seeds on some side, the unit is a seed: what is compared is how such policies are trained.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ..agents import Chronological, Policy, build_policy, load_policy
from ..envs.world import PRESETS, Items, WorldParameters, synthetic, world
from .drawing import arms, new_figure, save_figure, style
from .evaluate import RULES, leads_with_an_item
from .job import derived_seed, set_torch
from .provenance import json_text
from .result_folder import ResultError
from .rollout import Lives, live
from .statistics import Estimate, estimate

Real = NDArray[np.float64]

#: Title and unit of what is compared; higher is not always better.
COMPARED: dict[str, tuple[str, str]] = {
    "minutes_per_day": ("Watch time", "min/day"),
    "unendorsed_per_day": ("Unendorsed minutes", "min/day"),
    "welfare_per_day": ("Welfare", "min/day"),
    "induced_drift": ("Induced drift", "|stance|"),
    "habit": ("Habit at the end", "stock 0-1"),
}


@dataclass(frozen=True)
class Side:
    """A name and its policies, one a seed; one alone for what has no seeds."""

    name: str
    policies: tuple[Policy, ...]


def side_of(text: str, parameters: WorldParameters, items: Items) -> Side:
    """Reads a side; raises `ResultError` for what is not there.

    `greedy` (a rule), `my.zip` (a saved policy), `results/headline:default/ppo` (all seeds of a
    cell), `module:function` (called with parameters and items, gives a policy).
    """
    if text in RULES:
        return Side(text, (build_policy(text, parameters, items, seed=0),))
    if Path(text).is_file():
        return Side(Path(text).stem, (leads_with_an_item(load_policy(text), text),))
    before, colon, after = text.partition(":")
    if colon and "/" in after:
        cell = "--".join(after.split("/", 1))
        files = sorted((Path(before) / "policies").glob(f"{cell}--*"), key=_seed_of)
        if files:
            policies = (leads_with_an_item(load_policy(file), text) for file in files)
            return Side(after, tuple(policies))
    elif colon:
        return Side(after, (_own(before, after, parameters, items),))
    raise ResultError(
        f"policy: found {text!r}; allowed: {', '.join(RULES)}, a saved policy's file, "
        "RESULT:world/policy, or module:function"
    )


def _seed_of(file: Path) -> int:
    return int(file.stem.rsplit("--", 1)[1])


def _own(module: str, function: str, parameters: WorldParameters, items: Items) -> Policy:
    try:
        make = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ResultError(f"policy: {module}:{function} cannot be had ({error})") from None
    made: Policy = make(parameters, items)
    return made


def compare(
    texts: Sequence[str], *, preset: str = "default", people: int = 1000, seed: int = 0
) -> dict[str, Any]:
    """Every side on the same people: values, differences from the first side, improvement.

    people: a seed. seed: whose people the first policy of each side meets; the next meets those of
    the next seed. Raises `ResultError` for sides that cannot be had or set side by side.
    """
    if preset not in PRESETS:
        raise ResultError(f"world: found {preset!r}; allowed: {', '.join(PRESETS)}")
    if len(texts) < 2:
        raise ResultError(f"policies: found {len(texts)}; allowed: two or more")
    set_torch()
    parameters = world(preset)
    items = synthetic(parameters)
    sides = [side_of(text, parameters, items) for text in texts]
    counts = {len(side.policies) for side in sides} - {1}
    if len(counts) > 1:
        raise ResultError(f"seeds: found {sorted(counts)}; allowed: as many on every side, or one")
    seeds = counts.pop() if counts else 1
    values = _measured(sides, parameters, items, people=people, seeds=range(seed, seed + seeds))
    unit = "seed" if seeds > 1 else "person"
    first = values[0]
    return {
        "world": preset,
        "people": people,
        "seeds": seeds,
        "unit": unit,
        "sides": [
            {
                "name": side.name,
                "metrics": {m: estimate(found[m], np.mean).as_dict() for m in COMPARED},
                "difference": {
                    m: estimate(found[m] - first[m], np.mean).as_dict() for m in COMPARED
                },
                "improvement": {m: improvement(found[m], first[m], unit) for m in COMPARED},
            }
            for side, found in zip(sides, values, strict=True)
        ],
    }


def _measured(
    sides: Sequence[Side],
    parameters: WorldParameters,
    items: Items,
    *,
    people: int,
    seeds: range,
) -> list[dict[str, Real]]:
    """Of each side, every metric: one value a person, or their means, one a seed."""
    found: list[dict[str, list[Real]]] = [{m: [] for m in COMPARED} for _ in sides]
    days = parameters.calendar.days
    for k, seed in enumerate(seeds):
        key = derived_seed(seed, "evaluation")

        def lives(policy: Policy, key: int = key) -> Lives:
            return live(parameters, items, policy, seed=key, people=people)

        neutral = lives(Chronological(items.supply))
        for side, values in zip(sides, found, strict=True):
            one = lives(side.policies[k if len(side.policies) > 1 else 0])
            values["minutes_per_day"].append(one.minutes / days)
            values["unendorsed_per_day"].append((one.minutes - one.endorsed) / days)
            values["welfare_per_day"].append(one.worth / days)
            values["induced_drift"].append(np.abs(one.stance) - np.abs(neutral.stance))
            values["habit"].append(one.habit)
    if len(seeds) == 1:
        return [{m: v[0] for m, v in values.items()} for values in found]
    return [{m: np.array([x.mean() for x in v]) for m, v in values.items()} for values in found]


def improvement(values: Real, first: Real, unit: str) -> float:
    """Chance that a value is larger than one of the first side's; ties count half.

    Of people, person by person, since they are twins; of seeds, over all pairs (Agarwal et al.
    2021), since a training has no twin.
    """
    a, b = (values, first) if unit == "person" else (values[:, None], first[None, :])
    return float(np.mean((a > b) + 0.5 * (a == b)))


def told_sides(found: dict[str, Any]) -> list[list[str]]:
    """Side, metric, value, difference, improvement: a line each."""

    def told(one: dict[str, Any], sign: str = "") -> str:
        mean, low, high = (format(one[key], f"{sign}.4g") for key in ("mean", "low", "high"))
        return f"{mean} [{low}, {high}]"

    return [
        [
            side["name"] if metric == next(iter(COMPARED)) else "",
            f"{COMPARED[metric][0]} ({COMPARED[metric][1]})",
            told(side["metrics"][metric]),
            told(side["difference"][metric], "+") if k else "",
            f"{side['improvement'][metric]:.2f}" if k else "",
        ]
        for k, side in enumerate(found["sides"])
        for metric in COMPARED
    ]


def write_comparison(found: dict[str, Any], json_file: Path | None, figure: Path | None) -> None:
    """Saves the figures by name, and as a picture."""
    if json_file is not None:
        json_file.write_text(json_text(found) + "\n", encoding="utf-8")
    if figure is not None:
        with style():
            save_figure(_drawn(found), figure)


def _drawn(found: dict[str, Any]) -> Figure:
    """Differences from the first side, a panel a metric."""
    sides = found["sides"]
    figure = new_figure(11.5, 1.3 + 0.35 * len(sides))
    for axes, (metric, (title, unit)) in zip(
        figure.subplots(1, len(COMPARED), sharey=True), COMPARED.items(), strict=True
    ):
        axes.axvline(0, color="#888888", lw=0.8)
        for at, side in enumerate(sides):
            one = Estimate(**side["difference"][metric])
            axes.errorbar(one.mean, at, xerr=arms(one), fmt="o", color="#0072B2", ms=5)
        axes.set_title(title, fontsize=9)
        axes.set_xlabel(f"less {sides[0]['name']} ({unit})", fontsize=7.5)
        axes.set_yticks(range(len(sides)), [side["name"] for side in sides])
        axes.set_ylim(len(sides) - 0.5, -0.5)
    return figure
