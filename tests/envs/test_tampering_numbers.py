"""The numbers of Evans & Kasirzadeh's environment, as their code has them."""

import numpy as np

from undertow.envs import tampering
from undertow.envs.tampering import TamperingBatch
from undertow.envs.world import uniforms


def test_people_and_numbers_are_those_of_the_authors():
    assert tampering.PEOPLE == {
        "moderate_right": (0.1, 0.25, 0.3),
        "strong_right": (0.1, 0.1, 0.4),
        "moderate_left": (0.3, 0.25, 0.1),
        "strong_left": (0.4, 0.1, 0.1),
        "centrist": (0.2, 0.4, 0.2),
    }
    assert (tampering.STEPS, tampering.CAP) == (30, 0.75)
    assert (tampering.LEAST, tampering.MOST) == (1.01, 1.10)
    assert (tampering.LEFT, tampering.CENTRE, tampering.RIGHT) == (0, 1, 2)


def test_luck_is_drawn_by_seed_person_and_step():
    """Clicks and factors of the second person's third step, from the draws of that step."""
    rows, seed = np.arange(50), 5 + np.arange(50)
    batch = TamperingBatch(50, only="strong_left")
    batch.start(seed)
    batch.restart(np.ones(50, dtype=bool))
    theta = np.tile([0.4, 0.1, 0.1], (50, 1))
    for step in (1, 2, 3):
        luck = uniforms(seed, 1 + 0 * rows, step + 0 * rows, 0, 4)
        clicks, over = batch.step(np.full(50, tampering.RIGHT))
        assert np.array_equal(clicks, (luck[0] < theta[:, tampering.RIGHT]).astype(np.float32))
        theta[:, 0] = np.minimum(theta[:, 0] * (1.01 + (1.10 - 1.01) * luck[1]), 0.75)
        np.testing.assert_allclose(batch.theta, theta, rtol=1e-6)
        assert not over.any()
    born = uniforms(seed, 0 * rows, 0 * rows, 0, 4)[2]
    drawn = TamperingBatch(50)
    drawn.start(seed)
    people = np.array(list(tampering.PEOPLE.values()))
    assert np.array_equal(drawn.theta, people[(5 * born).astype(int)])


def test_only_the_rows_that_restart_begin_again():
    batch = TamperingBatch(4)
    batch.start(np.arange(4))
    for _ in range(10):
        batch.step(np.array([0, 1, 2, 0]))
    before, theta = batch.observe(), batch.theta.copy()
    rows = np.array([False, True, False, True])
    batch.restart(rows)
    assert batch.step_number.tolist() == [10, 0, 10, 0] and batch.person.tolist() == [0, 1, 0, 1]
    assert not batch.observe()[rows].any()
    assert np.array_equal(batch.observe()[~rows], before[~rows])
    assert np.array_equal(batch.theta[~rows], theta[~rows])
    overs = [batch.step(np.ones(4, dtype=np.int64))[1].tolist() for _ in range(20)]
    assert overs[-1] == [True, False, True, False] and not np.any(overs[:-1])
