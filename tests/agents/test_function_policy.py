"""A function as a policy."""

from pathlib import Path

import numpy as np
import pytest

from undertow.agents import FunctionPolicy, UseLimited, UseLimits


def test_what_the_function_says_leads(lived, choices):
    def half(seen):
        return np.where(seen[:, -1] < 0.5, 3, 7)

    led = choices(FunctionPolicy(half), lived("platform"))
    assert (led[:8] == 3).all() and (led[8:] == 7).all() and led.shape == (16, 24)


def test_rules_go_on_it_as_on_any(lived):
    policy = UseLimited(
        FunctionPolicy(lambda seen: np.zeros(len(seen), dtype=int)),
        UseLimits(daily_limit=5.0),
        slots_per_day=8,
    )
    policy.begin(np.zeros(24, dtype=int), np.arange(24))
    policy.used(np.ones(24, dtype=bool), np.full(24, 6.0))
    assert policy.away().all() and not policy.act(lived("platform")[1]).any()


@pytest.mark.parametrize("wrong", [3, np.zeros((24, 2)), np.zeros(23)])
def test_an_answer_of_another_shape_is_refused(wrong, lived):
    with pytest.raises(ValueError, match=r"choose: gave .* allowed: integers of shape \(24,\)"):
        FunctionPolicy(lambda seen: wrong).act(lived("platform")[0])


def test_a_function_is_not_saved():
    with pytest.raises(NotImplementedError, match="module:function"):
        FunctionPolicy(len).save(Path("mine"))
