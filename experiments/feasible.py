"""Whether a policy can be trained and measured in a world: asked before anything starts.

Memory is counted from below, by the largest arrays alone: what is refused does not fit, and what is
not refused may still be too much for several workers at once.
"""

from __future__ import annotations

import os
from itertools import pairwise
from typing import Any

from ..agents import Limits
from ..envs.views import FORGETTING
from ..envs.world import Items, WorldParameters

_FLOAT = 4  # bytes
#: Bytes per person that are lived at once: state, luck, sums.
_PERSON = 1500
#: Bytes per person and item: of a rule on logs, of what learned from logs, of the true state.
_RULE, _LEARNED, _ORACLE = 4, 16, 32


def machine_bytes() -> float:
    """Memory of this machine; infinite where the system does not say."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, OSError, ValueError):  # Windows
        return float("inf")


def check_memory(where: str, found: str, needed: float, memory_mb: int = 0) -> None:
    """Raises `ValueError` where `needed` bytes are more than there are.

    memory_mb: what another machine is said to have (`resources` of a policy).
    """
    allowed = max(machine_bytes(), memory_mb * 2**20)
    if needed > allowed:
        raise ValueError(
            f"{where}: found {found}, which takes {needed / 2**30:,.0f} GB or more; allowed: "
            f"{allowed / 2**30:,.1f} GB, what this machine has"
        )


def observation_size(parameters: WorldParameters, items: int, observation: str) -> int:
    """Columns of a view, at most."""
    topics = parameters.population.topics
    if observation == "oracle":
        return 2 * topics + 12 + items
    groups = topics + 4
    return len(FORGETTING) * (groups + 4) + 2 * groups + 8


def check_yoked(where: str, parameters: WorldParameters, n_envs: int) -> None:
    """Raises `ValueError` where a person would be moved by a next one who is not there."""
    if parameters.placebo != "none" and n_envs < 2:
        raise ValueError(
            f"{where}: n_envs: found {n_envs} in a world whose people are yoked in pairs "
            f"(placebo: {parameters.placebo}); allowed: 2 or more"
        )


def check_training(
    where: str,
    parameters: WorldParameters,
    settings: Any,
    *,
    observation: str = "platform",
    items: int | None = None,
    memory_mb: int = 0,
) -> None:
    """Raises `ValueError` for settings that cannot be trained with in a world.

    settings: those of PPO and its kin, or of a bandit. items: as many as the world has, if None.
    """
    items = parameters.catalogue.items if items is None else items
    check_yoked(where, parameters, settings.n_envs)
    size = observation_size(parameters, items, observation)
    people = settings.n_envs
    if not hasattr(settings, "n_steps"):
        one = (1 + size) ** 2 if settings.reads == "all" else 30**2
        needed = 8.0 * items * (2 * one + people * one**0.5)
        check_memory(where, f"n_envs: {people} in a world of {items} items", needed, memory_mb)
        return
    memory = 4 * getattr(settings, "lstm", 0)
    rollout = float(people) * settings.n_steps
    found = f"n_envs x n_steps: {people} x {settings.n_steps}"
    # The buffer, and the copy of it from which minibatches are taken.
    check_memory(where, found, 2 * _FLOAT * rollout * (size + memory), memory_mb)
    weights = float(getattr(settings, "lstm", 0)) * 4 * size
    for widths in (settings.net, settings.net):
        layers = [size, *widths, items]
        weights += sum(a * b for a, b in pairwise(layers))
    # Weights, gradients and Adam's two moments.
    check_memory(where, f"net: {list(settings.net)}", 4 * _FLOAT * weights, memory_mb)


def check_measuring(
    where: str,
    people: int,
    items: int,
    *,
    observation: str = "platform",
    learned: bool = False,
    memory_mb: int = 0,
) -> None:
    """Raises `ValueError` for more people than can be lived at once."""
    each = _ORACLE if observation == "oracle" else _LEARNED if learned else _RULE
    needed = float(people) * (_PERSON + each * items)
    check_memory(where, f"{people:,} people in a world of {items:,} items", needed, memory_mb)


def check_limits(policy: str, world: str, limits: Limits, items: Items) -> None:
    """Raises `ValueError` for limits that leave a policy none of a world's items to lead with."""
    try:
        limits.check(items)
    except ValueError as error:
        key, _, problem = str(error).partition(": ")
        raise ValueError(f"policies.{policy}.{key} (in {world}): {problem}") from None
