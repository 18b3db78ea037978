"""What the agent sees: the platform's logs by hand, the oracle's true state, and no more."""

from dataclasses import replace

import numpy as np
import pytest

from undertow.envs import FeedBatch, OracleView, PlatformView
from undertow.envs.views import FORGETTING, expected_shares
from undertow.envs.world import Outcome, expected_next_minutes, synthetic, world

PARAMETERS = world(
    overrides={
        "calendar": {"slots_per_day": 4, "days": 2},
        "population": {"topics": 2},
        "catalogue": {"items": 6, "civic_items": 0.4},
        "watching": {"minutes": 10.0},
        "churn": {"hazard": 0.5, "habit": 0.0},
    }
)


def outcome_of(people=1, **values):
    columns = {
        "opened": True,
        "item": 0,
        "sought": False,
        "minutes": 0.0,
        "endorsed": 0.0,
        "worth": 0.0,
        "persuasion": 0.0,
        "revenue": 0.0,
        "left": False,
    }
    kinds = {"opened": np.bool_, "sought": np.bool_, "left": np.bool_, "item": np.int64}
    columns.update(values)
    return Outcome(
        **{
            name: np.broadcast_to(np.asarray(value, kinds.get(name, np.float32)), (people,)).copy()
            for name, value in columns.items()
        }
    )


@pytest.fixture
def items(items_of):
    """A civic item far on the negative side, one near on the positive side, and a plain one."""
    return items_of(
        PARAMETERS,
        topic=[0, 0, 1],
        civic=[1.0, 1.0, 0.0],
        stance=[-0.6, 0.2, 0.0],
        arousal=[0.7, 0.4, 0.2],
    )


GROUPS = ["plain", "far negative", "near negative", "near positive", "far positive"]
RECENT = [*GROUPS, "opens", "minutes", "sought", "arousal"]


@pytest.fixture
def log(items, traits_of, state_of):
    """log(outcomes): what a view that has recorded them shows, by name.

    Returns memories at three speeds, the watch rate and familiarity of each group, and the rest.
    """

    def record(outcomes):
        view = PlatformView(PARAMETERS, items, 1)
        for outcome in outcomes:
            view.record(outcome)
        seen = view.observe(np.array([len(outcomes)]), traits_of(), state_of())[0]
        assert seen.shape == (view.size,) and seen.dtype == np.float32
        speeds, now = len(FORGETTING), ["opened", "minutes", "stance", "arousal", "gap", "passed"]
        cuts = np.cumsum([speeds * len(RECENT), len(GROUPS), len(GROUPS), 2])
        memory, rate, known, tilt, last = np.split(seen, cuts)
        memory = memory.reshape(speeds, len(RECENT)).T / 3
        return (
            dict(zip(RECENT, memory, strict=True)),
            dict(zip(GROUPS, (rate + 1) / 2, strict=True)),
            dict(zip(GROUPS, known, strict=True)),
            dict(zip([*now, "tilt", "|tilt|"], [*last, *tilt], strict=True)),
        )

    return record


def test_one_slot_in_the_log_by_hand(log):
    memory, rate, known, last = log([outcome_of(item=0, minutes=5.0, sought=True)])
    event = {
        **dict.fromkeys(GROUPS, 0.0),
        "far negative": 0.5,
        "opens": 1.0,
        "minutes": 0.5,
        "sought": 0.5,
        "arousal": 0.5 * 0.7,
    }
    for name, value in event.items():
        assert memory[name] == pytest.approx(np.array(FORGETTING) * value, rel=1e-5), name
    assert rate == pytest.approx({**dict.fromkeys(GROUPS, 0.5), "far negative": (0.5 + 0.5) / 2})
    assert known == pytest.approx({**dict.fromkeys(GROUPS, 0.0), "far negative": 1 / 4})
    assert last == pytest.approx(
        {
            "opened": 1,
            "minutes": 0.5,
            "stance": -0.6,
            "arousal": 0.7,
            "gap": 0,
            "passed": 1 / 8,
            "tilt": 0.5 * -0.6 / (0.5 + 0.5),
            "|tilt|": 0.5 * 0.6 / (0.5 + 0.5),
        }
    )


def test_memories_fade_each_at_their_speed(log):
    rate = np.array(FORGETTING)
    watched, closed = outcome_of(item=2, minutes=10.0), outcome_of(item=2, opened=False)
    memory, _, _, last = log([watched, closed, watched])
    for name in ("plain", "opens", "minutes"):
        assert memory[name] == pytest.approx(rate * ((1 - rate) ** 2 + 1), rel=1e-5)
    assert last["gap"] == 0


def test_watch_rates_count_every_session_since_the_start(log):
    sessions = [(0, 4.0), (1, 6.0), (1, 30.0), (2, 0.0)]
    _, rate, known, last = log([outcome_of(item=i, minutes=m) for i, m in sessions])
    assert rate["near positive"] == pytest.approx((0.6 + 3.0 + 0.5) / 3)
    assert rate["plain"] == pytest.approx(0.5 / 2)
    assert known["near positive"] == pytest.approx(2 / 5)
    assert last["tilt"] == pytest.approx((0.4 * -0.6 + 3.6 * 0.2) / (4.0 + 0.5))
    assert last["|tilt|"] == pytest.approx((0.4 * 0.6 + 3.6 * 0.2) / (4.0 + 0.5))


def test_a_closed_app_leaves_a_gap_and_nothing_else(log):
    memory, rate, known, last = log([outcome_of(opened=False), outcome_of(opened=False)])
    assert last.pop("gap") == pytest.approx(2 / (2 + 8))
    assert last.pop("passed") == pytest.approx(2 / 8)
    assert not any(last.values()) and not any(known.values())
    assert not any(value.any() for value in memory.values())
    assert all(value == pytest.approx(0.5) for value in rate.values())


@pytest.mark.parametrize("civic_items", [0.0, 0.4, 1.0])
def test_every_item_is_logged_in_exactly_one_group(civic_items):
    rule = {"catalogue": {"items": 10, "civic_items": civic_items}, "population": {"topics": 3}}
    view = PlatformView(world(overrides=rule), synthetic(world(overrides=rule)), 10)
    view.record(outcome_of(10, item=np.arange(10), minutes=1.0))
    known = view.observe(np.zeros(10, dtype=np.int64), None, None)[
        :, len(FORGETTING) * (view.groups + 4) + view.groups :
    ][:, : view.groups]
    assert np.all(np.sum(known > 0, axis=1) == 1)


def test_the_platform_sees_nothing_of_the_mind(items, crowd):
    """Same logs, other people: the same observation."""
    view = PlatformView(PARAMETERS, items, 4)
    view.record(outcome_of(4, minutes=[1, 2, 3, 4]))
    slot = np.ones(4, dtype=np.int64)
    seen = [view.observe(slot, *crowd(PARAMETERS, 4, seed)) for seed in (0, 1)]
    assert np.array_equal(*seen)


def test_an_observation_is_not_changed_by_what_follows(items, crowd):
    view = PlatformView(PARAMETERS, items, 2)
    slot = np.ones(2, dtype=np.int64)
    first = view.observe(slot, *crowd(PARAMETERS, 2))
    kept = first.copy()
    view.record(outcome_of(2, minutes=3.0))
    view.observe(slot, *crowd(PARAMETERS, 2))
    assert np.array_equal(first, kept)


def test_clear_forgets_the_rows_named_and_no_other(items, crowd):
    view = PlatformView(PARAMETERS, items, 3)
    start = view.observe(np.zeros(3, dtype=np.int64), *crowd(PARAMETERS, 3))
    view.record(outcome_of(3, minutes=3.0))
    view.record(outcome_of(3, opened=False))
    before = view.observe(np.zeros(3, dtype=np.int64), *crowd(PARAMETERS, 3))
    view.clear(np.array([1]))
    after = view.observe(np.zeros(3, dtype=np.int64), *crowd(PARAMETERS, 3))
    assert np.array_equal(after[[0, 2]], before[[0, 2]])
    assert np.array_equal(after[1], start[1]) and not np.array_equal(before[1], start[1])


def test_the_oracle_sees_the_true_state_and_what_each_item_would_earn(items, traits_of, state_of):
    view = OracleView(PARAMETERS, items, 1)
    traits = traits_of(
        self_control=0.3, susceptibility=0.05, latitude=0.4, news=0.6, stance=-0.1, taste=[0.2, 0.9]
    )
    state = state_of(
        taste=[0.25, 0.8],
        satiation=[0.1, 0.7],
        habit=0.2,
        tolerance=0.15,
        stance=-0.35,
        regret=0.45,
    )
    seen = view.observe(np.array([2]), traits, state)
    assert seen.shape == (1, view.size) and seen.dtype == np.float32
    expected = expected_next_minutes(PARAMETERS, items, traits, state)[0]
    by_hand = [
        *(0.25, 0.8, 0.1, 0.7),
        *(2 * 0.2, 2 * 0.15, -0.35, 0.35, 0.45),
        *(0.3, 4 * 0.05, 0.4, 0.6, -0.1),
        2 / 8,
        expected.max() / 8,
        *(4 * expected / expected.max() - 3),
    ]
    assert seen[0] == pytest.approx(by_hand, rel=1e-5)
    assert expected_shares(seen, 3).shape == (1, 3)
    assert np.argmax(expected_shares(seen, 3)) == np.argmax(expected)


def test_the_oracle_remembers_nothing(items, crowd):
    view = OracleView(PARAMETERS, items, 3)
    here = (np.zeros(3, dtype=np.int64), *crowd(PARAMETERS, 3))
    before = view.observe(*here)
    view.record(outcome_of(3, minutes=9.0))
    view.clear(np.arange(3))
    assert np.array_equal(view.observe(*here), before)


def test_the_oracle_of_who_has_left_is_finite(items, crowd):
    traits, state = crowd(PARAMETERS, 3)
    gone = replace(state, present=np.zeros(3, dtype=np.bool_))
    seen = OracleView(PARAMETERS, items, 3).observe(np.zeros(3, dtype=np.int64), traits, gone)
    assert np.isfinite(seen).all()


@pytest.mark.parametrize("observation", ["platform", "oracle"])
def test_features_stay_on_about_unit_scale(observation):
    batch = FeedBatch(world("vulnerable"), 256, observation)
    batch.start(0, np.arange(256))
    steps = [batch.step(np.arange(256) % len(batch.items)).observation for _ in range(60)]
    assert np.quantile(np.abs(steps), 0.99) < 5
