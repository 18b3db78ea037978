"""One person in one compiled call: to the bit what the compiled batch of one gives."""

import copy
import itertools
import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from undertow.envs import FeedBatch
from undertow.envs.fused.alone import PersonAlone
from undertow.envs.world import NULLS, PRESETS, altered, world

from .world.test_properties import WORLDS

ONE = np.ones(1, dtype=np.bool_)
PLACEBOS = [name for name, changes in NULLS.items() if "placebo" in changes]
ALONE = [None, *sorted(NULLS.keys() - set(PLACEBOS))]
SHORT = {"calendar": {"slots_per_day": 8, "days": 3}, "churn": {"hazard": 0.05}}


def both(parameters):
    return PersonAlone(parameters), FeedBatch(parameters, 1, engine="numba")


def bits(value):
    """A value to the bit, with its kind and shape: 0.0 and -0.0 differ."""
    array = np.asarray(value)
    return array.dtype.kind, array.shape, array.tobytes()


def same(expected, found):
    assert expected.keys() == found.keys()
    for name, column in expected.items():
        one, other = column[0], found[name]
        # A Python float holds what a float32 was, exactly.
        assert bits(one) == bits(np.asarray(other).astype(one.dtype)), name
        assert type(other) in (bool, int, float, np.ndarray), name


def live_both(pair, actions, seed=7, person=0):
    """Plays the actions on both, compares everything, and returns how many lives ended."""
    alone, batch = pair
    assert bits(alone.start(seed, person)) == bits(batch.start(seed, person))
    ends = 0
    for action in actions:
        seen, reward, terminated, truncated, info = alone.play(action)
        step = batch.step(np.array([action]))
        assert bits(seen) == bits(step.observation[0])
        assert bits(np.float32(reward)) == bits(step.reward[0]) and type(reward) is float
        assert (terminated, truncated) == (step.terminated[0], step.truncated[0])
        assert type(terminated) is type(truncated) is bool
        same(batch.measured(step.outcome), info)
        if terminated or truncated:
            ends += 1
            alone.restart(ONE)
            batch.restart(ONE)
        for name in ("traits", "state"):
            mine, theirs = vars(getattr(alone, name)), vars(getattr(batch, name))
            assert all(bits(mine[key]) == bits(theirs[key]) for key in theirs)
        for name in ("seed", "person", "slot"):
            assert bits(getattr(alone, name)) == bits(getattr(batch, name))
        assert bits(alone.observe()) == bits(batch.observe())
    return ends


def feed(slots, items=30, seed=1):
    return np.random.default_rng(seed).integers(items, size=slots).tolist()


@settings(suppress_health_check=list(HealthCheck), max_examples=60)
@given(WORLDS, st.integers(0, 2**63 - 1), st.integers(0, 2**62), st.data())
def test_any_world_any_person_and_any_feed(parameters, seed, person, data):
    parameters = altered(parameters, {"placebo": "none"})
    pair = both(parameters)
    actions = data.draw(st.lists(st.integers(0, len(pair[0].items) - 1), max_size=25))
    live_both(pair, actions, seed, person)


@pytest.mark.parametrize("null", ALONE)
@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_every_preset_and_null(preset, null):
    ends = live_both(both(world(preset, null, SHORT)), feed(150))
    assert ends >= 6  # of three days each, at most


@pytest.mark.parametrize(
    "aims",
    [
        {"watch_time": 0.0, "growth": 2.5},
        {"growth": 0.3, "ad_load": 0.2, "advertising": 0.7},
        {"ad_load": 0.2, "advertising": 0.7, "unendorsed_minutes": 0.45},
        {"growth": 0.1, "unendorsed_minutes": 0.1, "induced_extremity": 3.3},
        {"induced_extremity": 3.3},
    ],
    ids=str,
)
def test_every_objective_pays_to_the_bit(aims):
    live_both(both(world("vulnerable", overrides=SHORT | {"objective": aims})), feed(60))


def test_a_long_row_of_people_each_as_the_batch_draws_them():
    brief = world(overrides={"calendar": {"slots_per_day": 1, "days": 1}})
    assert live_both(both(brief), feed(80)) == 80  # more than are drawn together


def test_a_new_start_forgets_who_was_drawn_for_the_old():
    alone, batch = both(world(overrides=SHORT))
    for one in (alone, batch):
        one.start(1, 0)
        one.restart(ONE)
        one.start(2, 5)
        one.restart(ONE)
    assert alone.person.tolist() == [6] and bits(alone.state.stance) == bits(batch.state.stance)


def test_a_mask_that_marks_nobody_restarts_nobody():
    alone, _ = both(world(overrides=SHORT))
    alone.start(1, 0)
    alone.play(3)
    before = alone.observe()
    alone.restart(~ONE)
    assert alone.slot.tolist() == [1] and bits(alone.observe()) == bits(before)


def test_what_was_handed_out_never_changes_afterwards():
    alone, _ = both(world("vulnerable", overrides=SHORT))
    first = alone.start(3, 0)
    handed, copies = [first], [first.copy()]
    for action in feed(30):
        seen, *_, info = alone.play(action)
        held = [seen, info["taste"], info["satiation"], alone.traits.taste, alone.observe()]
        held += vars(alone.state).values()
        handed += held
        copies += [array.copy() for array in held]
        if info["churned"]:
            alone.restart(ONE)
    assert all(np.array_equal(one, other) for one, other in zip(handed, copies, strict=True))
    assert not any(np.shares_memory(a, b) for a, b in itertools.pairwise(handed))


def test_what_a_caller_does_to_what_was_handed_out_moves_nobody():
    alone, batch = both(world("vulnerable", overrides=SHORT))
    alone.start(3, 0)
    batch.start(3, 0)
    for action in feed(10):
        seen, *_, info = alone.play(action)
        for array in (seen, info["taste"], info["satiation"], alone.state.habit, alone.slot):
            array[...] = 1
        assert bits(batch.step(np.array([action])).observation) == bits(alone.observe())


def test_steps_of_a_batch_and_plays_may_take_turns():
    alone, batch = both(world("vulnerable", overrides=SHORT))
    alone.start(3, 0)
    batch.start(3, 0)
    for turn, action in enumerate(feed(20)):
        expected = batch.step(np.array([action])).observation
        found = alone.step(np.array([action])).observation if turn % 2 else [alone.play(action)[0]]
        assert bits(expected) == bits(found)


def test_a_state_put_in_from_outside_is_lived_on_from():
    alone, batch = both(world("vulnerable", overrides=SHORT))
    for one in (alone, batch):
        one.start(3, 0)
        habit = {"habit": np.full(1, 0.9, dtype=np.float32)}
        one.state = type(one.state)(**{**vars(one.state), **habit})
    seen, *_, info = alone.play(4)
    assert info["habit"] > 0.8 and bits(seen) == bits(batch.step(np.array([4])).observation[0])


@pytest.mark.parametrize("item", [-1, 30, 2**70])
def test_a_bad_item_is_refused_by_name_and_nothing_moves(item):
    alone, _ = both(world())
    alone.start(0, 0)
    before = copy.deepcopy(vars(alone.state)), alone.observe()
    with pytest.raises(ValueError, match=rf"action\[0\]: found {item}; allowed: 0 to 29"):
        alone.play(item)
    assert alone.slot.tolist() == [0] and bits(alone.observe()) == bits(before[1])
    assert all(bits(value) == bits(before[0][name]) for name, value in vars(alone.state).items())


@pytest.mark.parametrize("null", PLACEBOS)
def test_a_placebo_of_one_is_refused_as_in_a_batch(null):
    alone, _ = both(world("vulnerable", null))
    alone.start(0, 0)
    with pytest.raises(ValueError, match="placebo: yoked in a batch of 1 person"):
        alone.play(0)
    assert alone.slot.tolist() == [0]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_tables_of_a_kind_share_one_dtype_object_in_every_batch_and_every_copy(copied):
    # numba compares any other object field by field at each call: a third of a person's rate.
    one, batch = both(world())
    others = [*both(world("vulnerable", overrides=SHORT)), copied(one), copied(batch)]
    for other in others:
        assert other._fused._numbers.dtype is one._table.dtype
        assert other._fused._items.dtype is other.view._items.dtype is one._records.dtype
        if isinstance(other, PersonAlone):
            assert other._table.dtype is one._table.dtype
            assert other._records.dtype is one._records.dtype
            assert other._frame.dtype is one._frame.dtype
