"""The chronological feed of what people follow: who is followed at the start, after, and shown."""

import numpy as np
import pytest

from undertow.agents import Random
from undertow.envs.feed_batch import FeedBatch
from undertow.envs.world import Outcome, altered, synthetic, world
from undertow.envs.world.search import search_weights
from undertow.experiments.diary import Phase, follow
from undertow.experiments.validity.following import Following

PEOPLE = 300
AT_FIRST = 74


def met(parameters=None, rows=slice(None)):
    """A feed that has met its people, and they."""
    parameters = parameters or world()
    items = synthetic(parameters)
    seed = np.full(PEOPLE, 5, dtype=np.int64)[rows]
    person = np.arange(PEOPLE, dtype=np.int64)[rows]
    batch = FeedBatch(parameters, person.size, "platform", items)
    observation = batch.start(seed, person)
    feed = Following(parameters, items)
    feed.begin(seed, person)
    feed.met(batch.traits, batch.state)
    return feed, batch, observation


def outcome(item, opened):
    nothing = np.zeros(item.size, dtype=np.float32)
    no = np.zeros(item.size, dtype=bool)
    return Outcome(
        opened=opened, item=item, sought=no, minutes=nothing, endorsed=nothing,
        worth=nothing, persuasion=nothing, revenue=nothing, left=no,
    )  # fmt: skip


def test_at_first_people_follow_what_they_look_for_themselves():
    feed, batch, _ = met()
    assert (feed.accounts.sum(axis=1) == AT_FIRST).all()
    weight = search_weights(feed.parameters, feed.catalogue, batch.traits, batch.state)
    chance = weight / weight.sum(axis=1, keepdims=True)
    # 74 draws each: summed over people every item lies within four standard errors.
    expected, spread = AT_FIRST * chance.sum(axis=0), AT_FIRST * (chance * (1 - chance)).sum(axis=0)
    assert (np.abs(feed.accounts.sum(axis=0) - expected) < 4 * np.sqrt(spread)).all()
    sure, _, _ = met(altered(world(), {"search": {"sharpness": 10.0}}))
    assert (sure.accounts > 0).sum(axis=1).mean() < (feed.accounts > 0).sum(axis=1).mean()


def test_only_what_is_followed_leads_and_each_account_as_often_as_another():
    feed, _, observation = met()
    led = np.stack([feed.act(observation) for _ in range(400)])
    rows = np.arange(PEOPLE)
    assert (feed.accounts[rows, led] > 0).all()
    found = np.stack([np.bincount(led[:, row], minlength=30) for row in rows]) / 400
    share = feed.accounts / AT_FIRST
    np.testing.assert_allclose(found.mean(axis=0), share.mean(axis=0), atol=0.005)
    assert np.abs(found - share).max() < 0.15


def test_one_session_in_ten_ends_in_following_what_was_watched():
    feed, _, _ = met()
    before = feed.accounts.copy()
    item = np.arange(PEOPLE) % 30
    opened = np.arange(PEOPLE) % 3 > 0
    for slot in range(200):
        feed.watched(slot, outcome(item, opened))
    gained = feed.accounts - before
    others = np.ones_like(gained, dtype=bool)
    others[np.arange(PEOPLE), item] = False
    assert (gained[others] == 0).all() and (gained[~opened] == 0).all()
    assert gained[opened].sum(axis=1).mean() == pytest.approx(20, abs=1)


def test_twins_are_shown_the_same_and_another_batch_changes_nothing():
    one, _, observation = met()
    other, _, backwards = met(rows=slice(None, None, -1))
    np.testing.assert_array_equal(one.accounts, other.accounts[::-1])
    for slot in range(20):
        shown, reversed_ = one.act(observation), other.act(backwards)
        np.testing.assert_array_equal(shown, reversed_[::-1])
        everybody = np.ones(PEOPLE, dtype=bool)
        one.watched(slot, outcome(shown, everybody))
        other.watched(slot, outcome(reversed_, everybody))
    np.testing.assert_array_equal(one.accounts, other.accounts[::-1])


def test_a_feed_that_has_met_nobody_says_so():
    _, batch, observation = met()
    stranger = Following(world(), batch.items)
    with pytest.raises(ValueError, match="following: found 0 people met of 300; allowed: all"):
        stranger.act(observation)


def lived(days, parameters=None):
    """A feed of people who live for so many days, and has met them."""
    feed, batch, observation = met(parameters)
    feed.settles = days * 8
    return feed, batch, observation


def test_after_years_people_follow_what_they_watched_in_them():
    feed, _, _ = lived(3)
    rows = np.arange(PEOPLE)
    first, everybody = feed.accounts.copy(), np.ones(PEOPLE, dtype=bool)
    for slot in range(24):
        np.testing.assert_array_equal(feed.accounts, first)
        # Two sessions in three of the one, one in three of the other; person 0 has none.
        item = np.where(slot % 3 < 2, rows % 30, (rows + 1) % 30)
        feed.watched(slot, outcome(item, everybody & (rows > 0)))
    assert (feed.accounts.sum(axis=1) == AT_FIRST).all()
    np.testing.assert_array_equal(feed.accounts[0], first[0])
    often, seldom = feed.accounts[rows, rows % 30][1:], feed.accounts[rows, (rows + 1) % 30][1:]
    assert (often + seldom == AT_FIRST).all()
    # Binomial(74, 2/3) a person: the mean of 299 lies within four standard errors.
    assert abs(often.mean() - AT_FIRST * 2 / 3) < 4 * np.sqrt(AT_FIRST * 2 / 9 / 299)
    assert often.std() == pytest.approx(np.sqrt(AT_FIRST * 2 / 9), rel=0.2)


def test_after_the_years_one_session_in_ten_adds_an_account():
    feed, _, _ = lived(1)
    item, everybody = np.arange(PEOPLE) % 30, np.ones(PEOPLE, dtype=bool)
    for slot in range(208):
        feed.watched(slot, outcome(item, everybody))
    assert (feed.accounts.sum(axis=1) - AT_FIRST).mean() == pytest.approx(20, abs=1)


def test_days_lived_are_not_negative():
    with pytest.raises(ValueError, match="lived: found -1; allowed: 0 days or more"):
        Following(world(), synthetic(world()), lived=-1)


def test_switching_off_a_feed_that_one_lived_with_shows_much_the_same():
    """What people follow was placed by it, so chronology differs less from it than for the new."""
    parameters = altered(world(), {"churn": {"enabled": False}})
    items = synthetic(parameters)
    only = Only(3)

    def share_after(days):
        feed = Following(parameters, items, lived=days)
        course = follow(parameters, items, [Phase(10, only), Phase(5, feed)], seed=5, people=200)
        ten = course.days(0, 10)
        return course.days(10, 15).led == 3, (ten.opened & ~ten.sought).sum() / ten.opened.sum()

    settled, placed = share_after(10)
    new, _ = share_after(0)
    # Item 3 is found by search, too, so the share is a little larger than that of what was placed.
    assert placed - 0.02 < settled.mean() < placed + 0.1
    assert new.mean() < 0.25


class Only:
    """A feed that always leads with one item."""

    kind, observation = "only", "platform"

    def __init__(self, item):
        self.item = item

    def begin(self, seed, person):
        """It needs to know nobody."""

    def act(self, observation):
        return np.full(len(observation), self.item)


def test_what_another_feed_showed_is_followed_and_shown_afterwards():
    """So a chronological feed after a ranked one is not the one before it."""
    parameters = altered(world(), {"churn": {"enabled": False}, "search": {"enabled": False}})
    items = synthetic(parameters)
    feed, length = Following(parameters, items), (20, 10)

    def shown_after(before):
        phases = [Phase(length[0], before), Phase(length[1], feed)]
        course = follow(parameters, items, phases, seed=5, people=PEOPLE)
        return course, course.days(length[0], sum(length)).led

    usual, led = shown_after(feed)
    rare = int(np.bincount(led.ravel(), minlength=30).argmin())
    course, taught = shown_after(Only(rare))
    sessions = course.days(0, length[0]).opened.sum(axis=0).mean()
    assert 0.8 < (taught == rare).mean() / (0.1 * sessions / (AT_FIRST + 0.1 * sessions)) < 1.5
    assert (led == rare).mean() < 0.05
    np.testing.assert_array_equal(course.start.stance, usual.start.stance)


def test_a_random_feed_teaches_what_it_shows_and_the_same_people_start_alike():
    parameters = altered(world(), {"churn": {"enabled": False}})
    items = synthetic(parameters)
    feed = Following(parameters, items)
    follow(parameters, items, [Phase(3, Random(30)), Phase(1, feed)], seed=5, people=50)
    after = feed.accounts.sum(axis=1)
    assert (after >= AT_FIRST).all() and (after > AT_FIRST).mean() > 0.5
    again = follow(parameters, items, [Phase(1, feed)], seed=5, people=50)
    assert feed.accounts.sum() < after.sum() and again.diary.led.shape == (8, 50)


def test_what_people_follow_is_no_file(tmp_path):
    """A kind that `load_policy` does not read would be a file that nobody can open."""
    feed, _, _ = met()
    with pytest.raises(NotImplementedError, match="not saved; allowed: making it in a study"):
        feed.save(tmp_path / "feed")
    assert not list(tmp_path.iterdir())
