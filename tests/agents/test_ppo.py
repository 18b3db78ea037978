"""PPO behind the protocol of all policies: repeatable, portable, and with its straight path."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from pydantic import ValidationError
from stable_baselines3 import PPO

import undertow.envs  # noqa: F401 - as in the README
from undertow.agents import Greedy, PPOPolicy, PPOSettings, load_policy, make_vec_env
from undertow.agents.skip_policy import SkipActorCriticPolicy
from undertow.envs import OBSERVATIONS


def weights(policy):
    return policy.model.policy.state_dict()


def logits_of(policy, observation):
    """Log-probabilities of the items, (people, items)."""
    with torch.no_grad():
        return policy.get_distribution(torch.as_tensor(observation)).distribution.logits


# --- training -------------------------------------------------------------------------------------


def test_the_same_seed_trains_the_same_policy_to_the_bit_and_another_seed_another(train, trained):
    first, again, other = weights(trained("platform")), weights(train()), weights(train(seed=2))
    assert first.keys() == again.keys() == other.keys()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in first)


def test_training_moves_every_weight(train, trained):
    """No part of the two nets is left out: against the same nets before training."""
    before = weights(train(slots=1, learning_rate=1e-12))
    for name, after in weights(trained("platform")).items():
        assert (after - before[name]).abs().max() > 1e-6, name


@pytest.mark.parametrize("seed", [3, 2**40 + 3])
def test_training_meets_the_people_of_the_lower_32_bits_of_its_seed(train, seed):
    policy = train(seed=seed, slots=1, n_envs=4, n_steps=2, batch_size=8)
    (batch,) = policy.model.get_env().get_attr("batch", [0])
    assert batch.seed.tolist() == [3, 4, 5, 6]


def test_the_greedy_prior_starts_the_oracle_near_greedy(train, items, lived, choices):
    def agreement(prior):
        untrained = train("oracle", slots=1, learning_rate=1e-12, greedy_prior=prior)
        chosen = choices(PPOPolicy(untrained.model, "oracle", deterministic=True), lived("oracle"))
        return np.mean(chosen == choices(Greedy(len(items)), lived("oracle")))

    assert agreement(8.0) > 0.98
    assert agreement(0.0) < 0.3


def test_the_greedy_prior_is_refused_where_there_are_no_expected_minutes(train):
    with pytest.raises(ValueError, match=r"greedy_prior: found 2\.0 with the platform view"):
        train("platform", greedy_prior=2.0)


@pytest.mark.parametrize(
    "wrong", [{"gama": 0.9}, {"gamma": 1.5}, {"slots": 0}, {"learning_rate": 0.0}]
)
def test_a_bad_setting_is_refused_by_name(wrong):
    (name,) = wrong
    with pytest.raises(ValidationError, match=name):
        PPOSettings(**wrong)


# --- acting ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_the_deterministic_policy_shows_the_likeliest_item(trained, lived, choices, observation):
    policy, seen = trained(observation), lived(observation)
    likeliest = [logits_of(policy.model.policy, each).numpy().argmax(axis=1) for each in seen]
    settled = PPOPolicy(policy.model, observation, deterministic=True)
    assert np.array_equal(choices(settled, seen), likeliest)
    expected, _ = policy.model.predict(seen[3], deterministic=True)
    assert np.array_equal(choices(settled, seen)[3], expected)


def test_the_stochastic_policy_draws_by_its_probabilities(trained, lived):
    """Many people of whom the same is seen: items come up as often as their chance says."""
    policy, people = PPOPolicy(trained("platform").model, "platform"), 20_000
    seen = np.repeat(lived("platform")[7, :1], people, axis=0)
    policy.begin(np.full(people, 6), np.arange(people))
    chance = logits_of(policy.model.policy, seen[:1]).exp().numpy()[0]
    for _ in range(2):
        drawn = np.bincount(policy.act(seen), minlength=chance.size) / people
        assert drawn == pytest.approx(chance, abs=4 * 0.5 / np.sqrt(people))
    assert 0.02 < chance.max() < 0.9


@pytest.mark.parametrize("rows", [[5], [23, 0, 7]], ids=len)
@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_a_person_is_shown_the_same_in_any_company_and_place(
    trained, lived, choices, observation, rows
):
    policy, seen = trained(observation), lived(observation)
    everybody = choices(policy, seen)
    assert everybody.dtype == np.int64
    policy.begin(np.full(len(rows), 5), np.array(rows))
    alone = [policy.act(each[rows]) for each in seen]
    assert np.array_equal(alone, everybody[:, rows])


def test_acting_draws_on_no_global_stream(trained, lived, choices):
    torch.manual_seed(1)
    first = choices(trained("platform"), lived("platform"))
    torch.manual_seed(2)
    assert np.array_equal(choices(trained("platform"), lived("platform")), first)


# --- the file -------------------------------------------------------------------------------------


@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_the_file_is_small_and_any_sb3_reads_it(tmp_path, trained, lived, observation):
    policy = trained(observation)
    file = policy.save(tmp_path / "policy", format="sb3")
    assert file == tmp_path / "policy.zip" and file.stat().st_size < 1_000_000
    seen = lived(observation)[5]
    read = PPO.load(file)
    assert torch.equal(logits_of(read.policy, seen), logits_of(policy.model.policy, seen))
    for deterministic in (True, False):
        action, _ = read.predict(seen, deterministic=deterministic)
        assert action.shape == (24,) and action.max() < 30


@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_what_is_loaded_has_the_same_weights(tmp_path, trained, observation):
    """The greedy prior is in the weights, so it must not be added once more."""
    policy = trained(observation)
    loaded = weights(load_policy(policy.save(tmp_path / "policy")))
    assert all(torch.equal(value, loaded[name]) for name, value in weights(policy).items())


# --- the straight path ----------------------------------------------------------------------------

SIZE, ACTIONS = 7, 4


@pytest.fixture
def bare():
    """The net of a policy whose hidden layers give 0, whatever they see."""
    torch.manual_seed(0)
    seen = spaces.Box(-np.inf, np.inf, (SIZE,), np.float32)
    policy = SkipActorCriticPolicy(seen, spaces.Discrete(ACTIONS), lambda _: 0.0, net_arch=[8])
    with torch.no_grad():
        for weight in policy.mlp_extractor.parameters():
            weight.zero_()
    return policy


def test_without_hidden_layers_a_linear_dependence_is_left(bare):
    """Differences of logits, and values, are a linear function of what is seen."""
    seen = torch.randn(50, SIZE)
    straight = bare.action_net.weight[:, :SIZE].detach(), bare.value_net.weight[:, :SIZE].detach()
    logits = logits_of(bare, seen)
    expected = seen @ (straight[0][1:] - straight[0][:1]).T
    assert expected.abs().max() > 1e-3
    assert torch.allclose(logits[:, 1:] - logits[:, :1], expected, atol=1e-6)
    with torch.no_grad():
        value = bare.predict_values(seen)
    assert value.abs().max() > 0.1
    assert torch.allclose(value, seen @ straight[1].T, atol=1e-5)


def test_without_the_straight_path_nothing_is_left(bare):
    with torch.no_grad():
        bare.action_net.weight[:, :SIZE] = 0
    assert torch.allclose(
        logits_of(bare, torch.randn(50, SIZE)), torch.tensor(-np.log(ACTIONS), dtype=torch.float32)
    )


def test_the_prior_is_a_weight_on_the_last_columns():
    seen, actions = spaces.Box(-np.inf, np.inf, (SIZE,), np.float32), spaces.Discrete(ACTIONS)
    weight = []
    for prior in (0.0, 3.0):
        torch.manual_seed(0)
        policy = SkipActorCriticPolicy(seen, actions, lambda _: 0.0, net_arch=[8], prior=prior)
        weight.append(policy.action_net.weight.detach())
    added = torch.zeros(ACTIONS, SIZE + 8)
    added[:, SIZE - ACTIONS : SIZE] = 3 * torch.eye(ACTIONS)
    assert torch.allclose(weight[1] - weight[0], added, atol=1e-6)


# --- the README -----------------------------------------------------------------------------------


def test_the_readmes_lines_work():
    model = PPO("MlpPolicy", make_vec_env("undertow/Feed-v0", n_envs=8, seed=0), n_steps=16)
    model.learn(200)
    assert model.num_timesteps >= 200
