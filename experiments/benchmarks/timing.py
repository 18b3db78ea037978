"""Rates of several sides, taken in turns so that what disturbs one disturbs all."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Side = Callable[[], int]
"""Does some work and returns how many steps that was."""


@dataclass(frozen=True)
class Rates:
    """Steps a second of each side, one value a round."""

    of: Mapping[str, list[float]]

    def median(self, side: str) -> float:
        """Steps a second."""
        return statistics.median(self.of[side])

    def ratio(self, side: str, other: str) -> float:
        """Median over rounds of one side's rate over the other's in the same round."""
        return statistics.median(a / b for a, b in zip(self.of[side], self.of[other], strict=True))


def side_by_side(sides: Mapping[str, Side], rounds: int = 7, *, of_cpu: bool = False) -> Rates:
    """Times every side once a round; a first round, which only warms up, does not count.

    of_cpu: in seconds that this process computes, whatever else the machine does; right for sides
    of one thread. Otherwise in seconds on the clock.
    """
    clock = time.process_time if of_cpu else time.perf_counter
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(rounds + 1):
        for name, side in sides.items():
            began = clock()
            steps = side()
            seconds = clock() - began
            if turn:
                taken[name].append(steps / seconds)
    return Rates(taken)
