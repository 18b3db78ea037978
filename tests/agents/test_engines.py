"""The engine that people are played by in training: numpy for results, whatever the faces take."""

import pytest
from stable_baselines3.common.env_util import make_vec_env as sb3_make_vec_env

from undertow.agents import KINDS, FeedVecEnv, PPOSettings, build_policy, make_vec_env
from undertow.envs import feed_batch
from undertow.envs.world import Slate

from .test_registry import LEARNED, TINY_SETTINGS


@pytest.fixture
def engines(monkeypatch):
    """The engines of the batches made from here on."""
    made = []
    real = feed_batch.engine_for

    def noted(*arguments):
        made.append(real(*arguments))
        return made[-1]

    monkeypatch.setattr(feed_batch, "engine_for", noted)
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_policies_of_results_are_trained_on_numpy(kind, engines, parameters, items):
    build_policy(kind, parameters, items, seed=0, settings=TINY_SETTINGS.get(kind))
    assert set(engines) <= {"numpy"} and bool(engines) == (kind in {*TINY_SETTINGS, "popular"})


def test_a_slate_is_trained_on_numpy(engines, parameters, items):
    build_policy("ppo", parameters, items, seed=0, settings=LEARNED, slate=Slate(size=2))
    assert set(engines) == {"numpy"}


def test_settings_say_numpy_and_numba_is_taken_where_they_say_so(engines, parameters, items):
    assert PPOSettings().engine == "numpy"
    settings = LEARNED.model_copy(update={"engine": "numba"})
    build_policy("ppo", parameters, items, seed=0, settings=settings)
    assert "numba" in engines


def test_the_native_environments_are_compiled_unless_told_otherwise(engines):
    FeedVecEnv(2)
    make_vec_env("undertow/Feed-v0", 2)
    assert engines == ["numba", "numba"]
    FeedVecEnv(2, engine="numpy")
    make_vec_env("undertow/FeedSlate-v0", 2)
    assert engines == ["numba", "numba", "numpy", "numpy"]


def test_single_environments_of_sb3_are_compiled_too():
    assert sb3_make_vec_env("undertow/Feed-v0", 2).get_attr("batch")[0].engine == "numba"
