"""Which engine plays: auto is numba where numba works, numpy elsewhere, and a batch says which."""

import importlib
import sys
import warnings

import gymnasium as gym
import numba
import numpy as np
import pytest

from undertow.envs import FeedBatch, FeedEnv, FeedSlateEnv, FeedSlateVectorEnv, FeedVectorEnv
from undertow.envs import feed_batch as module
from undertow.envs.feed_batch import engine_for, missing
from undertow.envs.slate_batch import batch_of
from undertow.envs.world import world

VECTOR = {"vectorization_mode": "vector_entry_point"}
FACES = {
    "FeedEnv": FeedEnv,
    "FeedVectorEnv": lambda **o: FeedVectorEnv(2, **o),
    "make": lambda **o: gym.make("undertow/Feed-v0", **o).unwrapped,
    "make_vec": lambda **o: gym.make_vec("undertow/Feed-v0", 2, **VECTOR, **o).unwrapped,
    "oracle": lambda **o: FeedEnv(observation="oracle", **o),
}
SLATES = {
    "FeedSlateEnv": FeedSlateEnv,
    "FeedSlateVectorEnv": lambda **o: FeedSlateVectorEnv(2, **o),
    "make": lambda **o: gym.make("undertow/FeedSlate-v0", **o).unwrapped,
}


def unimportable(monkeypatch, error):
    """As if numba were installed, and its import failed."""
    real = importlib.import_module

    def failing(name):
        if name == "numba":
            raise error
        return real(name)

    monkeypatch.setattr(module.importlib, "import_module", failing)


@pytest.mark.parametrize("make", FACES.values(), ids=FACES)
def test_a_face_is_compiled_unless_told_otherwise(make):
    assert make().batch.engine == "numba"
    assert make(engine="auto").batch.engine == "numba"
    assert make(engine="numpy").batch.engine == "numpy"


@pytest.mark.parametrize("make", FACES.values(), ids=FACES)
def test_without_numba_a_face_plays_on_numpy_without_a_word(make, monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = make()
    assert env.batch.engine == "numpy"
    env.reset(seed=0)
    env.step(env.action_space.sample())


@pytest.mark.parametrize("make", SLATES.values(), ids=SLATES)
def test_slates_are_played_by_numpy(make):
    assert make().batch.engine == make(engine="auto").batch.engine == "numpy"
    assert make(engine="numpy").batch.engine == "numpy"
    with pytest.raises(ValueError, match="engine: found 'numba' with a slate; allowed: auto, num"):
        make(engine="numba")


def test_results_are_made_on_numpy_unless_they_say_otherwise():
    assert FeedBatch(world(), 2).engine == batch_of(world(), 2).engine == "numpy"


@pytest.mark.parametrize(
    "error", [ImportError("Numba needs NumPy 2.4 or less"), OSError("no libllvmlite.so")], ids=str
)
def test_a_numba_that_cannot_be_imported_is_none(monkeypatch, error):
    unimportable(monkeypatch, error)
    assert engine_for("auto") == "numpy" and missing("numpy") is None
    with pytest.raises(ModuleNotFoundError, match=rf"engine: numba cannot be imported \({error}\)"):
        engine_for("numba")


def test_a_numba_that_does_not_compile_is_none(monkeypatch):
    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    assert engine_for("auto") == "numpy" and FeedEnv().batch.engine == "numpy"
    with pytest.raises(ModuleNotFoundError, match=r"engine: numba does not compile .*DISABLE_JIT"):
        FeedBatch(world(), 2, engine="numba")


def test_on_torch_auto_is_numpys_lines():
    batch = FeedBatch(world(), 2, device="cpu", engine="auto")
    assert batch.engine == "numpy" and batch.start(0, 0).shape[0] == 2


@pytest.mark.parametrize("make", FACES.values(), ids=FACES)
def test_an_unknown_engine_is_refused_with_those_there_are(make):
    with pytest.raises(ValueError, match="engine: found 'jax'; allowed: auto, numpy, numba"):
        make(engine="jax")


def test_where_nothing_can_be_kept_on_disk_numba_compiles_all_the_same(monkeypatch):
    from undertow.envs.fused.loops import compiled

    caching = importlib.import_module("numba.core.caching")
    monkeypatch.setattr(caching.CacheImpl, "_locator_classes", [])
    monkeypatch.setattr(caching.CompileResultCacheImpl, "_locator_classes", [], raising=False)

    def double(x):
        return x + x

    with pytest.raises(RuntimeError, match="no locator available"):
        numba.njit(cache=True)(double)
    assert compiled(double)(np.float32(1.5)) == 3.0
