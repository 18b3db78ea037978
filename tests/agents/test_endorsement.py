"""The endorsement feed: its equation by hand, its turns, and its file."""

import numpy as np
import pytest

from undertow.agents import Endorsement, EndorsementSettings, load_policy
from undertow.envs import FeedBatch
from undertow.envs.world.appraisal import appraise_every


def bare(top):
    return Endorsement(
        np.array([0, 1, 1]), np.array([0.2, 0.4, 0.8]), base=-1.0, taste=2.0, weight=3.0, top=top
    )


SEEN = np.array([[0.9, 0.1, 7.0], [0.5, 0.5, 7.0]], dtype=np.float32)


def test_endorsement_by_hand():
    """v = -1 + 2 p_k + 3 q."""
    assert bare(1).scores(SEEN) == pytest.approx(np.array([[1.4, 0.4, 1.6], [0.6, 1.2, 2.4]]))
    assert bare(1).act(SEEN).tolist() == [2, 2]


def test_the_best_are_served_in_turn():
    policy = bare(2)
    served = np.array([policy.act(SEEN) for _ in range(4)])
    assert {*served[:, 0]} == {0, 2} and {*served[:, 1]} == {1, 2}
    assert np.array_equal(served[:2], served[2:]) and (served[0] != served[1]).all()


def test_of_two_that_are_endorsed_alike_each_is_first_for_half():
    """Else a feed would lean to one side of the axis by the catalogue's order alone."""
    alike = Endorsement(np.zeros(2, int), np.ones(2), base=0, taste=1, weight=1, top=1)
    people = 10_000
    alike.begin(np.full(people, 3), np.arange(people))
    first, then = (alike.act(np.full((people, 1), 0.5)) for _ in range(2))
    assert first.mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(people))
    assert np.array_equal(first, then)


def test_where_one_item_is_allowed_it_is_served():
    allowed = np.array([[True, False, False], [False, True, False]])
    policy = bare(2)
    assert [policy.act_within(SEEN, allowed).tolist() for _ in range(2)] == [[0, 1], [0, 1]]


def test_it_is_the_worlds_own_endorsement(parameters, items):
    batch = FeedBatch(parameters, 50, "oracle", items)
    seen = batch.start(4, np.arange(50))
    policy = Endorsement.of(parameters, items, EndorsementSettings())
    expected = appraise_every(parameters, items, batch.traits, batch.state).endorsement
    assert np.allclose(policy.scores(seen), expected, atol=1e-5)


def test_its_file_keeps_it(tmp_path, parameters, items, lived, choices):
    policy = Endorsement.of(parameters, items, EndorsementSettings(top=4))
    loaded = load_policy(policy.save(tmp_path / "policy"))
    assert loaded.top == 4
    assert np.array_equal(choices(loaded, lived("oracle")), choices(policy, lived("oracle")))


@pytest.mark.parametrize(
    "wrong", [{"top": 0}, {"quality": np.zeros(2)}, {"topic": np.array([-1, 0, 0])}]
)
def test_what_makes_no_sense_is_refused_by_name(wrong):
    (name,) = wrong
    good = {"topic": np.zeros(3, int), "quality": np.zeros(3), "base": 0, "taste": 1, "weight": 1}
    with pytest.raises(ValueError, match=f"{name}: found"):
        Endorsement(**{**good, "top": 1, **wrong})
