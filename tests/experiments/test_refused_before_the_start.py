"""Configs that were accepted and failed later, or meant something else, are refused by key."""

import math

import pytest

import undertow.experiments.feasible as feasible
from undertow.envs.world import synthetic, world
from undertow.experiments.config import ConfigError, Experiment, load_experiment, read_yaml
from undertow.experiments.evaluate import Large, evaluation_record
from undertow.experiments.hypotheses.config import load_register
from undertow.experiments.phase.config import load_phase
from undertow.experiments.record_commands import CONFIGS
from undertow.experiments.result_folder import ResultError
from undertow.experiments.sensitivity.config import load_sensitivity
from undertow.experiments.tampering.config import load_replication
from undertow.experiments.tiny.config import load_study
from undertow.experiments.validity.config import load_validity

from .test_config import refusal, with_
from .tiny import config, undertow, write

STUDIES = {
    "hypotheses": load_register,
    "phase_gamma": load_phase,
    "sensitivity": load_sensitivity,
    "tampering": load_replication,
    "tinyfeed": load_study,
}


def changed(data, *path, value):
    block = data
    for key in path[:-1]:
        block = block[key]
    block[path[-1]] = value
    return data


def study_refusal(folder, name, *path, value):
    """How another study's config with one value changed is refused."""
    file = CONFIGS / ("" if name == "validity" else "other") / f"{name}.yaml"
    load = STUDIES.get(name, load_validity)
    with pytest.raises(ConfigError) as caught:
        load(write(folder, changed(read_yaml(file), *path, value=value)))
    return str(caught.value)


def of_policy(value, **more):
    return config(
        policies={"mine": value}, cells={"lively": ["mine"]}, hypotheses=[], splits=[], **more
    )


# --- types ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "text", "message"),
    [
        (("training", "slots"), "yes", "training.slots: Input should be a valid integer"),
        (("training", "slots"), "1:30", "training.slots: Input should be a valid integer"),
        (("training", "slots"), "true", "training.slots: Input should be a valid integer"),
        (("training", "slots"), "'64'", "training.slots: Input should be a valid integer"),
        (("training", "slots"), "64.0", "training.slots: Input should be a valid integer"),
        (("training", "gamma"), "off", "training.gamma: Input should be a valid number"),
        (("training", "gamma"), "false", "training.gamma: Input should be a valid number"),
        (("training", "deterministic"), "yes", "boolean, true or false (found 'yes')"),
        (("training", "deterministic"), "1", "boolean, true or false (found 1)"),
        (("seeds",), "on", "seeds: Input should be a valid integer (found 'on')"),
        (("title",), "3", "title: Input should be a valid string (found 3)"),
        (("hypotheses", 0, "threshold"), ".nan", "hypotheses.0.threshold: "),
        (("hypotheses", 1, "margin"), ".inf", "hypotheses.1.margin: "),
        (("evaluation", "threshold"), ".nan", "evaluation.threshold: "),
    ],
)
def test_a_value_of_another_type_is_refused(tmp_path, path, text, message):
    data = with_(*path, value="PLACE")
    import yaml

    written = yaml.safe_dump(data, sort_keys=False).replace("PLACE", text)
    with pytest.raises(ConfigError) as caught:
        load_experiment(write(tmp_path, written))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("validity", ("people",), "1000"),
        ("validity", ("rows", 0, "parts", 0, "band"), [math.nan, 1.0]),
        ("validity", ("fit", "people"), 300.0),
        ("hypotheses", ("trained",), True),
        ("hypotheses", ("hypotheses", 0, "claims", 0, "threshold"), math.inf),
        ("phase_gamma", ("seeds",), "3"),
        ("phase_gamma", ("x", "values"), [0.0, math.inf]),
        ("sensitivity", ("reach",), "0.5"),
        ("tampering", ("null_margin",), math.inf),
        ("tampering", ("plans", 0, "reported"), math.nan),
        ("tinyfeed", ("margin",), True),
        ("tinyfeed", ("hypotheses", 0, "threshold"), math.nan),
    ],
)
def test_every_study_has_strict_types_and_finite_numbers(tmp_path, name, path, value):
    message = study_refusal(tmp_path, name, *path, value=value)
    assert ".".join(map(str, path)) in message


def test_two_hypotheses_or_splits_of_one_name_are_refused(tmp_path):
    for key, name in (("hypotheses", "impossible"), ("splits", "gain")):
        data = config()
        data[key] = [data[key][0], data[key][0]]
        assert f"{key}: found {name!r} twice; allowed: each once" in refusal(tmp_path, data)


# --- what cannot be trained or measured -----------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("ppo", {"net": [-8]}, "policies.mine.ppo.net.0: Input should be greater than or equal"),
        ("ppo", {"net": [0]}, "policies.mine.ppo.net.0: "),
        ("ppo", {"n_envs": 1, "n_steps": 1}, "found a rollout of 1 x 1 slots; allowed: 2 or more"),
        ("linucb", {"ridge": 1e-16}, "policies.mine.linucb.ridge: "),
        ("recurrent_ppo", {"n_envs": 1, "n_steps": 1}, "found a rollout of 1 x 1 slots"),
        (
            "recurrent_ppo",
            {"n_envs": 3, "n_steps": 3, "batch_size": 4},
            "batch_size: found 4, which leaves a minibatch of 1 of a rollout of 3 x 3 slots",
        ),
        ("ppo_lagrangian", {"budgets": {"outward_drift": -math.inf}}, "budgets.outward_drift: "),
        ("ppo_lagrangian", {"budgets": {"outward_drift": 1e300}}, "allowed: -1e6 to 1e6, or .inf"),
        ("ppo_lagrangian", {"budgets": {"outward_drift": math.nan}}, "budgets.outward_drift: "),
    ],
)
def test_settings_with_which_training_fails_are_refused(tmp_path, kind, settings, message):
    data = of_policy({"kind": kind, kind: settings})
    assert message in refusal(tmp_path, data)


def test_an_infinite_budget_is_none_whatever_the_gain_of_its_multiplier():
    import numpy as np

    from undertow.agents.lagrangian import stepped

    none = np.array([-np.inf], dtype=np.float32)
    for gain in (0.0, 0.02):
        for found in stepped(np.zeros(1, dtype=np.float32), none, 0.005, gain):
            assert found.tolist() == [0.0]


def test_limits_that_leave_too_few_topics_are_refused_before_training(tmp_path):
    data = of_policy({"kind": "random", "limits": {"topic_share": 0.25}})
    found = refusal(tmp_path, data)  # 3 topics of 2 leads each do not fill 8
    assert "policies.mine.limits.topic_share (in lively): found 0.25 with 3 topics" in found
    assert "allowed: 0.375 or more" in found
    Experiment.model_validate(of_policy({"kind": "random", "limits": {"topic_share": 0.375}}))


def test_a_cap_that_no_item_keeps_is_refused_before_training(tmp_path):
    data = of_policy({"kind": "random", "limits": {"extremity_cap": 0.01}})
    data["worlds"]["lively"]["overrides"]["catalogue"] |= {"civic_items": 1.0}
    assert "limits.extremity_cap (in lively): found 0.01, which no item keeps" in refusal(
        tmp_path, data
    )


@pytest.mark.parametrize("null", ["yoked", "no_consequence"])
@pytest.mark.parametrize("kind", ["ppo", "linucb", "recurrent_ppo", "ppo_shift_penalty"])
def test_one_person_alone_cannot_be_yoked(tmp_path, null, kind):
    own = {"n_envs": 1} | ({"penalty": 1.0} if kind == "ppo_shift_penalty" else {})
    data = of_policy({"kind": kind, kind: own})
    data["worlds"]["lively"]["null"] = null
    found = refusal(tmp_path, data)
    assert (
        "policies.mine (or training), in lively: n_envs: found 1 in a world whose people" in found
    )
    assert "allowed: 2 or more" in found


# --- what no memory holds -------------------------------------------------------------------------


@pytest.fixture
def small_machine(monkeypatch):
    monkeypatch.setattr(feasible, "machine_bytes", lambda: 2.0 * 2**30)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            of_policy({"kind": "ppo", "ppo": {"n_envs": 100_000, "n_steps": 1000}}),
            "n_envs x n_steps: found n_envs",
        ),
        (of_policy({"kind": "ppo", "ppo": {"net": [60_000, 60_000]}}), "net: [60000, 60000]"),
        (of_policy({"kind": "recurrent_ppo", "recurrent_ppo": {"n_envs": 10**6}}), "n_envs x n_"),
        (of_policy({"kind": "thompson", "thompson": {"n_envs": 10**7}}), "n_envs: 10000000"),
        (
            of_policy({"kind": "random"}, evaluation={"people": 1_000_000})
            | {"worlds": {"lively": {"overrides": {"catalogue": {"items": 20_000}}}}},
            "evaluation.people, of mine in lively: found 1,000,000 people in a world of 20,000",
        ),
    ],
)
def test_what_no_memory_holds_is_refused(tmp_path, small_machine, data, message):
    found = refusal(tmp_path, data)
    assert message.replace("n_envs x n_steps: found n_envs", "n_envs x n_steps: 100000") in found
    assert "GB or more; allowed: 2.0 GB, what this machine has" in found


def test_a_policy_may_say_that_its_machines_have_more(small_machine):
    block = {"kind": "ppo", "ppo": {"n_envs": 10_000, "n_steps": 1000}}
    with pytest.raises(ValueError, match=r"allowed: 2\.0 GB"):
        Experiment.model_validate(of_policy(block))
    Experiment.model_validate(of_policy(block | {"resources": {"memory_mb": 100_000}}))


def test_a_block_of_people_that_no_memory_holds_is_refused(small_machine):
    large = Large(name="a", policy="greedy", people=10**9, block=10**7)
    with pytest.raises(ResultError, match=r"--block: found 10,000,000 people .* allowed: 2\.0 GB"):
        evaluation_record(large)
    evaluation_record(large.model_copy(update={"block": 20_000}))


@pytest.mark.parametrize(("option", "value"), [("--people", 2 * 10**9), ("--block", 10**8)])
def test_options_of_evaluate_out_of_range_are_refused(tmp_path, option, value):
    found = undertow("evaluate", "random", "--name", "a", "--results", tmp_path, option, value)
    assert found.exit_code in (1, 2)
    assert option in found.stderr
    assert str(value) in found.stderr
    assert not list(tmp_path.glob("a*"))


def test_what_is_counted_is_less_than_what_is_taken():
    """By hand: 2 copies of 16 x 8 slots of 57 columns and no memory of an LSTM."""
    parameters = world("default", overrides={"catalogue": {"items": 30}})
    size = feasible.observation_size(parameters, 30, "platform")
    from undertow.envs.feed_batch import FeedBatch

    for observation in ("platform", "oracle"):
        view = FeedBatch(parameters, 2, observation, synthetic(parameters)).view
        assert feasible.observation_size(parameters, 30, observation) >= view.size
    assert size == 3 * (10 + 4) + 2 * 10 + 8


# --- other studies --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "path", "value", "message"),
    [
        ("phase_gamma", ("training", "n_envs"), 10**7, "x, y (at"),
        ("phase_gamma", ("y", "parameter"), "ppo.gamma", "y.parameter: found 'ppo.gamma', as in x"),
        (
            "phase_gamma",
            ("overrides",),
            {"habit": {"gian": 1}},
            "overrides.habit.gian: unknown key",
        ),
        ("phase_gamma", ("y", "values"), [1, 2.5, 4], "calendar.days: Input should be a valid int"),
        ("tampering", ("plans", 0, "person"), "everybody", "plans.always_right.person: found"),
        ("tampering", ("meets",), ["centrist"], "meets: found 'centrist'; allowed: moderate_right"),
        ("tampering", ("meets",), ["everybody"] * 2, "meets: found 'everybody' twice"),
        ("tampering", ("plans", 1, "name"), "always_right", "plans: found 'always_right' twice"),
        ("tampering", ("plans", 1, "name"), "../up", "plans.1.name: "),
        ("tampering", ("meets",), [], "meets: "),
        ("tinyfeed", ("people", "presets"), ["sunny"], "people.presets: found 'sunny'"),
        ("tinyfeed", ("learning", "worlds"), ["vulnerable"] * 2, "learning.worlds: found"),
        ("tinyfeed", ("worlds", "default", "changes"), {"pul": 1}, "changes.pul: unknown key"),
        ("sensitivity", ("worlds",), ["default", "default"], "worlds: found 'default' twice"),
        (
            "validity",
            ("worlds", "default", "overrides"),
            {"habit": {"gian": 1}},
            "gian: unknown key",
        ),
        (
            "validity",
            ("worlds", "default", "overrides"),
            {"recommender": True},
            "recommender: found",
        ),
        ("validity", ("fit", "blocks", 0, "knobs", 0, "parameter"), "gain", "low, high"),
        ("validity", ("fit", "blocks", 0, "knobs", 0, "parameter"), "a.b.c", "low, high"),
        ("hypotheses", ("saved",), {"../up": {"seeds": 2, "cells": {}}}, "saved.../up"),
    ],
)
def test_other_studies_refuse_what_would_fail_later(tmp_path, name, path, value, message):
    found = study_refusal(tmp_path, name, *path, value=value)
    assert message in found
    assert "pydantic" not in found


@pytest.mark.parametrize(
    "text", ["(" * 300, "1e400", "10**9", "True", "1" * 400, "a(b@c)" + "+1" * 999]
)
def test_a_quantity_that_cannot_be_worked_out_is_refused(text):
    from undertow.experiments.hypotheses.quantity import Quantity

    for quantity in (text, f"welfare(ppo@w) + {text}"):
        if text.startswith("a(b@c)"):
            quantity = quantity + "+1" * 999
        with pytest.raises(ValueError, match=r"quantity: found .*; allowed: "):
            Quantity(quantity)
