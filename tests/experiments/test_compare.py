"""Policies side by side on the same people, and training one from a config."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from undertow.agents import Greedy, Random, load_policy
from undertow.envs.world import synthetic, world
from undertow.experiments.compare import compare, improvement, side_of
from undertow.experiments.config import ConfigError
from undertow.experiments.measured_world import world_named
from undertow.experiments.result_folder import ResultError
from undertow.experiments.run import run
from undertow.experiments.train import train

from .tiny import RULES, config, copied, experiment, undertow, write

ITEMS = synthetic(world())


def test_a_policy_does_not_differ_from_itself():
    found = compare(["greedy", "greedy"], people=60)
    second = found["sides"][1]
    for metric, one in second["difference"].items():
        assert one["mean"] == one["low"] == one["high"] == 0
        assert second["improvement"][metric] == 0.5
    assert found["unit"] == "person"


def test_greedy_watches_more_than_random_and_the_neutral_feed_induces_nothing():
    found = compare(["random", "greedy", "chronological"], people=200)
    greedy, neutral = found["sides"][1:]
    assert greedy["difference"]["minutes_per_day"]["low"] > 0
    assert greedy["improvement"]["minutes_per_day"] > 0.8
    assert neutral["metrics"]["induced_drift"]["mean"] == 0
    assert greedy["metrics"]["minutes_per_day"]["n"] == 200


def test_improvement_by_hand():
    a, b = np.array([1.0, 2.0, 3.0]), np.array([1.0, 1.0, 4.0])
    assert improvement(a, b, "person") == pytest.approx((0.5 + 1 + 0) / 3)
    # Over all nine pairs: 1 ties twice, 2 and 3 beat two each, all lose to 4.
    assert improvement(a, b, "seed") == pytest.approx((1 + 2 + 2) / 9)


def test_seeds_of_a_result_are_the_unit(tmp_path, light):
    folder = run(experiment(**RULES, seeds=3), tmp_path)
    found = compare([f"{folder}:lively/chronological", "random"], people=30)
    assert (found["unit"], found["seeds"]) == ("seed", 3)
    assert [side["name"] for side in found["sides"]] == ["lively/chronological", "random"]
    assert found["sides"][1]["difference"]["minutes_per_day"]["n"] == 3


def test_a_saved_policy_and_a_function_are_sides(tmp_path, monkeypatch):
    file = Random(len(ITEMS)).save(tmp_path / "mine")
    (tmp_path / "made_here.py").write_text(
        "from undertow.agents import Greedy\n\n\ndef make(parameters, items):\n"
        "    return Greedy(len(items))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    default = world_named("default")
    assert side_of(str(file), default).name == "mine"
    assert isinstance(side_of("made_here:make", default).policies[0], Greedy)
    with pytest.raises(ResultError, match="made_here:none cannot be had"):
        side_of("made_here:none", default)


@pytest.mark.parametrize(
    "texts, message",
    [
        (["greedy"], "policies: found 1; allowed: two or more"),
        (["greedy", "nobody.zip"], "policy: found 'nobody.zip'; allowed: random"),
        (["greedy", "results/none:default/ppo"], "policy: found 'results/none:default/ppo'"),
    ],
)
def test_what_cannot_be_compared_is_told(texts, message):
    with pytest.raises(ResultError, match=message):
        compare(texts, people=20)
    with pytest.raises(ResultError, match="world: found 'flat'"):
        compare(["greedy", "random"], preset="flat")


def test_the_command_prints_and_saves(tmp_path):
    saved, picture = tmp_path / "c.json", tmp_path / "c.png"
    found = undertow(
        *("compare", "chronological", "greedy", "--people", 30),
        *("--json", saved, "--figure", picture),
    )
    assert found.exit_code == 0, found.stderr
    assert "the unit is a person" in found.stdout
    assert [s["name"] for s in json.loads(saved.read_text())["sides"]] == [
        "chronological", "greedy",
    ]  # fmt: skip
    assert picture.stat().st_size > 10_000


# --- train ----------------------------------------------------------------------------------------


def test_a_policy_is_trained_as_a_run_trains_it(tmp_path, light):
    """And its curves carry the world's own metrics."""
    data = config(seeds=2)
    file = write(tmp_path, data)
    folder = run(experiment(seeds=2), tmp_path / "results")
    found = undertow(
        *("train", file, "--policy", "ppo", "--world", "lively", "--seed", 1),
        *("--out", tmp_path / "mine", "--tensorboard", tmp_path / "curves"),
    )
    assert found.exit_code == 0, found.stderr
    mine = load_policy(tmp_path / "mine.npz")
    theirs = load_policy(folder / "policies" / "lively--ppo--1.npz")
    for a, b in zip(mine.model.policy.parameters(), theirs.model.policy.parameters(), strict=True):
        np.testing.assert_array_equal(a.detach().numpy(), b.detach().numpy())
    curves = EventAccumulator(str(tmp_path / "curves")).Reload()
    for name in ("minutes_per_present_day", "extremity", "outward", "habit", "regret"):
        assert f"training/{name}" in curves.Tags()["scalars"]
    minutes = curves.Scalars("training/minutes_per_present_day")[-1].value
    assert 0 < minutes < 24 * 60


@pytest.mark.parametrize(
    ("kind", "own", "told"),
    [
        ("ppo_shift_penalty", {"penalty": 1000.0}, "shift/distance"),
        ("ppo_lagrangian", {"budgets": {"outward_drift": 0.0}}, "lagrangian/outward_drift_a_day"),
    ],
)
def test_who_learns_under_a_cost_has_its_curve_beside_minutes_that_it_is_not_taken_off(
    kind, own, told, tmp_path
):
    one = experiment(
        policies={"mine": {"kind": kind, kind: own}},
        cells={"lively": ["mine"]},
        **{"hypotheses": [], "splits": []},
    )
    where = {"out": tmp_path / "mine", "tensorboard": tmp_path / "curves"}
    train(one, policy="mine", world="lively", seed=0, **where)
    curves = EventAccumulator(str(tmp_path / "curves")).Reload()
    assert told in curves.Tags()["scalars"]
    points = curves.Scalars("training/minutes_per_present_day")
    assert all(point.value > 0 for point in points)


@pytest.mark.parametrize(
    "words, message",
    [
        (
            {"policy": "pop", "world": "lively"},
            "--policy: found 'pop'; allowed: random, chronological",
        ),
        ({"policy": "ppo", "world": "flat"}, "--world: found 'flat'; allowed: lively"),
    ],
)
def test_names_that_the_config_lacks_are_told(tmp_path, words, message):
    with pytest.raises(ConfigError, match=message):
        train(experiment(), **words, seed=0, out=tmp_path / "x")


def test_a_rule_has_no_curves(tmp_path):
    with pytest.raises(ConfigError, match="--tensorboard: found with kind 'greedy'"):
        train(
            experiment(), policy="greedy", world="lively", seed=0, out=tmp_path / "x",
            tensorboard=tmp_path,
        )  # fmt: skip


def test_without_tensorboard_curves_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("undertow.experiments.train.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="tensorboard is not installed"):
        train(
            experiment(), policy="ppo", world="lively", seed=0, out=tmp_path / "x",
            tensorboard=Path("curves"),
        )  # fmt: skip


# --- model cards ----------------------------------------------------------------------------------


def test_every_policy_of_a_result_has_its_card(finished, tmp_path):
    folder = copied(finished, tmp_path)
    found = undertow("card", folder)
    assert found.exit_code == 0, found.stderr
    text = (folder / "policies" / "README.md").read_text()
    summary = json.loads((folder / "summary.json").read_text())
    for cell in summary["cells"]:
        assert f"## `{cell['policy']}` in `{cell['world']}`" in text
    assert "gamma 0.97" in text and "must not choose what anybody sees" in text
    undertow("card", folder)
    assert (folder / "policies" / "README.md").read_text() == text
    (named,) = re.findall(r'load_policy\("results/(\S+)"\)', text)
    assert (folder.parent / named).is_file()


def test_cards_need_a_result_with_policies(finished, tmp_path):
    folder = copied(finished, tmp_path)
    for file in (folder / "policies").iterdir():
        file.unlink()
    assert "found no policies" in undertow("card", folder).stderr
    assert "no finished result" in undertow("card", tmp_path / "none").stderr
