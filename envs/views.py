"""What the agent sees: the platform's own logs, or the person's true state.

Both give float32 arrays of about unit scale, so that a network needs no running normalisation.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from .world import Items, Outcome, State, Traits, WorldParameters, expected_next_minutes
from .world.arrays import Any1, Bool, Float, Int

Observation = Literal["platform", "oracle"]
OBSERVATIONS: tuple[str, ...] = ("platform", "oracle")

# Memories of the log, as the share forgotten each slot: about half a day, two days, a week.
FORGETTING = (0.25, 0.06, 0.018)
# A nearly unused item is still known a little: keeps rare events on the scale of common ones.
_GAIN = 3.0


class PlatformView:
    """Log features at three speeds; nothing in it needs the person's mind.

    For each speed and topic: minutes watched, and slots led. For each speed: opens, minutes, sought
    minutes, and minutes weighted by arousal, by stance and by |stance|; leads weighted by stance and
    by |stance|. Then the last slot (opened, minutes, stance and arousal of what was watched), the gap
    since the last opening, and how much of the calendar has passed.
    """

    def __init__(self, parameters: WorldParameters, items: Items, people: int) -> None:
        self.parameters, self.items = parameters, items
        topics = parameters.population.topics
        self._features = 2 * topics + 8
        self.size = len(FORGETTING) * self._features + 6
        self._rate = np.asarray(FORGETTING, dtype=np.float32)[None, :, None]
        self._memory = np.zeros((people, len(FORGETTING), self._features), dtype=np.float32)
        self._last = np.zeros((people, 4), dtype=np.float32)
        self._gap = np.zeros(people, dtype=np.float32)

    def clear(self, rows: Bool) -> None:
        """Forgets the people of these rows."""
        self._memory[rows] = 0.0
        self._last[rows] = 0.0
        self._gap[rows] = 0.0

    def record(self, feed: Int, outcome: Outcome) -> None:
        """Adds one slot to the logs."""
        items = self.items
        watched, led = outcome.item, feed
        minutes = outcome.minutes / np.float32(self.parameters.watching.minutes)
        stance, arousal = np.take(items.stance, watched), np.take(items.arousal, watched)
        led_stance = np.take(items.stance, led)
        opened = outcome.opened.astype(np.float32)
        scalars = (
            opened,
            minutes,
            minutes * outcome.sought,
            minutes * arousal,
            minutes * stance,
            minutes * np.abs(stance),
            led_stance,
            np.abs(led_stance),
        )
        event = np.concat(
            [
                np.take(items.indicator, watched, axis=0) * minutes[:, None],
                np.take(items.indicator, led, axis=0),
                np.stack(scalars, axis=1),
            ],
            axis=1,
        )
        self._memory += self._rate * (event[:, None, :] - self._memory)
        self._last = np.stack([opened, minutes, stance * opened, arousal * opened], axis=1)
        self._gap = np.where(outcome.opened, 0.0, self._gap + 1.0).astype(np.float32)

    def observe(self, slot: Int, traits: Traits, state: State) -> Float:
        """Observation, shape (people, size)."""
        passed = slot.astype(np.float32) / np.float32(self.parameters.calendar.slots)
        gap = self._gap / (self._gap + 8.0)
        flat = np.reshape(self._memory, (self._memory.shape[0], -1))
        return np.concat([flat * _GAIN, self._last, gap[:, None], passed[:, None]], axis=1)


class OracleView:
    """The person's true state and traits, and the exact expected minutes of each item next.

    Taste, satiation, habit, tolerance, stance, |stance|, regret; self-control, susceptibility,
    latitude, news interest, origin; calendar passed; expected minutes of each lead, as their share of
    the best in the last columns and the best itself before them.
    """

    def __init__(self, parameters: WorldParameters, items: Items, people: int) -> None:
        self.parameters, self.items = parameters, items
        self.size = 2 * parameters.population.topics + 11 + 1 + len(items)

    def clear(self, rows: Bool) -> None:
        """Nothing is remembered."""

    def record(self, feed: Int, outcome: Outcome) -> None:
        """Nothing is remembered."""

    def observe(self, slot: Int, traits: Traits, state: State) -> Float:
        """Observation, shape (people, size)."""
        passed = slot.astype(np.float32) / np.float32(self.parameters.calendar.slots)
        expected = expected_next_minutes(self.parameters, self.items, traits, state)
        best = np.max(expected, axis=1, keepdims=True)
        scalars = (
            2.0 * state.habit,
            2.0 * state.tolerance,
            state.stance,
            np.abs(state.stance),
            state.regret,
            traits.self_control,
            4.0 * traits.susceptibility,
            traits.latitude,
            traits.news,
            traits.stance,
            passed,
        )
        share = expected / np.maximum(best, np.float32(1e-6))
        # Near the best is where choices are made: the shares are stretched there.
        return np.concat(
            [state.taste, state.satiation, np.stack(scalars, axis=1), best / 8.0, 4.0 * share - 3.0],
            axis=1,
        ).astype(np.float32)


VIEWS: dict[str, type[PlatformView] | type[OracleView]] = {
    "platform": PlatformView,
    "oracle": OracleView,
}


def expected_shares(observation: Any1, items: int) -> Any1:
    """The last columns of an oracle observation: increasing in each item's expected minutes."""
    return observation[:, -items:]
