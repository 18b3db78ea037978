"""At the edge: a draw that equals a chance is a no; a batch of two will do for the placebo."""

import numpy as np
import pytest

from undertow.envs.world import Mechanism, Slate, altered, scroll, slot, world

WEIGHTS = ("base", "taste", "satiation", "quality", "arousal", "falsehood", "extremity_pull")
#: The plan of everything is 0, and so the chance of opening with nothing more is a half.
EVEN = world(
    overrides={
        "population": {"topics": 2},
        "catalogue": {"items": 4},
        "appraisal": dict.fromkeys(WEIGHTS, 0.0) | {"congruence": False},
        "opening": {"base": 0.0, "habit": 0.0, "lead": 1.0, "regret": 0.0},
        "search": {"share": 0.5},
        "churn": {"hazard": 0.5, "habit": 0.0, "regret": 0.0},
    }
)
ALLURING = altered(EVEN, {"appraisal": {"arousal": 1.0}})


@pytest.fixture
def lived(items_of, traits_of, state_of):
    """lived(parameters, opening=..., ...): the slot of one person with these draws, else 0.9."""

    def live(parameters, **draws):
        luck = np.full((8, 1), 0.9, dtype=np.float32)
        for name, value in draws.items():
            luck[Mechanism[name.upper()]] = value
        items = items_of(parameters, topic=[0, 1])
        feed = np.zeros(1, dtype=np.int64)
        return slot(parameters, items, traits_of(), state_of(), feed, luck)[1]

    return live


@pytest.mark.parametrize("draw, happens", [(0.4999, True), (0.5, False)])
def test_a_draw_that_equals_the_chance_is_a_no(lived, draw, happens):
    assert lived(EVEN, opening=draw).opened[0] == happens
    assert lived(EVEN, opening=0.1, search=draw).sought[0] == happens
    assert lived(EVEN, churn=draw).left[0] == happens
    # The allure opens the app anyhow; without it the chance is a half.
    outcome = lived(ALLURING, opening=draw)
    assert outcome.opened[0] and (outcome.endorsed[0] > 0) == happens


@pytest.mark.parametrize("draw, happens", [(0.4999, True), (0.5, False)])
def test_a_draw_that_equals_the_chance_of_staying_is_a_no(
    items_of, traits_of, state_of, draw, happens
):
    luck = np.full((8, 1), 0.9, dtype=np.float32)
    luck[Mechanism.OPENING] = 0.1
    rest = np.array([[draw], [0.5]], dtype=np.float32)
    rule, slate = Slate(size=2, stay_base=0.0, stay_pull=1.0), np.zeros((1, 2), dtype=np.int64)
    rows = items_of(EVEN, topic=[0, 1]), traits_of(), state_of()
    second = scroll(EVEN, rule, *rows, slate, luck, rest)[1].parts[1]
    assert second.opened[0] == happens and (second.minutes[0] > 0) == happens
    second = scroll(ALLURING, rule, *rows, slate, luck, rest)[1].parts[1]
    assert second.opened[0] and (second.endorsed[0] > 0) == happens


def test_in_a_placebo_of_two_each_is_moved_by_the_other(items_of, traits_of, state_of):
    yoked = altered(EVEN, {"placebo": "yoked", "search": {"enabled": False}})
    luck = np.full((8, 2), 0.5, dtype=np.float32)
    luck[Mechanism.OPENING] = (0.1, 0.9)  # the first watches, the second does not
    feed = np.zeros(2, dtype=np.int64)
    rows = items_of(yoked, topic=[0, 1]), traits_of(2), state_of(2)
    following, outcome = slot(yoked, *rows, feed, luck)
    assert outcome.opened.tolist() == [True, False]
    assert (following.satiation[:, 0] > 0).tolist() == [False, True]
