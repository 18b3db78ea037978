"""undertow compare greedy bring_your_own:best_first bring_your_own:my_ppo   (in this folder)"""

import numpy as np
from stable_baselines3 import PPO

from undertow.agents import PPOPolicy, make_vec_env


class BestFirst:
    kind, observation = "best_first", "platform"

    def __init__(self, items):
        self.best = np.argsort(-items.quality)[:10]

    def begin(self, seed, person):
        self.person, self.slot = person, 0

    def act(self, observation):
        self.slot += 1
        return self.best[(self.person + self.slot) % self.best.size]


def best_first(parameters, items):
    return BestFirst(items)


def my_ppo(parameters, items, slots=50_000):
    env = make_vec_env("undertow/Feed-v0", n_envs=64, seed=0, world=parameters, items=items)
    return PPOPolicy(PPO("MlpPolicy", env, n_steps=64, batch_size=512).learn(slots), "platform")
