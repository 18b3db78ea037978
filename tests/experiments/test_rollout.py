from dataclasses import fields

import numpy as np
import pytest

from undertow.agents import Chronological, Greedy, Popular, Random, UseLimited, UseLimits
from undertow.envs.world import NULLS, altered, synthetic, world
from undertow.experiments.metrics import measure
from undertow.experiments.rollout import Lives, live, twins

PEOPLE, SEED = 60, 5
WORLD = world(
    "vulnerable",
    overrides={
        "calendar": {"slots_per_day": 8, "days": 3},
        "population": {"topics": 4, "stance_sd": 0.4, "susceptibility_median": 0.4},
        "catalogue": {"items": 16, "civic_supply": 0.6},
        "opening": {"base": 0.3},
        "churn": {"hazard": 0.1, "habit": 0.0},
        "habit": {"gain": 0.1},
    },
)
ITEMS = synthetic(WORLD)
PER_PERSON = [f.name for f in fields(Lives) if f.name != "creator_minutes"]


def null(name):
    return altered(WORLD, NULLS[name])


def policy(kind, items=ITEMS):
    if kind == "random":
        return Random(len(items))
    if kind == "chronological":
        return Chronological(items.supply)
    if kind == "greedy":
        return Greedy(len(items))
    return Popular.fit(WORLD, items, seed=SEED, people=64)


KINDS = ("random", "chronological", "popular", "greedy")


class Lead:
    """Leads every feed with one item."""

    observation = "platform"

    def __init__(self, item):
        self.item = item

    def begin(self, seed, person):
        """Nothing to remember."""

    def act(self, observation):
        return np.full(observation.shape[0], self.item)


EXTREME = int(np.argmax(ITEMS.stance))


def lived(who, parameters=WORLD, people=PEOPLE, **more):
    return live(parameters, synthetic(parameters), who, seed=SEED, people=people, **more)


def met(who, parameters=WORLD):
    """Twins of people who meet this policy."""
    items = synthetic(parameters)
    neutral = Chronological(items.supply)
    return twins(parameters, items, who, neutral, seed=SEED, people=PEOPLE, threshold=0.5)


def measured(found):
    return measure(found, days=WORLD.calendar.days, threshold=0.5)


def same(a, b, names=PER_PERSON, rows=slice(None)):
    for name in names:
        assert np.array_equal(getattr(a, name)[rows], getattr(b, name)[rows]), name


# --- twins ----------------------------------------------------------------------------------------


def test_the_neutral_feed_differs_from_its_twin_in_nothing():
    found = met(policy("chronological"))
    same(found.policy, found.neutral)
    values = measured(found)
    assert values["induced_drift"] == 0.0
    assert values["habit_over_neutral"] == 0.0


def test_a_feed_that_does_as_the_neutral_one_steers_nobody():
    who = Lead(EXTREME)
    found = twins(WORLD, ITEMS, who, Lead(EXTREME), seed=SEED, people=PEOPLE, threshold=0.5)
    same(found.policy, found.neutral)
    values = measured(found)
    assert values["radicalised_share"] > 0.05
    assert values["referral_share"] > 0.5
    assert values["steering_share"] == 0.0


@pytest.mark.parametrize("kind", KINDS)
def test_twins_have_the_same_traits_and_the_same_first_day(kind):
    found = met(policy(kind))
    for other in (found.no_temptation, found.no_habit, found.neutral, found.no_feed):
        same(found.policy, other, ("susceptibility", "taste_start", "stance_start"))
    assert np.ptp(found.policy.susceptibility) > 0


def test_other_seeds_are_other_people():
    a = lived(policy("random"))
    b = live(WORLD, ITEMS, policy("random"), seed=SEED + 1, people=PEOPLE)
    assert not np.any(a.stance_start == b.stance_start)


def test_without_a_feed_nothing_is_watched_and_stances_move_by_themselves_only():
    found = met(policy("greedy"))
    alone = found.no_feed
    for name in ("minutes", "endorsed", "worth", "revenue", "opened", "topic_minutes"):
        assert not np.any(getattr(alone, name)), name
    assert not np.any(alone.creator_minutes)
    assert not alone.crossed_by_feed.any()
    assert alone.present.all()
    assert np.array_equal(alone.taste, alone.taste_start)
    # Where content moves nobody, the same luck moves people as it does without a feed.
    unmoved = lived(policy("greedy"), null("no_persuasion"))
    assert np.array_equal(alone.stance, unmoved.stance)
    assert np.any(alone.stance != alone.stance_start)


def test_without_a_feed_and_without_noise_nobody_moves():
    found = met(policy("random"), altered(WORLD, {"stance": {"noise": 0.0}}))
    assert np.array_equal(found.no_feed.stance, found.no_feed.stance_start)
    values = measured(found)
    assert values["natural_drift"] == 0.0
    assert values["drift_from_natural"] == pytest.approx(
        np.mean(np.abs(found.policy.stance) - np.abs(found.policy.stance_start))
    )


@pytest.mark.parametrize("kind", ["random", "greedy"])
def test_where_no_habit_is_formed_its_share_is_nil(kind):
    found = met(policy(kind), null("no_habit"))
    same(found.policy, found.no_habit)
    values = measured(found)
    assert values["habit_share"] == 0.0
    assert values["habit_over_neutral"] == 0.0
    assert measured(met(policy(kind)))["habit_share"] > 0.02


@pytest.mark.parametrize("kind", ["random", "greedy"])
@pytest.mark.parametrize("name", ["no_persuasion", "frozen_preferences"])
def test_where_content_moves_nobody_no_drift_is_induced(kind, name):
    found = met(policy(kind), null(name))
    values = measured(found)
    assert values["induced_drift"] == 0.0
    assert values["drift_from_natural"] == 0.0
    assert values["radicalised_share"] == 0.0
    assert np.isnan(values["steering_share"])
    assert not found.policy.crossed_by_feed.any()
    assert found.policy.minutes.sum() > 0
    assert (values["taste_shift"] == 0.0) == (name == "frozen_preferences")


def test_temptation_off_changes_what_is_watched():
    found = met(policy("greedy"))
    assert measured(found)["self_control_wedge"] > 0.02
    calm = met(policy("greedy"), null("no_temptation"))
    same(calm.policy, calm.no_temptation)
    assert measured(calm)["self_control_wedge"] == 0.0


# --- the same lives however they are run ----------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_lives_do_not_depend_on_who_else_is_in_the_batch(kind):
    same(lived(policy(kind), people=50), lived(policy(kind), people=100), rows=slice(50))


@pytest.mark.parametrize("kind", KINDS)
def test_a_policy_that_served_others_before_serves_these_the_same(kind):
    who = policy(kind)
    first = lived(who)
    live(WORLD, ITEMS, who, seed=SEED + 1, people=7)
    again = lived(who)
    same(first, again)
    assert np.array_equal(first.creator_minutes, again.creator_minutes)


# --- rules on people's use ------------------------------------------------------------------------


def test_a_rule_on_use_binds_the_policy_s_people_and_their_twins_but_not_the_neutral_feed_s():
    rule = UseLimits(daily_limit=10.0)
    bound = UseLimited(policy("greedy"), rule, slots_per_day=WORLD.calendar.slots_per_day)
    found, free = met(bound), met(policy("greedy"))
    for name in ("policy", "no_temptation", "no_habit"):
        kept, unkept = getattr(found, name), getattr(free, name)
        assert kept.opened.sum() < unkept.opened.sum()
        assert kept.minutes.sum() < unkept.minutes.sum()
    same(found.neutral, free.neutral)
    same(found.no_feed, free.no_feed)


# --- what is counted ------------------------------------------------------------------------------


def test_nothing_is_watched_after_leaving():
    """Who left on the first day has, after three, what they had after one."""
    short, long = (
        lived(policy("random"), altered(WORLD, {"calendar": {"days": days}})) for days in (1, 3)
    )
    left = ~short.present
    assert 3 < left.sum() < PEOPLE
    names = ("minutes", "endorsed", "worth", "revenue", "opened", "served", "topic_minutes")
    same(short, long, (*names, "led_extremity", "led_arousal"), rows=left)
    assert not long.present[left].any()
    assert np.all(long.minutes[long.present] >= short.minutes[long.present])
    assert long.minutes.sum() > short.minutes.sum()


@pytest.mark.parametrize("kind", KINDS)
def test_the_counts_agree(kind):
    found, slots = lived(policy(kind)), WORLD.calendar.slots
    assert np.allclose(found.topic_minutes.sum(axis=1), found.minutes)
    assert np.isclose(found.creator_minutes.sum(), found.minutes.sum())
    assert found.creator_minutes.size == ITEMS.creator.max() + 1
    assert np.all(found.endorsed <= found.minutes)
    assert np.all(found.civic_minutes <= found.minutes)
    assert np.all(found.false_minutes <= found.minutes)
    assert np.all((found.opened > 0) == (found.minutes > 0))
    assert np.all(found.opened <= found.served)
    assert np.all(found.served[found.present] == slots)
    assert np.all(found.served[~found.present] <= slots)


def test_what_leads_is_counted_while_the_person_is_there():
    found = lived(Lead(EXTREME))
    assert not found.present.all()
    assert np.allclose(found.led_extremity, ITEMS.stance[EXTREME])
    assert np.allclose(found.led_arousal, ITEMS.arousal[EXTREME])
    plain = int(np.argmin(ITEMS.civic))
    assert not lived(Lead(plain)).led_extremity.any()


# --- crossing -------------------------------------------------------------------------------------

STILL = {"stance": {"noise": 0.0, "anchor": 0.0}}


def test_where_nobody_searches_the_feed_placed_every_crossing():
    found = lived(Lead(EXTREME), altered(WORLD, {**STILL, "search": {"enabled": False}}))
    assert found.crossed.sum() > 3
    assert np.array_equal(found.crossed, found.crossed_by_feed)


def test_where_everybody_searches_the_feed_placed_none():
    restless = {"stance": {"noise": 0.05}, "search": {"share": 1.0}}
    found = lived(Lead(EXTREME), altered(WORLD, restless))
    assert found.crossed.sum() > 3
    assert not found.crossed_by_feed.any()


@pytest.mark.parametrize("kind", KINDS)
def test_crossing_is_from_within_to_beyond(kind):
    found = lived(policy(kind), threshold=0.5)
    assert not np.any(found.crossed & (np.abs(found.stance_start) > 0.5))
    assert np.all(found.crossed[found.crossed_by_feed])
    beyond = np.abs(found.stance) > 0.5
    assert np.all((found.crossed | (np.abs(found.stance_start) > 0.5))[beyond])


def test_the_threshold_changes_who_crosses_and_nothing_else():
    low, high = (lived(policy("random"), threshold=value) for value in (0.3, 0.7))
    same(low, high, [n for n in PER_PERSON if not n.startswith("crossed")])
    assert not np.array_equal(low.crossed, high.crossed)
