"""One slot: its order against a second implementation in plain floats, and its edges."""

import math
from dataclasses import fields, replace

import numpy as np
import pytest

from undertow.envs.world import altered, expected_next_minutes, slot, synthetic, world

from .reference import in_the_middle, one_by_one, slot_by_person

PARAMETERS = world(
    "vulnerable",
    overrides={
        "calendar": {"slots_per_day": 8, "days": 2},
        "population": {"topics": 4},
        "catalogue": {"items": 12, "civic_items": 0.5, "sponsored": 0.5},
        "opening": {"base": -0.5, "habit": 3.0, "lead": 0.5, "regret": 1.0},
        "search": {"share": 0.3, "sharpness": 1.0},
        "watching": {"minutes": 16.0, "habit": 0.6, "shape": 0.8, "longest": 4.0, "duration": 0.3},
        "stance": {"anchor": 0.01, "noise": 0.01},
        "welfare": {"regret_gain": 0.2, "regret_decay": 0.05, "unendorsed_cost": 0.7},
        "churn": {"hazard": 0.2, "habit": 2.0, "regret": 2.0},
        "objective": {"ad_load": 0.2},
        "exposure_minutes": 12.0,
    },
)
ITEMS = synthetic(PARAMETERS)
SWITCHES = {
    "everything on": {},
    "no search": {"search": {"enabled": False}},
    "no temptation": {"appraisal": {"temptation": False}},
    "no congruence": {"appraisal": {"congruence": False}},
    "no persuasion": {"stance": {"persuasion": False}},
    "the placebo": {"placebo": "yoked"},
    "habit opens by itself": {"opening": {"cue": 0.8}},
    "stocks off": {
        name: {"enabled": False} for name in ("satiation", "habit", "tolerance", "taste", "churn")
    },
}
PEOPLE = 400


@pytest.fixture(scope="module")
def lived_in(crowd):
    """People in the middle of things: every part of their state is somewhere inside its range."""
    traits, state = crowd(PARAMETERS, PEOPLE)
    return traits, in_the_middle(state)


@pytest.mark.parametrize("switches", SWITCHES.values(), ids=SWITCHES)
def test_a_slot_agrees_with_the_equations_person_by_person(switches, lived_in, luck_of):
    parameters = altered(PARAMETERS, switches)
    feed, luck = np.arange(PEOPLE) % len(ITEMS), luck_of(PEOPLE)
    following, outcome = slot(parameters, ITEMS, *lived_in, feed, luck)
    kinds = np.stack([outcome.opened, outcome.sought, outcome.left, lived_in[1].present])
    assert kinds[0].any() and kinds[3].any() and not kinds.all(axis=1).any()

    new, happened = slot_by_person(parameters, ITEMS, *map(one_by_one, lived_in), feed, luck)
    for found, expected in ((outcome, happened), (following, new)):
        for name in expected[0]:
            column = [row[name] for row in expected]
            assert getattr(found, name) == pytest.approx(np.array(column), rel=2e-4, abs=1e-5), name


def test_a_slot_changes_none_of_its_inputs(lived_in, luck_of):
    feed, luck = np.arange(PEOPLE) % len(ITEMS), luck_of(PEOPLE)
    given = [getattr(rows, f.name) for rows in lived_in for f in fields(rows)] + [feed, luck]
    before = [array.copy() for array in given]
    slot(PARAMETERS, ITEMS, *lived_in, feed, luck)
    assert all(np.array_equal(a, b) for a, b in zip(given, before, strict=True))


def test_everything_is_of_the_stated_type_and_shape(lived_in, luck_of):
    following, outcome = slot(
        PARAMETERS, ITEMS, *lived_in, np.zeros(PEOPLE, dtype=np.int64), luck_of(PEOPLE)
    )
    other = {"opened": np.bool_, "sought": np.bool_, "left": np.bool_, "item": np.int64}
    for f in fields(outcome):
        column = getattr(outcome, f.name)
        assert (column.dtype, column.shape) == (other.get(f.name, np.float32), (PEOPLE,)), f.name
    for f in fields(following):
        column = getattr(following, f.name)
        assert column.dtype == (np.bool_ if f.name == "present" else np.float32), f.name
        assert column.shape == getattr(lived_in[1], f.name).shape
    assert np.array_equal(outcome.unendorsed, outcome.minutes - outcome.endorsed)


def test_who_has_left_watches_nothing_more_and_fades(lived_in, luck_of):
    traits, state = lived_in
    gone = replace(state, present=np.zeros(PEOPLE, dtype=np.bool_))
    luck = luck_of(PEOPLE)
    following, outcome = slot(PARAMETERS, ITEMS, traits, gone, np.arange(PEOPLE) % 12, luck)
    for name in ("opened", "sought", "left", "minutes", "endorsed", "worth", "revenue"):
        assert not getattr(outcome, name).any(), name
    assert not outcome.persuasion.any() and not following.present.any()
    for name in ("satiation", "habit", "tolerance", "regret"):
        assert np.all(getattr(following, name) < getattr(gone, name)), name
    assert not expected_next_minutes(PARAMETERS, ITEMS, traits, gone).any()


def test_without_a_feed_nothing_is_watched_and_content_moves_nobody(lived_in, luck_of):
    off = altered(PARAMETERS, {"opening": {"enabled": False}})
    assert not expected_next_minutes(off, ITEMS, *lived_in).any()
    ends = []
    for item in (0, 11):
        following, outcome = slot(off, ITEMS, *lived_in, np.full(PEOPLE, item), luck_of(PEOPLE))
        for name in ("opened", "minutes", "endorsed", "persuasion", "revenue"):
            assert not getattr(outcome, name).any(), name
        ends.append(following)
    for name in ("taste", "satiation", "habit", "tolerance", "stance", "regret"):
        assert np.array_equal(*(getattr(end, name) for end in ends)), name


def test_only_who_keeps_the_app_closed_may_leave(lived_in, luck_of):
    certain = altered(PARAMETERS, {"churn": {"hazard": 1.0, "habit": 0.0}})
    _, state = lived_in
    following, outcome = slot(
        certain, ITEMS, *lived_in, np.zeros(PEOPLE, dtype=np.int64), luck_of(PEOPLE)
    )
    assert np.array_equal(outcome.left, state.present & ~outcome.opened)
    assert np.array_equal(following.present, outcome.opened)


# --- the greedy oracle ----------------------------------------------------------------------------

LUCKS = 40_000


@pytest.mark.parametrize(
    "switches",
    [{}, {"search": {"enabled": False}}, {"search": {"share": 1.0}}],
    ids=["some search", "no search", "all search"],
)
def test_expected_minutes_are_the_mean_over_many_lucks(switches, lived_in, luck_of):
    parameters = altered(PARAMETERS, switches)
    luck = luck_of(LUCKS, seed=5)
    here = np.nonzero(lived_in[1].present)[0][:3]
    expected = expected_next_minutes(parameters, ITEMS, *(rows.take(here) for rows in lived_in))
    for person in range(3):
        copies = [rows.take(np.full(LUCKS, here[person])) for rows in lived_in]
        for item in (0, 2, 5, 11):  # mild, extreme and on the far side, and plain
            _, outcome = slot(parameters, ITEMS, *copies, np.full(LUCKS, item), luck)
            error = float(outcome.minutes.std()) / math.sqrt(LUCKS)
            mean = outcome.minutes.mean(dtype=np.float64)
            assert mean == pytest.approx(expected[person, item], abs=4 * error)


def test_expected_minutes_rank_items_as_people_would_watch_them(lived_in, luck_of):
    """Over many people, no other constant lead earns more next than each person's best."""
    traits, state = (rows.take(np.arange(PEOPLE).repeat(50)) for rows in lived_in)
    expected = expected_next_minutes(PARAMETERS, ITEMS, traits, state)
    luck = luck_of(PEOPLE * 50, seed=6)

    def earned(feed):
        return slot(PARAMETERS, ITEMS, traits, state, feed, luck)[1].minutes.mean()

    best = earned(np.argmax(expected, axis=1))
    assert all(best > earned(np.full(PEOPLE * 50, item)) for item in range(len(ITEMS)))


# --- the yoked placebo ----------------------------------------------------------------------------


def test_the_placebo_refuses_a_batch_of_one(lived_in, luck_of):
    yoked = altered(PARAMETERS, {"placebo": "yoked"})
    alone = [rows.take(np.array([0])) for rows in lived_in]
    with pytest.raises(ValueError, match=r"placebo: yoked in a batch of 1.*allowed: 2 or more"):
        slot(yoked, ITEMS, *alone, np.array([0]), luck_of(1))
