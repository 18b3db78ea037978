"""Slates against a second implementation in plain floats, person by person and item by item."""

from dataclasses import fields

import numpy as np
import pytest

from undertow.envs.world import (
    Mechanism,
    Outcome,
    Slate,
    altered,
    scroll,
    synthetic,
    uniforms,
    world,
)
from undertow.envs.world.appraisal import Appraised, appraise_one
from undertow.envs.world.scrolling import staying

from .reference import in_the_middle, one_by_one, scroll_by_person

PARAMETERS = world(
    "vulnerable",
    overrides={
        "population": {"topics": 4},
        "catalogue": {"items": 12, "civic_items": 0.5, "sponsored": 0.5},
        "appraisal": {"base": -1.0},
        "opening": {"base": 2.5},
        "search": {"share": 0.2, "sharpness": 1.0},
        "watching": {"minutes": 16.0, "habit": 0.6, "duration": 0.3},
        # Time does much in a slot, so that it shows whether it is done once or with every item.
        "satiation": {"gain": 0.45, "recovery": 0.3},
        "habit": {"gain": 0.2, "decay": 0.1},
        "tolerance": {"gain": 0.3, "decay": 0.2},
        "taste": {"gain": 0.1, "anchor": 0.1},
        "stance": {"anchor": 0.1, "noise": 0.03},
        "welfare": {"regret_gain": 0.3, "regret_decay": 0.2, "unendorsed_cost": 0.7},
        "churn": {"hazard": 0.2, "habit": 2.0, "regret": 2.0},
        "objective": {"ad_load": 0.2},
        "exposure_minutes": 3.0,
    },
)
ITEMS = synthetic(PARAMETERS)
RULES = {
    "pull matters": Slate(size=4, stay_base=1.5, stay_pull=1.5),
    "pull is all": Slate(size=3, stay_base=0.0, stay_pull=3.0),
    "habit alone": Slate(size=3, stay_base=1.0, stay_pull=0.0),
    "one item": Slate(size=1),
}
SWITCHES = {
    "everything on": {},
    "the placebo": {"placebo": "yoked"},
    "no search": {"search": {"enabled": False}},
    "no temptation": {"appraisal": {"temptation": False}},
    "no persuasion": {"stance": {"persuasion": False}},
    "stocks off": {
        name: {"enabled": False} for name in ("satiation", "habit", "tolerance", "taste", "churn")
    },
}
PEOPLE = 200


@pytest.fixture(scope="module")
def lived_in(crowd):
    traits, state = crowd(PARAMETERS, PEOPLE)
    return traits, in_the_middle(state)


def lived(parameters, rule, lived_in, luck):
    """A slot by `scroll` and by the reference, with the slate that both were given."""
    slate = np.random.default_rng(1).integers(len(ITEMS), size=(PEOPLE, rule.size))
    lanes = 2 * (rule.size - 1)
    who = np.arange(PEOPLE)
    rest = uniforms(0 * who, who, 1 + 0 * who, Mechanism.SCROLL, max(lanes, 1))[:lanes]
    arrays = scroll(parameters, rule, ITEMS, *lived_in, slate, luck, rest)
    people = scroll_by_person(
        parameters, rule, ITEMS, *map(one_by_one, lived_in), slate, luck, rest
    )
    return slate, arrays, people


def assert_same(rows, people):
    for name in people[0]:
        column = np.array([person[name] for person in people])
        assert getattr(rows, name) == pytest.approx(column, rel=2e-4, abs=1e-5), name


@pytest.mark.parametrize("switches", SWITCHES.values(), ids=SWITCHES)
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_slate_agrees_with_the_equations_item_by_item(rule, switches, lived_in, luck_of):
    parameters = altered(PARAMETERS, switches)
    slate, (following, outcome), (after, parts) = lived(parameters, rule, lived_in, luck_of(PEOPLE))
    assert len(outcome.parts) == rule.size
    for place, (part, expected) in enumerate(zip(outcome.parts, parts, strict=True)):
        assert_same(part, expected)
        if place:
            assert np.array_equal(part.item, slate[:, place])
    assert_same(following, after)


def test_the_reference_is_met_where_all_happens(lived_in, luck_of):
    """People stay and leave, endorse in part, are pushed, search, and some have left for good."""
    _, (following, outcome), _ = lived(PARAMETERS, RULES["pull matters"], lived_in, luck_of(PEOPLE))
    for before, part in zip(outcome.parts, outcome.parts[1:], strict=False):
        assert 5 < part.opened.sum() < before.opened.sum()
        assert (part.endorsed == 0)[part.opened].any() and (part.endorsed > 0).any()
        assert (part.persuasion > 0).any() and (part.persuasion < 0).any() and part.revenue.any()
    assert outcome.sought.any() and outcome.left.any() and not following.present.all()


def test_the_chance_of_staying_rises_with_the_pull_by_the_equation():
    """sigmoid(0.5 + 2 u): u = plan + allure = -0.5, 0.25."""
    rule = Slate(stay_base=0.5, stay_pull=2.0)
    plan, allure = np.array([-1.0, 0.0]), np.array([0.5, 0.25])
    chance = staying(rule, Appraised(plan, allure, endorsement=np.array([9.0, 9.0])))
    assert chance == pytest.approx([1 / (1 + np.exp(0.5)), 1 / (1 + np.exp(-1.0))])


def test_who_reads_on_depends_on_the_pull_of_the_item_before(lived_in, luck_of):
    """With everything else alike, more of those stay whom the first item pulls more."""
    rule = Slate(size=2, stay_base=0.0, stay_pull=6.0)
    luck, rest = luck_of(PEOPLE), np.full((2, PEOPLE), 0.5, dtype=np.float32)
    for first in range(len(ITEMS)):
        slate = np.tile([first, 0], (PEOPLE, 1))
        _, outcome = scroll(PARAMETERS, rule, ITEMS, *lived_in, slate, luck, rest)
        one = np.zeros(PEOPLE, dtype=np.int64) + first
        from_first = appraise_one(PARAMETERS, ITEMS.at(one), *lived_in).pull
        reading = outcome.opened & ~outcome.sought
        # A draw of a half stays just where the chance is above it: where the pull is above 0.
        assert np.array_equal(outcome.parts[1].opened, reading & (from_first > 0))


def test_a_slate_of_the_next_person_is_theirs_item_by_item(lived_in, luck_of):
    _, (_, outcome), _ = lived(PARAMETERS, RULES["pull matters"], lived_in, luck_of(PEOPLE))
    theirs = outcome.of_next()
    for part, shifted in zip(outcome.parts, theirs.parts, strict=True):
        for f in fields(Outcome):
            assert np.array_equal(getattr(shifted, f.name), np.roll(getattr(part, f.name), -1))
    for f in fields(Outcome):
        assert np.array_equal(getattr(theirs, f.name), np.roll(getattr(outcome, f.name), -1))


def test_who_is_away_reads_nothing(lived_in, luck_of):
    rule, who = Slate(size=3), np.arange(PEOPLE)
    rest = uniforms(0 * who, who, 1 + 0 * who, Mechanism.SCROLL, 4)
    slate = np.ones((PEOPLE, 3), dtype=np.int64)
    away = who % 2 == 0
    luck = luck_of(PEOPLE)
    _, free = scroll(PARAMETERS, rule, ITEMS, *lived_in, slate, luck, rest)
    _, outcome = scroll(PARAMETERS, rule, ITEMS, *lived_in, slate, luck, rest, away)
    assert (free.minutes[away] > 0).any() and not outcome.minutes[away].any()
    assert np.array_equal(outcome.minutes[~away], free.minutes[~away])
