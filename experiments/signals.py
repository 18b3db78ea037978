"""SIGTERM and SIGHUP end a command as Ctrl-C does: what is done is kept, and it says so."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_NAMES = ("SIGTERM", "SIGHUP")  # of these, Windows has the first


class Ended(KeyboardInterrupt):
    """The command was asked to end by a signal other than Ctrl-C's."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Within, the first such signal raises `Ended`; more of them do not disturb the ending.

    One that is ignored, as `nohup` has it, stays ignored. Only the main thread can listen.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {n: signal.getsignal(n) for n in _numbers() if signal.getsignal(n) is not None}
    heard = {number: old for number, old in before.items() if old != signal.SIG_IGN}

    def end(number: int, frame: FrameType | None) -> None:
        for other in heard:
            signal.signal(other, signal.SIG_IGN)
        raise Ended(number)

    for number in heard:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number, old in heard.items():
            signal.signal(number, old)


def _numbers() -> list[Any]:
    return [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]
