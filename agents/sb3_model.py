"""What belongs to a model of stable-baselines3 beside its weights, and its net as a policy's file.

A model acts on what its environment gave it. Statistics of `VecNormalize` and masks of actions are
taken along; anything else between the world and the model is refused by name, for such a model
would be measured unlike it acts.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium import wrappers
from gymnasium.spaces import Box, Discrete, MultiDiscrete
from numpy.typing import NDArray
from sb3_contrib import MaskablePPO, RecurrentPPO
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from sb3_contrib.common.maskable.utils import is_masking_supported
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from stable_baselines3 import PPO
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import FlattenExtractor
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    SubprocVecEnv,
    VecCheckNan,
    VecMonitor,
    VecNormalize,
    VecVideoRecorder,
)
from stable_baselines3.common.vec_env.base_vec_env import VecEnvWrapper

from .made_for import MadeFor
from .network import Network, NetworkNote, in_file, scaled
from .policy import Observed
from .policy_file import Arrays, PolicyError
from .skip_policy import SkipActorCriticPolicy
from .skip_recurrent import SkipRecurrentPolicy
from .vec_env import FeedVecEnv

Masks = Callable[[Observed], NDArray[np.bool_]]

_HARMLESS = (VecMonitor, VecCheckNan, VecVideoRecorder)
# Of Gymnasium's wrappers, those that leave observations and actions as they are.
_LEAVE = (
    *("TimeLimit", "Autoreset", "PassiveEnvChecker", "OrderEnforcing", "RecordEpisodeStatistics"),
    *("RecordVideo", "RenderCollection", "HumanRendering", "AddWhiteNoise", "ObstructView"),
    *("NormalizeReward", "TransformReward", "ClipReward"),
)
_WITHOUT = "or FunctionPolicy with a function that does the same to what it is given"
# Classes of policies whose net a file can hold: whether it has the straight path.
_NETS: dict[type, bool] = {
    ActorCriticPolicy: False,
    MaskableActorCriticPolicy: False,
    RecurrentActorCriticPolicy: False,
    SkipActorCriticPolicy: True,
    SkipRecurrentPolicy: True,
}
_ACTIVATIONS = {"Tanh": torch.nn.Tanh, "ReLU": torch.nn.ReLU, "Identity": torch.nn.Identity}


@dataclass(frozen=True)
class Statistics:
    """Mean and variance of each column that a model was trained to see scaled away."""

    mean: NDArray[np.float64]
    var: NDArray[np.float64]
    clip: float
    epsilon: float

    @classmethod
    def of(cls, vec: VecNormalize) -> Statistics:
        """As they stand in `vec`."""
        rms: Any = vec.obs_rms
        return cls(rms.mean.copy(), rms.var.copy(), float(vec.clip_obs), float(vec.epsilon))

    def normalize_obs(self, observation: Observed) -> Observed:
        """As `VecNormalize` does it."""
        return scaled(observation, self.mean, self.var, clip=self.clip, epsilon=self.epsilon)


Scaler = VecNormalize | Statistics


def scaler_of(model: Any, given: Scaler | None) -> Scaler | None:
    """What scales observations for this model; None if nothing does.

    given: for a model that was loaded without its environment. Raises `PolicyError` for what cannot
    be taken along.
    """
    name, env = type(model).__name__, model.get_env()
    found = None if env is None else _normalizer(env, name)
    if given is not None:
        return given if not isinstance(given, VecNormalize) or given.norm_obs else None
    if env is None and _saw_scaled(model):
        raise PolicyError(
            f"policy {name}: was trained behind VecNormalize, whose statistics are not with it; "
            "allowed: normalize=VecNormalize.load(FILE, ENV)"
        )
    return found


def _saw_scaled(model: Any) -> bool:
    """Whether the last observation in training differs from what the world gave."""
    last: Any = getattr(model, "_last_obs", None)
    original: Any = getattr(model, "_last_original_obs", None)
    return original is not None and not np.array_equal(last, original)


def _normalizer(env: Any, name: str) -> VecNormalize | None:
    found: list[VecNormalize] = []
    while isinstance(env, VecEnvWrapper):
        if isinstance(env, VecNormalize):
            if env.norm_obs:
                found.append(env)
        elif not isinstance(env, _HARMLESS) and not getattr(env, "leaves_observations", False):
            raise PolicyError(
                f"policy {name}: was trained behind {type(env).__name__}, which is not taken "
                "along; allowed: VecNormalize, VecMonitor, VecCheckNan, VecVideoRecorder, a "
                f"wrapper with leaves_observations = True, {_WITHOUT}"
            )
        env = env.venv
    if isinstance(env, DummyVecEnv | SubprocVecEnv):
        _refuse_wrapped(env, name)
    if len(found) > 1:
        raise PolicyError(
            f"policy {name}: was trained behind {len(found)} VecNormalize; allowed: one, {_WITHOUT}"
        )
    return found[0] if found else None


def _refuse_wrapped(env: DummyVecEnv | SubprocVecEnv, name: str) -> None:
    """Of environments that Gymnasium's wrappers stand before."""
    try:
        for wrapper in (*_changing(), gym.ObservationWrapper, gym.ActionWrapper):
            if any(env.env_is_wrapped(wrapper, indices=0)):
                raise PolicyError(
                    f"policy {name}: was trained behind {wrapper.__name__}, which is not taken "
                    f"along; allowed: {', '.join(_LEAVE)}, {_WITHOUT}"
                )
    except (EOFError, OSError):
        raise PolicyError(
            f"policy {name}: its environments are closed, and what stood before them cannot be "
            "seen; allowed: making the policy before env.close()"
        ) from None


def _changing() -> list[type[gym.Wrapper]]:
    """Gymnasium's wrappers that change what a model sees or does; those that can be imported."""
    found = []
    for name in set(wrappers.__all__) - set(_LEAVE):
        with suppress(ImportError, gym.error.DependencyNotInstalled):
            wrapper = getattr(wrappers, name)
            if isinstance(wrapper, type) and issubclass(wrapper, gym.Wrapper):
                found.append(wrapper)
    return found


def masks_of(model: Any, given: Masks | None) -> Masks | None:
    """The masks that a model acts under; raises `PolicyError` where they are not at hand."""
    if given is not None and isinstance(model.action_space, MultiDiscrete):
        raise PolicyError("masks: found with slates; allowed: with one item that leads")
    env = model.get_env()
    if given is None and isinstance(model, MaskablePPO):
        if env is None or is_masking_supported(env):
            raise PolicyError(
                "policy MaskablePPO: acts under masks that its environment gave it; allowed: "
                "masks=FUNCTION, of observations (people, size), which gives bool (people, items)"
            )
    return given


def made_for_model(model: Any) -> MadeFor:
    """What a model was made for, by its environment where it is here, else by its spaces."""
    env, space = model.get_env(), model.action_space
    size = int(np.prod(model.observation_space.shape or (1,)))
    while isinstance(env, VecEnvWrapper):
        env = env.venv
    if isinstance(env, FeedVecEnv) and type(env) is FeedVecEnv:
        batch = env.batch
        slate = getattr(batch, "slate", None)
        return MadeFor.of(batch.parameters, batch.items, size=size, slate=slate)
    if isinstance(space, MultiDiscrete):
        return MadeFor(items=int(space.nvec[0]), places=int(space.nvec.size), size=size)
    return MadeFor(items=int(space.n), size=size)


def check_weights(model: Any) -> None:
    """Raises `PolicyError` for a net with a weight that is no number: it would act as item 0."""
    for name, weight in model.policy.state_dict().items():
        if not bool(torch.isfinite(weight).all()):
            raise PolicyError(
                f"policy {type(model).__name__}: {name}: found weights that are NaN or infinite; "
                "allowed: finite numbers"
            )


def net_of(model: Any, scaler: Scaler | None) -> tuple[NetworkNote, Arrays]:
    """A model's net as the note and arrays of a file; raises `PolicyError` for nets of other kinds.

    What is kept is the net, not what trained it.
    """
    policy, space = model.policy, model.action_space
    straight = _NETS.get(type(policy))
    activation = getattr(policy, "activation_fn", type(None)).__name__
    reasons = {
        f"a {type(policy).__name__}": straight is None,
        f"observations in {model.observation_space}": not _flat(model.observation_space),
        f"actions in {space}": not isinstance(space, Discrete | MultiDiscrete),
        "another features extractor": type(getattr(policy, "features_extractor", None))
        is not FlattenExtractor,
        f"activation {activation}": activation not in _ACTIVATIONS,
    }
    if wrong := [reason for reason, holds in reasons.items() if holds]:
        raise PolicyError(
            f"policy {type(model).__name__}: found {wrong[0]}; allowed in the safe format: an MLP, "
            'or one with an LSTM, over a flat observation; save(path, format="sb3") takes any'
        )
    hidden = policy.net_arch if isinstance(policy.net_arch, dict) else None
    statistics = Statistics.of(scaler) if isinstance(scaler, VecNormalize) else scaler
    note = NetworkNote.model_validate({
        "size": model.observation_space.shape[0],
        "actions": space.nvec.tolist() if isinstance(space, MultiDiscrete) else [int(space.n)],
        "places": isinstance(space, MultiDiscrete),
        "straight": straight,
        "actor": policy.net_arch if hidden is None else hidden.get("pi", []),
        "critic": policy.net_arch if hidden is None else hidden.get("vf", []),
        "activation": activation,
        "prior": float(getattr(policy, "prior", 0.0)),
        "memory": _memory(policy),
        "scaling": statistics and {"clip": statistics.clip, "epsilon": statistics.epsilon},
    })  # fmt: skip
    weights = {name: weight.numpy() for name, weight in policy.state_dict().items()}
    arrays = in_file(weights, None if statistics is None else (statistics.mean, statistics.var))
    return note, Network(note, arrays).arrays


def _flat(space: Any) -> bool:
    return isinstance(space, Box) and len(space.shape) == 1


def _memory(policy: Any) -> dict[str, Any] | None:
    lstm = getattr(policy, "lstm_actor", None)
    if lstm is None:
        return None
    critic = "shared" if policy.shared_lstm else "own" if policy.enable_critic_lstm else "none"
    return {"units": lstm.hidden_size, "layers": lstm.num_layers, "critic": critic}


def model_of(network: Network) -> Any:
    """The net of a file as a PPO or RecurrentPPO of stable-baselines3: its logits, to the bit."""
    note = network.note
    kwargs: dict[str, Any] = {
        "net_arch": {"pi": list(note.actor), "vf": list(note.critic)},
        "activation_fn": _ACTIVATIONS[note.activation],
    }
    policy: type = SkipActorCriticPolicy if note.straight else ActorCriticPolicy
    if note.memory is not None:
        policy = SkipRecurrentPolicy if note.straight else RecurrentActorCriticPolicy
        kwargs |= {
            "lstm_hidden_size": note.memory.units,
            "n_lstm_layers": note.memory.layers,
            "shared_lstm": note.memory.critic == "shared",
            "enable_critic_lstm": note.memory.critic == "own",
        }
    elif note.straight:
        kwargs["prior"] = note.prior
    kind: Any = PPO if note.memory is None else RecurrentPPO
    model = kind(policy, None, device="cpu", policy_kwargs=kwargs, _init_setup_model=False)
    model.observation_space = Box(-np.inf, np.inf, (note.size,), np.float32)
    model.action_space = (
        MultiDiscrete(np.array(note.actions)) if note.places else Discrete(note.actions[0])
    )
    model.n_envs, model.n_steps = 1, 2  # its buffer is not used
    with torch.random.fork_rng(devices=[]):  # first weights are drawn, to be written over
        model._setup_model()
    # Copied: torch warns of memory that cannot be written to.
    weights = {name: torch.from_numpy(np.array(w)) for name, w in network.weights.items()}
    model.policy.load_state_dict(weights)
    model.policy.set_training_mode(False)
    return model


def statistics_of(network: Network) -> Statistics | None:
    """How a file's observations are scaled."""
    scaling = network.note.scaling
    if scaling is None:
        return None
    mean, var = network.arrays["scaling.mean"], network.arrays["scaling.var"]
    return Statistics(mean, var, scaling.clip, scaling.epsilon)


def silent(model: Any) -> Any:
    """The model with a logger that writes nowhere: SB3's own makes a folder for each training."""
    model.set_logger(Logger(folder=None, output_formats=[]))
    return model
