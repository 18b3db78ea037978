"""The commands for single policies: train, compare, card, convert."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from .config import load_experiment
from .result_folder import ResultError
from .terminal import TRUST, console, problems_told

_Overwrite = Annotated[bool, typer.Option("--overwrite", help="replace a file that is there")]
_Trust = Annotated[bool, typer.Option("--trust", help=TRUST)]


def train_command(
    file: Annotated[Path, typer.Argument(help="experiment in YAML")],
    policy: Annotated[str, typer.Option(help="a policy of the experiment")],
    out: Annotated[Path, typer.Option(help="where it is saved; a suffix is appended")],
    world: Annotated[
        str | None, typer.Option(help="a world of the experiment; default, or the only one")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="training seed")] = 0,
    tensorboard: Annotated[
        Path | None,
        typer.Option(help="folder for TensorBoard: curves of training, and of an evaluation"),
    ] = None,
    format: Annotated[
        str, typer.Option(help="npz, or sb3: stable-baselines3's own .zip, which holds a pickle")
    ] = "npz",
    evaluate_every: Annotated[
        int, typer.Option(min=1, help="rollouts between points of the evaluation's curves")
    ] = 4,
    overwrite: _Overwrite = False,
) -> None:
    """Train one policy of an experiment, as a run would, and save it."""
    from .train import default_world, train

    with problems_told():
        experiment = load_experiment(file)
        world = default_world(experiment, world)
        with console.status(f"{policy} in {world}"):
            _, saved = train(
                experiment,
                policy=policy,
                world=world,
                seed=seed,
                out=out,
                tensorboard=tensorboard,
                format=format,
                overwrite=overwrite,
                every=evaluate_every,
            )
    console.print(f"saved: {saved} (trained in {world})", soft_wrap=True)


def compare_command(
    policies: Annotated[
        list[str], typer.Argument(help="rules, files, RESULT:world/policy or module:function")
    ],
    world: Annotated[
        str | None,
        typer.Option(help="a preset, RESULT:world or a policy's file; else the policies' own"),
    ] = None,
    people: Annotated[int, typer.Option(min=10, help="twins a seed")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="whose people")] = 0,
    save: Annotated[Path | None, typer.Option("--json", help="save the figures by name")] = None,
    figure: Annotated[Path | None, typer.Option(help="save a picture (PNG)")] = None,
    catalogue: Annotated[
        Path | None, typer.Option(help="the file that the result's catalogue was read from")
    ] = None,
    overwrite: _Overwrite = False,
    trust: _Trust = False,
) -> None:
    """Set policies side by side on the same people; differences are from the first."""
    from .compare import compare, told_sides, write_comparison

    if "" not in sys.path:
        sys.path.insert(0, "")  # as `python -m` has it: a module of one's own lies here
    with problems_told():
        for option, file in (("--json", save), ("--figure", figure)):
            _require_writable(option, file, overwrite)
        found = compare(
            policies, preset=world, people=people, seed=seed, trust=trust, catalogue=catalogue
        )
        write_comparison(found, save, figure)
    title = f"in the world {found['world']}"
    table = Table("policy", "metric", "value", "less the first", "P(larger)", title=title)
    for line in told_sides(found):
        table.add_row(*line)
    console.print(table)
    text = (
        f"in the world {found['world']}: {found['people']} people a seed, {found['seeds']} "
        f"seed(s); the unit is a {found['unit']}"
    )
    console.print(text, soft_wrap=True)


def _require_writable(option: str, file: Path | None, overwrite: bool) -> None:
    """Raises `ResultError` before anything is measured."""
    if file is None:
        return
    if not file.parent.is_dir():
        raise ResultError(f"{option}: found {file}; allowed: a file in a folder that exists")
    if file.exists() and (not overwrite or file.is_dir()):
        raise ResultError(f"{option}: found {file}; allowed: a new name, or --overwrite")


def card_command(
    result: Annotated[Path, typer.Argument(help="folder of a finished result")],
) -> None:
    """Write the model cards of a result's policies."""
    from .model_card import write_cards

    with problems_told():
        console.print(f"cards: {write_cards(result)}", soft_wrap=True)


def convert_command(
    paths: Annotated[
        list[Path], typer.Argument(help="policies in stable-baselines3's .zip, results or folders")
    ],
    trust: _Trust = False,
) -> None:
    """Make of each .zip of stable-baselines3 a .npz that acts alike, and cannot run code.

    A .zip holds a pickle, which can run any code when it is read. The old file is removed once the
    new one is seen to act to the bit as it does.
    """
    from .convert import convert

    with problems_told():
        count = 0
        for old, new in convert(paths, trust=trust):
            count += 1
            console.print(f"{old} -> {new.name}", soft_wrap=True, highlight=False)
        console.print(f"converted: {count}")
