"""A trained policy read from its file and played in NumPy: no torch, no stable-baselines3."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from .lots import among, chosen
from .made_for import MadeFor
from .network import Network
from .policy import Action, Observed
from .policy_file import write_npz

Kind = Literal["ppo", "ppo_lagrangian", "ppo_shift_penalty", "recurrent_ppo"]


class PolicyNote(BaseModel):
    """What the JSON text of a trained policy's file says, beside its net."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    kind: Kind
    observation: Literal["platform", "oracle"]
    deterministic: bool = Field(strict=True)
    made_for: MadeFor


class NetworkPolicy:
    """The policy of a file; it chooses as `PPOPolicy` and `RecurrentPPOPolicy` do with torch.

    Logits are torch's within float32 tolerance, so a lot that falls between two items may, rarely,
    give the other of the two.
    """

    def __init__(self, note: PolicyNote, network: Network) -> None:
        self.note, self.network, self.kind = note, network, note.kind
        self.observation, self.deterministic = note.observation, note.deterministic
        self.made_for = note.made_for
        self._people: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None
        self._slot = 0
        self._memory: list[tuple[NDArray, NDArray]] | None = None

    @property
    def places(self) -> int | None:
        """How long the slates are that it fills; None if it leads with one item."""
        return len(self.network.note.actions) if self.network.note.places else None

    def begin(self, seed: NDArray[np.int64], person: NDArray[np.int64]) -> None:
        """Starts the people (seed, person), int64 (people,), at slot 0 and with an empty memory."""
        self._people, self._slot, self._memory = (seed, person), 0, None

    def logits(self, observation: Observed) -> NDArray[np.float32]:
        """Log-probabilities, (people, items) or (people, places, items); moves its memory on."""
        logits, self._memory = self.network.logits(observation, self._memory)
        return logits

    def act(self, observation: Observed) -> Action:
        """See `Policy`."""
        return self._chosen(self.logits(observation))

    def act_within(self, observation: Observed, allowed: NDArray[np.bool_]) -> Action:
        """See `Selective`: the distribution, renormalised on what is allowed."""
        return self._chosen(among(self.logits(observation), allowed))

    def _chosen(self, logits: NDArray[np.float32]) -> Action:
        action, self._slot = chosen(logits, self._people, self._slot, self.deterministic)
        return action

    def save(self, path: Path) -> Path:
        """Writes the same file again."""
        note = self.note.model_dump(mode="json", exclude_none=True)
        note["network"] = self.network.note.model_dump(mode="json")
        return write_npz(path, note, self.network.arrays)
