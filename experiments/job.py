"""One policy in one world with one seed: train, save, measure on twins, write the part.

A job needs its experiment and a folder alone, so any process can run it.
"""

from __future__ import annotations

import hashlib
import io
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from ..agents import build_policy
from ..envs.world import Items, WorldParameters, synthetic
from .catalogue_file import CatalogueReport, open_catalogue, read_catalogue
from .config import ConfigError, Experiment
from .feasible import check_limits
from .metrics import measure
from .result_folder import write_part
from .rollout import Twins, twins
from .table_file import Table

Place = tuple[WorldParameters, Items, CatalogueReport | None]


@dataclass(frozen=True)
class Job:
    """One policy in one world with one seed."""

    experiment: Experiment
    world: str
    policy: str
    seed: int
    place: Place | None = field(default=None, compare=False, repr=False)
    """The world and its catalogue, where this comes from a file that one process has read."""

    @property
    def name(self) -> str:
        """Also the name of its files."""
        return f"{self.world}--{self.policy}--{self.seed}"


def jobs_of(experiment: Experiment, places: Mapping[str, Place] | None = None) -> list[Job]:
    """All jobs; seed by seed, so that a stopped run holds whole seeds.

    places: what `worlds_of` gave; without it each job reads the catalogue's file itself.
    """
    read = {name: place for name, place in (places or {}).items() if place[2] is not None}
    return [
        Job(experiment, world, policy, seed, read.get(world))
        for seed in range(experiment.seeds)
        for world, policies in experiment.cells.items()
        for policy in policies
    ]


def derived_seed(seed: int, role: str) -> int:
    """A 62-bit stream key for a seed's role: training and measured people never share luck."""
    digest = hashlib.sha256(f"undertow/{role}/{seed}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 2


def world_of(experiment: Experiment, world: str, table: Table | None = None) -> Place:
    """The world's parameters and catalogue; a report where the catalogue comes from a file.

    table: the file, where it has been read. Raises `TableError` for one that cannot be used.
    """
    parameters = experiment.worlds[world].parameters()
    if experiment.catalogue is None:
        return parameters, synthetic(parameters), None
    report = read_catalogue(experiment.catalogue, parameters, table)
    return report.parameters, report.items, report


def worlds_of(experiment: Experiment) -> dict[str, Place]:
    """Every world of an experiment; a catalogue's file, which may be large, is read once.

    Raises `TableError` for a file that cannot be used, and `ConfigError` where the limits of a
    policy leave none of its items.
    """
    file = experiment.catalogue
    table = None if file is None else open_catalogue(file)
    places = {name: world_of(experiment, name, table) for name in experiment.worlds}
    for world, policies in experiment.cells.items() if file is not None else ():
        for policy in policies:
            limits = experiment.policies[policy].limits
            try:
                if limits is not None:
                    check_limits(policy, world, limits, places[world][1])
            except ValueError as error:
                raise ConfigError(str(error)) from None
    return places


def set_torch() -> None:
    """One thread: the work is spread over processes. No checks of what our own net puts out."""
    torch.set_num_threads(1)
    torch.distributions.Distribution.set_default_validate_args(False)


def run_job(job: Job, folder: Path) -> str:
    """Runs one job and writes its files under `folder`, a result's; returns its name."""
    set_torch()
    experiment = job.experiment
    block = experiment.policies[job.policy]
    parameters, items, catalogue = job.place or world_of(experiment, job.world)
    slate = experiment.worlds[job.world].slate
    began = time.perf_counter()
    policy = build_policy(
        block.kind,
        parameters,
        items,
        seed=derived_seed(job.seed, "training"),
        observation=block.observation,
        settings=experiment.settings(job.policy),
        limits=block.limits,
        use_limits=block.use_limits,
        slate=slate,
    )
    trained = time.perf_counter()
    saved = policy.save(folder / "policies" / f".{job.name}.new")
    kept = folder / "policies" / f"{job.name}{saved.suffix}"
    os.replace(saved, kept)
    lives = twins(
        parameters,
        items,
        policy,
        build_policy("chronological", parameters, items, seed=0, slate=slate),
        seed=derived_seed(job.seed, "evaluation"),
        people=experiment.evaluation.people,
        threshold=experiment.evaluation.threshold,
        slate=slate,
    )
    values = measure(
        lives, days=parameters.calendar.days, threshold=experiment.evaluation.threshold
    )
    episodes = _episodes(job, lives, parameters)
    part = {
        "world": job.world,
        "policy": job.policy,
        "seed": job.seed,
        "metrics": {k: v if np.isfinite(v) else None for k, v in values.items()},
        "training_s": trained - began,
        "measuring_s": time.perf_counter() - trained,
        "peak_memory_mb": _peak_memory_mb(),
    }
    write_part(folder, job, part, episodes, kept, catalogue)
    return job.name


def _peak_memory_mb() -> float:
    """The most that this process has held since it started; 0 where the system does not say."""
    try:
        import resource  # Unix
    except ImportError:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def _episodes(job: Job, lives: Twins, parameters: WorldParameters) -> bytes:
    """A Parquet file of one row a person."""
    policy, days = lives.policy, parameters.calendar.days
    columns: dict[str, Any] = {
        "minutes_per_day": policy.minutes / days,
        "endorsed_per_day": policy.endorsed / days,
        "welfare_per_day": policy.worth / days,
        "minutes_no_temptation": lives.no_temptation.minutes / days,
        "minutes_no_habit": lives.no_habit.minutes / days,
        "minutes_neutral": lives.neutral.minutes / days,
        "habit": policy.habit,
        "habit_neutral": lives.neutral.habit,
        "stance_origin": policy.stance_start,
        "stance": policy.stance,
        "stance_neutral": lives.neutral.stance,
        "stance_no_feed": lives.no_feed.stance,
        "led_extremity": policy.led_extremity,
        "susceptibility": policy.susceptibility,
    }
    frame = pd.DataFrame({k: np.asarray(v, dtype=np.float32) for k, v in columns.items()})
    frame.insert(0, "person", np.arange(len(frame), dtype=np.int32))
    frame.insert(0, "seed", np.int16(job.seed))
    frame.insert(0, "world", pd.Series([job.world] * len(frame), dtype="category"))
    frame.insert(0, "policy", pd.Series([job.policy] * len(frame), dtype="category"))
    frame["crossed_by_feed"] = policy.crossed_by_feed
    frame["present"] = policy.present
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()
