"""A task that fails is named, its traceback is kept, and the other tasks go on."""

from __future__ import annotations

import errno
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from .problems import FailedJobsError
from .provenance import write_whole

Task = TypeVar("Task")
Done = TypeVar("Done")
#: No other task could write either, so the run stops at once: no room, or a disk to read only.
_NOWHERE = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
_SHOWN = 300  # characters of a problem in one line


@dataclass(frozen=True)
class Failed:
    """A task that failed: its name, the problem in a line, the traceback."""

    name: str
    problem: str
    trace: str


def failed(name: str, error: BaseException) -> Failed:
    """What is told of a task that ended with an error."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    problem = text if len(text) <= _SHOWN else f"{text[:_SHOWN]} ..."
    return Failed(name, problem, "".join(traceback.format_exception(error)))


def attempt(work: Callable[[Task], Done], task: Task) -> Done | Failed:
    """What `work` gives for a task that has a `name`, or how it failed; it pickles either way.

    Raises `OSError` where nothing can be written any more.
    """
    try:
        return work(task)
    except OSError as error:
        if error.errno in _NOWHERE:
            raise
        return failed(_name(task), error)
    except Exception as error:
        return failed(_name(task), error)


def _name(task: object) -> str:
    return str(getattr(task, "name", task))


class Failures:
    """The tasks of a run that failed. Their tracebacks lie in `parts/<task>.error.txt`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._found: list[Failed] = []

    def add(self, task: Failed) -> str:
        """Keeps a failure and writes its traceback; a line that tells of it."""
        self._found.append(task)
        write_whole(self._folder / _place(task), task.trace.encode())
        return f"{task.name} failed: {task.problem}"

    def check(self) -> None:
        """Raises `FailedJobsError`, a line a failed task, where there are any."""
        if not self._found:
            return
        count = f"{len(self._found)} job{'s' * (len(self._found) != 1)} failed"
        lines = [f"  {one.name}: {one.problem} ({_place(one)})" for one in self._found]
        raise FailedJobsError(
            f"{self._folder}: {count}, the others are kept; once it is mended, the same command "
            "goes on\n" + "\n".join(lines)
        )


def _place(task: Failed) -> str:
    return f"parts/{task.name}.error.txt"
