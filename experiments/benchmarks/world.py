"""Rates of the world: by batch size, against a fused loop, and against other environments."""

from __future__ import annotations

import gymnasium
import numpy as np

from ...envs import FeedBatch
from ...envs.world import IN_A_SLOT, Mechanism, slot, uniforms, world
from .timing import Rates, Side, side_by_side

PEOPLE = (1, 64, 1024, 16384)
PEOPLE_GROWTH = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)
ITEMS_GROWTH = (20, 100, 1_000, 10_000)
_SLOTS_A_ROUND = 65536  # person-slots, but at least a few slots of a large batch
_FEWEST_SLOTS = 4


def by_people(people: tuple[int, ...] = PEOPLE, rounds: int = 7) -> Rates:
    """Person-slots a second of a batch under random actions, who ends being replaced."""
    return side_by_side({str(n): batch_side(FeedBatch(world(), n)) for n in people}, rounds)


def by_items(items: tuple[int, ...], people: int = 256, rounds: int = 5) -> Rates:
    """Person-slots a second by the size of the catalogue."""
    sides = {}
    for count in items:
        parameters = world(overrides={"catalogue": {"items": count}})
        sides[str(count)] = batch_side(FeedBatch(parameters, people), 16)
    return side_by_side(sides, rounds)


def batch_side(batch: FeedBatch, slots: int | None = None) -> Side:
    """Plays a batch under random actions, with restarts."""
    n = batch.people
    slots = slots or max(_FEWEST_SLOTS, min(2000, _SLOTS_A_ROUND // n))
    actions = np.random.default_rng(0).integers(len(batch.items), size=(slots, n))
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
    """The bare slot on NumPy and as a loop that numba compiles, on the same draws."""
    from .fused import FusedWorld

    parameters = world()
    batch = FeedBatch(parameters, people)
    persons = np.arange(people, dtype=np.int64)
    batch.start(7, persons)
    fused = FusedWorld(parameters, batch.items, batch.traits, batch.state)
    slots = max(_FEWEST_SLOTS, _SLOTS_A_ROUND // people)
    feeds = np.random.default_rng(0).integers(len(batch.items), size=(slots, people))
    keys = np.full(people, 7, dtype=np.int64)
    luck = [
        uniforms(keys, persons, np.full(people, t, dtype=np.int64), Mechanism.OPENING, IN_A_SLOT)
        for t in range(slots)
    ]
    state = batch.state

    def on_numpy() -> int:
        now = state
        for feed, drawn in zip(feeds, luck, strict=True):
            now, _ = slot(parameters, batch.items, batch.traits, now, feed, drawn)
        return slots * people

    def in_a_loop() -> int:
        for feed, drawn in zip(feeds, luck, strict=True):
            fused.slot(feed, drawn)
        return slots * people

    return side_by_side({"slot": on_numpy, "fused": in_a_loop}, rounds)


def against_cartpole(rounds: int = 7, steps: int = 3000) -> Rates:
    """Single `gymnasium` environments, made and stepped as a user does."""
    sides = {name: _single(name, steps) for name in ("undertow/Feed-v0", "CartPole-v1")}
    return side_by_side(sides, rounds)


def _single(name: str, steps: int) -> Side:
    env = gymnasium.make(name)
    env.reset(seed=0)
    env.action_space.seed(0)

    def play() -> int:
        for _ in range(steps):
            _, _, terminated, truncated, _ = env.step(env.action_space.sample())
            if terminated or truncated:
                env.reset()
        return steps

    return play
