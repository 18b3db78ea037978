"""Weight averaging: the mean of the last iterates by hand, and nothing else changed."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from stable_baselines3.common.callbacks import BaseCallback

from undertow.agents import (
    LagrangianPolicy,
    LagrangianSettings,
    PPOPolicy,
    PPOSettings,
    load_policy,
)
from undertow.agents.averaging import WeightAveraging
from undertow.envs.world import altered, synthetic, world

WORLD = altered(world("vulnerable"), {"calendar": {"days": 4}})
ITEMS = synthetic(WORLD)
# Six rollouts of 2,048 slots, so the second half is what stands after updates 3 to 6.
SMALL = {"slots": 12_288, "n_envs": 64, "n_steps": 32, "batch_size": 512, "net": (8,)}


class Iterates(BaseCallback):
    """The weights after each update but the last."""

    def __init__(self):
        super().__init__()
        self.found = []

    def _on_rollout_start(self):
        if self.num_timesteps:
            self.found.append(weights(self.model.policy))

    def _on_step(self):
        return True


def weights(policy):
    return torch.cat([p.detach().ravel() for p in policy.parameters()])


def trained(callback=None, **changes):
    settings = PPOSettings.model_validate(SMALL | changes)
    return PPOPolicy.train(
        WORLD, ITEMS, observation="platform", seed=3, settings=settings, callback=callback
    )


@pytest.mark.parametrize("share, first", [(0.5, 3), (1.0, 1), (0.2, 5), (1e-9, 6)])
def test_it_is_the_mean_of_the_weights_after_the_last_updates(share, first):
    seen = Iterates()
    last = weights(trained(seen).model.policy)
    iterates = [*seen.found, last]
    assert len(iterates) == 6
    found = weights(trained(averaging=share).model.policy)
    mean = torch.stack(iterates[first - 1 :]).double().mean(dim=0)
    torch.testing.assert_close(found, mean.float(), rtol=1e-6, atol=1e-8)
    assert torch.equal(found, last) == (first >= 5)  # the last update has learning rate 0


def test_training_itself_is_left_as_it_is():
    without, beside = Iterates(), Iterates()
    trained(without)
    trained(beside, averaging=0.5)
    assert all(torch.equal(a, b) for a, b in zip(without.found, beside.found, strict=True))


def test_infinite_budgets_with_it_are_ppo_with_it():
    settings = LagrangianSettings.model_validate(
        SMALL | {"averaging": 0.5, "budgets": {"outward_drift": np.inf}}
    )
    ours = LagrangianPolicy.train_within(
        WORLD, ITEMS, observation="platform", seed=3, settings=settings
    )
    theirs = trained(averaging=0.5)
    assert torch.equal(weights(ours.model.policy), weights(theirs.model.policy))


def test_it_is_saved_and_acts_as_it_did(tmp_path):
    policy = trained(averaging=0.5)
    loaded = load_policy(policy.save(tmp_path / "averaged"))
    size = policy.model.observation_space.shape[0]
    seen = np.random.default_rng(0).normal(size=(50, size)).astype(np.float32)
    people = np.full(50, 5), np.arange(50)
    for one in (policy, loaded):
        one.begin(*people)
    np.testing.assert_array_equal(policy.act(seen), loaded.act(seen))


def test_settings_that_leave_it_are_dumped_as_they_were():
    assert "averaging" not in PPOSettings().model_dump()
    assert PPOSettings(averaging=0.5).model_dump()["averaging"] == 0.5


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_shares_of_nothing_are_refused(share):
    with pytest.raises(ValidationError, match="averaging"):
        PPOSettings(averaging=share)
    with pytest.raises(ValueError, match=r"share: found .*; allowed: above 0, at most 1"):
        WeightAveraging(share)
