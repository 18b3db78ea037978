"""The null worlds are null: what each takes away is gone, exactly, whatever the policy does."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from undertow.envs import FeedBatch, FeedEnv, FeedVectorEnv
from undertow.envs.world import NULLS, altered, synthetic, world
from undertow.envs.world.appraisal import appraise_every

PEOPLE, SLOTS = 64, 24
BUSY = {
    "calendar": {"slots_per_day": 8, "days": 3},
    "catalogue": {"items": 20, "civic_items": 0.5, "arousal_slope": 0.6, "falsehood_slope": 3.0},
    "appraisal": {"extremity_pull": 2.0, "arousal": 1.2, "falsehood": 0.3},
    "opening": {"base": 0.0, "habit": 3.0, "lead": 0.5},
    "watching": {"minutes": 16.0, "habit": 0.6, "longest": 4.0},
    "habit": {"gain": 0.1, "decay": 0.01},
    "taste": {"gain": 0.1},
    "stance": {"noise": 0.005, "anchor": 0.001},
    "churn": {"hazard": 0.05},
    "objective": {"watch_time": 1.0},
}


def busy(null=None, **more):
    """A world in which much happens: people open often and are easily moved."""
    return altered(altered(world("vulnerable", overrides=BUSY), NULLS[null] if null else {}), more)


def states(parameters, policy, slots=SLOTS):
    """States and outcomes, slot by slot, of people who meet `policy(slot, people, items)`."""
    batch = FeedBatch(parameters, PEOPLE)
    batch.start(3, np.arange(PEOPLE))
    path = [(batch.state, None)]
    for slot in range(slots):
        outcome = batch.step(policy(slot, PEOPLE, len(batch.items))).outcome
        path.append((batch.state, outcome))
    return path


def extreme(slot, people, items):
    return np.full(people, items // 4 - 1)  # the last positive civic item


def plain(slot, people, items):
    return np.full(people, items - 1)


def mixed(slot, people, items):
    return (np.arange(people) * 7 + slot * 3) % items


POLICIES = {"extreme": extreme, "plain": plain, "mixed": mixed}


def paths(null, name):
    return [
        np.stack([getattr(state, name) for state, _ in states(busy(null), policy)])
        for policy in POLICIES.values()
    ]


@pytest.mark.parametrize(
    "null, name",
    [
        ("no_persuasion", "stance"),
        ("frozen_preferences", "stance"),
        ("frozen_preferences", "taste"),
        ("no_habit", "habit"),
    ],
)
def test_a_null_cuts_the_way_from_the_feed_to_the_state(null, name):
    first, *others = paths(null, name)
    assert all(np.array_equal(first, other) for other in others)
    moved, *elsewhere = paths(None, name)
    assert not any(np.array_equal(moved, other) for other in elsewhere)  # the null does it


def test_without_habit_there_is_none():
    assert not any(path.any() for path in paths("no_habit", "habit"))


def test_without_persuasion_content_pushes_nobody_outward():
    for policy in POLICIES.values():
        assert not any(o.persuasion.any() for _, o in states(busy("no_persuasion"), policy)[1:])


def test_without_extremity_pull_allure_knows_no_stance(crowd):
    def civic_allure(null, shift=0.0):
        parameters = busy(null)
        items = synthetic(parameters)
        traits, state = crowd(parameters, PEOPLE)
        state = replace(state, stance=np.clip(state.stance + np.float32(shift), -1, 1))
        return appraise_every(parameters, items, traits, state).allure[:, items.civic == 1]

    allure = civic_allure("no_extremity_pull")
    assert np.all(allure == allure[:, :1])  # the same at every y
    assert np.array_equal(allure, civic_allure("no_extremity_pull", shift=-0.5))
    assert np.ptp(civic_allure(None), axis=1).min() > 0.1


def test_without_temptation_only_habit_adds_minutes():
    parameters = busy("no_temptation")
    added = parameters.watching.habit
    for policy in POLICIES.values():
        path = states(parameters, policy)
        for (before, _), (_, outcome) in pairwise(path):
            longer = added * before.habit / (1 + added * before.habit)
            called = outcome.endorsed > 0  # who would have opened the app without habit
            expected = np.where(called, longer, 1.0) * outcome.minutes
            assert outcome.unendorsed == pytest.approx(expected, rel=1e-4, abs=1e-5)
    neither = altered(parameters, {"habit": {"enabled": False}})
    assert not any(o.unendorsed.any() for _, o in states(neither, extreme)[1:])


# --- yoked ----------------------------------------------------------------------------------------

MOVED = ["satiation", "habit", "tolerance", "taste", "stance", "regret"]


def one_slot(parameters, feed):
    batch = FeedBatch(parameters, PEOPLE)
    batch.start(3, np.arange(PEOPLE))
    outcome = batch.step(feed).outcome
    return batch.state, outcome


@pytest.mark.parametrize("name", MOVED)
def test_yoked_the_feed_moves_the_neighbour_and_not_the_person(name):
    parameters = busy("yoked")
    base, person = plain(0, PEOPLE, 20), 10
    other = base.copy()
    other[person] = 9  # the last positive civic item
    opening = {"opening": {"base": 8.0}, "search": {"enabled": False}}
    (before, seen), (after, shown) = (
        one_slot(altered(parameters, opening), feed) for feed in (base, other)
    )
    assert seen.minutes[person] > 0 and shown.minutes[person] > 0
    changed = getattr(before, name) != getattr(after, name)
    changed = changed.reshape(PEOPLE, -1).any(axis=1)
    assert np.nonzero(changed)[0].tolist() == [person - 1]


def test_yoked_the_last_person_moves_the_first_and_none_is_their_own_neighbour():
    parameters = altered(busy("yoked"), {"opening": {"base": 8.0}, "search": {"enabled": False}})
    base = plain(0, PEOPLE, 20)
    other = base.copy()
    other[0] = 9
    (before, _), (after, _) = (one_slot(parameters, feed) for feed in (base, other))
    assert np.nonzero(before.stance != after.stance)[0].tolist() == [PEOPLE - 1]


def test_yoked_keeps_the_first_slot_of_everybody():
    """What is cut is the link to the state, not what is watched: the slot itself is the same."""
    _, true = one_slot(busy(), mixed(0, PEOPLE, 20))
    _, yoked = one_slot(busy("yoked"), mixed(0, PEOPLE, 20))
    for name in ("opened", "item", "minutes", "endorsed", "worth", "revenue"):
        assert np.array_equal(getattr(true, name), getattr(yoked, name)), name


# --- no consequence -------------------------------------------------------------------------------


def test_without_consequence_the_feed_changes_neither_state_nor_logs_nor_stay_of_its_reader():
    parameters = busy("no_consequence", search={"enabled": False})
    person, slots = 10, range(SLOTS)
    lives = []
    for shown in (19, 9):  # a plain item, the last positive civic one
        batch = FeedBatch(parameters, PEOPLE)
        batch.start(3, np.arange(PEOPLE))
        feeds = [mixed(slot, PEOPLE, 20) for slot in slots]
        for feed in feeds:
            feed[person] = shown
        transitions = [batch.step(feed) for feed in feeds]
        lives.append(([t.observation for t in transitions], batch.state, transitions))
    (logs, state, _), (other_logs, other_state, transitions) = lives
    differs = np.array([(a != b).any(axis=1) for a, b in zip(logs, other_logs, strict=True)])
    # What is shown to one reaches the neighbour before, through them the next, and so round.
    assert not differs[:, person].any() and differs[:, person - 1].any()
    for name in (*MOVED, "present"):
        mine, other = getattr(state, name), getattr(other_state, name)
        assert np.array_equal(mine[person], other[person]), name
    assert any(t.outcome.minutes[person] > 0 for t in transitions)
    assert not any(t.terminated.any() for t in transitions)


def test_without_consequence_the_logs_are_the_next_persons():
    feed = mixed(0, PEOPLE, 20)
    own, yoked = (FeedBatch(busy(null), PEOPLE) for null in ("yoked", "no_consequence"))
    for batch in (own, yoked):
        batch.start(3, np.arange(PEOPLE))
    logged = [batch.step(feed).observation for batch in (own, yoked)]
    assert np.array_equal(np.roll(logged[0], -1, axis=0), logged[1])


def test_yoked_needs_two_people():
    env = FeedEnv("default", null="yoked")
    env.reset(seed=0)
    with pytest.raises(ValueError, match="placebo: yoked in a batch of 1"):
        env.step(0)
    two = FeedVectorEnv(2, "default", null="yoked")
    two.reset(seed=0)
    assert np.isfinite(two.step(np.array([0, 1]))[1]).all()
