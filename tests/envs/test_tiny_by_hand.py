"""The tiny world's batch: who is put where, what is refused, and what is measured."""

import numpy as np
import pytest

from undertow.envs.tiny import TinyBatch, TinyParameters, build
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
