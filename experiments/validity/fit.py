"""Fits the free parameters of the default world to the rows that are not held out, block by block.

Each block has its own parameters and the statistics that identify them (habit from the bonus
experiment, temptation from the wedge, and so on), and starts from what the blocks before it found;
the last has them all, and may draw what nothing asks to move to the default. A block is screened at
points of a scrambled Sobol sequence and searched from the best of them, or from where it stood if
that is better, by Gauss-Newton steps within a trust region (`descent.py`), all on one fixed set of
people, so it is repeatable. A statistic in the middle half of its band costs nothing, so a fit
stops where it is good and not where a number is hit. Every evaluation is kept, and a stopped fit
replays them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ..job import derived_seed
from ..pool import Pool, process_pool
from ..provenance import digest, write_whole
from .answerer import Answerer
from .config import Fit, FitBlock, Validity
from .descent import Point, beyond, descend
from .studies import STATISTICS, STUDIES, Setting, Values


def statistics_of(fit: Fit, block: FitBlock, answerer: Answerer) -> list[float]:
    """The block's statistics among the people of the fit, each study made once."""
    setting = Setting(answerer, fit.people, derived_seed(fit.seed, "fit"), engine=fit.engine)
    found: Values = {}
    asked = [fit.asked_then.get(name, name) for name in block.statistics]
    for study in dict.fromkeys(STATISTICS[name] for name in asked):
        found |= STUDIES[study].made(setting, _crossers(fit, block))
    return [found[name] for name in asked]


def _crossers(fit: Fit, block: FitBlock) -> int:
    return fit.crossers if block.crossers is None else block.crossers


Overrides = dict[str, Any]


def fit_world(
    suite: Validity,
    log: Path,
    told: Callable[[str], None] = lambda text: None,
    workers: int | None = None,
) -> tuple[Overrides, list[dict[str, Any]], list[Overrides]]:
    """The overrides that the fit found, how each block went, and which worlds would do as well.

    Those are the worlds that the last block tried and all of whose statistics were inside their
    bands, in the order tried, each once. (An inset is what the search keeps off the ends, and not
    what the evidence asks.)

    log: a file of evaluations, a JSON line each; what it holds is not computed again. workers:
    processes, one a core if None; what is found does not depend on them.
    """
    assert suite.fit is not None
    found = Answerer.of(suite.fit.start)
    steps = []
    with process_pool(workers) as pool:
        evaluations = _Evaluations(suite.fit, log, pool, told)
        for block in suite.fit.blocks * suite.fit.passes:
            found, step, alike = _fit_block(suite, block, found, evaluations)
            steps.append(step)
    return _overrides(suite.fit, found), steps, [_overrides(suite.fit, one) for one in alike]


def _overrides(fit: Fit, answerer: Answerer) -> Overrides:
    overrides: Overrides = {group: dict(values) for group, values in fit.start.items()}
    for block in fit.blocks:
        for knob in block.knobs:
            group, name = knob.parameter.split(".")
            overrides.setdefault(group, {})[name] = answerer.value_of(knob.parameter)
    return overrides


def _fit_block(
    suite: Validity, block: FitBlock, start: Answerer, evaluations: _Evaluations
) -> tuple[Answerer, dict[str, Any], list[Answerer]]:
    assert suite.fit is not None
    parts, so_far = [suite.part(name) for name in block.statistics], evaluations.asked
    bands = np.array(
        [[np.nan if end is None else end for end in part.band] for part in suite.asked(block)]
    )
    met: dict[str, Answerer] = {}

    def points(places: Sequence[NDArray[np.float64]]) -> list[Point]:
        tried = [_at(start, block, place) for place in places]
        found = evaluations.of(block, tried)
        for answerer, values in zip(tried, found, strict=True):
            if all(part.meets(value) for part, value in zip(parts, values, strict=True)):
                met.setdefault(json.dumps(answerer.as_dict(), sort_keys=True), answerer)
        return [Point(place, values) for place, values in zip(places, found, strict=True)]

    def place_of(answerer: Answerer) -> NDArray[np.float64]:
        values = [(k, answerer.value_of(k.parameter)) for k in block.knobs]
        return np.array([_place(k.low, k.high, value) for k, value in values])

    before = place_of(start)
    first, *screened = points([before, *_screen(block, suite.fit.seed)])
    best = min([first, *screened], key=lambda point: point.cost(bands))
    end = descend(
        best,
        bands,
        points,
        rounds=block.rounds,
        origin=place_of(Answerer.of({})),
        nearness=block.nearness,
        told=partial(evaluations.tell, block),
    )
    after = _at(start, block, end.place)
    step = {
        "block": block.name,
        "evaluations": evaluations.asked - so_far,
        "cost_before": first.cost(bands),
        "cost_after": end.cost(bands),
        "outside": [
            name
            for name, far in zip(block.statistics, beyond(bands, end.values), strict=True)
            if abs(far) > 0.5
        ],
        "parameters": {
            knob.parameter: {
                "before": start.value_of(knob.parameter),
                "after": after.value_of(knob.parameter),
                "range": [knob.low, knob.high],
            }
            for knob in block.knobs
        },
    }
    return after, step, list(met.values())


@dataclass
class _Evaluations:
    """Statistics at places, kept in a file; what is missing is made by the pool's processes."""

    fit: Fit
    log: Path
    pool: Pool
    told: Callable[[str], None]
    asked: int = 0
    known: dict[str, list[float]] = field(init=False)

    def __post_init__(self) -> None:
        self.known = _read(self.log)

    def of(self, block: FitBlock, tried: Sequence[Answerer]) -> list[NDArray[np.float64]]:
        """The block's statistics of each, in the order of `tried`; NaN where undefined."""
        self.asked += len(tried)
        keys = [_key(self.fit, block, answerer) for answerer in tried]
        missing = {
            key: (self.fit, block, answerer)
            for key, answerer in zip(keys, tried, strict=True)
            if key not in self.known
        }
        work = list(missing.items())
        for done, (number, values) in enumerate(
            self.pool.done(_evaluated, [(n, *task) for n, (_, task) in enumerate(work)])
        ):
            key = work[number][0]
            self.known[key] = values
            with self.log.open("a", encoding="utf-8") as file:
                file.write(json.dumps([key, values, digest([key, values])]) + "\n")
            self.told(f"fit of {block.name}: {done + 1} of {len(work)} evaluations")
        return [np.array(self.known[key], dtype=np.float64) for key in keys]

    def tell(self, block: FitBlock, text: str) -> None:
        """Says how a block goes."""
        self.told(f"fit of {block.name}: {text}")


def _evaluated(
    task: tuple[int, Fit, FitBlock, Answerer],
) -> tuple[int, list[float]]:
    number, fit, block, answerer = task
    return number, statistics_of(fit, block, answerer)


def _key(fit: Fit, block: FitBlock, answerer: Answerer) -> str:
    whose = [fit.seed, fit.people, _crossers(fit, block), fit.engine, block.statistics]
    return json.dumps([whose, answerer.as_dict()], sort_keys=True)


def _place(low: float, high: float, value: float) -> float:
    return float(np.clip((value - low) / (high - low), 0.0, 1.0))


def _at(start: Answerer, block: FitBlock, place: NDArray[np.float64]) -> Answerer:
    """With the block's parameters at a place of the unit cube, to four digits."""
    overrides: dict[str, Any] = {}
    for knob, share in zip(block.knobs, place, strict=True):
        group, name = knob.parameter.split(".")
        value = float(f"{knob.low + share * (knob.high - knob.low):.4g}")
        overrides.setdefault(group, {})[name] = value
    return start.altered(overrides)


def _screen(block: FitBlock, seed: int) -> list[NDArray[np.float64]]:
    """Points of a scrambled Sobol sequence in the unit cube of the block's parameters."""
    sequence = stats.qmc.Sobol(
        len(block.knobs), rng=np.random.Generator(np.random.Philox([seed, len(block.knobs)]))
    )
    return list(sequence.random(block.screened))


def _read(log: Path) -> dict[str, list[float]]:
    """Evaluations of an earlier, stopped fit; lines that were cut short or damaged are left out.

    They are taken out of the file too: what is added next begins a line of its own.
    """
    if not log.exists():
        return {}
    known, whole = {}, []
    for line in log.read_bytes().splitlines(keepends=True):
        try:
            key, values, sha256 = json.loads(line)
            if not line.endswith(b"\n") or digest([key, values]) != sha256:
                continue
        except (ValueError, TypeError):
            continue
        known[key] = values
        whole.append(line)
    write_whole(log, b"".join(whole))
    return known
