"""LinUCB and Thompson: what they read, how they explore, and that twins stay exact."""

import numpy as np
import pytest
from pydantic import ValidationError

from undertow.agents import (
    LinUCB,
    LinUCBSettings,
    Thompson,
    ThompsonSettings,
    load_policy,
)
from undertow.agents.bandit_features import Features
from undertow.agents.ridge import Ridge
from undertow.envs import FeedBatch

KINDS = {"linucb": (LinUCB, LinUCBSettings), "thompson": (Thompson, ThompsonSettings)}


@pytest.fixture(scope="module")
def learned(parameters, items):
    """learned(kind, seed, setting=...): a bandit after some 2,000 slots."""

    def build(kind, seed=1, **settings):
        policy, its = KINDS[kind]
        return policy.train(
            parameters, items, seed=seed, settings=its(slots=2_048, n_envs=64, **settings)
        )

    return build


@pytest.fixture
def features(parameters, items):
    return lambda reads: Features.of(FeedBatch(parameters, 1, items=items).view, reads)


# --- what they read -------------------------------------------------------------------------------


def test_all_is_one_and_the_observation_for_every_item(features, lived):
    seen = lived("platform")[9]
    phi = features("all")(seen)
    assert phi.shape == (1, 24, 1 + seen.shape[1]) and features("all").size == phi.shape[2]
    assert np.array_equal(phi[0, :, 1:], seen.astype(float)) and (phi[0, :, 0] == 1).all()


def test_own_reads_the_columns_of_the_items_own_group(features, lived, parameters, items):
    seen = lived("platform")[9].astype(float)
    reads = features("own")
    phi, groups = reads(seen), reads.groups
    assert phi.shape == (30, 24, reads.size)
    for item in (0, 11, 29):
        g = reads.group[item]
        # The observation: (groups + 4) columns at each of three speeds, then rates, then known.
        recent = seen[:, [g, groups + 4 + g, 2 * (groups + 4) + g]]
        rate, known = seen[:, 3 * (groups + 4) + g], seen[:, 3 * (groups + 4) + groups + g]
        own = np.column_stack([recent, rate, known, rate * known])
        opens = seen[:, 2 * (groups + 4) + groups]
        assert np.array_equal(phi[item, :, -12:-6], own)
        assert np.array_equal(phi[item, :, -6:], own * opens[:, None])
    # What is not of a group is the same for every item.
    assert np.array_equal(phi[0, :, :-12], phi[29, :, :-12])


def test_items_are_in_the_group_that_the_log_counts_them_in(parameters, items):
    """A session of each item moves the fast minutes of its group alone."""
    batch = FeedBatch(parameters, 300, items=items)
    batch.start(3, np.arange(300))
    group = Features.of(batch.view, "own").group
    step = batch.step(np.arange(300) % 30)
    watched = step.outcome.minutes > 0
    moved = step.observation[:, : batch.view.groups] > 0
    assert watched.sum() > 50
    expected = group[step.outcome.item][:, None] == np.arange(batch.view.groups)
    assert np.array_equal(moved[watched], expected[watched])


# --- what they do with it -------------------------------------------------------------------------


def bare(kind, width, rows=()):
    """A bandit of two items and one group that has seen (item, phi, reward) with phi of size 1."""
    features = Features("all", np.zeros(2, dtype=np.int64), 1)
    ridge = Ridge(2, 1, 1.0)
    for item, phi, reward in rows:
        ridge.add(np.full((1, 1, 1), phi), np.array([item]), np.array([reward]))
    ridge.solve()
    return KINDS[kind][0](features, ridge, width)


ROWS = [(0, 1.0, 4.0), (0, 1.0, 2.0), (1, 2.0, 2.0)]
# Item 0: A = 3, b = 6, theta = 2. Item 1: A = 5, b = 4, theta = 0.8.
# s^2 = (24 - 12 - 3.2) / 3 = 2.9333. With phi = 1 the widths are 1 / sqrt(3) and 1 / sqrt(5).


def test_the_upper_confidence_bound_by_hand():
    policy = bare("linucb", 2.0, ROWS)
    phi, nobody = np.ones((1, 1, 1)), np.zeros(1, dtype=np.int64)
    s = np.sqrt(8.8 / 3)
    bound = policy._exploring(phi, nobody, nobody, nobody)
    assert bound[0] == pytest.approx([2 + 2 * s / np.sqrt(3), 0.8 + 2 * s / np.sqrt(5)])
    assert policy._deployed(phi, nobody, nobody, nobody)[0] == pytest.approx([2.0, 0.8])


def test_thompson_draws_from_its_posterior():
    policy, people = bare("thompson", 1.5, ROWS), 40_000
    person = np.arange(people)
    drawn = policy._exploring(np.ones((1, people, 1)), np.full(people, 3), person, person * 0 + 1)
    sd = 1.5 * np.sqrt(8.8 / 3) / np.sqrt([3, 5])
    assert drawn.mean(axis=0) == pytest.approx([2.0, 0.8], abs=4 * sd.max() / np.sqrt(people))
    assert drawn.std(axis=0) == pytest.approx(sd, rel=0.02)
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.02


def test_without_width_thompson_is_its_estimate(learned, lived, choices):
    certain = learned("thompson")
    certain.width = 0.0
    estimate = LinUCB(certain.features, certain.ridge, 1.0)
    seen = lived("platform")
    assert np.array_equal(choices(certain, seen), choices(estimate, seen))


@pytest.mark.parametrize("kind", KINDS)
def test_it_finds_the_better_item_where_nothing_else_matters(kind, learned, items, lived, choices):
    """After more slots it earns more in its own training than at its start, by its own estimate."""
    few, many = learned(kind, ridge=1e6), learned(kind)
    assert np.abs(few.ridge.theta).max() < 0.5 < np.abs(many.ridge.theta).max()
    led = choices(many, lived("platform"))
    assert np.unique(led).size > 1


# --- the protocol ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_learns_the_same_to_the_bit_and_another_seed_another(kind, learned):
    first, again, other = learned(kind), learned(kind), learned(kind, seed=2)
    assert np.array_equal(first.ridge.theta, again.ridge.theta)
    assert not np.array_equal(first.ridge.theta, other.ridge.theta)


@pytest.mark.parametrize("reads", ["own", "all"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_loaded_chooses_the_same(kind, reads, tmp_path, learned, lived, choices):
    policy = learned(kind, reads=reads)
    file = policy.save(tmp_path / "policy")
    assert file == tmp_path / "policy.npz" and file.stat().st_size < 2_000_000
    loaded, seen = load_policy(file), lived("platform")
    assert type(loaded) is type(policy)
    assert np.array_equal(choices(loaded, seen), choices(policy, seen))


@pytest.mark.parametrize("rows", [[5], [23, 0, 7]], ids=len)
@pytest.mark.parametrize("kind", KINDS)
def test_a_person_is_shown_the_same_in_any_company_and_place(kind, learned, lived, choices, rows):
    policy, seen = learned(kind), lived("platform")
    everybody = choices(policy, seen)
    policy.begin(np.full(len(rows), 5), np.array(rows))
    alone = [policy.act(each[rows]) for each in seen]
    assert np.array_equal(alone, everybody[:, rows])


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_learned_once_deployed(kind, learned, lived, choices):
    policy, seen = learned(kind), lived("platform")
    first = choices(policy, seen)
    assert np.array_equal(choices(policy, seen), first)


@pytest.mark.parametrize("wrong", [{"alpha": -1}, {"ridge": 0}, {"reads": "some"}, {"spread": 1}])
def test_a_bad_setting_is_refused_by_name(wrong):
    (name,) = wrong
    with pytest.raises(ValidationError, match=name):
        LinUCBSettings(**wrong)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no", b"text"])
def test_a_damaged_file_is_refused_and_named(tmp_path, content):
    file = tmp_path / "policy.npz"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"policy\.npz: damaged or not a policy's file"):
        load_policy(file)
