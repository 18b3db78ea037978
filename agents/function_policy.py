"""A function as a policy: the shortest way for a rule or a model of one's own to be measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from .policy import Action, Observed
from .policy_file import PolicyError


class FunctionPolicy:
    """Shows what `choose` says, for functions that remember nothing from slot to slot.

    choose: items to lead with, integers (people,), for observations float32 (people, size).
    observation: the view that it reads, `platform` or `oracle`. What remembers people needs `begin`
    and is a class of its own; what draws lots should draw them by (seed, person, slot), or twins
    differ by luck.
    """

    kind: ClassVar[str] = "function"

    def __init__(
        self, choose: Callable[[Observed], NDArray], observation: str = "platform"
    ) -> None:
        self.choose, self.observation = choose, observation

    def begin(self, seed: NDArray[np.int64], person: NDArray[np.int64]) -> None:
        """Nothing to remember."""

    def act(self, observation: Observed) -> Action:
        """See `Policy`. Raises `PolicyError` for a choice that is not one item a person."""
        chosen = np.asarray(self.choose(observation))
        if chosen.shape != observation.shape[:1]:
            raise PolicyError(
                f"choose: gave {chosen.dtype} of shape {chosen.shape}; "
                f"allowed: integers of shape ({len(observation)},)"
            )
        return chosen

    def save(self, path: Path) -> Path:
        """A function is code, and stays where it is: raises `NotImplementedError`."""
        raise NotImplementedError("a function is not saved; allowed: naming it as module:function")
