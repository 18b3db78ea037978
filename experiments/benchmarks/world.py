"""Rates of the world: by batch size, against a fused loop, and against other environments."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np

from ...envs import FeedBatch, SlateBatch
from ...envs.world import IN_A_SLOT, Mechanism, Slate, slot, uniforms, world
from .timing import Rates, Side, side_by_side

PEOPLE = (1, 64, 1024, 16384)
PEOPLE_GROWTH = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)
ITEMS_GROWTH = (20, 100, 1_000, 10_000)
SLATE_GROWTH = (1, 2, 5, 10, 20)
_SLOTS_A_ROUND = 65536  # person-slots, but at least a few slots of a large batch
_FEWEST_SLOTS = 4


def by_people(people: tuple[int, ...] = PEOPLE, rounds: int = 7, engine: str = "numpy") -> Rates:
    """Person-slots a second of a batch under random actions, who ends being replaced."""
    sides = {str(n): batch_side(FeedBatch(world(), n, engine=engine)) for n in people}
    return side_by_side(sides, rounds)


def by_items(items: tuple[int, ...], people: int = 256, rounds: int = 5) -> Rates:
    """Person-slots a second by the size of the catalogue."""
    sides = {}
    for count in items:
        parameters = world(overrides={"catalogue": {"items": count}})
        sides[str(count)] = batch_side(FeedBatch(parameters, people), 16)
    return side_by_side(sides, rounds)


def by_slate(sizes: tuple[int, ...], people: int = 1024, rounds: int = 5) -> Rates:
    """Person-slots a second by the size of the slate."""
    sides = {
        str(size): batch_side(SlateBatch(world(), people, Slate(size=size)), 16) for size in sizes
    }
    return side_by_side(sides, rounds)


def batch_side(batch: FeedBatch, slots: int | None = None) -> Side:
    """Plays a batch under random actions, with restarts."""
    n = batch.people
    slots = slots or max(_FEWEST_SLOTS, min(2000, _SLOTS_A_ROUND // n))
    shape = (slots, *batch.action_shape)
    actions = np.random.default_rng(0).integers(len(batch.items), size=shape)
    batch.start(np.arange(n, dtype=np.int64), 0)

    def play() -> int:
        for action in actions:
            step = batch.step(action)
            done = step.terminated | step.truncated
            if done.any():
                batch.restart(done)
                batch.observe_restarted(step.observation, done)
        return slots * n

    return play


def against_fused(people: int = 16384, rounds: int = 7) -> Rates:
    """The slot and its luck, on NumPy and as one loop that numba compiles."""
    from ...envs.fused import FusedWorld

    parameters = world()
    batch = FeedBatch(parameters, people)
    persons = np.arange(people, dtype=np.int64)
    batch.start(7, persons)
    fused = FusedWorld(parameters, batch.items)
    slots = max(_FEWEST_SLOTS, _SLOTS_A_ROUND // people)
    feeds = np.random.default_rng(0).integers(len(batch.items), size=(slots, people))
    seeds = np.full(people, 7, dtype=np.int64)
    times = [np.full(people, number, dtype=np.int64) for number in range(1, slots + 1)]
    state = batch.state

    def on_numpy() -> int:
        now = state
        for feed, time in zip(feeds, times, strict=True):
            luck = uniforms(seeds, persons, time, Mechanism.OPENING, IN_A_SLOT)
            now, _ = slot(parameters, batch.items, batch.traits, now, feed, luck)
        return slots * people

    def in_a_loop() -> int:
        now = state
        for feed, time in zip(feeds, times, strict=True):
            now, _ = fused.slot(batch.traits, now, feed, seeds, persons, time)
        return slots * people

    return side_by_side({"slot": on_numpy, "fused": in_a_loop}, rounds)


def against_cartpole(engines: tuple[str, ...], rounds: int = 7, steps: int = 3000) -> Rates:
    """Single `gymnasium` environments, made and stepped as a user does; ours by engine.

    `auto` is ours as it is made without an argument. Seconds are of the processor.
    """
    sides = {engine: _single("undertow/Feed-v0", steps, engine=engine) for engine in engines}
    sides["auto"] = _single("undertow/Feed-v0", steps)
    sides["cartpole"] = _single("CartPole-v1", steps)
    return side_by_side(sides, rounds, of_cpu=True)


def _single(name: str, steps: int, **kwargs: Any) -> Side:
    env = gymnasium.make(name, **kwargs)
    env.reset(seed=0)
    env.action_space.seed(0)

    def play() -> int:
        for _ in range(steps):
            _, _, terminated, truncated, _ = env.step(env.action_space.sample())
            if terminated or truncated:
                env.reset()
        return steps

    return play
