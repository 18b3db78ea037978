"""People: what is drawn once, where it starts, and how rows are taken and replaced."""

import math
from dataclasses import fields

import numpy as np
import pytest
from scipy import stats

from undertow.envs.world import draw, world

PEOPLE = 20_000
RULE = {
    "topics": 5,
    "taste_mean": -0.5,
    "taste_sd": 1.0,
    "self_control_mean": 0.3,
    "self_control_sd": 0.8,
    "susceptibility_median": 0.02,
    "susceptibility_sigma": 1.5,
    "susceptibility_cap": 0.4,
    "latitude_median": 0.5,
    "latitude_sigma": 0.25,
    "news_mean": -1.0,
    "news_sd": 1.2,
    "stance_sd": 0.3,
    "habit_start": 0.2,
}


@pytest.fixture(scope="module")
def many(crowd):
    return crowd(world(overrides={"population": RULE}), PEOPLE)


def logit(p):
    p = p.astype(np.float64)
    return np.log(p / (1 - p))


@pytest.mark.parametrize(
    "drawn, mean, sd",
    [
        (lambda t: logit(t.self_control), 0.3, 0.8),
        (lambda t: logit(t.news), -1.0, 1.2),
        (lambda t: logit(t.taste[:, 1]), -0.5, 1.0),
        (lambda t: logit(t.taste[:, 4]), -0.5, 1.0),
        (lambda t: np.log(t.latitude), math.log(0.5), 0.25),
        (lambda t: t.stance, 0.0, 0.3),
    ],
    ids=["self-control", "news", "first plain taste", "last taste", "latitude", "stance"],
)
def test_traits_follow_their_distribution(many, drawn, mean, sd):
    assert stats.kstest((drawn(many[0]) - mean) / sd, "norm").pvalue > 1e-3


def test_susceptibility_is_heavy_tailed_and_capped(many):
    eta = many[0].susceptibility
    assert np.median(eta) == pytest.approx(0.02, rel=0.05)
    assert eta.max() == pytest.approx(0.4)
    inside = eta < 0.4
    log = (np.log(eta[inside]) - math.log(0.02)) / 1.5
    cut = math.log(0.4 / 0.02) / 1.5
    assert stats.kstest(log, stats.truncnorm(-np.inf, cut).cdf).pvalue > 1e-3
    assert np.sort(eta)[-PEOPLE // 10 :].sum() > 0.5 * eta.sum()  # a tenth holds most of it


def test_the_civic_topic_is_the_news(many):
    assert np.array_equal(many[0].taste[:, 0], many[0].news)


def test_traits_are_independent(many):
    t = many[0]
    rows = [t.self_control, np.log(t.susceptibility), np.log(t.latitude), t.news, t.stance]
    matrix = np.corrcoef(np.stack([*rows, *t.taste.T[1:]]))
    assert np.abs(matrix - np.eye(len(matrix))).max() < 5 / math.sqrt(PEOPLE)


def test_without_spread_everybody_is_the_same(crowd):
    flat = {name: 0.0 for name in RULE if name.endswith(("_sd", "_sigma"))}
    traits, _ = crowd(world(overrides={"population": {**RULE, **flat}}), 3)
    expected = {
        "self_control": 1 / (1 + math.exp(-0.3)),
        "susceptibility": 0.02,
        "latitude": 0.5,
        "news": 1 / (1 + math.exp(1.0)),
        "stance": 0.0,
    }
    for name, value in expected.items():
        assert getattr(traits, name) == pytest.approx(value, rel=1e-6)
    assert traits.taste[:, 1:] == pytest.approx(1 / (1 + math.exp(0.5)), rel=1e-6)


def test_the_first_day(many):
    traits, state = many
    assert np.array_equal(state.taste, traits.taste) and state.taste is not traits.taste
    assert np.array_equal(state.stance, traits.stance)
    assert np.all(state.habit == np.float32(0.2))
    assert not state.satiation.any() and not state.tolerance.any() and not state.regret.any()
    assert state.present.all()
    for rows in many:
        for field in fields(rows):
            column = getattr(rows, field.name)
            wide = field.name in ("taste", "satiation")
            assert column.shape == ((PEOPLE, 5) if wide else (PEOPLE,))
            assert column.dtype == (np.bool_ if field.name == "present" else np.float32)


def test_habit_starts_at_zero_where_it_is_off(crowd):
    off = world(overrides={"population": {"habit_start": 0.7}, "habit": {"enabled": False}})
    assert not crowd(off, 3)[1].habit.any()


def test_a_person_is_the_same_in_any_company(many):
    parameters = world(overrides={"population": RULE})
    for who in ([7], [19_999, 7, 3], list(range(513))):
        rows = np.array(who)
        traits, state = draw(parameters, np.zeros_like(rows), rows)
        for alone, together in ((traits, many[0]), (state, many[1])):
            for field in fields(alone):
                expected = getattr(together, field.name)[rows]
                assert np.array_equal(getattr(alone, field.name), expected)


def test_two_seeds_have_other_people(crowd, many):
    other, _ = crowd(world(overrides={"population": RULE}), PEOPLE, seed=1)
    assert np.mean(other.stance == many[0].stance) < 1e-3


def test_take_and_with_rows(traits_of):
    old = traits_of(4, news=[0.0, 0.1, 0.2, 0.3], taste=np.arange(8).reshape(4, 2))
    picked = old.take(np.array([3, 1]))
    assert picked.news == pytest.approx([0.3, 0.1])
    assert picked.taste.tolist() == [[6, 7], [2, 3]]

    fresh = traits_of(2, news=[0.8, 0.9], taste=[[10, 11], [12, 13]])
    mixed = old.with_rows(np.array([3, 0]), fresh)
    assert mixed.news == pytest.approx([0.9, 0.1, 0.2, 0.8])
    assert mixed.taste.tolist() == [[12, 13], [2, 3], [4, 5], [10, 11]]
    assert old.news == pytest.approx([0.0, 0.1, 0.2, 0.3])  # a copy


def test_a_state_shares_no_memory_with_the_traits(crowd):
    """What moves in a person may be written in place without moving where they came from."""
    traits, state = crowd(world(), 5)
    for mine in vars(state).values():
        assert not any(np.shares_memory(mine, fixed) for fixed in vars(traits).values())
