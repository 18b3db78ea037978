"""Builders that the tests of the world share: people and items whose every value is stated."""

import numpy as np
import pytest
from hypothesis import settings

from undertow.envs.world import IN_A_SLOT, Mechanism, State, Traits, assemble, draw, uniforms

# The same examples in every run: a failure on one machine is a failure on all.
settings.register_profile("undertow", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("undertow")


def _rows(people, topics, values, columns):
    def column(value, wide):
        shape = (people, topics) if wide else (people,)
        return np.broadcast_to(np.asarray(value, dtype=np.float32), shape).copy()

    unknown = set(values) - set(columns)
    assert not unknown, f"not a column: {unknown}"
    return {name: column(values.get(name, columns[name]), name in WIDE) for name in columns}


WIDE = {"taste", "satiation"}
TRAITS = {
    "self_control": 0.5,
    "susceptibility": 0.1,
    "latitude": 0.4,
    "news": 0.5,
    "stance": 0.0,
    "taste": 0.5,
}
STATE = {
    "taste": 0.5,
    "satiation": 0.0,
    "habit": 0.0,
    "tolerance": 0.0,
    "stance": 0.0,
    "regret": 0.0,
}
ITEM = {
    "topic": 0,
    "civic": 0.0,
    "stance": 0.0,
    "arousal": 0.5,
    "quality": 0.5,
    "falsehood": 0.0,
    "creator": 0,
    "duration": 60.0,
    "sponsor": 0.0,
    "supply": 1.0,
}


@pytest.fixture(scope="session")
def traits_of():
    """traits_of(people, topics, name=value or array, ...): traits, the rest as in TRAITS."""

    def build(people=1, topics=2, **values):
        return Traits(**_rows(people, topics, values, TRAITS))

    return build


@pytest.fixture(scope="session")
def state_of():
    """state_of(people, topics, name=value or array, present=..., ...): the rest as in STATE."""

    def build(people=1, topics=2, present=True, **values):
        here = np.broadcast_to(np.asarray(present, dtype=np.bool_), (people,)).copy()
        return State(**_rows(people, topics, values, STATE), present=here)

    return build


@pytest.fixture(scope="session")
def items_of():
    """items_of(parameters, name=column, ...): items, the rest as in ITEM."""

    def build(parameters, **columns):
        count = max((np.size(value) for value in columns.values()), default=1)
        table = {**ITEM, **columns}
        arrays = {n: np.broadcast_to(np.asarray(v), (count,)).copy() for n, v in table.items()}
        return assemble(parameters, **arrays)

    return build


@pytest.fixture(scope="session")
def crowd():
    """crowd(parameters, people, seed): traits and state of people 0, 1, ... of that seed."""

    def build(parameters, people, seed=0):
        return draw(parameters, np.full(people, seed, dtype=np.int64), np.arange(people))

    return build


@pytest.fixture(scope="session")
def luck_of():
    """luck_of(people, slot, seed): the draws that people 0, 1, ... of that seed meet in a slot."""

    def build(people, slot=1, seed=0):
        who = np.arange(people)
        return uniforms(
            np.full_like(who, seed), who, np.full_like(who, slot), Mechanism.OPENING, IN_A_SLOT
        )

    return build
