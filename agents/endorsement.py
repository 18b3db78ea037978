"""A feed of what people would choose for themselves beforehand.

    v_i = v_0 + v_p p_k + v_q q_i        endorsement of item i, of topic k (envs/world/appraisal)

It reads taste off the true state and knows the items' quality. Boredom, allure and habit are left
out, as they are of endorsement itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from undertow.envs.world import Items, Mechanism, WorldParameters, uniforms

from .policy import Action, Observed, write_rule
from .rules import _lots, _Rule

_TIES = Mechanism.POLICY + 8


class EndorsementSettings(BaseModel):
    """How the ranking is served."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    top: int = Field(3, ge=1, le=10_000, description="best items served in turn; 1: the best one")


class Endorsement(_Rule):
    """The `top` items that the person endorses most, in turn, as `Popular` serves its own."""

    kind: ClassVar[str] = "endorsement"
    observation = "oracle"

    def __init__(
        self,
        topic: NDArray[np.int64],
        quality: NDArray[np.float64],
        *,
        base: float,
        taste: float,
        weight: float,
        top: int,
    ) -> None:
        super().__init__(int(topic.size))
        if quality.shape != topic.shape:
            raise ValueError(f"quality: found shape {quality.shape}; allowed: {topic.shape}")
        if topic.min() < 0:
            raise ValueError(f"topic: found {topic.min()}; allowed: 0 or more")
        if top < 1:
            raise ValueError(f"top: found {top}; allowed: 1 or more")
        self.topic, self.quality = topic, quality
        self.base, self.taste, self.weight, self.top = base, taste, weight, top

    @classmethod
    def of(
        cls, parameters: WorldParameters, items: Items, settings: EndorsementSettings
    ) -> Endorsement:
        """For this world's endorsement and catalogue."""
        v = parameters.welfare
        quality = items.quality.astype(np.float64)
        return cls(
            items.topic,
            quality,
            base=v.base,
            taste=v.taste,
            weight=v.quality,
            top=settings.top,
        )

    @classmethod
    def read(cls, rule: dict[str, Any]) -> Endorsement:
        """From the fields of a file that `save` wrote."""
        return cls(
            np.asarray(rule["topic"], dtype=np.int64),
            np.asarray(rule["quality"], dtype=np.float64),
            base=rule["base"],
            taste=rule["taste"],
            weight=rule["weight"],
            top=rule["top"],
        )

    def scores(self, observation: Observed) -> NDArray[np.float64]:
        """Endorsement of each item, (people, items): the oracle's first columns are taste."""
        taste = np.asarray(observation, dtype=np.float64)[:, self.topic]
        return self.base + self.taste * taste + self.weight * self.quality

    def act(self, observation: Observed) -> Action:
        """See `Policy`."""
        return self.act_within(observation, np.ones((len(observation), self.items), dtype=np.bool_))

    def act_within(self, observation: Observed, allowed: NDArray[np.bool_]) -> Action:
        """See `Selective`: the best of what is allowed, in turn; all of it, where it is fewer."""
        seed, person, slot = self._next(observation)
        worth = np.where(allowed, self.scores(observation), -np.inf)
        # Mirrored civic items (y, -y) are endorsed alike: the person's lot says which is first.
        lot = uniforms(seed, person, np.zeros_like(person), _TIES, 1)[0]
        forward = np.argsort(-worth, axis=1, kind="stable")
        backward = self.items - 1 - np.argsort(-worth[:, ::-1], axis=1, kind="stable")
        order = np.where((lot < 0.5)[:, None], forward, backward)
        top = np.minimum(self.top, allowed.sum(axis=1))
        start = (_lots(seed, person, 0) * top).astype(np.int64)
        served: Action = order[np.arange(len(order)), (start + slot) % top]
        return served

    def save(self, path: Path) -> Path:
        """Writes a JSON file; see `Policy`."""
        return write_rule(
            path,
            kind=self.kind,
            topic=self.topic.tolist(),
            quality=self.quality.tolist(),
            base=self.base,
            taste=self.taste,
            weight=self.weight,
            top=self.top,
        )
