"""A net in NumPy: by hand, and against torch over every kind of net that a file can hold."""

import numpy as np
import pytest
from sb3_contrib import RecurrentPPO
from stable_baselines3 import A2C, PPO

from undertow.agents import (
    PPOPolicy,
    PPOSettings,
    RecurrentPPOPolicy,
    RecurrentPPOSettings,
    load_policy,
    make_vec_env,
)
from undertow.agents.network import Network, NetworkNote, scaled
from undertow.agents.policy_file import PolicyError
from undertow.agents.sb3_model import net_of
from undertow.envs.world import Slate


def test_a_straight_path_and_a_hidden_unit_by_hand():
    """x = (1, 2); the hidden unit gives 0.5 - 1 + 0.5 = 0, cut at 0; scores 1 + 0 and 2 * 2 + 1."""
    note = NetworkNote(
        size=2, actions=(2,), straight=True, actor=(1,), critic=(), activation="ReLU"
    )
    weights = {
        "mlp_extractor.policy_net.0.weight": [[0.5, -0.5]],
        "mlp_extractor.policy_net.0.bias": [0.5],
        "action_net.weight": [[1.0, 0.0, 7.0], [0.0, 2.0, 9.0]],
        "action_net.bias": [0.0, 1.0],
        "value_net.weight": [[0.0, 0.0, 0.0]],
        "value_net.bias": [0.0],
    }
    arrays = {f"net.{name}": np.array(w, dtype=np.float32) for name, w in weights.items()}
    with pytest.raises(PolicyError, match=r"net\.value_net\.weight: found shape \(1, 3\); allowed"):
        Network(note, arrays)
    arrays["net.value_net.weight"] = np.zeros((1, 2 + 2), dtype=np.float32)
    logits, memory = Network(note, arrays).logits(np.array([[1.0, 2.0]], dtype=np.float32))
    odds = np.exp(5.0 - 1.0)
    assert logits[0] == pytest.approx([np.log(1 / (1 + odds)), np.log(odds / (1 + odds))], abs=1e-6)
    assert memory == []


def test_scaling_by_hand():
    seen = np.array([[3.0, 100.0]])
    found = scaled(seen, np.array([1.0, 0.0]), np.array([3.0, 0.0]), clip=10.0, epsilon=1.0)
    assert found.tolist() == [[1.0, 10.0]] and found.dtype == np.float32


def _ppo(env, **kwargs):
    return PPO("MlpPolicy", env, n_steps=8, batch_size=32, policy_kwargs=kwargs).learn(64)


def _lstm(env, **kwargs):
    return RecurrentPPO("MlpLstmPolicy", env, n_steps=8, batch_size=32, policy_kwargs=kwargs).learn(
        64
    )


@pytest.fixture(scope="module")
def made(parameters, items):
    """made(name): a policy with this kind of net, trained for a moment."""

    def build(name):
        env = make_vec_env("undertow/Feed-v0", 8, seed=0, world=parameters, items=items)
        tiny = {"slots": 64, "n_envs": 8, "n_steps": 8, "batch_size": 32}
        train = {"seed": 1, "observation": "platform"}
        if name == "straight":
            return PPOPolicy.train(parameters, items, settings=PPOSettings(**tiny), **train)
        if name == "slates":
            settings, slate = PPOSettings(**tiny), Slate(size=3)
            return PPOPolicy.train(parameters, items, settings=settings, slate=slate, **train)
        if name == "recurrent":
            settings = RecurrentPPOSettings(**tiny, lstm=5)
            return RecurrentPPOPolicy.train(parameters, items, seed=1, settings=settings)
        plain = {
            "plain": lambda: _ppo(env),
            "no hidden units": lambda: _ppo(env, net_arch=[]),
            "two nets": lambda: _ppo(env, net_arch={"pi": [7], "vf": [9, 5]}),
            "a2c": lambda: A2C("MlpPolicy", env, n_steps=8).learn(64),
        }
        if name in plain:
            return PPOPolicy(plain[name](), "platform")
        lstm = {"lstm_hidden_size": 6}
        memory = {
            "own lstm of the critic": {**lstm, "n_lstm_layers": 2},
            "shared lstm": {**lstm, "shared_lstm": True, "enable_critic_lstm": False},
            "no lstm of the critic": {**lstm, "enable_critic_lstm": False},
        }
        return RecurrentPPOPolicy(_lstm(env, **memory[name]))

    return build


NETS = (
    *("straight", "slates", "recurrent", "plain", "no hidden units", "two nets", "a2c"),
    *("own lstm of the critic", "shared lstm", "no lstm of the critic"),
)


@pytest.mark.parametrize("name", NETS)
def test_numpy_and_torch_agree_on_every_net_and_a_file_keeps_it_to_the_bit(
    name, made, lived, choices, tmp_path
):
    policy, seen = made(name), lived("platform")
    file = policy.save(tmp_path / "policy")
    torch, plain = load_policy(file), load_policy(file, torch=False)
    assert type(torch) is type(policy) and plain.places == getattr(policy, "places", None)
    people = (np.full(24, 5), np.arange(24))
    for one in (policy, torch, plain):
        one.begin(*people)
    for observation in seen:  # with a memory the differences add up
        logits = policy._logits(observation)
        assert np.array_equal(torch._logits(observation), logits)
        np.testing.assert_allclose(plain.logits(observation), logits, atol=2e-6)
    chosen = choices(policy, seen)
    assert np.array_equal(choices(torch, seen), chosen)
    assert np.mean(choices(plain, seen) == chosen) > 0.995


def test_what_may_lead_is_chosen_alike(made, lived, tmp_path):
    policy, seen = made("straight"), lived("platform")[3]
    plain = load_policy(policy.save(tmp_path / "policy"), torch=False)
    allowed = np.zeros((24, 30), dtype=bool)
    allowed[:, [4, 17]] = True
    for one in (policy, plain):
        one.begin(np.full(24, 5), np.arange(24))
    first, second = policy.act_within(seen, allowed), plain.act_within(seen, allowed)
    assert set(first) <= {4, 17} and np.mean(first == second) > 0.95


def test_the_file_is_smaller_than_stable_baselines3s(made, tmp_path):
    policy = made("straight")
    safe, sb3 = policy.save(tmp_path / "a"), policy.save(tmp_path / "a", format="sb3")
    assert safe.stat().st_size < sb3.stat().st_size


def test_a_net_that_the_file_cannot_hold_is_refused_by_name(parameters, items, tmp_path):
    import torch

    env = make_vec_env("undertow/Feed-v0", 4, seed=0, world=parameters, items=items)
    odd = PPO("MlpPolicy", env, n_steps=8, batch_size=32,
              policy_kwargs={"activation_fn": torch.nn.GELU})  # fmt: skip
    with pytest.raises(PolicyError, match=r"found activation GELU; .*save\(path, format=\"sb3\"\)"):
        PPOPolicy(odd, "platform").save(tmp_path / "odd")
    assert not list(tmp_path.iterdir())
    file = PPOPolicy(odd, "platform").save(tmp_path / "odd", format="sb3")
    assert load_policy(file, trust=True).observation == "platform"


def test_the_note_counts_the_weights_that_torch_has(made):
    policy = made("recurrent")
    note, arrays = net_of(policy.model, None)
    named = {name.removeprefix("net."): array.shape for name, array in arrays.items()}
    assert named == note.shapes()
