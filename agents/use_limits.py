"""Rules that bind the person's use and not the feed, put on any policy.

    daily_limit    once a day's minutes have reached it, the app stays closed until the day ends;
                   the session that reaches it is not cut short
    break_after    after so many slots open in a row a prompt is shown, and again after each further
                   one; with `break_chance` the person keeps the app closed for one slot

Nothing that leads changes, and the policy is not told; it did not learn under the rule. A slot that
stays closed is one in which the person may churn. The draw of a prompt is counter-based, a function
of (seed, person, slot), so twins answer it alike.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from undertow.envs.world import Mechanism, WorldParameters, uniforms

from .policy import Action, Observed, Policy, in_world
from .wrapped_file import Wrapped, write_wrapped

USE_LIMITS = "use_limits.json"


class UseLimits(BaseModel):
    """Limits on a person's use; at least one."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    daily_limit: float | None = Field(None, gt=0, description="minutes a day")
    break_after: int | None = Field(None, ge=1, description="slots open in a row before a prompt")
    break_chance: float = Field(
        0.5, ge=0, le=1, description="that a person who is prompted takes a break of one slot"
    )

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.daily_limit is None and self.break_after is None:
            raise ValueError("found no limit; allowed: daily_limit, break_after or both")
        if self.break_after is None and "break_chance" in self.model_fields_set:
            raise ValueError("break_chance: found without break_after; allowed: with it")
        return self


@runtime_checkable
class Binding(Protocol):
    """A policy that comes with a rule on the person's use; whoever runs people has to ask it."""

    def away(self) -> NDArray[np.bool_]:
        """Who keeps the app closed in the coming slot, bool (people,)."""
        ...

    def used(self, opened: NDArray[np.bool_], minutes: NDArray[np.floating]) -> None:
        """Tells it what was done in that slot, both (people,)."""
        ...


class UseLimited:
    """`policy`, and people under `use_limits`; in each slot `away`, `act`, then `used`."""

    kind: ClassVar[str] = "use_limited"

    def __init__(self, policy: Policy, use_limits: UseLimits, *, slots_per_day: int) -> None:
        self.policy, self.use_limits, self.slots_per_day = policy, use_limits, slots_per_day
        self.observation = policy.observation

    def in_world(self, parameters: WorldParameters) -> Self:
        """See `KnowsTheWorld`."""
        own = in_world(self.policy, parameters)
        return type(self)(own, self.use_limits, slots_per_day=self.slots_per_day)

    def begin(self, seed: NDArray[np.int64], person: NDArray[np.int64]) -> None:
        """Starts the people (seed, person), int64 (people,), at slot 0 with nothing used."""
        self.policy.begin(seed, person)
        self._seed, self._person, self._slot = seed, person, 0
        self._today = np.zeros(person.size)
        self._in_a_row = np.zeros(person.size, dtype=np.int64)

    def away(self) -> NDArray[np.bool_]:
        """See `Binding`."""
        limits, kept = self.use_limits, np.zeros(self._person.size, dtype=np.bool_)
        if limits.daily_limit is not None:
            kept |= self._today >= limits.daily_limit
        if limits.break_after is not None:
            slots = np.full_like(self._person, self._slot)
            lot = uniforms(self._seed, self._person, slots, Mechanism.PROMPT, 1)[0]
            kept |= (self._in_a_row >= limits.break_after) & (lot < limits.break_chance)
        return kept

    def used(self, opened: NDArray[np.bool_], minutes: NDArray[np.floating]) -> None:
        """See `Binding`."""
        self._slot += 1
        self._in_a_row = np.where(opened, self._in_a_row + 1, 0)
        new_day = self._slot % self.slots_per_day == 0
        self._today = np.zeros_like(self._today) if new_day else self._today + minutes

    def act(self, observation: Observed) -> Action:
        """See `Policy`: the policy's own choice."""
        return self.policy.act(observation)

    def save(self, path: Path) -> Path:
        """Writes a .zip of the limits and the policy's own file."""
        fields: dict[str, Any] = {
            "use_limits": self.use_limits.model_dump(exclude_unset=True),
            "slots_per_day": self.slots_per_day,
        }
        return write_wrapped(path, USE_LIMITS, fields, self.policy)

    @classmethod
    def read(cls, wrapped: Wrapped) -> Self:
        """From a file that `save` wrote."""
        slots = wrapped.fields["slots_per_day"]
        if type(slots) is not int or slots < 1:
            raise ValueError(f"slots_per_day: found {slots!r}; allowed: 1 or more")
        limits = UseLimits(**wrapped.fields["use_limits"])
        return cls(wrapped.policy, limits, slots_per_day=slots)
