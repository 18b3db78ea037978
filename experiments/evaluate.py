"""`undertow evaluate`: any number of people through one policy, in memory that does not grow.

People are lived in blocks, each with its twins; a block leaves its sums (`sums.py`) and, if asked,
its people as a Parquet file. Sums are merged exactly, files row group by row group, so the figures
are those of one pass over everybody, whatever the size of a block.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import Field

from ..agents import Policy, build_policy
from ..envs.feed_batch import missing
from ..envs.world import WorldParameters, draw
from . import blocks
from .feasible import check_measuring
from .job import derived_seed, set_torch
from .markdown import join, table
from .measured_world import RULES, World, loaded, shared_world, world_named
from .metrics import METRICS, Case
from .naming import ResultName
from .provenance import write_whole
from .record import Record, made_section
from .result_folder import Manifest, ResultError
from .rollout import twins
from .sums import Block, estimates, merge, sums_of

KIND = "evaluation"
_SUSCEPTIBLE = 0.9  # quantile from which on a person is of the most susceptible tenth
_HALF = 16  # bits of a float32 that are counted in one pass


class Large(blocks.Block):
    """One policy in one world, over many people."""

    name: ResultName
    policy: str = Field(description="a saved policy, or the kind of a rule")
    world: str = Field("default", description="a preset, RESULT:world or a saved policy")
    people: int = Field(ge=10, le=1_000_000_000)
    block: int = Field(20_000, ge=1, le=10_000_000, description="people lived at once")
    seed: int = Field(0, ge=0)
    threshold: float = Field(0.6, gt=0, lt=1)
    keep_people: bool = Field(False, description="whether people.parquet is written")
    engine: Literal["numpy", "numba"] = Field("numpy", description="what plays the world")
    trust: bool = Field(False, exclude=True, description="whether a pickle may be read")


@dataclass(frozen=True)
class PeopleBlock:
    """People first .. first + count - 1."""

    large: Large
    first: int
    count: int
    susceptible_from: float
    folder: Path

    @property
    def name(self) -> str:
        """Also the name of its part."""
        return f"block-{self.first:012d}"


def policy_of(large: Large, world: World) -> Policy:
    """The policy that is evaluated; raises `ResultError` for one that is missing or unfit."""
    if large.policy in RULES:
        return build_policy(large.policy, world.parameters, world.items, seed=0, slate=world.slate)
    file = Path(large.policy)
    if not file.is_file():
        raise ResultError(
            f"policy: found {large.policy!r}; allowed: a saved policy's file, or one of "
            f"{', '.join(RULES)}"
        )
    return world.takes(loaded(file, trust=large.trust), large.policy)


def world_label(policy: str, named: str | None, *, trust: bool = False) -> str:
    """The world of an evaluation: the one that is named, or that the policy comes with."""
    return shared_world([policy], named, trust=trust).label


def live_block(block: PeopleBlock) -> dict[str, Any]:
    """Lives a block's people and their twins; their sums."""
    set_torch()
    large, world = block.large, world_named(block.large.world, trust=block.large.trust)
    parameters, items = world.parameters, world.items
    lives = twins(
        parameters,
        items,
        policy_of(large, world),
        build_policy("chronological", parameters, items, seed=0, slate=world.slate),
        seed=derived_seed(large.seed, "evaluation"),
        people=block.count,
        first=block.first,
        threshold=large.threshold,
        slate=world.slate,
        engine=large.engine,
    )
    case = Case(lives, parameters.calendar.days, large.threshold)
    if large.keep_people:
        days = parameters.calendar.days
        frame = pd.DataFrame(
            {
                "person": np.arange(block.first, block.first + block.count),
                "minutes_per_day": lives.policy.minutes / days,
                "minutes_neutral": lives.neutral.minutes / days,
                "welfare_per_day": lives.policy.worth / days,
                "stance_origin": lives.policy.stance_start,
                "stance": lives.policy.stance,
                "stance_neutral": lives.neutral.stance,
                "habit": lives.policy.habit,
                "susceptibility": lives.policy.susceptibility,
                "present": lives.policy.present,
            }
        )
        file = block.folder / "parts" / f"{block.name}.parquet"
        write_whole(file, frame.to_parquet(None, index=False))
    return sums_of(Block(case, block.susceptible_from))


def susceptible_from(parameters: WorldParameters, seed: int, people: int, block: int) -> float:
    """The smallest susceptibility of the most susceptible tenth, as `np.quantile` has it.

    Traits are drawn again, block by block: floats that are not negative are ordered as their bits
    are, so two counts of half their bits find any order statistic in bounded memory.
    """
    place = _SUSCEPTIBLE * (people - 1)
    low, high = math.floor(place), math.ceil(place)
    at = partial(_order_statistic, parameters, seed, people, block)
    smaller = at(low)
    larger = smaller if high == low else at(high)
    return float(np.interp(place, [low, low + 1], [smaller, larger]))


def _order_statistic(
    parameters: WorldParameters, seed: int, people: int, block: int, rank: int
) -> float:
    counts = np.zeros(1 << _HALF, dtype=np.int64)
    for bits in _bits(parameters, seed, people, block):
        counts += np.bincount(bits >> _HALF, minlength=counts.size)
    upper = int(np.searchsorted(np.cumsum(counts), rank, side="right"))
    rank -= int(counts[:upper].sum())
    counts[:] = 0
    for bits in _bits(parameters, seed, people, block):
        within = bits[(bits >> _HALF) == upper] & ((1 << _HALF) - 1)
        counts += np.bincount(within, minlength=counts.size)
    lower = int(np.searchsorted(np.cumsum(counts), rank, side="right"))
    return float(np.array([(upper << _HALF) | lower], dtype=np.uint32).view(np.float32)[0])


def _bits(
    parameters: WorldParameters, seed: int, people: int, block: int
) -> Iterator[NDArray[np.int64]]:
    for first in range(0, people, block):
        persons = np.arange(first, min(first + block, people), dtype=np.int64)
        traits, _ = draw(parameters, np.full_like(persons, seed), persons)
        yield traits.susceptibility.astype(np.float32).view(np.uint32).astype(np.int64)


def evaluation_record(large: Large) -> Record[PeopleBlock]:
    """What `undertow evaluate` makes; raises `ResultError` for what is not there."""
    world = world_named(large.world, trust=large.trust)
    parameters = world.parameters
    if (why := missing(large.engine)) is not None:
        raise ResultError(f"engine: found {large.engine!r}, but {why}")
    if world.slate is not None and large.engine != "numpy":
        raise ResultError(f"engine: found {large.engine!r} with slates; allowed: numpy")
    policy = policy_of(large, world)
    try:
        check_measuring(
            "--block",
            min(large.block, large.people),
            len(world.items),
            observation=policy.observation,
        )
    except ValueError as error:
        raise ResultError(str(error)) from None

    def blocks(folder: Path, say: Callable[[str], None]) -> Sequence[PeopleBlock]:
        seed = derived_seed(large.seed, "evaluation")
        border = susceptible_from(parameters, seed, large.people, large.block)
        return [
            PeopleBlock(large, first, min(large.block, large.people - first), border, folder)
            for first in range(0, large.people, large.block)
        ]

    def finish(
        folder: Path, tasks: Sequence[PeopleBlock], data: dict[str, Any], manifest: Manifest
    ) -> tuple[dict[str, Any], str]:
        merged = merge([data[task.name] for task in tasks])
        if large.keep_people:
            _join([folder / "parts" / f"{task.name}.parquet" for task in tasks], folder)
        found = estimates(merged)
        summary = {
            "name": large.name,
            "policy": large.policy,
            "world": large.world,
            "people": large.people,
            "seed": large.seed,
            "metrics": {name: one.as_dict() for name, one in found.items()},
        }
        return summary, _report(summary, manifest)

    return Record(
        large.name,
        KIND,
        large.model_dump(mode="json"),
        tasks_of=blocks,
        work=live_block,
        finish=finish,
    )


def _join(parts: list[Path], folder: Path) -> None:
    """One Parquet file with a row group a block; only one block is in memory at a time."""
    new = folder / ".people.parquet.new"
    with pq.ParquetWriter(new, pq.read_schema(parts[0]), compression="zstd") as writer:
        for part in parts:
            writer.write_table(pa.Table.from_batches(pq.ParquetFile(part).iter_batches()))
    new.replace(folder / "people.parquet")


def told_metrics(summary: dict[str, Any]) -> list[list[str]]:
    """Metric, value, interval over people and unit: a line a metric."""
    lines = []
    for name, found in summary["metrics"].items():
        mean, low, high = (found[key] for key in ("mean", "low", "high"))
        value = "undefined" if mean is None else f"{mean:.5g}"
        interval = "" if low is None else f"{low:.5g} to {high:.5g}"
        lines.append([METRICS[name].title, value, interval, METRICS[name].unit])
    return lines


def _report(summary: dict[str, Any], manifest: Manifest) -> str:
    text = (
        f"{summary['people']:,} people of seed {summary['seed']} in the world `{summary['world']}` "
        f"under `{summary['policy']}`, each with their twins. Intervals are 95% over people; one "
        "policy of one training says nothing about others that were trained in the same way."
    )
    rows = table(["metric", "value", "interval", "unit"], told_metrics(summary))
    made = made_section(manifest, "undertow evaluate")
    return join([f"# {summary['name']}", text, rows, made]) + "\n"
