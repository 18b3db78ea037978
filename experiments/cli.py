"""The command line: `undertow run FILE`, `undertow list`, `undertow bench` and more."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar
from rich.table import Table

from .catalogue_file import CatalogueError
from .config import ConfigError, Experiment, load_experiment
from .progress import Progress
from .provenance import write_whole
from .record import Record, run_record
from .result_folder import ResultError
from .run import run

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
_console = Console()
_problem = Console(stderr=True)

_CONFIGS = Path(__file__).parent / "configs"
_VALIDITY = _CONFIGS / "other" / "validity.yaml"
_SENSITIVITY = _CONFIGS / "other" / "sensitivity.yaml"
_TAMPERING = _CONFIGS / "other" / "tampering.yaml"
_TINY = _CONFIGS / "other" / "tinyfeed.yaml"


def _fail(message: str, code: int = 1) -> typer.Exit:
    _problem.print(message, style="bold red", highlight=False, markup=False, soft_wrap=True)
    return typer.Exit(code)


@app.command("run")
def run_command(
    file: Annotated[Path, typer.Argument(help="experiment in YAML")],
    results: Annotated[Path, typer.Option(help="folder of results")] = Path("results"),
    catalogue: Annotated[
        Path | None, typer.Option(help="CSV or Parquet file for the config's catalogue block")
    ] = None,
    fresh: Annotated[bool, typer.Option(help="replace an existing result")] = False,
    extend: Annotated[
        bool, typer.Option(help="do what a finished result lacks of its config, and report anew")
    ] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="processes; one a core")] = None,
    ray: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="a Ray cluster that does the jobs")
    ] = None,
) -> None:
    """Run an experiment, or what is missing of it."""
    if ray is not None and workers is not None:
        raise _fail("--workers: found beside --ray; allowed: one of the two", 2)
    if fresh and extend:
        raise _fail("--extend: found beside --fresh; allowed: one of the two", 2)
    with _problems_told():
        experiment = _with_catalogue(load_experiment(file), catalogue)
        with _bar(experiment.name) as told:
            folder = run(
                experiment,
                results,
                fresh=fresh,
                extend=extend,
                workers=workers,
                ray=ray,
                told=told,
            )
    _console.print(f"report: {folder / 'report.md'}", soft_wrap=True)


def _with_catalogue(experiment: Experiment, file: Path | None) -> Experiment:
    block = experiment.catalogue
    if file is None:
        if block is not None and block.path is None:
            raise ConfigError("catalogue.path: not given; allowed: --catalogue FILE or the key")
        return experiment
    if block is None:
        raise ConfigError("--catalogue: this config has no catalogue block; allowed: one that has")
    given = block.model_copy(update={"path": file})
    return experiment.model_copy(update={"catalogue": given})


@contextmanager
def _bar(name: str) -> Iterator[Callable[[Progress, str], None]]:
    """A progress bar, and what tells it how far a run is."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=_console) as bar:
        task = bar.add_task(name)

        def told(progress: Progress, text: str) -> None:
            bar.update(task, total=progress.total, completed=progress.done)
            bar.console.print(f"  {text}", style="dim", highlight=False, markup=False)

        yield told


@contextmanager
def _problems_told() -> Iterator[None]:
    """What can go wrong in a run, each with its message and its exit status."""
    try:
        yield
    except (ConfigError, CatalogueError, ResultError) as error:
        raise _fail(str(error)) from None
    except KeyboardInterrupt:
        raise _fail("stopped; finished jobs are kept, the same command goes on", 130) from None
    except OSError as error:
        what = "the disk is full" if error.errno == errno.ENOSPC else str(error)
        raise _fail(f"{what}; finished jobs are kept, the same command goes on") from None


def _make(record: Record[Any], results: Path, *, fresh: bool, workers: int | None) -> Path:
    """Runs a record under a progress bar; its folder."""
    with _bar(record.name) as told:
        return run_record(record, results, fresh=fresh, workers=workers, told=told)


_Results = Annotated[Path, typer.Option(help="folder of results")]
_Fresh = Annotated[bool, typer.Option(help="replace an existing result")]
_Workers = Annotated[int | None, typer.Option(min=1, help="processes; one a core")]


@app.command("validate")
def validate_command(
    file: Annotated[Path, typer.Argument(help="the suite in YAML")] = _CONFIGS
    / "other/validity.yaml",
    results: _Results = Path("results"),
    fresh: _Fresh = False,
    workers: _Workers = None,
    report: Annotated[
        bool, typer.Option(help="only write a finished result's report anew")
    ] = False,
) -> None:
    """Copy the studies of the evidence in the worlds, and say which findings they meet."""
    from .validity.config import load_validity
    from .validity.report import count_of, told_rows
    from .validity.run import report_anew, validity_record

    with _problems_told():
        suite = load_validity(file)
        if report:
            folder = report_anew(results / suite.name)
        else:
            folder = _make(validity_record(suite), results, fresh=fresh, workers=workers)
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    for name, world in summary["worlds"].items():
        table = Table("row", "statistic", "band", "simulated", "", title=f"world {name}")
        for line in told_rows(world["rows"]):
            table.add_row(*line)
        _console.print(table)
        _console.print(f"{name}: {count_of(world)}", soft_wrap=True)
    _console.print(f"report: {folder / 'report.md'}", soft_wrap=True)


@app.command("phase")
def phase_command(
    file: Annotated[Path, typer.Argument(help="a plane of worlds in YAML")],
    results: _Results = Path("results"),
    fresh: _Fresh = False,
    workers: _Workers = None,
) -> None:
    """Draw a phase diagram: train and measure in every cell of a plane of parameters."""
    from .phase.config import load_phase
    from .phase.run import phase_record

    with _problems_told():
        record = phase_record(load_phase(file))
        folder = _make(record, results, fresh=fresh, workers=workers)
    _console.print(f"report: {folder / 'report.md'}", soft_wrap=True)


@app.command("sensitivity")
def sensitivity_command(
    file: Annotated[Path, typer.Argument(help="the analysis in YAML")] = _SENSITIVITY,
    results: _Results = Path("results"),
    fresh: _Fresh = False,
    workers: _Workers = None,
) -> None:
    """Move every assumption of the world at once: which matter, and how often effects appear."""
    from .sensitivity.config import load_sensitivity
    from .sensitivity.run import sensitivity_record

    with _problems_told():
        record = sensitivity_record(load_sensitivity(file))
        folder = _make(record, results, fresh=fresh, workers=workers)
    _console.print(f"report: {folder / 'report.md'}", soft_wrap=True)


@app.command("replicate")
def replicate_command(
    file: Annotated[Path, typer.Argument(help="the replication in YAML")] = _TAMPERING,
    results: _Results = Path("results"),
    fresh: _Fresh = False,
    workers: _Workers = None,
) -> None:
    """Replicate user tampering (Evans & Kasirzadeh 2021), and see whether PPO finds it."""
    from .tampering.config import load_replication
    from .tampering.run import replication_record

    with _problems_told():
        record = replication_record(load_replication(file))
        folder = _make(record, results, fresh=fresh, workers=workers)
    _console.print(f"report: {folder / 'report.md'}", soft_wrap=True)


@app.command("evaluate")
def evaluate_command(
    policy: Annotated[str, typer.Argument(help="a saved policy's file, or the kind of a rule")],
    name: Annotated[str, typer.Option(help="name of the result")],
    world: Annotated[str, typer.Option(help="a preset world")] = "default",
    people: Annotated[int, typer.Option(min=10, help="how many, each with their twins")] = 20_000,
    block: Annotated[int, typer.Option(min=1, help="people lived at once")] = 20_000,
    seed: Annotated[int, typer.Option(min=0, help="whose people")] = 0,
    keep_people: Annotated[bool, typer.Option(help="write people.parquet")] = False,
    results: _Results = Path("results"),
    fresh: _Fresh = False,
    workers: _Workers = None,
) -> None:
    """Measure a policy on any number of people, in memory that does not grow with them."""
    from .evaluate import Large, evaluation_record, told_metrics

    with _problems_told():
        large = Large(
            name=name,
            policy=policy,
            world=world,
            people=people,
            block=block,
            seed=seed,
            keep_people=keep_people,
        )
        folder = _make(evaluation_record(large), results, fresh=fresh, workers=workers)
        summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    table = Table("metric", "value", "95% over people", "unit")
    for line in told_metrics(summary):
        table.add_row(*line)
    _console.print(table)
    _console.print(f"report: {folder / 'report.md'}", soft_wrap=True)


@app.command("train")
def train_command(
    file: Annotated[Path, typer.Argument(help="experiment in YAML")],
    policy: Annotated[str, typer.Option(help="a policy of the experiment")],
    out: Annotated[Path, typer.Option(help="where it is saved, without a suffix")],
    world: Annotated[str, typer.Option(help="a world of the experiment")] = "default",
    seed: Annotated[int, typer.Option(min=0, help="training seed")] = 0,
    tensorboard: Annotated[
        Path | None, typer.Option(help="folder for TensorBoard: learning curves, and the world's")
    ] = None,
) -> None:
    """Train one policy of an experiment, as a run would, and save it."""
    from .train import train

    with _problems_told():
        experiment = load_experiment(file)
        with _console.status(f"{policy} in {world}"):
            _, saved = train(
                experiment, policy=policy, world=world, seed=seed, out=out, tensorboard=tensorboard
            )
    _console.print(f"saved: {saved}", soft_wrap=True)


@app.command("compare")
def compare_command(
    policies: Annotated[
        list[str], typer.Argument(help="rules, files, RESULT:world/policy or module:function")
    ],
    world: Annotated[str, typer.Option(help="a preset world")] = "default",
    people: Annotated[int, typer.Option(min=10, help="twins a seed")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="whose people")] = 0,
    save: Annotated[Path | None, typer.Option("--json", help="save the figures by name")] = None,
    figure: Annotated[Path | None, typer.Option(help="save a picture (PNG)")] = None,
) -> None:
    """Set policies side by side on the same people; differences are from the first."""
    from .compare import compare, told_sides, write_comparison

    with _problems_told():
        found = compare(policies, preset=world, people=people, seed=seed)
        write_comparison(found, save, figure)
    table = Table("policy", "metric", "value", "less the first", "P(larger)")
    for line in told_sides(found):
        table.add_row(*line)
    _console.print(table)
    text = (
        f"{found['people']} people a seed, {found['seeds']} seed(s); the unit is a {found['unit']}"
    )
    _console.print(text, soft_wrap=True)


@app.command("tiny")
def tiny_command(
    file: Annotated[Path, typer.Argument(help="study in YAML")] = _TINY,
    results: _Results = Path("results"),
    fresh: _Fresh = False,
    workers: _Workers = None,
) -> None:
    """Plan exactly in the tiny world, and train PPO against the optimum."""
    from .tiny.config import load_study
    from .tiny.run import study_record

    with _problems_told():
        folder = _make(study_record(load_study(file)), results, fresh=fresh, workers=workers)
    _console.print(f"report: {folder / 'report.md'}", soft_wrap=True)


@app.command("card")
def card_command(
    result: Annotated[Path, typer.Argument(help="folder of a finished result")],
) -> None:
    """Write the model cards of a result's policies."""
    from .model_card import write_cards

    with _problems_told():
        _console.print(f"cards: {write_cards(result)}", soft_wrap=True)


@app.command("list")
def list_command(
    results: Annotated[Path, typer.Option(help="folder of results")] = Path("results"),
) -> None:
    """List the configs that come with Undertow, and the results."""
    table = Table("config", "seeds", "cells", "what")
    for file in sorted(_CONFIGS.glob("*.yaml")):
        experiment = load_experiment(file)
        cells = sum(len(policies) for policies in experiment.cells.values())
        table.add_row(file.stem, str(experiment.seeds), str(cells), experiment.title)
    _console.print(table)
    table = Table("result", "state", "report")
    for manifest in sorted(results.glob("*/manifest.json")):
        try:
            finished = json.loads(manifest.read_text(encoding="utf-8"))["finished"]
            state = f"finished {finished}" if finished else "unfinished; run it again to go on"
        except (ValueError, KeyError, TypeError):
            state = "damaged manifest"
        table.add_row(manifest.parent.name, state, str(manifest.parent / "report.md"))
    _console.print(table)


@app.command("bench")
def bench_command(
    suite: Annotated[
        list[str] | None,
        typer.Argument(help="world, growth, single, fused, sardine, learner, profile"),
    ] = None,
    save: Annotated[Path | None, typer.Option("--json", help="save the figures by name")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="repetitions; medians are told")] = 7,
    cache: Annotated[Path, typer.Option(help="folder of other environments")] = Path("build/bench"),
) -> None:
    """Measure rates and ratios, side by side; wants a quiet machine."""
    from .benchmarks.suite import SUITES, Line, as_json, run_suites

    chosen = tuple(suite or SUITES)
    for name in chosen:
        if name not in SUITES:
            raise _fail(f"suite: found {name!r}; allowed: {', '.join(SUITES)}", 2)
    if save is not None and not save.parent.is_dir():
        raise _fail(f"--json: found {save}; allowed: a file in a folder that exists", 2)
    lines: list[Line] = []
    try:
        with _console.status("") as status:
            for line in run_suites(chosen, cache, rounds, lambda name: status.update(name)):
                lines.append(line)
                decimals = 3 if line.unit == "x" else 0
                value = "-" if line.value is None else f"{line.value:,.{decimals}f}"
                text = f"{line.name:<28} {value:>14} {line.unit:<8} {line.remark}"
                _console.print(text, highlight=False, markup=False, soft_wrap=True)
    finally:  # what was measured before a stop is kept
        if save is not None:
            text = json.dumps(as_json(lines, rounds), indent=1) + "\n"
            write_whole(save, text.encode())


@app.command("schema")
def schema_command() -> None:
    """Print the JSON Schema of an experiment, worlds' parameters included."""
    from ..envs.world import WorldParameters

    schema = Experiment.model_json_schema()
    world = WorldParameters.model_json_schema(ref_template="#/$defs/{model}")
    schema.setdefault("$defs", {}).update(world.pop("$defs", {}))
    schema["$defs"]["WorldParameters"] = world
    overrides = schema["$defs"]["WorldBlock"]["properties"]["overrides"]
    overrides["description"] = "any part of WorldParameters"
    overrides["$ref"] = "#/$defs/WorldParameters"
    text = "a config beside this one, over whose keys those of this one are laid"
    schema["properties"]["extends"] = {"type": "string", "description": text}
    schema["anyOf"] = [{"required": ["extends"]}, {"required": schema.pop("required")}]
    typer.echo(json.dumps(schema, indent=1))


@app.command("parameters")
def parameters_command() -> None:
    """Print every parameter of the world as Markdown: the text of docs/parameters.md."""
    from .parameter_table import parameter_table

    typer.echo(parameter_table())


if __name__ == "__main__":
    app()
