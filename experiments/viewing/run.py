"""Fits a world to a log of views and puts both beside each other; `undertow fit-views`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml

from ...envs.world import WorldParameters, altered
from ..job import derived_seed
from ..parts import kept
from ..provenance import write_whole
from ..record import Record
from ..result_folder import Manifest
from .config import Viewing
from .fit import AIMS, Aim, Fitted, Target, fit, measured, refit
from .log_file import LogReport, read_log
from .marginals import (
    FITTED,
    STATISTICS,
    People,
    people_of,
    repeat_by_gap,
    resampled,
    statistics,
)
from .simulated import READINGS, Reading, simulate
from .views import Views

KIND = "viewing"
FITTED_WORLD = "world.yaml"
GAPS = (1, 2, 4, 8, 24, 56)  # slots
_ERROR_DRAWS = 400  # of people, for the standard errors of the log's statistics
_KNOWN = 0.95  # share of these draws in which a statistic must have a value
_CHUNK = 10  # draws or simulations a task
_QUANTILES = tuple(round(q, 2) for q in np.linspace(0.02, 0.98, 49))


@dataclass(frozen=True)
class Chunk:
    """Some draws to be fitted anew, or some simulations of a world."""

    viewing: Viewing
    what: Literal["draws", "fitted", "start"]
    reading: Reading
    first: int
    fitted: Fitted
    values: tuple[dict[str, float], ...]
    """Statistics of the draws; of simulations, one empty mapping each."""
    errors: dict[str, float]
    people: int
    """Simulated: as the config says in a fit, as many as the log has for marginals."""

    @property
    def name(self) -> str:
        """Also the name of its part."""
        return f"{self.reading}--{self.what}--{self.first}"


def viewing_record(viewing: Viewing) -> Record[Chunk]:
    """What `undertow fit-views` makes of a config.

    Raises `TableError` for a log that cannot be used.
    """
    report = read_log(viewing.log, viewing.start())

    def finish(
        folder: Path, tasks: Sequence[Chunk], data: dict[str, Any], manifest: Manifest
    ) -> tuple[dict[str, Any], str]:
        from .report import draw_marginals, viewing_report  # matplotlib is slow to import

        fits = _fits(viewing, report, folder, lambda text: None)
        summary = summarise(viewing, report, fits, tasks, data)
        write_whole(folder / FITTED_WORLD, fitted_world(viewing, summary).encode())
        draw_marginals(summary, folder)
        return summary, viewing_report(summary, manifest)

    return Record(
        viewing.name,
        KIND,
        viewing.resolved(report.sha256),
        tasks_of=lambda folder, say: tasks_of(viewing, report, folder, say),
        work=work,
        finish=finish,
    )


def tasks_of(
    viewing: Viewing, report: LogReport, folder: Path, say: Callable[[str], None]
) -> list[Chunk]:
    """The fits are made first; draws of people and simulations of both worlds follow."""
    people = people_of(report.views, viewing.start().calendar.slots_per_day)
    fits = _fits(viewing, report, folder, say)
    errors = {name: target.error for name, target in _targets(viewing, people).items()}
    draws = resampled(people, viewing.draws, derived_seed(viewing.seed, "draws"))
    empty: list[dict[str, float]] = [{}] * viewing.lives
    tasks = []
    for reading in viewing.readings:
        fitted = fits[reading, viewing.items[0]]
        wanted: list[tuple[Literal["draws", "fitted", "start"], list[dict[str, float]], int]] = [
            ("fitted", empty, people.views.size),
            ("start", empty, people.views.size),
        ]
        if fitted.aims:
            wanted.insert(0, ("draws", _usable(fitted, draws), viewing.people))
        for what, values, size in wanted:
            for first in range(0, len(values), _CHUNK):
                some = tuple(values[first : first + _CHUNK])
                tasks.append(Chunk(viewing, what, reading, first, fitted, some, errors, size))
    return tasks


def _usable(fitted: Fitted, draws: list[dict[str, float]]) -> list[dict[str, float]]:
    """Draws of people in which every statistic that sets a parameter has a value."""
    return [one for one in draws if all(np.isfinite(one[aim.statistic]) for aim in fitted.aims)]


def work(chunk: Chunk) -> list[Any]:
    """Fits the draws, or simulates the world, of a task."""
    start = chunk.viewing.start()
    found: list[Any] = []
    for number, values in enumerate(chunk.values, chunk.first):
        seed = derived_seed(chunk.viewing.seed, f"{chunk.reading}/{number}")
        if chunk.what == "draws":
            one = refit(chunk.fitted, chunk.errors, values, start, people=chunk.people, seed=seed)
        else:
            changed = chunk.fitted.overrides() if chunk.what == "fitted" else {}
            world = altered(start, changed)
            views = simulate(world, chunk.reading, people=chunk.people, seed=seed)
            one = marginals(views, world.calendar.slots_per_day)
        found.append(one)
    return found


def marginals(views: Views, slots_per_day: int) -> dict[str, Any]:
    """The statistics of views, and the curves that are drawn beside each other; JSON data."""
    people = people_of(views, slots_per_day)
    items = np.bincount(views.item, minlength=views.topic_of.size)
    topics = np.sort(people.topic_views.sum(axis=0))[::-1]
    share = people.top_share[np.isfinite(people.top_share)]
    known = views.minutes[np.isfinite(views.minutes)]
    gaps = repeat_by_gap(views, GAPS)
    return {
        "statistics": _told(statistics(people)),
        "item_views": (np.quantile(items, _QUANTILES) / items.mean()).tolist(),
        "topic_share": (topics / topics.sum()).tolist(),
        "top_share": np.quantile(share, _QUANTILES).tolist() if share.size else [],
        "minutes": np.quantile(known, _QUANTILES).tolist() if known.size else [],
        "repeat": [one["value"] if np.isfinite(one["value"]) else None for one in gaps],
    }


def summarise(
    viewing: Viewing,
    report: LogReport,
    fits: dict[tuple[Reading, int], Fitted],
    tasks: Sequence[Chunk],
    data: dict[str, Any],
) -> dict[str, Any]:
    """The whole `summary.json`."""
    slots = viewing.start().calendar.slots_per_day
    people = people_of(report.views, slots)
    draws = resampled(people, _ERROR_DRAWS, derived_seed(viewing.seed, "errors"))
    seed = derived_seed(viewing.seed, "gaps")
    gaps = repeat_by_gap(report.views, GAPS, draws=_ERROR_DRAWS, seed=seed)
    log = marginals(report.views, slots) | {
        "intervals": _intervals(draws),
        "gaps": [_told(one) for one in gaps],
    }
    readings = {}
    for reading in viewing.readings:
        done = {
            what: [
                one
                for task in tasks
                if (task.reading, task.what) == (reading, what)
                for one in data[task.name]
            ]
            for what in ("draws", "fitted", "start")
        }
        fitted = fits[reading, viewing.items[0]]
        readings[reading] = {
            "parameters": _parameters(fitted, viewing.start(), done["draws"]),
            "left": fitted.left,
            "reach": fitted.reach,
            "draws_used": len(done["draws"]),
            "draws_off": _off(done["draws"]),
            "fitted": _worlds(done["fitted"]),
            "start": _worlds(done["start"]),
            "other_sizes": {
                str(items): {
                    "parameters": _flat(fits[reading, items]),
                    "left": fits[reading, items].left,
                    "statistics": _told(
                        measured(
                            altered(viewing.start(items), fits[reading, items].overrides()),
                            reading,
                            people=viewing.people,
                            seed=derived_seed(viewing.seed, "fit"),
                        )
                    ),
                }
                for items in viewing.items
            },
        }
    return {
        "name": viewing.name,
        "title": viewing.title,
        "description": viewing.description,
        "source": viewing.source,
        "world": viewing.world,
        "items": viewing.items,
        "people": viewing.people,
        "draws": viewing.draws,
        "lives": viewing.lives,
        "log": log
        | {
            "summary": report.summary,
            "repairs": report.repairs,
            "topics": list(report.topics),
            "sha256": report.sha256,
        },
        "quantiles": list(_QUANTILES),
        "gaps": list(GAPS),
        "readings": readings,
    }


def fitted_world(viewing: Viewing, summary: dict[str, Any]) -> str:
    """`world.yaml`: overrides of a world, which a run config names as `overrides_from:`."""
    reading = viewing.readings[0]
    overrides: dict[str, Any] = {"catalogue": {"items": viewing.items[0]}}
    for parameter, found in summary["readings"][reading]["parameters"].items():
        group, name = parameter.split(".")
        overrides.setdefault(group, {})[name] = found["value"]
    hashes = ", ".join(f"{role} {sha[:12]}" for role, sha in summary["log"]["sha256"].items())
    head = (
        f"# Fitted by `undertow fit-views` ({viewing.name}, reading {reading}); sha256 of its log: "
        f"{hashes}.\n# Name it in a run config, as a world's overrides_from; all else is the "
        "preset's.\n"
    )
    return head + yaml.safe_dump(overrides, sort_keys=True)


def _fits(
    viewing: Viewing, report: LogReport, folder: Path, say: Callable[[str], None]
) -> dict[tuple[Reading, int], Fitted]:
    """Every reading fitted in every size of catalogue; a stopped run finds them in its parts."""
    made = kept(folder / "parts" / "fits.json", partial(_make_fits, viewing, report, say))
    return {(one["reading"], one["items"]): _fitted(one["fit"]) for one in made}


def _make_fits(
    viewing: Viewing, report: LogReport, say: Callable[[str], None]
) -> list[dict[str, Any]]:
    people = people_of(report.views, viewing.start().calendar.slots_per_day)
    targets = _targets(viewing, people)
    fits = {}
    for reading in READINGS:
        for items in viewing.items if reading in viewing.readings else ():
            fits[reading, items] = fit(
                targets,
                viewing.start(items),
                reading,
                people=viewing.people,
                seed=derived_seed(viewing.seed, "fit"),
                told=partial(_say, say, items),
            )
    return [
        {"reading": reading, "items": items, "fit": asdict(one)}
        for (reading, items), one in fits.items()
    ]


def _say(say: Callable[[str], None], items: int, text: str) -> None:
    say(f"{items} items, {text}")


def _fitted(made: dict[str, Any]) -> Fitted:
    reading: Reading = made["reading"]
    aims = {aim.parameter: aim for aim in AIMS[reading]}
    chosen: list[Aim] = [aims[one["parameter"]] for one in made["aims"]]
    return Fitted(
        reading,
        tuple(chosen),
        tuple(made["places"]),
        tuple(tuple(row) for row in made["slopes"]),
        dict(made["left"]),
        {name: (low, high) for name, (low, high) in made["reach"].items()},
    )


def _targets(viewing: Viewing, people: People) -> dict[str, Target]:
    draws = resampled(people, _ERROR_DRAWS, derived_seed(viewing.seed, "errors"))
    values = statistics(people)
    found = {}
    for name in FITTED:
        drawn = np.array([one[name] for one in draws])
        known = np.isfinite(drawn)
        # Where a few draws of people have no value, too few people have one.
        error = float(drawn[known].std(ddof=1)) if known.mean() >= _KNOWN else float("nan")
        found[name] = Target(values[name], error)
    return found


def _intervals(draws: list[dict[str, float]]) -> dict[str, list[float] | None]:
    """95 % percentile intervals of every statistic; None where it has no value."""
    found: dict[str, list[float] | None] = {}
    for name in STATISTICS:
        values = np.array([one[name] for one in draws], dtype=np.float64)
        values = values[np.isfinite(values)]
        found[name] = np.quantile(values, [0.025, 0.975]).tolist() if values.size else None
    return found


def _parameters(
    fitted: Fitted, start: WorldParameters, draws: list[dict[str, Any]]
) -> dict[str, Any]:
    found = {}
    for aim, place in zip(fitted.aims, fitted.places, strict=True):
        values = [one["parameters"][aim.parameter] for one in draws]
        low, high = np.quantile(values, [0.025, 0.975])
        found[aim.parameter] = {
            "statistic": aim.statistic,
            "start": aim.of(start),
            "value": aim.value(place),
            "low": float(low),
            "high": float(high),
            "range": [aim.low, aim.high],
        }
    return found


def _off(draws: list[dict[str, Any]]) -> float | None:
    """How many of the draws' fits stayed more than a standard error off, as a share."""
    return float(np.mean([one["off"] > 1 for one in draws])) if draws else None


def _flat(fitted: Fitted) -> dict[str, float]:
    pairs = zip(fitted.aims, fitted.places, strict=True)
    return {aim.parameter: aim.value(place) for aim, place in pairs}


def _worlds(simulations: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over simulations, with the interval in which 95 % of them lie for the statistics."""

    def middle(name: str) -> list[float | None]:
        columns = np.array([one[name] for one in simulations if one[name]], dtype=np.float64)
        if not columns.size:
            return []
        return [float(value) if np.isfinite(value) else None for value in columns.mean(axis=0)]

    values = [
        {k: np.nan if v is None else v for k, v in one["statistics"].items()} for one in simulations
    ]
    mean = {name: float(np.mean([one[name] for one in values])) for name in STATISTICS}
    curves = ("item_views", "topic_share", "top_share", "minutes", "repeat")
    return {"statistics": _told(mean), "intervals": _intervals(values)} | {
        name: middle(name) for name in curves
    }


def _told(values: dict[str, float]) -> dict[str, float | None]:
    return {name: value if np.isfinite(value) else None for name, value in values.items()}
