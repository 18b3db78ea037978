"""Draws from a distribution over items by a person's own lots, so that twins share them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from undertow.envs.world import Mechanism, uniforms

from .policy import Action


def drawn_by_lots(
    logits: NDArray[np.float32], seed: NDArray[np.int64], person: NDArray[np.int64], slot: int
) -> Action:
    """An item for each row of `logits`, (people, items), by the lots of (seed, person, slot)."""
    lot = uniforms(seed, person, np.full_like(person, slot), Mechanism.POLICY, 1)[0]
    mass = np.cumsum(np.exp(logits), axis=1)
    drawn = np.sum(mass < lot[:, None] * mass[:, -1:], axis=1)
    return np.minimum(drawn, logits.shape[1] - 1)


def chosen(
    logits: NDArray[np.float32],
    people: tuple[NDArray[np.int64], NDArray[np.int64]] | None,
    slot: int,
    deterministic: bool,
) -> tuple[Action, int]:
    """Items by `logits`, (people, items) or (people, places, items), and the lots used so far.

    The likeliest where `deterministic`; else drawn, a lot for each place, by the lots after `slot`
    of these people, (seed, person); of people 0, 1, ... of seed 0 where they were not begun.
    """
    if deterministic:
        return np.argmax(logits, axis=-1), slot
    count = logits.shape[0]
    seed, person = people or (np.zeros(count, dtype=np.int64), np.arange(count))
    drawn = []
    for place in np.moveaxis(logits, -2, 0) if logits.ndim == 3 else logits[None]:
        slot += 1
        drawn.append(drawn_by_lots(place, seed, person, slot))
    return (drawn[0] if logits.ndim == 2 else np.stack(drawn, axis=1)), slot


def among(logits: NDArray[np.float32], allowed: NDArray[np.bool_]) -> NDArray[np.float32]:
    """`logits` with -inf where not allowed, and 0 at the largest of the rest."""
    left: NDArray[np.float32] = np.where(allowed, logits, -np.inf)
    return left - left.max(axis=1, keepdims=True)
