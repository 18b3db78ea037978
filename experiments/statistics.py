"""Statistics over seeds: interquartile means, bootstrap intervals, equivalence tests.

The seed is the unit. Interquartile mean and stratified bootstrap follow Agarwal et al. 2021
(rliable); with one stratum a cell, the seeds are resampled within it. Contrasts are taken seed by
seed, so people are compared with their own twins.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Real = NDArray[np.float64]

_RESAMPLES = 10_000
_SEED = 20_240_501


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds, its 95 % bootstrap interval, and how many seeds it rests on.

    The mean is the interquartile one, but for parts that must sum to their whole.
    """

    mean: float | None
    low: float | None
    high: float | None
    n: int

    def as_dict(self) -> dict[str, float | int | None]:
        """For JSON."""
        return asdict(self)


def interquartile_mean(values: Real, axis: int = -1) -> Real:
    """Mean of the middle half."""
    return stats.trim_mean(values, 0.25, axis=axis)


def estimate(values: Real, centre_of: Callable[..., Real] = interquartile_mean) -> Estimate:
    """Estimate from one value a seed; undefined values (NaN) are left out and n says so.

    centre_of: the mean, a function of values and axis.
    """
    defined = np.asarray(values, dtype=np.float64)
    defined = defined[np.isfinite(defined)]
    n = int(defined.size)
    if n == 0:
        return Estimate(None, None, None, 0)
    centre = float(centre_of(defined, axis=-1))
    if n == 1 or np.ptp(defined) == 0:
        return Estimate(centre, centre, centre, n)
    interval = stats.bootstrap(
        (defined,),
        centre_of,
        n_resamples=_RESAMPLES,
        method="percentile",
        rng=np.random.Generator(np.random.Philox(_SEED)),
    ).confidence_interval
    return Estimate(centre, float(interval.low), float(interval.high), n)


def equivalence_p(values: Real, centre: float, margin: float) -> float:
    """The p of two one-sided t tests: mean outside centre +- margin (Schuirmann 1987)."""
    differences = np.asarray(values, dtype=np.float64) - centre
    if np.ptp(differences) == 0:
        return 0.0 if abs(differences[0]) < margin else 1.0
    above = stats.ttest_1samp(differences, -margin, alternative="greater").pvalue
    below = stats.ttest_1samp(differences, margin, alternative="less").pvalue
    return float(max(above, below))
