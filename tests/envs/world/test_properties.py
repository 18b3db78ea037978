"""What holds in every world: any admissible parameters, any people, any sequence of actions."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from undertow.envs import FeedBatch
from undertow.envs.feed import observation_space
from undertow.envs.world import WorldParameters, altered, world
from undertow.envs.world.parameters import LONGEST_LENGTH

# Sizes are kept small for speed; every other field is drawn from its whole admissible range.
SIZES = {
    "calendar": {"days": (1, 2)},
    "population": {"topics": (2, 8)},
    "catalogue": {"items": (4, 40), "seed": (0, 2**32), "creators": (1, 50)},
}


def any_value(field, limits):
    if field.annotation is bool:
        return st.booleans()
    if field.annotation not in (int, float):  # the placebo
        return st.sampled_from(field.annotation.__args__)
    bounds = {
        key: getattr(m, key) for m in field.metadata for key in ("ge", "le") if hasattr(m, key)
    }
    low, high = limits or (bounds["ge"], bounds["le"])
    if field.annotation is int:
        return st.integers(low, high)
    return st.floats(low, high) | st.sampled_from([float(low), float(high)])


def any_overrides(model=WorldParameters, sizes=SIZES):
    choices = {}
    for name, field in model.model_fields.items():
        group = isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
        choices[name] = (
            any_overrides(field.annotation, sizes.get(name, {}))
            if group
            else any_value(field, sizes.get(name))
        )
    return st.fixed_dictionaries({}, optional=choices)


def admissible(overrides):
    """The nearest world that keeps the two rules that join several parameters."""
    calendar, watching = overrides.setdefault("calendar", {}), overrides.setdefault("watching", {})
    catalogue, base = overrides.setdefault("catalogue", {}), world()
    slot = 24 * 60 / calendar.get("slots_per_day", base.calendar.slots_per_day)
    rule = {**base.watching.model_dump(), **watching}
    most = (1 + rule["habit"]) * rule["longest"] * (LONGEST_LENGTH if rule["duration"] else 1)
    watching["minutes"] = min(rule["minutes"], 0.999 * slot / most)
    topics = overrides.get("population", {}).get("topics", base.population.topics)
    catalogue["items"] = max(catalogue.get("items", base.catalogue.items), topics)
    return world(overrides=overrides)


WORLDS = any_overrides().map(admissible)
PEOPLE = 3
UNIT = ("taste", "satiation", "habit", "tolerance", "regret")


def check_state(state):
    for name in UNIT:
        column = getattr(state, name)
        assert column.dtype == np.float32
        assert np.all((column >= 0) & (column <= 1)), name  # false for NaN as well
    assert np.all(np.abs(state.stance) <= 1)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=120)
@given(WORLDS, st.sampled_from(["platform", "oracle"]), st.integers(0, 2**62), st.data())
def test_every_world_keeps_its_bounds_under_any_actions(parameters, observation, seed, data):
    batch = FeedBatch(parameters, PEOPLE, observation)
    space = observation_space(batch)
    assert np.isfinite([space.low, space.high]).all()
    assert np.all([row in space for row in batch.start(seed, np.arange(PEOPLE))])
    check_state(batch.state)
    one = st.integers(0, len(batch.items) - 1)
    actions = data.draw(st.lists(st.tuples(one, one, one), min_size=1, max_size=12))
    for action in actions:
        before = batch.state
        step = batch.step(np.array(action))
        check_state(batch.state)
        happened = step.outcome

        assert step.observation.dtype == step.reward.dtype == np.float32
        assert np.all([row in space for row in step.observation])  # false for NaN as well
        assert np.isfinite(step.reward).all()
        assert np.isfinite(happened.worth).all() and np.isfinite(happened.persuasion).all()
        assert np.all((0 <= happened.endorsed) & (happened.endorsed <= happened.minutes))
        assert np.all(happened.revenue >= 0) and np.all(np.abs(happened.persuasion) <= 2)
        assert np.all((0 <= happened.item) & (happened.item < len(batch.items)))

        assert not (happened.minutes[~happened.opened]).any()
        assert not (happened.opened & ~before.present).any()
        assert not (happened.sought & ~happened.opened).any()
        assert not (happened.left & (happened.opened | ~before.present)).any()
        assert np.array_equal(batch.state.present, before.present & ~happened.left)
        assert not (step.terminated & step.truncated).any()

        measured = batch.measured(happened)
        parts = [value for name, value in measured.items() if name.startswith("cost_")]
        assert all(np.all(part >= 0) for part in parts)
        assert np.array_equal(measured["cost"], np.sum(parts, axis=0))
        batch.restart(step.terminated | step.truncated)


OFF = {
    "satiation": {"satiation": {"enabled": False}},
    "tolerance": {"tolerance": {"enabled": False}},
    "taste": {"taste": {"enabled": False}},
    "habit": {"habit": {"enabled": False}},
}


@pytest.mark.parametrize("name", OFF)
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=25)
@given(parameters=WORLDS, seed=st.integers(0, 2**62), data=st.data())
def test_a_mechanism_that_is_off_leaves_its_state_as_it_started(name, parameters, seed, data):
    batch = FeedBatch(altered(parameters, OFF[name]), PEOPLE)
    batch.start(seed, np.arange(PEOPLE))
    first = getattr(batch.state, name).copy()
    if name != "taste":
        assert not first.any()
    one = st.integers(0, len(batch.items) - 1)
    for action in data.draw(st.lists(st.tuples(one, one, one), min_size=1, max_size=6)):
        batch.step(np.array(action))
        assert np.array_equal(getattr(batch.state, name), first)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=25)
@given(WORLDS, st.integers(0, 2**62), st.data())
def test_where_nobody_searches_or_leaves_the_feed_is_what_is_watched(parameters, seed, data):
    off = {"search": {"enabled": False}, "churn": {"enabled": False}}
    batch = FeedBatch(altered(parameters, off), PEOPLE)
    batch.start(seed, np.arange(PEOPLE))
    one = st.integers(0, len(batch.items) - 1)
    for action in data.draw(st.lists(st.tuples(one, one, one), min_size=1, max_size=6)):
        happened = batch.step(np.array(action)).outcome
        assert np.array_equal(happened.item, action) and not happened.sought.any()
        assert not happened.left.any() and batch.state.present.all()


def test_a_session_never_outlasts_its_slot():
    """The longest that is admissible, of an item that stretches it, fills its 180 minutes."""

    def longest(minutes):
        return world(
            overrides={
                "calendar": {"slots_per_day": 8},
                "population": {"habit_start": 1.0},
                "opening": {"base": 8.0},
                "appraisal": {"base": 6.0},
                "search": {"enabled": False},
                "watching": {"minutes": minutes, "habit": 0.1, "longest": 4.0, "duration": 1.0},
            }
        )

    batch = FeedBatch(longest(34.0), 2_000)
    batch.start(0, np.arange(2_000))
    lead = int(np.argmax(batch.items.length))
    assert 170 < batch.step(np.full(2_000, lead)).outcome.minutes.max() <= 180
    with pytest.raises(ValueError, match=r"minutes x length .* does not fit in a slot of 180 min"):
        longest(35.0)
