"""The bandits' regression against closed forms, and their scores worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from undertow.agents.ridge import Ridge


def test_two_rows_worked_out_by_hand():
    """ridge 1, phi (1, 0) with reward 2 and (1, 1) with reward 5.

    A = [[3, 1], [1, 2]], det 5, A^-1 = [[2, -1], [-1, 3]] / 5, b = (7, 5), theta = (9, 8) / 5.
    s^2 = (r'r - b'theta) / n = (29 - 103 / 5) / 2 = 4.2.
    """
    ridge = Ridge(1, 2, 1.0)
    ridge.add(np.array([[[1.0, 0.0], [1.0, 1.0]]]), np.array([0, 0]), np.array([2.0, 5.0]))
    ridge.solve()
    assert ridge.gram[0].tolist() == [[3, 1], [1, 2]]
    assert ridge.theta[0] == pytest.approx([1.8, 1.6])
    assert ridge.residual == pytest.approx(np.sqrt(4.2))
    phi = np.array([[[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]])
    assert ridge.mean(phi)[:, 0] == pytest.approx([1.8, 1.6, 3.4])
    assert ridge.width(phi)[:, 0] == pytest.approx(np.sqrt([0.4, 0.6, 0.6]))


def test_before_anything_is_seen_the_prior_stands():
    ridge = Ridge(2, 3, 4.0)
    phi = np.ones((2, 5, 3))
    assert not ridge.mean(phi).any()
    assert ridge.width(phi) == pytest.approx(np.full((5, 2), np.sqrt(3 / 4)))


@given(seed=st.integers(0, 2**32), people=st.integers(1, 40), alike=st.booleans())
def test_batches_in_any_cut_give_the_closed_form_of_each_item(seed, people, alike):
    chance = np.random.default_rng(seed)
    phi = chance.normal(size=(1 if alike else 3, people, 4))
    item, reward = chance.integers(3, size=people), chance.normal(size=people)
    ridge = Ridge(3, 4, 0.5)
    half = people // 2
    for part in (slice(0, half), slice(half, people)):
        ridge.add(phi[:, part], item[part], reward[part])
    ridge.solve()
    for one in range(3):
        x, r = phi[0 if alike else one][item == one], reward[item == one]
        theta = np.linalg.solve(0.5 * np.eye(4) + x.T @ x, x.T @ r)
        assert np.allclose(ridge.theta[one], theta, atol=1e-9)
        inverse = np.linalg.inv(0.5 * np.eye(4) + x.T @ x)
        seen = phi[0 if alike else one]
        assert np.allclose(ridge.width(phi)[:, one] ** 2, np.sum(seen @ inverse * seen, axis=1))
