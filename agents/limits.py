"""Rules that a regulator could write down, put on any policy: what may lead a feed.

    extremity_cap    no civic item with |stance| above it leads
    topic_share      of the last `window` leads, this one among them, no topic has more than this
                     share; a lead counts whether or not the person opened

A policy that can choose among what is allowed (`act_within`) does so: its next best, or its own
distribution renormalised. Of any other, what is not allowed is replaced by a draw from the neutral
feed's shares among what is. Limits are put on a trained policy: it did not learn under them.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from undertow.envs.world import Items, Mechanism, uniforms

from .made_for import MadeFor
from .policy import Action, Observed, Policy
from .wrapped_file import Wrapped, write_wrapped

LIMITS = "limits.json"


class Limits(BaseModel):
    """Limits on what leads; at least one."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    extremity_cap: float | None = Field(None, ge=0, le=1, description="largest |stance| that leads")
    topic_share: float | None = Field(
        None, gt=0, lt=1, description="largest share of a topic among the last leads"
    )
    window: int = Field(8, ge=2, le=10_000, description="how many leads that share is taken of")

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.extremity_cap is None and self.topic_share is None:
            raise ValueError("found no limit; allowed: extremity_cap, topic_share or both")
        if self.topic_share is None and "window" in self.model_fields_set:
            raise ValueError("window: found without topic_share; allowed: with it")
        if self.topic_share is not None and self.each < 1:
            raise ValueError(
                f"topic_share: found {self.topic_share:g} of {self.window} leads, less than one; "
                f"allowed: {1 / self.window:g} or more"
            )
        return self

    @property
    def each(self) -> int:
        """Leads that a topic may have in a window."""
        return math.floor((self.topic_share or 1.0) * self.window + 1e-9)

    def check(self, items: Items) -> None:
        """Raises `ValueError` where nothing in this catalogue could lead at some time."""
        self.check_leads(items.topic, _extremity(items))

    def check_leads(self, topic: NDArray[np.int64], extremity: NDArray[np.float64]) -> None:
        """The same of the topic and the civic |stance| of each item, (items,)."""
        cap, share = self.extremity_cap, self.topic_share
        topics = np.unique(topic if cap is None else topic[extremity <= cap]).size
        if not topics:
            raise ValueError(
                f"limits.extremity_cap: found {cap}, which no item keeps; allowed: "
                f"{extremity.min():g} or more with this catalogue"
            )
        if share is not None and topics * self.each < self.window:
            least = math.ceil(self.window / topics) / self.window
            raise ValueError(
                f"limits.topic_share: found {share:g} with {topics} topics, too few to fill "
                f"{self.window} leads; allowed: {least:g} or more"
            )


def _extremity(items: Items) -> NDArray[np.float64]:
    """Civic |stance|; rounded, so that a cap of 0.3 keeps a float32 that is written 0.3."""
    return np.asarray(items.civic * np.abs(items.stance), dtype=np.float64).round(6)


@runtime_checkable
class Selective(Protocol):
    """A policy that can choose among some of the items."""

    def act_within(self, observation: Observed, allowed: NDArray[np.bool_]) -> Action:
        """As `act`, among the items marked true, (people, items), at least one a person."""
        ...


class Limited:
    """`policy` under `limits`."""

    kind: ClassVar[str] = "limited"

    def __init__(
        self,
        policy: Policy,
        limits: Limits,
        *,
        topic: NDArray[np.int64],
        extremity: NDArray[np.float64],
        supply: NDArray[np.float64],
    ) -> None:
        self.policy, self.limits = policy, limits
        self.observation = policy.observation
        self.made_for = MadeFor(items=int(topic.size))
        self.topic, self.extremity, self.supply = topic, extremity, supply
        cap = limits.extremity_cap
        self._mild = np.ones(topic.size, bool) if cap is None else extremity <= cap
        limits.check_leads(topic, extremity)
        self._people: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None

    @classmethod
    def of(cls, policy: Policy, limits: Limits, items: Items) -> Self:
        """With this catalogue."""
        return cls(
            policy,
            limits,
            topic=items.topic,
            extremity=_extremity(items),
            supply=np.asarray(items.supply, dtype=np.float64),
        )

    def begin(self, seed: NDArray[np.int64], person: NDArray[np.int64]) -> None:
        """Starts the people (seed, person), int64 (people,), at slot 0 and with no leads."""
        self.policy.begin(seed, person)
        self._people, self._slot = (seed, person), 0
        # Topics of the last leads, (people, window - 1), a ring; -1 for none yet.
        self._led = np.full((seed.size, self.limits.window - 1), -1, dtype=np.int64)

    def allowed(self) -> NDArray[np.bool_]:
        """What may lead next, (people, items)."""
        people = len(self._led)
        mild = np.broadcast_to(self._mild, (people, self.topic.size))
        if self.limits.topic_share is None:
            return mild
        count = np.zeros((people, int(self.topic.max()) + 2), dtype=np.int64)
        np.add.at(count, (np.arange(people)[:, None], self._led + 1), 1)
        return mild & (count[:, self.topic + 1] < self.limits.each)

    def act(self, observation: Observed) -> Action:
        """See `Policy`."""
        people = observation.shape[0]
        if self._people is None:
            self.begin(np.zeros(people, dtype=np.int64), np.arange(people, dtype=np.int64))
        allowed, policy = self.allowed(), self.policy
        if isinstance(policy, Selective):
            action = policy.act_within(observation, allowed)
        else:
            action = self._replaced(policy.act(observation), allowed)
        self._led[:, self._slot % self._led.shape[1]] = self.topic[action]
        self._slot += 1
        return action

    def _replaced(self, action: Action, allowed: NDArray[np.bool_]) -> Action:
        assert self._people is not None
        seed, person = self._people
        lot = uniforms(
            seed, person, np.full_like(person, self._slot + 1), Mechanism.REPLACEMENT, 1
        )[0]
        # Of equal chance where nothing that is allowed is ever posted.
        weight = allowed * self.supply
        weight = np.where(weight.sum(axis=1, keepdims=True) > 0, weight, allowed)
        mass = np.cumsum(weight, axis=1)
        neutral = np.sum(mass < lot[:, None] * mass[:, -1:], axis=1)
        return np.where(allowed[np.arange(action.size), action], action, neutral)

    def save(self, path: Path) -> Path:
        """Writes a .zip of the limits and the policy's own file."""
        fields: dict[str, Any] = {"limits": self.limits.model_dump(exclude_unset=True)}
        for name in ("topic", "extremity", "supply"):
            fields[name] = getattr(self, name).tolist()
        return write_wrapped(path, LIMITS, fields, self.policy)

    @classmethod
    def read(cls, wrapped: Wrapped) -> Self:
        """From a file that `save` wrote."""
        fields = wrapped.fields
        topic, extremity, supply = (
            np.asarray(fields[name], dtype=kind)
            for name, kind in (("topic", np.int64), ("extremity", float), ("supply", float))
        )
        if not topic.ndim == 1 or not topic.shape == extremity.shape == supply.shape:
            raise ValueError(
                f"extremity, supply: found {extremity.shape}, {supply.shape} beside topics of "
                f"{topic.shape}; allowed: one each an item"
            )
        if not topic.size or topic.min() < 0:
            raise ValueError("topic: found none, or one below 0; allowed: 0 or more")
        limits = Limits(**fields["limits"])
        return cls(wrapped.policy, limits, topic=topic, extremity=extremity, supply=supply)
