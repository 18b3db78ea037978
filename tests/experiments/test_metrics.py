from dataclasses import fields, replace

import numpy as np
import pytest

from undertow.experiments.metrics import METRICS, gini, measure
from undertow.experiments.rollout import Lives, Twins

BOOLEANS = {"crossed", "crossed_by_feed", "present"}
PEOPLE = 4
DAYS, THRESHOLD = 2, 0.5


def lives(**columns):
    """Lives of four people; what is not given is 0 (and everybody is there at the end)."""
    values = {"present": [True] * PEOPLE, **columns}
    names = {f.name for f in fields(Lives)}
    assert values.keys() <= names
    made = {}
    for name in names:
        kind = bool if name in BOOLEANS else float
        empty = np.zeros((PEOPLE, 2) if "taste" in name or name == "topic_minutes" else PEOPLE)
        made[name] = np.asarray(values.get(name, empty), dtype=kind)
    return Lives(**made)


POLICY = lives(
    minutes=[10, 20, 0, 30],
    endorsed=[5, 10, 0, 15],
    worth=[4, -2, 0, 6],
    revenue=[1, 2, 0, 5],
    civic_minutes=[5, 10, 0, 0],
    false_minutes=[1, 2, 0, 3],
    topic_minutes=[[10, 0], [10, 10], [0, 0], [15, 15]],
    creator_minutes=[15, 45],
    opened=[4, 6, 0, 2],
    served=[16, 16, 4, 12],
    led_extremity=[0.1, 0.2, 0.3, 0.8],
    led_arousal=[0.1, 0.2, 0.3, 0.4],
    stance_start=[0.1, -0.5, 0.1, 0.1],
    stance=[0.9, -0.8, 0.6, 0.1],
    taste=[[0.5, 0.5], [0.2, 0.4], [0.1, 0.1], [1.0, 0.0]],
    habit=[0.2, 0.4, 0.6, 0.8],
    crossed=[True, True, True, False],
    crossed_by_feed=[True, True, True, False],
    present=[True, True, False, True],
    susceptibility=[0.1, 0.2, 0.3, 0.9],
)
NEUTRAL = lives(stance=[0.3, -0.2, 0.7, 0.1], habit=[0.1, 0.3, 0.5, 0.7])
NO_FEED = lives(
    stance=[0.2, -0.7, 0.1, 0.1],
    stance_start=[0.1, -0.5, 0.1, 0.1],
    taste=[[0.5, 0.3], [0.2, 0.4], [0.2, 0.1], [0.5, 0.0]],
)
TWINS = Twins(
    policy=POLICY,
    no_temptation=lives(minutes=[5, 20, 0, 20]),
    no_habit=lives(minutes=[10, 14, 0, 30]),
    neutral=NEUTRAL,
    no_feed=NO_FEED,
)
BY_HAND = {
    "watch_minutes_per_day": 60 / 4 / 2,
    "unendorsed_share": 1 - 30 / 60,
    "self_control_wedge": 1 - 45 / 60,
    "habit_share": 1 - 54 / 60,
    "radicalised_share": 2 / 4,  # 0 and 2; the twin of 1 is past the threshold without a feed
    "referral_share": 2 / 2,
    "steering_share": 1 / 2,  # the neutral feed would have moved 2 as well
    "induced_drift": (0.9 + 0.8 + 0.6 + 0.1) / 4 - (0.3 + 0.2 + 0.7 + 0.1) / 4,
    "targeting": 0.8 - (0.1 + 0.2 + 0.3) / 3,  # 3 alone is above the 90 % quantile, 0.72
    "diversity": (0 + 1 + 1) / 3,  # 2 watched nothing
    "welfare": 8 / 4 / 2,
    "habit": 0.5,
    "habit_over_neutral": 0.1,
    "natural_drift": (0.2 + 0.7 + 0.1 + 0.1) / 4 - (0.1 + 0.5 + 0.1 + 0.1) / 4,
    "drift_from_natural": (0.9 + 0.8 + 0.6 + 0.1) / 4 - (0.2 + 0.7 + 0.1 + 0.1) / 4,
    "taste_shift": (0.2 + 0.1 + 0.5) / 8,
    "false_share": 6 / 60,
    "civic_share": 15 / 60,
    "creator_gini": 0.25,
    "arousal_shown": 0.25,
    "open_rate": 12 / 48,
    "retention": 3 / 4,
    "revenue": 8 / 4 / 2,
}


def found(**altered):
    """Metrics with some of the twins replaced."""
    return measure(replace(TWINS, **altered), days=DAYS, threshold=THRESHOLD)


def test_every_metric_is_worked_out_here():
    assert BY_HAND.keys() == METRICS.keys()


@pytest.mark.parametrize("name", METRICS)
def test_by_hand(name):
    assert found()[name] == pytest.approx(BY_HAND[name])


def test_every_metric_says_what_it_is():
    for name, metric in METRICS.items():
        assert metric.title, name
        assert metric.unit, name
        assert metric.definition.endswith("."), name


def test_the_metrics_that_the_issue_names_are_there():
    named = (
        "watch_minutes_per_day, unendorsed_share, self_control_wedge, habit_share, "
        "radicalised_share, referral_share, steering_share, induced_drift, targeting, diversity, "
        "welfare"
    )
    assert set(named.split(", ")) <= METRICS.keys()


# --- radicalised, referral and steering -----------------------------------------------------------


def test_of_nobody_no_share_is_defined():
    still = found(policy=replace(POLICY, stance=NO_FEED.stance))
    assert still["radicalised_share"] == 0.0
    assert np.isnan(still["referral_share"])
    assert np.isnan(still["steering_share"])


def test_the_threshold_is_to_be_passed_not_met():
    met = replace(POLICY, stance=np.full(PEOPLE, THRESHOLD))
    assert found(policy=met)["radicalised_share"] == 0.0


def test_who_is_past_the_threshold_without_a_feed_is_not_radicalised_even_on_the_other_side():
    flipped = found(
        policy=replace(POLICY, stance=np.full(PEOPLE, -0.9)),
        no_feed=replace(NO_FEED, stance=np.array([0.9, 0.9, 0.9, 0.0])),
    )
    assert flipped["radicalised_share"] == 1 / 4


def test_referral_is_not_steering():
    """The feed placed every crossing item, yet the neutral feed would have done the same."""
    past = np.full(PEOPLE, 0.9)
    nobody = replace(NO_FEED, stance=np.zeros(PEOPLE))
    every, none = np.ones(PEOPLE, dtype=bool), np.zeros(PEOPLE, dtype=bool)
    film = found(
        policy=replace(POLICY, stance=past, crossed_by_feed=every),
        neutral=replace(NEUTRAL, stance=-past),
        no_feed=nobody,
    )
    assert (film["referral_share"], film["steering_share"]) == (1.0, 0.0)
    hidden = found(
        policy=replace(POLICY, stance=past, crossed_by_feed=none),
        neutral=replace(NEUTRAL, stance=np.zeros(PEOPLE)),
        no_feed=nobody,
    )
    assert (hidden["referral_share"], hidden["steering_share"]) == (0.0, 1.0)


def test_referral_counts_the_radicalised_only():
    """Person 1 crossed on the feed's item, but stands there without a feed too."""
    alone = replace(POLICY, crossed_by_feed=np.array([False, True, False, False]))
    assert found(policy=alone)["referral_share"] == 0.0


# --- against the twins ----------------------------------------------------------------------------


def test_identical_twins_differ_in_nothing():
    same = measure(Twins(POLICY, POLICY, POLICY, POLICY, POLICY), days=DAYS, threshold=THRESHOLD)
    for name in (
        "self_control_wedge",
        "habit_share",
        "radicalised_share",
        "induced_drift",
        "habit_over_neutral",
        "drift_from_natural",
        "taste_shift",
    ):
        assert same[name] == 0.0, name


def test_drift_is_outward_on_both_sides_of_the_axis():
    out = found(
        policy=replace(POLICY, stance=np.array([-0.4, 0.4, -0.4, 0.4])),
        neutral=replace(NEUTRAL, stance=np.array([0.1, 0.1, -0.1, -0.1])),
    )
    assert out["induced_drift"] == pytest.approx(0.3)


def test_nobody_who_watches_leaves_shares_undefined_and_warns_of_nothing():
    nothing = lives(susceptibility=[0.1, 0.2, 0.3, 0.9])
    empty = measure(Twins(*[nothing] * 5), days=DAYS, threshold=THRESHOLD)
    undefined = {name for name, value in empty.items() if np.isnan(value)}
    assert undefined == {
        "unendorsed_share",
        "self_control_wedge",
        "habit_share",
        "referral_share",
        "steering_share",
        "diversity",
        "false_share",
        "civic_share",
        "creator_gini",
        "open_rate",
    }
    assert empty["watch_minutes_per_day"] == empty["welfare"] == 0.0


# --- targeting, diversity, Gini -------------------------------------------------------------------


def test_targeting_has_a_sign():
    away = replace(POLICY, led_extremity=np.array([0.8, 0.8, 0.8, 0.1]))
    assert found(policy=away)["targeting"] == pytest.approx(-0.7)
    same = replace(POLICY, led_extremity=np.full(PEOPLE, 0.3))
    assert found(policy=same)["targeting"] == pytest.approx(0.0)


def test_nobody_is_targeted_where_all_are_alike():
    alike = replace(POLICY, susceptibility=np.full(PEOPLE, 0.2))
    assert np.isnan(found(policy=alike)["targeting"])


@pytest.mark.parametrize(
    ("minutes", "value"),
    [
        ([[3.0, 3.0, 3.0, 3.0]], 1.0),
        ([[3.0, 0.0, 0.0, 0.0]], 0.0),
        ([[5.0, 5.0, 0.0, 0.0]], 0.5),
        ([[1.0, 1.0, 1.0, 1.0], [9.0, 0.0, 0.0, 0.0]], 0.5),
    ],
)
def test_diversity_is_a_mean_over_people_however_much_they_watch(minutes, value):
    table = replace(POLICY, topic_minutes=np.array(minutes))
    assert found(policy=table)["diversity"] == pytest.approx(value)


@pytest.mark.parametrize(
    ("amounts", "value"),
    [
        ([1, 1, 1, 1], 0.0),
        ([1, 3], 0.25),
        ([0, 0, 1], 2 / 3),
        ([0, 0, 0, 8], 3 / 4),
        ([1, 2, 3, 4, 5], 4 / 15),
        ([5, 3, 1, 4, 2], 4 / 15),
        ([7], 0.0),
    ],
)
def test_gini_by_hand(amounts, value):
    assert gini(np.array(amounts, dtype=float)) == pytest.approx(value, abs=1e-12)


def test_gini_is_half_the_mean_difference_over_the_mean():
    amounts = np.random.default_rng(0).lognormal(size=30)
    mean_difference = np.abs(amounts[:, None] - amounts[None, :]).mean()
    assert gini(amounts) == pytest.approx(mean_difference / (2 * amounts.mean()))


def test_gini_of_nothing_is_undefined():
    assert np.isnan(gini(np.zeros(3)))
