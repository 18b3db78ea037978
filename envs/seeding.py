"""From the seeds of the faces to people: row i of seed s is the person with the key hash(s, i).

The hash is Philox (`world.streams`) at a place that no draw uses. So different seeds meet different
people, in every row. The same people on purpose: the same seed, or a list of seeds, one a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .world.arrays import Int
from .world.streams import philox4x32

LARGEST = 2**63 - 1
_WORD = 0xFFFFFFFF
_PLACE = (0x756E6465, 0x72746F77)  # "undertow": words of the counter above any slot and any lane


def keys_of(seed: int | Int, rows: int | Int) -> Int:
    """Key of row `rows` of `seed`: int64 below 2**62, broadcast to at least one dimension."""
    seeds, places = np.broadcast_arrays(
        np.atleast_1d(np.asarray(seed, dtype=np.int64)), np.asarray(rows, dtype=np.int64)
    )
    zero = np.zeros(seeds.shape, dtype=np.int64)
    high, low, _, _ = philox4x32(
        (places & _WORD, places >> 32, zero + _PLACE[0], zero + _PLACE[1]),
        (seeds & _WORD, seeds >> 32),
    )
    keys: Int = (high << 30) | (low >> 2)
    return keys


def keys_for(seed: Any, people: int) -> tuple[int, Int]:
    """The seed of a face's own generator, and the keys of its people, int64 (people,).

    seed: an integer, of which row i is `keys_of(seed, i)`; or one for each row, each as a single
    environment would take it (row 0 of that seed). Raises `ValueError` for anything else.
    """
    if isinstance(seed, np.ndarray):
        seed = seed.tolist()
    if not isinstance(seed, Sequence) or isinstance(seed, (str, bytes)):
        first = checked_seed(seed)
        return first, keys_of(first, np.arange(people))
    if len(seed) != people or None in seed:
        raise ValueError(f"seed: found a list of {len(seed)}; allowed: {people} integers")
    seeds = [checked_seed(each) for each in seed]
    return seeds[0], keys_of(np.array(seeds, dtype=np.int64), 0)


def checked_seed(seed: Any) -> int:
    """The seed as an `int`. Raises `ValueError` for what is no integer from 0 to 2**63 - 1."""
    if isinstance(seed, (bool, np.bool_)) or not isinstance(seed, (int, np.integer)):
        raise ValueError(f"seed: found {seed!r}; allowed: an integer from 0 to 2**63 - 1")
    if not 0 <= seed <= LARGEST:
        raise ValueError(f"seed: found {seed}; allowed: 0 to 2**63 - 1")
    return int(seed)


def checked_numbers(name: str, numbers: Any, people: int) -> Int:
    """Keys or numbers of people given by hand, int64 (people,); of one person also a number.

    Raises `ValueError` for anything else.
    """
    array = np.asarray(numbers)
    if people == 1:
        array = array.reshape(-1)
    if array.shape != (people,) or array.dtype.kind not in "iu":
        raise ValueError(
            f"{name}: found {array.dtype} of shape {array.shape}; allowed: integers of shape "
            f"({people},)"
        )
    if array.size and (int(array.min()) < 0 or int(array.max()) > LARGEST):
        wrong = int(array.min()) if int(array.min()) < 0 else int(array.max())
        raise ValueError(f"{name}: found {wrong}; allowed: 0 to 2**63 - 1")
    return array.astype(np.int64)
