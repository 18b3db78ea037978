"""PPO that is charged for moving people away from where they would have gone by themselves.

    maximise  E[sum_t r_t - penalty d_t],   d = w_x |x - x'| + w_p mean_k |p_k - p'_k|

x, p: the person's stance and taste after the slot; x', p': those of their natural-drift twin, the
same person with the same luck under the neutral feed, or with no feed at all. After Carroll,
Dragan, Russell & Hadfield-Menell 2022, who penalise the distance from a forecast of natural shift.
They forecast with a model learned from logs; here the forecast is exact, since the twin runs beside
the training batch. It is known in training only: no platform has a twin. Any shift is charged,
inward as much as outward. The policy is deployed and measured without the penalty.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper

from undertow.envs.feed_batch import FeedBatch
from undertow.envs.world import Items, State, WorldParameters

from .ppo import PPOPolicy, PPOSettings
from .rules import Chronological
from .vec_env import feed_of

Real = NDArray[np.float32]


class ShiftPenaltySettings(PPOSettings):
    """PPO's settings, and what a shift costs."""

    penalty: float = Field(ge=0, le=1e6, description="minutes a slot and unit of distance")
    forecast: Literal["neutral", "no_feed"] = Field(
        "neutral", description="what the natural-drift twin sees"
    )
    stance_weight: float = Field(1.0, ge=0, le=100, description="of the distance of stances")
    taste_weight: float = Field(1.0, ge=0, le=100, description="of the mean distance of tastes")


def distance(here: State, natural: State, settings: ShiftPenaltySettings) -> Real:
    """The d of each person, (people,), between two states of the same people."""
    stance = np.abs(here.stance - natural.stance)
    taste = np.mean(np.abs(here.taste - natural.taste), axis=1)
    apart: Real = settings.stance_weight * stance + settings.taste_weight * taste
    return apart


class ShiftPenalty(VecEnvWrapper):
    """A `FeedVecEnv`, wrapped or not, whose reward is less `penalty` times the distance.

    The twin batch holds the same people at the same slots and restarts with them. `apart` is the
    distance after the last step, (people,).
    """

    leaves_observations = True

    def __init__(self, venv: VecEnv, settings: ShiftPenaltySettings) -> None:
        super().__init__(venv)
        self.settings = settings
        self._feed = feed_of(venv)
        people = self._feed.batch
        # On the same engine, so that whoever shows the neutral feed is charged exactly nothing.
        self._twin = FeedBatch(
            people.parameters, people.people, items=people.items, engine=people.engine
        )
        self._neutral = Chronological(people.items.supply)
        # Twins without a feed keep the app closed; that they may churn moves no stance or taste.
        self._away = np.full(people.people, settings.forecast == "no_feed")
        self.apart: Real = np.zeros(people.people, dtype=np.float32)

    def reset(self) -> Any:
        """Starts everybody, and their twins."""
        seen = self.venv.reset()
        self._twin.start(self._feed.batch.seed, self._feed.batch.person)
        return seen

    def step_wait(self) -> Any:
        """Plays one slot for everybody and their twins."""
        seen, reward, done, infos = self.venv.step_wait()
        twin = self._twin
        twin.step(self._neutral.newest(twin.seed, twin.person, twin.slot + 1), self._away)
        assert self._feed.reached is not None
        self.apart = distance(self._feed.reached, twin.state, self.settings)
        twin.restart(done)
        return seen, reward - self.settings.penalty * self.apart, done, infos


class _Logged(BaseCallback):
    """Logs the mean distance of each rollout as `shift/distance`."""

    def _on_rollout_start(self) -> None:
        self._apart: list[float] = []

    def _on_step(self) -> bool:
        penalised: Any = self.training_env
        self._apart.append(float(np.mean(penalised.apart)))
        return True

    def _on_rollout_end(self) -> None:
        self.logger.record("shift/distance", float(np.mean(self._apart)))


class ShiftPenaltyPolicy(PPOPolicy):
    """A PPO trained under the penalty; it acts, is saved and is loaded as a PPO is."""

    kind: ClassVar[str] = "ppo_shift_penalty"

    @classmethod
    def train_penalised(
        cls,
        parameters: WorldParameters,
        items: Items,
        *,
        observation: str,
        seed: int,
        settings: ShiftPenaltySettings,
        callback: BaseCallback | None = None,
    ) -> ShiftPenaltyPolicy:
        """As `PPOPolicy.train`, with the penalty of `settings` taken off the reward."""
        return cls._learned(
            parameters,
            items,
            observation=observation,
            seed=seed,
            settings=settings,
            callbacks=[_Logged(), *([] if callback is None else [callback])],
            wrapped=lambda env: ShiftPenalty(env, settings),
        )
