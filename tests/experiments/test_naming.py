"""Names are plain words, and `--fresh` deletes what a run wrote and nothing else."""

import json
import os

import pytest
import yaml

from undertow.experiments.inventory import delete_result
from undertow.experiments.manifest import read_manifest
from undertow.experiments.naming import LONGEST, checked_name, is_name
from undertow.experiments.record_commands import record_configs
from undertow.experiments.result_folder import ResultError
from undertow.experiments.run import run

from .killing import outcome, telling
from .tiny import Listener, Stop, config, contents, experiment, undertow, write

__all__ = ["telling"]
FEW = {"cells": {"lively": ["random", "ppo"]}, "hypotheses": [], "splits": []}
BAD = [
    "../x",
    "..",
    ".",
    "",
    "/tmp/x",
    "a/b",
    "a\\b",
    "a:b",
    "A",
    "a b",
    "a\n",
    "é",
    "_a",
    "-a",
    "a.b",
    "con",
    "x" * (LONGEST + 1),
]


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_name(name):
    assert not is_name(name)
    with pytest.raises(ValueError, match=r"found .*; allowed: "):
        checked_name(name)


@pytest.mark.parametrize("name", ["a", "0", "a_b", "headline", "x" * LONGEST, "console"])
def test_what_is_a_name(name):
    assert checked_name(name) == name


@pytest.mark.parametrize("name", ["../x", "", ".", "/tmp/undertow_elsewhere", "a/b"])
def test_every_command_refuses_a_name_that_is_a_path_before_it_touches_anything(tmp_path, name):
    """Of each command that reads a config, its own config with another name."""
    results = tmp_path / "results" / "deep"
    configs = {"run": config(**FEW)}
    for file, command in record_configs().items():
        configs.setdefault(command, yaml.safe_load(file.read_text(encoding="utf-8")))
    assert len(configs) >= 8
    for command, data in configs.items():
        data.pop("extends", None)
        file = write(tmp_path / "configs" / "other", data | {"name": name}, f"{command}.yaml")
        found = undertow(command, file, "--results", results)
        assert found.exit_code == 1, command
        assert "name: found" in found.stderr, (command, found.stderr)
        assert "lower case, digits, underscores" in " ".join(found.stderr.split()), command
    assert not (tmp_path / "results").exists()
    assert {entry.name for entry in tmp_path.iterdir()} == {"configs"}


@pytest.mark.parametrize("name", ["../other", "", "."])
def test_evaluate_with_a_path_as_its_name_deletes_nothing(telling, tmp_path, name):
    other = run(experiment(**FEW, name="other"), tmp_path)
    before = contents(other)
    found = undertow(
        *("evaluate", "random", "--name", name, "--results", tmp_path / "results", "--fresh")
    )
    assert found.exit_code == 1 and "--name: found" in found.stderr
    assert contents(other) == before and not (tmp_path / "results").exists()


def test_a_name_is_checked_where_no_command_did(tmp_path):
    there = experiment(**FEW)
    with pytest.raises(ValueError, match=r"found '\.\./x'; allowed: lower case"):
        run(there.model_copy(update={"name": "../x"}), tmp_path / "results")
    assert not (tmp_path / "results").exists()


def test_a_name_as_long_as_allowed_can_be_run(telling, tmp_path):
    assert run(experiment(**FEW, name="x" * LONGEST), tmp_path).is_dir()


# --- the folder of results ------------------------------------------------------------------------


def test_results_that_are_a_file_are_refused(tmp_path):
    file = write(tmp_path, "text", "notes.txt")
    found = undertow("run", write(tmp_path, config(**FEW)), "--results", file)
    assert found.exit_code == 1
    assert f"--results: found {file}, a file; allowed: a folder" in found.stderr


def test_a_result_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "tiny").write_text("mine")
    for option in ([], ["--fresh"]):
        found = undertow("run", write(tmp_path, config(**FEW)), "--results", tmp_path, *option)
        assert found.exit_code == 1
        assert f"{tmp_path / 'tiny'}: found a file; allowed: a folder" in found.stderr
    assert (tmp_path / "tiny").read_text() == "mine"


def test_a_link_that_leads_nowhere_is_refused(tmp_path):
    (tmp_path / "tiny").symlink_to(tmp_path / "gone")
    found = undertow("run", write(tmp_path, config(**FEW)), "--results", tmp_path)
    assert found.exit_code == 1 and "a link to" in found.stderr and "not there" in found.stderr


def test_a_file_system_without_locks_is_named(telling, tmp_path, monkeypatch):
    def none(*_, **__):
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr("undertow.experiments.manifest.FileLock", none)
    with pytest.raises(ResultError, match="its file system has no locks; allowed: --results"):
        run(experiment(**FEW), tmp_path)


def test_a_result_reached_by_a_link_has_the_same_lock(telling, tmp_path):
    """Two spellings of one folder: the second run is refused."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "tiny").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "tiny").symlink_to(tmp_path / "elsewhere")

    def again(progress, text):
        with pytest.raises(ResultError, match="another run is at work on it"):
            run(experiment(**FEW), tmp_path / "b")

    run(experiment(**FEW), tmp_path / "a", told=again)


# --- fresh ----------------------------------------------------------------------------------------


@pytest.fixture
def made(telling, tmp_path):
    return run(experiment(**FEW), tmp_path / "results")


@pytest.mark.parametrize(
    "path",
    [
        "notes.txt",
        "notes/a.txt",
        "figures/mine.png",
        "figures/mine/overview.png",
        "policies/mine.json",
        "policies/lively--ppo--7.zip",
        "policies/thesis--draft.md",
    ],
)
@pytest.mark.parametrize("state", ["finished", "unsealed", "unfinished"])
def test_fresh_keeps_a_file_of_one_s_own_and_names_it(made, tmp_path, path, state):
    manifest = read_manifest(made)
    if state != "finished":
        del manifest["files"]
    if state == "unfinished":
        manifest["finished"] = None
    (made / "manifest.json").write_text(json.dumps(manifest))
    (made / path).parent.mkdir(exist_ok=True)
    (made / path).write_text("mine")
    before = contents(made)
    found = undertow("run", write(tmp_path, config(**FEW)), "--results", made.parent, "--fresh")
    if path.endswith("--7.zip") and state != "finished":
        assert found.exit_code == 0  # named as a run names its own, and nothing says otherwise
        return
    assert found.exit_code == 1
    assert f"{made}: --fresh would delete '{path.split('a.txt')[0]}" in found.stderr
    assert "which no run wrote" in found.stderr
    assert contents(made) == before


def test_fresh_leaves_hidden_files_and_the_folder_itself(made):
    for path in (".gitignore", "figures/.notes"):
        (made / path).write_text("mine")
    run(experiment(**FEW), made.parent, fresh=True)
    assert (made / ".gitignore").read_text() == (made / "figures/.notes").read_text() == "mine"


def test_fresh_through_a_link_empties_the_folder_and_keeps_the_link(made, tmp_path):
    right = outcome(made)
    away = tmp_path / "disk" / "tiny"
    away.parent.mkdir()
    os.rename(made, away)
    made.symlink_to(away)
    (away / ".mine").write_text("mine")
    assert run(experiment(**FEW), made.parent, fresh=True) == made
    assert made.is_symlink() and (away / ".mine").exists()
    (away / ".mine").unlink()
    assert outcome(away) == right


@pytest.mark.parametrize("name", ["policies", "figures", "parts"])
def test_fresh_empties_folders_within_that_are_links(made, tmp_path, name):
    right = outcome(made)
    away = tmp_path / "disk"
    if name == "parts":
        away.mkdir()
        (away / "lively--ppo--0.json").write_text("{}")
    else:
        os.rename(made / name, away)
    (made / name).symlink_to(away)
    run(experiment(**FEW), made.parent, fresh=True)
    assert (made / name).is_symlink()
    if name == "parts":
        assert not list(away.iterdir())
        (made / name).unlink()
    assert outcome(made) == right


def test_fresh_over_a_damaged_manifest(made):
    right = outcome(made)
    (made / "manifest.json").write_text("{")
    run(experiment(**FEW), made.parent, fresh=True)
    assert outcome(made) == right


def test_fresh_over_an_unfinished_result_leaves_nothing_of_it(telling, tmp_path):
    with pytest.raises(Stop):
        run(experiment(**FEW, seeds=3), tmp_path, told=Listener(after=5))
    run(experiment(**FEW), tmp_path, fresh=True)
    assert outcome(tmp_path / "tiny") == outcome(run(experiment(**FEW), tmp_path / "right"))


def test_deleting_what_is_not_there_is_nothing(tmp_path):
    delete_result(tmp_path / "nowhere", None)
    assert not list(tmp_path.iterdir())
