"""Whose doing is it? The same people under several policies, the neutral feed and no feed at all.

Twins share traits and luck, so a difference between two of them comes from what was made to differ.
Identities hold person by person: parts sum to their whole, and identical policies differ by zero.
Intervals here are over people of one seed; across training seeds, use an experiment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..agents import Chronological, Policy
from ..envs.world import Items, WorldParameters, altered, synthetic
from ..envs.world import world as build_world
from .diary import Phase, everybody, follow
from .rollout import NO_FEED, Lives, Real, live
from .statistics import Estimate, estimate

#: Stances that content alone moves: no noise, no return to the origin.
STILL = {"stance": {"noise": 0.0, "anchor": 0.0}}
_BACK = 0.9  # of the use before a break: what counts as relapse


def over_people(values: NDArray[np.floating] | NDArray[np.bool_]) -> Estimate:
    """Plain mean with its 95 % bootstrap interval over people, one value each; NaN left out."""
    return estimate(np.asarray(values, dtype=np.float64), np.mean)


@dataclass(frozen=True)
class Drift:
    """Change of |stance| over the calendar, one value a person, in parts that sum to the whole.

        total   = natural + ordinary + induced
        induced = push + interaction

    natural: no feed, less the start. ordinary: the neutral feed, less no feed. induced: the policy,
    less the neutral feed. push: what is induced where nothing else moves stances (no noise, no
    anchor); interaction: what the natural movement makes of it.
    """

    total: Real
    natural: Real
    ordinary: Real
    induced: Real
    push: Real
    interaction: Real

    def estimates(self) -> dict[str, Estimate]:
        """Mean and interval over people of each part."""
        return {name: over_people(values) for name, values in vars(self).items()}


@dataclass(frozen=True)
class Crossings:
    """Who passed the threshold of |stance|, and what is held responsible.

    referral: of the radicalised, the share who crossed on an item that the feed had placed: where
    the last step came from. steering: the share whose twin under the neutral feed is not past the
    threshold: what would not have happened otherwise. The first can be high while the second is
    low (the feed places most of what anybody sees), and the reverse (a person who was moved far
    may take the last step on something they looked for).
    """

    radicalised: NDArray[np.bool_]
    referred: NDArray[np.bool_]
    steered: NDArray[np.bool_]

    @property
    def referral_share(self) -> Estimate:
        """Of the radicalised."""
        return over_people(self.referred[self.radicalised])

    @property
    def steering_share(self) -> Estimate:
        """Of the radicalised."""
        return over_people(self.steered[self.radicalised])


@dataclass(frozen=True)
class SamePeople:
    """The same people, the same luck, under each policy, the neutral feed and no feed."""

    parameters: WorldParameters
    items: Items
    policies: Mapping[str, Policy]
    seed: int
    people: int
    threshold: float
    lives: Mapping[str, Lives]
    neutral: Lives
    no_feed: Lives

    def _live(self, parameters: WorldParameters, policy: Policy) -> Lives:
        return live(
            *(parameters, self.items, policy),
            seed=self.seed,
            people=self.people,
            threshold=self.threshold,
        )

    @cached_property
    def _still(self) -> tuple[WorldParameters, Lives]:
        still = altered(self.parameters, STILL)
        return still, self._live(still, Chronological(self.items.supply))

    def drift(self, policy: str) -> Drift:
        """The drift under a policy, decomposed."""
        lives = self.lives[policy]
        still, still_neutral = self._still
        start, no_feed, neutral, end = (
            np.abs(stance)
            for stance in (
                lives.stance_start,
                self.no_feed.stance,
                self.neutral.stance,
                lives.stance,
            )
        )
        pushed = self._live(still, self.policies[policy])
        push = np.abs(pushed.stance) - np.abs(still_neutral.stance)
        induced = end - neutral
        return Drift(
            total=end - start,
            natural=no_feed - start,
            ordinary=neutral - no_feed,
            induced=induced,
            push=push,
            interaction=induced - push,
        )

    def crossings(self, policy: str) -> Crossings:
        """Who was radicalised under a policy, by whom."""
        lives = self.lives[policy]

        def past(of: Lives) -> NDArray[np.bool_]:
            return np.abs(of.stance) > self.threshold

        radicalised = past(lives) & ~past(self.no_feed)
        return Crossings(
            radicalised=radicalised,
            referred=lives.crossed_by_feed & radicalised,
            steered=radicalised & ~past(self.neutral),
        )

    def targeting(self, policy: str) -> Estimate:
        """Mean civic |stance| of what leads the feeds of the most susceptible tenth, less the rest.

        The interval is that of a difference of two groups of people.
        """
        lives = self.lives[policy]
        top = lives.susceptibility >= np.quantile(lives.susceptibility, 0.9)
        if top.all():  # all alike
            return Estimate(None, None, None, 0)
        difference = lives.led_extremity[top].mean() - lives.led_extremity[~top].mean()
        generator = np.random.Generator(np.random.Philox(self.seed))
        groups = (lives.led_extremity[top], lives.led_extremity[~top])
        drawn = [generator.choice(group, size=(2000, group.size)).mean(axis=1) for group in groups]
        low, high = np.quantile(drawn[0] - drawn[1], [0.025, 0.975])
        return Estimate(float(difference), float(low), float(high), int(top.size))

    def difference(self, policy: str, other: str) -> Estimate:
        """Minutes a day that a policy gains over another, person by person."""
        gain = self.lives[policy].minutes - self.lives[other].minutes
        return over_people(gain / self.parameters.calendar.days)


def twins(
    world: str | WorldParameters,
    policies: Mapping[str, Policy],
    *,
    people: int,
    seed: int,
    items: Items | None = None,
    threshold: float = 0.6,
) -> SamePeople:
    """Runs people 0..people-1 of `seed` under each policy, the neutral feed and no feed.

    world: a preset or parameters. items: the catalogue; the synthetic one if None.
    """
    parameters = build_world(world) if isinstance(world, str) else world
    items = synthetic(parameters) if items is None else items
    neutral = Chronological(items.supply)

    def lives(where: WorldParameters, policy: Policy) -> Lives:
        return live(where, items, policy, seed=seed, people=people, threshold=threshold)

    return SamePeople(
        parameters=parameters,
        items=items,
        policies=policies,
        seed=seed,
        people=people,
        threshold=threshold,
        lives={name: lives(parameters, policy) for name, policy in policies.items()},
        neutral=lives(parameters, neutral),
        no_feed=lives(altered(parameters, NO_FEED), neutral),
    )


@dataclass(frozen=True)
class Break:
    """What an imposed break from the app leaves behind, one value a person.

    after: minutes a day after the break; unbroken: of the twin who had none, in the same days;
    before: in the days before it.
    """

    before: Real
    after: Real
    unbroken: Real

    @property
    def relapse(self) -> Estimate:
        """Share of people who come back to 90 % of their use before the break."""
        used = self.before > 0
        return over_people(self.after[used] >= _BACK * self.before[used])

    @property
    def left(self) -> float:
        """Use after the break, less that of the twins, as a share of theirs."""
        return float(self.after.sum() / self.unbroken.sum() - 1)


def imposed_break(
    world: str | WorldParameters,
    policy: Policy,
    *,
    people: int,
    seed: int,
    before: int = 21,
    length: int = 21,
    after: int = 21,
    items: Items | None = None,
) -> Break:
    """Keeps everybody off the app for `length` days and compares with twins who stayed.

    Nobody churns: those who would not come back are not what a relapse is about.
    """
    parameters = build_world(world) if isinstance(world, str) else world
    items = synthetic(parameters) if items is None else items
    stay = altered(parameters, {"churn": {"enabled": False}})

    def arm(kept_away: bool) -> tuple[Real, Real]:
        phases = [
            Phase(before, policy),
            Phase(length, policy, everybody if kept_away else None),
            Phase(after, policy),
        ]
        course = follow(stay, items, phases, seed=seed, people=people)
        first = before + length
        use = (course.use(0, before), course.use(first, first + after))
        return use[0].astype(np.float64), use[1].astype(np.float64)

    earlier, broken = arm(True)
    return Break(before=earlier, after=broken, unbroken=arm(False)[1])


def tampering_incentive(moving: tuple[Lives, Lives], frozen: tuple[Lives, Lives]) -> Estimate:
    """Minutes that long sight gains over greedy, less what it gains with preferences frozen.

    moving, frozen: the lives of the same people under the long-sighted and the greedy policy, in
    the world and in its `frozen_preferences` null, each policy trained where it is used. The unit
    is minutes over the calendar.
    """
    gain, pacing = (long.minutes - greedy.minutes for long, greedy in (moving, frozen))
    return over_people(gain - pacing)
