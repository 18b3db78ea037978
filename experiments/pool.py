"""Work spread over local processes, which end with their parent and leave Ctrl-C to it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from typing import TypeVar

from .job import set_torch

Task = TypeVar("Task")
Done = TypeVar("Done")
_GRACE_S = 0.3


class WorkerKilledError(RuntimeError):
    """A worker process was killed from outside."""


class Pool:
    """Processes that stay up from one list of tasks to the next; see `process_pool`."""

    def __init__(self, count: int) -> None:
        self._executor = ProcessPoolExecutor(
            count, mp_context=get_context("spawn"), initializer=_quiet_worker
        )

    def done(self, work: Callable[[Task], Done], tasks: Sequence[Task]) -> Iterator[Done]:
        """What `work` gives for each task, in the order in which they end.

        work, tasks and what comes back must pickle. Raises `WorkerKilledError` where a process
        dies, and whatever `work` raises.
        """
        try:
            with _interrupts_held():
                waiting = {self._executor.submit(work, task) for task in tasks}
            while waiting:
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        except BrokenProcessPool:
            time.sleep(_GRACE_S)  # what ended the workers may be meant for us too, and says more
            raise WorkerKilledError("a worker was killed (out of memory?)") from None

    def stop(self) -> None:
        """Ends the processes, whatever they are at."""
        processes = list((self._executor._processes or {}).values())  # shutdown forgets them
        self._executor.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()

    def close(self) -> None:
        """Ends the processes once they are done."""
        self._executor.shutdown()


@contextmanager
def process_pool(workers: int | None = None) -> Iterator[Pool]:
    """A pool of this many processes, one a core if None; an error ends them at once."""
    pool = Pool(workers or os.cpu_count() or 1)
    try:
        yield pool
    except BaseException:
        pool.stop()
        raise
    pool.close()


def in_processes(
    work: Callable[[Task], Done], tasks: Sequence[Task], workers: int | None = None
) -> Iterator[Done]:
    """`Pool.done` in processes of its own."""
    if not tasks:
        return
    with process_pool(min(workers or os.cpu_count() or 1, len(tasks))) as pool:
        yield from pool.done(work, tasks)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C waits, and processes started meanwhile never see it, not even while they import."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _quiet_worker() -> None:
    """Ctrl-C reaches every process of the terminal; only the parent answers it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    set_torch()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that is killed cannot end its workers, which would wait for a job forever."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
