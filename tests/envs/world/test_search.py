"""Search: how often, for what, and that the feed rules where nobody searches."""

import math
from dataclasses import replace

import numpy as np
import pytest

from undertow.envs.world import altered, world
from undertow.envs.world.search import search, search_weights

PARAMETERS = world(
    overrides={
        "population": {"topics": 2},
        "search": {"share": 0.25, "sharpness": 1.5},
        "welfare": {"base": -1.0, "taste": 1.3, "quality": 1.8},
    }
)


@pytest.fixture(scope="module")
def items(items_of):
    return items_of(
        PARAMETERS,
        topic=[0, 0, 1],
        civic=[1.0, 1.0, 0.0],
        stance=[0.4, -0.8, 0.0],
        quality=[0.5, 0.5, 0.2],
    )


@pytest.fixture
def person(traits_of, state_of):
    return traits_of(latitude=0.4, news=0.5), state_of(taste=[0.3, 0.8], stance=0.2)


def search_for(parameters, items, person, uniform, feed=2, opened=True):
    count = len(uniform)
    traits, state = (rows.take(np.zeros(count, dtype=np.int64)) for rows in person)
    return search(
        parameters,
        items,
        traits,
        state,
        np.full(count, feed),
        np.full(count, opened),
        np.asarray(uniform, dtype=np.float32),
    )


def test_the_chances_by_hand(items, person):
    sought = [
        -1.0 + 1.3 * 0.3 + 1.8 * 0.5 - 0.5 * (0.2 / 0.4) ** 2 / 2,
        -1.0 + 1.3 * 0.3 + 1.8 * 0.5 - 0.5 * (1.0 / 0.4) ** 2 / 2,
        -1.0 + 1.3 * 0.8 + 1.8 * 0.2,
    ]
    assert sought == pytest.approx([0.2275, -1.2725, 0.4])
    weight = search_weights(PARAMETERS, items, *person)[0]
    assert weight == pytest.approx([math.exp(1.5 * (s - sought[2])) for s in sought], rel=1e-5)


def test_the_share_and_the_choice_follow_the_chances(items, person):
    """A fine grid of draws covers each outcome for as long as its chance."""
    grid = (np.arange(40_000) + 0.5) / 40_000
    choice, sought = search_for(PARAMETERS, items, person, grid)
    weight = search_weights(PARAMETERS, items, *person)[0]
    assert np.mean(sought) == pytest.approx(0.25, abs=1e-4)
    assert np.all(choice[~sought] == 2)
    found = np.bincount(choice[sought], minlength=3) / np.sum(sought)
    assert found == pytest.approx(weight / weight.sum(), abs=2e-4)


@pytest.mark.parametrize("uniform", [2.0**-24, 0.25 - 2.0**-24, 1 - 2.0**-24])
def test_the_ends_of_the_interval_choose_an_item(items, person, uniform):
    choice, sought = search_for(PARAMETERS, items, person, [uniform])
    assert sought[0] == (uniform < 0.25)
    assert choice[0] in ((0, 2) if sought[0] else (2,))


def test_who_keeps_the_app_closed_does_not_search(items, person):
    choice, sought = search_for(PARAMETERS, items, person, [0.01, 0.2], feed=1, opened=False)
    assert not sought.any() and choice.tolist() == [1, 1]


@pytest.mark.parametrize("off", [{"enabled": False, "share": 1.0}, {"share": 0.0}])
def test_switched_off_every_session_follows_the_feed(items, person, off):
    parameters = altered(PARAMETERS, {"search": off})
    choice, sought = search_for(parameters, items, person, np.linspace(0.001, 0.999, 99), feed=1)
    assert not sought.any() and np.all(choice == 1)


def test_with_a_share_of_one_everybody_searches(items, person):
    parameters = altered(PARAMETERS, {"search": {"share": 1.0}})
    assert search_for(parameters, items, person, [1e-6, 0.5, 1 - 2.0**-24])[1].all()


def test_without_sharpness_every_item_is_as_likely(items, person):
    flat = altered(PARAMETERS, {"search": {"sharpness": 0.0}})
    assert np.all(search_weights(flat, items, *person) == 1)


def test_allure_and_habit_do_not_enter(items, person):
    """What is sought is what is endorsed: wanting plays no part."""
    traits, state = person
    tempted = replace(state, habit=state.habit + 1, tolerance=state.tolerance + 1)
    loud = altered(PARAMETERS, {"appraisal": {"extremity_pull": 6.0, "arousal": 6.0}})
    before = search_weights(PARAMETERS, items, traits, state)
    assert np.array_equal(search_weights(loud, items, traits, tempted), before)
