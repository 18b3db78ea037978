"""People followed slot by slot: phases, who is kept away, and what the diary holds."""

import numpy as np
import pytest

from undertow.agents import Chronological, Greedy, Random, UseLimited, UseLimits
from undertow.envs.world import altered, synthetic, world
from undertow.experiments.diary import Now, Phase, daily_limit, everybody, follow, some_slots
from undertow.experiments.rollout import live

WORLD = world()
ITEMS = synthetic(WORLD)
PEOPLE = 80


def arm(*phases, parameters=WORLD):
    return follow(parameters, ITEMS, phases, seed=5, people=PEOPLE)


def test_a_diary_agrees_with_what_becomes_of_people():
    short = altered(WORLD, {"calendar": {"days": 6}})
    course = arm(Phase(6, Greedy(30)))
    lives = live(short, ITEMS, Greedy(30), seed=5, people=PEOPLE)
    np.testing.assert_allclose(course.diary.minutes.sum(axis=0), lives.minutes, rtol=1e-5)
    np.testing.assert_array_equal(course.stance_after(6), lives.stance.astype(np.float32))
    np.testing.assert_array_equal(course.diary.present[-1], lives.present)
    assert course.use(0, 6).mean() == pytest.approx(lives.minutes.mean() / 6, rel=1e-5)


def test_a_rule_on_use_holds_in_a_diary_as_it_does_in_an_evaluation():
    short = altered(WORLD, {"calendar": {"days": 6}})
    per_day = WORLD.calendar.slots_per_day
    bound = UseLimited(Greedy(30), UseLimits(daily_limit=30.0), slots_per_day=per_day)
    lives = live(short, ITEMS, bound, seed=5, people=PEOPLE)
    diary = arm(Phase(6, bound)).diary
    np.testing.assert_allclose(diary.minutes.sum(axis=0), lives.minutes, rtol=1e-5)
    assert lives.minutes.sum() < live(short, ITEMS, Greedy(30), seed=5, people=PEOPLE).minutes.sum()


def test_phases_of_one_policy_are_one_phase():
    policy = Greedy(30)
    np.testing.assert_array_equal(
        arm(Phase(2, policy), Phase(3, policy)).diary.minutes, arm(Phase(5, policy)).diary.minutes
    )


def test_a_change_of_feed_changes_nothing_before_it():
    policy = Chronological(ITEMS.supply)
    switched = arm(Phase(3, policy), Phase(2, Greedy(30))).diary
    stayed = arm(Phase(3, policy), Phase(2, policy)).diary
    for name in ("minutes", "stance", "habit", "opened"):
        before = slice(None, 24)
        np.testing.assert_array_equal(
            getattr(switched, name)[before], getattr(stayed, name)[before], err_msg=name
        )
    assert (switched.led[24:] != stayed.led[24:]).any()


def test_who_is_away_watches_nothing_and_comes_back():
    diary = arm(Phase(2, Random(30)), Phase(2, Random(30), everybody), Phase(2, Random(30))).diary
    assert not diary.opened[16:32].any() and not diary.minutes[16:32].any()
    assert diary.opened[:16].any() and diary.opened[32:].any()


def test_friction_closes_its_share_of_slots_and_opens_none():
    stay = altered(WORLD, {"churn": {"enabled": False}})
    free = arm(Phase(1, Random(30)), parameters=stay).diary
    less = arm(Phase(1, Random(30), some_slots(0.4)), parameters=stay).diary
    assert not (less.opened[0] & ~free.opened[0]).any()
    closed = (free.opened[0] & ~less.opened[0]).sum() / free.opened[0].sum()
    assert 0.2 < closed < 0.6
    np.testing.assert_array_equal(
        arm(Phase(1, Random(30), some_slots(0.0)), parameters=stay).diary.minutes, free.minutes
    )


def test_a_limit_is_kept_with_the_chance_of_self_control():
    rule = daily_limit(np.array([10.0, 10.0, 10.0], dtype=np.float32))
    now = Now(
        seed=np.full(3, 1),
        person=np.arange(3),
        slot=4,
        minutes_today=np.array([12.0, 9.0, 12.0], dtype=np.float32),
        self_control=np.array([1.0, 1.0, 0.0], dtype=np.float32),
    )
    np.testing.assert_array_equal(rule(now), [True, False, False])


def test_the_lots_of_a_study_are_a_person_s_own():
    def lots(people):
        count = people.size
        nothing = np.zeros(count, dtype=np.float32)
        return Now(np.full(count, 7), people, 3, nothing, nothing).lot()

    together = lots(np.arange(10))
    np.testing.assert_array_equal(lots(np.array([9, 4])), together[[9, 4]])
    assert np.unique(together).size == 10


def test_a_minute_of_yesterday_does_not_count_today():
    seen = []

    def watching(now):
        seen.append(now.minutes_today.copy())
        return np.zeros(now.person.size, dtype=np.bool_)

    diary = arm(Phase(2, Random(30), watching)).diary
    assert not seen[0].any() and not seen[8].any()
    np.testing.assert_allclose(seen[7], diary.minutes[:7].sum(axis=0), rtol=1e-6)
