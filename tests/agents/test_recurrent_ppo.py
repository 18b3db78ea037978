"""RecurrentPPO behind the protocol: its memory is the person's own, and its file keeps it."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sb3_contrib import RecurrentPPO

from undertow.agents import RecurrentPPOPolicy, RecurrentPPOSettings, load_policy

TINY = {"slots": 1_024, "n_envs": 32, "n_steps": 16, "batch_size": 256, "n_epochs": 1, "lstm": 8}


@pytest.fixture(scope="module")
def recurrent(parameters, items):
    def build(seed=1, **settings):
        return RecurrentPPOPolicy.train(
            parameters, items, seed=seed, settings=RecurrentPPOSettings(**{**TINY, **settings})
        )

    return build


@pytest.fixture(scope="module")
def policy(recurrent):
    return recurrent()


def test_the_same_seed_trains_the_same_policy_to_the_bit(policy, recurrent):
    first, again = (p.model.policy.state_dict() for p in (policy, recurrent()))
    other = recurrent(seed=2).model.policy.state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("rows", [[5], [23, 0, 7]], ids=len)
def test_a_person_is_shown_the_same_in_any_company_and_place(policy, lived, choices, rows):
    seen = lived("platform")
    everybody = choices(policy, seen)
    policy.begin(np.full(len(rows), 5), np.array(rows))
    assert np.array_equal([policy.act(each[rows]) for each in seen], everybody[:, rows])


def test_begin_forgets_and_what_was_seen_before_matters(policy, lived):
    """The same last slot after two pasts: other logits; after `begin`, those of no past."""
    seen, people = lived("platform"), np.arange(24)
    last, found = seen[-1], []
    for past in ([], seen[:10], seen[5:15], []):
        policy.begin(np.full(24, 5), people)
        for each in past:
            policy._logits(each)
        found.append(policy._logits(last))
    assert np.array_equal(found[0], found[3])
    assert np.abs(found[0] - found[1]).max() > 1e-4 and np.abs(found[1] - found[2]).max() > 1e-4


def test_sb3_contribs_own_predict_shows_the_same_likeliest_items(policy, lived, choices):
    seen, state = lived("platform"), None
    settled = RecurrentPPOPolicy(policy.model, deterministic=True)
    led = choices(settled, seen)
    for slot, each in enumerate(seen):
        start = np.full(24, slot == 0)
        action, state = policy.model.predict(each, state, start, deterministic=True)
        assert np.array_equal(action, led[slot])


@pytest.mark.parametrize("deterministic", [True, False])
def test_what_is_loaded_chooses_the_same(policy, deterministic, tmp_path, lived, choices):
    saved = RecurrentPPOPolicy(policy.model, deterministic=deterministic)
    file = saved.save(tmp_path / "policy")
    loaded, seen = load_policy(file), lived("platform")
    assert isinstance(loaded, RecurrentPPOPolicy) and loaded.deterministic == deterministic
    assert file.name == "policy.npz" and file.stat().st_size < 1_000_000
    assert np.array_equal(choices(loaded, seen), choices(saved, seen))
    RecurrentPPO.load(saved.save(tmp_path / "policy", format="sb3"))


def test_another_number_of_people_than_begun_is_refused(policy, lived):
    policy.begin(np.full(24, 5), np.arange(24))
    policy.act(lived("platform")[0])
    with pytest.raises(ValueError, match="observation: found 3 people; allowed: the 24 begun"):
        policy.act(lived("platform")[1][:3])


@pytest.mark.parametrize("wrong", [{"lstm": 0}, {"gamma": 2}, {"critic_lambda": 0.5}])
def test_a_bad_setting_is_refused_by_name(wrong):
    (name,) = wrong
    with pytest.raises(ValidationError, match=name):
        RecurrentPPOSettings(**wrong)
