"""A policy is measured in the world that it comes with, or in one that is named."""

import json
import shutil

import numpy as np
import pytest
import yaml

import undertow.experiments.report as report
import undertow.experiments.run as engine
from undertow.agents import Greedy, PolicyError, Random, load_policy
from undertow.agents.policy_file import read_npz
from undertow.envs.world import altered, synthetic, world
from undertow.experiments.compare import compare, side_of
from undertow.experiments.evaluate import Large, world_label
from undertow.experiments.measured_world import World, shared_world, world_named
from undertow.experiments.result_folder import ResultError
from undertow.experiments.rollout import live
from undertow.experiments.run import run
from undertow.experiments.saved_policies import saved_files

from .tiny import LIVELY, RULES, config, copied, experiment, inline, undertow, write


@pytest.fixture(scope="module")
def slates(tmp_path_factory):
    """A result of slates, of rules alone."""
    worlds = {"pages": {"preset": "vulnerable", "overrides": LIVELY, "slate": {"size": 3}}}
    asked = config(name="pages", worlds=worlds, cells={"pages": ["random", "greedy"]})
    asked |= {"hypotheses": [], "splits": []}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "_run_all", inline)
        patch.setattr(report, "write_report", lambda folder: None)
        return run(experiment(**asked), tmp_path_factory.mktemp("slates"))


# --- whose world ----------------------------------------------------------------------------------


def test_seeds_of_a_result_are_measured_in_their_results_world(finished):
    sides = [f"{finished}:lively/greedy", f"{finished}:lively/random"]
    found = compare(sides, people=20)
    assert found["world"] == f"{finished}:lively"
    assert found == compare(sides, preset=f"{finished}:lively", people=20)
    elsewhere = compare(["greedy", "random"], preset="default", people=20)
    minutes = [one["sides"][0]["metrics"]["minutes_per_day"] for one in (found, elsewhere)]
    assert minutes[0] != minutes[1]


def test_a_file_of_a_result_is_measured_there_too_and_so_is_a_rule_beside_it(finished):
    file = finished / "policies" / "frozen--ppo--1.npz"
    assert compare([str(file), "greedy"], people=20)["world"] == f"{finished}:frozen"


def test_a_policy_saved_elsewhere_brings_its_world_in_its_file(finished, tmp_path):
    file = shutil.copy(finished / "policies" / "lively--ppo--0.npz", tmp_path / "mine.npz")
    own, lively = shared_world([str(file)], None), world_named(f"{finished}:lively")
    assert own.label == str(file) and own.same_as(lively)
    together = shared_world([f"{finished}:lively/ppo", str(file)], None)
    assert together.label == f"{finished}:lively"
    assert world_named(str(file)).same_as(lively)


def test_policies_of_two_worlds_are_refused_unless_one_is_named(finished):
    sides = [f"{finished}:lively/greedy", f"{finished}:frozen/greedy"]
    message = (
        "found policies of .*:lively and .*:frozen; allowed: policies of one world, or --world"
    )
    with pytest.raises(ResultError, match=message):
        compare(sides, people=20)
    named = compare(sides, preset=f"{finished}:frozen", people=20)
    first, second = named["sides"]
    assert named["world"] == f"{finished}:frozen" and first["metrics"] == second["metrics"]


def test_a_saved_rule_does_not_say_its_world_so_it_has_to_be_named(tmp_path):
    file = Greedy(30).save(tmp_path / "mine")
    with pytest.raises(ResultError, match=r"world: .*mine\.json does not say which .*--world"):
        compare([str(file), "random"], people=20)
    assert compare([str(file), "random"], preset="vulnerable", people=20)["world"] == "vulnerable"
    assert compare(["greedy", "random"], people=20)["world"] == "default"


def test_the_table_the_picture_and_the_last_line_say_which_world(finished, tmp_path, monkeypatch):
    titles = []
    monkeypatch.setattr(
        "matplotlib.figure.Figure.suptitle", lambda self, text, **_: titles.append(text)
    )
    found = undertow(
        *("compare", f"{finished}:lively/greedy", "random", "--people", 10),
        *("--figure", tmp_path / "c.png"),
    )
    assert found.exit_code == 0, found.stderr
    lines = found.stdout.replace("\n", "").replace(" ", "")
    where = f"intheworld{finished}:lively".replace(" ", "")
    assert lines.count(where) == 2 and lines.rindex(where) > lines.index("P(larger)")
    assert titles == [f"In the world {finished}:lively"]


def test_an_evaluation_is_in_the_policys_world_and_says_so(finished, tmp_path):
    file = finished / "policies" / "lively--greedy--0.json"
    assert world_label(str(file), None) == f"{finished}:lively"
    assert world_label("greedy", None) == "default"
    words = ("--name", "x", "--people", 20, "--results", tmp_path)
    found = undertow("evaluate", file, *words)
    assert found.exit_code == 0, found.stderr
    summary = json.loads((tmp_path / "x" / "summary.json").read_text())
    assert summary["world"] == f"{finished}:lively"
    lively = world_named(summary["world"])
    from undertow.experiments.job import derived_seed

    lives = live(
        lively.parameters, lively.items, Greedy(10), seed=derived_seed(0, "evaluation"), people=20
    )
    expected = lives.minutes.mean() / lively.parameters.calendar.days
    assert summary["metrics"]["watch_minutes_per_day"]["mean"] == pytest.approx(expected, rel=1e-6)


def test_the_hash_of_an_evaluation_in_a_preset_is_what_it_was():
    asked = Large(name="big", policy="greedy", people=50, trust=True)
    assert asked.model_dump(mode="json") == {
        "name": "big", "policy": "greedy", "world": "default", "people": 50, "block": 20_000,
        "seed": 0, "threshold": 0.6, "keep_people": False, "engine": "numpy",
    }  # fmt: skip


def test_policies_of_slates_are_compared_on_slates(slates, finished):
    found = compare([f"{slates}:pages/greedy", "random"], people=20)
    assert found["world"] == f"{slates}:pages"
    greedy, others = found["sides"]
    assert (
        greedy["metrics"]["minutes_per_day"]["mean"] > others["metrics"]["minutes_per_day"]["mean"]
    )
    with pytest.raises(ResultError, match="was made for slates of 3; this world has a feed led by"):
        compare([f"{slates}:pages/greedy", "random"], preset=f"{finished}:lively", people=20)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda c: c["worlds"]["lively"].pop("parameters"),
            "config.yaml: worlds.lively: overrides",
        ),
        (lambda c: c["worlds"]["lively"]["parameters"].update(habit=3), "worlds.lively: habit"),
        (lambda c: c.update(worlds=[1]), "world: found .*:lively"),
        (lambda c: c["worlds"].update(lively=7), "worlds.lively: damaged"),
        (lambda c: c["worlds"].pop("lively"), "world: found .*:lively'; allowed: frozen"),
    ],
)
def test_a_config_that_does_not_say_the_world_is_refused_on_one_line(
    finished, tmp_path, spoil, message
):
    folder = copied(finished, tmp_path)
    data = yaml.safe_load((folder / "config.yaml").read_text())
    data["worlds"]["lively"]["overrides"] = data["worlds"]["lively"].get("overrides") or {}
    spoil(data)
    if "parameters" not in (
        data["worlds"]["lively"]
        if isinstance(data["worlds"], dict) and isinstance(data["worlds"].get("lively"), dict)
        else {"parameters"}
    ):
        data["worlds"]["lively"]["overrides"] = {"habit": {"no_such": 1}}
    (folder / "config.yaml").write_text(yaml.safe_dump(data))
    with pytest.raises(ResultError, match=message) as refused:
        compare([f"{folder}:lively/greedy", "random"], people=20)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["", "[1, 2]", "{: :", "\x00"])
def test_a_config_that_is_none_is_refused_on_one_line(finished, tmp_path, text):
    folder = copied(finished, tmp_path)
    (folder / "config.yaml").write_text(text)
    found = undertow("compare", f"{folder}:lively/greedy", "random", "--people", 10)
    assert found.exit_code == 1 and "config.yaml: cannot be read" in found.stderr
    assert found.stderr.count("\n") == 1


def test_a_catalogue_from_a_file_has_to_be_given_and_be_the_same(tmp_path, light):
    rows = "".join(f"v{i},t{i % 3},{30 + i}\n" for i in range(40))
    file = tmp_path / "videos.csv"
    file.write_text("id,topic,duration\n" + rows)
    catalogue = {"path": str(file), "items": 10, "civic_share": 0.3,
                 "columns": {"id": "id", "topic": "topic", "duration": "duration"}}  # fmt: skip
    folder = run(experiment(**RULES, catalogue=catalogue), tmp_path / "results")
    sides = [f"{folder}:lively/random", "chronological"]
    with pytest.raises(ResultError, match=r"catalogue from a file .*allowed: --catalogue FILE"):
        compare(sides, people=10)
    found = compare(sides, people=10, catalogue=file)
    assert found["world"] == f"{folder}:lively"
    file.write_text("id,topic,duration\n" + rows.replace("v0,", "w0,"))
    with pytest.raises(ResultError, match="--catalogue: found a file with the hash"):
        compare(sides, people=10, catalogue=file)


# --- whom it fits ---------------------------------------------------------------------------------


@pytest.mark.parametrize("items", [20, 40])
def test_a_policy_of_other_items_is_refused_by_name_before_anything_starts(items, tmp_path):
    """Fewer: measured without a word, greedy at half its minutes. More: a traceback."""
    file = Greedy(items).save(tmp_path / "mine")
    found = undertow("compare", file, "random", "--world", "default", "--people", 10)
    assert found.exit_code == 1 and found.stderr.count("\n") == 1
    assert f"mine.json: was made for {items} items; this world has 30; allowed" in found.stderr
    words = ("--world", "default", "--name", "x", "--results", tmp_path)
    assert f"was made for {items} items" in undertow("evaluate", file, *words).stderr


def test_running_people_under_it_refuses_it_too():
    with pytest.raises(
        PolicyError, match="policy greedy: was made for 20 items; this world has 30"
    ):
        live(world(), synthetic(world()), Greedy(20), seed=0, people=5)


def test_a_trained_policy_is_refused_among_other_items_or_topics(finished):
    file = finished / "policies" / "lively--ppo--0.npz"
    with pytest.raises(ResultError, match=r"ppo--0\.npz: was made for 10 items; .*has 30"):
        side_of(str(file), world_named("default"))
    lively = world_named(f"{finished}:lively")
    wider = altered(lively.parameters, {"population": {"topics": 4}})
    other = World("wider", wider, synthetic(wider))
    with pytest.raises(ResultError, match=r"was made for a view of .* columns"):
        side_of(str(file), other)


CHOICES = {
    "fractions": ("lambda seen: np.full(len(seen), 0.5)", r"action: found float64"),
    "one for all": ("lambda seen: 3", r"choose: gave int64 of shape \(\)"),
    "an item that is none": ("lambda seen: np.full(len(seen), 30)", r"action\[0\]: found 30"),
    "below": ("lambda seen: np.full(len(seen), -1)", r"action\[0\]: found -1; allowed: 0 to 29"),
    "nothing": ("lambda seen: None", r"choose: gave object"),
}


@pytest.mark.parametrize(("choose", "message"), CHOICES.values(), ids=CHOICES)
def test_a_choice_that_names_no_items_is_told_on_one_line(choose, message, tmp_path, monkeypatch):
    (tmp_path / "wrong_choice.py").write_text(
        "import numpy as np\nfrom undertow.agents import FunctionPolicy\n"
        f"def make(parameters, items):\n    return FunctionPolicy({choose})\n"
        "def nothing(parameters, items):\n    return None\n"
        "def view(parameters, items):\n"
        "    return FunctionPolicy(lambda seen: np.zeros(len(seen), int), 'all')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, "wrong_choice", raising=False)
    with pytest.raises(ResultError, match=message) as refused:
        compare(["random", "wrong_choice:make"], people=10)
    assert "\n" not in str(refused.value)
    with pytest.raises(ResultError, match="wrong_choice:nothing gave NoneType, without kind"):
        compare(["random", "wrong_choice:nothing"], people=10)
    with pytest.raises(ResultError, match="reads the view 'all'; allowed: platform, oracle"):
        compare(["random", "wrong_choice:view"], people=10)


# --- broken files ---------------------------------------------------------------------------------


def _nan_weights(file):
    note, arrays = read_npz(file)
    arrays["net.action_net.bias"] = arrays["net.action_net.bias"] + np.float32("nan")
    with open(file, "wb") as opened:
        np.savez(opened, undertow=np.array(json.dumps(note)), **arrays)


SPOILT = {
    "cut short": lambda file: file.write_bytes(file.read_bytes()[:500]),
    "empty": lambda file: file.write_bytes(b""),
    "no numbers": _nan_weights,
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_broken_policy_is_told_on_one_line_by_every_command(finished, tmp_path, spoil):
    folder = copied(finished, tmp_path)
    file = folder / "policies" / "lively--ppo--1.npz"
    spoil(file)
    for words in (
        ("compare", f"{folder}:lively/ppo", "random", "--people", 10),
        ("compare", file, "random", "--people", 10),
        ("evaluate", file, "--name", "x", "--results", tmp_path),
        ("card", folder),
    ):
        found = undertow(*words)
        assert found.exit_code == 1, words
        assert f"policy {file}: " in found.stderr and found.stderr.count("\n") == 1, words


@pytest.mark.parametrize("text", ["[]", "7", '{"seeds": 3}', "null", '{"finished": []'])
def test_a_manifest_of_wrong_types_is_told_on_one_line_by_card(finished, tmp_path, text):
    folder = copied(finished, tmp_path)
    (folder / "manifest.json").write_text(text)
    found = undertow("card", folder)
    assert found.exit_code == 1, found.stdout
    assert str(folder) in found.stderr and found.stderr.count("\n") == 1


def test_a_pickle_needs_trust_in_every_command(finished, tmp_path):
    own = load_policy(finished / "policies" / "lively--ppo--0.npz")
    file = own.save(tmp_path / "own", format="sb3")
    for words in (
        ("compare", file, "random", "--people", 10),
        ("evaluate", file, "--people", 10, "--name", "x", "--results", tmp_path),
    ):
        refused, trusted = undertow(*words), undertow(*words, "--trust")
        assert refused.exit_code == 1 and "pickle can run any code" in refused.stderr
        assert trusted.exit_code == 0, trusted.stderr


# --- files that are there -------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--json", "--figure"])
def test_what_a_comparison_would_write_over_is_refused_before_it_starts(tmp_path, option):
    words = ("compare", "random", "greedy", "--people", 10, option)
    (tmp_path / "mine").write_text("mine")
    found = undertow(*words, tmp_path / "mine")
    assert found.exit_code == 1 and f"{option}: found" in found.stderr
    assert (tmp_path / "mine").read_text() == "mine"
    assert "folder that exists" in undertow(*words, tmp_path / "none" / "x").stderr
    assert undertow(*words, tmp_path / "mine.png", "--overwrite").exit_code == 0


def test_a_trained_policy_is_not_written_over_unasked(tmp_path):
    file = write(tmp_path, config())
    words = ("train", file, "--policy", "greedy", "--world", "lively", "--out")
    first = undertow(*words, tmp_path / "models" / "g_0.90")
    assert first.exit_code == 0, first.stderr
    assert undertow(*words, tmp_path / "models" / "g_0.99").exit_code == 0
    assert [f.name for f in sorted((tmp_path / "models").iterdir())] == [
        "g_0.90.json", "g_0.99.json",
    ]  # fmt: skip
    again = undertow(*words, tmp_path / "models" / "g_0.90")
    assert again.exit_code == 1 and "g_0.90.json; allowed: a new name, or --overw" in again.stderr
    assert undertow(*words, tmp_path / "models" / "g_0.90", "--overwrite").exit_code == 0


def test_the_world_of_a_training_is_the_only_one_or_named(tmp_path):
    file = write(tmp_path, config())
    words = ("train", file, "--policy", "greedy", "--out", tmp_path / "g")
    assert "--world: found none; allowed: lively, frozen" in undertow(*words).stderr
    worlds = {"lively": config()["worlds"]["lively"]}
    one = config(worlds=worlds, **RULES)
    found = undertow("train", write(tmp_path, one, "one.yaml"), *words[2:])
    assert found.exit_code == 0 and "(trained in lively)" in found.stdout.replace("\n", " ")


def test_the_safe_file_is_read_where_an_old_one_lies_beside_it(tmp_path):
    folder = tmp_path / "policies"
    folder.mkdir()
    for name in ("a--b--10", "a--b--2", "a--b--2.new", "a--b--x", "a--b_c--0"):
        Random(3).save(folder / name)
    (folder / "a--b--2.zip").write_bytes(b"old")
    names = [file.name for file in saved_files(tmp_path, "a", "b")]
    assert names == ["a--b--2.json", "a--b--10.json"]


def test_a_manifest_of_wrong_types_is_refused_on_one_line(finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "copy")
    (folder / "manifest.json").write_text('{"finished": 3, "files": [1]}', encoding="utf-8")
    with pytest.raises(ResultError, match=r"manifest.json: damaged .*; allowed: ") as refused:
        compare([f"{folder}:lively/ppo", "random"], people=10)
    assert "\n" not in str(refused.value)
