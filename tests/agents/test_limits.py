"""Limits: what may lead, by hand and as a property; the next best; and the file."""

import numpy as np
import pytest
from pydantic import ValidationError

from undertow.agents import (
    Chronological,
    Endorsement,
    EndorsementSettings,
    Greedy,
    Limited,
    Limits,
    Popular,
    PPOPolicy,
    Random,
    load_policy,
)
from undertow.envs.views import expected_shares

CAP, SHARE = Limits(extremity_cap=0.3), Limits(topic_share=0.25, window=8)
BOTH = Limits(extremity_cap=0.3, topic_share=0.25, window=8)


@pytest.fixture
def policies(parameters, items, trained):
    return {
        "greedy": Greedy(len(items)),
        "popular": Popular(np.arange(4), len(items)),
        "random": Random(len(items)),
        "chronological": Chronological(items.supply),
        "endorsement": Endorsement.of(parameters, items, EndorsementSettings()),
        "ppo": PPOPolicy(trained("platform").model, "platform"),
    }


NAMES = ["greedy", "popular", "random", "chronological", "endorsement", "ppo"]


@pytest.mark.parametrize("limits", [CAP, SHARE, BOTH], ids=["cap", "share", "both"])
@pytest.mark.parametrize("name", NAMES)
def test_whoever_is_limited_keeps_to_it(name, limits, policies, items, lived, choices):
    policy = policies[name]
    led = choices(Limited.of(policy, limits, items), lived(policy.observation))
    if limits.extremity_cap is not None:
        assert np.abs(items.stance[led]).max() <= np.float32(0.3)
    if limits.topic_share is not None:
        for end in range(1, len(led) + 1):
            topics = items.topic[led[max(end - 8, 0) : end]]
            most = [np.bincount(column).max() for column in topics.T]
            assert max(most) <= 2


@pytest.mark.parametrize("name", NAMES)
def test_a_limit_that_forbids_nothing_changes_nothing(name, policies, items, lived, choices):
    policy = policies[name]
    seen = lived(policy.observation)
    free = choices(policy, seen)
    assert np.array_equal(choices(Limited.of(policy, Limits(extremity_cap=1.0), items), seen), free)


def test_greedy_leads_with_its_next_best(items, lived, choices):
    led = choices(Limited.of(Greedy(len(items)), CAP, items), lived("oracle"))
    shares = np.stack([expected_shares(each, len(items)) for each in lived("oracle")])
    mild = np.flatnonzero(np.abs(items.stance) <= np.float32(0.3))
    assert np.array_equal(led, mild[shares[:, :, mild].argmax(axis=2)])


def test_ppo_draws_from_its_own_distribution_renormalised(policies, items, lived):
    policy, people = policies["ppo"], 20_000
    seen = np.repeat(lived("platform")[7, :1], people, axis=0)
    limited = Limited.of(policy, CAP, items)
    limited.begin(np.full(people, 6), np.arange(people))
    led = np.bincount(limited.act(seen), minlength=len(items)) / people
    chance = np.exp(policy._logits(seen[:1])[0]) * (np.abs(items.stance) <= np.float32(0.3))
    assert led == pytest.approx(chance / chance.sum(), abs=4 * 0.5 / np.sqrt(people))


def test_what_a_rule_may_not_lead_with_is_replaced_from_the_neutral_feed(items):
    people = 40_000
    limited = Limited.of(Popular(np.array([int(np.argmax(items.stance))]), len(items)), CAP, items)
    limited.begin(np.full(people, 6), np.arange(people))
    led = np.bincount(limited.act(np.zeros((people, 1))), minlength=len(items)) / people
    supply = items.supply * (np.abs(items.stance) <= np.float32(0.3))
    assert led == pytest.approx(supply / supply.sum(), abs=4 * 0.5 / np.sqrt(people))


@pytest.mark.parametrize("name", NAMES)
def test_a_person_is_shown_the_same_in_any_company_and_place(name, policies, items, lived, choices):
    policy, rows = policies[name], [23, 0, 7]
    limited, seen = Limited.of(policy, BOTH, items), lived(policy.observation)
    everybody = choices(limited, seen)
    limited.begin(np.full(3, 5), np.array(rows))
    assert np.array_equal([limited.act(each[rows]) for each in seen], everybody[:, rows])


@pytest.mark.parametrize("name", NAMES)
def test_the_file_keeps_the_limits_and_the_policy(name, policies, tmp_path, items, lived, choices):
    policy = policies[name]
    limited = Limited.of(policy, BOTH, items)
    file = limited.save(tmp_path / "policy")
    loaded, seen = load_policy(file), lived(policy.observation)
    assert file.suffix == ".zip" and [each.name for each in tmp_path.iterdir()] == ["policy.zip"]
    assert (loaded.policy.kind, loaded.observation) == (name, policy.observation)
    assert (loaded.kind, loaded.limits) == ("limited", BOTH)
    assert np.array_equal(choices(loaded, seen), choices(limited, seen))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({}, "found no limit"),
        ({"extremity_cap": 0.5, "window": 4}, "window: found without topic_share"),
        ({"topic_share": 0.1, "window": 8}, "topic_share: found 0.1 of 8 leads"),
        ({"extremity_cap": 1.5}, "extremity_cap"),
        ({"cap": 1}, "cap"),
    ],
)
def test_limits_that_make_no_sense_are_refused(wrong, told):
    with pytest.raises(ValidationError, match=told):
        Limits(**wrong)


def test_a_floor_that_the_topics_cannot_keep_is_refused(items):
    few = Limits(topic_share=1 / 40, window=40)
    with pytest.raises(ValueError, match=r"topic_share: found 0\.025 with \d+ topics, too few"):
        Limited.of(Random(len(items)), few, items)
