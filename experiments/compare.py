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

from ..agents import Policy, PolicyError, build_policy
from ..envs import OBSERVATIONS
from ..envs.world import Items, WorldParameters
from .drawing import arms, new_figure, save_figure, style
from .job import derived_seed, set_torch
from .measured_world import RULES, World, loaded, shared_world
from .provenance import json_text, write_whole
from .result_folder import ResultError
from .rollout import Lives, live
from .saved_policies import saved_files
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


def side_of(text: str, world: World, *, trust: bool = False) -> Side:
    """Reads a side; raises `ResultError` for what is not there or does not fit the world.

    `greedy` (a rule), `my.npz` (a saved policy), `results/headline:default/ppo` (all seeds of a
    cell), `module:function` (called with parameters and items, gives a policy). trust: see
    `load_policy`.
    """
    parameters, items = world.parameters, world.items
    if text in RULES:
        rule = build_policy(text, parameters, items, seed=0, slate=world.slate)
        return Side(text, (world.takes(rule, text),))
    if Path(text).is_file():
        return Side(Path(text).stem, (world.takes(loaded(text, trust=trust), text),))
    before, _, after = text.partition(":")
    files = files_of(text)
    if files:
        policies = (world.takes(loaded(file, trust=trust), str(file)) for file in files)
        return Side(text.rpartition(":")[2], tuple(policies))
    if before and after and "/" not in after:
        return Side(after, (world.takes(_own(before, after, parameters, items), text),))
    raise ResultError(
        f"policy: found {text!r}; allowed: {', '.join(RULES)}, a saved policy's file, "
        "RESULT:world/policy, or module:function"
    )


def files_of(text: str) -> list[Path]:
    """The policies of `RESULT:world/policy`, one a seed."""
    folder, _, cell = text.rpartition(":")
    world, slash, policy = cell.partition("/")
    return saved_files(Path(folder), world, policy) if folder and slash else []


def _own(module: str, function: str, parameters: WorldParameters, items: Items) -> Policy:
    try:
        make = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError) as error:
        raise ResultError(f"policy: {module}:{function} cannot be had ({error})") from None
    made: Policy = make(parameters, items)
    missing = [name for name in ("kind", "observation", "begin", "act") if not hasattr(made, name)]
    if missing:
        raise ResultError(
            f"policy: {module}:{function} gave {type(made).__name__}, without "
            f"{', '.join(missing)}; allowed: a policy, such as FunctionPolicy(choose)"
        )
    if made.observation not in OBSERVATIONS:
        raise ResultError(
            f"policy: {module}:{function} reads the view {made.observation!r}; allowed: "
            f"{', '.join(OBSERVATIONS)}"
        )
    return made


def compare(
    texts: Sequence[str],
    *,
    preset: str | None = None,
    people: int = 1000,
    seed: int = 0,
    trust: bool = False,
    catalogue: Path | None = None,
) -> dict[str, Any]:
    """Every side on the same people: values, differences from the first side, improvement.

    preset: the world: a preset, RESULT:world or a saved policy; None for the one that the sides
    come with (`measured_world`). people: a seed. seed: whose people the first policy of each side
    meets; the next meets those of the next seed. trust: see `load_policy`. catalogue: the file of a
    result whose catalogue came from one. Raises `ResultError` for sides that cannot be had, do not
    fit the world or cannot be set side by side.
    """
    if len(texts) < 2:
        raise ResultError(f"policies: found {len(texts)}; allowed: two or more")
    set_torch()
    world = shared_world(texts, preset, catalogue, trust)
    sides = [side_of(text, world, trust=trust) for text in texts]
    counts = {len(side.policies) for side in sides} - {1}
    if len(counts) > 1:
        raise ResultError(f"seeds: found {sorted(counts)}; allowed: as many on every side, or one")
    seeds = counts.pop() if counts else 1
    values = _measured(sides, world, people=people, seeds=range(seed, seed + seeds))
    unit = "seed" if seeds > 1 else "person"
    first = values[0]
    return {
        "world": world.label,
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
    sides: Sequence[Side], world: World, *, people: int, seeds: range
) -> list[dict[str, Real]]:
    """Of each side, every metric: one value a person, or their means, one a seed."""
    found: list[dict[str, list[Real]]] = [{m: [] for m in COMPARED} for _ in sides]
    parameters, items, slate = world.parameters, world.items, world.slate
    days = parameters.calendar.days
    for k, seed in enumerate(seeds):
        key = derived_seed(seed, "evaluation")

        def lives(policy: Policy, name: str, key: int = key) -> Lives:
            try:
                return live(parameters, items, policy, seed=key, people=people, slate=slate)
            except PolicyError as error:
                raise ResultError(f"{name}: {error}") from None

        neutral = lives(
            build_policy("chronological", parameters, items, seed=0, slate=slate), "chronological"
        )
        for side, values in zip(sides, found, strict=True):
            one = lives(side.policies[k if len(side.policies) > 1 else 0], side.name)
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
        write_whole(json_file, (json_text(found) + "\n").encode())
    if figure is not None:
        with style():
            save_figure(_drawn(found), figure)


def _drawn(found: dict[str, Any]) -> Figure:
    """Differences from the first side, a panel a metric."""
    sides = found["sides"]
    figure = new_figure(11.5, 1.6 + 0.35 * len(sides))
    figure.suptitle(f"In the world {found['world']}", fontsize=10)
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
