"""The commands that make a record: validate, phase, hypotheses, tiny, fit-views and so on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from rich.table import Table

from ..envs.feed_batch import ENGINES
from .config import ConfigError, told
from .naming import checked_name
from .record import Record, report_anew, run_record
from .result_folder import ResultError
from .terminal import TRUST, bar, console, fail, problems_told

CONFIGS = Path(__file__).parent / "configs"
_OTHERS = CONFIGS / "other"
_VALIDITY = CONFIGS / "validity.yaml"
_SENSITIVITY = _OTHERS / "sensitivity.yaml"
_TAMPERING = _OTHERS / "tampering.yaml"
_BUDGETS = _OTHERS / "budgets.yaml"
_HYPOTHESES = _OTHERS / "hypotheses.yaml"
_TINY = _OTHERS / "tinyfeed.yaml"

# The command that takes a config, where it is not `run`, by the first word of the file's name.
_COMMANDS = {
    "budgets": "budgets",
    "hypotheses": "hypotheses",
    "phase": "phase",
    "sensitivity": "sensitivity",
    "tampering": "replicate",
    "tinyfeed": "tiny",
    "validity": "validate",
    "views": "fit-views",
}


def record_configs() -> dict[Path, str]:
    """The configs that come with Undertow and that `run` does not take, each with its command."""
    files = sorted([_VALIDITY, *_OTHERS.glob("*.yaml")], key=lambda file: file.stem)
    named = {file: _COMMANDS.get(file.stem.split("_")[0]) for file in files}
    return {file: command for file, command in named.items() if command is not None}


def make(record: Record[Any], results: Path, *, fresh: bool, workers: int | None) -> Path:
    """Runs a record under a progress bar; its folder."""
    with bar(record.name) as told:
        return run_record(record, results, fresh=fresh, workers=workers, told=told)


_Results = Annotated[Path, typer.Option(help="folder of results")]
_Fresh = Annotated[bool, typer.Option(help="replace an existing result")]
_Workers = Annotated[int | None, typer.Option(min=1, help="processes; one a core")]


def validate_command(
    file: Annotated[Path, typer.Argument(help="the suite in YAML")] = _VALIDITY,
    results: _Results = Path("results"),
    fresh: _Fresh = False,
    extend: Annotated[
        bool, typer.Option(help="keep what a finished result of an earlier form of the suite has")
    ] = False,
    workers: _Workers = None,
    report: Annotated[
        bool, typer.Option(help="only write a finished result's report anew")
    ] = False,
) -> None:
    """Copy the studies of the evidence in the worlds, and say which findings they meet."""
    from .validity.config import load_validity
    from .validity.extend import extend_suite
    from .validity.report import HEAD, count_of, draw_validity, told_rows, validity_report
    from .validity.run import validity_record

    if fresh and extend:
        raise fail("--extend: found beside --fresh; allowed: one of the two", 2)
    with problems_told():
        suite = load_validity(file)
        if report:
            folder = report_anew(results / suite.name, draw_validity, validity_report)
        else:
            record = validity_record(suite, workers)
            if extend:
                extend_suite(record.config, results)
            folder = make(record, results, fresh=fresh, workers=workers)
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    for name, world in summary["worlds"].items():
        table = Table(*HEAD[:4], HEAD[-1], title=f"world {name}")  # the nulls are in the report
        for line in told_rows(world["rows"]):
            table.add_row(*line[:4], line[-1])
        console.print(table)
        console.print(f"{name}: {count_of(world)}", soft_wrap=True)
    console.print(f"report: {folder / 'report.md'}", soft_wrap=True)


def phase_command(
    file: Annotated[Path, typer.Argument(help="a plane of worlds in YAML")],
    results: _Results = Path("results"),
    fresh: _Fresh = False,
    workers: _Workers = None,
) -> None:
    """Draw a phase diagram: train and measure in every cell of a plane of parameters."""
    from .phase.config import load_phase
    from .phase.run import phase_record

    with problems_told():
        record = phase_record(load_phase(file))
        folder = make(record, results, fresh=fresh, workers=workers)
    console.print(f"report: {folder / 'report.md'}", soft_wrap=True)


def sensitivity_command(
    file: Annotated[Path, typer.Argument(help="the analysis in YAML")] = _SENSITIVITY,
    results: _Results = Path("results"),
    fresh: _Fresh = False,
    workers: _Workers = None,
) -> None:
    """Move every assumption of the world at once: which matter, and how often effects appear."""
    from .sensitivity.config import load_sensitivity
    from .sensitivity.run import sensitivity_record

    with problems_told():
        record = sensitivity_record(load_sensitivity(file))
        folder = make(record, results, fresh=fresh, workers=workers)
    console.print(f"report: {folder / 'report.md'}", soft_wrap=True)


def replicate_command(
    file: Annotated[Path, typer.Argument(help="the replication in YAML")] = _TAMPERING,
    results: _Results = Path("results"),
    fresh: _Fresh = False,
    workers: _Workers = None,
) -> None:
    """Replicate user tampering (Evans & Kasirzadeh 2021), and see whether PPO finds it."""
    from .tampering.config import load_replication
    from .tampering.run import replication_record

    with problems_told():
        record = replication_record(load_replication(file))
        folder = make(record, results, fresh=fresh, workers=workers)
    console.print(f"report: {folder / 'report.md'}", soft_wrap=True)


def _name(name: str) -> str:
    try:
        return checked_name(name)
    except ValueError as error:
        raise ResultError(f"--name: {error}") from None


def _engine(name: str) -> Any:
    if name not in ENGINES:
        raise ResultError(f"--engine: found {name!r}; allowed: {', '.join(ENGINES)}")
    return name


def evaluate_command(
    policy: Annotated[str, typer.Argument(help="a saved policy's file, or the kind of a rule")],
    name: Annotated[str, typer.Option(help="name of the result")],
    world: Annotated[
        str | None,
        typer.Option(help="a preset, RESULT:world or a policy's file; else its own"),
    ] = None,
    people: Annotated[int, typer.Option(min=10, help="how many, each with their twins")] = 20_000,
    block: Annotated[int, typer.Option(min=1, help="people lived at once")] = 20_000,
    seed: Annotated[int, typer.Option(min=0, help="whose people")] = 0,
    keep_people: Annotated[bool, typer.Option(help="write people.parquet")] = False,
    engine: Annotated[str, typer.Option(help="numpy, or numba: faster")] = "numpy",
    trust: Annotated[bool, typer.Option("--trust", help=TRUST)] = False,
    results: _Results = Path("results"),
    fresh: _Fresh = False,
    workers: _Workers = None,
) -> None:
    """Measure a policy on any number of people, in memory that does not grow with them."""
    from .evaluate import Large, evaluation_record, told_metrics, world_label

    with problems_told():
        asked = {"name": _name(name), "policy": policy, "people": people, "block": block}
        asked |= {"world": world_label(policy, world, trust=trust), "trust": trust}
        asked |= {"seed": seed, "keep_people": keep_people, "engine": _engine(engine)}
        try:
            large = Large.model_validate(asked)
        except ValidationError as error:
            raise ConfigError(f"--{told(error)}") from None
        folder = make(evaluation_record(large), results, fresh=fresh, workers=workers)
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    title = f"{summary['policy']} in the world {summary['world']}"
    table = Table("metric", "value", "95% over people", "unit", title=title)
    for line in told_metrics(summary):
        table.add_row(*line)
    console.print(table)
    console.print(f"report: {folder / 'report.md'}", soft_wrap=True)


def budgets_command(
    file: Annotated[Path, typer.Argument(help="what is measured, in YAML")] = _BUDGETS,
    results: _Results = Path("results"),
    fresh: _Fresh = False,
    workers: _Workers = None,
) -> None:
    """Measure the costs of constrained policies against their budgets, on other people."""
    from .budgets import budgets_record, load_budgets

    with problems_told():
        record = budgets_record(load_budgets(file), Path(), results)
        folder = make(record, results, fresh=fresh, workers=workers)
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    kept = f"{summary['kept']} of {summary['counted']} budgets kept"
    count = f"{kept}, {summary['met']} of the {summary['bind']} that bind met"
    console.print(f"{count}; report: {folder / 'report.md'}", soft_wrap=True)


def hypotheses_command(
    file: Annotated[Path, typer.Argument(help="the register in YAML")] = _HYPOTHESES,
    results: _Results = Path("results"),
    fresh: _Fresh = False,
    workers: _Workers = None,
    report: Annotated[
        bool, typer.Option(help="only write a finished result's report anew")
    ] = False,
) -> None:
    """Test hypotheses written beforehand, each with its nulls, and say which are supported."""
    from .hypotheses.config import load_register
    from .hypotheses.report import draw, hypotheses_report, verdict_rows
    from .hypotheses.run import hypotheses_record

    with problems_told():
        register = load_register(file)
        if report:
            folder = report_anew(results / register.name, draw, hypotheses_report)
        else:
            record = hypotheses_record(register, results)
            folder = make(record, results, fresh=fresh, workers=workers)
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    table = Table("", "hypothesis", "verdict", "claims", "nulls", "seeds")
    for line in verdict_rows(summary):
        table.add_row(*line)
    console.print(table)
    count = f"{summary['supported']} of {len(summary['hypotheses'])} supported"
    console.print(f"{count}; report: {folder / 'report.md'}", soft_wrap=True)


def tiny_command(
    file: Annotated[Path, typer.Argument(help="study in YAML")] = _TINY,
    results: _Results = Path("results"),
    fresh: _Fresh = False,
    workers: _Workers = None,
) -> None:
    """Plan exactly in the tiny world, and train PPO against the optimum."""
    from .tiny.config import load_study
    from .tiny.run import study_record

    with problems_told():
        folder = make(study_record(load_study(file)), results, fresh=fresh, workers=workers)
    console.print(f"report: {folder / 'report.md'}", soft_wrap=True)


def fit_views_command(
    file: Annotated[Path, typer.Argument(help="the fit in YAML")],
    log: Annotated[Path | None, typer.Option(help="CSV or Parquet file of views")] = None,
    items: Annotated[Path | None, typer.Option(help="CSV or Parquet file of items")] = None,
    results: _Results = Path("results"),
    fresh: _Fresh = False,
    workers: _Workers = None,
) -> None:
    """Fit a world to logged views, and put log, fitted and starting world side by side."""
    from .viewing.config import load_viewing
    from .viewing.run import viewing_record

    with problems_told():
        record = viewing_record(load_viewing(file, log, items))
        folder = make(record, results, fresh=fresh, workers=workers)
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    for reading, found in summary["readings"].items():
        table = Table("parameter", summary["world"], "fitted", "95%", title=f"reading {reading}")
        for name, one in found["parameters"].items():
            interval = f"{one['low']:.3g} to {one['high']:.3g}"
            table.add_row(name, f"{one['start']:.3g}", f"{one['value']:.3g}", interval)
        console.print(table)
        for name, why in found["left"].items():
            console.print(f"{name} keeps its value: {why}", soft_wrap=True, highlight=False)
    console.print(f"world: {folder / 'world.yaml'}", soft_wrap=True)
    console.print(f"report: {folder / 'report.md'}", soft_wrap=True)
