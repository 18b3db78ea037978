"""What the fitted rows leave open: the held-out ones in every world that would have done as well.

A fit gives one world, and many meet what it was asked (equifinality: Beven & Freer 2001). Those
that its last block tried are a sample of them, near each other, since one search made them. Held to
the rows that were held out, they tell a prediction that follows from the fitted rows, where all
agree, from one that hangs on which of them the search ended in. None is chosen by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .config import Validity
from .fit import Overrides
from .studies import STATISTICS

SEED = 0  # whose people answer: those of the suite's first seed


def spread(alike: Sequence[Overrides], number: int) -> dict[str, Overrides]:
    """So many of these worlds by name, evenly spaced in the order in which they were tried."""
    places = np.linspace(0, len(alike) - 1, min(number, len(alike))).round().astype(int)
    return {f"ensemble{place}": alike[place] for place in places}


def studies_held_out(suite: Validity) -> list[str]:
    """The studies that the held-out rows ask for, in their order."""
    parts = [part for row in suite.rows if row.held_out for part in row.parts]
    return list(dict.fromkeys(STATISTICS[part.statistic] for part in parts))


def left_open(
    suite: Validity, found: Mapping[str, Mapping[str, float | None]], met: int
) -> dict[str, Any]:
    """Of each held-out row how many of these worlds meet it, and its statistics among them.

    found: by world, its statistics, None where undefined. met: how many did as well as the fit.
    """
    rows = []
    for row in suite.rows:
        if not row.held_out:
            continue
        parts = []
        for part in row.parts:
            values = [world[part.statistic] for world in found.values()]
            defined = [value for value in values if value is not None]
            parts.append(
                {
                    "statistic": part.statistic,
                    "band": list(part.band),
                    "least": min(defined, default=None),
                    "most": max(defined, default=None),
                    "undefined": len(values) - len(defined),
                    "inside": sum(part.meets(value) for value in values),
                }
            )
        inside = sum(
            all(part.meets(world[part.statistic]) for part in row.parts) for world in found.values()
        )
        rows.append({"row": row.row, "inside": inside, "parts": parts})
    return {"met": met, "worlds": len(found), "people": suite.people, "rows": rows}
