"""Old policies become files that cannot run code, and act to the bit as they did."""

import hashlib
import json

import numpy as np
import pytest
import torch

from undertow.agents import (
    KINDS,
    LagrangianPolicy,
    Limited,
    Limits,
    NetworkPolicy,
    PolicyError,
    UseLimited,
    UseLimits,
    load_policy,
)
from undertow.experiments import convert as module
from undertow.experiments.convert import convert
from undertow.experiments.measured_world import world_named
from undertow.experiments.result_folder import ResultError
from undertow.experiments.train import train

from .tiny import copied, experiment, manifest_of, undertow


@pytest.fixture
def old(finished, tmp_path):
    """The result as it was when policies were saved in stable-baselines3's format."""
    folder = copied(finished, tmp_path)
    for file in sorted((folder / "policies").glob("*.npz")):
        policy = load_policy(file)
        policy.made_for = type(policy.made_for)(items=10, size=policy.made_for.size)
        policy.save(file.with_suffix(""), format="sb3")
        file.unlink()
    return folder


def logits(policy, size):
    policy.begin(np.zeros(9, dtype=np.int64), np.arange(9))
    seen = np.random.default_rng(1).normal(size=(9, size)).astype(np.float32)
    return policy._logits(seen)


def test_the_policies_of_a_result_act_alike_and_say_their_world(old, finished):
    before = load_policy(old / "policies" / "lively--ppo--1.zip", trust=True)
    found = undertow("convert", old, "--trust")
    assert found.exit_code == 0 and "converted: 4" in found.stdout, found.stderr
    names = {file.name for file in (old / "policies").iterdir()}
    assert names == {file.name for file in (finished / "policies").iterdir()}
    after = load_policy(old / "policies" / "lively--ppo--1.npz")
    size = after.made_for.size
    assert np.array_equal(logits(after, size), logits(before, size))
    lively = world_named(f"{old}:lively")
    assert after.made_for.world == lively.parameters.model_dump(mode="json")
    assert "converted: 0" in undertow("convert", old).stdout


def test_bytes_are_those_that_a_run_writes(old, finished):
    list(convert([old], trust=True))
    for file in (finished / "policies").glob("*.npz"):
        assert (old / "policies" / file.name).read_bytes() == file.read_bytes()


def test_a_pickle_from_elsewhere_needs_trust(old):
    found = undertow("convert", old)
    assert found.exit_code == 1 and "pickle can run any code" in found.stderr
    assert len(list((old / "policies").glob("*.zip"))) == 4


def test_a_list_of_hashes_goes_with_the_files(old):
    files = {
        f"policies/{file.name}": hashlib.sha256(file.read_bytes()).hexdigest()
        for file in (old / "policies").iterdir()
    }
    manifest = manifest_of(old) | {"files": files}
    (old / "manifest.json").write_text(json.dumps(manifest))
    list(convert([old], trust=True))
    listed = manifest_of(old)["files"]
    assert listed.keys() == {f"policies/{file.name}" for file in (old / "policies").iterdir()}
    for path, sha in listed.items():
        assert hashlib.sha256((old / path).read_bytes()).hexdigest() == sha


def test_a_rule_on_a_policy_keeps_its_name_and_loses_its_pickle(finished, tmp_path, monkeypatch):
    world = world_named(f"{finished}:lively")
    inner = load_policy(finished / "policies" / "lively--ppo--0.npz")
    limited = Limited.of(inner, Limits(extremity_cap=0.5), world.items)
    policy = UseLimited(limited, UseLimits(daily_limit=9), slots_per_day=4)
    save = inner.save
    monkeypatch.setattr(inner, "save", lambda path: save(path, format="sb3"))
    file = policy.save(tmp_path / "mine_0.5")
    assert file.name == "mine_0.5.zip"
    with pytest.raises(PolicyError, match="--trust"):
        load_policy(file)
    ((before, after),) = convert([tmp_path], trust=True)
    assert before == after == file
    assert isinstance(module.innermost(load_policy(file, torch=False)), NetworkPolicy)


def test_a_file_that_would_act_otherwise_is_left_as_it_is(old, monkeypatch):
    def other(file, **kwargs):
        policy = load_policy(file, **kwargs)
        with torch.no_grad():
            policy.model.policy.action_net.bias[0] += 1e-3
        return policy

    monkeypatch.setattr(module, "load_policy", other)
    before = sorted(file.name for file in (old / "policies").iterdir())
    with pytest.raises(ResultError, match="would act otherwise; it is left as it is"):
        list(convert([old], trust=True))
    assert sorted(file.name for file in (old / "policies").iterdir()) == before


def test_what_is_no_policy_is_refused_on_one_line(tmp_path):
    (tmp_path / "odd.zip").write_bytes(b"PK no")
    for words, message in (
        ((tmp_path / "none.zip",), "allowed: a .zip, or a folder"),
        ((tmp_path,), "odd.zip: damaged"),
    ):
        found = undertow("convert", *words)
        assert found.exit_code == 1 and message in found.stderr
        assert found.stderr.count("\n") == 1


def test_a_file_that_is_there_already_is_kept(old):
    kept = old / "policies" / "frozen--ppo--0.npz"
    kept.write_bytes(b"mine")
    with pytest.raises(ResultError, match=r"found .*frozen--ppo--0\.npz beside"):
        list(convert([old / "policies"], trust=True))
    assert kept.read_bytes() == b"mine" and kept.with_suffix(".zip").exists()


def test_a_constrained_policy_gets_the_name_of_its_kind_back(tmp_path):
    one = experiment(
        policies={"mine": {"kind": "ppo_lagrangian", "ppo_lagrangian": {
            "budgets": {"outward_drift": 0.0}}}},
        cells={"lively": ["mine"]}, hypotheses=[], splits=[],
    )  # fmt: skip
    _, file = train(one, policy="mine", world="lively", seed=0, out=tmp_path / "mine", format="sb3")
    assert file.suffix == ".zip" and "ppo_lagrangian" in KINDS
    ((_, new),) = convert([file], trust=True)
    assert type(load_policy(new)) is LagrangianPolicy
