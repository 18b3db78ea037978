"""Who is moved: the induced drift of the people of a run by their susceptibility."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from .result import Result
from .statistics import Estimate, estimate

_COLUMNS = ["world", "policy", "seed", "susceptibility", "stance", "stance_neutral"]


class Deciles:
    """Mean induced drift by decile of susceptibility, a row a seed.

    Args:
        people: The episodes of one policy in one world.
    """

    def __init__(self, people: pd.DataFrame) -> None:
        drift = people["stance"].abs() - people["stance_neutral"].abs()
        rank = people.groupby("seed")["susceptibility"].rank(method="first", pct=True)
        decile = np.minimum(np.ceil(rank * 10), 10).astype(int)
        means = drift.groupby([people["seed"], decile]).mean().unstack()
        self._means = means.reindex(columns=range(1, 11)).to_numpy(dtype=float)

    def curve(self) -> list[Estimate]:
        """Ten estimates over seeds, the least susceptible tenth first."""
        return [estimate(column) for column in self._means.T]

    def top(self) -> Estimate:
        """The most susceptible tenth."""
        return estimate(self._means[:, -1])

    def rest(self) -> Estimate:
        """The other nine tenths."""
        return estimate(self._means[:, :-1].mean(axis=1))


def read_deciles(
    result: Result, episodes: Path, policies: tuple[str, ...] = ("greedy", "ppo")
) -> dict[tuple[str, str], Deciles]:
    """Reads who was moved, by (world, policy), the default world first.

    Empty where there is no such file, or where it does not hold these columns.
    """
    if not episodes.exists():
        return {}
    try:
        people = pd.read_parquet(episodes, columns=_COLUMNS)
    except (ValueError, KeyError):
        return {}
    found = {}
    for world in result.worlds:
        for policy in policies:
            some = people[(people["world"] == world) & (people["policy"] == policy)]
            if not some.empty:
                found[world, policy] = Deciles(some)
    return found
