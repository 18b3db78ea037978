"""Array types and the two functions that every equation of the world shares."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.floating[Any]]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]
Any1 = NDArray[Any]


def sigmoid(z: Float) -> Float:
    """Logistic function 1 / (1 + exp(-z)); bounded so that float32 cannot overflow."""
    return 1.0 / (1.0 + np.exp(np.minimum(-z, np.float32(80.0))))


def dose(minutes: Float, reference: float) -> Float:
    """Share of a full exposure in [0, 1): 1 - exp(-minutes / reference).

    Every mechanism that learns from watching uses it, so an endless session counts as one.
    """
    missed: Float = np.exp(minutes * np.float32(-1.0 / reference))
    return 1.0 - missed
