"""Stable-baselines3 PPO on the native `VecEnv`; its settings are the config's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import torch
from gymnasium.spaces import MultiDiscrete
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback, CallbackList
from stable_baselines3.common.vec_env import VecEnv, VecNormalize

from undertow.envs.world import Items, Slate, WorldParameters

from .averaging import WeightAveraging
from .critic import CriticWarmup, DecoupledRolloutBuffer
from .lots import among, chosen
from .made_for import MadeFor
from .network import Network
from .network_policy import PolicyNote
from .policy import Action, Observed
from .policy_file import PolicyError, write_npz
from .sb3_file import Format, extras, load_sb3, save_sb3
from .sb3_model import (
    Masks,
    Scaler,
    check_weights,
    made_for_model,
    masks_of,
    model_of,
    net_of,
    scaler_of,
    silent,
    statistics_of,
)
from .skip_policy import SkipActorCriticPolicy
from .vec_env import consecutive, make_vec_env

#: Hidden units of each layer; YAML and JSON have lists for it.
Layers = Annotated[
    tuple[Annotated[int, Field(ge=1, le=65_536)], ...], Field(strict=False, max_length=64)
]


class PPOSettings(BaseModel):
    """Hyperparameters of PPO (Schulman et al. 2017) and of its training."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    slots: int = Field(1_500_000, ge=1, le=10**12, description="person-slots of training")
    n_envs: int = Field(512, ge=1, le=10**7, description="people in the batch")
    n_steps: int = Field(64, ge=1, le=10**6, description="slots a person between updates")
    batch_size: int = Field(4096, ge=2, le=10**9, description="minibatch")
    n_epochs: int = Field(4, ge=1, le=10_000, description="passes over a rollout")
    learning_rate: float = Field(6e-3, gt=0, le=1, description="at the start; falls linearly to 0")
    gamma: float = Field(0.97, ge=0, le=1, description="discount a slot; 0 is the myopic agent")
    gae_lambda: float = Field(0.2, ge=0, le=1, description="GAE lambda of the actor's advantages")
    critic_lambda: float = Field(0.8, ge=0, le=1, description="lambda of the critic's targets")
    critic_warmup: float = Field(
        0.0, ge=0, lt=1, description="share of training in which only the critic learns"
    )
    clip_range: float = Field(0.2, gt=0, le=1, description="PPO clip")
    ent_coef: float = Field(0.0, ge=0, le=1, description="entropy bonus")
    vf_coef: float = Field(0.5, ge=0, le=10, description="weight of the value loss")
    max_grad_norm: float = Field(0.5, gt=0, le=100, description="gradient clip")
    net: Layers = Field((64, 64), description="hidden units of policy and value net")
    greedy_prior: float = Field(
        0.0,
        ge=0,
        le=100,
        description="weight of expected minutes in the first logits (oracle only)",
    )
    deterministic: bool = Field(False, description="deploy the likeliest item, not a draw")
    # These are not in the dump of settings that leave them: their configs' hash stays what it was.
    averaging: float = Field(
        0.0,
        ge=0,
        le=1,
        exclude_if=lambda share: share == 0.0,
        description="share of training, at its end, over which weights are averaged; 0 is the last",
    )
    engine: Literal["numpy", "numba"] = Field(
        "numpy",
        exclude_if=lambda engine: engine == "numpy",
        description="what plays the world in training; numba is faster (undertow[fast])",
    )

    @model_validator(mode="after")
    def _rolls_out(self) -> Self:
        check_rollout(self.n_envs, self.n_steps)
        return self


class PPOPolicy:
    """A trained PPO behind the protocol of all policies; also A2C, TRPO and MaskablePPO.

    normalize: statistics of observations, for a model that was loaded without its environment; with
    it, they are taken from its `VecNormalize`. masks: of observations (people, size), which items
    may lead, bool (people, items). Raises `PolicyError` for a model that would be measured unlike
    it acts: see `sb3_model`.
    """

    kind: ClassVar[str] = "ppo"

    def __init__(
        self,
        model: Any,
        observation: str,
        *,
        deterministic: bool = False,
        normalize: Scaler | None = None,
        masks: Masks | None = None,
        made_for: MadeFor | None = None,
    ) -> None:
        if not hasattr(model.policy, "get_distribution"):
            raise PolicyError(
                f"policy {type(model).__name__}: has no distribution over items; allowed: PPO, "
                "A2C, TRPO, MaskablePPO, and from_sb3 for others"
            )
        self.model, self.observation, self.deterministic = model, observation, deterministic
        self.scaler, self.masks = scaler_of(model, normalize), masks_of(model, masks)
        self.made_for = made_for_model(model) if made_for is None else made_for
        self._people: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None
        self._slot = 0

    @classmethod
    def train(
        cls,
        parameters: WorldParameters,
        items: Items,
        *,
        observation: str,
        seed: int,
        settings: PPOSettings,
        callback: BaseCallback | None = None,
        tensorboard_log: str | None = None,
        slate: Slate | None = None,
    ) -> Self:
        """Trains on people of `seed`; rewards are scaled by their running spread, as is usual.

        slate: how a slate is read where it fills slates. Of `seed` the lower 32 bits count: that is
        what stable-baselines3 seeds everything with.
        """
        return cls._learned(
            parameters,
            items,
            observation=observation,
            seed=seed,
            settings=settings,
            callbacks=[] if callback is None else [callback],
            tensorboard_log=tensorboard_log,
            slate=slate,
        )

    @classmethod
    def _learned(
        cls,
        parameters: WorldParameters,
        items: Items,
        *,
        observation: str,
        seed: int,
        settings: PPOSettings,
        callbacks: list[BaseCallback],
        buffer: type[DecoupledRolloutBuffer] = DecoupledRolloutBuffer,
        wrapped: Callable[[VecEnv], VecEnv] | None = None,
        tensorboard_log: str | None = None,
        slate: Slate | None = None,
    ) -> Self:
        seed = seed % 2**32
        env = make_vec_env(
            "undertow/Feed-v0",
            settings.n_envs,
            keys=consecutive(seed, settings.n_envs),
            world=parameters,
            observation=observation,
            items=items,
            stagger=True,
            engine=settings.engine,
            slate=slate,
        )
        if wrapped is not None:
            env = wrapped(env)
        if settings.greedy_prior and observation != "oracle":
            raise ValueError(
                f"greedy_prior: found {settings.greedy_prior} with the {observation} view; "
                "allowed: 0, or the oracle view, whose last columns are expected minutes"
            )
        if settings.greedy_prior and slate is not None:
            raise ValueError(f"greedy_prior: found {settings.greedy_prior} with slates; allowed: 0")
        model = learner(env, settings, seed=seed, tensorboard_log=tensorboard_log, buffer=buffer)
        model.learn(
            settings.slots, callback=CallbackList([*callbacks, *training_callbacks(settings)])
        )
        return cls(model, observation, deterministic=settings.deterministic)

    @property
    def places(self) -> int | None:
        """How long the slates are that it fills; None if it leads with one item."""
        space = self.model.action_space
        return space.nvec.size if isinstance(space, MultiDiscrete) else None

    def begin(self, seed: NDArray[np.int64], person: NDArray[np.int64]) -> None:
        """Starts the people (seed, person), int64 (people,), at slot 0.

        Raises `PolicyError` where a weight is no number.
        """
        check_weights(self.model)
        self._people, self._slot = (seed, person), 0

    def act(self, observation: Observed) -> Action:
        """See `Policy`. Draws, where it draws, by the person's own lots."""
        return self._chosen(self._logits(observation))

    def act_within(self, observation: Observed, allowed: NDArray[np.bool_]) -> Action:
        """See `Selective`: the distribution, renormalised on what is allowed."""
        return self._chosen(among(self._logits(observation), allowed))

    def _logits(self, observation: Observed) -> NDArray[np.float32]:
        """(people, items), or (people, size, items) where it fills slates."""
        seen = observation if self.scaler is None else self.scaler.normalize_obs(observation)
        with torch.no_grad():
            distribution = self.model.policy.get_distribution(torch.as_tensor(seen))
            found: Any = distribution.distribution
            places = found if isinstance(found, list) else [found]
            logits = torch.stack([place.logits for place in places], dim=1).numpy()
        if isinstance(found, list):
            return logits
        one = logits[:, 0, :]
        return one if self.masks is None else among(one, self.masks(observation))

    def _chosen(self, logits: NDArray[np.float32]) -> Action:
        action, self._slot = chosen(logits, self._people, self._slot, self.deterministic)
        return action

    def save(self, path: Path, format: Format = "npz") -> Path:
        """Writes `path`.npz, which cannot run code; returns the file.

        format: "sb3" for stable-baselines3's own .zip, readable by `PPO.load`. It holds a pickle,
        which can run code, so `load_policy` wants to be told to trust it. Raises `PolicyError` for
        masks, which are code, and for nets that the safe format cannot hold.
        """
        if self.masks is not None:
            raise PolicyError(f"policy {path}: has masks, a function; allowed: none")
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
    def read(cls, note: PolicyNote, network: Network) -> Self:
        """From the fields of a file that `save` wrote, as a PPO of stable-baselines3."""
        return cls(
            model_of(network),
            note.observation,
            deterministic=note.deterministic,
            normalize=statistics_of(network),
            made_for=note.made_for,
        )

    @classmethod
    def load_sb3(cls, file: Path) -> Self:
        """Reads the .zip that `save` wrote. It can run code: only for files that you trust."""
        model, view = load_sb3(file, PPO)
        return cls(model, view["observation"], deterministic=view["deterministic"], **extras(view))


def check_rollout(n_envs: int, n_steps: int) -> None:
    """Raises `ValueError` for a rollout of one slot, whose advantage has no spread."""
    if n_envs * n_steps < 2:
        raise ValueError(
            f"n_envs, n_steps: found a rollout of {n_envs} x {n_steps} slots; allowed: 2 or more"
        )


def learner(
    env: VecEnv,
    settings: PPOSettings,
    *,
    seed: int,
    tensorboard_log: str | None = None,
    buffer: type[DecoupledRolloutBuffer] = DecoupledRolloutBuffer,
) -> PPO:
    """Stable-baselines3's PPO on `env`, before training, as `settings` have it."""
    model = PPO(
        SkipActorCriticPolicy,
        # gamma also sets how returns are scaled, and 0 would scale by single rewards.
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
        rollout_buffer_class=buffer,
        rollout_buffer_kwargs={"critic_lambda": settings.critic_lambda},
        policy_kwargs={"net_arch": list(settings.net), "prior": settings.greedy_prior},
        seed=seed,
        device="cpu",
        tensorboard_log=tensorboard_log,
    )
    return model if tensorboard_log is not None else silent(model)


def training_callbacks(settings: PPOSettings) -> list[BaseCallback]:
    """What `settings` ask for beyond SB3's PPO; to be given to its `learn`."""
    asked: list[BaseCallback] = []
    if settings.critic_warmup:
        asked.append(CriticWarmup(settings.critic_warmup))
    if settings.averaging:
        asked.append(WeightAveraging(settings.averaging))
    return asked


def falling(start: float) -> Any:
    """A learning rate that falls linearly from `start` to 0, as SB3 asks for it."""

    def rate(remaining: float) -> float:
        return start * remaining

    return rate
