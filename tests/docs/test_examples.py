"""The examples of the documentation run as they stand."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from undertow.envs.world import altered, synthetic, world
from undertow.experiments.compare import compare

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def loaded(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_bring_your_own_is_short_and_enters_the_table(monkeypatch):
    assert len((EXAMPLES / "bring_your_own.py").read_text().splitlines()) <= 30
    monkeypatch.syspath_prepend(str(EXAMPLES))
    found = compare(["random", "bring_your_own:best_first"], people=100)
    assert found["sides"][1]["difference"]["minutes_per_day"]["low"] > 0


def test_a_model_of_one_s_own_acts():
    parameters = altered(world(), {"calendar": {"days": 2}})
    policy = loaded("bring_your_own").my_ppo(parameters, synthetic(parameters), slots=4096)
    policy.begin(np.zeros(5, dtype=np.int64), np.arange(5))
    assert policy.act(np.zeros((5, policy.model.observation_space.shape[0]), np.float32)).shape == (
        5,
    )


@pytest.mark.slow
def test_another_trainer_learns_in_the_world():
    curve = loaded("cleanrl_style_ppo").train(updates=16, people=128)
    assert np.mean(curve[-3:]) > 1.1 * np.mean(curve[:3])
