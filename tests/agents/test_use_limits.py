"""A daily limit and a break prompt: by hand, as properties of what people do, and the file."""

import numpy as np
import pytest
from pydantic import ValidationError

from undertow.agents import (
    Binding,
    Chronological,
    Greedy,
    Limited,
    Limits,
    Random,
    UseLimited,
    UseLimits,
    build_policy,
    load_policy,
)
from undertow.envs.feed_batch import FeedBatch
from undertow.envs.world import altered, synthetic, world

WORLD = altered(world("vulnerable"), {"calendar": {"days": 5}})
ITEMS = synthetic(WORLD)
PER_DAY = WORLD.calendar.slots_per_day
PEOPLE = 200


def limited(policy=None, slots_per_day=PER_DAY, **limits):
    policy = Random(len(ITEMS)) if policy is None else policy
    return UseLimited(policy, UseLimits(**limits), slots_per_day=slots_per_day)


def begun(people=1, **limits):
    policy = limited(**limits)
    policy.begin(np.full(people, 7), np.arange(people))
    return policy


def lived(policy, people=PEOPLE, first=0):
    """Who opened and for how long, (slots, people) each, run as an evaluation runs people."""
    batch = FeedBatch(WORLD, people, policy.observation, ITEMS)
    seeds, persons = np.full(people, 7), np.arange(first, first + people)
    seen = batch.start(seeds, persons)
    policy.begin(seeds, persons)
    opened, minutes = [], []
    for _ in range(WORLD.calendar.slots):
        step = batch.step(policy.act(seen), policy.away())
        policy.used(step.outcome.opened, step.outcome.minutes)
        seen = step.observation
        opened.append(step.outcome.opened)
        minutes.append(step.outcome.minutes)
    return np.array(opened), np.array(minutes)


# --- by hand --------------------------------------------------------------------------------------


def test_a_daily_limit_closes_the_rest_of_the_day_and_no_more():
    policy = begun(2, daily_limit=10.0, slots_per_day=4)
    told = []
    for minutes in ([6, 0], [4, 9], [0, 9], [0, 0], [3, 0], [0, 9]):
        told.append(policy.away().tolist())
        policy.used(np.array(minutes) > 0, np.array(minutes, dtype=np.float32))
    assert told == [
        [False, False],
        [False, False],
        [True, False],
        [True, True],
        [False, False],
        [False, False],
    ]


def test_a_prompt_that_is_always_heeded_comes_after_so_many_slots_in_a_row():
    policy = begun(break_after=2, break_chance=1.0)
    told = []
    for opened in (True, True, False, True, False, True, True, False):
        told.append(bool(policy.away()[0]))
        policy.used(np.array([opened]), np.array([float(opened)]))
    assert told == [False, False, True, False, False, False, False, True]


def test_a_prompt_is_heeded_with_its_chance_and_shown_again():
    people = 20_000
    policy = begun(people, break_after=1, break_chance=0.3)
    assert not policy.away().any()
    first = np.ones(people, dtype=bool)
    policy.used(first, np.ones(people))
    told = policy.away()
    assert told.mean() == pytest.approx(0.3, abs=0.015)
    policy.used(first, np.ones(people))
    again = policy.away()
    assert again.mean() == pytest.approx(0.3, abs=0.015)
    assert (told & again).mean() == pytest.approx(0.09, abs=0.01)  # drawn anew


# --- what people do -------------------------------------------------------------------------------


def test_nobody_opens_once_the_limit_is_reached():
    opened, minutes = lived(limited(daily_limit=40.0))
    free_opened, free = lived(limited(daily_limit=1e9))
    days = minutes.reshape(-1, PER_DAY, PEOPLE)
    before = np.cumsum(days, axis=1) - days
    assert not opened.reshape(days.shape)[before >= 40.0].any()
    over = free.reshape(days.shape).sum(axis=1) >= 40.0
    assert over.mean() > 0.1  # the limit does bind
    assert minutes.sum() < 0.9 * free.sum()
    # Until somebody first reaches it, nothing is different for them.
    reached = np.cumsum(over, axis=0)[-1] > 0
    assert np.array_equal(minutes[:, ~reached], free[:, ~reached])
    assert opened.sum() < free_opened.sum()


def test_heeded_at_once_nobody_opens_twice_in_a_row():
    opened, _ = lived(limited(break_after=1, break_chance=1.0))
    assert opened.any() and not (opened[1:] & opened[:-1]).any()


@pytest.mark.parametrize("limits", [{"daily_limit": 1e9}, {"break_after": 3, "break_chance": 0.0}])
def test_a_limit_that_never_binds_changes_nothing(limits):
    policy = Greedy(len(ITEMS))
    batch = FeedBatch(WORLD, PEOPLE, "oracle", ITEMS)
    seen = batch.start(np.full(PEOPLE, 7), np.arange(PEOPLE))
    policy.begin(np.full(PEOPLE, 7), np.arange(PEOPLE))
    free = []
    for _ in range(WORLD.calendar.slots):
        step = batch.step(policy.act(seen))
        seen = step.observation
        free.append(step.outcome.minutes)
    assert np.array_equal(lived(limited(Greedy(len(ITEMS)), **limits))[1], np.array(free))


def test_who_else_is_there_does_not_matter():
    policy = limited(daily_limit=40.0, break_after=2)
    everybody = lived(policy)
    some = lived(policy, people=5, first=40)
    for all_, few in zip(everybody, some, strict=True):
        assert np.array_equal(all_[:, 40:45], few)


# --- built, saved, refused ------------------------------------------------------------------------


def test_rules_on_the_feed_and_on_use_go_together_and_into_one_file(tmp_path):
    policy = build_policy(
        *("chronological", WORLD, ITEMS),
        seed=0,
        limits=Limits(extremity_cap=0.3),
        use_limits=UseLimits(daily_limit=30.0, break_after=2),
    )
    assert isinstance(policy, UseLimited) and isinstance(policy.policy, Limited)
    assert isinstance(policy.policy.policy, Chronological)
    again = load_policy(policy.save(tmp_path / "mine"))
    assert again.use_limits == policy.use_limits and again.slots_per_day == PER_DAY
    for mine, theirs in zip(lived(policy), lived(again), strict=True):
        assert np.array_equal(mine, theirs)
    assert [file.name for file in tmp_path.iterdir()] == ["mine.zip"]


def test_only_what_binds_people_is_asked():
    assert isinstance(limited(daily_limit=1.0), Binding)
    assert not isinstance(Limited.of(Random(len(ITEMS)), Limits(extremity_cap=0.3), ITEMS), Binding)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({}, "found no limit"),
        ({"daily_limit": 30.0, "break_chance": 0.5}, "break_chance: found without break_after"),
        ({"daily_limit": 0.0}, "daily_limit"),
        ({"break_after": 0}, "break_after"),
        ({"hours": 1}, "hours"),
    ],
)
def test_limits_that_make_no_sense_are_refused(wrong, told):
    with pytest.raises(ValidationError, match=told):
        UseLimits(**wrong)
