"""A policy's file: numbers and JSON, which cannot run code; read on trust where it can."""

import io
import json
import pickle
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.lib import format as npy

from undertow.agents import (
    Greedy,
    InTurn,
    LagrangianPolicy,
    Limited,
    Limits,
    LinUCB,
    LinUCBSettings,
    NetworkPolicy,
    PolicyError,
    PPOPolicy,
    Random,
    UseLimited,
    UseLimits,
    load_policy,
)
from undertow.agents import policy_file as files
from undertow.agents.policy_file import appended, read_npz, write_npz
from undertow.envs import OBSERVATIONS


class Trap:
    """Pickled, it writes a file when it is read."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return (Path.touch, (self.file,))


def note_of(file):
    return json.loads(str(np.load(file)["undertow"]))


def rewritten(file, note=None, **arrays):
    """The same file with another note, or other arrays; None leaves one out."""
    old_note, old = read_npz(file)
    merged = {name: array for name, array in {**old, **arrays}.items() if array is not None}
    members = {"undertow": np.array(json.dumps(old_note if note is None else note)), **merged}
    with open(file, "wb") as opened:
        np.savez(opened, **members)
    return file


@pytest.fixture
def saved(trained, tmp_path):
    return trained("platform").save(tmp_path / "policy")


# --- what is in it --------------------------------------------------------------------------------


@pytest.mark.parametrize("observation", OBSERVATIONS)
def test_what_is_loaded_has_the_same_logits_to_the_bit(observation, trained, lived, tmp_path):
    policy = trained(observation)
    loaded = load_policy(policy.save(tmp_path / "policy"))
    assert type(loaded) is PPOPolicy and loaded.made_for == policy.made_for
    for seen in lived(observation)[::5]:
        assert np.array_equal(loaded._logits(seen), policy._logits(seen))


def test_the_text_says_what_the_policy_was_made_for(saved, parameters):
    note = note_of(saved)
    assert (note["kind"], note["observation"], note["deterministic"]) == ("ppo", "platform", False)
    made = note["made_for"]
    assert (made["items"], made["size"], made["synthetic"]) == (30, 65, True)
    assert made["world"] == parameters.model_dump(mode="json")


def test_a_kind_of_its_own_is_kept(trained, tmp_path):
    policy = LagrangianPolicy(trained("platform").model, "platform")
    assert type(load_policy(policy.save(tmp_path / "mine"))) is LagrangianPolicy


def test_the_same_policy_is_the_same_bytes_whatever_the_clock_says(trained, tmp_path, monkeypatch):
    """A .zip has no dates before 1980; a rule on a policy is one too."""
    policy = trained("platform")
    first = policy.save(tmp_path / "a").read_bytes()
    limited = UseLimited(policy, UseLimits(daily_limit=30), slots_per_day=8)
    before = limited.save(tmp_path / "b").read_bytes()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert policy.save(tmp_path / "c").read_bytes() == first
    assert limited.save(tmp_path / "d").read_bytes() == before
    with pytest.raises(PolicyError, match="the clock stands before 1980"):
        policy.save(tmp_path / "e", format="sb3")


def test_loading_draws_nothing_from_torchs_stream(saved):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    load_policy(saved)
    assert torch.equal(torch.rand(2), expected)


def test_a_suffix_is_appended_and_not_put_in_the_place_of_a_number(trained, tmp_path):
    policy = trained("platform")
    written = [
        policy.save(tmp_path / "ppo_gamma_0.90"),
        policy.save(tmp_path / "ppo_gamma_0.99"),
        policy.save(tmp_path / "ppo_gamma_0.99", format="sb3"),
        Random(30).save(tmp_path / "random_0.5"),
        InTurn(Random(30), 2).save(tmp_path / "in_turn_0.5"),
    ]
    names = ["ppo_gamma_0.90.npz", "ppo_gamma_0.99.npz", "ppo_gamma_0.99.zip"]
    assert [file.name for file in written] == [*names, "random_0.5.json", "in_turn_0.5.zip"]
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted(f.name for f in written)
    assert appended(Path("a/b.npz"), ".npz") == Path("a/b.npz")
    assert appended(Path("a/b.v2"), ".npz") == Path("a/b.v2.npz")


def test_a_bandit_and_rules_on_it_come_back(parameters, items, lived, choices, tmp_path):
    bandit = LinUCB.train(
        parameters, items, seed=0, settings=LinUCBSettings(slots=64, n_envs=4, reads="own")
    )
    limited = Limited.of(bandit, Limits(extremity_cap=0.5), items)
    both = UseLimited(limited, UseLimits(daily_limit=20), slots_per_day=8)
    loaded = load_policy(both.save(tmp_path / "both"))
    seen = lived("platform")
    assert np.array_equal(choices(loaded, seen), choices(both, seen))
    assert note_of(bandit.save(tmp_path / "bandit"))["kind"] == "linucb"


def test_a_bandit_of_the_first_format_is_read(parameters, items, lived, choices, tmp_path):
    """Arrays alone, the kind and the width among them."""
    bandit = LinUCB.train(parameters, items, seed=0, settings=LinUCBSettings(slots=64, n_envs=4))
    arrays = bandit.features.note() | bandit.features.arrays() | bandit.ridge.arrays()
    np.savez_compressed(tmp_path / "old.npz", kind="linucb", width=1.0, **arrays)
    loaded = load_policy(tmp_path / "old.npz")
    assert np.array_equal(choices(loaded, lived("platform")), choices(bandit, lived("platform")))


# --- what can run code ----------------------------------------------------------------------------


def test_stable_baselines3s_zip_is_read_on_trust_alone(trained, tmp_path):
    file = trained("platform").save(tmp_path / "policy", format="sb3")
    with pytest.raises(PolicyError, match=r"policy\.zip: .*pickle can run any code.*--trust"):
        load_policy(file)
    assert isinstance(load_policy(file, trust=True), PPOPolicy)


def test_a_zip_with_a_pickle_that_does_something_does_nothing(tmp_path):
    trap = pickle.dumps(Trap(tmp_path / "ran")).decode("latin-1")
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("data", json.dumps({"policy_class": {":serialized:": trap}}))
    with pytest.raises(PolicyError, match="--trust"):
        load_policy(tmp_path / "evil.zip")
    inner = (tmp_path / "evil.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "under_a_rule.zip", "w") as archive:
        archive.writestr("slate.json", '{"size": 2}')
        archive.writestr("policy.zip", inner)
    with pytest.raises(PolicyError, match=r"under_a_rule\.zip: .*--trust"):
        load_policy(tmp_path / "under_a_rule.zip")
    assert not (tmp_path / "ran").exists()


def test_an_array_of_pickles_is_refused(tmp_path):
    content = io.BytesIO()
    npy.write_array(content, np.array([Trap(tmp_path / "ran")], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(tmp_path / "evil.npz", "w") as archive:
        archive.writestr("kind.npy", content.getvalue())
    with pytest.raises(PolicyError, match=r"evil\.npz: .*found type object"):
        load_policy(tmp_path / "evil.npz")
    assert not (tmp_path / "ran").exists()


def test_a_zip_in_the_projects_own_results_is_trusted(trained, tmp_path, monkeypatch):
    folder = tmp_path / "results" / "mine" / "policies"
    folder.mkdir(parents=True)
    file = trained("platform").save(folder / "default--ppo--0", format="sb3")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PolicyError, match="--trust"):
        load_policy(file)  # no manifest: no result
    (folder.parent / "manifest.json").write_text("{}")
    assert load_policy(file).kind == "ppo"
    monkeypatch.chdir("/")
    with pytest.raises(PolicyError, match="--trust"):
        load_policy(file)


def test_an_archives_names_are_no_paths_to_write_to(tmp_path):
    rule = Random(30).save(tmp_path / "rule").read_bytes()
    with zipfile.ZipFile(tmp_path / "slip.zip", "w") as archive:
        archive.writestr("slate.json", '{"size": 2}')
        archive.writestr("../../slipped.json", rule)
    assert load_policy(tmp_path / "slip.zip").places == 2
    assert not list(tmp_path.parent.glob("slipped.json"))


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LARGEST", 10_000)
    file = tmp_path / "bomb.npz"
    np.savez_compressed(file, kind=np.zeros(20_000))
    with pytest.raises(
        PolicyError, match=r"bomb\.npz: .*unpacks to 160,\d+ bytes; allowed: 10,000"
    ):
        load_policy(file)


def test_rules_on_rules_without_end_are_refused(tmp_path):
    policy = Random(30)
    for _ in range(5):
        policy = UseLimited(policy, UseLimits(daily_limit=5), slots_per_day=8)
    with pytest.raises(PolicyError, match="more than 3 rules on a policy"):
        load_policy(policy.save(tmp_path / "deep"))


def test_a_header_that_promises_more_than_there_is_is_refused(tmp_path):
    content = io.BytesIO()
    header = {"descr": "<f8", "fortran_order": False, "shape": (10**13,)}
    npy.write_array_header_1_0(content, header)
    with zipfile.ZipFile(tmp_path / "large.npz", "w") as archive:
        archive.writestr("kind.npy", content.getvalue())
    with pytest.raises(
        PolicyError, match=r"found shape \(10000000000000,\), which its bytes do not"
    ):
        load_policy(tmp_path / "large.npz")


# --- what is damaged ------------------------------------------------------------------------------

WRONG = {
    "another format": ({"format": 2}, r"format: found 2; allowed: 1"),
    "an unknown kind": ({"kind": "best"}, r"kind: found 'best'"),
    "an unknown view": ({"observation": "all"}, r"observation: found 'all'"),
    "deterministic in words": ({"deterministic": "yes"}, r"deterministic: found 'yes'"),
    "an unknown key": ({"extra": 1}, r"extra: found 1"),
    "a memory that is not there": ({"kind": "recurrent_ppo"}, "kind: found 'recurrent_ppo'"),
    "other items": ({"made_for": {"items": 20, "size": 65}}, "items: found 20; allowed: 30"),
    "another view": ({"made_for": {"items": 30, "size": 64}}, "size: found 64; allowed: 65"),
    "no net": ({"network": None}, r"network: found None"),
    "a net of another size": (
        {"network": {"size": 64, "actions": [30], "straight": True, "actor": [64, 64],
                     "critic": [64, 64]}},
        r"net\.action_net\.weight: found shape \(30, 129\); allowed: \(30, 128\)",
    ),
    "units without end": (
        {"network": {"size": 65, "actions": [10**12], "straight": True, "actor": [],
                     "critic": []}},
        "found shape",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "message"), WRONG.values(), ids=WRONG)
def test_a_text_that_does_not_fit_the_net_is_refused_on_one_line(saved, change, message):
    rewritten(saved, {**note_of(saved), **change})
    with pytest.raises(PolicyError, match=message) as refused:
        load_policy(saved)
    text = str(refused.value)
    assert text.startswith(f"policy {saved}: ") and "\n" not in text and len(text) < 600


@pytest.mark.parametrize("wrong", [np.nan, np.inf], ids=str)
def test_weights_that_are_no_numbers_are_refused_at_loading(saved, wrong):
    weights = read_npz(saved)[1]["net.action_net.bias"].copy()
    weights[3] = wrong
    rewritten(saved, **{"net.action_net.bias": weights})
    message = r"net\.action_net\.bias: found 1 of 30 numbers NaN or infinite"
    with pytest.raises(PolicyError, match=message):
        load_policy(saved)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_a_model_whose_weights_are_no_numbers_is_refused_when_people_begin(train, wrong):
    """It would show item 0 to all."""
    policy = train(slots=1)
    with torch.no_grad():
        policy.model.policy.action_net.bias[2] = wrong
    with pytest.raises(PolicyError, match=r"action_net\.bias: found weights that are NaN or inf"):
        policy.begin(np.zeros(3, dtype=np.int64), np.arange(3))
    with pytest.raises(PolicyError, match=r"NaN or infinite"):
        policy.save(Path("never"))


def test_arrays_that_are_missing_or_of_words_are_refused(saved):
    rewritten(saved, **{"net.action_net.bias": None})
    with pytest.raises(PolicyError, match=r"net\.action_net\.bias: found shape None"):
        load_policy(saved)
    rewritten(saved, **{"net.action_net.bias": np.array(["a"] * 30)})
    with pytest.raises(
        PolicyError, match=r"net\.action_net\.bias: found type <U1; allowed: floats"
    ):
        load_policy(saved)


@pytest.mark.parametrize("cut", [0, 10, 2_000, -30])
def test_a_file_cut_short_is_refused_and_named(saved, cut):
    saved.write_bytes(saved.read_bytes()[:cut])
    with pytest.raises(PolicyError, match=r"policy\.npz: damaged or not a policy's file"):
        load_policy(saved)


def test_bits_that_flipped_are_refused_or_change_nothing(saved, lived):
    """A .zip has a checksum of what it packs."""
    whole, seen = saved.read_bytes(), lived("platform")[0]
    expected = load_policy(saved, torch=False).logits(seen)
    for at in np.random.default_rng(0).integers(0, len(whole), size=60):
        spoilt = bytearray(whole)
        spoilt[at] ^= 1 << (at % 8)
        saved.write_bytes(spoilt)
        try:
            logits = load_policy(saved, torch=False).logits(seen)
        except PolicyError as error:
            assert "\n" not in str(error)
        else:
            assert np.array_equal(logits, expected)


DAMAGED_RULES = {
    "a supply that is none": '{"kind": "chronological", "supply": [0.5, NaN]}',
    "half an item": '{"kind": "greedy", "items": 30.5}',
    "items that are true": '{"kind": "greedy", "items": true}',
    "a very deep list": "[" * 100_000,
    "a list for endorsement": '{"kind": "endorsement", "topic": [], "quality": []}',
}


@pytest.mark.parametrize("content", DAMAGED_RULES.values(), ids=DAMAGED_RULES)
def test_a_rule_of_no_numbers_is_refused(tmp_path, content):
    (tmp_path / "rule.json").write_text(content)
    with pytest.raises(PolicyError, match=r"rule\.json: not a rule that `save` wrote"):
        load_policy(tmp_path / "rule.json")


@pytest.mark.parametrize(
    ("rule", "fields"),
    [
        ("limits.json", {"limits": {"extremity_cap": 0.5}, "topic": [0, 1], "extremity": [0.1],
                         "supply": [1, 1]}),
        ("limits.json", {"limits": {"nothing": 1}}),
        ("slate.json", {"size": 0}),
        ("slate.json", {"size": "three"}),
        ("slate.json", []),
        ("use_limits.json", {"use_limits": {"daily_limit": 5}, "slots_per_day": 0}),
        ("use_limits.json", {"use_limits": {"daily_limit": -5}, "slots_per_day": 8}),
    ],
)  # fmt: skip
def test_a_rule_on_a_policy_of_wrong_fields_is_refused(tmp_path, rule, fields):
    own = Random(2).save(tmp_path / "own").read_bytes()
    with zipfile.ZipFile(tmp_path / "wrong.zip", "w") as archive:
        archive.writestr(rule, json.dumps(fields))
        archive.writestr("policy.json", own)
    with pytest.raises(PolicyError, match=r"wrong\.zip: ") as refused:
        load_policy(tmp_path / "wrong.zip")
    assert "\n" not in str(refused.value)


def test_a_suffix_of_another_kind_is_refused(tmp_path):
    (tmp_path / "policy.pkl").write_bytes(b"x")
    with pytest.raises(PolicyError, match=r"found suffix '\.pkl'; allowed: \.json, \.npz, \.zip"):
        load_policy(tmp_path / "policy.pkl")


def test_a_note_of_numbers_that_are_none_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_npz(tmp_path / "x", {"kind": "linucb", "width": float("nan")}, {})


# --- without torch --------------------------------------------------------------------------------


def test_a_file_is_read_and_acts_where_torch_is_not_installed(saved, lived, choices, tmp_path):
    """Nor stable-baselines3, nor sb3-contrib."""
    seen = lived("platform")
    np.save(tmp_path / "seen.npy", seen)
    Greedy(30).save(tmp_path / "greedy")
    code = f"""
import sys
for name in ("torch", "stable_baselines3", "sb3_contrib"):
    sys.modules[name] = None
import numpy as np
from undertow.agents import load_policy
policy = load_policy({str(saved)!r}, torch=False)
seen = np.load({str(tmp_path / "seen.npy")!r})
policy.begin(np.full(24, 5), np.arange(24))
np.save({str(tmp_path / "chosen.npy")!r}, np.stack([policy.act(one) for one in seen]))
print(type(load_policy({str(tmp_path / "greedy.json")!r})).__name__)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "Greedy"
    same = np.load(tmp_path / "chosen.npy") == choices(load_policy(saved), seen)
    assert same.mean() > 0.99


def test_numpy_is_asked_for_by_name_and_saves_the_same_file(saved, tmp_path):
    policy = load_policy(saved, torch=False)
    assert isinstance(policy, NetworkPolicy) and policy.kind == "ppo"
    assert policy.save(tmp_path / "again").read_bytes() == saved.read_bytes()
