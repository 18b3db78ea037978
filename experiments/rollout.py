"""One batch of people under one policy for the whole calendar, and their exact twins elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..agents import Binding, Policy, PolicyError, check_fits, in_world
from ..envs.slate_batch import batch_of
from ..envs.world import Items, Slate, WorldParameters, altered

Real = NDArray[np.float64]

NO_TEMPTATION = {"appraisal": {"temptation": False}}
NO_HABIT = {"habit": {"enabled": False}}
NO_FEED = {"opening": {"enabled": False}, "churn": {"enabled": False}}


@dataclass(frozen=True)
class Lives:
    """What became of people. Arrays have one row a person."""

    minutes: Real
    endorsed: Real
    worth: Real
    revenue: Real
    civic_minutes: Real
    false_minutes: Real
    topic_minutes: Real
    """Shape (people, topics)."""
    creator_minutes: Real
    """Shape (creators,): of everybody together."""
    opened: Real
    """Slots opened."""
    served: Real
    """Slots in which the person was still there to be served."""
    led_extremity: Real
    """Mean civic |y| of what led the feed, or of the slate."""
    led_arousal: Real
    """Mean arousal of what led the feed, or of the slate."""
    stance_start: Real
    stance: Real
    taste: Real
    habit: Real
    crossed: NDArray[np.bool_]
    """|stance| passed the threshold at some time."""
    crossed_by_feed: NDArray[np.bool_]
    """What was watched in the slot of the first crossing had been placed by the feed."""
    present: NDArray[np.bool_]
    susceptibility: Real
    taste_start: Real


def live(
    parameters: WorldParameters,
    items: Items,
    policy: Policy,
    *,
    seed: int,
    people: int,
    first: int = 0,
    threshold: float = 0.6,
    slate: Slate | None = None,
    engine: str = "numpy",
) -> Lives:
    """Runs people first..first+people-1 of `seed` through the calendar; nobody is replaced.

    A policy that comes with a rule on the person's use (`Binding`) is asked who stays away.
    slate: how it is read where the policy fills slates, (people, size). engine: see `FeedBatch`.

    Raises `PolicyError` for a policy that was made for other items or another view, and for a
    choice that names no items.
    """
    policy = in_world(policy, parameters)
    batch = batch_of(parameters, people, policy.observation, items, slate=slate, engine=engine)
    seeds = np.full(people, seed, dtype=np.int64)
    persons = np.arange(first, first + people, dtype=np.int64)
    observation = batch.start(seeds, persons)
    check_fits(policy, items, size=observation.shape[1], slate=slate)
    policy.begin(seeds, persons)
    binding = policy if isinstance(policy, Binding) else None
    start = batch.state.stance.astype(np.float64)
    names = ("minutes", "endorsed", "worth", "revenue", "civic", "false", "opened", "served")
    total = {name: np.zeros(people) for name in (*names, "extremity", "arousal")}
    by_topic = np.zeros((people, parameters.population.topics))
    by_creator = np.zeros(int(items.creator.max()) + 1)
    extremity = items.civic * np.abs(items.stance)
    crossed = np.abs(start) > threshold
    at_start = crossed.copy()
    by_feed = np.zeros(people, dtype=np.bool_)
    for _ in range(parameters.calendar.slots):
        served = batch.state.present
        action = policy.act(observation)
        try:
            transition = batch.step(action, None if binding is None else binding.away())
        except ValueError as error:  # says what was found of the action, and what is allowed
            name = getattr(policy, "kind", type(policy).__name__)
            raise PolicyError(f"policy {name}: {error}") from None
        observation, outcome = transition.observation, transition.outcome
        if binding is not None:
            binding.used(outcome.opened, outcome.minutes)
        total["minutes"] += outcome.minutes
        total["endorsed"] += outcome.endorsed
        total["worth"] += outcome.worth
        total["revenue"] += outcome.revenue
        total["opened"] += outcome.opened
        total["served"] += served
        total["extremity"] += served * _mean_of_slate(extremity[action])
        total["arousal"] += served * _mean_of_slate(items.arousal[action])
        for part in outcome.parts:
            watched = part.item
            total["civic"] += part.minutes * items.civic[watched]
            total["false"] += part.minutes * items.falsehood[watched]
            by_topic += part.minutes[:, None] * items.indicator[watched]
            by_creator += np.bincount(
                items.creator[watched], part.minutes, minlength=by_creator.size
            )
        now = np.abs(batch.state.stance) > threshold
        crossing = now & ~crossed
        pushed = outcome.persuasion > 0
        by_feed |= crossing & outcome.opened & ~outcome.sought & pushed
        crossed |= now
    shown = np.maximum(total["served"], 1)
    return Lives(
        minutes=total["minutes"],
        endorsed=total["endorsed"],
        worth=total["worth"],
        revenue=total["revenue"],
        civic_minutes=total["civic"],
        false_minutes=total["false"],
        topic_minutes=by_topic,
        creator_minutes=by_creator,
        opened=total["opened"],
        served=total["served"],
        led_extremity=total["extremity"] / shown,
        led_arousal=total["arousal"] / shown,
        stance_start=start,
        stance=batch.state.stance.astype(np.float64),
        taste=batch.state.taste.astype(np.float64),
        habit=batch.state.habit.astype(np.float64),
        crossed=crossed & ~at_start,
        crossed_by_feed=by_feed,
        present=batch.state.present.copy(),
        susceptibility=batch.traits.susceptibility.astype(np.float64),
        taste_start=batch.traits.taste.astype(np.float64),
    )


def _mean_of_slate(shown: NDArray[np.floating]) -> NDArray[np.floating]:
    """Of what each person was shown, (people,) or (people, size)."""
    return shown if shown.ndim == 1 else shown.mean(axis=1)


@dataclass(frozen=True)
class Twins:
    """The same people, the same luck: under the policy, and otherwise."""

    policy: Lives
    no_temptation: Lives
    no_habit: Lives
    neutral: Lives
    no_feed: Lives


def twins(
    parameters: WorldParameters,
    items: Items,
    policy: Policy,
    neutral: Policy,
    *,
    seed: int,
    people: int,
    first: int = 0,
    threshold: float = 0.6,
    slate: Slate | None = None,
    engine: str = "numpy",
) -> Twins:
    """The policy's people and their twins without temptation, habit, ranking or feed."""

    def lives(world: WorldParameters, who: Policy) -> Lives:
        return live(
            world,
            items,
            who,
            seed=seed,
            people=people,
            first=first,
            threshold=threshold,
            slate=slate,
            engine=engine,
        )

    return Twins(
        policy=lives(parameters, policy),
        no_temptation=lives(altered(parameters, NO_TEMPTATION), policy),
        no_habit=lives(altered(parameters, NO_HABIT), policy),
        neutral=lives(parameters, neutral),
        no_feed=lives(altered(parameters, NO_FEED), neutral),
    )
