import json
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from undertow.agents import load_policy
from undertow.experiments import cli, provenance
from undertow.experiments.budgets import load_budgets
from undertow.experiments.config import load_experiment, read_yaml
from undertow.experiments.hypotheses.config import load_register
from undertow.experiments.job import jobs_of
from undertow.experiments.phase.config import load_phase
from undertow.experiments.record_commands import record_configs
from undertow.experiments.result_folder import ResultError, fingerprint, resolved
from undertow.experiments.run import run
from undertow.experiments.sensitivity.config import load_sensitivity
from undertow.experiments.tampering.config import load_replication
from undertow.experiments.tiny.config import load_study
from undertow.experiments.validity.config import load_validity
from undertow.experiments.viewing.config import Viewing

from .tiny import (
    RULES,
    TINY,
    Listener,
    Stop,
    config,
    contents,
    copied,
    experiment,
    manifest_of,
    parts_of,
    rerun,
    same_result,
    undertow,
    write,
)

REPOSITORY = Path(__file__).parents[2]


# --- the config -----------------------------------------------------------------------------------


def test_the_fingerprint_is_that_of_what_is_run():
    def printed(**changes):
        return fingerprint(experiment(**changes), None)

    assert printed() == printed()
    for change in (
        {"seeds": 3},
        {"title": "Another"},
        {"hypotheses": []},
        {"training": {**TINY["training"], "slots": 257}},
        {"worlds": {**TINY["worlds"], "frozen": {"null": "no_habit"}}},
    ):
        assert printed(**change) != printed()
    spelt_out = {**TINY["training"], "gamma": 0.97, "vf_coef": 0.5}  # the defaults
    assert printed(training=spelt_out) == printed()


#: How the config of a result that is no experiment is read, by the kind its manifest tells.
RECORDS = {
    "budgets": load_budgets,
    "hypotheses": load_register,
    "phase": load_phase,
    "sensitivity": load_sensitivity,
    "tampering": load_replication,
    "tiny": load_study,
    "validity": load_validity,
    "viewing": lambda file: Viewing.model_validate(read_yaml(file)),
}


def test_every_committed_result_is_one_of_its_committed_config():
    configs = Path(cli.__file__).parent / "configs"
    records = {config.name: config for config in record_configs()}
    for file in REPOSITORY.glob("results/*/manifest.json"):
        manifest = json.loads(file.read_text(encoding="utf-8"))
        if not manifest["finished"]:
            continue
        name = f"{file.parent.name}.yaml"
        if "kind" in manifest:
            config = RECORDS[manifest["kind"]](records[name])
            if manifest["kind"] == "viewing":  # it tells what was in files that are not here
                resolved = yaml.safe_load((file.parent / "config.yaml").read_text(encoding="utf-8"))
                told = config.resolved(resolved["log"]["sha256"])
                assert provenance.digest(told) == manifest["config_sha256"], file.parent.name
                continue
            told = (
                config.resolved() if hasattr(config, "resolved") else config.model_dump(mode="json")
            )
            found = provenance.digest(told)
        else:
            catalogue = manifest["catalogue_sha256"]
            report = SimpleNamespace(sha256=catalogue) if catalogue else None
            found = fingerprint(load_experiment(configs / name), report)
        assert found == manifest["config_sha256"], file.parent.name


def test_the_config_is_resolved(finished):
    found = yaml.safe_load((finished / "config.yaml").read_text(encoding="utf-8"))
    assert found == json.loads(json.dumps(resolved(experiment())))
    assert found["worlds"]["frozen"]["parameters"]["stance"]["persuasion"] is False
    assert found["worlds"]["lively"]["parameters"]["calendar"]["days"] == 3
    assert found["policies"]["ppo"]["ppo"]["clip_range"] == 0.2
    assert found["evaluation"] == {"people": 20, "threshold": 0.5}


# --- the manifest ---------------------------------------------------------------------------------


def test_the_manifest_says_how_it_was_made(finished):
    found = manifest_of(finished)
    assert found["name"] == "tiny"
    assert found["config_sha256"] == fingerprint(experiment(), None)
    assert found["catalogue_sha256"] is None
    assert found["seeds"] == [0, 1]
    assert (found["people_per_seed"], found["training_slots"]) == (20, 256)
    for name in ("undertow", "numpy", "gymnasium", "torch", "stable-baselines3"):
        assert found["versions"][name] == version(name)
    assert found["started"] <= found["finished"]
    assert 0 < found["training_core_s"]
    assert 0 < found["measuring_core_s"]
    assert 0 < found["wall_time_s"]
    assert found["peak_memory_mb_per_worker"] > 50  # torch alone takes more
    assert found["python"].startswith("3.")
    assert found["machine"]


def test_the_manifest_names_the_revision_of_the_code(finished):
    git = shutil.which("git")
    if git is None or not (REPOSITORY / ".git").exists():
        pytest.skip("no checkout")
    words = [git, "rev-parse", "HEAD"]
    head = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    # A commit may have been made since the run began.
    assert len(manifest_of(finished)["git_revision"].removesuffix("-dirty")) == 40
    assert provenance.git_revision().removesuffix("-dirty") == head.stdout.strip()


def test_a_venv_within_another_checkout_is_not_that_checkout_s_revision(monkeypatch, tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / "experiments").mkdir()
    module = str(tmp_path / "experiments" / "result_folder.py")
    monkeypatch.setattr(provenance, "__file__", module)
    assert provenance.git_revision() is None


@pytest.mark.parametrize("file", ["envs/world/slot.py", "agents/rules.py", "experiments/run.py"])
def test_changed_code_is_dirty_wherever_it_lies(monkeypatch, tmp_path, file):
    def git(*words):
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True)

    for name in {file, "experiments/run.py"}:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    git("init", "-q")
    git("add", ".")
    git("commit", "-q", "-m", "all")
    module = str(tmp_path / "experiments" / "result_folder.py")
    monkeypatch.setattr(provenance, "__file__", module)
    (tmp_path / "results.json").write_text("{}")
    assert not provenance.git_revision().endswith("-dirty")
    (tmp_path / file).write_text("x = 2\n")
    assert provenance.git_revision().endswith("-dirty")


def test_later_revisions_of_the_code_are_listed_once_and_in_order(tmp_path, light, monkeypatch):
    """Each stops after a job; one changes the config too, the last finishes."""
    folder = tmp_path / "tiny"

    def by(revision, expected, seeds=3, stops=True):
        monkeypatch.setattr(provenance, "git_revision", lambda: revision)
        if stops:
            done = len(parts_of(folder))
            with pytest.raises(Stop):
                run(experiment(**RULES, seeds=seeds), tmp_path, told=Listener(after=done + 1))
        else:
            run(experiment(**RULES, seeds=seeds), tmp_path)
        found = manifest_of(folder)
        assert found["git_revision"] == "a"
        assert found.get("later_revisions", []) == expected

    by("a", [])
    by("a", [])
    by("b-dirty", ["b-dirty"])
    by("a", ["b-dirty"])
    by("c", ["b-dirty", "c"], seeds=4)
    by("b-dirty", ["b-dirty", "c"], seeds=4)
    by(None, ["b-dirty", "c", None], seeds=4, stops=False)
    by("d", ["b-dirty", "c", None], seeds=4, stops=False)  # finished: it did nothing


def test_a_later_revision_is_listed_before_it_does_anything(tmp_path, light, monkeypatch):
    """A kill leaves no time to write it down afterwards."""
    monkeypatch.setattr(provenance, "git_revision", lambda: "a")
    with pytest.raises(Stop):
        run(experiment(**RULES), tmp_path, told=Listener(after=1))
    monkeypatch.setattr(provenance, "git_revision", lambda: "b")
    seen = []

    def told(progress, text):
        seen.append(manifest_of(tmp_path / "tiny")["later_revisions"])

    run(experiment(**RULES), tmp_path, told=told)
    assert seen == [["b"]] * 4


# --- parts ----------------------------------------------------------------------------------------


def spoil_json(file):
    file.write_text(file.read_text()[:50])


def spoil_empty(file):
    file.write_bytes(b"")


def spoil_bytes(file):
    file.write_bytes(b"\xff\xfe\x00")


def spoil_parquet(file):
    table = file.with_suffix(".parquet")
    table.write_bytes(table.read_bytes()[:-20])


def spoil_within_parquet(file):
    table = file.with_suffix(".parquet")
    content = bytearray(table.read_bytes())
    content[100:400] = bytes(300)
    table.write_bytes(bytes(content))


def lose_parquet(file):
    file.with_suffix(".parquet").unlink()


def swap(file):
    shutil.copy(file.with_name("lively--random--0.json"), file)


def other_metrics(file):
    part = json.loads(file.read_text())
    del part["metrics"]["welfare"]
    file.write_text(json.dumps(part))


def no_times(file):
    part = json.loads(file.read_text())
    part["training_s"] = None
    file.write_text(json.dumps(part))


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_json,
        spoil_empty,
        spoil_bytes,
        spoil_parquet,
        spoil_within_parquet,
        lose_parquet,
        swap,
        other_metrics,
        no_times,
    ],
)
def test_a_damaged_part_is_named_and_run_again(stopped, tmp_path, light, unmerged, spoil):
    folder = copied(stopped, tmp_path)
    whole = contents(folder / "parts")
    file = folder / "parts" / "lively--greedy--0.json"
    spoil(file)
    ran, told = rerun(folder)
    assert ran == ["lively--greedy--0", "frozen--greedy--1", "frozen--ppo--1"]
    assert "lively--greedy--0" in told.texts[0]
    assert "is damaged" in told.texts[0]
    assert "run again" in told.texts[0]
    after = contents(folder / "parts")
    others = {name for name in whole if not name.startswith("lively--greedy--0")}
    assert all(after[name] == whole[name] for name in others)
    table = "lively--greedy--0.parquet"
    assert after[table] == whole[table]


def test_half_files_of_a_kill_are_no_parts(stopped, tmp_path, light, unmerged):
    folder = copied(stopped, tmp_path)
    for name in (".frozen--greedy--1.json.new", ".frozen--ppo--1.parquet.new"):
        (folder / "parts" / name).write_bytes(b"half")
    (folder / "policies" / ".frozen--ppo--1.new.npz").write_bytes(b"half")
    (folder / ".manifest.json.new").write_bytes(b"half")
    ran, _ = rerun(folder)
    assert ran == ["frozen--greedy--1", "frozen--ppo--1"]
    assert load_policy(folder / "policies" / "frozen--ppo--1.npz").kind == "ppo"
    assert not (folder / "policies" / ".frozen--ppo--1.new.npz").exists()


def test_a_table_without_its_part_is_no_finished_job(stopped, tmp_path, light, unmerged):
    folder = copied(stopped, tmp_path)
    (folder / "parts" / "lively--random--0.json").unlink()
    ran, _ = rerun(folder)
    assert ran[0] == "lively--random--0"


# --- a changed config -----------------------------------------------------------------------------


def test_a_changed_config_keeps_the_jobs_that_it_does_not_touch(stopped, tmp_path, light, unmerged):
    folder = copied(stopped, tmp_path)
    before = contents(folder / "parts")
    changed = {**TINY["policies"], "ppo": {"kind": "ppo", "ppo": {"gamma": 0.5}}}
    ran, told = rerun(folder, policies=changed, seeds=3, hypotheses=[], title="Another")
    kept = {name.removesuffix(".json") for name in before if name.endswith(".json")}
    kept = {name for name in kept if "--ppo--" not in name}
    every = {job.name for job in jobs_of(experiment(seeds=3))}
    assert set(ran) == every - kept
    assert "the config changed; jobs that it does not touch are kept" in told.texts
    after = contents(folder / "parts")
    assert all(after[name] == before[name] for name in before if "--ppo--" not in name)
    manifest = manifest_of(folder)
    assert manifest["earlier_configs"] == [fingerprint(experiment(), None)]
    assert manifest["config_sha256"] != manifest["earlier_configs"][0]
    assert manifest["seeds"] == [0, 1, 2]
    found = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    assert found["title"] == "Another"


def test_a_changed_world_or_measurement_runs_its_jobs_again(stopped, tmp_path, light, unmerged):
    folder = copied(stopped, tmp_path / "world")
    worlds = {**TINY["worlds"], "frozen": {"preset": "default", "null": "frozen_preferences"}}
    cells = {"lively": ["greedy", "ppo"], "frozen": ["greedy"]}
    ran, _ = rerun(folder, worlds=worlds, cells=cells, hypotheses=[], splits=[])
    assert ran == ["frozen--greedy--0", "frozen--greedy--1"]
    folder = copied(stopped, tmp_path / "people")
    ran, _ = rerun(folder, **RULES, evaluation={"people": 10, "threshold": 0.5})
    assert len(ran) == 4


def test_a_changed_slate_runs_its_jobs_again(tmp_path, light, unmerged):
    def slated(size):
        worlds = {"lively": {**TINY["worlds"]["lively"], "slate": {"size": size}}}
        return {"worlds": worlds, "cells": {"lively": ["random"]}, "hypotheses": [], "splits": []}

    run(experiment(**slated(2)), tmp_path)
    ran, _ = rerun(tmp_path / "tiny", **slated(2))
    assert ran == []
    ran, _ = rerun(tmp_path / "tiny", **slated(3))
    assert ran == ["lively--random--0", "lively--random--1"]


def test_changed_limits_and_settings_of_a_kind_run_their_jobs_again(tmp_path, light, unmerged):
    kinds = {
        "capped": {"kind": "random", "limits": {"extremity_cap": 0.5}},
        "limited": {"kind": "random", "use_limits": {"daily_limit": 5}},
        "bandit": {"kind": "linucb", "linucb": {"alpha": 0.5}},
        "random": {"kind": "random", "description": "told in one way"},
    }
    few = {"cells": {"lively": list(kinds)}, "hypotheses": [], "splits": [], "seeds": 2}
    run(experiment(**few, policies=kinds), tmp_path)
    ran, _ = rerun(tmp_path / "tiny", **few, policies=kinds)
    assert ran == []
    kinds["capped"] = {"kind": "random", "limits": {"extremity_cap": 0.4}}
    kinds["limited"] = {"kind": "random", "use_limits": {"daily_limit": 6}}
    kinds["bandit"] = {"kind": "linucb", "linucb": {"alpha": 0.4}}
    kinds["random"] = {"kind": "random", "description": "told in another way"}
    ran, _ = rerun(tmp_path / "tiny", **few, policies=kinds)
    changed = ("capped", "limited", "bandit")
    assert ran == [f"lively--{name}--{seed}" for seed in (0, 1) for name in changed]


def test_a_rule_on_use_of_a_config_is_kept(tmp_path, light):
    kinds = {"free": {"kind": "random"}}
    kinds["limited"] = {"kind": "random", "use_limits": {"daily_limit": 1}}
    few = {"cells": {"lively": list(kinds)}, "hypotheses": [], "splits": []}
    folder = run(experiment(**few, policies=kinds), tmp_path)
    free, limited = json.loads((folder / "summary.json").read_text())["cells"]
    minutes = "watch_minutes_per_day"
    assert max(limited["values"][minutes]) < min(free["values"][minutes])


def test_a_changed_config_gives_what_it_gives_alone(stopped, tmp_path, light):
    changes = {"cells": {"lively": ["greedy", "chronological"]}, "hypotheses": [], "splits": []}
    folder = copied(stopped, tmp_path / "changed")
    ran, _ = rerun(folder, **changes)
    assert ran == []
    same_result(folder, run(experiment(**changes), tmp_path / "alone"))


@pytest.mark.parametrize("text", ["", "[", "[]", "cells: 3", "cells: [a]", "\udcff", None])
def test_parts_say_what_they_are_of_where_the_config_is_damaged(
    stopped, tmp_path, light, unmerged, text
):
    folder = copied(stopped, tmp_path)
    file = folder / "config.yaml"
    if text is None:
        file.unlink()
    else:
        file.write_bytes(text.encode("utf-8", "surrogateescape"))
    done = parts_of(folder)
    ran, _ = rerun(folder, **RULES, seeds=3)
    assert set(ran) == {job.name for job in jobs_of(experiment(**RULES, seeds=3))} - done
    found = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert found == json.loads(json.dumps(resolved(experiment(**RULES, seeds=3))))


# --- a finished result ----------------------------------------------------------------------------


@pytest.fixture
def own(finished, tmp_path):
    """A finished result that the test may spoil, and the config file that it is of."""
    file = write(tmp_path, config())
    return copied(finished, tmp_path / "results"), file


def test_a_finished_result_is_left_as_it_is(own, light):
    folder, file = own
    before = contents(folder)
    times = {f: f.stat().st_mtime_ns for f in folder.rglob("*")}
    found = undertow("run", file, "--results", folder.parent)
    assert found.exit_code == 0
    assert "already finished; --fresh runs it again" in found.stdout
    assert str(folder / "report.md") in found.stdout
    assert contents(folder) == before
    assert {f: f.stat().st_mtime_ns for f in folder.rglob("*")} == times


def test_fresh_replaces_it(own, light):
    folder, file = own
    before = contents(folder)
    for name in ("summary.json", "report.md"):
        (folder / name).write_text("{}")
    found = undertow("run", file, "--results", folder.parent, "--fresh")
    assert found.exit_code == 0
    after = contents(folder)
    for name in ("summary.json", "episodes.parquet", "config.yaml"):
        assert after[name] == before[name], name


def test_another_config_under_the_same_name_is_refused(own, light):
    folder, file = own
    before = contents(folder)
    write(file.parent, config(seeds=3), file.name)
    found = undertow("run", file, "--results", folder.parent)
    assert found.exit_code == 1
    assert f"{folder}: holds a result of another config" in found.stderr
    assert fingerprint(experiment(), None)[:12] in found.stderr
    assert "allowed: --extend to keep the jobs" in found.stderr
    assert "--fresh to replace it, or another name" in found.stderr
    assert contents(folder) == before


def test_extend_adds_what_the_config_now_asks_for(own, light, tmp_path):
    folder, file = own
    before = manifest_of(folder)
    write(file.parent, config(seeds=3), file.name)
    found = undertow("run", file, "--results", folder.parent, "--extend")
    assert found.exit_code == 0
    assert "jobs that it does not touch are kept" in found.stdout
    assert not any(f"--{seed}" in line for line in found.stdout.split() for seed in (0, 1))
    same_result(folder, run(experiment(seeds=3), tmp_path / "alone"))
    after = manifest_of(folder)
    assert after["earlier_configs"] == [before["config_sha256"]]
    assert after["seeds"] == [0, 1, 2] and after["started"] == before["started"]
    for spent in ("training_core_s", "measuring_core_s"):
        assert after[spent] > before[spent] > 0


def test_extend_reports_a_result_of_the_same_config_anew(own, light):
    folder, file = own
    before = contents(folder)
    (folder / "report.md").write_text("an old version's words")
    found = undertow("run", file, "--results", folder.parent, "--extend")
    assert found.exit_code == 0 and "12 of 12 jobs stand" in found.stdout
    after = contents(folder)
    assert after.keys() == before.keys()
    changed = {name for name in before if after[name] != before[name]}
    assert changed <= {"manifest.json", "report.md"}  # the report says when it was finished
    assert after["report.md"] != b"an old version's words"
    assert manifest_of(folder)["earlier_configs"] == []


def test_extend_and_fresh_exclude_each_other(own):
    folder, file = own
    before = contents(folder)
    found = undertow("run", file, "--results", folder.parent, "--extend", "--fresh")
    assert found.exit_code == 2 and "--extend: found beside --fresh" in found.stderr
    assert contents(folder) == before


def test_a_damaged_result_is_not_extended(own, light):
    folder, file = own
    (folder / "episodes.parquet").write_bytes(b"half")
    before = contents(folder)
    write(file.parent, config(seeds=3), file.name)
    found = undertow("run", file, "--results", folder.parent, "--extend")
    assert found.exit_code == 1 and "episodes.parquet: damaged" in found.stderr
    assert contents(folder) == before


def test_fresh_takes_another_config(own, light):
    folder, file = own
    write(file.parent, config(**RULES, seeds=3), file.name)
    found = undertow("run", file, "--results", folder.parent, "--fresh")
    assert found.exit_code == 0
    assert manifest_of(folder)["seeds"] == [0, 1, 2]
    assert {p.name.split("--")[1] for p in (folder / "policies").iterdir()} == {
        "chronological",
        "random",
    }


@pytest.mark.parametrize("name", ["summary.json", "episodes.parquet"])
@pytest.mark.parametrize("how", ["cut", "gone"])
def test_a_damaged_finished_result_is_named_and_kept(own, light, name, how):
    folder, file = own
    if how == "gone":
        (folder / name).unlink()
    else:
        (folder / name).write_bytes((folder / name).read_bytes()[:-30])
    before = contents(folder)
    found = undertow("run", file, "--results", folder.parent)
    assert found.exit_code == 1
    assert f"{folder / name}: damaged" in found.stderr
    assert "--fresh" in found.stderr
    assert "Traceback" not in found.stderr
    assert contents(folder) == before


# --- damaged and foreign folders ------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b"null", b"\xff\xfe", b'{"config_sha256": "a", "finished": null}'],
)
def test_a_damaged_manifest_is_named_and_nothing_is_lost(stopped, tmp_path, light, content):
    folder = copied(stopped, tmp_path)
    (folder / "manifest.json").write_bytes(content)
    before = contents(folder)
    found = undertow("run", write(tmp_path, config()), "--results", tmp_path)
    assert found.exit_code == 1
    assert f"{folder / 'manifest.json'}: damaged" in found.stderr
    assert "allowed: --fresh to run it again, or the file restored" in found.stderr
    assert contents(folder) == before


def test_a_folder_of_other_files_is_not_touched(tmp_path, light):
    folder = tmp_path / "tiny"
    write(folder, "my thesis", "thesis.txt")
    file = write(tmp_path, config())
    before = contents(folder)
    found = undertow("run", file, "--results", tmp_path)
    assert found.exit_code == 1
    assert f"{folder}: has files but no manifest.json" in found.stderr
    fresh = undertow("run", file, "--results", tmp_path, "--fresh")
    assert fresh.exit_code == 1
    assert "--fresh would delete 'thesis.txt', which no run wrote" in fresh.stderr
    assert contents(folder) == before


def test_parts_without_a_manifest_are_not_touched(stopped, tmp_path, light):
    folder = copied(stopped, tmp_path)
    (folder / "manifest.json").unlink()
    before = contents(folder)
    with pytest.raises(ResultError, match=r"has files but no manifest\.json"):
        run(experiment(), tmp_path)
    assert contents(folder) == before


def test_fresh_does_not_delete_what_no_run_wrote(own, light):
    folder, file = own
    write(folder, "notes", "notes.txt")
    before = contents(folder)
    found = undertow("run", file, "--results", folder.parent, "--fresh")
    assert found.exit_code == 1
    assert "'notes.txt'" in found.stderr
    assert contents(folder) == before


def test_a_file_where_the_folder_should_be_is_told(tmp_path, light):
    (tmp_path / "tiny").write_text("a file")
    found = undertow("run", write(tmp_path, config()), "--results", tmp_path)
    assert found.exit_code == 1
    assert "tiny" in found.stderr
    assert "Traceback" not in found.stderr
    assert (tmp_path / "tiny").read_text() == "a file"


def test_an_empty_folder_will_do(tmp_path, light, unmerged):
    (tmp_path / "tiny").mkdir()
    run(experiment(**RULES), tmp_path)
    assert len(parts_of(tmp_path / "tiny")) == 4
