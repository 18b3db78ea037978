"""Wanting and liking: each weight by hand, and what must rise or fall with what."""

from dataclasses import replace

import numpy as np
import pytest

from undertow.envs.world import altered, world
from undertow.envs.world.appraisal import appraise_every, appraise_one

WEIGHTS = {
    "base": -1.5,
    "taste": 2.0,
    "satiation": 1.6,
    "quality": 1.2,
    "arousal": 1.1,
    "falsehood": 0.3,
    "extremity_pull": 1.8,
}
PARAMETERS = world(
    overrides={
        "population": {"topics": 2},
        "appraisal": WEIGHTS,
        "welfare": {"base": -1.0, "taste": 1.3, "quality": 1.8},
    }
)


@pytest.fixture(scope="module")
def items(items_of):
    """A civic item on the far side, and a plain one."""
    return items_of(
        PARAMETERS,
        topic=[0, 1],
        civic=[1.0, 0.0],
        stance=[-0.6, 0.0],
        arousal=[0.7, 0.2],
        quality=[0.5, 0.9],
        falsehood=[0.25, 0.0],
    )


@pytest.fixture
def person(traits_of, state_of):
    traits = traits_of(latitude=0.4, news=0.5)
    state = state_of(taste=[0.3, 0.8], satiation=[0.25, 0.5], tolerance=0.2, stance=0.2)
    return traits, state


#           base + taste         - boredom     + quality  - civic n (distance/latitude)^2 / 2
PLAN = [-1.5 + 2.0 * 0.3 - 1.6 * 0.25 + 1.2 * 0.5 - 0.5 * (0.8 / 0.4) ** 2 / 2,
        -1.5 + 2.0 * 0.8 - 1.6 * 0.5 + 1.2 * 0.9]  # fmt: skip
#             arousal above tolerance + falsehood  + civic n kappa |y|
ALLURE = [1.1 * (0.7 - 0.2) + 0.3 * 0.25 + 0.5 * 1.8 * 0.6, 1.1 * (0.2 - 0.2)]
ENDORSEMENT = [-1.0 + 1.3 * 0.3 + 1.8 * 0.5, -1.0 + 1.3 * 0.8 + 1.8 * 0.9]


def test_the_equations_by_hand(items, person):
    assert PLAN == pytest.approx([-1.7, 0.38])
    assert ALLURE == pytest.approx([1.165, 0.0])
    every = appraise_every(PARAMETERS, items, *person)
    assert every.plan[0] == pytest.approx(PLAN, abs=1e-6)
    assert every.allure[0] == pytest.approx(ALLURE, abs=1e-6)
    assert every.endorsement[0] == pytest.approx(ENDORSEMENT, abs=1e-6)
    assert every.pull[0] == pytest.approx(np.add(PLAN, ALLURE), abs=1e-6)


def test_one_item_a_person_agrees_with_every_item(items, crowd):
    traits, state = crowd(PARAMETERS, 50)
    state = replace(state, tolerance=traits.news, satiation=1 - state.taste)
    every = appraise_every(PARAMETERS, items, traits, state)
    for item in (0, 1):
        one = appraise_one(PARAMETERS, items.at(np.full(50, item)), traits, state)
        for name in ("plan", "allure", "endorsement", "pull"):
            assert getattr(one, name) == pytest.approx(getattr(every, name)[:, item], abs=1e-6)


def test_without_temptation_there_is_no_allure_and_the_plan_stays(items, person):
    off = altered(PARAMETERS, {"appraisal": {"temptation": False}})
    every = appraise_every(off, items, *person)
    assert not every.allure.any()
    assert np.array_equal(every.pull, every.plan)
    assert np.array_equal(every.plan, appraise_every(PARAMETERS, items, *person).plan)


def test_without_congruence_distance_does_not_repel(items, person):
    off = altered(PARAMETERS, {"appraisal": {"congruence": False}})
    every = appraise_every(off, items, *person)
    assert every.plan[0, 0] == pytest.approx(PLAN[0] + 1.0, abs=1e-6)
    assert every.plan[0, 1] == pytest.approx(PLAN[1], abs=1e-6)
    moved = appraise_every(off, items, person[0], replace(person[1], stance=person[1].stance - 1))
    assert np.array_equal(moved.plan, every.plan)


@pytest.mark.parametrize(
    "part, column, sign",
    [
        ("plan", "taste", 1),
        ("plan", "satiation", -1),
        ("allure", "tolerance", -1),
        ("allure", "taste", 0),
        ("allure", "stance", 0),
        ("endorsement", "taste", 1),
        ("endorsement", "satiation", 0),
        ("endorsement", "tolerance", 0),
        ("endorsement", "stance", 0),
    ],
)
def test_what_rises_and_falls_with_the_state(items, person, part, column, sign):
    traits, state = person
    more = replace(state, **{column: getattr(state, column) + np.float32(0.1)})
    before, after = (
        getattr(appraise_every(PARAMETERS, items, traits, s), part) for s in (state, more)
    )
    assert np.all(np.sign(after - before) == sign)


def test_plain_items_take_no_account_of_stance_latitude_or_news(items, person, traits_of):
    traits, state = person
    other = traits_of(latitude=0.1, news=0.9)
    for changed in ((other, state), (traits, replace(state, stance=state.stance - 1))):
        before = appraise_every(PARAMETERS, items, traits, state).pull[0, 1]
        assert appraise_every(PARAMETERS, items, *changed).pull[0, 1] == before


def test_who_follows_no_news_sees_no_stance(items, person, traits_of):
    _, state = person
    aloof = traits_of(news=0.0)
    every = appraise_every(PARAMETERS, items, aloof, state)
    assert every.allure[0, 0] == pytest.approx(1.1 * 0.5 + 0.3 * 0.25, abs=1e-6)
    assert every.plan[0, 0] == pytest.approx(PLAN[0] + 1.0, abs=1e-6)
