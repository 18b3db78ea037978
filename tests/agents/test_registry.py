"""Policies by name, and through a file: the same choices before and after, and plain refusals."""

import json

import numpy as np
import pytest
from stable_baselines3 import PPO

from undertow.agents import (
    KINDS,
    LagrangianSettings,
    LinUCBSettings,
    PPOPolicy,
    PPOSettings,
    RecurrentPPOSettings,
    ShiftPenaltySettings,
    ThompsonSettings,
    build_policy,
    load_policy,
    make_vec_env,
)
from undertow.envs import OBSERVATIONS

LEARNED = PPOSettings(slots=64, n_envs=4, n_steps=16, batch_size=32, n_epochs=1, net=(8,))
TINY_SETTINGS = {
    "ppo": LEARNED,
    "linucb": LinUCBSettings(slots=64, n_envs=4),
    "thompson": ThompsonSettings(slots=64, n_envs=4),
    "recurrent_ppo": RecurrentPPOSettings(slots=64, n_envs=4, n_steps=16, batch_size=32, lstm=4),
    "ppo_lagrangian": LagrangianSettings(
        **LEARNED.model_dump(), budgets={"unendorsed_minutes": 5.0}
    ),
    "ppo_shift_penalty": ShiftPenaltySettings(**LEARNED.model_dump(), penalty=1.0),
}
RULES = [kind for kind in KINDS if kind not in TINY_SETTINGS]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_built_by_its_name(kind, parameters, items, lived, choices):
    policy = build_policy(kind, parameters, items, seed=0, settings=TINY_SETTINGS.get(kind))
    assert policy.kind == kind and policy.observation in OBSERVATIONS
    chosen = choices(policy, lived(policy.observation))
    assert chosen.shape == (16, 24) and chosen.dtype == np.int64
    assert 0 <= chosen.min() and chosen.max() < len(items)


@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_ppo_is_built_for_the_view_and_by_the_settings(observation, parameters, items):
    settings = LEARNED.model_copy(update={"deterministic": True, "gamma": 0.5})
    policy = build_policy(
        "ppo", parameters, items, seed=0, observation=observation, settings=settings
    )
    assert (policy.observation, policy.deterministic) == (observation, True)
    assert policy.model.gamma == 0.5 and policy.model.n_envs == 4


@pytest.mark.parametrize("kind", RULES)
def test_a_rule_that_is_saved_and_loaded_chooses_the_same(
    kind, tmp_path, parameters, items, lived, choices
):
    policy = build_policy(kind, parameters, items, seed=3)
    file = policy.save(tmp_path / "policy")
    assert file == tmp_path / "policy.json" and json.loads(file.read_text())["kind"] == kind
    loaded = load_policy(file)
    assert type(loaded) is type(policy) and loaded.observation == policy.observation
    seen = lived(policy.observation)
    assert np.array_equal(choices(loaded, seen), choices(policy, seen))


@pytest.mark.parametrize("deterministic", [True, False], ids=["likeliest", "drawn"])
@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_a_ppo_that_is_saved_and_loaded_chooses_the_same(
    observation, deterministic, tmp_path, trained, lived, choices
):
    policy = PPOPolicy(trained(observation).model, observation, deterministic=deterministic)
    loaded = load_policy(str(policy.save(tmp_path / "policy")))
    assert isinstance(loaded, PPOPolicy)
    assert (loaded.observation, loaded.deterministic) == (observation, deterministic)
    seen = lived(observation)
    assert np.array_equal(choices(loaded, seen), choices(policy, seen))


# --- refusals -------------------------------------------------------------------------------------


def test_an_unknown_kind_is_answered_with_those_there_are(parameters, items):
    with pytest.raises(
        ValueError,
        match="kind: found 'best'; allowed: random, chronological, popular, greedy, ppo",
    ):
        build_policy("best", parameters, items, seed=0)


def test_settings_of_another_kind_are_refused(parameters, items):
    with pytest.raises(
        ValueError, match="settings: found PPOSettings for linucb; allowed: LinUCBSettings"
    ):
        build_policy("linucb", parameters, items, seed=0, settings=LEARNED)


@pytest.mark.parametrize("name", ["none.json", "none.zip", "none", "."])
def test_a_file_that_is_not_there_is_named(tmp_path, name):
    with pytest.raises(FileNotFoundError, match=r"policy: found no file .*; allowed: one that"):
        load_policy(tmp_path / name)


DAMAGED = {
    "empty": "",
    "cut short": '{"kind": "random", "ite',
    "not text": b"\xff\xfe\x00",
    "a list": "[1, 2]",
    "a number": "7",
    "no kind": '{"items": 30}',
    "a kind of list": '{"kind": ["random"], "items": 30}',
    "an unknown kind": '{"kind": "best", "items": 30}',
    "PPO as a rule": '{"kind": "ppo", "items": 30}',
    "no items": '{"kind": "greedy"}',
    "fewer than one item": '{"kind": "random", "items": 0}',
    "items in words": '{"kind": "random", "items": "thirty"}',
    "no supply": '{"kind": "chronological"}',
    "an empty supply": '{"kind": "chronological", "supply": []}',
    "supply in words": '{"kind": "chronological", "supply": ["much", "little"]}',
    "no ranking": '{"kind": "popular", "items": 30}',
    "a ranking in words": '{"kind": "popular", "items": 30, "ranking": ["first"]}',
    "an empty ranking": '{"kind": "popular", "items": 30, "ranking": []}',
    "endorsement without tastes": '{"kind": "endorsement", "quality": [0.1], "top": 1}',
    "an item out of range": '{"kind": "popular", "items": 30, "ranking": [4, 30]}',
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_rule_is_refused_and_its_file_named(tmp_path, content):
    file = tmp_path / "policy.json"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=r"policy .*policy\.json: not a rule that `save` wrote"):
        load_policy(file)


def test_a_damaged_zip_is_refused_and_its_file_named(tmp_path, trained):
    file = trained("platform").save(tmp_path / "policy", format="sb3")
    file.write_bytes(file.read_bytes()[:1_000])
    with pytest.raises(ValueError, match=r"policy\.zip: damaged or not a policy's file"):
        load_policy(file, trust=True)


def test_a_ppo_from_elsewhere_is_refused_and_its_file_named(tmp_path):
    env = make_vec_env("undertow/Feed-v0", 2, seed=0)
    PPO("MlpPolicy", env, n_steps=2, batch_size=4).save(tmp_path / "policy.zip")
    with pytest.raises(ValueError, match=r"policy\.zip: a model that `save` did not write"):
        load_policy(tmp_path / "policy.zip", trust=True)


def test_a_constrained_ppo_needs_its_budgets(parameters, items):
    with pytest.raises(ValueError, match="settings: found none for ppo_lagrangian; allowed: Lagr"):
        build_policy("ppo_lagrangian", parameters, items, seed=0)
