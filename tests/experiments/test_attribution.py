"""Identities of the attribution: parts sum, twins of one policy do not differ, nulls are null."""

import numpy as np
import pytest

from undertow.agents import Chronological, Greedy, Random
from undertow.envs.world import altered, synthetic, world
from undertow.experiments.attribution import (
    Break,
    Crossings,
    imposed_break,
    tampering_incentive,
    twins,
)

WORLD = altered(world("vulnerable"), {"calendar": {"days": 10}})
ITEMS = synthetic(WORLD)
PEOPLE = 300


def people_of(parameters, **policies):
    return twins(parameters, policies, people=PEOPLE, seed=3)


@pytest.fixture(scope="module")
def both():
    return people_of(WORLD, greedy=Greedy(len(ITEMS)), again=Greedy(len(ITEMS)))


def test_the_parts_of_drift_sum_to_the_whole_person_by_person(both):
    drift = both.drift("greedy")
    np.testing.assert_allclose(
        drift.natural + drift.ordinary + drift.induced, drift.total, atol=1e-12
    )
    np.testing.assert_allclose(drift.push + drift.interaction, drift.induced, atol=1e-12)
    told = drift.estimates()
    parts = sum(told[name].mean for name in ("natural", "ordinary", "induced"))
    assert parts == pytest.approx(told["total"].mean, abs=1e-12)
    assert told["induced"].low > 0


def test_identical_policies_differ_by_exactly_zero(both):
    assert both.difference("greedy", "again").mean == 0
    np.testing.assert_array_equal(both.drift("greedy").total, both.drift("again").total)


def test_the_neutral_feed_induces_nothing_and_steers_nobody():
    neutral = people_of(WORLD, neutral=Chronological(ITEMS.supply))
    drift = neutral.drift("neutral")
    for part in (drift.induced, drift.push, drift.interaction):
        assert not part.any()
    assert not neutral.crossings("neutral").steered.any()


def test_without_persuasion_only_natural_drift_is_left():
    frozen = world("vulnerable", "no_persuasion", {"calendar": {"days": 10}})
    drift = people_of(frozen, greedy=Greedy(len(ITEMS))).drift("greedy")
    assert not drift.induced.any() and not drift.ordinary.any()
    np.testing.assert_array_equal(drift.total, drift.natural)


def test_referral_and_steering_are_shares_of_the_radicalised():
    told = Crossings(
        radicalised=np.array([True, True, True, True, False]),
        referred=np.array([True, True, True, False, False]),
        steered=np.array([True, False, False, False, False]),
    )
    assert told.referral_share.mean == 0.75
    assert told.steering_share.mean == 0.25


def test_greedy_refers_and_steers_most_of_those_it_radicalises(both):
    told = both.crossings("greedy")
    assert told.radicalised.sum() > 10
    assert told.referral_share.mean > 0.5 and told.steering_share.mean > 0.9


def test_targeting_is_the_difference_of_two_groups(both):
    lives = both.lives["greedy"]
    top = lives.susceptibility >= np.quantile(lives.susceptibility, 0.9)
    found = both.targeting("greedy")
    assert found.mean == pytest.approx(
        lives.led_extremity[top].mean() - lives.led_extremity[~top].mean()
    )
    assert found.low <= found.mean <= found.high


def test_nobody_is_targeted_where_all_are_alike():
    alike = altered(WORLD, {"population": {"susceptibility_sigma": 0.0}})
    found = people_of(alike, random=Random(len(ITEMS))).targeting("random")
    assert found.mean is None and found.n == 0


def test_a_break_leaves_less_habit_and_less_use():
    found = imposed_break("default", Greedy(30), people=300, seed=1, before=14, length=14, after=14)
    assert found.left < -0.02
    assert 0 < found.relapse.mean < 1


def test_without_habit_a_break_leaves_use_as_it_was():
    """Boredom is gone after it and regret is less, so a little more is watched, never less."""
    found = imposed_break(
        world("default", "no_habit", {"opening": {"regret": 0.0}, "tolerance": {"enabled": False},
                                      "satiation": {"enabled": False}, "taste": {"enabled": False},
                                      "stance": {"persuasion": False}}),
        Greedy(30), people=200, seed=1, before=7, length=14, after=7,
    )  # fmt: skip
    assert found.left == 0.0
    np.testing.assert_array_equal(found.after, found.unbroken)


def test_relapse_is_coming_back_to_nine_tenths():
    told = Break(
        before=np.array([10.0, 10.0, 10.0, 0.0]),
        after=np.array([9.0, 8.9, 20.0, 5.0]),
        unbroken=np.array([10.0, 10.0, 10.0, 10.0]),
    )
    assert told.relapse.mean == pytest.approx(2 / 3)
    assert told.relapse.n == 3
    assert told.left == pytest.approx(42.9 / 40 - 1)


def test_the_tampering_incentive_of_one_policy_against_itself_is_zero(both):
    lives = both.lives["greedy"]
    found = tampering_incentive((lives, lives), (lives, both.neutral))
    own = both.neutral.minutes - lives.minutes
    assert found.mean == pytest.approx(own.mean())
    assert tampering_incentive((lives, lives), (lives, lives)).mean == 0
