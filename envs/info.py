"""`info` in Gymnasium's layout: of one person, of many with their masks, of those who end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .world.arrays import Any1, Bool


class FinalObs(np.ndarray):
    """Gymnasium's `final_obs`: an array of objects, None in the rows that go on.

    Handed over as a tensor (`NumpyToTorch`), it has 0 in those rows.
    """

    def __dlpack__(self, **options: Any) -> Any:
        """The rows stacked, as the array API's exchange asks for them."""
        shown = next(row for row in self if row is not None)
        rows = [np.zeros_like(shown) if row is None else row for row in self]
        return np.stack(rows).__dlpack__(**options)


def row_of(columns: Mapping[str, Any1], row: int) -> dict[str, Any]:
    """One row: Python's own numbers, and arrays (copies) where a person has several."""
    return {
        name: column[row].copy() if column.ndim > 1 else column[row].item()
        for name, column in columns.items()
    }


def with_masks(columns: dict[str, Any]) -> dict[str, Any]:
    """With Gymnasium's masks, `_key` for each key: everybody has it."""
    if not columns:
        return columns
    everybody = np.ones(len(next(iter(columns.values()))), dtype=np.bool_)
    return columns | {f"_{name}": everybody for name in columns}


def only_of(columns: Mapping[str, Any1], rows: Bool) -> dict[str, Any]:
    """The columns of the rows marked, 0 in all others, with their masks."""
    mask, some = rows.copy(), np.flatnonzero(rows)
    told: dict[str, Any] = {f"_{name}": mask for name in columns}
    for name, column in columns.items():
        told[name] = np.zeros(column.shape, dtype=column.dtype)
        told[name][some] = column[some]
    return told
