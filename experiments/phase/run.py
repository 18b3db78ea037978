"""Trains and measures in every cell of a plane with every seed; resumable at every cell."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...agents import Chronological, Greedy, PPOPolicy
from ...envs.world import synthetic
from ..job import derived_seed, set_torch
from ..metrics import measure
from ..record import Record
from ..result_folder import Manifest
from ..rollout import twins
from ..statistics import estimate
from .config import Phase

KIND = "phase"
#: An agent that sees the true state and earns less than this share of greedy was not learned.
LEARNED = 0.99


@dataclass(frozen=True)
class Effect:
    """A number of a cell: of greedy, of long sight, or of the two."""

    name: str
    title: str
    metric: str
    of: str
    """`greedy`, `added` (long sight less greedy) or `gain` (over greedy, as a share)."""
    threshold: float
    """Size from which on the effect counts as there."""


EFFECTS = (
    Effect("gain", "minutes of long sight over greedy", "watch_minutes_per_day", "gain", 0.005),
    Effect("ratchet", "induced drift of greedy", "induced_drift", "greedy", 0.01),
    Effect("investment", "induced drift added by long sight", "induced_drift", "added", 0.01),
    Effect("habit", "habit added by long sight", "habit_over_neutral", "added", 0.005),
    Effect("welfare", "welfare added by long sight (min/day)", "welfare", "added", 0.1),
    Effect("unendorsed", "unendorsed share added", "unendorsed_share", "added", 0.005),
)


@dataclass(frozen=True)
class Cell:
    """One place in the plane with one seed."""

    phase: Phase
    column: int
    row: int
    seed: int

    @property
    def name(self) -> str:
        """Also the name of its part."""
        return f"{self.column}--{self.row}--{self.seed}"

    @property
    def place(self) -> tuple[float, float]:
        """Values of the two parameters."""
        return self.phase.x.values[self.column], self.phase.y.values[self.row]


def cells_of(phase: Phase) -> list[Cell]:
    """All cells, seed by seed, so that a stopped run holds whole planes."""
    return [
        Cell(phase, column, row, seed)
        for seed in range(phase.seeds)
        for row in range(len(phase.y.values))
        for column in range(len(phase.x.values))
    ]


def run_cell(cell: Cell) -> dict[str, Any]:
    """Trains the long-sighted agent and measures it and greedy on the same people."""
    set_torch()
    began = time.perf_counter()
    phase = cell.phase
    parameters = phase.parameters(*cell.place)
    items = synthetic(parameters)
    long = PPOPolicy.train(
        parameters,
        items,
        observation="oracle",
        seed=derived_seed(cell.seed, "training"),
        settings=phase.settings(*cell.place),
    )
    found: dict[str, Any] = {}
    for name, policy in (("greedy", Greedy(len(items))), ("long", long)):
        lives = twins(
            parameters,
            items,
            policy,
            Chronological(items.supply),
            seed=derived_seed(cell.seed, "evaluation"),
            people=phase.evaluation.people,
            threshold=phase.evaluation.threshold,
        )
        values = measure(lives, days=parameters.calendar.days, threshold=phase.evaluation.threshold)
        wanted = {effect.metric for effect in EFFECTS}
        found[name] = {metric: values[metric] for metric in sorted(wanted)}
    return found | {"core_s": time.perf_counter() - began}


def phase_record(phase: Phase) -> Record[Cell]:
    """What `undertow phase` makes of a config."""

    def finish(
        folder: Path, cells: Sequence[Cell], data: dict[str, Any], manifest: Manifest
    ) -> tuple[dict[str, Any], str]:
        from .report import draw_maps, phase_report  # matplotlib is slow to import

        summary = summarise(phase, cells, data)
        draw_maps(phase, summary, folder)
        return summary, phase_report(phase, summary, manifest)

    return Record(
        phase.name,
        KIND,
        phase.model_dump(mode="json"),
        tasks_of=lambda folder, say: cells_of(phase),
        work=run_cell,
        finish=finish,
    )


def value_of(effect: Effect, found: dict[str, Any]) -> float:
    """An effect in one cell with one seed; NaN where nobody watches, so that it is undefined."""
    greedy, long = (found[name][effect.metric] for name in ("greedy", "long"))
    if effect.of == "greedy":
        return float(greedy)
    if effect.of == "gain":
        return float(long / greedy - 1) if greedy else float("nan")
    return float(long - greedy)


def summarise(phase: Phase, cells: Sequence[Cell], data: dict[str, Any]) -> dict[str, Any]:
    """The whole `summary.json`."""
    places = []
    for row in range(len(phase.y.values)):
        for column in range(len(phase.x.values)):
            here = [data[c.name] for c in cells if (c.column, c.row) == (column, row)]
            values = {e.name: np.array([value_of(e, found) for found in here]) for e in EFFECTS}
            gain = estimate(values["gain"], np.mean)
            places.append(
                {
                    "x": phase.x.values[column],
                    "y": phase.y.values[row],
                    "learned": gain.mean is not None and gain.mean >= LEARNED - 1,
                    "effects": {
                        name: estimate(v, np.mean).as_dict() | {"values": v.tolist()}
                        for name, v in values.items()
                    },
                }
            )
    return {
        "name": phase.name,
        "title": phase.title,
        "description": phase.description,
        "x": phase.x.model_dump(mode="json"),
        "y": phase.y.model_dump(mode="json"),
        "seeds": phase.seeds,
        "people": phase.evaluation.people,
        "core_hours": sum(found["core_s"] for found in data.values()) / 3600,
        "effects": {e.name: {"title": e.title, "threshold": e.threshold} for e in EFFECTS},
        "cells": places,
        "shares": {effect.name: shares(effect, places) for effect in EFFECTS},
    }


def shares(effect: Effect, places: Sequence[dict[str, Any]]) -> dict[str, float]:
    """In which share of the cells that were learned an effect is there, either way.

    It is there where its whole interval lies beyond the threshold.
    """
    learned = [p["effects"][effect.name] for p in places if p["learned"]]
    counted = [found for found in learned if found["low"] is not None]
    if not counted:
        return {"positive": 0.0, "negative": 0.0, "cells": 0}
    positive = sum(found["low"] > effect.threshold for found in counted)
    negative = sum(found["high"] < -effect.threshold for found in counted)
    return {
        "positive": positive / len(counted),
        "negative": negative / len(counted),
        "cells": len(counted),
    }
