"""Fits the free parameters of the default world to the rows that are not held out, block by block.

Each block has its own parameters and the statistics that identify them (habit from the bonus
experiment, temptation from the wedge, and so on), and starts from what the blocks before it found.
A block is screened at points of a scrambled Sobol sequence and searched from the best of them, or
from where it stood if that is better, by the method of Nelder and Mead (1965) within bounds; all on
one fixed set of people, so it is repeatable. A statistic in the middle half of its band costs
nothing, so a fit stops where it is good and not where a number is hit. Every evaluation is kept,
and a stopped fit replays them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from ...envs.world import WorldParameters, altered, world
from ...envs.world.parameters import PRESETS
from ..job import derived_seed
from .config import Fit, FitBlock, Part, Validity
from .studies import STATISTICS, STUDIES, Setting, Values

_FIRST_STEP = 0.2  # of a parameter's range
_UNDEFINED = 25.0  # cost of a statistic without a value


def vulnerable_of(parameters: WorldParameters) -> WorldParameters:
    """The same world among the people of the `vulnerable` preset."""
    return altered(parameters, PRESETS["vulnerable"])


def cost(part: Part, value: float) -> float:
    """Squared distance beyond the middle half of a band, in half-widths.

    Of an open band, beyond its end; the unit is a tenth, or a tenth of an end above 1.
    """
    if not np.isfinite(value):
        return _UNDEFINED
    low, high = part.band
    if low is not None and high is not None:
        beyond = abs(value - 0.5 * (low + high)) / (0.5 * (high - low)) - 0.5
    else:
        end = low if low is not None else high
        assert end is not None
        beyond = (end - value if low is not None else value - end) / (0.1 * max(1.0, abs(end)))
    return max(0.0, beyond) ** 2


def statistics_of(setting: Setting, names: list[str]) -> Values:
    """These statistics, each study made once."""
    found: Values = {}
    for study in dict.fromkeys(STATISTICS[name] for name in names):
        found |= STUDIES[study].measure(setting)
    return {name: found[name] for name in names}


def fit_world(
    suite: Validity, log: Path, told: Callable[[str], None] = lambda text: None
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The overrides that the fit found, and how each block went.

    log: a file of evaluations, a JSON line each; what it holds is not computed again.
    """
    assert suite.fit is not None
    known = _read(log)
    found = world()
    steps = []
    for block in suite.fit.blocks * suite.fit.passes:
        before = {knob.parameter: knob.value_in(found) for knob in block.knobs}

        def loss(
            place: NDArray[np.float64], block: FitBlock = block, start: WorldParameters = found
        ) -> float:
            tried = _at(start, block, place)
            key = json.dumps([block.name, tried.model_dump(mode="json")], sort_keys=True)
            if key not in known:
                assert suite.fit is not None
                values = statistics_of(_setting(tried, suite.fit), block.statistics)
                total = sum(cost(suite.part(name), value) for name, value in values.items())
                known[key] = total
                with log.open("a", encoding="utf-8") as file:
                    file.write(json.dumps([key, total]) + "\n")
                told(f"fit of {block.name}: {total:.3f}")
            return known[key]

        first = np.array([_place(k.low, k.high, before[k.parameter]) for k in block.knobs])
        cost_before = loss(first)
        best = min([first, *_screen(block, suite.fit.seed)], key=loss)
        result = optimize.minimize(
            loss,
            best,
            method="Nelder-Mead",
            bounds=[(0.0, 1.0)] * first.size,
            options={
                "initial_simplex": _simplex(best),
                "maxfev": block.evaluations,
                "xatol": 1e-3,
                "fatol": 1e-4,
            },
        )
        found = _at(found, block, result.x)
        steps.append(
            {
                "block": block.name,
                "evaluations": int(result.nfev),
                "cost_before": cost_before,
                "cost_after": float(result.fun),
                "parameters": {
                    knob.parameter: {
                        "before": before[knob.parameter],
                        "after": knob.value_in(found),
                        "range": [knob.low, knob.high],
                    }
                    for knob in block.knobs
                },
            }
        )
    overrides: dict[str, Any] = {}
    for block in suite.fit.blocks:
        for knob in block.knobs:
            group, name = knob.parameter.split(".")
            overrides.setdefault(group, {})[name] = knob.value_in(found)
    return overrides, steps


def _setting(parameters: WorldParameters, fit: Fit) -> Setting:
    seed = derived_seed(fit.seed, "fit")
    return Setting(parameters, vulnerable_of(parameters), fit.people, seed)


def _place(low: float, high: float, value: float) -> float:
    return float(np.clip((value - low) / (high - low), 0.0, 1.0))


def _at(
    parameters: WorldParameters, block: FitBlock, place: NDArray[np.float64]
) -> WorldParameters:
    """The world with the block's parameters at a place of the unit cube, to four digits."""
    for knob, share in zip(block.knobs, place, strict=True):
        value = float(f"{knob.low + share * (knob.high - knob.low):.4g}")
        parameters = altered(parameters, knob.override(value))
    return parameters


def _screen(block: FitBlock, seed: int) -> list[NDArray[np.float64]]:
    """Points of a scrambled Sobol sequence in the unit cube of the block's parameters."""
    sequence = stats.qmc.Sobol(
        len(block.knobs), rng=np.random.Generator(np.random.Philox([seed, len(block.knobs)]))
    )
    return list(sequence.random(block.screened))


def _simplex(start: NDArray[np.float64]) -> NDArray[np.float64]:
    """The start and, along each axis, a step into the wider side of the range."""
    corners = [start]
    for axis in range(start.size):
        corner = start.copy()
        corner[axis] += _FIRST_STEP if start[axis] < 0.5 else -_FIRST_STEP
        corners.append(corner)
    return np.array(corners)


def _read(log: Path) -> dict[str, float]:
    """Evaluations of an earlier, stopped fit; a last line that was cut short is left out."""
    if not log.exists():
        return {}
    known = {}
    for line in log.read_text(encoding="utf-8").splitlines():
        try:
            key, total = json.loads(line)
        except ValueError:
            continue
        known[key] = float(total)
    return known
