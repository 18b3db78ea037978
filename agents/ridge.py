"""Ridge regressions that take rows in batches: the statistics of a linear bandit.

    A = ridge I + X'X,   b = X'r,   theta = A^-1 b,   A = L L'

One for each item, side by side. s^2, the residual variance, is that of all rows together.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

Real = NDArray[np.float64]


class Ridge:
    """Regressions of `items` items, each on `size` features."""

    def __init__(self, items: int, size: int, ridge: float) -> None:
        self.size = size
        self.gram: Real = np.tile(ridge * np.eye(size), (items, 1, 1))
        self.moment: Real = np.zeros((items, size))
        self._squares, self._rows = 0.0, 0
        self.residual = 1.0
        self.solve()

    def add(self, phi: Real, item: NDArray[np.int64], reward: NDArray[Any]) -> None:
        """Adds a row a person: of phi, (items or 1, people, size), the row of their `item`.

        item, reward: (people,).
        """
        reward = np.asarray(reward, dtype=np.float64)
        for one in np.unique(item):
            mine = item == one
            x = phi[one if phi.shape[0] > 1 else 0][mine]
            self.gram[one] += x.T @ x
            self.moment[one] += x.T @ reward[mine]
        self._squares += float(reward @ reward)
        self._rows += reward.size

    def solve(self) -> None:
        """Brings `theta`, `residual` and the widths up to date with what was added."""
        eye = np.eye(self.size)
        # L^-1: the width of phi is |L^-1 phi|, one product for all people.
        self.whiten: Real = np.stack(
            [solve_triangular(np.linalg.cholesky(one), eye, lower=True) for one in self.gram]
        )
        white = np.einsum("mij,mj->mi", self.whiten, self.moment)
        self.theta: Real = np.einsum("mij,mi->mj", self.whiten, white)
        if self._rows:
            left = max(self._squares - float(np.sum(white * white)), 0.0)
            self.residual = float(np.sqrt(left / self._rows))

    def mean(self, phi: Real) -> Real:
        """Theta phi, (people, items), for phi (items or 1, people, size)."""
        return np.matmul(phi, self.theta[:, :, None])[:, :, 0].T

    def width(self, phi: Real) -> Real:
        """sqrt(phi' A^-1 phi), (people, items)."""
        white = np.matmul(phi, np.swapaxes(self.whiten, 1, 2))
        return np.sqrt(np.einsum("mpi,mpi->pm", white, white))

    def arrays(self) -> dict[str, Any]:
        """What a frozen policy needs of it, for a file."""
        residual = np.array(self.residual)
        return {"theta": self.theta, "whiten": self.whiten, "residual": residual}

    @classmethod
    def load(cls, arrays: Any) -> Self:
        """From `arrays`; it can be read, and takes no more rows."""
        theta, whiten = arrays["theta"], arrays["whiten"]
        if theta.ndim != 2 or whiten.shape != (*theta.shape, theta.shape[1]):
            raise ValueError(f"whiten: found shape {whiten.shape} beside theta {theta.shape}")
        loaded = cls.__new__(cls)
        loaded.size, loaded.theta, loaded.whiten = theta.shape[1], theta, whiten
        loaded.residual = float(arrays["residual"])
        return loaded
