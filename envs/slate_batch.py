"""`FeedBatch` with a slate in every slot instead of one item."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, cast

from .feed_batch import FeedBatch
from .refusals import validated
from .world import (
    Items,
    Mechanism,
    Outcome,
    Slate,
    State,
    WorldParameters,
    scroll,
    uniforms,
)
from .world.arrays import Bool, Float, Int


class SlateBatch(FeedBatch):
    """People who each meet a slate a slot, read in order until they leave.

    slate: how it is read. Else as `FeedBatch`, but for the engine, which is NumPy or torch. An
    action has shape (people, size); an item may stand in a slate more than once. What happened in a
    slot is a `SlateOutcome`.
    """

    def __init__(
        self,
        parameters: WorldParameters,
        people: int,
        slate: Slate,
        observation: str = "platform",
        items: Items | None = None,
        device: str | None = None,
    ) -> None:
        self.slate = slate
        super().__init__(parameters, people, observation, items, device)

    @property
    def action_shape(self) -> tuple[int, ...]:
        """Shape of an action for everybody: (people, size)."""
        return (self.people, self.slate.size)

    def _lived(self, feed: Int, number: Int, away: Bool | None) -> tuple[State, Outcome]:
        """Slot `number` of everybody."""
        self.items.check(feed)
        return scroll(
            self.parameters,
            self.slate,
            self.items,
            self.traits,
            self.state,
            feed,
            self._luck(),
            self._rest(number),
            away,
        )

    def _rest(self, number: Int) -> Float:
        """The draws of the further items in this slot, (2 (size - 1), people)."""
        lanes = 2 * (self.slate.size - 1)
        if not lanes:
            empty: Float = self.xp.zeros(
                (0, self.people), dtype=self.xp.float32, device=self.device
            )
            return empty
        return uniforms(self.seed, self.person, number, Mechanism.SCROLL, lanes)

    def measured(self, outcome: Outcome, idle: Bool | None = None) -> dict[str, Any]:
        """As `FeedBatch`'s, over all items watched, and `seen`: how many they came to."""
        told = super().measured(outcome, idle)
        seen = sum(
            (self.xp.astype(part.opened, self.xp.int64) for part in outcome.parts[1:]),
            start=self.xp.astype(outcome.opened, self.xp.int64),
        )
        told["seen"] = seen if idle is None else self.xp.where(idle, 0, seen)
        return told


def slate_of(slate: Slate | Mapping[str, Any] | int) -> Slate:
    """How a slate is read: as it is, from its parameters, or from its size."""
    if isinstance(slate, Slate):
        return slate
    if not isinstance(slate, Mapping):
        slate = {"size": slate}
    return cast(Slate, validated(Slate, partial(Slate.model_validate, dict(slate)), "slate"))


def batch_of(
    parameters: WorldParameters,
    people: int,
    observation: str = "platform",
    items: Items | None = None,
    *,
    slate: Slate | Mapping[str, Any] | int | None = None,
    engine: str = "numpy",
) -> FeedBatch:
    """A `FeedBatch`; a `SlateBatch` where a slate is asked for, which NumPy plays."""
    if slate is None:
        return FeedBatch(parameters, people, observation, items, engine=engine)
    if engine not in ("auto", "numpy"):
        raise ValueError(f"engine: found {engine!r} with a slate; allowed: auto, numpy")
    return SlateBatch(parameters, people, slate_of(slate), observation, items)
