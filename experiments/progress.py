"""How far a run is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Progress:
    """What `run` tells while it works."""

    total: int
    done: int = 0
    resumed: int = 0
