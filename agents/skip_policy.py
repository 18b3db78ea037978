"""SB3's actor-critic MLP with a straight path from the observation to the last layer.

Rates and shares in the observation are nearly proportional to what an item is worth; a linear path
reads them at once, and the hidden layers learn the rest (residual learning: He et al. 2016).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import MlpExtractor


class _SkipExtractor(MlpExtractor):
    def __init__(self, feature_dim: int, policy: ActorCriticPolicy) -> None:
        super().__init__(
            feature_dim,
            net_arch=policy.net_arch,
            activation_fn=policy.activation_fn,
            device=policy.device,
        )
        self.latent_dim_pi += feature_dim
        self.latent_dim_vf += feature_dim

    def forward_actor(self, features: torch.Tensor) -> torch.Tensor:
        """Hidden features of the actor beside its input."""
        return torch.cat([features, super().forward_actor(features)], dim=1)

    def forward_critic(self, features: torch.Tensor) -> torch.Tensor:
        """Hidden features of the critic beside its input."""
        return torch.cat([features, super().forward_critic(features)], dim=1)


class SkipActorCriticPolicy(ActorCriticPolicy):
    """`MlpPolicy` with the straight path.

    prior: what the last columns of the observation, one an action, weigh in that action's logit
    before training. With the oracle's view these rank items by expected minutes, so learning
    starts near greedy and has to find only what lies beyond it (residual policy learning: Silver
    et al. 2018).
    """

    def __init__(self, *args: Any, prior: float = 0.0, **kwargs: Any) -> None:
        self.prior = prior
        super().__init__(*args, **kwargs)

    def predict_values(self, obs: torch.Tensor) -> torch.Tensor:
        """As SB3's, for observations that are flat already: it is asked for each who ends."""
        return self.value_net(self.mlp_extractor.forward_critic(obs))

    def obs_to_tensor(self, observation: Any) -> tuple[torch.Tensor, bool]:
        """As SB3's, and quicker for flat observations, (size,) or (people, size)."""
        size = self.observation_space.shape
        if not isinstance(observation, np.ndarray) or observation.shape[-1:] != size:
            return super().obs_to_tensor(observation)  # says what is wrong
        single = observation.ndim == 1
        rows = observation[None] if single else observation
        return torch.as_tensor(rows, device=self.device), not single

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return super()._get_constructor_parameters() | {"prior": self.prior}

    def _build_mlp_extractor(self) -> None:
        self.mlp_extractor = _SkipExtractor(self.features_dim, self)

    def _build(self, lr_schedule: Any) -> None:
        super()._build(lr_schedule)
        if self.prior:
            actions = self.action_net.out_features
            seen = self.features_dim
            with torch.no_grad():
                self.action_net.weight[:, seen - actions : seen] += self.prior * torch.eye(actions)
