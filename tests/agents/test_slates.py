"""Policies that fill slates."""

import itertools

import numpy as np
import pytest

from undertow.agents import (
    SLATE_KINDS,
    Chronological,
    Greedy,
    GreedySlate,
    InTurn,
    Limits,
    PPOPolicy,
    PPOSettings,
    Random,
    build_policy,
    load_policy,
    places_of,
)
from undertow.envs import FeedBatch, Slate, SlateBatch
from undertow.envs.world import synthetic, world
from undertow.experiments.rollout import live, twins

PEOPLE = 32
SMALL = {"calendar": {"slots_per_day": 4, "days": 3}, "catalogue": {"items": 12}}
UNMOVED = {name: {"enabled": False} for name in ("satiation", "habit", "tolerance", "taste")} | {
    "stance": {"persuasion": False, "noise": 0.0},
    "welfare": {"regret_gain": 0.0},
}
QUICK = PPOSettings(slots=2048, n_envs=16, n_steps=16, batch_size=64, n_epochs=1, net=(8,))


def a_world(**changes):
    parameters = world("vulnerable", None, SMALL | changes)
    return parameters, synthetic(parameters)


def people(seed=3):
    return np.full(PEOPLE, seed, dtype=np.int64), np.arange(PEOPLE, dtype=np.int64)


def seen(parameters, items, slate, slots=0):
    """What the oracle shows of people after some slots of random slates."""
    batch = SlateBatch(parameters, PEOPLE, slate, "oracle", items)
    batch.start(*people())
    rng = np.random.default_rng(0)
    for _ in range(slots):
        batch.step(rng.integers(len(items), size=(PEOPLE, slate.size)))
    return batch.observe()


# --- in turn --------------------------------------------------------------------------------------


def test_the_neutral_slate_is_the_timeline_as_it_would_come_slot_by_slot():
    _, items = a_world()
    slated, plain = InTurn(Chronological(items.supply), 3), Chronological(items.supply)
    for policy in (slated, plain):
        policy.begin(*people())
    look = np.zeros((PEOPLE, 1), dtype=np.float32)
    slates = np.concatenate([slated.act(look) for _ in range(4)], axis=1)
    assert np.array_equal(slates, np.stack([plain.act(look) for _ in range(12)], axis=1))


def test_places_of_a_random_slate_are_drawn_apart():
    policy = InTurn(Random(12), 4)
    policy.begin(*people())
    slates = policy.act(np.zeros((PEOPLE, 1), dtype=np.float32))
    assert slates.shape == (PEOPLE, 4)
    agree = [(slates[:, i] == slates[:, j]).mean() for i, j in itertools.combinations(range(4), 2)]
    assert max(agree) < 0.4


# --- greedy ---------------------------------------------------------------------------------------


def test_of_one_item_it_is_greedy():
    parameters, items = a_world()
    slate = Slate(size=1)
    for slots in (0, 9):
        look = seen(parameters, items, slate, slots)
        greedy = Greedy(len(items))
        greedy.begin(*people())
        assert np.array_equal(
            GreedySlate(parameters, items, slate).act(look)[:, 0], greedy.act(look)
        )


def test_of_one_item_its_twins_are_those_of_greedy():
    """In a twin's world it reckons with what that twin feels, as the oracle view does."""
    parameters, items = a_world()
    slate = Slate(size=1)
    neutral = Chronological(items.supply)
    told = [
        twins(parameters, items, policy, one, seed=3, people=PEOPLE, slate=how)
        for policy, one, how in (
            (Greedy(len(items)), neutral, None),
            (GreedySlate(parameters, items, slate), InTurn(neutral, 1), slate),
        )
    ]
    for name in ("policy", "no_temptation", "no_habit"):
        plain, slated = (getattr(one, name) for one in told)
        assert np.array_equal(plain.minutes, slated.minutes), name
    assert not np.array_equal(told[0].policy.minutes, told[0].no_temptation.minutes)


@pytest.mark.parametrize("search", [False, True])
def test_where_a_slate_moves_nobody_it_is_the_best_of_all_slates(search):
    """By enumeration: every second and third place, then every lead."""
    parameters, items = a_world(**UNMOVED, search={"enabled": search})
    slate = Slate(size=3, stay_base=0.3, stay_pull=2.0)
    policy = GreedySlate(parameters, items, slate)
    batch = SlateBatch(parameters, PEOPLE, slate, "oracle", items)
    chosen = policy.act(batch.start(*people()))
    minutes, stay = policy._minutes(batch.traits, batch.state)
    rest = minutes[:, :, None] + stay[:, :, None] * minutes[:, None, :]
    led = policy._led(batch.traits, batch.state, minutes + stay * rest.max(axis=(1, 2))[:, None])
    for row in range(PEOPLE):
        second, third = np.unravel_index(np.argmax(rest[row]), rest[row].shape)
        assert tuple(chosen[row]) == (np.argmax(led[row]), second, third)


def test_its_expected_minutes_are_those_of_the_world():
    """Of the slate that it chooses, in a world that a slate does not move, with search."""
    parameters, items = a_world(**UNMOVED)
    slate = Slate(size=3, stay_base=0.3, stay_pull=2.0)
    policy = GreedySlate(parameters, items, slate)
    one = SlateBatch(parameters, 1, slate, "oracle", items)
    look = one.start(3, 4)
    (chosen,) = policy.act(look)
    minutes, stay = (array[0] for array in policy._minutes(one.traits, one.state))
    first, second, third = chosen
    worth = minutes[first] + stay[first] * (minutes[second] + stay[second] * minutes[third])
    lone = np.full((1, len(items)), worth, dtype=np.float32)
    expected = policy._led(one.traits, one.state, lone)[0, first]
    # The same person in slot after slot: nothing moves them but regret, which is off too.
    still = {"churn": {"enabled": False}, "calendar": {"slots_per_day": 8, "days": 365}}
    parameters = world("vulnerable", None, SMALL | UNMOVED | still)
    crowd = SlateBatch(parameters, 1, slate, items=items)
    crowd.start(3, 4)
    watched = [crowd.step(chosen[None]).outcome.minutes[0] for _ in range(2920)]
    assert np.mean(watched) == pytest.approx(
        expected, abs=4 * np.std(watched) / np.sqrt(len(watched))
    )


def test_it_does_not_show_one_topic_twice_in_a_row_to_who_is_soon_bored():
    parameters, items = a_world(
        satiation={"gain": 1.0}, appraisal={"satiation": 6.0}, exposure_minutes=0.1
    )
    slates = GreedySlate(parameters, items, Slate(size=2)).act(
        seen(parameters, items, Slate(size=2))
    )
    assert (items.topic[slates[:, 0]] != items.topic[slates[:, 1]]).all()


def test_it_watches_more_than_rules_that_look_at_nobody():
    parameters, items = a_world()
    slate = Slate(size=3)
    minutes = {}
    for kind in ("random", "popular", "greedy"):
        policy = build_policy(kind, parameters, items, seed=1, slate=slate)
        lives = live(parameters, items, policy, seed=5, people=400, slate=slate)
        minutes[kind] = lives.minutes.mean()
        assert lives.topic_minutes.sum() == pytest.approx(lives.minutes.sum(), rel=1e-5)
        assert lives.creator_minutes.sum() == pytest.approx(lives.minutes.sum(), rel=1e-5)
    assert minutes["greedy"] > minutes["popular"] > minutes["random"]


# --- PPO ------------------------------------------------------------------------------------------


def test_ppo_fills_slates_and_a_person_has_their_own_lots():
    parameters, items = a_world()
    slate = Slate(size=3)
    policy = PPOPolicy.train(
        parameters, items, observation="platform", seed=0, settings=QUICK, slate=slate
    )
    batch = FeedBatch(parameters, PEOPLE, items=items)
    look = batch.start(*people())
    policy.begin(*people())
    all_of_them = [policy.act(look) for _ in range(2)]
    assert all_of_them[0].shape == (PEOPLE, 3)
    assert not np.array_equal(*all_of_them)
    policy.begin(*(column[5:8] for column in people()))
    some = [policy.act(look[5:8]) for _ in range(2)]
    assert all(np.array_equal(a[5:8], b) for a, b in zip(all_of_them, some, strict=True))


# --- by name --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", SLATE_KINDS)
def test_what_is_saved_acts_as_before(kind, tmp_path):
    parameters, items = a_world()
    slate = Slate(size=3, stay_base=0.5)
    policy = build_policy(
        kind,
        parameters,
        items,
        seed=1,
        slate=slate,
        settings=QUICK if kind == "ppo" else None,
    )
    loaded = load_policy(policy.save(tmp_path / kind))
    assert places_of(policy) == places_of(loaded) == 3
    look = seen(parameters, items, slate, 3)
    if policy.observation == "platform":
        look = FeedBatch(parameters, PEOPLE, items=items).start(*people())
    for each in (policy, loaded):
        each.begin(*people())
    for _ in range(3):
        assert np.array_equal(policy.act(look), loaded.act(look))


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"kind": "linucb"}, "slate: found with kind 'linucb'; allowed: random, chronological"),
        (
            {"kind": "random", "limits": Limits(extremity_cap=0.3)},
            "slate: found with limits; allowed: .* without limits",
        ),
        (
            {"kind": "ppo", "observation": "oracle",
             "settings": QUICK.model_copy(update={"greedy_prior": 1.0})},
            "greedy_prior: found 1.0 with slates; allowed: 0",
        ),
    ],
)  # fmt: skip
def test_what_cannot_fill_slates_is_refused_by_name(arguments, message):
    parameters, items = a_world()
    with pytest.raises(ValueError, match=message):
        build_policy(parameters=parameters, items=items, seed=0, slate=Slate(), **arguments)
