"""The batch behind every face: rewards, costs, ends, the next person, and refusals."""

import numpy as np
import pytest

from undertow.envs import OBSERVATIONS, FeedBatch
from undertow.envs.world import altered, synthetic, world

PEOPLE = 128
BASE = world(
    "vulnerable",
    overrides={
        "calendar": {"slots_per_day": 8, "days": 2},
        "catalogue": {"items": 20, "civic_items": 0.5, "sponsored": 0.6},
        "opening": {"base": -0.5},
        "churn": {"hazard": 0.1, "habit": 1.0, "regret": 1.0},
        "objective": {"watch_time": 1.0, "ad_load": 0.1},
    },
)


def started(parameters=BASE, people=PEOPLE, **options):
    batch = FeedBatch(parameters, people, **options)
    batch.start(11, np.arange(people))
    return batch


def play(batch, slots):
    generator = np.random.default_rng(4)
    return [
        batch.step(generator.integers(len(batch.items), size=batch.people)) for _ in range(slots)
    ]


# --- reward and cost ------------------------------------------------------------------------------

OBJECTIVES = {
    "watch time": ({"watch_time": 1.0}, lambda o: o.minutes),
    "half a point a minute": ({"watch_time": 0.5}, lambda o: 0.5 * o.minutes),
    "nothing": ({"watch_time": 0.0}, lambda o: 0.0 * o.minutes),
    "growth": ({"watch_time": 0.0, "growth": 3.0}, lambda o: 3.0 * o.opened),
    "advertising": ({"watch_time": 0.0, "advertising": 2.0}, lambda o: 2.0 * o.revenue),
    "less unendorsed minutes": (
        {"unendorsed_minutes": 1.5},
        lambda o: o.minutes - 1.5 * (o.minutes - o.endorsed),
    ),
    "less induced extremity": (
        {"induced_extremity": 100.0},
        lambda o: o.minutes - 100.0 * o.persuasion,
    ),
    "all of it": (
        {
            "watch_time": 0.25,
            "growth": 2.0,
            "advertising": 4.0,
            "unendorsed_minutes": 0.5,
            "induced_extremity": 50.0,
        },
        lambda o: (
            0.25 * o.minutes
            + 2.0 * o.opened
            + 4.0 * o.revenue
            - 0.5 * (o.minutes - o.endorsed)
            - 50.0 * o.persuasion
        ),
    ),
}


@pytest.mark.parametrize("weights, formula", OBJECTIVES.values(), ids=OBJECTIVES)
def test_the_objective_changes_the_reward_by_its_formula_and_nothing_else(weights, formula):
    paid = play(started(altered(BASE, {"objective": weights})), 12)
    for step, plain in zip(paid, play(started(), 12), strict=True):
        assert step.reward == pytest.approx(formula(step.outcome), rel=1e-5, abs=1e-5)
        assert np.array_equal(plain.reward, plain.outcome.minutes)
        assert np.array_equal(step.outcome.minutes, plain.outcome.minutes)
        assert np.array_equal(step.observation, plain.observation)


def test_revenue_is_impressions_times_the_bid():
    items = synthetic(BASE)
    for load in (0.0, 0.1, 0.7):
        batch = started(altered(BASE, {"objective": {"ad_load": load}}))
        for step in play(batch, 4):
            expected = load * step.outcome.minutes * items.sponsor[step.outcome.item]
            assert step.outcome.revenue == pytest.approx(expected, rel=1e-5)


def test_cost_is_the_sum_of_its_named_parts():
    batch = started()
    for step in play(batch, 12):
        info, outcome = batch.measured(step.outcome), step.outcome
        parts = {name for name in info if name.startswith("cost_")}
        assert parts == {"cost_unendorsed_minutes", "cost_induced_extremity"}
        assert np.array_equal(info["cost_unendorsed_minutes"], outcome.minutes - outcome.endorsed)
        outward = np.maximum(outcome.persuasion, 0)
        assert info["cost_induced_extremity"] == pytest.approx(100 * outward)
        assert np.array_equal(info["cost"], sum(info[name] for name in parts))


def test_persuasion_is_how_far_content_pushed_outward():
    batch = started(altered(BASE, {"stance": {"anchor": 0.0, "noise": 0.0}}))
    for _ in range(8):
        before = np.abs(batch.state.stance)
        outcome = play(batch, 1)[0].outcome
        assert outcome.persuasion.any()
        assert outcome.persuasion == pytest.approx(np.abs(batch.state.stance) - before, abs=1e-6)


def test_measured_tells_the_true_state_after_the_slot():
    batch = started()
    for _ in range(5):
        info = batch.measured(play(batch, 1)[0].outcome)
        for name in ("habit", "tolerance", "stance", "regret", "taste", "satiation"):
            assert np.array_equal(info[name], getattr(batch.state, name))
        assert np.array_equal(info["origin"], batch.traits.stance)
    assert np.all(info["slot"] == 5) and np.array_equal(info["person"], np.arange(PEOPLE))
    assert all(len(value) == PEOPLE for value in info.values())


# --- ends -----------------------------------------------------------------------------------------


def test_leaving_terminates_and_the_calendar_truncates_and_never_both():
    batch = started(people=2_000)
    gone = np.zeros(2_000, dtype=np.bool_)
    for slot, step in enumerate(play(batch, 16)):
        assert np.array_equal(step.terminated, step.outcome.left)
        assert not (step.terminated & gone).any()  # nobody leaves twice
        assert not (step.terminated & step.truncated).any()
        if slot < 15:
            assert not step.truncated.any()
        else:
            assert np.array_equal(step.truncated, ~step.terminated)
        gone |= step.terminated
    assert 0.2 < gone.mean() < 0.95


@pytest.mark.parametrize("opening, left", [(-8.0, True), (8.0, False)])
def test_leaving_in_the_last_slot_is_leaving(opening, left):
    one_slot = {
        "calendar": {"slots_per_day": 8, "days": 1},
        "opening": {"base": opening, "habit": 0.0, "lead": 0.0, "regret": 0.0},
        "churn": {"hazard": 0.0},
    }
    batch = started(altered(BASE, one_slot))
    play(batch, 7)
    batch.parameters = altered(
        batch.parameters, {"churn": {"hazard": 1.0, "habit": 0.0, "regret": 0.0}}
    )
    last = play(batch, 1)[0]
    assert np.mean(last.terminated == left) > 0.9
    assert np.array_equal(last.truncated, ~last.terminated)


def test_without_churn_every_episode_runs_its_calendar():
    steps = play(started(altered(BASE, {"churn": {"enabled": False}})), 16)
    assert not any(step.terminated.any() for step in steps)
    assert [step.truncated.all() for step in steps] == [False] * 15 + [True]


# --- the next person ------------------------------------------------------------------------------


def test_restart_puts_the_next_person_where_one_has_ended():
    batch = started(people=4)
    play(batch, 5)
    kept, observed = batch.state, batch.observe()
    batch.restart(np.array([False, True, False, True]))
    assert batch.person.tolist() == [0, 2, 2, 4]
    assert batch.slot.tolist() == [5, 0, 5, 0]
    fresh = FeedBatch(BASE, 4)
    first = fresh.start(11, batch.person)
    assert np.array_equal(batch.observe()[[1, 3]], first[[1, 3]])
    assert np.array_equal(batch.observe()[[0, 2]], observed[[0, 2]])
    assert np.array_equal(batch.state.stance[[1, 3]], fresh.state.stance[[1, 3]])
    assert np.array_equal(batch.state.stance[[0, 2]], kept.stance[[0, 2]])


@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_the_restarted_rows_alone_are_looked_at_again(observation):
    batch = FeedBatch(BASE, 4, observation)
    before = batch.start(11, np.arange(4))
    rows = np.array([False, True, False, True])
    batch.restart(rows)
    assert np.array_equal(batch.observe_restarted(before, rows), batch.observe())


def test_who_restarts_often_and_at_any_time_has_the_same_life_as_who_starts():
    """Newcomers are drawn ahead and for many rows at once; nothing of that may show."""
    batch, chance = started(people=6), np.random.default_rng(2)
    for _ in range(60):
        batch.step(chance.integers(20, size=6))
        batch.restart(chance.random(6) < 0.2)
        fresh = FeedBatch(BASE, 6)
        fresh.start(11, batch.person)
        new = batch.slot == 0
        assert np.array_equal(batch.traits.susceptibility, fresh.traits.susceptibility)
        assert np.array_equal(batch.state.stance[new], fresh.state.stance[new])
        if new.any():
            # One step of a copy: the newcomers' luck is theirs too.
            fresh_step = fresh.step(np.zeros(6, dtype=np.int64))
            old_rows = batch.person.copy()
            step = batch.step(np.zeros(6, dtype=np.int64))
            assert np.array_equal(batch.person, old_rows)
            assert np.array_equal(step.observation[new], fresh_step.observation[new])
            assert np.array_equal(step.reward[new], fresh_step.reward[new])


def test_restarting_nobody_changes_nothing():
    batch = started(people=4)
    play(batch, 3)
    before = batch.observe()
    batch.restart(np.zeros(4, dtype=np.bool_))
    assert np.array_equal(batch.observe(), before) and batch.slot.tolist() == [3] * 4


def test_start_begins_again():
    batch = started()
    first = [step.reward for step in play(batch, 6)]
    batch.start(11, np.arange(PEOPLE))
    again = [step.reward for step in play(batch, 6)]
    assert np.array_equal(first, again)


def test_a_catalogue_may_be_given(items_of):
    items = items_of(BASE, topic=[0, 1, 2, 3, 4, 5])
    batch = started(people=3, items=items)
    assert batch.items is items
    batch.step(np.array([0, 5, 3]))
    with pytest.raises(ValueError, match=r"action\[1\]: found 6; allowed: 0 to 5"):
        batch.step(np.array([0, 6, 3]))


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "action, message",
    [
        (np.array([0, 1, 20]), r"action\[2\]: found 20; allowed: 0 to 19"),
        (np.array([0, -1, 99]), r"action\[1\]: found -1; allowed: 0 to 19"),
        (np.array([0, 1]), r"action: found int64 of shape \(2,\); allowed: .* \(3,\)"),
        (np.zeros((3, 1), dtype=np.int64), r"action: found int64 of shape \(3, 1\)"),
        (np.int64(1), r"action: found int64 of shape \(\)"),
        (np.array([0.0, 1.0, 2.0]), "action: found float64 of shape .*; allowed: integers"),
        (np.array([True, False, True]), "action: found bool of shape .*; allowed: integers"),
        ([None, 1, 2], "action: found object of shape .*; allowed: integers"),
    ],
)
def test_a_bad_action_is_refused_and_nothing_happens(action, message):
    batch = started(people=3)
    before = batch.observe()
    with pytest.raises(ValueError, match=message):
        batch.step(action)
    assert np.array_equal(batch.observe(), before) and not batch.slot.any()


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int32, np.uint64])
def test_any_integer_type_will_do(kind):
    expected = started(people=3).step(np.array([3, 4, 5])).reward
    assert np.array_equal(started(people=3).step(np.array([3, 4, 5], dtype=kind)).reward, expected)


def test_an_unknown_observation_is_answered_with_those_there_are():
    with pytest.raises(ValueError, match="observation: found 'oracel'; allowed: platform, oracle"):
        FeedBatch(BASE, 3, "oracel")
    assert OBSERVATIONS == ("platform", "oracle")


@pytest.mark.parametrize("people", [0, -2])
def test_a_batch_has_somebody_in_it(people):
    with pytest.raises(ValueError, match=f"people: found {people}; allowed: 1 or more"):
        FeedBatch(BASE, people)


@pytest.mark.parametrize("engine", ["numpy", "numba"])
@pytest.mark.parametrize("away", [np.ones(1, dtype=bool), np.ones(3, dtype=bool), np.ones(4)])
def test_who_is_away_is_told_for_everybody(engine, away):
    batch = FeedBatch(world(), 4, engine=engine)
    batch.start(0, np.arange(4))
    with pytest.raises(ValueError, match=rf"away: found {away.dtype} .*; allowed: bools of shape"):
        batch.step(np.zeros(4, dtype=np.int64), away)


def test_a_key_past_63_bits_is_refused():
    batch = FeedBatch(world(), 1)
    with pytest.raises(ValueError, match=r"seed: found 9223372036854775808; allowed: 0 to 2\*\*63"):
        batch.start(2**63, 0)
    batch.start(2**63 - 1, 0)
