"""Linear contextual bandits on the platform's logs: LinUCB and Thompson sampling.

Both keep, for each item, a ridge regression of a slot's reward on what was seen when it led,

    A = ridge I + sum phi phi',   b = sum r phi,   theta = A^-1 b,   s^2 = residual variance

and lead with the item of the largest

    LinUCB      theta phi + alpha s sqrt(phi' A^-1 phi)                  Li et al. 2010
    Thompson    drawn phi,   drawn ~ N(theta, (v s)^2 A^-1)               Agrawal & Goyal 2013

They learn among the people of the training seed and are then deployed frozen: a policy that went on
learning would make a person's days depend on who else is in the batch, and no twin could be exact.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from undertow.envs.feed_batch import FeedBatch
from undertow.envs.views import PlatformView
from undertow.envs.world import Items, Mechanism, WorldParameters
from undertow.envs.world.streams import normals

from .bandit_features import Features, Reads
from .made_for import MadeFor
from .policy import Action, Observed
from .policy_file import write_npz
from .ridge import Ridge
from .rules import _Rule

Real = NDArray[np.float64]
# Thompson's normals, one an item: lanes of their own, above all others of a slot.
_LANE = Mechanism.POLICY + 1024


class BanditSettings(BaseModel):
    """How a linear bandit learns."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    slots: int = Field(1_500_000, ge=1, le=10**9, description="person-slots of learning")
    n_envs: int = Field(512, ge=1, le=10**7, description="people in the batch")
    every: int = Field(
        8, ge=1, le=10**9, description="slots of the batch between solutions for theta"
    )
    reads: Reads = Field("all", description="all: the whole observation; own: the item's group")
    # Below this, what 1e9 slots add can hide it in a float64, and A is singular.
    ridge: float = Field(1.0, ge=1e-3, le=1e6, description="weight of the prior theta = 0")


class LinUCBSettings(BanditSettings):
    """LinUCB's."""

    alpha: float = Field(1.0, ge=0, le=100, description="bonus, in residual standard deviations")


class ThompsonSettings(BanditSettings):
    """Thompson sampling's."""

    spread: float = Field(1.0, ge=0, le=100, description="v: width of the draw, 1 is the posterior")


class _LinearBandit(_Rule):
    settings_type: ClassVar[type[BanditSettings]]

    def __init__(self, features: Features, ridge: Ridge, width: float) -> None:
        super().__init__(features.items)
        self.features, self.ridge, self.width = features, ridge, width

    @classmethod
    def train(cls, parameters: WorldParameters, items: Items, *, seed: int, settings: Any) -> Self:
        """Learns among people 0, 1, ... of `seed`, each the whole calendar or until they leave."""
        people = settings.n_envs
        batch = FeedBatch(parameters, people, items=items)
        view = batch.view
        assert isinstance(view, PlatformView)
        features = Features.of(view, settings.reads)
        ridge = Ridge(features.items, features.size, settings.ridge)
        policy = cls(features, ridge, cls._width_of(settings))
        # Rows stand for persons 0, n, 2n, ...: who leaves is followed by the next of the row.
        seeds = seed + np.zeros(people, dtype=np.int64)
        seen = batch.start(seeds, np.arange(people, dtype=np.int64) * 2**20)
        # As in PPO's training: the first life of each row is cut short, so that rows are spread.
        slots = parameters.calendar.slots
        last = 1 + np.arange(people) * (slots - 1) // people
        for turn in range(-(-settings.slots // people)):
            phi = features(seen)
            scores = policy._exploring(phi, batch.seed, batch.person, batch.slot + 1)
            action = np.argmax(scores, axis=1)
            step = batch.step(action)
            ridge.add(phi, action, step.reward)
            if (turn + 1) % settings.every == 0:
                ridge.solve()
            seen, over = step.observation, step.terminated | (batch.slot >= last)
            if over.any():
                last = np.where(over, slots, last)
                batch.restart(over)
                seen = batch.observe_restarted(seen, over)
        ridge.solve()
        return policy

    @classmethod
    def _width_of(cls, settings: Any) -> float:
        raise NotImplementedError

    def _exploring(self, phi: Real, seed: Any, person: Any, slot: Any) -> Real:
        raise NotImplementedError

    def scores(self, observation: Observed) -> Real:
        """What each item is ranked by in this slot, (people, items); moves on by a slot."""
        seed, person, slot = self._next(observation)
        phi = self.features(observation)
        return self._deployed(phi, seed, person, np.full_like(person, slot))

    def _deployed(self, phi: Real, seed: Any, person: Any, slot: Any) -> Real:
        raise NotImplementedError

    def act(self, observation: Observed) -> Action:
        """See `Policy`."""
        return np.argmax(self.scores(observation), axis=1)

    def act_within(self, observation: Observed, allowed: NDArray[np.bool_]) -> Action:
        """See `Selective`."""
        return np.argmax(np.where(allowed, self.scores(observation), -np.inf), axis=1)

    def save(self, path: Path) -> Path:
        """Writes `path`.npz; see `Policy`."""
        note = {"kind": self.kind, "width": self.width, **self.features.note()}
        return write_npz(path, note, self.features.arrays() | self.ridge.arrays())

    @property
    def made_for(self) -> MadeFor:
        """What it fits: its regressions name the items, and their features the columns."""
        return MadeFor(items=self.items, size=self.features.seen)

    @classmethod
    def read(cls, note: dict[str, Any], arrays: Any) -> Self:
        """From the note and arrays of a file that `save` wrote; older ones have arrays alone."""
        fields = dict(arrays) | note
        return cls(Features.load(fields), Ridge.load(fields), float(fields["width"]))


class LinUCB(_LinearBandit):
    """Deployed by its estimate alone: nothing is learned any more that a bonus could pay for."""

    kind = "linucb"
    settings_type = LinUCBSettings

    @classmethod
    def _width_of(cls, settings: LinUCBSettings) -> float:
        return settings.alpha

    def _exploring(self, phi: Real, seed: Any, person: Any, slot: Any) -> Real:
        bonus = self.ridge.width(phi)
        return self.ridge.mean(phi) + self.width * self.ridge.residual * bonus

    def _deployed(self, phi: Real, seed: Any, person: Any, slot: Any) -> Real:
        return self.ridge.mean(phi)


class Thompson(_LinearBandit):
    """Deployed as it learned, by draws from its posterior, with the person's own lots."""

    kind = "thompson"
    settings_type = ThompsonSettings

    @classmethod
    def _width_of(cls, settings: ThompsonSettings) -> float:
        return settings.spread

    def _exploring(self, phi: Real, seed: Any, person: Any, slot: Any) -> Real:
        """One draw of every item's theta phi: as one of theta, which no two items share."""
        z = normals(seed, person, slot, _LANE, self.items).T.astype(np.float64)
        spread = self.width * self.ridge.residual * self.ridge.width(phi)
        return self.ridge.mean(phi) + spread * z

    _deployed = _exploring
