"""Statistics over seeds: interquartile means, bootstrap intervals, equivalence tests.

The seed is the unit. Interquartile mean, stratified bootstrap, performance profiles and probability
of improvement follow Agarwal et al. 2021 (rliable, whose own package does not import with the
pinned pandas; scipy does the resampling). With one stratum a cell, the seeds are resampled within
it. Contrasts are taken seed by seed, so people are compared with their own twins.
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


def profile(values: Real, thresholds: Real) -> tuple[Real, Real, Real]:
    """Share of seeds above each threshold, with its pointwise 95 % bootstrap interval.

    values: (seeds,). Returns three arrays like `thresholds`. A resample of n seeds of which k are
    above has Binomial(n, k / n) above, so the interval needs no drawing.
    """
    values = np.asarray(values, dtype=np.float64)
    share = np.mean(values[:, None] > np.asarray(thresholds)[None, :], axis=0)
    low, high = (stats.binom.ppf(q, values.size, share) / values.size for q in (0.025, 0.975))
    return share, low, high


def improvement_probability(first: Real, second: Real) -> Estimate:
    """Chance that a seed of `first` is above one of `second`, over all pairs; ties count half.

    Mann and Whitney's U as a share (Agarwal et al. 2021, 4.4), with a 95 % interval in which the
    seeds of both are resampled. first, second: one value a seed; undefined ones are left out.
    """
    a, b = (v[np.isfinite(v)] for v in (np.asarray(v, dtype=np.float64) for v in (first, second)))
    n = int(min(a.size, b.size))
    if n == 0:
        return Estimate(None, None, None, 0)

    def above(a: Real, b: Real, axis: int = -1) -> Real:
        gap = np.moveaxis(a, axis, -1)[..., :, None] - np.moveaxis(b, axis, -1)[..., None, :]
        return np.mean((np.sign(gap) + 1) / 2, axis=(-2, -1))

    centre = float(above(a, b))
    if n == 1 or centre in (0.0, 1.0):
        return Estimate(centre, centre, centre, n)
    interval = stats.bootstrap(
        (a, b),
        above,
        n_resamples=_RESAMPLES,
        method="percentile",
        batch=2000,
        rng=np.random.Generator(np.random.Philox(_SEED)),
    ).confidence_interval
    return Estimate(centre, float(interval.low), float(interval.high), n)
