import numpy as np
import pytest
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.policies import ActorCriticPolicy

from undertow.agents import make_vec_env
from undertow.agents.skip_policy import SkipActorCriticPolicy


@pytest.fixture(scope="module")
def policy():
    env = make_vec_env("undertow/Feed-v0", n_envs=4, seed=0)
    return PPO(SkipActorCriticPolicy, env, seed=0, device="cpu").policy


@pytest.mark.parametrize("people", [None, 1, 5])
def test_the_short_ways_give_what_sb3_gives_to_the_bit(policy, people):
    size = policy.observation_space.shape[0]
    shape = (size,) if people is None else (people, size)
    seen = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    tensor, vectorized = policy.obs_to_tensor(seen)
    expected, as_sb3 = ActorCriticPolicy.obs_to_tensor(policy, seen)
    assert vectorized == as_sb3 and torch.equal(tensor, expected)
    with torch.no_grad():
        values = policy.predict_values(tensor)
        assert torch.equal(values, ActorCriticPolicy.predict_values(policy, expected))


def test_an_observation_of_another_size_is_refused(policy):
    with pytest.raises(ValueError, match="observation shape"):
        policy.obs_to_tensor(np.zeros(3, dtype=np.float32))
