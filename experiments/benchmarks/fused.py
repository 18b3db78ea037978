"""The slot once more, as one loop over people that numba compiles: the yardstick of the world.

It says what a person-slot costs if nothing is written to memory in between. `tests/benchmarks`
checks that it tells the same lives as `world.slot`. It knows the usual world only: every mechanism
on, no placebo.
"""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any

import numba
import numpy as np

from ...envs.world import Items, State, Traits, WorldParameters
from ...envs.world.watching import noise_scale


class FusedWorld:
    """People who are advanced in place, slot by slot."""

    def __init__(
        self, parameters: WorldParameters, items: Items, traits: Traits, state: State
    ) -> None:
        self._numbers = _numbers(parameters)
        columns = ("civic", "stance", "arousal", "quality", "falsehood", "length")
        self._items = np.stack([getattr(items, name) for name in columns])
        self._topic = items.topic
        scalars = ("self_control", "susceptibility", "latitude", "news", "stance")
        self._traits = np.stack([getattr(traits, name) for name in scalars])
        self._origin = traits.taste
        self.state = State(**{f.name: getattr(state, f.name).copy() for f in fields(State)})
        self.minutes = np.zeros(traits.stance.size, dtype=np.float32)
        self.endorsed = np.zeros_like(self.minutes)
        self.worth = np.zeros_like(self.minutes)

    def slot(self, feed: np.ndarray, luck: np.ndarray) -> None:
        """One slot; feed: int64 (people,). luck: float32 (lanes, people)."""
        s = self.state
        _slot(
            self._numbers, self._items, self._topic, self._traits, self._origin,
            s.taste, s.satiation, s.habit, s.tolerance, s.stance, s.regret, s.present,
            feed, luck, self.minutes, self.endorsed, self.worth,
        )  # fmt: skip


def _numbers(p: WorldParameters) -> np.ndarray:
    cut, scale = noise_scale(p.watching.shape, p.watching.longest)
    a, o, w, v = p.appraisal, p.opening, p.watching, p.welfare
    return np.array([
        a.base, a.taste, a.satiation, a.quality, a.arousal, a.falsehood, a.extremity_pull,
        o.base, o.lead, o.habit, o.regret,
        w.minutes, w.habit, 1.0 / w.shape, cut, scale,
        v.base, v.taste, v.quality, v.unendorsed_cost, v.regret_decay, v.regret_gain,
        p.search.share, p.search.sharpness,
        p.satiation.recovery, p.satiation.gain,
        p.habit.decay, p.habit.gain, p.tolerance.decay, p.tolerance.gain,
        p.taste.gain, p.taste.anchor,
        p.stance.anchor, math.sqrt(12.0) * p.stance.noise,
        p.churn.hazard, p.churn.habit, p.churn.regret,
        -1.0 / p.exposure_minutes,
    ], dtype=np.float32)  # fmt: skip


_compiled: Any = numba.njit(cache=False, error_model="numpy")


@_compiled
def _sigmoid(z: Any) -> Any:
    return np.float32(1) / (np.float32(1) + np.exp(-z))


@_compiled
def _appraise(n: Any, item: Any, i: int, taste: Any, bored: Any, numb: Any, x: Any, width: Any,
              news: Any) -> Any:  # fmt: skip
    civic, y, arousal, quality, falsehood = (
        item[0, i],
        item[1, i],
        item[2, i],
        item[3, i],
        item[4, i],
    )
    far = (y - x) / width
    plan = n[0] + n[1] * taste - n[2] * bored + n[3] * quality
    plan -= np.float32(0.5) * civic * news * far * far
    allure = n[4] * (arousal - numb) + n[5] * falsehood + n[6] * civic * news * abs(y)
    return plan, allure, n[16] + n[17] * taste + n[18] * quality


@_compiled
def _slot(n: Any, item: Any, topic: Any, traits: Any, origin: Any, taste: Any, bored: Any,
          habit: Any, tolerance: Any, stance: Any, regret: Any, present: Any, feed: Any, luck: Any,
          minutes: Any, endorsed: Any, worth: Any) -> None:  # fmt: skip
    one, half = np.float32(1), np.float32(0.5)
    items = item.shape[1]
    for k in range(feed.size):
        control, eta, width, news, x0 = (
            traits[0, k], traits[1, k], traits[2, k], traits[3, k], traits[4, k],
        )  # fmt: skip
        h, tau, x, sorry = habit[k], tolerance[k], stance[k], regret[k]
        i = feed[k]
        plan0, allure0, _ = _appraise(
            n, item, i, taste[k, topic[i]], bored[k, topic[i]], tau, x, width, news
        )
        urge = n[9] * h + n[8] * allure0
        chance = _sigmoid(n[7] + n[8] * plan0 + urge - control * (urge + n[10] * sorry))
        opened = present[k] and luck[0, k] < chance
        if opened and luck[1, k] < n[22]:
            # Two passes over the items: the sum of the weights, then where the draw falls.
            best = np.float32(-1e30)
            for j in range(items):
                far = (item[1, j] - x) / width
                sought = n[16] + n[17] * taste[k, topic[j]] + n[18] * item[3, j]
                sought -= half * item[0, j] * news * far * far
                best = max(best, sought)
            mass = np.float32(0)
            for turn in range(2):
                level = luck[1, k] / n[22] * mass
                mass = np.float32(0)
                for j in range(items):
                    far = (item[1, j] - x) / width
                    sought = n[16] + n[17] * taste[k, topic[j]] + n[18] * item[3, j]
                    sought -= half * item[0, j] * news * far * far
                    mass += np.exp(n[23] * (sought - best))
                    if turn and mass >= level:
                        i = j
                        break
        t = topic[i]
        plan, allure, liked = _appraise(n, item, i, taste[k, t], bored[k, t], tau, x, width, news)
        watched, wanted = np.float32(0), np.float32(0)
        if present[k]:
            noise = min(np.exp(np.log(-np.log(luck[2, k])) * n[13]), n[14]) * n[15]
            if opened:
                watched = n[11] * item[5, i] * _sigmoid(plan + allure) * (one + n[12] * h) * noise
            bare = _sigmoid(n[7] + n[8] * plan0 - control * n[10] * sorry)
            if luck[0, k] < bare:
                wanted = min(watched, n[11] * item[5, i] * _sigmoid(plan) * noise)
        beyond = watched - wanted
        dose = one - np.exp(watched * n[37])
        arousal = item[2, i]
        for j in range(taste.shape[1]):
            bored[k, j] *= one - n[24]
        bored[k, t] += n[25] * dose * (one - bored[k, t])
        taste[k, t] += n[30] * dose * (one - taste[k, t])
        for j in range(taste.shape[1]):
            taste[k, j] += n[31] * (origin[k, j] - taste[k, j])
        h *= one - n[26]
        h += n[27] * dose * arousal * (one - h)
        tau *= one - n[28]
        tau += n[29] * dose * arousal * (one - tau)
        gap = item[1, i] - x
        x += item[0, i] * eta * dose * np.exp(-half * (gap / width) * (gap / width)) * gap
        x += n[32] * (x0 - x) + (luck[4, k] - half) * n[33]
        x = min(max(x, -one), one)
        sorry_next = (one - n[20]) * sorry
        sorry_next += n[21] * dose * beyond / (watched + np.float32(1e-9)) * (one - sorry_next)
        if present[k] and not opened:
            hazard = min(n[34] * np.exp(n[36] * sorry_next - n[35] * h), one)
            present[k] = luck[3, k] >= hazard
        minutes[k], endorsed[k] = watched, wanted
        worth[k] = wanted * _sigmoid(np.float32(2) * liked) - n[19] * beyond
        habit[k], tolerance[k], stance[k], regret[k] = h, tau, x, sorry_next
