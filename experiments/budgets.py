"""Do constrained policies keep their budgets? Each cost a day against its budget.

Training tells costs to the multipliers; here the policies that came of it are measured on other
people, the twins of the result that they are from. A cost is that of a day and person who is there,
as the budget is: the sum over slots, over the slots in which people were there, times the slots of
a day. A budget is kept where the mean cost over seeds is at most (1 + tolerance) of it; one of 0
where it is at most the tolerance of what unconstrained PPO costs. It is met where the mean lies
within the tolerance on either side: to spend less than a budget that binds gives minutes away.
What some policies only show beside the others, such as one learnt in another way, is told in a
table of its own and not counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..agents import Binding, LagrangianSettings, Policy, check_fits, in_world, load_policy
from ..agents.lagrangian import COSTS
from ..agents.policy_file import appended
from ..envs.feed_batch import FeedBatch
from ..envs.world import Items, WorldParameters
from .blocks import Block, FilePath, load
from .config import ConfigError, Experiment, load_experiment
from .job import derived_seed, set_torch, world_of, worlds_of
from .markdown import join, table
from .naming import ResultName
from .record import Record, made_section
from .result_folder import Manifest, ResultError
from .saved_policies import saved_file
from .statistics import estimate

UNCONSTRAINED = "unconstrained"


class Budgets(Block):
    """What is measured, and how near counts as kept."""

    name: ResultName
    title: str
    experiment: FilePath = Field(description="config of the result")
    unconstrained: str = Field("ppo", description="policy without budgets")
    unconstrained_result: str = Field("headline", description="the result that holds it")
    beside: list[str] = Field(
        default_factory=list, description="policies that are told in a table of their own"
    )
    people: int = Field(1500, ge=10, le=1_000_000, description="a seed")
    tolerance: float = Field(0.05, gt=0, lt=1)

    def resolved(self) -> dict[str, Any]:
        """As JSON data, with the name of the experiment's config: where it lies may differ."""
        return self.model_dump(mode="json") | {"experiment": self.experiment.name}


@dataclass(frozen=True)
class Cell:
    """A policy of one seed in its world, on people of that seed."""

    budgets: Budgets
    experiment: Experiment
    results: Path
    world: str
    policy: str
    seed: int
    place: tuple[WorldParameters, Items] | None = field(default=None, compare=False, repr=False)
    """See `Job`."""

    @property
    def name(self) -> str:
        """Also the name of its part."""
        return f"{self.world}--{self.policy}--{self.seed}"

    @property
    def file(self) -> Path:
        """Where the policy was saved, or would be."""
        free = self.policy == UNCONSTRAINED
        result = self.budgets.unconstrained_result if free else self.experiment.name
        policy = self.budgets.unconstrained if free else self.policy
        stem = self.results / result / "policies" / f"{self.world}--{policy}--{self.seed}"
        return saved_file(stem) or appended(stem, ".npz")


def load_budgets(file: Path) -> Budgets:
    """Reads and validates the config; raises `ConfigError`."""
    return load(Budgets, file)


def budgets_record(budgets: Budgets, configs: Path, results: Path) -> Record[Cell]:
    """What `undertow budgets` makes; results: the folder of the results that hold the policies.

    configs: where a relative `experiment` starts. `load_budgets` has it start at the config.

    Raises `ResultError` where a policy was not saved.
    """
    experiment = load_experiment(configs / budgets.experiment)
    measured = {name for policies in experiment.cells.values() for name in policies}
    constrained = _constrained(experiment, sorted(measured))
    if unknown := sorted(set(budgets.beside) - set(constrained)):
        raise ConfigError(
            f"beside: found {', '.join(unknown)}; allowed: policies of {budgets.experiment.name} "
            f"with budgets ({', '.join(constrained)})"
        )

    def cells(folder: Path, say: Any) -> Sequence[Cell]:
        places = worlds_of(experiment)
        read = {name: place[:2] for name, place in places.items() if place[2] is not None}
        found = [
            Cell(budgets, experiment, results, world, policy, seed, read.get(world))
            for world, policies in experiment.cells.items()
            for policy in [*_constrained(experiment, policies), UNCONSTRAINED]
            for seed in range(experiment.seeds)
            if _constrained(experiment, policies)
        ]
        missing = [cell.file for cell in found if not cell.file.is_file()]
        if missing:
            raise ResultError(
                f"{missing[0]}: no such policy; allowed: a result that holds its policies "
                f"(undertow run {budgets.experiment})"
            )
        return found

    return Record(
        budgets.name,
        "budgets",
        budgets.resolved(),
        tasks_of=cells,
        work=measure,
        finish=lambda folder, tasks, data, manifest: _finish(budgets, tasks, data, manifest),
    )


def _constrained(experiment: Experiment, policies: Sequence[str]) -> list[str]:
    return [name for name in policies if experiment.policies[name].kind == "ppo_lagrangian"]


def measure(cell: Cell) -> dict[str, float]:
    """Each cost a day and person who is there, and minutes a day likewise."""
    set_torch()
    parameters, items = cell.place or world_of(cell.experiment, cell.world)[:2]
    return costs_a_day(
        parameters,
        items,
        load_policy(cell.file),
        seed=derived_seed(cell.seed, "evaluation"),
        people=cell.budgets.people,
    )


def costs_a_day(
    parameters: WorldParameters, items: Items, policy: Policy, *, seed: int, people: int
) -> dict[str, float]:
    """Costs and minutes of people 0.. of `seed`, a day and person who is there."""
    policy = in_world(policy, parameters)
    binding = policy if isinstance(policy, Binding) else None
    batch = FeedBatch(parameters, people, policy.observation, items)
    who: tuple[NDArray[np.int64], NDArray[np.int64]] = np.full(people, seed), np.arange(people)
    observation = batch.start(*who)
    check_fits(policy, items, size=observation.shape[1])
    policy.begin(*who)
    sums = dict.fromkeys([*COSTS, "minutes"], 0.0)
    served = 0
    for _ in range(parameters.calendar.slots):
        served += int(batch.state.present.sum())
        step = batch.step(policy.act(observation), None if binding is None else binding.away())
        observation = step.observation
        if binding is not None:
            binding.used(step.outcome.opened, step.outcome.minutes)
        for name, cost in COSTS.items():
            sums[name] += float(cost(step.outcome).sum(dtype=np.float64))
        sums["minutes"] += float(step.outcome.minutes.sum(dtype=np.float64))
    days = served / parameters.calendar.slots_per_day
    return {name: total / days for name, total in sums.items()}


def judged(cost: float, budget: float, free: float, tolerance: float) -> bool:
    """Whether a mean cost keeps a budget; free: the cost without one."""
    return cost <= budget + _leeway(budget, free, tolerance)


def met(cost: float, budget: float, free: float, tolerance: float) -> bool | None:
    """Whether a mean cost uses a budget up and keeps it; None where the budget does not bind."""
    if free <= budget:
        return None
    enough = cost >= budget - _leeway(budget, free, tolerance)
    return enough and judged(cost, budget, free, tolerance)


def _leeway(budget: float, free: float, tolerance: float) -> float:
    return tolerance * (budget if budget > 0 else abs(free))


def _finish(
    budgets: Budgets, cells: Sequence[Cell], data: dict[str, Any], manifest: Manifest
) -> tuple[dict[str, Any], str]:
    experiment = cells[0].experiment
    rows: list[dict[str, Any]] = []
    seeds = range(experiment.seeds)

    def over_seeds(world: str, policy: str, what: str) -> NDArray[np.float64]:
        return np.array([data[f"{world}--{policy}--{seed}"][what] for seed in seeds])

    for world, policies in experiment.cells.items():
        for policy in _constrained(experiment, policies):
            settings: LagrangianSettings = experiment.settings(policy)
            for cost, budget in settings.budgets.items():
                if not np.isfinite(budget):
                    continue
                found = over_seeds(world, policy, cost)
                free = float(over_seeds(world, UNCONSTRAINED, cost).mean())
                rows.append({
                    "world": world,
                    "policy": policy,
                    "cost": cost,
                    "budget": budget,
                    "mean": float(found.mean()),
                    "estimate": estimate(found).as_dict(),
                    "unconstrained": free,
                    "minutes": estimate(over_seeds(world, policy, "minutes")).as_dict(),
                    "beside": policy in budgets.beside,
                    "binds": free > budget,
                    "kept": judged(float(found.mean()), budget, free, budgets.tolerance),
                    "met": met(float(found.mean()), budget, free, budgets.tolerance),
                })  # fmt: skip
    counted = [row for row in rows if not row["beside"]]
    summary = {
        "name": budgets.name,
        "title": budgets.title,
        "seeds": experiment.seeds,
        "people": budgets.people,
        "tolerance": budgets.tolerance,
        "counted": len(counted),
        "kept": sum(bool(row["kept"]) for row in counted),
        "bind": sum(bool(row["binds"]) for row in counted),
        "met": sum(bool(row["met"]) for row in counted),
        "rows": rows,
    }
    return summary, _report(summary, manifest)


def _report(summary: dict[str, Any], manifest: Manifest) -> str:
    rows, beside = ([r for r in summary["rows"] if r["beside"] == b] for b in (False, True))
    named = {
        what: [f"{row['policy']} in {row['world']}" for row in rows if row[key] is False]
        for what, key in (("Exceeded", "kept"), ("Missed on either side", "met"))
    }
    return join([
        f"# {summary['title']}",
        f"{summary['kept']} of {summary['counted']} budgets are kept within "
        f"{summary['tolerance']:.0%}, in the mean over {summary['seeds']} seeds of "
        f"{summary['people']:,} people that training did not meet. {summary['bind']} of them bind, "
        f"and {summary['met']} of these are met: the mean lies within {summary['tolerance']:.0%} "
        "on either side.",
        *(f"{what}: {', '.join(found)}." for what, found in named.items() if found),
        _table(rows),
        "Costs are a day and person who is there, the mean over seeds with the 95% interval of the "
        "interquartile mean. A budget of 0 counts as kept at a cost of at most "
        f"{summary['tolerance']:.0%} of the unconstrained one, and as met within as much on either "
        "side. Drift is in hundredths of |stance|, unendorsed minutes are minutes.",
        *(("## Beside them, and not counted", _table(beside)) if beside else ()),
        made_section(manifest, "undertow budgets"),
    ]) + "\n"  # fmt: skip


def _table(rows: Sequence[dict[str, Any]]) -> str:
    lines = [
        [
            row["world"],
            row["policy"],
            row["cost"],
            f"{row['budget']:g}",
            f"{row['mean']:.3f} ({row['estimate']['low']:.3f} to {row['estimate']['high']:.3f})",
            f"{row['mean'] / row['budget'] - 1:+.1%}" if row["budget"] > 0 else "",
            f"{row['unconstrained']:.3f}",
            "kept" if row["kept"] else "exceeded",
            {True: "met", False: "missed", None: "does not bind"}[row["met"]],
        ]
        for row in rows
    ]
    head = "world,policy,cost,budget,cost a day,over,unconstrained,kept,met".split(",")
    return table(head, lines)
