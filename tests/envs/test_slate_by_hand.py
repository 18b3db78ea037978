"""What a batch of slates says of how far people read."""

import numpy as np
import pytest

from undertow.envs import SlateBatch
from undertow.envs.slate_batch import batch_of, slate_of
from undertow.envs.world import Slate, world

PEOPLE = 60
EAGER = world("vulnerable", overrides={"opening": {"base": 3.0}, "search": {"share": 0.2}})


def test_seen_counts_the_items_that_were_come_to_and_none_of_who_only_began():
    batch = SlateBatch(EAGER, PEOPLE, Slate(size=4))
    batch.start(0, np.arange(PEOPLE))
    outcome = batch.step(np.ones((PEOPLE, 4), dtype=np.int64)).outcome
    opened = np.stack([part.opened for part in outcome.parts]).sum(axis=0)
    assert set(opened) == {0, 1, 2, 3, 4}
    assert batch.measured(outcome)["seen"].tolist() == opened.tolist()
    idle = np.arange(PEOPLE) % 3 == 0
    told = batch.measured(outcome, idle)["seen"]
    assert told.tolist() == np.where(idle, 0, opened).tolist() != opened.tolist()


def test_a_slate_may_be_given_as_a_rule_a_mapping_or_a_size():
    rule = Slate(size=3, stay_base=0.5)
    assert slate_of(rule) is rule
    assert slate_of({"size": 3, "stay_base": 0.5}) == rule
    assert slate_of(3) == Slate(size=3)


def test_a_batch_is_of_slates_where_one_is_asked_for():
    assert not isinstance(batch_of(EAGER, 2), SlateBatch)
    assert batch_of(EAGER, 2, slate=3).action_shape == (2, 3)
    assert batch_of(EAGER, 2, engine="numba")._fused is not None
    with pytest.raises(
        ValueError, match="engine: found 'numba' with a slate; allowed: auto, numpy"
    ):
        batch_of(EAGER, 2, slate=3, engine="numba")
