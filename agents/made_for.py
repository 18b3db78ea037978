"""What a policy was made for: how many items, which view, whose catalogue, which world.

A policy names items by their number and reads an observation by its columns. In a world with other
items or other columns its choices mean nothing, so it is refused there, by name.
"""

from __future__ import annotations

import hashlib
from dataclasses import fields
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from undertow.envs.feed_batch import FeedBatch
from undertow.envs.world import Items, Slate, WorldParameters, synthetic

from .policy import Policy, places_of
from .policy_file import PolicyError

# What makes item i this item, with its side. The rest follows from a world's parameters.
_IDENTITY = ("topic", "civic", "creator", "duration")


class MadeFor(BaseModel):
    """What a policy fits; None where that is not known, or does not matter to it."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True, strict=True)

    items: int | None = Field(None, ge=1)
    places: int | None = Field(None, ge=1, description="length of its slates; None: it leads")
    size: int | None = Field(None, ge=1, description="columns of the observation")
    catalogue: str | None = Field(None, description="digest of the items")
    world: dict[str, Any] | None = Field(None, description="the world's parameters")
    synthetic: bool = Field(False, description="whether the items are those of the parameters")
    slate: dict[str, Any] | None = Field(None, description="how slates are read there")

    @classmethod
    def of(
        cls,
        parameters: WorldParameters,
        items: Items,
        *,
        size: int | None = None,
        slate: Slate | None = None,
    ) -> Self:
        """For this world and catalogue; size: the columns of the view."""
        return cls(
            items=len(items),
            places=None if slate is None else slate.size,
            size=size,
            catalogue=catalogue_digest(items),
            world=parameters.model_dump(mode="json"),
            synthetic=_same(items, synthetic(parameters)),
            slate=None if slate is None else slate.model_dump(mode="json"),
        )


def catalogue_digest(items: Items) -> str:
    """A hash of which item is which, the same on every machine."""
    told = hashlib.sha256()
    columns = [getattr(items, name) for name in _IDENTITY]
    for column in (*columns, np.sign(items.stance)):
        column = np.asarray(column, dtype=np.float64)
        told.update(np.round(column * 1e4).astype("<i8").tobytes())
    return told.hexdigest()[:16]


def _same(items: Items, others: Items) -> bool:
    return all(
        np.array_equal(np.asarray(getattr(items, f.name)), np.asarray(getattr(others, f.name)))
        for f in fields(Items)
    )


def made_for(policy: Policy) -> MadeFor | None:
    """What a policy says of itself, also under a rule; None for one that says nothing."""
    own: MadeFor | None = getattr(policy, "made_for", None)
    within: Policy | None = getattr(policy, "policy", None)
    return own if own is not None or within is None else made_for(within)


def every_made_for(policy: Policy) -> list[MadeFor]:
    """What a policy and the one under its rule say."""
    own: MadeFor | None = getattr(policy, "made_for", None)
    within: Policy | None = getattr(policy, "policy", None)
    return ([] if own is None else [own]) + ([] if within is None else every_made_for(within))


def check_fits(
    policy: Policy, items: Items, *, size: int, slate: Slate | None = None, name: str = ""
) -> None:
    """Raises `PolicyError` for a policy that was made for other items, views or slates.

    size: columns of the observation that it would be given. name: its file; its kind if empty.
    """
    name = name or getattr(policy, "kind", type(policy).__name__)
    every = every_made_for(policy)
    if every and slate is not None and places_of(policy) is None:
        raise _misfit(name, "a feed led by one item", f"slates of {slate.size}")
    for fitting in every:
        if fitting.items is not None and fitting.items != len(items):
            raise _misfit(name, f"{fitting.items} items", f"{len(items)}")
        if fitting.size is not None and fitting.size != size:
            found = f"a view of {fitting.size} columns ({policy.observation})"
            raise _misfit(name, found, f"{size}, by its topics and items")
        if fitting.places is not None and (slate is None or slate.size != fitting.places):
            here = "a feed led by one item" if slate is None else f"slates of {slate.size}"
            raise _misfit(name, f"slates of {fitting.places}", here)
        if fitting.catalogue is not None and fitting.catalogue != catalogue_digest(items):
            raise _misfit(name, "another catalogue", "other items under the same numbers")


def check_world(
    policy: Policy,
    parameters: WorldParameters,
    items: Items,
    *,
    slate: Slate | None = None,
    name: str = "",
) -> None:
    """`check_fits` before anybody is there."""
    size = FeedBatch(parameters, 1, policy.observation, items).view.size
    check_fits(policy, items, size=size, slate=slate, name=name)


def _misfit(name: str, made: str, here: str) -> PolicyError:
    return PolicyError(
        f"policy {name}: was made for {made}; this world has {here}; allowed: the world that it "
        "was made for, or one with the same items and view"
    )
