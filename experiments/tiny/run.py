"""Runs a study of the tiny world: tasks that each leave a part, then the summary and the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...envs.tiny import person
from ..record import Record
from ..result_folder import Manifest
from .config import TinyStudy
from .exact import critical_pull, frontier, one_person, row_of_map
from .learned import train
from .near import near_optimal
from .summary import summarise

KIND = "tiny"


@dataclass(frozen=True)
class Task:
    """One part of the study; `where` names it."""

    study: TinyStudy
    kind: str
    where: tuple[str | float, ...]

    @property
    def name(self) -> str:
        """Of its file."""
        return "--".join([self.kind, *(str(part) for part in self.where)])


def tasks_of(study: TinyStudy) -> list[Task]:
    """All tasks, the longest first."""
    people, learning = study.people, study.learning
    return [
        *(
            Task(study, "learned", (world, gamma, seed))
            for seed in range(learning.seeds)
            for world in learning.worlds
            for gamma in learning.gammas
        ),
        *(
            Task(study, "person", (preset, pull, number))
            for preset in people.presets
            for pull in people.pulls
            for number in range(people.count)
        ),
        Task(study, "ratchet", ()),
        *(Task(study, "map", (pull,)) for pull in study.pulls),
        *(Task(study, "world", (world,)) for world in study.worlds),
        Task(study, "frontier", ()),
        *(
            Task(study, "near", (world, gamma))
            for world in learning.worlds
            for gamma in learning.gammas[1:]
        ),
    ]


def do(task: Task) -> Any:
    """The result of a task, for JSON."""
    study = task.study
    worlds = {name: block.parameters() for name, block in study.worlds.items()}
    mapped = worlds[study.map]
    if task.kind == "learned":
        world, gamma, seed = task.where
        learning = study.learning
        where = worlds[str(world)]
        return train(where, float(gamma), int(seed), learning.training, learning.exploring)
    if task.kind == "person":
        preset, pull, number = task.where
        drawn = person(str(preset), study.people.seed, int(number), pull=float(pull))
        return one_person(drawn, study.gammas)
    if task.kind == "ratchet":
        return critical_pull(mapped, max(study.pulls), study.margin)
    if task.kind == "map":
        changed = mapped.model_copy(update={"pull": float(task.where[0])})
        return row_of_map(changed, study.gammas, study.margin)
    if task.kind == "world":
        return row_of_map(worlds[str(task.where[0])], study.gammas, study.margin)
    if task.kind == "near":
        world, gamma = task.where
        return near_optimal(worlds[str(world)], float(gamma), study.losses)
    block = study.frontier
    return frontier(worlds[block.world], block.gamma, block.multipliers)


def study_record(study: TinyStudy) -> Record[Task]:
    """What `undertow tiny` makes of a config."""

    def finish(
        folder: Path, tasks: Sequence[Task], data: dict[str, Any], manifest: Manifest
    ) -> tuple[dict[str, Any], str]:
        from .report import draw_and_tell  # matplotlib is slow to import

        found = {(task.kind, *task.where): data[task.name] for task in tasks}
        summary = summarise(study, found)
        return summary, draw_and_tell(folder, study, summary, manifest)

    return Record(
        study.name,
        KIND,
        study.resolved(),
        tasks_of=lambda folder, say: tasks_of(study),
        work=do,
        finish=finish,
    )
