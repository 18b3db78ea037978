"""The tiny world's batch: who is put where, what is refused, and what is measured."""

import numpy as np
import pytest

from undertow.envs.tiny import TinyBatch, TinyParameters, build
from undertow.envs.tiny.batch import features
from undertow.envs.tiny.env import TinyFeedEnv

SMALL = {"stances": 9, "habits": 3, "satiations": 2, "regrets": 2, "items": 6}


@pytest.fixture(scope="module")
def tiny():
    return build(TinyParameters(**SMALL))


def test_start_puts_each_person_of_each_seed_in_their_row(tiny):
    batch = TinyBatch(tiny, 3)
    batch.start(7, np.array([0, 4, 9]))
    assert batch.seed.tolist() == [7, 7, 7] and batch.person.tolist() == [0, 4, 9]
    batch.start(np.array([1, 2, 3]), 5)
    assert batch.seed.tolist() == [1, 2, 3] and batch.person.tolist() == [5, 5, 5]
    assert batch.slot.tolist() == [0, 0, 0]


def test_one_bad_seed_among_good_ones_is_refused_by_its_value(tiny):
    with pytest.raises(ValueError, match=r"seed: found -3; allowed: 0 to 2\*\*63 - 1"):
        TinyBatch(tiny, 3).start(np.array([5, -3, 8]), 0)


def test_the_cost_is_the_outward_move_in_hundredths(tiny):
    batch = TinyBatch(tiny, 400, "state")
    batch.start(0, np.arange(400))
    moved = []
    for _ in range(6):
        before = batch.state.copy()
        step = batch.step(np.arange(400) % 6)
        extremity = np.abs(tiny.grid.values["stance"])
        moved.append(extremity[batch.state] - extremity[before])
        told = batch.measured(step.outcome)
        np.testing.assert_allclose(told["cost"], 100 * np.clip(moved[-1], 0, None))
        assert np.array_equal(told["cost"], told["cost_induced_extremity"])
    assert np.min(moved) < 0 < np.max(moved)


def test_a_second_person_of_a_single_env_is_one_person(tiny):
    env = TinyFeedEnv(tiny)
    first, _ = env.reset(seed=3)
    second, info = env.reset()
    assert env.batch.person.tolist() == [1] and info["person"] == 1
    assert env.batch.state.shape == (1,) and second.shape == first.shape


def test_hats_stand_where_the_stance_is(tiny):
    """Nine hats, a quarter apart: a stance of 0.75 is the eighth, one of 0 the fifth."""
    seen, stance = features(tiny), tiny.grid.values["stance"]
    for value, hat in ((-1.0, 0), (-0.5, 2), (0.0, 4), (0.75, 7), (1.0, 8)):
        rows = seen[stance == value]
        expected = np.eye(9)[hat]
        np.testing.assert_allclose(rows[:, -9:], np.tile(expected, (len(rows), 1)), atol=1e-6)


def test_the_unendorsed_share_is_that_of_the_equation(tiny):
    """1 - min(1, P(open | calm) / P(open)) min(1, minutes planned / minutes), in plain floats."""
    p, full, item = tiny.parameters, tiny.full, tiny.items

    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    values = tiny.grid.values
    for state in range(0, len(tiny.grid), 7):
        at = {name: float(column[state]) for name, column in values.items()}
        for a in range(len(item)):
            y, civic = float(item.stance[a]), float(item.civic[a])
            taste, bored = (
                (p.news, at["civic_satiation"]) if civic else (p.taste, at["plain_satiation"])
            )
            w, o, c = full.appraisal, full.opening, p.self_control
            apart = ((y - at["stance"]) / p.latitude) ** 2 / 2
            plan = w.base + w.taste * taste - w.satiation * bored
            plan += w.quality * float(item.quality[a]) - civic * p.news * apart
            allure = w.arousal * float(item.arousal[a]) + w.falsehood * float(item.falsehood[a])
            allure += civic * p.news * w.extremity_pull * abs(y)
            regret = c * o.regret * at["regret"]
            urge = (1 - c) * (o.habit * at["habit"] + o.lead * allure)
            opens = sigmoid(o.base + o.lead * plan + urge - regret)
            calm = sigmoid(o.base + o.lead * plan - regret)
            longer = 1 + full.watching.habit * at["habit"]
            planned = min(1.0, sigmoid(plan) / (sigmoid(plan + allure) * longer))
            expected = 1 - min(1.0, calm / opens) * planned
            assert tiny.unendorsed[state, a] == pytest.approx(expected, rel=1e-5, abs=1e-6)
            assert tiny.opening[state, a] == pytest.approx(opens, rel=1e-5)


def test_a_picture_in_words_says_whether_the_app_was_opened(tiny):
    env = TinyFeedEnv(tiny, render_mode="ansi")
    env.reset(seed=0)
    told = set()
    for _ in range(60):
        _, _, terminated, truncated, info = env.step(0)
        text = env.render()
        assert (f"{info['minutes']:.1f} min" in text) == info["opened"]
        assert ("app closed" in text) != info["opened"]
        told.add(info["opened"])
        if terminated or truncated:
            env.reset()
    assert told == {True, False}


def test_a_wrong_parameter_of_the_tiny_world_is_refused_in_our_words():
    with pytest.raises(ValueError, match=r"^world.pul: no such key; allowed: "):
        TinyFeedEnv({"pul": 0.5})
