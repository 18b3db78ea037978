"""PPO-Lagrangian: the most watch time that keeps named costs within a budget.

    maximise  E[sum r]   subject to   J_i = E[cost i a day] <= d_i
    A = (A_r - sum_i lambda_i A_i) / (1 + sum_i lambda_i)
    I_i <- max(0, I_i + rate e_i),  lambda_i = max(0, I_i + gain e_i),  e_i = (J_i - d_i) / s_i

Ray, Achiam & Amodei 2019, with the proportional term of Stooke, Achiam & Abbeel 2020, which damps
the swings of a multiplier that only adds up; moved after each rollout. A_i comes from a critic of
its own for each cost, by the same decoupled GAE as the reward's; s_i is the mean size of the cost
in the first rollout, which frees the rates of units. Stable-baselines3's PPO is left as it is: a
callback collects costs, a buffer mixes the advantages. Costs are known in training only: the
simulator tells them, and no platform could.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field, field_validator
from stable_baselines3.common.callbacks import BaseCallback
from torch import nn

from undertow.envs.world import Items, WorldParameters

from .critic import DecoupledRolloutBuffer
from .ppo import PPOPolicy, PPOSettings
from .vec_env import feed_of

Real = NDArray[np.float32]
_HUNDREDTHS = 100.0  # of the axis of stances, as in `info["cost_induced_extremity"]`
_LARGEST = 1e6  # budget; a float32 cannot hold any

#: What a slot costs, (people,): minutes; or hundredths of |x|, outward only, or with its sign.
COSTS = {
    "unendorsed_minutes": lambda outcome: outcome.unendorsed,
    "induced_extremity": lambda outcome: np.maximum(_HUNDREDTHS * outcome.persuasion, 0.0),
    "outward_drift": lambda outcome: _HUNDREDTHS * outcome.persuasion,
}


class LagrangianSettings(PPOSettings):
    """PPO's settings, budgets and how multipliers and cost critics learn."""

    budgets: dict[str, Annotated[float, Field(allow_inf_nan=True)]] = Field(
        min_length=1,
        description="cost: most of it a day and person who is there; .inf for no budget",
    )
    multiplier_rate: float = Field(
        0.005, gt=0, le=10, description="what a multiplier gains in a rollout, an excess"
    )
    multiplier_gain: float = Field(
        0.02, ge=0, le=10, description="what an excess adds to it for one rollout"
    )
    cost_net: int = Field(32, ge=1, le=1024, description="hidden units of each cost's critic")
    cost_rate: float = Field(3e-3, gt=0, le=1, description="learning rate of the cost critics")

    @field_validator("budgets")
    @classmethod
    def _are_costs(cls, budgets: dict[str, float]) -> dict[str, float]:
        for name, budget in budgets.items():
            if name not in COSTS:
                raise ValueError(f"budgets: found {name!r}; allowed: {', '.join(COSTS)}")
            if budget != np.inf and not abs(budget) <= _LARGEST:
                raise ValueError(f"budgets.{name}: found {budget:g}; allowed: -1e6 to 1e6, or .inf")
        return budgets


def mixed(reward: Real, costs: Real, multipliers: Real) -> Real:
    """The advantage that the actor is told: (slots, people), (costs, slots, people), (costs,)."""
    price = np.tensordot(multipliers, costs, axes=1)
    told: Real = ((reward - price) / (1.0 + multipliers.sum())).astype(np.float32)
    return told


def stepped(integral: Real, excess: Real, rate: float, gain: float) -> tuple[Real, Real]:
    """Integral and multipliers after a rollout; excess: (J - d) / s, -inf without a budget."""
    summed: Real = np.maximum(integral + rate * excess, 0.0).astype(np.float32)
    # A gain of 0 times an excess of -inf would be no number.
    damped = gain * excess if gain else np.where(np.isinf(excess), excess, 0.0)
    multipliers: Real = np.maximum(summed + damped, 0.0).astype(np.float32)
    return summed, multipliers


class LagrangianRolloutBuffer(DecoupledRolloutBuffer):
    """Mixes the costs' advantages into the reward's as soon as these are there."""

    lagrangian: Lagrangian

    def compute_returns_and_advantage(self, last_values: torch.Tensor, dones: np.ndarray) -> None:
        """As in SB3; `advantages` are then the mixed ones, `returns` are the reward's."""
        super().compute_returns_and_advantage(last_values, dones)
        self.advantages = self.lagrangian.told(self, dones)


class Lagrangian(BaseCallback):
    """Collects costs, learns their critics and moves the multipliers; logs all three."""

    def __init__(self, settings: LagrangianSettings, seed: int) -> None:
        super().__init__()
        self.settings, self.seed = settings, seed
        self.names = tuple(settings.budgets)
        self.budgets = np.array([settings.budgets[n] for n in self.names], dtype=np.float32)
        self.integral = np.zeros(len(self.names), dtype=np.float32)
        self.multipliers = self.integral
        self.scale: Real | None = None

    def _init_callback(self) -> None:
        self._env = feed_of(self.training_env)
        self._per_day = self._env.batch.parameters.calendar.slots_per_day
        size = int(np.prod(self._env.observation_space.shape or ()))
        width, count = self.settings.cost_net, len(self.names)
        with torch.random.fork_rng(devices=[]):  # PPO's own draws stay what they are
            torch.manual_seed(self.seed)
            self._critic = nn.Sequential(
                nn.Linear(size, width * count), nn.Tanh(), nn.Linear(width * count, count)
            )
        self._optimiser = torch.optim.Adam(self._critic.parameters(), lr=self.settings.cost_rate)
        self._generator = np.random.Generator(np.random.Philox(self.seed))
        buffer: Any = self.model.rollout_buffer  # type: ignore[attr-defined]
        buffer.lagrangian = self

    def _on_rollout_start(self) -> None:
        self._costs: list[Real] = []
        self._cut: list[tuple[int, int, Real]] = []  # slot, row and last observation of a cut life

    def _on_step(self) -> bool:
        outcome = self._env.outcome
        assert outcome is not None
        for row in np.flatnonzero(self.locals["dones"]):
            info = self.locals["infos"][row]
            if info["TimeLimit.truncated"]:
                self._cut.append((len(self._costs), int(row), info["terminal_observation"]))
        self._costs.append(np.stack([COSTS[name](outcome) for name in self.names]))
        return True

    def told(self, buffer: LagrangianRolloutBuffer, dones: np.ndarray) -> Real:
        """The mixed advantages of a rollout, (slots, people)."""
        raw = np.stack(self._costs, axis=1)  # (costs, slots, people)
        if self.scale is None:
            self.scale = np.maximum(np.abs(raw).mean(axis=(1, 2)), 1e-6).astype(np.float32)
        costs = raw / self.scale[:, None, None]
        gamma = self.settings.gamma
        if self._cut:
            beyond = self._values(np.stack([seen for _, _, seen in self._cut]))
            for (slot, row, _), value in zip(self._cut, beyond.T, strict=True):
                costs[:, slot, row] += gamma * value
        values = self._values(buffer.observations)
        last = self._values(np.asarray(self.model._last_obs))
        ends = np.concatenate([buffer.episode_starts[1:], dones[None]]).astype(np.float32)

        def advantages(lam: float) -> Real:
            return generalised(costs, values, last, ends, gamma, lam)

        self._returns = advantages(self.settings.critic_lambda) + values
        self._daily = raw.mean(axis=(1, 2)) * self._per_day
        return mixed(buffer.advantages, advantages(self.settings.gae_lambda), self.multipliers)

    def _on_rollout_end(self) -> None:
        assert self.scale is not None
        loss = self._learn()
        excess = (self._daily - self.budgets) / (self.scale * self._per_day)
        self.integral, self.multipliers = stepped(
            self.integral, excess, self.settings.multiplier_rate, self.settings.multiplier_gain
        )
        for k, name in enumerate(self.names):
            self.logger.record(f"lagrangian/{name}_a_day", float(self._daily[k]))
            self.logger.record(f"lagrangian/{name}_multiplier", float(self.multipliers[k]))
        self.logger.record("lagrangian/value_loss", loss)

    def _learn(self) -> float:
        """Fits the cost critics to the rollout's returns, as often as PPO passes over it."""
        buffer: Any = self.model.rollout_buffer  # type: ignore[attr-defined]
        seen = torch.as_tensor(buffer.observations.reshape(-1, buffer.observations.shape[-1]))
        target = torch.as_tensor(self._returns.reshape(len(self.names), -1).T.copy())
        loss = torch.zeros(())
        for _ in range(self.settings.n_epochs):
            order = self._generator.permutation(len(seen))
            for first in range(0, len(seen), self.settings.batch_size):
                some = order[first : first + self.settings.batch_size]
                loss = nn.functional.mse_loss(self._critic(seen[some]), target[some])
                self._optimiser.zero_grad()
                loss.backward()
                self._optimiser.step()
        return float(loss.detach())

    def _values(self, observations: np.ndarray) -> Real:
        """Value of each cost, (costs, ...), of observations (..., size)."""
        with torch.no_grad():
            found: Real = self._critic(torch.as_tensor(observations)).numpy()
        return np.moveaxis(found, -1, 0)


def generalised(
    costs: Real, values: Real, last: Real, ends: Real, gamma: float, lam: float
) -> Real:
    """Generalised advantages (Schulman et al. 2016) of each cost, (costs, slots, people).

    values: of each slot's observation; last: after the last slot, (costs, people); ends: 1 where a
    life ended with the slot, (slots, people).
    """
    found = np.zeros_like(costs)
    ahead = np.zeros_like(last)
    following = last
    for slot in reversed(range(costs.shape[1])):
        goes_on = 1.0 - ends[slot]
        error = costs[:, slot] + gamma * following * goes_on - values[:, slot]
        ahead = error + gamma * lam * goes_on * ahead
        found[:, slot], following = ahead, values[:, slot]
    return found


class LagrangianPolicy(PPOPolicy):
    """A trained PPO-Lagrangian; it acts, is saved and is loaded as a PPO is."""

    kind: ClassVar[str] = "ppo_lagrangian"

    @classmethod
    def train_within(
        cls,
        parameters: WorldParameters,
        items: Items,
        *,
        observation: str,
        seed: int,
        settings: LagrangianSettings,
        callback: BaseCallback | None = None,
    ) -> LagrangianPolicy:
        """As `PPOPolicy.train`, within the budgets of `settings`."""
        within = Lagrangian(settings, seed % 2**32)
        policy = cls._learned(
            parameters,
            items,
            observation=observation,
            seed=seed,
            settings=settings,
            callbacks=[within, *([] if callback is None else [callback])],
            buffer=LagrangianRolloutBuffer,
        )
        buffer: Any = policy.model.rollout_buffer
        del buffer.lagrangian  # what trained it is not the policy
        return policy
