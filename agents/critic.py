"""What keeps the critic's errors out of the actor: its own lambda, and a head start.

Value pretraining and decoupled GAE: Yuan et al. 2025 (VC-PPO, arXiv 2503.01491).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import BaseCallback


class DecoupledRolloutBuffer(RolloutBuffer):
    """SB3's buffer with one lambda for the actor (`gae_lambda`) and one for the critic.

        A_t = delta_t + gamma gae_lambda A_{t+1}                  what the actor is told
        R_t = V(s_t) + (the same sum with critic_lambda)          what the critic learns

    Small for the actor, because each further term brings the luck of another session; large for
    the critic, because with a small one it learns only slowly what lies far ahead.
    """

    def __init__(self, *args: Any, critic_lambda: float, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.critic_lambda = critic_lambda

    def compute_returns_and_advantage(self, last_values: torch.Tensor, dones: np.ndarray) -> None:
        """Fills `returns` by the critic's lambda and `advantages` by the actor's."""
        actor_lambda, self.gae_lambda = self.gae_lambda, self.critic_lambda
        super().compute_returns_and_advantage(last_values, dones)
        returns, self.gae_lambda = self.returns, actor_lambda
        super().compute_returns_and_advantage(last_values, dones)
        self.returns = returns


class CriticWarmup(BaseCallback):
    """Holds the actor still for the first `share` of training, so that it starts on a fair critic.

    Matters to an actor that starts good (`greedy_prior`): what an untrained critic tells it would
    undo that start.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share

    def _on_rollout_start(self) -> None:
        free = self.num_timesteps >= self.share * self.locals["total_timesteps"]
        policy: Any = self.model.policy
        for part in (policy.mlp_extractor.policy_net, policy.action_net):
            part.requires_grad_(free)

    def _on_step(self) -> bool:
        return True
