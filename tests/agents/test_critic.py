"""The critic's own lambda, and its head start."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from pydantic import ValidationError

from undertow.agents import PPOSettings
from undertow.agents.critic import DecoupledRolloutBuffer

GAMMA, REWARDS, VALUES, LAST = 0.5, [1.0, 2.0, 4.0], [0.5, -1.0, 3.0], 2.0


def filled(actor, critic, starts=(1, 0, 0)):
    """A buffer of one person and three slots."""
    space = spaces.Box(-1, 1, (1,))
    options = {"gamma": GAMMA, "gae_lambda": actor, "critic_lambda": critic}
    buffer = DecoupledRolloutBuffer(3, space, spaces.Discrete(2), "cpu", n_envs=1, **options)
    one = np.zeros((1, 1), dtype=np.float32)
    for reward, value, start in zip(REWARDS, VALUES, starts, strict=True):
        told = np.array([reward]), np.array([start])
        buffer.add(one, one, *told, torch.tensor([value]), torch.zeros(1))
    buffer.compute_returns_and_advantage(torch.tensor([LAST]), np.array([False]))
    return buffer.advantages[:, 0], buffer.returns[:, 0]


def by_hand(weight):
    """GAE of the three slots, from the equation."""
    following = [*VALUES[1:], LAST]
    rows = zip(REWARDS, VALUES, following, strict=True)
    delta = [reward + GAMMA * after - now for reward, now, after in rows]
    last = delta[2]
    middle = delta[1] + GAMMA * weight * last
    return np.array([delta[0] + GAMMA * weight * middle, middle, last])


@pytest.mark.parametrize("actor, critic", [(0.0, 1.0), (0.2, 0.8), (1.0, 0.0), (0.7, 0.7)])
def test_advantages_go_by_the_actors_lambda_and_returns_by_the_critics(actor, critic):
    advantages, returns = filled(actor, critic)
    assert advantages == pytest.approx(by_hand(actor), rel=1e-6)
    assert returns == pytest.approx(by_hand(critic) + VALUES, rel=1e-6)


def test_lambda_1_of_the_critic_is_the_discounted_return():
    _, returns = filled(0.0, 1.0)
    assert returns[0] == pytest.approx(1 + 0.5 * 2 + 0.25 * 4 + 0.125 * LAST)


def test_nothing_is_carried_over_the_end_of_an_episode():
    advantages, returns = filled(1.0, 1.0, starts=(1, 0, 1))
    assert returns[1] == pytest.approx(2.0) and advantages[1] == pytest.approx(2.0 + 1.0)


def test_in_the_warmup_only_the_critic_moves(train):
    """One rollout, which belongs to the critic alone."""
    start = train("oracle", slots=1, learning_rate=1e-12).model.policy.state_dict()
    held = train("oracle", slots=1, critic_warmup=0.9).model.policy.state_dict()
    moved = {name for name in start if (held[name] - start[name]).abs().max() > 1e-6}
    critic = {name for name in start if "value" in name}
    assert moved == critic and len(critic) < len(start)


def test_after_the_warmup_the_actor_moves_too(train):
    start = train("oracle", slots=1, learning_rate=1e-12).model.policy.state_dict()
    after = train("oracle", slots=2048, critic_warmup=0.5).model.policy.state_dict()
    assert all((after[name] - start[name]).abs().max() > 1e-6 for name in start)


@pytest.mark.parametrize("wrong", [{"critic_lambda": 1.1}, {"critic_warmup": 1.0}])
def test_a_bad_setting_is_refused_by_name(wrong):
    (name,) = wrong
    with pytest.raises(ValidationError, match=name):
        PPOSettings(**wrong)
