"""Array types, their library, and the two functions that every equation of the world shares.

The dynamics are written once, against the array API standard (2024.12), and run on NumPy and on
torch: each function asks its input which library it comes from. Constants are Python numbers, which
take the type of the array that they meet.
"""

from __future__ import annotations

import importlib
from typing import Any

import array_api_compat
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.floating[Any]]
Int = NDArray[np.int64]
Bool = NDArray[np.bool_]
Any1 = NDArray[Any]


def namespace(array: Any) -> Any:
    """The library that `array` comes from, as the array API standard has it."""
    # NumPy's own namespace is to the standard, and this is asked some 25 times a slot.
    return np if type(array) is np.ndarray else array_api_compat.array_namespace(array)


def library(device: str | None) -> tuple[Any, Any]:
    """Namespace and device to make arrays with: NumPy for None, else torch on that device.

    Raises `ValueError` where torch has no such device, `ImportError` where there is no torch.
    """
    if device is None:
        return np, "cpu"
    # Torch is slow to import, and NumPy needs none.
    xp: Any = importlib.import_module("array_api_compat.torch")

    try:
        xp.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(f"device: found {device!r}; allowed: one that torch has here") from error
    return xp, xp.device(device)


def sigmoid(z: Float) -> Float:
    """Logistic function 1 / (1 + exp(-z)); bounded so that float32 cannot overflow."""
    xp = namespace(z)
    result: Float = 1.0 / (1.0 + xp.exp(xp.minimum(-z, 80.0)))
    return result


def dose(minutes: Float, reference: float) -> Float:
    """Share of a full exposure in [0, 1): 1 - exp(-minutes / reference).

    Every mechanism that learns from watching uses it, so an endless session counts as one.
    """
    missed: Float = namespace(minutes).exp(minutes * (-1.0 / reference))
    return 1.0 - missed
