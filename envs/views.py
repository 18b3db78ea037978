"""What the agent sees: the platform's own logs, or the person's true state.

Both give float32 arrays of about unit scale, so that a network needs no running normalisation.
"""

from __future__ import annotations

from typing import Literal

from .world import Items, Outcome, State, Traits, WorldParameters, expected_next_minutes
from .world.arrays import Any1, Bool, Float, Int, namespace

Observation = Literal["platform", "oracle"]
OBSERVATIONS: tuple[str, ...] = ("platform", "oracle")

# Memories of the log, as the share forgotten each slot: about half a day, two days, a week.
FORGETTING = (0.25, 0.06, 0.018)
# Civic items are logged in four groups: each side of the axis, nearer and farther than this.
_FAR = 0.4
# Watch rates start as if one session of half the mean length had been seen.
PRIOR_SESSIONS, PRIOR_MINUTES = 1.0, 0.5


class PlatformView:
    """What a platform can log; nothing in it needs the person's mind.

    Items fall into groups: the plain topics, and civic content by side and distance from the
    middle. For each group: minutes at three speeds, the watch rate (minutes a session since the
    start) and how well it is known. At three speeds: opens, minutes, sought minutes and arousing
    minutes. Then the mean stance and the mean |stance| of civic minutes, the last slot
    (opened, minutes, stance and arousal), the gap since the last opening, and how much of the
    calendar has passed.
    """

    def __init__(self, parameters: WorldParameters, items: Items, people: int) -> None:
        self.parameters, self.items = parameters, items
        xp, device = namespace(items.civic), items.civic.device
        group = _groups(items)
        self.groups = groups = group.shape[1]
        self.item_group: Int = xp.argmax(group, axis=1)
        self.size = len(FORGETTING) * (groups + 4) + 2 * groups + 2 + 6
        self._empty(people)
        self._newcomer = self.observe(xp.zeros(people, dtype=xp.int64, device=device))[:1, :]

    def _empty(self, people: int) -> None:
        """Logs of people of whom nothing is known."""
        items, groups = self.items, self.groups
        xp, device = namespace(items.civic), items.civic.device
        # Logs have one column a person: what is added in a slot then lies side by side.
        self._group = xp.asarray(_groups(items).T, copy=True)
        self._axes = xp.stack([items.stance, xp.abs(items.stance), items.arousal])
        speeds = xp.asarray(FORGETTING, dtype=xp.float32, device=device)
        self._forgetting = speeds[:, None, None]

        def empty(*shape: int) -> Float:
            log: Float = xp.zeros((*shape, people), dtype=xp.float32, device=device)
            return log

        # One more than there are people: columns a power of two apart would share a line of cache.
        self._columns = xp.zeros((self.size, people + 1), dtype=xp.float32, device=device)[:, :-1]
        self._memories = empty(len(FORGETTING), groups + 4)
        self._total = empty(2 * groups + 2)
        self._last = empty(4)
        self._gap = empty()

    def clear(self, rows: Int) -> None:
        """Forgets the people of the rows with these numbers."""
        for log in (self._memories, self._total, self._last, self._gap):
            log[..., rows] = 0.0

    def record(self, outcome: Outcome) -> None:
        """Adds one slot to the logs."""
        xp = namespace(outcome.minutes)
        first, *rest = outcome.parts
        recent, since = self._told(first)
        for part in rest:  # the slot was opened once
            more_recent, more_since = self._told(part)
            more_recent[self.groups, :] = 0.0
            recent, since = recent + more_recent, since + more_since
        self._memories += self._forgetting * (recent - self._memories)
        self._total += since
        minutes = outcome.minutes * (1.0 / self.parameters.watching.minutes)
        opened = xp.astype(outcome.opened, xp.float32)
        stance, _, arousal = xp.take(self._axes, outcome.item, axis=1)
        last = (opened, minutes, stance * opened, arousal * opened)
        self._last = xp.concat([column[None, :] for column in last])
        self._gap = xp.where(outcome.opened, 0.0, self._gap + 1.0)

    def _told(self, outcome: Outcome) -> tuple[Float, Float]:
        """What one item adds to the memories, (groups + 4, people), and to the totals."""
        watched, xp = outcome.item, namespace(outcome.minutes)
        minutes = outcome.minutes * (1.0 / self.parameters.watching.minutes)
        opened = xp.astype(outcome.opened, xp.float32)
        stance, extremity, arousal = xp.take(self._axes, watched, axis=1)
        group = xp.take(self._group, watched, axis=1)
        by_group = group * minutes
        # Rows of one column are joined, not stacked: that is a copy and no more.
        recent = (opened, minutes, minutes * outcome.sought, minutes * arousal)
        event = xp.concat([by_group, *(column[None, :] for column in recent)])
        tilt = (minutes * stance, minutes * extremity)
        since = xp.concat([by_group, group * opened, *(column[None, :] for column in tilt)])
        return event, since

    def observe(self, slot: Int, traits: Traits | None = None, state: State | None = None) -> Float:
        """Observation, shape (people, size)."""
        groups, xp = self.groups, namespace(slot)
        watched, sessions = self._total[:groups, :], self._total[groups : 2 * groups, :]
        rate = (watched + PRIOR_MINUTES) / (sessions + PRIOR_SESSIONS)
        known = sessions / (sessions + 3.0)
        tilt = self._total[2 * groups :, :] / (xp.sum(watched[groups - 4 :, :], axis=0) + 0.5)
        recent = xp.reshape(3.0 * self._memories, (-1, slot.shape[0]))
        recency = self._gap / (self._gap + 8.0)
        passed = xp.astype(slot, xp.float32) * (1.0 / self.parameters.calendar.slots)
        now = (self._last, recency[None, :], passed[None, :])
        filled = 0
        for part in (recent, 2.0 * rate - 1.0, known, tilt, *now):
            self._columns[filled : filled + part.shape[0], :] = part
            filled += part.shape[0]
        seen: Float = xp.empty((slot.shape[0], self.size), dtype=xp.float32, device=slot.device)
        seen[...] = self._columns.T
        return seen

    def observe_newcomers(self, rows: Bool, slot: Int, traits: Traits, state: State) -> Float:
        """Observation of the rows marked true, whose people have just come: alike for all."""
        return self._newcomer


def _groups(items: Items) -> Float:
    """Indicator of each item's group, (items, groups): plain topics, then four civic groups."""
    xp = namespace(items.civic)
    plain = items.indicator * (1.0 - items.civic[:, None])
    plain = plain[:, xp.any(plain > 0, axis=0)]
    right, far = items.stance > 0, xp.abs(items.stance) > _FAR
    sides = (~right & far, ~right & ~far, right & ~far, right & far)
    civic = xp.stack([side * items.civic for side in sides], axis=1)
    groups: Float = xp.concat([plain, civic], axis=1)
    return groups


class OracleView:
    """The person's true state and traits, and the exact expected minutes of each item next.

    Taste, satiation, habit, tolerance, stance, |stance|, regret; self-control, susceptibility,
    latitude, news interest, origin; calendar passed; expected minutes of each lead, as their share
    of the best in the last columns and the best itself before them.
    """

    def __init__(self, parameters: WorldParameters, items: Items, people: int) -> None:
        self.parameters, self.items = parameters, items
        self.size = 2 * parameters.population.topics + 11 + 1 + len(items)

    def clear(self, rows: Int) -> None:
        """Nothing is remembered."""

    def record(self, outcome: Outcome) -> None:
        """Nothing is remembered."""

    def observe_newcomers(self, rows: Bool, slot: Int, traits: Traits, state: State) -> Float:
        """Observation of the rows marked true, whose people have just come."""
        (some,) = namespace(slot).nonzero(rows)
        return self.observe(slot[some], traits.take(some), state.take(some))

    def observe(self, slot: Int, traits: Traits, state: State) -> Float:
        """Observation, shape (people, size)."""
        xp = namespace(slot)
        passed = xp.astype(slot, xp.float32) / self.parameters.calendar.slots
        expected = expected_next_minutes(self.parameters, self.items, traits, state)
        best = xp.max(expected, axis=1, keepdims=True)
        scalars = (
            2.0 * state.habit,
            2.0 * state.tolerance,
            state.stance,
            xp.abs(state.stance),
            state.regret,
            traits.self_control,
            4.0 * traits.susceptibility,
            traits.latitude,
            traits.news,
            traits.stance,
            passed,
        )
        share = expected / xp.maximum(best, 1e-6)
        # Near the best is where choices are made: the shares are stretched there.
        seen: Float = xp.concat(
            [
                state.taste,
                state.satiation,
                xp.stack(scalars, axis=1),
                best / 8.0,
                4.0 * share - 3.0,
            ],
            axis=1,
        )
        return seen


VIEWS: dict[str, type[PlatformView] | type[OracleView]] = {
    "platform": PlatformView,
    "oracle": OracleView,
}


def expected_shares(observation: Any1, items: int) -> Any1:
    """The last columns of an oracle observation: increasing in each item's expected minutes."""
    return observation[:, -items:]


def true_state(observation: Any1, parameters: WorldParameters) -> tuple[Traits, State]:
    """The people that an oracle observation, (people, size), shows, to the bit; all present."""
    xp, topics = namespace(observation), parameters.population.topics
    taste, satiation = observation[:, :topics], observation[:, topics : 2 * topics]
    scalars = (observation[:, 2 * topics + place] for place in range(10))
    habit, tolerance, stance, _, regret, control, eta, latitude, news, origin = scalars
    # What a person's first taste was is not shown.
    traits = Traits(control, 0.25 * eta, latitude, news, origin, taste)
    here = xp.ones(observation.shape[0], dtype=xp.bool, device=observation.device)
    state = State(taste, satiation, 0.5 * habit, 0.5 * tolerance, stance, regret, here)
    return traits, state
