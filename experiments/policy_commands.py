"""The commands for single policies: train, compare, card."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from .config import load_experiment
from .terminal import console, problems_told


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

    with problems_told():
        experiment = load_experiment(file)
        with console.status(f"{policy} in {world}"):
            _, saved = train(
                experiment, policy=policy, world=world, seed=seed, out=out, tensorboard=tensorboard
            )
    console.print(f"saved: {saved}", soft_wrap=True)


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

    if "" not in sys.path:
        sys.path.insert(0, "")  # as `python -m` has it: a module of one's own lies here
    with problems_told():
        found = compare(policies, preset=world, people=people, seed=seed)
        write_comparison(found, save, figure)
    table = Table("policy", "metric", "value", "less the first", "P(larger)")
    for line in told_sides(found):
        table.add_row(*line)
    console.print(table)
    text = (
        f"{found['people']} people a seed, {found['seeds']} seed(s); the unit is a {found['unit']}"
    )
    console.print(text, soft_wrap=True)


def card_command(
    result: Annotated[Path, typer.Argument(help="folder of a finished result")],
) -> None:
    """Write the model cards of a result's policies."""
    from .model_card import write_cards

    with problems_told():
        console.print(f"cards: {write_cards(result)}", soft_wrap=True)
