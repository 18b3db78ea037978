"""Averages a policy's weights over the last rollouts of its training.

    theta = mean of theta_k over the updates k of the last `share` of training

The last iterate of a method that seeks a saddle point goes round it, and the mean of the iterates
comes to it (Nedić & Ozdaglar 2009); for networks, averaging weights is known to serve as well
(Polyak & Juditsky 1992; Izmailov et al. 2018). PPO-Lagrangian is such a method: when its multiplier
is high its costs are still falling, and when they are low it has yet to come down.
"""

from __future__ import annotations

import torch
from stable_baselines3.common.callbacks import BaseCallback
from torch.nn.utils import parameters_to_vector, vector_to_parameters


class WeightAveraging(BaseCallback):
    """Puts the mean of the weights after each of the last updates in their place, at the end.

    share: of training, above 0 and at most 1, at its end. Training itself is left as it is.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        if not 0.0 < share <= 1.0:
            raise ValueError(f"share: found {share}; allowed: above 0, at most 1")
        self.share = share

    def _on_training_start(self) -> None:
        self._sum, self._taken = torch.zeros((), dtype=torch.float64), 0
        self._first = (1.0 - self.share) * self.locals["total_timesteps"]

    def _on_rollout_start(self) -> None:
        if self.num_timesteps > 0 and self.num_timesteps >= self._first:
            self._take()

    def _on_step(self) -> bool:
        return True

    def _on_training_end(self) -> None:
        self._take()
        mean = (self._sum / self._taken).to(torch.float32)
        with torch.no_grad():
            vector_to_parameters(mean, self.model.policy.parameters())

    def _take(self) -> None:
        weights = parameters_to_vector(self.model.policy.parameters()).detach()
        self._sum, self._taken = self._sum + weights, self._taken + 1
