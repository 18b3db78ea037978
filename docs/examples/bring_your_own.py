"""undertow compare greedy bring_your_own:best_first bring_your_own:my_ppo   (in this folder)"""

import numpy as np
from sb3_contrib import QRDQN
from stable_baselines3 import PPO

from undertow.agents import FunctionPolicy, from_sb3, make_vec_env


def best_first(parameters, items):
    best = np.argsort(-items.quality)[:10]

    def choose(observation):  # the last column is how much of the calendar has passed
        slot = np.rint(observation[:, -1] * parameters.calendar.slots).astype(int)
        return best[slot % best.size]

    return FunctionPolicy(choose)


def my_ppo(parameters, items, slots=50_000):
    env = make_vec_env("undertow/Feed-v0", n_envs=64, seed=0, world=parameters, items=items)
    return from_sb3(PPO("MlpPolicy", env, n_steps=64, batch_size=512).learn(slots), "platform")


def my_qrdqn(parameters, items, slots=50_000):
    env = make_vec_env("undertow/Feed-v0", n_envs=64, seed=0, world=parameters, items=items)
    return from_sb3(QRDQN("MlpPolicy", env, train_freq=4, learning_starts=1000).learn(slots))
