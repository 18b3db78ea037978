"""What every policy is: a batched map from observations to the item that leads each feed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

Action = NDArray[np.int64]
Observed = NDArray[np.float32]


class Policy(Protocol):
    """One protocol for all: `begin` the people of a batch, then `act` slot by slot.

    `begin` lets a policy that draws lots give each person the same lots wherever they stand in the
    batch; a policy that is never begun serves people 0, 1, 2, ... of seed 0.
    """

    kind: ClassVar[str]
    observation: str
    """The view it needs: `platform` or `oracle`."""

    def begin(self, seed: NDArray[np.int64], person: NDArray[np.int64]) -> None:
        """Starts the people (seed, person), int64 (people,), at slot 0."""
        ...

    def act(self, observation: Observed) -> Action:
        """Items to lead with, int64 (people,), for observations (people, size)."""
        ...

    def save(self, path: Path) -> Path:
        """Writes the policy; returns the file written, which `load_policy` reads."""
        ...


def write_rule(path: Path, **fields: object) -> Path:
    """Writes a rule's parameters as JSON beside `path`, with the suffix .json."""
    file = path.with_suffix(".json")
    file.write_text(json.dumps(fields, indent=1) + "\n", encoding="utf-8")
    return file
