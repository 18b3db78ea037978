"""A model of stable-baselines3 or sb3-contrib as a policy, with all that belongs to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from gymnasium.spaces import Discrete, MultiDiscrete
from numpy.typing import NDArray
from sb3_contrib import RecurrentPPO

from .policy import Action, Observed, Policy
from .policy_file import PolicyError
from .ppo import PPOPolicy
from .recurrent_ppo import RecurrentPPOPolicy
from .sb3_model import Masks, Scaler, check_weights, made_for_model, scaler_of


class SB3Policy:
    """A model without a distribution over items, such as DQN or QR-DQN: its best item.

    normalize: see `PPOPolicy`.
    """

    kind: ClassVar[str] = "sb3"

    def __init__(self, model: Any, observation: str, *, normalize: Scaler | None = None) -> None:
        self.model, self.observation = model, observation
        self.scaler, self.made_for = scaler_of(model, normalize), made_for_model(model)

    def begin(self, seed: NDArray[np.int64], person: NDArray[np.int64]) -> None:
        """Remembers nobody; raises `PolicyError` where a weight is no number."""
        check_weights(self.model)

    def act(self, observation: Observed) -> Action:
        """See `Policy`."""
        seen = observation if self.scaler is None else self.scaler.normalize_obs(observation)
        return np.asarray(self.model.predict(seen, deterministic=True)[0])

    def save(self, path: Path) -> Path:
        """Stays where it is: raises `PolicyError`."""
        name = type(self.model).__name__
        raise PolicyError(
            f"policy {path}: a {name} is not saved; allowed: {name}.save, and a function that "
            "loads it, named as module:function"
        )


def from_sb3(
    model: Any,
    observation: str = "platform",
    *,
    deterministic: bool = False,
    normalize: Scaler | None = None,
    masks: Masks | None = None,
) -> Policy:
    """The policy of a trained model; it is measured as it acts.

    observation: the view that it was trained on. deterministic: deploys the likeliest item, which
    DQN and its kin do anyway. normalize, masks: see `PPOPolicy`. Statistics of `VecNormalize` come
    from the model's environment. Raises `PolicyError` for what cannot be taken along, by name.
    """
    name = type(model).__name__
    if not isinstance(model.action_space, Discrete | MultiDiscrete):
        raise PolicyError(
            f"policy {name}: found actions in {model.action_space}; allowed: items, Discrete, or "
            "slates, MultiDiscrete"
        )
    if isinstance(model, RecurrentPPO):
        if masks is not None:
            raise PolicyError(f"masks: found with {name}; allowed: without a memory")
        return RecurrentPPOPolicy(
            model, deterministic=deterministic, observation=observation, normalize=normalize
        )
    if hasattr(model.policy, "get_distribution"):
        return PPOPolicy(
            model, observation, deterministic=deterministic, normalize=normalize, masks=masks
        )
    if masks is not None:
        raise PolicyError(f"masks: found with {name}; allowed: PPO, A2C, TRPO, MaskablePPO")
    return SB3Policy(model, observation, normalize=normalize)
