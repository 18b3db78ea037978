"""The compiled engine: NumPy's lives, to float32 tolerance, with the same luck to the bit."""

import sys

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from undertow.envs import OBSERVATIONS, FeedBatch
from undertow.envs.fused import loops
from undertow.envs.world import NULLS, uniforms, world

PEOPLE, SLOTS = 64, 40
SHORT = {"calendar": {"slots_per_day": 8, "days": 3}, "churn": {"hazard": 0.05}}
SWITCHES = [
    {"appraisal": {"congruence": False}},
    {"opening": {"enabled": False}},
    {"opening": {"cue": 0.8, "habit": 0.0}},
    {"search": {"enabled": False}},
    {"search": {"share": 1.0}},
    {"satiation": {"enabled": False}},
    {"tolerance": {"enabled": False}},
    {"taste": {"enabled": False}},
    {"churn": {"enabled": False}},
    {"objective": {"ad_load": 0.2, "advertising": 1.0}, "catalogue": {"items": 200}},
]


def pair(observation="platform", null=None, preset="vulnerable", people=PEOPLE, changes=None):
    """A batch on either engine, of the same people."""
    parameters = world(preset, null, SHORT | (changes or {}))
    return [
        FeedBatch(parameters, people, observation, engine=engine) for engine in ("numpy", "numba")
    ]


def tell(batch, actions, seed=7, away=None):
    """All that happens to a batch, slot by slot, by name; who ends is replaced."""
    slots = []
    seen = batch.start(seed, np.arange(batch.people))
    for number, action in enumerate(actions):
        step = batch.step(action, None if away is None else away[number])
        done = step.terminated | step.truncated
        batch.restart(done)
        slots.append(
            {"before": seen, "seen": step.observation, "reward": step.reward, "done": done}
            | vars(step.outcome)
            | vars(batch.state)
        )
        seen = batch.observe_restarted(step.observation, done)
    return {name: np.stack([slot[name] for slot in slots]) for name in slots[0]}


def assert_same(expected, found):
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        assert found[name].dtype == value.dtype, name
        if value.dtype.kind in "bi":
            assert np.array_equal(found[name], value), name
        else:
            np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-4, err_msg=name)


def feeds(items=30, people=PEOPLE, slots=SLOTS):
    return np.random.default_rng(1).integers(items, size=(slots, people))


@pytest.mark.parametrize("null", [None, *sorted(NULLS)])
@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_numba_tells_the_lives_that_numpy_tells(observation, null):
    on_numpy, on_numba = (tell(batch, feeds()) for batch in pair(observation, null))
    assert_same(on_numpy, on_numba)
    assert 0.1 < on_numpy["opened"].mean() < 0.9 and on_numpy["sought"].sum() > 20
    assert (on_numpy["done"].sum() > PEOPLE) == (null != "no_consequence")  # there nobody leaves


@pytest.mark.parametrize("changes", SWITCHES, ids=str)
def test_every_switch_means_the_same_to_both(changes):
    items = changes.get("catalogue", {}).get("items", 30)
    on_numpy, on_numba = (tell(batch, feeds(items)) for batch in pair(changes=changes))
    assert_same(on_numpy, on_numba)


def test_who_is_away_is_away_on_both():
    away = np.random.default_rng(2).random((SLOTS, PEOPLE)) < 0.5
    on_numpy, on_numba = (tell(batch, feeds(), away=away) for batch in pair())
    assert_same(on_numpy, on_numba)
    assert not on_numba["opened"][away].any() and on_numba["opened"][~away].any()


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 2**63 - 1),
    preset=st.sampled_from(["default", "vulnerable"]),
    base=st.floats(-6, 6),
    news=st.floats(-6, 6),
    pull=st.floats(0, 4),
    shape=st.sampled_from([0.5, 0.8, 2.0]),
    data=st.data(),
)
def test_any_world_and_any_feed(seed, preset, base, news, pull, shape, data):
    changes = {
        "opening": {"base": base},
        "population": {"news_mean": news},
        "appraisal": {"extremity_pull": pull},
        "watching": {"shape": shape},
    }
    feed = np.array(
        data.draw(st.lists(st.lists(st.integers(0, 29), min_size=5, max_size=5), max_size=8)),
        dtype=np.int64,
    ).reshape(-1, 5)
    if len(feed):
        assert_same(*(tell(b, feed, seed) for b in pair(preset=preset, people=5, changes=changes)))


@given(
    seed=st.integers(0, 2**63 - 1),
    person=st.integers(0, 2**63 - 1),
    slot=st.integers(0, 2**32 - 1),
    block=st.integers(0, 16),
)
def test_luck_is_the_same_to_the_bit(seed, person, slot, block):
    key = (np.asarray([one], dtype=np.int64) for one in (seed, person, slot))
    expected = uniforms(*key, 4 * block, 4)
    assert loops.luck(seed, person, slot, block) == tuple(expected[:, 0])


def test_a_life_does_not_depend_on_the_batch():
    alone, among = pair(people=1)[1], pair(people=9)[1]
    action = feeds(people=9)
    assert_same(
        {name: value[:, :1] for name, value in tell(among, action).items()},
        tell(alone, action[:, :1]),
    )


def test_no_state_is_changed_in_place():
    batch = pair()[1]
    batch.start(7, np.arange(PEOPLE))
    states, copies = [], []
    for action in feeds(slots=5):
        states.append(batch.state)
        copies.append({name: value.copy() for name, value in vars(batch.state).items()})
        batch.step(action)
    for state, copy in zip(states, copies, strict=True):
        assert all(np.array_equal(vars(state)[name], copy[name]) for name in copy)


def test_all_faces_tell_one_life():
    vector = gym.make_vec(
        "undertow/Feed-v0", 3, vectorization_mode="vector_entry_point", engine="numba"
    )
    single = gym.make("undertow/Feed-v0", engine="numba")
    seen, alone = vector.reset(seed=[5, 6, 7])[0], single.reset(seed=6)[0]
    assert np.array_equal(seen[1], alone)
    for action in (3, 14, 29):
        seen, reward, *_ = vector.step(np.array([0, action, 1]))
        alone, paid, *_ = single.step(action)
        assert np.array_equal(seen[1], alone) and reward[1] == paid


@pytest.mark.parametrize("action", [[0, 1, 30], [0, 1, -1]])
def test_a_bad_action_is_refused_by_name_and_nothing_moves(action):
    batch = pair(people=3)[1]
    batch.start(0, np.arange(3))
    before = batch.state
    with pytest.raises(ValueError, match=r"action\[2\]: found -?\d+; allowed: 0 to 29"):
        batch.step(np.array(action))
    assert batch.state is before and (batch.slot == 0).all()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"engine": "jax"}, "engine: found 'jax'; allowed: auto, numpy, numba"),
        ({"engine": "numba", "device": "cpu"}, "engine: found 'numba' beside device 'cpu'"),
    ],
)
def test_a_bad_engine_is_refused_by_name(arguments, message):
    with pytest.raises(ValueError, match=message):
        FeedBatch(world(), 3, **arguments)


def test_a_placebo_of_one_is_refused_as_on_numpy():
    for batch in pair(null="yoked", people=1):
        batch.start(0, np.arange(1))
        with pytest.raises(ValueError, match="placebo: yoked in a batch of 1 person"):
            batch.step(np.zeros(1, dtype=np.int64))


def test_without_numba_the_message_says_what_to_do_and_numpy_works(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("undertow.envs.fused")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "numba", None)
    FeedBatch(world(), 2).start(0, np.arange(2))
    with pytest.raises(ModuleNotFoundError, match=r"engine: numba is not installed; .*\[fast\]"):
        FeedBatch(world(), 2, engine="numba")
