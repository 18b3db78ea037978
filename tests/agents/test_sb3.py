"""Every algorithm of stable-baselines3 and sb3-contrib that fits, on every id and face."""

import copy
from functools import partial

import gymnasium as gym
import numpy as np
import pytest
import sb3_contrib
import stable_baselines3
import stable_baselines3.common.env_util as sb3_util
from sb3_contrib import ARS, QRDQN, TRPO, MaskablePPO, RecurrentPPO
from sb3_contrib.common.wrappers import ActionMasker
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.callbacks import EvalCallback
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    SubprocVecEnv,
    VecCheckNan,
    VecFrameStack,
    VecNormalize,
)

from undertow.agents import make_vec_env

CALENDAR = {"calendar": {"slots_per_day": 4, "days": 2}, "catalogue": {"items": 8}}
TINY = {"stances": 5, "habits": 2, "satiations": 2, "regrets": 2, "items": 5, "hazard": 0.3}
OPTIONS = {
    "undertow/Feed-v0": {"world": CALENDAR},
    "undertow/FeedSlate-v0": {"world": CALENDAR, "slate": 2},
    "undertow/TinyFeed-v0": {"world": TINY},
    "undertow/Tampering-v0": {},
}
every_id = pytest.mark.parametrize("name", list(OPTIONS))
SMALL = {"policy_kwargs": {"net_arch": [4]}, "device": "cpu", "seed": 0}
ROLLOUT = SMALL | {"n_steps": 4}
VALUES = SMALL | {"learning_starts": 4, "buffer_size": 32, "batch_size": 4, "train_freq": 4}
LSTM = {"net_arch": [4], "lstm_hidden_size": 4}
ALGORITHMS = {
    "PPO": (PPO, "MlpPolicy", ROLLOUT | {"batch_size": 4, "n_epochs": 1}),
    "A2C": (A2C, "MlpPolicy", ROLLOUT),
    "TRPO": (TRPO, "MlpPolicy", ROLLOUT | {"batch_size": 4, "n_critic_updates": 1}),
    "RecurrentPPO": (
        RecurrentPPO,
        "MlpLstmPolicy",
        ROLLOUT | {"batch_size": 4, "n_epochs": 1, "policy_kwargs": LSTM},
    ),
    "MaskablePPO": (MaskablePPO, "MlpPolicy", ROLLOUT | {"batch_size": 4, "n_epochs": 1}),
    "DQN": (DQN, "MlpPolicy", VALUES),
    "QRDQN": (QRDQN, "MlpPolicy", VALUES),
    "ARS": (ARS, "LinearPolicy", {"n_delta": 1, "n_eval_episodes": 1, "device": "cpu", "seed": 0}),
}
CONTINUOUS = {"SAC", "TD3", "DDPG", "TQC", "CrossQ"}
NOT_FOR_SLATES = {"DQN", "QRDQN", "ARS"}


def test_no_algorithm_is_forgotten():
    packages = (stable_baselines3, sb3_contrib)
    there = {name for package in packages for name in package.__all__ if name[0].isupper()} - {
        "HerReplayBuffer"
    }  # a buffer for goals
    assert set(ALGORITHMS) | CONTINUOUS == there


def learned(algorithm, env):
    kind, policy, options = ALGORITHMS[algorithm]
    more = {"use_masking": False} if algorithm == "MaskablePPO" else {}
    model = kind(policy, env, **options)
    return model.learn(8, **more)


# An algorithm that chooses one action cannot choose a slate, and the native environments of the
# other two ids are those of these.
CASES = [
    (algorithm, name, face)
    for algorithm in ALGORITHMS
    for name in OPTIONS
    for face in ("single", "native")
    if not (name == "undertow/FeedSlate-v0" and algorithm in NOT_FOR_SLATES)
    and (face == "single" or name in ("undertow/Feed-v0", "undertow/Tampering-v0"))
]


@pytest.mark.parametrize("algorithm, name, face", CASES)
def test_every_algorithm_that_fits_learns(algorithm, name, face):
    options = OPTIONS[name]
    if face == "single":
        env = gym.make(name, **options)
    else:
        env = make_vec_env(name, 2, seed=0, **options)
    model = learned(algorithm, env)
    assert model.num_timesteps >= 8
    action, _ = model.predict(model.get_env().reset())
    assert env.action_space.contains(action[0])


@every_id
def test_a_name_is_enough_for_sb3(name):
    assert PPO("MlpPolicy", name, **ROLLOUT, batch_size=4).learn(4).num_timesteps == 4
    env = sb3_util.make_vec_env(name, 2, seed=3, env_kwargs=OPTIONS[name])
    seen = env.reset()
    alone = gym.make(name, **OPTIONS[name]).reset(seed=4)[0]
    assert np.array_equal(seen[1], alone)
    env.close()


def test_masks_of_ones_own_reach_the_learner():
    def masks(env):
        return np.arange(env.action_space.n) < 2

    env = ActionMasker(gym.make("undertow/Feed-v0", **OPTIONS["undertow/Feed-v0"]), masks)
    _, policy, options = ALGORITHMS["MaskablePPO"]
    model = MaskablePPO(policy, env, **options).learn(8)
    seen = np.zeros((50, *env.observation_space.shape), dtype=np.float32)
    actions, _ = model.predict(seen, action_masks=np.tile(masks(env), (50, 1)))
    assert actions.max() < 2


@every_id
def test_wrappers_of_sb3_and_its_evaluation(name):
    options = OPTIONS[name]

    def wrapped(seed):
        native = make_vec_env(name, 2, seed=seed, **options)
        return VecFrameStack(VecCheckNan(VecNormalize(native)), 2)

    env, evaluation = wrapped(0), wrapped(1)
    model = PPO("MlpPolicy", env, **ROLLOUT, batch_size=4)
    model.learn(8, callback=EvalCallback(evaluation, eval_freq=4, n_eval_episodes=2, verbose=0))
    mean, _ = evaluate_policy(model, env, n_eval_episodes=2, warn=False)
    assert np.isfinite(mean)


def made(name):
    return gym.make(name, **OPTIONS[name])


def test_processes_that_are_spawned():
    """What is sent to a new process is the environment's recipe, and in some tools itself."""
    name = "undertow/Feed-v0"
    env = made(name)
    env.reset(seed=1)
    env.step(0)
    vec = SubprocVecEnv([partial(copy.deepcopy, env)], start_method="spawn")
    try:
        ((seen, reward, *_),) = vec.env_method("step", 3)
        expected = env.step(3)
        assert np.array_equal(seen, expected[0]) and reward == expected[1]
        vec.seed(4)
        assert np.array_equal(vec.reset()[0], made(name).reset(seed=4)[0])
    finally:
        vec.close()


# --- some rows alone ------------------------------------------------------------------------------


@every_id
def test_what_is_asked_of_some_rows_is_refused_and_of_all_is_done_once(name):
    env = make_vec_env(name, 3, seed=0, **OPTIONS[name])
    env.reset()
    before = env.unwrapped.batch.person
    for indices in ([2], 0, [0, 1], np.array([1])):
        with pytest.raises(ValueError, match=r"indices: found .*; allowed: None, which is every"):
            env.env_method("reset", indices=indices)
        with pytest.raises(ValueError, match=r"indices: found .*; allowed: None, which is every"):
            env.set_attr("label", 3, indices=indices)
    assert np.array_equal(env.unwrapped.batch.person, before)
    assert not hasattr(env.unwrapped, "label")
    seen = env.env_method("reset")
    assert len(seen) == 3 and np.array_equal(env.unwrapped.batch.person, before + 1)
    env.set_attr("label", 3, indices=[0, 1, 2])
    assert env.get_attr("label", indices=[-1]) == [3]
    with pytest.raises(ValueError, match="indices: found 3; allowed: 0 to 2"):
        env.get_attr("label", indices=3)
    with pytest.raises(ValueError, match=r"options: found \{'key': 1\}; allowed: none"):
        env.set_options({"key": 1})
    env.set_options(None)


@every_id
def test_an_argument_that_there_is_not_is_refused_by_name(name):
    with pytest.raises(ValueError, match=r"wrold: no such argument; allowed: n(um)?_envs, "):
        make_vec_env(name, 2, wrold="default")
    for count in (0, 2.0, True):
        with pytest.raises(ValueError, match=r"n(um)?_envs: found .*; allowed: (an integer, )?1"):
            make_vec_env(name, count)


def test_dummy_vectors_take_the_seeds_that_sb3_gives_them():
    env = DummyVecEnv([lambda: made("undertow/Feed-v0")] * 2)
    env.seed(7)
    assert np.array_equal(env.reset()[1], made("undertow/Feed-v0").reset(seed=8)[0])
