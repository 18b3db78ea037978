"""RecurrentPPO (sb3-contrib): an LSTM on the platform's logs, behind the protocol of all policies.

What the person is like is hidden from a platform and has to be inferred from what they did: a
partially observed problem, for which a recurrent policy keeps a memory of its own making.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sb3_contrib import RecurrentPPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecNormalize

from undertow.envs.world import Items, WorldParameters

from .lots import among, chosen
from .made_for import MadeFor
from .network import Network
from .network_policy import PolicyNote
from .policy import Action, Observed
from .policy_file import write_npz
from .ppo import Layers, check_rollout, falling
from .sb3_file import Format, extras, load_sb3, save_sb3
from .sb3_model import (
    Scaler,
    check_weights,
    made_for_model,
    model_of,
    net_of,
    scaler_of,
    silent,
    statistics_of,
)
from .skip_recurrent import SkipRecurrentPolicy
from .vec_env import consecutive, make_vec_env


class RecurrentPPOSettings(BaseModel):
    """Hyperparameters of RecurrentPPO and of its training."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    slots: int = Field(1_500_000, ge=1, le=10**12, description="person-slots of training")
    n_envs: int = Field(512, ge=1, le=10**7, description="people in the batch")
    n_steps: int = Field(
        64, ge=1, le=10**6, description="slots a person between updates, and of memory"
    )
    batch_size: int = Field(4096, ge=2, le=10**9, description="minibatch")
    n_epochs: int = Field(4, ge=1, le=10_000, description="passes over a rollout")
    learning_rate: float = Field(6e-3, gt=0, le=1, description="at the start; falls linearly to 0")
    gamma: float = Field(0.97, ge=0, le=1, description="discount a slot")
    gae_lambda: float = Field(0.2, ge=0, le=1, description="GAE lambda")
    clip_range: float = Field(0.2, gt=0, le=1, description="PPO clip")
    ent_coef: float = Field(0.0, ge=0, le=1, description="entropy bonus")
    vf_coef: float = Field(0.5, ge=0, le=10, description="weight of the value loss")
    max_grad_norm: float = Field(0.5, gt=0, le=100, description="gradient clip")
    lstm: int = Field(32, ge=1, le=1024, description="units of the LSTM, which both nets read")
    net: Layers = Field((32,), description="hidden units of policy and value net after it")
    deterministic: bool = Field(False, description="deploy the likeliest item, not a draw")

    @model_validator(mode="after")
    def _rolls_out(self) -> Self:
        check_rollout(self.n_envs, self.n_steps)
        # sb3-contrib divides by the spread of advantages in each minibatch: of one it is none.
        if self.n_envs * self.n_steps % self.batch_size == 1:
            raise ValueError(
                f"batch_size: found {self.batch_size}, which leaves a minibatch of 1 of a rollout "
                f"of {self.n_envs} x {self.n_steps} slots; allowed: one that leaves 0, 2 or more"
            )
        return self


class RecurrentPPOPolicy:
    """A trained RecurrentPPO; keeps the LSTM's state of each person that it began."""

    kind: ClassVar[str] = "recurrent_ppo"

    def __init__(
        self,
        model: RecurrentPPO,
        *,
        deterministic: bool = False,
        observation: str = "platform",
        normalize: Scaler | None = None,
        made_for: MadeFor | None = None,
    ) -> None:
        """See `PPOPolicy`."""
        self.model, self.deterministic, self.observation = model, deterministic, observation
        self.scaler = scaler_of(model, normalize)
        self.made_for = made_for_model(model) if made_for is None else made_for
        self._people: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None
        self._slot = 0
        self._memory: tuple[torch.Tensor, ...] | None = None

    @classmethod
    def train(
        cls,
        parameters: WorldParameters,
        items: Items,
        *,
        seed: int,
        settings: RecurrentPPOSettings,
        callback: BaseCallback | None = None,
    ) -> RecurrentPPOPolicy:
        """Trains on people of `seed`, of which the lower 32 bits count, as PPO is trained."""
        seed = seed % 2**32
        env = make_vec_env(
            "undertow/Feed-v0",
            settings.n_envs,
            keys=consecutive(seed, settings.n_envs),
            world=parameters,
            items=items,
            stagger=True,
            engine="numpy",  # as results are made
        )
        model = RecurrentPPO(
            SkipRecurrentPolicy,
            VecNormalize(env, norm_obs=False, norm_reward=True, gamma=settings.gamma),
            learning_rate=falling(settings.learning_rate),
            n_steps=settings.n_steps,
            batch_size=settings.batch_size,
            n_epochs=settings.n_epochs,
            gamma=settings.gamma,
            gae_lambda=settings.gae_lambda,
            clip_range=settings.clip_range,
            ent_coef=settings.ent_coef,
            vf_coef=settings.vf_coef,
            max_grad_norm=settings.max_grad_norm,
            policy_kwargs={
                "net_arch": list(settings.net),
                "lstm_hidden_size": settings.lstm,
                "shared_lstm": True,
                "enable_critic_lstm": False,
            },
            seed=seed,
            device="cpu",
        )
        silent(model).learn(settings.slots, callback=callback)
        return cls(model, deterministic=settings.deterministic)

    def begin(self, seed: NDArray[np.int64], person: NDArray[np.int64]) -> None:
        """Starts the people (seed, person), int64 (people,), at slot 0 and with an empty memory.

        Raises `PolicyError` where a weight is no number.
        """
        check_weights(self.model)
        self._people, self._slot, self._memory = (seed, person), 0, None

    def act(self, observation: Observed) -> Action:
        """See `Policy`. Draws, where it draws, by the person's own lots."""
        return self._chosen(self._logits(observation))

    def act_within(self, observation: Observed, allowed: NDArray[np.bool_]) -> Action:
        """See `Selective`: the distribution, renormalised on what is allowed."""
        return self._chosen(among(self._logits(observation), allowed))

    def _logits(self, observation: Observed) -> NDArray[np.float32]:
        people = observation.shape[0]
        seen = observation if self.scaler is None else self.scaler.normalize_obs(observation)
        layers, _, units = self.model.policy.lstm_hidden_state_shape
        starts = torch.zeros(people)
        if self._memory is None:
            self._memory = (torch.zeros(layers, people, units), torch.zeros(layers, people, units))
        if self._memory[0].shape[1] != people:
            raise ValueError(
                f"observation: found {people} people; allowed: the {self._memory[0].shape[1]} begun"
            )
        with torch.no_grad():
            recurrent: Any = self.model.policy
            distribution, self._memory = recurrent.get_distribution(
                torch.as_tensor(seen), self._memory, starts
            )
            logits: NDArray[np.float32] = distribution.distribution.logits.numpy()
        return logits

    def _chosen(self, logits: NDArray[np.float32]) -> Action:
        action, self._slot = chosen(logits, self._people, self._slot, self.deterministic)
        return action

    def save(self, path: Path, format: Format = "npz") -> Path:
        """Writes `path`.npz, which cannot run code; see `PPOPolicy.save`."""
        if format == "sb3":
            return save_sb3(self.model, path, self._view(), self.scaler)
        network, arrays = net_of(self.model, self.scaler)
        return write_npz(path, self._view() | {"network": network.model_dump(mode="json")}, arrays)

    def _view(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "observation": self.observation,
            "deterministic": self.deterministic,
            "made_for": self.made_for.model_dump(mode="json", exclude_none=True),
        }

    @classmethod
    def read(cls, note: PolicyNote, network: Network) -> RecurrentPPOPolicy:
        """From the fields of a file that `save` wrote."""
        return cls(
            model_of(network),
            deterministic=note.deterministic,
            observation=note.observation,
            normalize=statistics_of(network),
            made_for=note.made_for,
        )

    @classmethod
    def load_sb3(cls, file: Path) -> RecurrentPPOPolicy:
        """Reads the .zip that `save` wrote. It can run code: only for files that you trust."""
        model, view = load_sb3(file, RecurrentPPO)
        return cls(model, deterministic=view["deterministic"], **extras(view))
