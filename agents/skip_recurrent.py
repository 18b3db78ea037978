"""sb3-contrib's LSTM policy with the straight path of `skip_policy`, past the LSTM.

The LSTM then has to remember only what the log's own memories do not tell.
"""

from __future__ import annotations

from typing import Any

import torch
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy

from .skip_policy import _SkipExtractor


class SkipRecurrentPolicy(RecurrentActorCriticPolicy):
    """`MlpLstmPolicy` whose nets read the observation beside the LSTM's output."""

    def _build_mlp_extractor(self) -> None:
        self.lstm_output_dim += self.features_dim
        super()._build_mlp_extractor()
        self.mlp_extractor = _SkipExtractor(self.lstm_output_dim, self)

    @staticmethod
    def _process_sequence(
        features: torch.Tensor, lstm_states: Any, episode_starts: torch.Tensor, lstm: Any
    ) -> tuple[torch.Tensor, Any]:
        remembered, states = RecurrentActorCriticPolicy._process_sequence(
            features, lstm_states, episode_starts, lstm
        )
        return torch.cat([features, remembered], dim=1), states
