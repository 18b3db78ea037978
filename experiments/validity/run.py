"""Runs the validity suite: the fit, then every study in every world with every seed; resumable."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..job import derived_seed, set_torch
from ..parts import kept
from ..record import Record
from ..result_folder import Manifest
from ..statistics import Estimate, estimate
from .answerer import Answerer
from .config import Part, Row, Validity
from .ensemble import SEED, left_open, spread, studies_held_out
from .extend import KIND, earlier_of
from .fit import Overrides, fit_world
from .nulls import NULLS, Mechanism, counts
from .studies import STATISTICS, STUDIES, Setting


@dataclass(frozen=True)
class StudyJob:
    """One study in one world with one seed.

    without: the mechanism that is off there, if any. known: what it gives, where a result that is
    extended holds it.
    """

    suite: Validity
    world: str
    answers: Answerer
    study: str
    seed: int
    without: Mechanism | None = None
    engine: str = "numpy"
    known: dict[str, float | None] | None = None

    @property
    def name(self) -> str:
        """Also the name of its file."""
        null = "" if self.without is None else f"--without-{self.without}"
        return f"{self.world}{null}--{self.study}--{self.seed}"


def run_study(job: StudyJob) -> dict[str, float | None]:
    """Makes one study; its statistics, None where undefined."""
    if job.known is not None:
        return job.known
    set_torch()
    setting = Setting(
        job.answers,
        job.suite.people,
        derived_seed(job.seed, "validity"),
        job.suite.training,
        job.engine,
    )
    found = STUDIES[job.study].made(setting, job.suite.crossers)
    return {name: value if np.isfinite(value) else None for name, value in found.items()}


def validity_record(suite: Validity, workers: int | None = None) -> Record[StudyJob]:
    """What `undertow validate` makes of a suite; workers: processes of the fit, see `fit_world`."""
    config = suite.model_dump(mode="json", exclude=None if suite.ensemble else {"ensemble"})

    def tasks_of(folder: Path, say: Callable[[str], None]) -> Sequence[StudyJob]:
        fitted, _, alike = _fitted(suite, folder, say, workers)
        jobs, earlier = jobs_of(suite, fitted, alike), earlier_of(folder)
        if earlier is None:
            return jobs
        return [
            replace(job, known=earlier.of(job.world, job.study, job.seed, config)) for job in jobs
        ]

    def finish(
        folder: Path, jobs: Sequence[StudyJob], data: dict[str, Any], manifest: Manifest
    ) -> tuple[dict[str, Any], str]:
        from .report import draw_validity, validity_report  # matplotlib is slow to import

        fitted, steps, alike = _fitted(suite, folder)
        summary = summarise(suite, jobs, data, fitted, steps)
        if (earlier := earlier_of(folder)) is not None and earlier.ensemble is not None:
            summary["ensemble"] = earlier.ensemble
        elif suite.ensemble is not None:
            found = {name: _statistics(jobs, data, name) for name in spread(alike, suite.ensemble)}
            summary["ensemble"] = left_open(suite, found, len(alike))
        draw_validity(summary, folder)
        return summary, validity_report(summary, manifest)

    return Record(
        suite.name,
        KIND,
        config,
        tasks_of=tasks_of,
        work=run_study,
        finish=finish,
        then=lambda jobs, data: null_jobs(suite, jobs, data),
    )


def _studies(suite: Validity) -> list[str]:
    """The studies that the rows and the context ask for, in their order."""
    asked = [part.statistic for row in suite.rows for part in row.parts]
    asked += [beside.statistic for beside in suite.context]
    return list(dict.fromkeys(STATISTICS[name] for name in asked))


def _fitted(
    suite: Validity,
    folder: Path,
    told: Callable[[str], None] = lambda text: None,
    workers: int | None = None,
) -> tuple[Overrides, list[dict[str, Any]], list[Overrides]]:
    """What `fit_world` gives; nothing where no world asks for it."""
    if suite.fit is None or not any(answering.fitted for answering in suite.worlds.values()):
        return {}, [], []
    if (earlier := earlier_of(folder)) is not None:
        return earlier.fit
    parts = folder / "parts"
    overrides, steps, alike = kept(
        parts / "fit.json", lambda: fit_world(suite, parts / "fit.jsonl", told, workers)
    )
    return overrides, steps, alike


def jobs_of(suite: Validity, fitted: Overrides, alike: Sequence[Overrides] = ()) -> list[StudyJob]:
    """All jobs, seed by seed, and then those of the ensemble."""
    answers = {
        name: Answerer.of(fitted if answering.fitted else {}).altered(answering.overrides)
        for name, answering in suite.worlds.items()
    }
    jobs = [
        StudyJob(suite, name, answers[name], study, seed)
        for seed in range(suite.seeds)
        for name in suite.worlds
        for study in _studies(suite)
    ]
    return jobs + [
        StudyJob(suite, name, Answerer.of(overrides), study, SEED)
        for name, overrides in spread(alike, suite.ensemble or 0).items()
        for study in studies_held_out(suite)
    ]


def _statistics(
    jobs: Sequence[StudyJob], data: Mapping[str, dict[str, float | None]], world: str
) -> dict[str, float | None]:
    """All that was found in a world in which every study was made once."""
    return {
        name: value for job in jobs if job.world == world for name, value in data[job.name].items()
    }


def null_jobs(
    suite: Validity, jobs: Sequence[StudyJob], data: Mapping[str, dict[str, float | None]]
) -> list[StudyJob]:
    """The studies of the rows that each world meets, again in each null of that world."""
    if suite.nulls is None:
        return []
    answers = {job.world: job.answers for job in jobs}
    found = _values(jobs, data)
    asked = {
        world: dict.fromkeys(
            STATISTICS[part.statistic]
            for row in suite.rows
            if judge(row, found[world, None])["pass"]
            for part in row.parts
        )
        for world in suite.worlds
    }
    return [
        StudyJob(
            suite, world, answers[world].altered(off), study, seed, mechanism, suite.nulls.engine
        )
        for seed in range(suite.nulls.seeds)
        for world, studies in asked.items()
        for mechanism, off in NULLS.items()
        for study in studies
    ]


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = {key: dict(value) for key, value in below.items()}
    for group, values in above.items():
        merged.setdefault(group, {}).update(values)
    return merged


_Found = Mapping[tuple[str, Mechanism | None], Mapping[str, NDArray[np.float64]]]


def _values(jobs: Sequence[StudyJob], data: Mapping[str, dict[str, float | None]]) -> _Found:
    """By world and by what is off there, of each statistic one value a seed; NaN if undefined."""
    found: dict[tuple[str, Mechanism | None], dict[str, list[float]]] = {}
    for job in jobs:
        here = found.setdefault((job.world, job.without), {})
        for name, value in data[job.name].items():
            here.setdefault(name, []).append(np.nan if value is None else value)
    return {where: {n: np.array(v) for n, v in here.items()} for where, here in found.items()}


def summarise(
    suite: Validity,
    jobs: Sequence[StudyJob],
    data: Mapping[str, dict[str, float | None]],
    fitted: dict[str, Any],
    steps: list[dict[str, Any]],
) -> dict[str, Any]:
    """The whole `summary.json`. `rows` are those of the first world; `worlds` has all."""
    found = _values(jobs, data)
    worlds = {name: _world(suite, name, found, fitted) for name in suite.worlds}
    return {
        "name": suite.name,
        "title": suite.title,
        "seeds": suite.seeds,
        "people": suite.people,
        "crossers": suite.crossers or suite.people,
        "null_seeds": None if suite.nulls is None else suite.nulls.seeds,
        "rows": next(iter(worlds.values()))["rows"],
        "worlds": worlds,
        "fit": steps,
    }


def _world(suite: Validity, name: str, found: _Found, fitted: dict[str, Any]) -> dict[str, Any]:
    answering, here, chosen_for = suite.worlds[name], found[name, None], suite.fitted_rows(name)
    rows = []
    for row in suite.rows:
        without = {m: found[name, m] for m in NULLS if (name, m) in found}
        judged = judge(row, here) | {"chosen_for": row.row in chosen_for}
        rows.append(judged if suite.nulls is None else judged | _in_nulls(row, judged, without))
    counted = [row for row in rows if row["counted"]]
    return {
        "description": answering.description,
        "overrides": _over(fitted if answering.fitted else {}, answering.overrides),
        "rows": rows,
        "met": sum(row["pass"] for row in counted),
        "testable": len(counted),
        "met_held_out": sum(row["pass"] for row in counted if row["held_out"]),
        "held_out": sum(row["held_out"] for row in counted),
        **({} if suite.nulls is None else _counts(counted)),
        "context": [
            beside.model_dump(mode="json") | _told(here[beside.statistic])
            for beside in suite.context
        ],
    }


def _counts(rows: Sequence[dict[str, Any]]) -> dict[str, list[int]]:
    """Of the testable rows those that count, and those of them that nothing was chosen for."""
    diagnostic = [row for row in rows if row["counts"]]
    return {
        "counting": [row["row"] for row in diagnostic],
        "counting_unfitted": [row["row"] for row in diagnostic if not row["chosen_for"]],
    }


def _in_nulls(
    row: Row,
    judged: Mapping[str, Any],
    without: Mapping[Mechanism, Mapping[str, NDArray[np.float64]]],
) -> dict[str, Any]:
    """What a row that is met gives in each null, and whether it counts."""
    nulls = {m: judge(row, values) for m, values in without.items()} if judged["pass"] else {}
    kept = ("pass", "parts")
    return {
        "held_against": row.held_against,
        "nulls": {m: {key: null[key] for key in kept} for m, null in nulls.items()},
        "counts": counts(
            judged["pass"], {m: null["pass"] for m, null in nulls.items()}, row.held_against
        ),
    }


def judge(row: Row, values: Mapping[str, NDArray[np.float64]]) -> dict[str, Any]:
    """A row with what the copies of its study gave; it passes if every part's mean is in band.

    values: of each statistic, one a seed; NaN where undefined.
    """
    parts = [_judge_part(part, values[part.statistic]) for part in row.parts]
    return {
        **row.model_dump(mode="json", exclude={"parts"}),
        "band": parts[0]["band"],
        "simulated": parts[0]["simulated"],
        "pass": all(part["pass"] for part in parts),
        "parts": parts,
    }


def _judge_part(part: Part, values: NDArray[np.float64]) -> dict[str, Any]:
    told = _told(values)
    met = part.meets(told["simulated"]["mean"])
    return {**part.model_dump(mode="json"), "simulated": told["simulated"], "pass": met} | told


def _told(values: NDArray[np.float64]) -> dict[str, Any]:
    """A statistic's mean with its interval, and its values, one a seed."""
    defined = values[np.isfinite(values)]
    # A mean over the few seeds in which a number is defined would choose its cases.
    mean = estimate(values) if 2 * defined.size > values.size else Estimate(None, None, None, 0)
    return {
        "simulated": mean.as_dict(),
        "values": [float(v) if np.isfinite(v) else None for v in values],
    }
