"""PPO in one file over `gymnasium.make_vec`, with nothing of Undertow's agents: any trainer fits.

python docs/examples/cleanrl_style_ppo.py
"""

import gymnasium as gym
import numpy as np
import torch
from torch import nn

import undertow.envs  # noqa: F401


def net(size, out):
    return nn.Sequential(nn.Linear(size, 64), nn.Tanh(), nn.Linear(64, out))


def train(updates=20, people=128, steps=32, gamma=0.97, lam=0.5, seed=0, world="default"):
    """Returns mean minutes a slot of each update."""
    torch.manual_seed(seed)
    env = gym.make_vec(
        "undertow/Feed-v0", num_envs=people, vectorization_mode="vector_entry_point", world=world
    )
    size, items = env.single_observation_space.shape[0], env.single_action_space.n
    actor, critic = net(size, items), net(size, 1)
    optimiser = torch.optim.Adam([*actor.parameters(), *critic.parameters()], lr=3e-3)
    seen = torch.as_tensor(env.reset(seed=seed)[0])
    curve = []
    for _ in range(updates):
        rollout = []
        for _ in range(steps):
            with torch.no_grad():
                choice = torch.distributions.Categorical(logits=actor(seen))
                action = choice.sample()
                value, told = critic(seen)[:, 0], choice.log_prob(action)
            after, reward, left, ended, info = env.step(action.numpy())
            reward, left = torch.as_tensor(reward), torch.as_tensor(left)
            bootstrap = torch.zeros(people)
            if ended.any():  # the calendar's end is a cut, not an end: its value goes on
                with torch.no_grad():
                    cut = np.flatnonzero(ended)
                    last = np.stack(list(info["final_obs"][cut]))
                    bootstrap[cut] = critic(torch.as_tensor(last))[:, 0]
            over = left | torch.as_tensor(ended)
            paid = reward / 10 + gamma * bootstrap * torch.as_tensor(ended)
            rollout.append((seen, action, told, value, paid, over.float(), reward))
            seen = torch.as_tensor(after)
        with torch.no_grad():
            following, advantage, gae = critic(seen)[:, 0], [], torch.zeros(people)
        for *_, value, paid, over, _ in reversed(rollout):
            gae = paid + gamma * following * (1 - over) - value + gamma * lam * (1 - over) * gae
            advantage, following = [gae, *advantage], value
        states, actions, tolds, values = (torch.cat([row[k] for row in rollout]) for k in range(4))
        gains = torch.cat(advantage)
        returns, gains = gains + values, (gains - gains.mean()) / (gains.std() + 1e-8)
        for _ in range(4):
            choice = torch.distributions.Categorical(logits=actor(states))
            ratio = (choice.log_prob(actions) - tolds).exp()
            clipped = torch.min(ratio * gains, ratio.clamp(0.8, 1.2) * gains)
            loss = 0.5 * (critic(states)[:, 0] - returns).pow(2).mean() - clipped.mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        curve.append(float(torch.stack([row[6] for row in rollout]).mean()))
    return curve


if __name__ == "__main__":
    for update, minutes in enumerate(train()):
        print(f"update {update}: {minutes:.2f} minutes a slot")
