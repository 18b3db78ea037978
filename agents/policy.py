"""What every policy is: a batched map from observations to the item that leads each feed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from undertow.envs.world import WorldParameters

from .policy_file import appended, write_whole

Action = NDArray[np.int64]
Observed = NDArray[np.float32]


class Policy(Protocol):
    """One protocol for all: `begin` the people of a batch, then `act` slot by slot.

    `begin` lets a policy that draws lots give each person the same lots wherever they stand in the
    batch; a policy that is never begun serves people 0, 1, 2, ... of seed 0.
    """

    kind: ClassVar[str]
    observation: str
    """The view it needs: `platform` or `oracle`."""

    def begin(self, seed: NDArray[np.int64], person: NDArray[np.int64]) -> None:
        """Starts the people (seed, person), int64 (people,), at slot 0."""
        ...

    def act(self, observation: Observed) -> Action:
        """Items to lead with, int64 (people,), for observations (people, size)."""
        ...

    def save(self, path: Path) -> Path:
        """Writes the policy; returns the file written, which `load_policy` reads."""
        ...


@runtime_checkable
class KnowsTheWorld(Protocol):
    """A policy that reckons with the equations of a world, and so with those of a twin's."""

    def in_world(self, parameters: WorldParameters) -> Self:
        """The same policy for the people of this world."""
        ...


def in_world(policy: Policy, parameters: WorldParameters) -> Policy:
    """What runs people asks for: the policy in the world in which it acts."""
    return policy.in_world(parameters) if isinstance(policy, KnowsTheWorld) else policy


def places_of(policy: Policy) -> int | None:
    """How long the slates are that a policy fills, also under a rule; None if it fills none."""
    own: int | None = getattr(policy, "places", None)
    within: Policy | None = getattr(policy, "policy", None)
    return own if own is not None or within is None else places_of(within)


def write_rule(path: Path, **fields: object) -> Path:
    """Writes a rule's parameters as JSON to `path`.json; returns the file."""
    text = json.dumps(fields, indent=1, allow_nan=False) + "\n"
    return write_whole(appended(path, ".json"), text.encode())
