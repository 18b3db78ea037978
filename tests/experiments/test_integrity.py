"""What is missing, changed or swapped in a result is noticed, and says so."""

import json
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from undertow.experiments import cli
from undertow.experiments.inventory import FIGURES, compared, faults, files_of
from undertow.experiments.manifest import read_manifest
from undertow.experiments.parts import kept, sealed, unsealed
from undertow.experiments.result_folder import ResultError, list_file, seal
from undertow.experiments.run import run
from undertow.experiments.verify import state_of

from .killing import outcome, telling
from .tiny import Listener, Stop, config, contents, experiment, undertow, write

__all__ = ["telling"]
REPOSITORY = Path(__file__).parents[2]
FEW = {
    "seeds": 2,
    "cells": {"lively": ["random", "ppo"]},
    "hypotheses": [],
    "splits": [],
}


@pytest.fixture
def made(telling, tmp_path):
    """A finished result that a test may spoil."""
    return run(experiment(**FEW), tmp_path / "results")


def flipped(file, at=0.5):
    """One bit of a file, the other way."""
    content = bytearray(file.read_bytes())
    content[int(len(content) * at)] ^= 1
    file.write_bytes(bytes(content))


def verified(*words):
    found = undertow("verify", *words)
    assert "Traceback" not in found.stdout + found.stderr
    return found.exit_code, found.stdout


# --- hashes of files ------------------------------------------------------------------------------


def test_the_manifest_holds_the_hash_of_every_file_but_its_own(made):
    files = read_manifest(made)["files"]
    assert files.keys() == contents(made).keys() - {"manifest.json"}
    assert all(len(sha256) == 64 for sha256 in files.values())
    assert verified(made)[0] == 0


def test_a_bit_that_flips_in_any_file_is_named(made):
    for path in read_manifest(made)["files"]:
        whole = (made / path).read_bytes()
        for at in (0.0, 0.3, 0.999):
            flipped(made / path, at)
            code, told = verified(made)
            assert code == 1 and f"{path}: changed" in told, path
            (made / path).write_bytes(whole)
    assert verified(made)[0] == 0


def test_verify_says_of_each_file_what_it_is(made):
    (made / "report.md").unlink()
    (made / "figures" / "minutes.png").write_bytes(b"another")
    (made / "policies" / "notes.txt").write_text("mine")
    (made / "policies" / "lively--ppo--7.zip").write_bytes(b"of another run")
    code, told = verified(made)
    assert code == 1
    for line in (
        "report.md: missing",
        "figures/minutes.png: changed",
        "figures/overview.png: ok",
        "policies/notes.txt: not of this result",
        "policies/lively--ppo--7.zip: not in the manifest",
    ):
        assert f"  {line}\n" in told


def test_a_file_of_one_s_own_does_not_make_a_result_differ(made):
    (made / "figures" / "mine.png").write_bytes(b"mine")
    code, told = verified(made)
    assert code == 0 and "figures/mine.png: not of this result" in told


def test_verify_of_several_results_names_those_that_differ(made, tmp_path):
    other = run(experiment(**FEW, name="other"), tmp_path / "results")
    (other / "summary.json").unlink()
    found = undertow("verify", tmp_path / "nowhere", made, other)
    assert found.exit_code == 1 and "no such folder" in found.stderr
    assert f"{made}: finished" in found.stdout
    assert f"{tmp_path / 'nowhere'}, {other}: not what was finished" in found.stderr


def test_verify_of_what_is_no_result(tmp_path):
    found = undertow("verify", tmp_path / "nowhere")
    assert (
        found.exit_code == 1 and "no such folder; allowed: the folder of a result" in found.stderr
    )
    found = undertow("verify", tmp_path)
    assert found.exit_code == 1 and "holds no result" in found.stderr


def test_verify_of_an_unfinished_result_names_its_damaged_parts(telling, tmp_path):
    with pytest.raises(Stop):
        run(experiment(**FEW), tmp_path, told=Listener(after=2))
    parts = tmp_path / "tiny" / "parts"
    flipped(parts / "lively--ppo--0.parquet")
    code, told = verified(tmp_path / "tiny")
    assert code == 1 and "unfinished; run it again" in told
    assert "parts/lively--random--0.json: ok" in told
    assert "parts/lively--ppo--0.json: damaged" in told


def test_a_result_from_before_hashes_were_kept_is_checked_as_far_as_it_can_be(made):
    manifest = read_manifest(made)
    del manifest["files"]
    (made / "manifest.json").write_text(json.dumps(manifest))
    (made / "report.md").write_text("![a figure](figures/overview.png)")
    code, told = verified(made)
    assert code == 0 and "made before file hashes were kept" in told
    (made / "figures" / "overview.png").unlink()
    text = (made / "config.yaml").read_text()
    (made / "config.yaml").write_text(text.replace("seeds: 2", "seeds: 3"))
    code, told = verified(made)
    assert code == 1
    assert "figures/overview.png: missing" in told and "config.yaml: changed" in told


def test_seal_records_the_hashes_of_what_is_there_now(made):
    shutil.rmtree(made / "policies")
    (made / "figures" / "mine.png").write_bytes(b"mine")
    assert verified(made)[0] == 1
    code, told = verified("--seal", made)
    assert code == 0 and "figures/mine.png: not of this result" in told
    assert "figures/mine.png" not in read_manifest(made)["files"]
    assert verified(made)[0] == 0


def test_a_card_that_is_written_later_is_listed(made):
    (made / "policies" / "README.md").write_text("a card")
    assert "policies/README.md: not in the manifest" in verified(made)[1]
    list_file(made, "policies/README.md")
    assert verified(made)[0] == 0


def test_every_file_of_a_committed_result_is_known_as_its_own():
    for file in REPOSITORY.glob("results/*/manifest.json"):
        manifest = json.loads(file.read_text(encoding="utf-8"))
        manifest.pop("files", None)
        there = contents(file.parent).keys() - {"manifest.json"}
        assert set(files_of(file.parent, manifest)) == there, file.parent.name
        assert faults(compared(file.parent, manifest, quick=True)) == {}, file.parent.name


def test_every_file_of_a_committed_result_is_as_its_manifest_says():
    for file in REPOSITORY.glob("results/*/manifest.json"):
        manifest = json.loads(file.read_text(encoding="utf-8"))
        assert manifest["files"], file.parent.name
        assert faults(compared(file.parent, manifest)) == {}, file.parent.name


def test_figures_of_every_committed_result_are_known():
    there = {file.name for file in REPOSITORY.glob("results/*/figures/*")}
    assert there <= FIGURES and len(there) > 10


# --- list and run ---------------------------------------------------------------------------------


def test_list_says_what_a_finished_result_lacks(made, monkeypatch):
    monkeypatch.setattr(cli, "console", Console(width=400))
    assert ", but" not in state_of(made)
    flipped(made / "report.md")
    assert ", but report.md is changed; see `undertow verify" in state_of(made)
    (made / "figures" / "overview.png").unlink()
    found = undertow("list", "--results", made.parent)
    assert ", but figures/overview.png is missing (and 1 more); see `undertow" in found.stdout


@pytest.mark.parametrize("path", ["report.md", "figures/overview.png"])
@pytest.mark.parametrize("how", ["gone", "changed"])
def test_run_names_what_a_finished_result_lacks_and_report_makes_it_anew(made, tmp_path, path, how):
    right = outcome(made)
    if how == "gone":
        (made / path).unlink()
    else:
        flipped(made / path)
    before = contents(made)
    file = write(tmp_path, config(**FEW))
    found = undertow("run", file, "--results", made.parent)
    assert found.exit_code == 1
    state = "missing" if how == "gone" else "changed"
    assert f"{made}: finished, but {path} is {state}; allowed: --report" in found.stderr
    assert contents(made) == before
    assert undertow("run", file, "--results", made.parent, "--report").exit_code == 0
    assert outcome(made) == right
    assert undertow("run", file, "--results", made.parent).exit_code == 0


@pytest.mark.parametrize("how", ["gone", "changed"])
def test_run_names_a_policy_that_a_finished_result_lacks(made, tmp_path, how):
    policy = made / "policies" / "lively--ppo--1.json"
    policy.unlink() if how == "gone" else flipped(policy)
    for option in ([], ["--extend"]):
        found = undertow("run", write(tmp_path, config(**FEW)), "--results", made.parent, *option)
        assert found.exit_code == 1
        assert f"policies/{policy.name} is" in found.stderr
        assert "--fresh" in found.stderr and "undertow verify --seal" in found.stderr


@pytest.mark.parametrize("name", ["summary.json", "episodes.parquet", "config.yaml"])
@pytest.mark.parametrize("option", [[], ["--extend"], ["--report"]])
def test_values_that_changed_are_neither_reported_nor_extended(made, tmp_path, name, option):
    flipped(made / name)
    before = contents(made)
    found = undertow("run", write(tmp_path, config(**FEW)), "--results", made.parent, *option)
    assert found.exit_code == 1
    assert f"{made / name}: damaged (changed), though the manifest says finished" in found.stderr
    assert contents(made) == before


def test_there_is_nothing_to_report_where_nothing_is_finished(telling, tmp_path):
    file, results = write(tmp_path, config(**FEW)), tmp_path / "results"
    found = undertow("run", file, "--results", results, "--report")
    assert found.exit_code == 1 and "no result; allowed: --report once it ran" in found.stderr
    assert not results.exists()
    with pytest.raises(Stop):
        run(experiment(**FEW), results, told=Listener(after=1))
    found = undertow("run", file, "--results", results, "--report")
    assert found.exit_code == 1 and "is not finished; allowed: once" in found.stderr
    found = undertow("run", file, "--results", results, "--report", "--fresh")
    assert found.exit_code == 2 and "--report: found beside --fresh" in found.stderr


# --- parts ----------------------------------------------------------------------------------------


@pytest.fixture
def half(telling, tmp_path):
    """All jobs but one are done."""
    results = tmp_path / "half"
    with pytest.raises(Stop):
        run(experiment(**FEW), results, told=Listener(after=3))
    return results / "tiny"


def went_on(folder, **changes):
    told = Listener()
    run(experiment(**(FEW | changes)), folder.parent, told=told)
    return told.texts


@pytest.mark.parametrize("name", ["parts/{}.json", "parts/{}.parquet", "policies/{}.json"])
@pytest.mark.parametrize("at", [0.0, 0.31, 0.62, 0.999])
def test_a_bit_that_flips_in_a_part_or_its_policy_runs_the_job_again(half, tmp_path, name, at):
    right = outcome(run(experiment(**FEW), tmp_path / "right"))
    flipped(half / name.format("lively--ppo--0"), at)
    told = went_on(half)
    assert "lively--ppo--0.json is damaged" in told[0] and "run again" in told[0]
    assert "lively--ppo--0" in told
    assert outcome(half) == right


def test_another_task_s_part_under_this_one_s_name_is_run_again(half, tmp_path):
    """Of the same names, and of another config: only the hash of the inputs tells them apart."""
    changed = {
        "policies": {"random": {"kind": "random"}, "ppo": {"kind": "ppo", "ppo": {"gamma": 0.5}}}
    }
    with pytest.raises(Stop):
        run(experiment(**FEW | changed), tmp_path / "other", told=Listener(after=3))
    for place in ("parts", "policies"):
        for file in (tmp_path / "other" / "tiny" / place).glob("lively--ppo--0.*"):
            shutil.copy(file, half / place / file.name)
    told = went_on(half)
    assert "was made of other inputs" in told[0]
    assert outcome(half) == outcome(run(experiment(**FEW), tmp_path / "right"))


def test_a_part_of_another_seed_under_this_one_s_name_is_run_again(half, tmp_path):
    part = unsealed((half / "parts" / "lively--random--0.json").read_bytes())
    forged = sealed(part | {"seed": 1})
    (half / "parts" / "lively--random--1.json").write_bytes(forged)
    assert "other inputs" in went_on(half)[0]
    assert outcome(half) == outcome(run(experiment(**FEW), tmp_path / "right"))


def test_parts_from_before_they_had_hashes_are_named_and_run_again(half):
    file = half / "parts" / "lively--random--0.json"
    old = unsealed(file.read_bytes())
    del old["inputs"], old["files"]
    file.write_text(json.dumps(old))
    assert "made before parts had one" in went_on(half)[0]


def test_a_policy_of_an_earlier_kind_does_not_stay_beside_the_new_one(half):
    """A rule's file ends in .json and a learner's does not: `compare` would take both."""
    stale = half / "policies" / "lively--ppo--1.npz"
    stale.write_bytes(b"of the policy that had this name")
    went_on(half)
    assert not stale.exists()


def test_policies_of_jobs_that_a_config_no_longer_has_go_with_their_parts(half, tmp_path):
    mine = half / "policies" / "notes.txt"
    mine.write_text("mine")
    went_on(half, cells={"lively": ["random"]})
    assert {file.name for file in (half / "policies").iterdir()} == {
        "lively--random--0.json",
        "lively--random--1.json",
        "notes.txt",
    }
    assert verified(half)[0] == 0


def test_sealed_data_is_read_back_and_anything_else_refused():
    data = {"b": [1, 2.5, None], "a": {"x": "y"}}
    assert unsealed(sealed(data)) == data
    assert unsealed(sealed({1: (2, 3)})) == {"1": [2, 3]}
    for content in (b"", b"[]", b"{}", b"null", b"\xff", sealed(data).replace(b"2.5", b"2.6")):
        with pytest.raises(ValueError):
            unsealed(content)


def test_what_is_kept_is_made_once_and_again_where_it_is_damaged(tmp_path):
    file, calls = tmp_path / "fit.json", []

    def make():
        calls.append(1)
        return [{"pull": 0.25}, ["a"]]

    assert kept(file, make) == kept(file, make) == make()
    assert len(calls) == 2
    flipped(file)
    assert kept(file, make) == make()
    assert len(calls) == 4


# --- the manifest ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("finished", 3),
        ("config_sha256", None),
        ("wall_time_s", "long"),
        ("wall_time_s", True),
        ("files", ["summary.json"]),
        ("files", {"summary.json": 3}),
        ("later_revisions", "a"),
        ("seeds", {"a": 1}),
        ("seeds", ["0"]),
        ("earlier_core_s", {"training_core_s": "1"}),
        ("versions", []),
    ],
)
def test_a_manifest_of_wrong_types_is_damaged_and_named(made, tmp_path, key, value):
    manifest = read_manifest(made) | {key: value}
    (made / "manifest.json").write_text(json.dumps(manifest))
    for words in (
        ["run", write(tmp_path, config(**FEW)), "--results", made.parent],
        ["verify", made],
    ):
        found = undertow(*words)
        assert found.exit_code == 1 and "Traceback" not in found.stderr
        assert f"{made / 'manifest.json'}: damaged" in found.stderr
    assert state_of(made) == "damaged manifest"


def test_an_unfinished_result_is_not_read_as_a_result(half):
    from undertow.experiments.result import Result

    with pytest.raises(ResultError, match="no finished result"):
        Result.read(half)
    (half / "summary.json").write_text('{"cells": []}')
    with pytest.raises(ResultError, match="is not finished"):
        Result.read(half)
    (half / "summary.json").write_text('{"cells": [3]}')
    with pytest.raises(ResultError, match="no finished result"):
        Result.read(half)


def test_seal_leaves_out_what_a_kill_left_half_written(made):
    (made / ".summary.json.new").write_bytes(b"half")
    (made / "figures" / ".minutes.png.new").write_bytes(b"half")
    seal(made, read_manifest(made))
    assert not list(made.rglob("*.new"))


def test_verify_says_that_a_result_was_stopped_before_its_report_was_whole(made):
    manifest = read_manifest(made)
    del manifest["files"]
    (made / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert "made before file hashes were kept" in verified(made)[1]
    (made / "parts").mkdir()
    (made / "report.md").unlink()
    code, told = verified(made)
    assert code == 1 and "report.md: missing" in told
    assert "stopped before its report was whole; the command that made it goes on" in told
    run(experiment(**FEW), made.parent)
    assert verified(made)[0] == 0 and "files" in read_manifest(made)
