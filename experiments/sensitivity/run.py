"""Measures `greedy` in thousands of worlds, by Morris' design and by a Latin hypercube.

Morris (1991) moves one parameter at a time along random paths: mu* is the mean size of what that
does, sigma how much it depends on the rest (Campolongo, Cariboni & Saltelli 2007). The hypercube
says in which share of the space an effect is there. SALib makes and analyses the designs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from SALib.analyze import morris as morris_analysis
from SALib.sample import latin, morris
from scipy import stats

from ...agents import Chronological, Greedy
from ...envs.world import synthetic, world
from ..job import derived_seed, set_torch
from ..metrics import METRICS, measure
from ..record import Record
from ..result_folder import Manifest
from ..rollout import twins
from .config import Knob, Sensitivity, knobs_of, moved

KIND = "sensitivity"
WATCHED = (
    *("watch_minutes_per_day", "unendorsed_share", "self_control_wedge", "habit_share"),
    *("induced_drift", "radicalised_share", "targeting", "diversity", "welfare"),
)
#: An effect is there where its metric is above this.
EFFECTS: dict[str, tuple[str, float]] = {
    "ranking earns minutes": ("gain_over_neutral", 0.05),
    "self-control wedge": ("self_control_wedge", 0.05),
    "habit share": ("habit_share", 0.05),
    "induced drift": ("induced_drift", 0.01),
    "radicalised": ("radicalised_share", 0.005),
    "targeting of the susceptible": ("targeting", 0.01),
}
_CHUNK = 20  # worlds a task
_LEVELS = 4


@dataclass(frozen=True)
class Worlds:
    """Some rows of a design."""

    sensitivity: Sensitivity
    world: str
    design: str
    first: int
    rows: tuple[tuple[float, ...], ...]

    @property
    def name(self) -> str:
        """Also the name of its part."""
        return f"{self.world}--{self.design}--{self.first}"


def designs(sensitivity: Sensitivity, name: str) -> tuple[list[Knob], dict[str, NDArray[Any]]]:
    """The knobs of a world and both designs, each (worlds, knobs)."""
    knobs = knobs_of(world(name), sensitivity.reach)
    problem = _problem(knobs)
    seed = sensitivity.seed
    paths = morris.sample(problem, sensitivity.trajectories, num_levels=_LEVELS, seed=seed)
    cube = latin.sample(problem, sensitivity.draws, seed=seed)
    return knobs, {"morris": paths, "latin": cube}


def _problem(knobs: list[Knob]) -> dict[str, Any]:
    return {
        "num_vars": len(knobs),
        "names": [knob.path for knob in knobs],
        "bounds": [[knob.low, knob.high] for knob in knobs],
    }


def tasks_of(sensitivity: Sensitivity) -> list[Worlds]:
    """All rows of all designs, some at a time."""
    tasks = []
    for name in sensitivity.worlds:
        for design, rows in designs(sensitivity, name)[1].items():
            for first in range(0, len(rows), _CHUNK):
                chunk = tuple(tuple(map(float, row)) for row in rows[first : first + _CHUNK])
                tasks.append(Worlds(sensitivity, name, design, first, chunk))
    return tasks


def measure_worlds(task: Worlds) -> list[dict[str, float | None]]:
    """Metrics of greedy in each of a task's worlds; None where undefined."""
    set_torch()
    base = world(task.world)
    knobs = knobs_of(base, task.sensitivity.reach)
    evaluation = task.sensitivity.evaluation
    found = []
    for row in task.rows:
        parameters = moved(base, knobs, list(row))
        items = synthetic(parameters)
        lives = twins(
            parameters,
            items,
            Greedy(len(items)),
            Chronological(items.supply),
            seed=derived_seed(task.sensitivity.seed, "sensitivity"),
            people=evaluation.people,
            threshold=evaluation.threshold,
        )
        values = measure(lives, days=parameters.calendar.days, threshold=evaluation.threshold)
        neutral = lives.neutral.minutes.sum()
        values["gain_over_neutral"] = float(lives.policy.minutes.sum() / neutral - 1)
        kept = (*WATCHED, "gain_over_neutral")
        found.append({k: values[k] if np.isfinite(values[k]) else None for k in kept})
    return found


def sensitivity_record(sensitivity: Sensitivity) -> Record[Worlds]:
    """What `undertow sensitivity` makes of a config."""

    def finish(
        folder: Path, tasks: Sequence[Worlds], data: dict[str, Any], manifest: Manifest
    ) -> tuple[dict[str, Any], str]:
        from .report import draw_ranks, sensitivity_report  # matplotlib is slow to import

        summary = summarise(sensitivity, tasks, data)
        draw_ranks(summary, folder)
        return summary, sensitivity_report(summary, manifest)

    return Record(
        sensitivity.name,
        KIND,
        sensitivity.model_dump(mode="json"),
        tasks_of=lambda folder, say: tasks_of(sensitivity),
        work=measure_worlds,
        finish=finish,
    )


def summarise(
    sensitivity: Sensitivity, tasks: Sequence[Worlds], data: dict[str, Any]
) -> dict[str, Any]:
    """The whole `summary.json`."""
    worlds = {}
    for name in sensitivity.worlds:
        knobs, planned = designs(sensitivity, name)
        rows = {
            design: [
                row
                for task in tasks
                if (task.world, task.design) == (name, design)
                for row in data[task.name]
            ]
            for design in planned
        }
        worlds[name] = {
            "knobs": {knob.path: [knob.low, knob.high] for knob in knobs},
            "ranks": {
                metric: rank(knobs, planned["morris"], column(rows["morris"], metric))
                for metric in WATCHED
            },
            "shares": {
                effect: share(column(rows["latin"], metric), threshold)
                for effect, (metric, threshold) in EFFECTS.items()
            },
        }
    return {
        "name": sensitivity.name,
        "title": sensitivity.title,
        "description": sensitivity.description,
        "reach": sensitivity.reach,
        "trajectories": sensitivity.trajectories,
        "draws": sensitivity.draws,
        "people": sensitivity.evaluation.people,
        "metrics": {m: {"title": METRICS[m].title, "unit": METRICS[m].unit} for m in WATCHED},
        "effects": {e: {"metric": m, "threshold": t} for e, (m, t) in EFFECTS.items()},
        "worlds": worlds,
    }


def column(rows: Sequence[dict[str, float | None]], metric: str) -> NDArray[np.float64]:
    """A metric in every world; NaN where undefined."""
    return np.array([np.nan if row[metric] is None else row[metric] for row in rows], np.float64)


def rank(
    knobs: list[Knob], paths: NDArray[np.float64], values: NDArray[np.float64]
) -> list[dict[str, Any]]:
    """Parameters by mu*, the largest first; none where the metric is undefined in some world.

    Of each: mu* (mean size of the change of the metric, were the parameter moved over its whole
    range), its 95 % half-width, sigma and mu (signed).
    """
    if not np.isfinite(values).all():
        return []
    found = morris_analysis.analyze(
        _problem(knobs), paths, values, num_levels=_LEVELS, num_resamples=1000, seed=1
    )
    told = [
        {
            "parameter": knob.path,
            "mu_star": float(found["mu_star"][k]),
            "half_width": float(found["mu_star_conf"][k]),
            "sigma": float(found["sigma"][k]),
            "mu": float(found["mu"][k]),
        }
        for k, knob in enumerate(knobs)
    ]
    return sorted(told, key=lambda one: -float(one["mu_star"]))


def share(values: NDArray[np.float64], threshold: float) -> dict[str, float]:
    """Share of worlds in which a metric is above a threshold, with Wilson's 95 % interval."""
    defined = values[np.isfinite(values)]
    above = int((defined > threshold).sum())
    interval = stats.binomtest(above, defined.size).proportion_ci(method="wilson")
    return {
        "share": above / defined.size,
        "low": float(interval.low),
        "high": float(interval.high),
        "n": int(defined.size),
    }
