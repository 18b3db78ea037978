"""A world of slates in an experiment: config, run and what is refused."""

import json
import sys

import numpy as np
import pytest

from undertow.agents import load_policy
from undertow.experiments.config import Experiment
from undertow.experiments.run import run
from undertow.experiments.train import train

from .tiny import TINY

SLATED = TINY | {
    "name": "slated",
    "worlds": {name: block | {"slate": {"size": 3}} for name, block in TINY["worlds"].items()},
    "hypotheses": [],
    "splits": [],
}


def experiment(**changes):
    return Experiment.model_validate(SLATED | changes)


def test_an_experiment_of_slates_runs_and_keeps_its_policies(tmp_path, light):
    folder = run(experiment(), tmp_path)
    summary = json.loads((folder / "summary.json").read_text())
    minutes = {
        cell["policy"]: cell["metrics"]["watch_minutes_per_day"]["mean"]
        for cell in summary["cells"]
        if cell["world"] == "lively"
    }
    assert minutes["greedy"] > minutes["random"] > 0
    # The neutral feed is the twin of itself, slates and all.
    (neutral,) = (
        cell["metrics"]["induced_drift"]
        for cell in summary["cells"]
        if (cell["world"], cell["policy"]) == ("lively", "chronological")
    )
    assert neutral["mean"] == neutral["low"] == neutral["high"] == 0.0
    policy = load_policy(folder / "policies" / "lively--ppo--0.npz")
    size = policy.model.observation_space.shape[0]
    assert policy.act(np.zeros((4, size), dtype=np.float32)).shape == (4, 3)


def test_a_world_without_slates_has_the_config_it_had():
    plain = Experiment.model_validate(TINY | {"hypotheses": [], "splits": []})
    assert "slate" not in plain.model_dump()["worlds"]["lively"]
    assert experiment().model_dump()["worlds"]["lively"]["slate"]["size"] == 3


@pytest.mark.parametrize(
    "policy, message",
    [
        ({"kind": "linucb"}, r"cells\.lively: found 'greedy' of kind linucb in a world of slates"),
        (
            {"kind": "random", "limits": {"extremity_cap": 0.3}},
            r"cells\.lively: found 'greedy' with limits in a world of slates",
        ),
    ],
)
def test_what_cannot_fill_slates_is_refused_before_the_run(policy, message):
    with pytest.raises(ValueError, match=message):
        experiment(policies=SLATED["policies"] | {"greedy": policy})


@pytest.mark.parametrize("slate", [{"size": 0}, {"size": 21}, {"length": 2}, 3])
def test_a_bad_slate_is_refused_by_key(slate):
    worlds = {"lively": SLATED["worlds"]["lively"] | {"slate": slate}}
    with pytest.raises(ValueError, match="slate"):
        experiment(worlds=worlds, cells={"lively": ["random"]})


@pytest.mark.parametrize("kind", ["random", "greedy"])
def test_what_is_trained_alone_fills_the_slates_of_its_world(kind, tmp_path, light):
    policy, _ = train(experiment(), policy=kind, world="lively", seed=0, out=tmp_path / kind)
    assert policy.places == 3


@pytest.mark.parametrize("own", [{"engine": "numba"}, {"greedy_prior": 1.0}])
def test_settings_that_no_slate_allows_are_refused_before_the_run(own):
    (key,) = own
    ppo = {"kind": "ppo", "observation": "oracle", "ppo": own}
    with pytest.raises(ValueError, match=rf"{key}: found .* in 'lively', a world of slates"):
        experiment(policies=SLATED["policies"] | {"ppo": ppo})


def test_an_engine_that_is_not_installed_is_refused_before_the_run(monkeypatch):
    compiled = {"training": TINY["training"] | {"engine": "numba"}}
    Experiment.model_validate(TINY | compiled)
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(ValueError, match="engine: found 'numba', but numba is not installed"):
        Experiment.model_validate(TINY | compiled)
