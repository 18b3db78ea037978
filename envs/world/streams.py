"""Counter-based randomness: every draw is a function of (seed, person, slot, mechanism).

Philox4x32-10 (Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
A draw never depends on what was drawn before, so one person meets the same luck under every policy,
in every batch size and at every place in the batch: that is what makes exact twins possible.

Words are 32-bit values held in int64 arrays, and all arithmetic is modulo 2**64, so that the same
lines run on any library of the array API standard.
"""

from __future__ import annotations

import math
from enum import IntEnum, unique

from .arrays import Float, Int, namespace

_MASK = 0xFFFFFFFF
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10


@unique
class Mechanism(IntEnum):
    """Who draws. Four mechanisms share one Philox block; the order is part of the format."""

    OPENING = 0
    SEARCH = 1
    WATCHING = 2
    CHURN = 3
    STANCE = 4
    POLICY = 8
    AWAY = 12
    PROMPT = 16
    REPLACEMENT = 20
    SCROLL = 24
    FOLLOWING = 28
    TIMELINE = 32
    TRAITS = 64


IN_A_SLOT = 8  # lanes drawn together in a slot: two Philox blocks


def philox4x32(
    counter: tuple[Int, Int, Int, Int], key: tuple[Int, Int], rounds: int = _ROUNDS
) -> tuple[Int, Int, Int, Int]:
    """The Philox4x32 bijection on broadcastable int64 arrays of 32-bit words."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(rounds):
        # c1, c3 and the key may carry bits above the 32nd: what they meet is cut to 32 at once.
        p0, p1 = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        c0, c1 = _mixed(p1, c1, k0), p1
        c2, c3 = _mixed(p0, c3, k1), p0
        k0, k1 = k0 + _WEYL[0], k1 + _WEYL[1]
    return c0, c1 & _MASK, c2, c3 & _MASK


def _mixed(product: Int, word: Int, key: Int) -> Int:
    """(product's high word ^ word ^ key), 32 bits; without new arrays where one will do."""
    high = product >> 32
    if high.shape != word.shape or high.ndim < key.ndim:  # the first rounds: shapes still grow
        return (high ^ word ^ key) & _MASK
    high ^= word
    high ^= key
    high &= _MASK
    return high


def uniforms(seed: Int, person: Int, slot: Int, first: int, count: int) -> Float:
    """Uniform draws on the open interval (0, 1), float32, shape (count, *shape).

    seed, person, slot: int64 arrays that broadcast to `shape`. first: the first lane (a
    `Mechanism`), a multiple of four. Values are odd multiples of 2**-24, so neither 0 nor 1 can
    occur.
    """
    xp = namespace(slot)
    blocks = -(-count // 4)
    axes = max(seed.ndim, person.ndim, slot.ndim)
    lane = xp.arange(first // 4, first // 4 + blocks, dtype=xp.int64, device=slot.device)
    lane = xp.reshape(lane, (blocks, *(1 for _ in range(axes))))
    words = philox4x32(
        (person & _MASK, (person >> 32) & _MASK, slot & _MASK, lane),
        (seed & _MASK, (seed >> 32) & _MASK),
    )
    bits = xp.stack(words, axis=1)
    bits = xp.reshape(bits, (4 * blocks, *bits.shape[2:]))[:count, ...]
    drawn: Float = (xp.astype(bits >> 9, xp.float32) + 0.5) * 2.0**-23
    return drawn


def normals(seed: Int, person: Int, slot: Int, first: int, count: int) -> Float:
    """Standard normal draws, float32, shape (count, people); Box and Muller (1958)."""
    pairs = -(-count // 2)
    xp = namespace(slot)
    u = uniforms(seed, person, slot, first, 2 * pairs)
    radius = xp.sqrt(-2.0 * xp.log(u[:pairs, ...]))
    angle = 2.0 * math.pi * u[pairs:, ...]
    drawn: Float = xp.concat([radius * xp.cos(angle), radius * xp.sin(angle)], axis=0)
    return drawn[:count, ...]
