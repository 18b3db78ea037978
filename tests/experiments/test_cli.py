import inspect
import json
from pathlib import Path

import pytest

from undertow.envs.world import NULLS, PRESETS, WorldParameters
from undertow.experiments import cli, record_commands
from undertow.experiments.config import Experiment
from undertow.experiments.record_commands import CONFIGS, record_configs
from undertow.experiments.run import run

from .tiny import RULES, Listener, Stop, config, experiment, undertow, write


@pytest.fixture(scope="module")
def schema():
    found = undertow("schema")
    assert found.exit_code == 0
    return json.loads(found.stdout)


def words(text):
    """A text without its line breaks: tables and messages are folded to the terminal."""
    return " ".join(text.replace("│", " ").split())


# --- schema ---------------------------------------------------------------------------------------


def test_the_schema_names_every_key_of_an_experiment(schema):
    assert schema["properties"].keys() >= Experiment.model_fields.keys()
    assert schema["additionalProperties"] is False
    assert "extends" in schema["properties"]
    required = [set(case["required"]) for case in schema["anyOf"]]
    assert required == [{"extends"}, {"name", "title", "seeds", "worlds", "policies", "cells"}]
    for block in ("WorldBlock", "PolicyBlock", "Hypothesis", "Evaluation", "PPOSettings"):
        assert block in schema["$defs"]


def test_the_schema_has_every_parameter_of_a_world_with_unit_and_source(schema):
    seen = 0
    for group, field in WorldParameters.model_fields.items():
        block = schema["$defs"].get(group.capitalize())
        if block is None:
            assert group in ("placebo", "exposure_minutes")
            continue
        assert block["properties"].keys() == field.annotation.model_fields.keys()
        for name, parameter in block["properties"].items():
            assert parameter["description"], name
            assert "default" in parameter, name
            if parameter["type"] != "boolean":
                assert parameter["unit"], name
                assert parameter["source"], name
                assert parameter["minimum"] <= parameter["default"] <= parameter["maximum"], name
                seen += 1
    assert seen > 60


def test_every_reference_of_the_schema_leads_somewhere(schema):
    def references(block):
        if isinstance(block, dict):
            yield from ([block["$ref"]] if isinstance(block.get("$ref"), str) else [])
            block = list(block.values())
        if isinstance(block, list):
            for part in block:
                yield from references(part)

    found = set(references(schema))
    assert "#/$defs/WorldParameters" in found
    assert all(name.removeprefix("#/$defs/") in schema["$defs"] for name in found)


def test_the_schema_says_which_presets_and_nulls_there_are(schema):
    world = schema["$defs"]["WorldBlock"]["properties"]
    assert all(name in world["preset"]["description"] for name in PRESETS)
    assert all(name in world["null"]["description"] for name in NULLS)


# --- list -----------------------------------------------------------------------------------------


def test_list_names_the_configs_that_come_along(tmp_path):
    found = undertow("list", "--results", tmp_path)
    assert found.exit_code == 0
    for name in ("headline", "quickstart", "kuairand"):
        assert name in found.stdout


def test_list_names_the_command_of_a_config_that_run_does_not_take(tmp_path):
    lines = undertow("list", "--results", tmp_path).stdout.splitlines()
    for name, command in (("validity", "validate"), ("phase_churn", "phase")):
        assert any(name in line and command in line for line in lines)


def test_list_and_run_know_the_command_of_every_config_of_a_record():
    there = {command.name for command in cli.app.registered_commands}
    assert set(record_configs().values()) <= there
    assert set((CONFIGS / "other").glob("*.yaml")) < set(record_configs())


def test_a_config_of_ones_own_beside_them_stops_neither(tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    write(tmp_path / "other", "title: my own", "my_own.yaml")
    write(tmp_path / "other", "x: {y: 2}", "phase_mine.yaml")
    monkeypatch.setattr(record_commands, "_OTHERS", tmp_path / "other")
    found = undertow("list", "--results", tmp_path)
    assert found.exit_code == 0
    assert "phase_mine" in found.stdout and "my_own" not in found.stdout


def test_list_names_results_and_their_state(tmp_path, light, monkeypatch):
    monkeypatch.chdir(tmp_path)  # long paths are folded
    run(experiment(**RULES), tmp_path)
    with pytest.raises(Stop):
        run(experiment(**RULES, name="half"), tmp_path, told=Listener(after=1))
    write(tmp_path / "broken", "{", "manifest.json")
    write(tmp_path / "other", "no result", "notes.txt")
    found = undertow("list", "--results", ".")
    assert found.exit_code == 0
    text = words(found.stdout)
    assert "finished 20" in text
    assert "unfinished" in text
    assert "damaged manifest" in text
    assert "other" not in text


def test_list_without_results(tmp_path):
    assert undertow("list", "--results", tmp_path / "nowhere").exit_code == 0


# --- run ------------------------------------------------------------------------------------------


def refused(*arguments, code=1):
    found = undertow("run", *arguments)
    assert found.exit_code == code
    assert "Traceback" not in found.stdout + found.stderr
    return words(found.stderr)


def test_a_run_tells_its_jobs_and_where_the_report_is(tmp_path, light):
    found = undertow("run", write(tmp_path, config(**RULES)), "--results", tmp_path)
    assert found.exit_code == 0
    for job in ("lively--chronological--0", "lively--random--1"):
        assert job in found.stdout
    assert f"report: {tmp_path / 'tiny' / 'report.md'}" in found.stdout
    assert "4/4" in found.stdout
    assert found.stderr == ""


def test_the_file_that_a_command_takes_by_default_is_there():
    defaults = {
        command.callback.__name__: default
        for command in cli.app.registered_commands
        for default in [inspect.signature(command.callback).parameters.get("file")]
        if default is not None and isinstance(default.default, Path)
    }
    assert len(defaults) >= 5
    for name, parameter in defaults.items():
        assert parameter.default.is_file(), (name, parameter.default)


def test_a_config_of_another_command_is_refused_with_its_name(tmp_path):
    for file, command in record_configs().items():
        told = refused(file, "--results", tmp_path / "results", code=2)
        assert told.endswith(f"a config of `undertow {command}`; allowed: an experiment")
    assert not (tmp_path / "results").exists()


def test_a_missing_file(tmp_path):
    told = refused(tmp_path / "nowhere.yaml", "--results", tmp_path / "results")
    assert told == f"{tmp_path / 'nowhere.yaml'}: no such file; allowed: a YAML experiment"
    assert not (tmp_path / "results").exists()


def test_a_config_that_is_refused_leaves_no_folder(tmp_path):
    file = write(tmp_path, config(colour="red"))
    told = refused(file, "--results", tmp_path / "results")
    assert f"{file}: colour: unknown key; allowed: " in told
    assert "(found 'red')" in told
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize("text", ["a: [", "- a", ""])
def test_a_file_that_is_no_config(tmp_path, text):
    file = write(tmp_path, text)
    assert str(file) in refused(file)


def test_brackets_in_a_value_are_told_as_they_are(tmp_path):
    """Rich would read [bold] as markup."""
    file = write(tmp_path, config(seeds="[bold]"))
    assert "(found '[bold]')" in refused(file)


@pytest.mark.parametrize("arguments", [["--workers", "0"], ["--workers", "two"], ["--quick"]])
def test_options_that_are_none(tmp_path, arguments):
    file = write(tmp_path, config())
    assert arguments[0] in refused(file, "--results", tmp_path / "results", *arguments, code=2)
    assert not (tmp_path / "results").exists()


def test_no_arguments_show_the_commands():
    found = undertow()
    assert all(name in found.stdout + found.stderr for name in ("run", "list", "schema"))


def test_ctrl_c_before_the_first_job(tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "run", stop)
    told = refused(write(tmp_path, config()), code=130)
    assert told == "stopped; finished jobs are kept, the same command goes on"


def test_a_folder_that_may_not_be_written(tmp_path, light, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied", str(tmp_path / "results"))

    monkeypatch.setattr(cli, "run", refuse)
    told = refused(write(tmp_path, config()))
    assert "Permission denied" in told
    assert str(tmp_path / "results") in told


# --- a catalogue ----------------------------------------------------------------------------------

CATALOGUE = {"columns": {"id": "video", "topic": "tag"}, "items": 10}


def test_a_catalogue_for_a_config_without_the_block(tmp_path):
    items = write(tmp_path, "video,tag\nv,a\n", "videos.csv")
    told = refused(write(tmp_path, config()), "--results", tmp_path, "--catalogue", items)
    assert told == "--catalogue: this config has no catalogue block; allowed: one that has"
    assert not (tmp_path / "tiny").exists()


def test_a_config_that_wants_a_catalogue(tmp_path):
    told = refused(write(tmp_path, config(catalogue=CATALOGUE)), "--results", tmp_path)
    assert told == "catalogue.path: not given; allowed: --catalogue FILE or the key"
    assert not (tmp_path / "tiny").exists()


@pytest.mark.parametrize(
    ("text", "named"), [(None, "videos.csv"), ("video,colour\nv,red\n", "tag"), ("", "videos.csv")]
)
def test_a_catalogue_that_cannot_be_used(tmp_path, light, text, named):
    items = tmp_path / "videos.csv"
    if text is not None:
        items.write_text(text)
    file = write(tmp_path, config(**RULES, catalogue=CATALOGUE))
    assert named in refused(file, "--results", tmp_path, "--catalogue", items)
    assert not (tmp_path / "tiny").exists()
