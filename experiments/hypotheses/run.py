"""Measures every cell that the register names, trains what no result holds, and judges; resumable.

A cell of a finished result keeps that result's values. Where another statistic is asked of it, its
policy is loaded and measured on the same people.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...agents import Policy, build_policy, load_policy
from ..job import derived_seed, set_torch, world_of
from ..record import Record
from ..result_folder import Manifest
from .config import Register
from .exploring import Exploring
from .judging import judge
from .measures import STATISTICS, Subject
from .quantity import Cell, Quantity, Real
from .saved import SavedResults, policy_file

KIND = "hypotheses"


@dataclass(frozen=True)
class Measurement:
    """A policy in a world with one seed, and what is asked of it."""

    register: Register
    results: Path
    folder: Path
    world: str
    policy: str
    statistics: tuple[str, ...]
    seed: int

    @property
    def name(self) -> str:
        """Also the name of its part and of its policy's file."""
        return f"{self.world}--{self.policy}--{self.seed}"


def measurements(register: Register, results: Path, folder: Path) -> list[Measurement]:
    """All of them; seed by seed, so that a stopped run holds whole seeds.

    Raises `ResultError` where a policy to be loaded is not there.
    """
    wanted: dict[tuple[str, str, int], list[str]] = {}
    for cell, seeds in register.needed().items():
        if register.reads(cell) is None:
            for seed in range(seeds):
                wanted.setdefault((cell.world, cell.policy, seed), []).append(cell.statistic)
    for world, policy, seed in wanted:
        source = register.source(policy, world)
        if source.result is not None:
            policy_file(results, source, seed)
    found = [
        Measurement(register, results, folder, world, policy, tuple(statistics), seed)
        for (world, policy, seed), statistics in wanted.items()
    ]
    return sorted(found, key=lambda measurement: measurement.seed)


def measure(task: Measurement) -> dict[str, float | None]:
    """The statistics of a cell with one seed; None where undefined."""
    set_torch()
    register = task.register
    parameters, items, _ = world_of(register.experiment, task.world)
    policy = _policy(task)
    explore = register.source(task.policy, task.world).explore
    if explore:
        policy = Exploring(policy, explore, len(items))
    subject = Subject(
        parameters,
        items,
        policy,
        seed=derived_seed(task.seed, "evaluation"),
        people=register.evaluation.people,
        threshold=register.evaluation.threshold,
    )
    values = {name: STATISTICS[name].value(subject) for name in task.statistics}
    return {name: float(v) if np.isfinite(v) else None for name, v in values.items()}


def _policy(task: Measurement) -> Policy:
    """The policy of a measurement: loaded where a result holds it, else built and saved."""
    source = task.register.source(task.policy, task.world)
    if source.result is not None:
        return load_policy(policy_file(task.results, source, task.seed))
    experiment = task.register.experiment
    block = experiment.policies[source.policy]
    parameters, items, _ = world_of(experiment, source.world)
    policy = build_policy(
        block.kind,
        parameters,
        items,
        seed=derived_seed(task.seed + source.offset, "training"),
        observation=block.observation,
        settings=experiment.settings(source.policy),
        limits=block.limits,
        use_limits=block.use_limits,
    )
    kept = task.folder / "policies"
    kept.mkdir(exist_ok=True)
    saved = policy.save(kept / f".{task.name}.new")
    if saved.suffix == ".json":  # a rule learned nothing
        saved.unlink()
    else:
        os.replace(saved, kept / f"{task.name}{saved.suffix}")
    return policy


def hypotheses_record(register: Register, results: Path) -> Record[Measurement]:
    """What `undertow hypotheses` makes of a register; results: the folder of those it reads.

    Raises `ResultError` where one of these is not there or was made of another config.
    """
    saved = SavedResults(register, results)

    def finish(
        folder: Path, tasks: Sequence[Measurement], data: dict[str, Any], manifest: Manifest
    ) -> tuple[dict[str, Any], str]:
        from .report import draw, hypotheses_report  # matplotlib is slow to import

        summary = summarise(register, saved, data)
        draw(summary, folder)
        return summary, hypotheses_report(summary, manifest)

    def tasks_of(folder: Path, say: Callable[[str], None]) -> Sequence[Measurement]:
        return measurements(register, results, folder)

    return Record(
        register.name,
        KIND,
        register.model_dump(mode="json"),
        tasks_of=tasks_of,
        work=measure,
        finish=finish,
    )


def summarise(register: Register, saved: SavedResults, data: dict[str, Any]) -> dict[str, Any]:
    """The whole `summary.json`; data: what `measure` found, by the name of its measurement."""

    def value_of(quantity: Quantity) -> Real:
        seeds = register.seeds_of(quantity)

        def values(cell: Cell) -> Real:
            result = register.reads(cell)
            if result is not None:
                return saved.values(result, cell)[:seeds]
            found = (
                data[f"{cell.world}--{cell.policy}--{seed}"][cell.statistic]
                for seed in range(seeds)
            )
            return np.array([np.nan if value is None else value for value in found])

        return quantity.of(values)

    judged = judge(register.hypotheses, value_of)
    used, policies, worlds = (
        dict.fromkeys(names) for names in zip(*register.needed(), strict=True)
    )
    told = {name: block.description for name, block in register.policies.items()}
    told |= {name: variant.description for name, variant in register.variants.items()}
    return {
        "name": register.name,
        "title": register.title,
        "description": register.description,
        "people": register.evaluation.people,
        "supported": sum(hypothesis["supported"] for hypothesis in judged),
        "hypotheses": judged,
        "worlds": {
            name: {"preset": w.preset, "null": w.null, "description": w.description}
            for name, w in register.worlds.items()
            if name in worlds
        },
        "policies": {name: text for name, text in told.items() if name in policies},
        "statistics": {
            name: {"title": STATISTICS[name].title, "definition": STATISTICS[name].definition}
            for name in used
        },
        "reads": saved.told,
    }
