"""`undertow bench`: every rate and ratio by name, taken in one run."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...envs.feed_batch import ENGINES, missing
from . import learner, profile, quality, sardine, sweep, world
from .timing import Rates

SUITES = ("world", "growth", "single", "fused", "sardine", "learner", "sweep", "profile")
# Some minutes each, only where they are asked for: whole trainings, and a tenth of the headline.
LONG = ("quality", "headline")


@dataclass(frozen=True)
class Line:
    """One figure. `unit` is slots/s for a rate and x for a ratio."""

    name: str
    value: float | None
    unit: str
    remark: str = ""


def run_suites(
    suites: tuple[str, ...], cache: Path, rounds: int, told: Callable[[str], None]
) -> Iterator[Line]:
    """Runs the named suites in their order; yields their figures. cache: for SARDINE's venv."""
    parts: dict[str, Callable[[], Iterator[Line]]] = {
        "world": lambda: _world(rounds),
        "growth": lambda: _growth(rounds),
        "single": lambda: _single(rounds),
        "fused": lambda: _fused(rounds),
        "sardine": lambda: _sardine(cache, rounds),
        "learner": lambda: _learner(rounds),
        "sweep": lambda: _sweep(rounds),
        "profile": _profile,
        "quality": _quality,
        "headline": _headline,
    }
    for name in suites:
        told(name)
        yield from parts[name]()


def _engines() -> tuple[str, ...]:
    return tuple(engine for engine in ENGINES if missing(engine) is None)


def _world(rounds: int) -> Iterator[Line]:
    for engine in _engines():
        rates = world.by_people(rounds=rounds, engine=engine)
        for people in rates.of:
            name = f"world_{engine}_{people}"
            yield Line(name, rates.median(people), "slots/s", "people in the batch")
        yield Line(f"world_{engine}_1024_over_1", rates.ratio("1024", "1"), "x")


def _growth(rounds: int) -> Iterator[Line]:
    rates = world.by_people(world.PEOPLE_GROWTH, min(rounds, 3))
    for people in rates.of:
        cost = 1e9 / rates.median(people)
        yield Line(f"ns_per_slot_{people}_people", cost, "ns")
    rates = world.by_items(world.ITEMS_GROWTH, rounds=min(rounds, 3))
    for items in rates.of:
        cost = 1e9 / rates.median(items)
        yield Line(f"ns_per_slot_{items}_items", cost, "ns", "256 people")
    rates = world.by_slate(world.SLATE_GROWTH, rounds=min(rounds, 3))
    for size in rates.of:
        cost = 1e9 / rates.median(size)
        yield Line(f"ns_per_slot_slate_of_{size}", cost, "ns", "1,024 people")


def _single(rounds: int) -> Iterator[Line]:
    engines = _engines()
    rates = world.against_cartpole(engines, rounds)
    remark = "gymnasium.make, by the second of CPU"
    yield Line("single_cartpole", rates.median("cartpole"), "steps/s", remark)
    for engine in (*engines, "auto"):
        rate = rates.median(engine)
        yield Line(f"single_feed_{engine}", rate, "slots/s", f"{remark}, one person")
        yield Line(f"single_{engine}_over_cartpole", rates.ratio(engine, "cartpole"), "x")


def _fused(rounds: int) -> Iterator[Line]:
    if (why := missing("numba")) is not None:
        yield Line("fused_over_slot", None, "x", f"not measured: {why}")
        return
    rates = world.against_fused(rounds=rounds)
    yield Line("slot_16384", rates.median("slot"), "slots/s", "with its luck, no logs or views")
    yield Line("fused_16384", rates.median("fused"), "slots/s", "the same, by numba")
    yield Line("fused_over_slot", rates.ratio("fused", "slot"), "x")


def _sardine(cache: Path, rounds: int) -> Iterator[Line]:
    engines = _engines()
    taken: dict[str, list[float]] = {side: [] for side in ("sardine", *engines)}
    try:
        for _ in range(rounds):
            taken["sardine"].append(sardine.rate(cache / "sardine"))
            for engine in engines:
                taken[engine].append(world.by_people((1024,), 1, engine).median("1024"))
    except (sardine.NotInstalled, OSError) as error:
        yield Line("world_1024_over_sardine", None, "x", f"not measured: {error}")
        return
    rates = Rates(taken)
    yield Line("sardine_1", rates.median("sardine"), "steps/s", sardine.NAME)
    for engine in engines:
        ratio = rates.ratio(engine, "sardine")
        yield Line(f"world_{engine}_1024_over_sardine", ratio, "x", sardine.PACKAGE)


def _learner(rounds: int) -> Iterator[Line]:
    for threads in (1, 2):
        rates = learner.against_nothing(threads, _engines(), rounds)
        end = f"{threads}_thread{'s' * (threads > 1)}"
        yield Line(f"ppo_nothing_{end}", rates.median("nothing"), "slots/s")
        for engine in _engines():
            yield Line(f"ppo_{engine}_{end}", rates.median(engine), "slots/s")
            yield Line(f"ppo_{engine}_over_nothing_{end}", rates.ratio(engine, "nothing"), "x")
    rates = learner.against_dummy(rounds=min(rounds, 3))
    yield Line("ppo_dummy_8", rates.median("dummy"), "slots/s", "DummyVecEnv of 8")
    yield Line("ppo_native_over_dummy", rates.ratio("native", "dummy"), "x")


def _sweep(rounds: int) -> Iterator[Line]:
    rates = sweep.by_workers((1, 2), min(rounds, 3))
    yield Line("workers_2", rates.median("2"), "slots/s", "PPO, a torch thread each")
    yield Line("workers_2_over_1", rates.ratio("2", "1"), "x", f"{os.cpu_count()} cores")
    for seeds, cost in sweep.by_seeds().items():
        yield Line(f"seconds_per_seed_{seeds}_seeds", cost, "s", "a short PPO and greedy")


def _quality() -> Iterator[Line]:
    for name, chosen in quality.settings().items():
        if name != "numba" or name in _engines():
            found = quality.trained(chosen)
            yield Line(f"quality_{name}_seconds", found.seconds, "s", f"{chosen.slots:,} slots")
            yield Line(f"quality_{name}_minutes", found.minutes, "min", "watched a day afterwards")


def _headline() -> Iterator[Line]:
    seeds, minutes, peak = sweep.headline()
    yield Line("headline_seed_minutes", minutes, "min", "all cells of one seed, every core")
    yield Line("headline_hours", seeds * minutes / 60, "h", f"{seeds} seeds")
    yield Line("headline_memory", peak, "MB", "the largest worker, once a core")


def _profile() -> Iterator[Line]:
    for part, share in profile.of_a_step().items():
        yield Line(f"share_of_a_step_{part}", 100 * share, "%", f"{profile.PEOPLE} people")
    for part, share in profile.of_training().items():
        yield Line(f"share_of_training_{part}", 100 * share, "%", "one thread")


def as_json(lines: list[Line], rounds: int) -> dict[str, Any]:
    """What `--json` saves: the machine, and every figure by name."""
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "python": platform.python_version(),
        "rounds": rounds,
        "figures": {
            line.name: {key: value for key, value in asdict(line).items() if key != "name"}
            for line in lines
        },
    }
