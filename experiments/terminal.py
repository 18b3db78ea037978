"""What every command shares: the console, a progress bar, and how problems are told."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

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

from ..agents import PolicyError
from .config import ConfigError
from .plain_text import spell_what_is_unknown
from .problems import ResultError
from .progress import Progress
from .signals import Ended, ended_by_signals
from .table_file import TableError

spell_what_is_unknown()

TRUST = "read stable-baselines3's own .zip, whose pickle can run any code, from anywhere"

console = Console()
problem = Console(stderr=True)


def fail(message: str, code: int = 1) -> typer.Exit:
    """Tells a problem; the exit to raise."""
    with suppress(OSError):  # after a hang-up there is no terminal to tell
        problem.print(message, style="bold red", highlight=False, markup=False, soft_wrap=True)
    return typer.Exit(code)


@contextmanager
def bar(name: str) -> Iterator[Callable[[Progress, str], None]]:
    """A progress bar, and what tells it how far a run is."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console) as bar:
        task = bar.add_task(name)

        def told(progress: Progress, text: str) -> None:
            bar.update(task, total=progress.total, completed=progress.done)
            bar.console.print(f"  {text}", style="dim", highlight=False, markup=False)

        yield told


@contextmanager
def problems_told() -> Iterator[None]:
    """What can go wrong in a run, each with its message and its exit status."""
    try:
        with ended_by_signals():
            yield
    except (ConfigError, TableError, ResultError, PolicyError) as error:
        raise fail(str(error)) from None
    except Ended as end:
        text = f"ended by {end}; finished jobs are kept, the same command goes on"
        raise fail(text, 128 + end.number) from None
    except KeyboardInterrupt:
        raise fail("stopped; finished jobs are kept, the same command goes on", 130) from None
    except OSError as error:
        what = "the disk is full" if error.errno == errno.ENOSPC else str(error)
        raise fail(f"{what}; finished jobs are kept, the same command goes on") from None
