"""The policies that do not learn by reinforcement: whom they serve, and what they choose by."""

import numpy as np
import pytest
from scipy import stats

from undertow.agents import Chronological, Greedy, Popular, Random
from undertow.envs import FeedBatch
from undertow.envs.world import altered, assemble, draw, expected_next_minutes

ITEMS, PEOPLE, SLOTS = 12, 64, 40
SUPPLY = np.array([0.5, 0.25, 0.125, 0.0625, 0.0625])
LOTTERIES = {
    "random": lambda: Random(ITEMS),
    "chronological": lambda: Chronological(np.arange(1.0, ITEMS + 1)),
    "popular": lambda: Popular(np.array([3, 11, 7]), ITEMS),
}


def shown(policy, seed, person, slots=SLOTS, seen=0.0):
    """The items that people are shown, (slots, people), where `seen` is all there is to see."""
    policy.begin(seed, person)
    observation = np.full((len(person), 4), seen, dtype=np.float32)
    return np.stack([policy.act(observation) for _ in range(slots)])


def crowd(people=PEOPLE, seed=9):
    return np.full(people, seed), np.arange(people)


# --- whom they serve ------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [[5], [63, 0, 7], list(range(40, 9, -1))], ids=len)
@pytest.mark.parametrize("make", LOTTERIES.values(), ids=LOTTERIES)
def test_a_person_is_shown_the_same_in_any_company_and_place(make, rows):
    seed, person = crowd()
    everybody = shown(make(), seed, person)
    assert everybody.dtype == np.int64
    assert 0 <= everybody.min() and everybody.max() < ITEMS
    assert np.array_equal(shown(make(), seed[rows], person[rows]), everybody[:, rows])


@pytest.mark.parametrize("make", LOTTERIES.values(), ids=LOTTERIES)
def test_begin_begins_again_and_another_seed_is_another_crowd(make):
    policy = make()
    first = shown(policy, *crowd())
    assert np.array_equal(shown(policy, *crowd()), first)
    assert not np.array_equal(shown(policy, *crowd(seed=10)), first)


@pytest.mark.parametrize("make", LOTTERIES.values(), ids=LOTTERIES)
def test_what_is_seen_of_people_does_not_count(make):
    assert np.array_equal(shown(make(), *crowd(), seen=0.0), shown(make(), *crowd(), seen=7.5))


@pytest.mark.parametrize("make", LOTTERIES.values(), ids=LOTTERIES)
def test_a_policy_never_begun_serves_the_first_people_of_seed_0(make):
    policy, nothing = make(), np.zeros((6, 1), dtype=np.float32)
    unbegun = np.stack([policy.act(nothing) for _ in range(SLOTS)])
    assert np.array_equal(unbegun, shown(make(), *crowd(6, seed=0)))


@pytest.mark.parametrize("make", [*LOTTERIES.values(), lambda: Greedy(ITEMS)])
def test_others_than_those_begun_are_refused(make):
    policy = make()
    policy.begin(*crowd(2))
    with pytest.raises(ValueError, match="observation: found 3 people; allowed: the 2 begun"):
        policy.act(np.zeros((3, ITEMS), dtype=np.float32))


@pytest.mark.parametrize("kind", [Random, Greedy])
def test_there_is_something_to_show(kind):
    with pytest.raises(ValueError, match="items: found 0; allowed: 1 or more"):
        kind(0)


# --- random ---------------------------------------------------------------------------------------


def test_random_shows_every_item_equally_often():
    table = shown(Random(ITEMS), *crowd(500))
    assert stats.chisquare(np.bincount(table.ravel(), minlength=ITEMS)).pvalue > 1e-3
    pairs = np.histogram2d(table[:-1].ravel(), table[1:].ravel(), bins=ITEMS)[0]
    assert stats.chisquare(pairs.ravel()).pvalue > 1e-3  # whatever was shown before


# --- chronological --------------------------------------------------------------------------------


def test_chronological_shows_items_in_proportion_to_their_supply():
    """Over the whole timeline exactly (up to half a post), and evenly all along it."""
    timeline = shown(Chronological(SUPPLY), *crowd(1), slots=4_096)[:, 0]
    assert np.bincount(timeline) / 4_096 == pytest.approx(SUPPLY)
    for window in timeline.reshape(-1, 64):
        assert np.bincount(window, minlength=5) == pytest.approx(64 * SUPPLY, abs=3)


def test_chronological_is_neutral_in_every_slot():
    """People join the timeline at a place of their own, so each slot shows items by supply."""
    for slot in shown(Chronological(SUPPLY), *crowd(4_000), slots=3):
        counts = np.bincount(slot, minlength=5)
        assert stats.chisquare(counts, 4_000 * SUPPLY).pvalue > 1e-3


def test_chronological_takes_supply_in_any_unit_and_posts_the_rarest_too():
    one, other = (shown(Chronological(s), *crowd(3)) for s in (SUPPLY, 80 * SUPPLY))
    assert np.array_equal(one, other)
    rare = shown(Chronological(np.array([1.0, 1e-9])), *crowd(1), slots=4_097)
    assert np.bincount(rare[:, 0]).tolist() == [4_096, 1]


# --- popular --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def alike(parameters):
    """A world of people who are all alike and stay as they are: only quality makes a difference."""
    still = ("satiation", "habit", "tolerance", "taste", "churn", "search")
    alike = altered(
        parameters,
        {
            **{name: {"enabled": False} for name in still},
            "population": {"topics": 2, "taste_sd": 0.0, "self_control_sd": 0.0},
            "appraisal": {"quality": 6.0},
        },
    )
    quality = np.array([0.1, 0.35, 0.95, 0.6, 0.2, 0.45])
    zero = np.zeros(6)
    plain = {"civic": zero, "stance": zero, "arousal": zero, "falsehood": zero, "sponsor": zero}
    items = assemble(
        alike,
        topic=np.ones(6, dtype=np.int64),
        quality=quality,
        creator=np.zeros(6, dtype=np.int64),
        duration=np.full(6, 60.0),
        supply=np.ones(6),
        **plain,
    )
    return alike, items


def test_popular_ranks_items_by_their_mean_minutes(alike):
    policy = Popular.fit(*alike, seed=2)
    traits, state = draw(alike[0], np.array([0]), np.array([0]))
    expected = expected_next_minutes(*alike, traits, state)[0]
    assert policy.ranking.tolist() == np.argsort(-expected).tolist() == [2, 3, 5, 1, 4, 0]
    assert Popular.fit(*alike, seed=2, top=3).ranking.tolist() == [2, 3, 5]


def test_popular_shows_its_ranking_in_turn():
    table = shown(Popular(np.array([3, 11, 7]), ITEMS), *crowd())
    following = {3: 11, 11: 7, 7: 3}
    assert set(table[0].tolist()) == {3, 7, 11}  # each person begins at a place of their own
    assert table[1:].ravel().tolist() == [following[item] for item in table[:-1].ravel().tolist()]


# --- greedy ---------------------------------------------------------------------------------------


def test_greedy_leads_with_the_most_expected_minutes(parameters, items):
    batch, policy = FeedBatch(parameters, 200, "oracle"), Greedy(len(items))
    observation, chosen = batch.start(4, np.arange(200)), set()
    policy.begin(*crowd(200))
    for _ in range(16):
        action = policy.act(observation)
        expected = expected_next_minutes(parameters, items, batch.traits, batch.state)
        assert np.array_equal(action, np.argmax(expected, axis=1))
        chosen |= set(action[batch.state.present].tolist())
        observation = batch.step(action).observation
    assert policy.observation == "oracle" and len(chosen) > 10
