"""A model of stable-baselines3 is measured as it acts, or refused by what is missing."""

import tempfile

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium import wrappers
from sb3_contrib import ARS, QRDQN, TRPO, MaskablePPO, RecurrentPPO
from sb3_contrib.common.wrappers import ActionMasker
from stable_baselines3 import A2C, DQN, PPO, SAC
from stable_baselines3.common.env_util import make_vec_env as make_sb3_env
from stable_baselines3.common.vec_env import (
    DummyVecEnv,
    VecCheckNan,
    VecFrameStack,
    VecMonitor,
    VecNormalize,
)
from stable_baselines3.common.vec_env.base_vec_env import VecEnvWrapper

import undertow.envs  # noqa: F401
from undertow.agents import (
    FunctionPolicy,
    LagrangianSettings,
    MadeFor,
    PolicyError,
    PPOPolicy,
    PPOSettings,
    RecurrentPPOPolicy,
    RecurrentPPOSettings,
    ShiftPenaltySettings,
    build_policy,
    check_world,
    from_sb3,
    load_policy,
    make_vec_env,
)
from undertow.envs.world import altered, synthetic, world

SHORT = {"n_steps": 8, "batch_size": 32, "n_epochs": 1}


@pytest.fixture
def feed(parameters, items):
    return make_vec_env("undertow/Feed-v0", 8, seed=0, world=parameters, items=items)


def ppo(env, slots=128):
    return PPO("MlpPolicy", env, seed=0, **SHORT).learn(slots)


# --- what is taken along --------------------------------------------------------------------------


def test_statistics_of_vecnormalize_are_taken_along_and_saved(feed, lived, choices, tmp_path):
    env = VecNormalize(feed, norm_obs=True)
    model, seen = ppo(env), lived("platform")
    policy = from_sb3(model, deterministic=True)
    expected = [model.predict(env.normalize_obs(one), deterministic=True)[0] for one in seen]
    assert np.array_equal(choices(policy, seen), expected)
    without = [model.predict(one, deterministic=True)[0] for one in seen]
    assert np.mean(np.array(without) != expected) > 0.05  # they matter
    file = policy.save(tmp_path / "scaled")
    for loaded in (load_policy(file), load_policy(file, torch=False)):
        assert np.array_equal(choices(loaded, seen), expected)
    sb3 = load_policy(policy.save(tmp_path / "scaled", format="sb3"), trust=True)
    assert np.array_equal(choices(sb3, seen), expected)


def test_statistics_that_go_on_moving_are_those_of_the_moment(feed, lived):
    env = VecNormalize(feed, norm_obs=True)
    model, seen = ppo(env), lived("platform")[3]
    policy = PPOPolicy(model, "platform", deterministic=True)
    model.learn(256, reset_num_timesteps=False)
    expected, _ = model.predict(env.normalize_obs(seen), deterministic=True)
    assert np.array_equal(policy.act(seen), expected)


def test_a_model_loaded_without_its_statistics_is_refused_unless_they_are_given(
    feed, lived, tmp_path
):
    env = VecNormalize(feed, norm_obs=True)
    model, seen = ppo(env), lived("platform")[5]
    model.save(tmp_path / "model")
    env.save(str(tmp_path / "statistics"))
    alone = PPO.load(tmp_path / "model")
    with pytest.raises(
        PolicyError, match=r"PPO: was trained behind VecNormalize, whose statistics"
    ):
        from_sb3(alone)
    kept = VecNormalize.load(str(tmp_path / "statistics"), feed)
    policy = from_sb3(alone, deterministic=True, normalize=kept)
    expected, _ = model.predict(env.normalize_obs(seen), deterministic=True)
    assert np.array_equal(policy.act(seen), expected)


def test_rewards_alone_are_scaled_away_from_nobody(feed, tmp_path):
    model = ppo(VecNormalize(feed, norm_obs=False))
    assert from_sb3(model).scaler is None
    model.save(tmp_path / "model")
    assert from_sb3(PPO.load(tmp_path / "model")).scaler is None


def test_masks_are_taken_along_or_asked_for(parameters, items, lived, tmp_path):
    def some(observation):
        mask = np.zeros((len(observation), len(items)), dtype=bool)
        mask[:, :3] = True
        return mask

    def make():
        env = gym.make("undertow/Feed-v0", world=parameters)
        return ActionMasker(env, lambda env: np.arange(30) < 3)

    model = MaskablePPO("MlpPolicy", DummyVecEnv([make] * 2), seed=0, **SHORT).learn(16)
    with pytest.raises(PolicyError, match=r"MaskablePPO: acts under masks .*masks=FUNCTION"):
        from_sb3(model)
    policy = from_sb3(model, masks=some)
    policy.begin(np.zeros(24, dtype=np.int64), np.arange(24))
    chosen = [policy.act(seen) for seen in lived("platform")]
    assert set(np.unique(chosen)) == {0, 1, 2}
    with pytest.raises(PolicyError, match="has masks, a function"):
        policy.save(tmp_path / "masked")


def test_a_maskable_ppo_of_a_world_without_masks_needs_none(feed, lived, choices, tmp_path):
    model = MaskablePPO("MlpPolicy", feed, seed=0, **SHORT).learn(64, use_masking=False)
    policy = from_sb3(model)
    loaded = load_policy(policy.save(tmp_path / "plain"))
    assert np.array_equal(choices(loaded, lived("platform")), choices(policy, lived("platform")))


@pytest.mark.parametrize("algorithm", [PPO, A2C, TRPO, RecurrentPPO, DQN, QRDQN, ARS])
def test_every_algorithm_that_fits_the_spaces_acts_and_twins_share_its_lots(
    algorithm, feed, lived, choices
):
    name = "MlpLstmPolicy" if algorithm is RecurrentPPO else "MlpPolicy"
    few = {"n_steps": 8} if algorithm in (PPO, A2C, TRPO, RecurrentPPO) else {}
    policy = from_sb3(algorithm(name, feed, seed=0, **few))
    seen = lived("platform")
    chosen = choices(policy, seen)
    assert chosen.shape == (16, 24) and 0 <= chosen.min() and chosen.max() < 30
    assert np.array_equal(choices(policy, seen), chosen)
    assert policy.made_for.items == 30 and policy.made_for.world is not None


def test_the_best_item_of_a_dqn_sees_what_the_model_saw(feed, lived, tmp_path):
    env, seen = VecNormalize(feed, norm_obs=True), lived("platform")[9]
    model = DQN("MlpPolicy", env, seed=0, learning_starts=10).learn(200)
    policy = from_sb3(model)
    expected, _ = model.predict(env.normalize_obs(seen), deterministic=True)
    assert np.array_equal(policy.act(seen), expected)
    with pytest.raises(PolicyError, match=r"a DQN is not saved; allowed: DQN\.save"):
        policy.save(tmp_path / "dqn")
    with torch.no_grad():
        next(model.policy.parameters())[0] = float("nan")
    with pytest.raises(PolicyError, match=r"DQN: q_net.*NaN or infinite"):
        policy.begin(np.zeros(2, dtype=np.int64), np.arange(2))


# --- what is not ----------------------------------------------------------------------------------


class Rewards(VecEnvWrapper):
    """A user's own; nobody can know what it does to observations."""

    def reset(self):
        return self.venv.reset()

    def step_wait(self):
        return self.venv.step_wait()


class HarmlessRewards(Rewards):
    leaves_observations = True


@pytest.mark.parametrize(
    ("wrap", "name"),
    [
        (lambda env: VecFrameStack(env, 2), "VecFrameStack"),
        (lambda env: VecNormalize(VecFrameStack(env, 2)), "VecFrameStack"),
        (Rewards, "Rewards"),
        (lambda env: VecNormalize(VecNormalize(env)), "2 VecNormalize"),
    ],
)
def test_what_stands_before_the_model_is_refused_by_name(feed, wrap, name):
    model = PPO("MlpPolicy", wrap(feed), **SHORT)
    with pytest.raises(PolicyError, match=f"PPO: was trained behind {name}"):
        from_sb3(model)
    with pytest.raises(PolicyError, match="FunctionPolicy"):
        PPOPolicy(model, "platform")


def test_what_leaves_observations_alone_is_not_asked_about(feed):
    model = PPO("MlpPolicy", VecCheckNan(VecMonitor(HarmlessRewards(feed))), **SHORT)
    assert from_sb3(model).scaler is None


@pytest.mark.parametrize(
    ("name", "wrap"),
    [
        ("NormalizeObservation", wrappers.NormalizeObservation),
        ("DelayObservation", lambda env: wrappers.DelayObservation(env, delay=1)),
        ("StickyAction", lambda env: wrappers.StickyAction(env, 0.2)),
        (
            "TransformObservation",
            lambda env: wrappers.TransformObservation(env, np.sqrt, env.observation_space),
        ),
    ],
)
def test_wrappers_of_single_environments_are_refused_by_name(name, wrap):
    env = DummyVecEnv([lambda: wrap(gym.make("undertow/Feed-v0"))])
    with pytest.raises(PolicyError, match=f"PPO: was trained behind {name}"):
        from_sb3(PPO("MlpPolicy", env, **SHORT))


def test_wrappers_that_change_nothing_are_let_be():
    def make():
        env = wrappers.NormalizeReward(gym.make("undertow/Feed-v0"))
        return wrappers.RecordEpisodeStatistics(env)

    assert from_sb3(PPO("MlpPolicy", make_sb3_env(make, 2), **SHORT)).made_for.items == 30


def test_continuous_actions_are_refused_by_name():
    env = gym.make("Pendulum-v1")
    with pytest.raises(PolicyError, match="SAC: found actions in Box"):
        from_sb3(SAC("MlpPolicy", env))


def test_a_model_without_a_distribution_is_sent_on(feed):
    with pytest.raises(PolicyError, match=r"DQN: has no distribution over items; .*from_sb3"):
        PPOPolicy(DQN("MlpPolicy", feed), "platform")


# --- whom it fits ---------------------------------------------------------------------------------


def test_a_policy_of_twenty_items_is_refused_among_thirty():
    small = altered(world(), {"catalogue": {"items": 20}})
    policy = from_sb3(PPO("MlpPolicy", make_vec_env("undertow/Feed-v0", 2, world=small), **SHORT))
    with pytest.raises(PolicyError, match="was made for 20 items; this world has 30"):
        check_world(policy, world(), synthetic(world()))
    check_world(policy, small, synthetic(small))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"population": {"topics": 4}}, r"a view of 65 columns \(platform\); this world has 55"),
        (
            {"catalogue": {"seed": 8}},
            "another catalogue; this world has other items under the same",
        ),
    ],
)
def test_another_view_or_catalogue_is_refused(feed, change, message):
    policy, other = from_sb3(PPO("MlpPolicy", feed, **SHORT)), altered(world(), change)
    with pytest.raises(PolicyError, match=message):
        check_world(policy, other, synthetic(other))


def test_a_world_that_differs_in_its_people_alone_is_no_other_catalogue(feed):
    policy = from_sb3(PPO("MlpPolicy", feed, **SHORT))
    for other in (world("default"), world("vulnerable", null="no_extremity_pull")):
        check_world(policy, other, synthetic(other))


def test_a_model_of_spaces_alone_knows_its_items_and_view(feed, tmp_path):
    ppo(feed).save(tmp_path / "model")
    policy = from_sb3(PPO.load(tmp_path / "model"))
    assert policy.made_for == MadeFor(items=30, size=65)


def test_a_function_of_one_s_own_says_nothing_and_is_not_asked():
    policy = FunctionPolicy(lambda seen: np.zeros(len(seen), dtype=int))
    check_world(policy, world(), synthetic(world()))


# --- folders --------------------------------------------------------------------------------------

TINY = {"slots": 32, "n_envs": 4, "n_steps": 8, "batch_size": 16}


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("ppo", PPOSettings(**TINY)),
        ("recurrent_ppo", RecurrentPPOSettings(**TINY, lstm=2)),
        ("ppo_lagrangian", LagrangianSettings(**TINY, budgets={"outward_drift": 1.0})),
        ("ppo_shift_penalty", ShiftPenaltySettings(**TINY, penalty=1.0)),
    ],
)
def test_training_leaves_no_folder_behind(kind, settings, parameters, items, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    policy = build_policy(kind, parameters, items, seed=0, settings=settings)
    assert not list(tmp_path.iterdir())
    assert isinstance(policy, PPOPolicy | RecurrentPPOPolicy)
