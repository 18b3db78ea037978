"""Two timelines of the same person at one moment: what is in them, and the unit of row 8."""

import numpy as np
import pytest

from undertow.envs.feed_batch import FeedBatch
from undertow.envs.views import expected_shares
from undertow.envs.world import Mechanism, altered, synthetic, uniforms, world
from undertow.experiments.diary import Phase, follow
from undertow.experiments.validity.following import Following
from undertow.experiments.validity.recommender import Recommender, kinds
from undertow.experiments.validity.timelines import PLACES, Audit, glass_delta

PEOPLE = 400
PANEL = altered(world(), {"churn": {"enabled": False}})
ITEMS = synthetic(PANEL)


def seen():
    """What the recommender sees of new people."""
    batch = FeedBatch(PANEL, PEOPLE, "oracle", ITEMS)
    return batch.start(np.full(PEOPLE, 3, dtype=np.int64), np.arange(PEOPLE, dtype=np.int64))


def lots(people=PEOPLE):
    person = np.arange(people, dtype=np.int64)
    return uniforms(np.full(people, 3), person, np.zeros(people, int), Mechanism.TIMELINE, PLACES)


def audited(temperature, slots, days=4):
    audit = Audit(Recommender(ITEMS, temperature), Following(PANEL, ITEMS), slots)
    return audit, follow(PANEL, ITEMS, [Phase(days, audit)], seed=3, people=PEOPLE)


def test_a_timeline_of_greedy_is_the_ten_best_in_order():
    observation = seen()
    best = np.argsort(-expected_shares(observation, len(ITEMS)), axis=1, kind="stable")
    found = Recommender(ITEMS).timeline(observation, lots())
    np.testing.assert_array_equal(found, best[:, :PLACES].T)


@pytest.mark.parametrize("temperature", [0.0, 0.2, 2.0])
def test_nothing_is_twice_in_a_ranked_timeline(temperature):
    found = Recommender(ITEMS, temperature).timeline(seen(), lots())
    assert found.shape == (PLACES, PEOPLE)
    assert all(len(set(found[:, person])) == PLACES for person in range(PEOPLE))


def test_the_first_place_is_drawn_as_what_leads_is():
    observation, feed = seen(), Recommender(ITEMS, 0.3)
    one_person = np.repeat(observation[:1], 4000, axis=0)
    person = np.arange(4000, dtype=np.int64)
    feed.begin(np.full(4000, 8, dtype=np.int64), person)
    led = np.bincount(feed.act(one_person), minlength=len(ITEMS)) / 4000
    first = feed.timeline(one_person, lots(4000))[0]
    found = np.bincount(first, minlength=len(ITEMS)) / 4000
    np.testing.assert_allclose(found, led, atol=4 * np.sqrt(0.5 / 4000))


def test_after_the_best_of_a_kind_comes_its_second_best():
    feed, observation = Recommender(ITEMS, 0.3), seen()
    found, kind = feed.timeline(observation, lots()), kinds(ITEMS)
    shares = expected_shares(observation, len(ITEMS))
    for person in range(PEOPLE):
        for one in np.unique(kind[found[:, person]]):
            worth = [shares[person, item] for item in found[:, person] if kind[item] == one]
            assert worth == sorted(worth, reverse=True)


def test_an_audit_changes_nothing_that_people_see():
    audit, course = audited(0.2, [5, 10])
    feed = Recommender(ITEMS, 0.2)
    plain = follow(PANEL, ITEMS, [Phase(4, feed)], seed=3, people=PEOPLE)
    np.testing.assert_array_equal(course.diary.led, plain.diary.led)
    assert len(audit.ranked) == len(audit.ordinary) == 2
    assert not np.array_equal(audit.ranked[0], audit.ranked[1])


def test_greedy_leads_with_the_first_of_the_timeline():
    audit, course = audited(0.0, [7])
    np.testing.assert_array_equal(audit.ranked[0][0], course.diary.led[7])


def test_a_chronological_timeline_holds_what_is_followed_alone():
    audit, _ = audited(0.2, [15])
    followed = audit.follows.accounts
    assert (followed[np.arange(PEOPLE), audit.ordinary[0]] > 0).all()
    share = followed / followed.sum(axis=1, keepdims=True)
    shown = np.bincount(audit.ordinary[0].ravel(), minlength=len(ITEMS)) / audit.ordinary[0].size
    np.testing.assert_allclose(shown, share.mean(axis=0), atol=0.02)


def test_the_unit_is_how_peoples_chronological_timelines_differ():
    what = np.array([0.0, 1.0, 3.0])
    # Means by person: ranked (3, 2), chronological (0, 1); their SD over people is sqrt(1/2).
    ranked, ordinary = np.array([[2, 1], [2, 2]]), np.array([[0, 1], [0, 1]])
    assert glass_delta(what, [ranked], [ordinary]) == pytest.approx(2 / np.sqrt(0.5))
    # Two timelines of a person are one long one: ranked (1.5, 1.5) then.
    twice = glass_delta(what, [ranked, np.array([[0, 1], [0, 1]])], [ordinary, ordinary])
    assert twice == pytest.approx(1 / np.sqrt(0.5))


def test_the_same_timelines_differ_by_nothing_and_no_differences_are_no_unit():
    what = np.array([0.0, 1.0, 3.0])
    one = np.array([[0, 1, 2], [1, 1, 2]])
    assert glass_delta(what, [one], [one]) == 0
    assert np.isnan(glass_delta(what, [one], [np.ones_like(one)]))
