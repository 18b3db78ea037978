"""Costs of constrained policies against their budgets."""

import json

import numpy as np
import pytest

from undertow.agents import Chronological, PPOPolicy, PPOSettings, UseLimited, UseLimits
from undertow.agents.lagrangian import COSTS
from undertow.envs import FeedBatch
from undertow.envs.world import synthetic, world
from undertow.experiments.budgets import (
    Budgets,
    budgets_record,
    costs_a_day,
    judged,
    load_budgets,
    met,
)
from undertow.experiments.config import ConfigError
from undertow.experiments.record import run_record
from undertow.experiments.result_folder import ResultError

from .tiny import TINY


def test_a_cost_is_that_of_a_day_and_person_who_is_there():
    """By hand from the outcomes of the same lives; who has left counts no more."""
    parameters = world("vulnerable", overrides={"calendar": {"slots_per_day": 4, "days": 5},
                                                "churn": {"hazard": 0.2}})  # fmt: skip
    items = synthetic(parameters)
    found = costs_a_day(parameters, items, Chronological(items.supply), seed=3, people=50)
    batch, policy = FeedBatch(parameters, 50, items=items), Chronological(items.supply)
    seen = batch.start(np.full(50, 3), np.arange(50))
    policy.begin(np.full(50, 3), np.arange(50))
    drift, minutes, person_slots = 0.0, 0.0, 0
    for _ in range(20):
        person_slots += batch.state.present.sum()
        step = batch.step(policy.act(seen))
        seen = step.observation
        drift += 100 * step.outcome.persuasion.sum(dtype=np.float64)
        minutes += step.outcome.minutes.sum(dtype=np.float64)
    assert person_slots < 50 * 20  # some left
    assert found["outward_drift"] == pytest.approx(drift / (person_slots / 4), rel=1e-6)
    assert found["minutes"] == pytest.approx(minutes / (person_slots / 4), rel=1e-6)
    assert found.keys() == {*COSTS, "minutes"}
    assert found["induced_extremity"] >= found["outward_drift"]


def test_a_rule_on_use_is_kept_while_costs_are_measured():
    parameters = world("vulnerable", overrides={"calendar": {"slots_per_day": 4, "days": 5}})
    items = synthetic(parameters)
    free = Chronological(items.supply)
    bound = UseLimited(free, UseLimits(daily_limit=1.0), slots_per_day=4)
    minutes = [
        costs_a_day(parameters, items, policy, seed=3, people=50)["minutes"]
        for policy in (free, bound)
    ]
    assert 0 < minutes[1] < 0.8 * minutes[0]


@pytest.mark.parametrize(
    "cost, budget, free, kept",
    [
        (1.05, 1.0, 9.0, True),
        (1.06, 1.0, 9.0, False),
        (0.2, 1.0, 9.0, True),  # to spend less is to keep it
        (0.45, 0.0, 9.0, True),  # a twentieth of what PPO costs
        (0.46, 0.0, 9.0, False),
        (-0.3, 0.0, 9.0, True),
    ],
)
def test_a_budget_is_kept_within_the_tolerance(cost, budget, free, kept):
    assert judged(cost, budget, free, 0.05) is kept


@pytest.mark.parametrize(
    "cost, budget, free, found",
    [
        (1.05, 1.0, 9.0, True),
        (0.95, 1.0, 9.0, True),
        (0.94, 1.0, 9.0, False),  # kept, and minutes given away
        (1.06, 1.0, 9.0, False),
        (-0.45, 0.0, 9.0, True),
        (-0.46, 0.0, 9.0, False),
        (0.2, 1.0, 1.0, None),  # nothing to constrain
    ],
)
def test_a_budget_is_met_on_both_sides_where_it_binds(cost, budget, free, found):
    assert met(cost, budget, free, 0.05) is found


CONSTRAINED = TINY | {
    "name": "constrained",
    "policies": TINY["policies"]
    | {
        "loose": {"kind": "ppo_lagrangian", "ppo_lagrangian": {"budgets": {
            "outward_drift": 1000.0, "unendorsed_minutes": float("inf")}}},
    },
    "cells": {"lively": ["ppo", "loose"], "frozen": ["greedy"]},
    "hypotheses": [],
    "splits": [],
}  # fmt: skip


@pytest.fixture
def saved(tmp_path):
    """A result's config and policies, as a run leaves them."""
    file = tmp_path / "constrained.yaml"
    file.write_text(json.dumps(CONSTRAINED).replace("Infinity", ".inf"))
    from undertow.experiments.config import load_experiment

    experiment = load_experiment(file)
    parameters = experiment.worlds["lively"].parameters()
    policies = tmp_path / "results" / "constrained" / "policies"
    policies.mkdir(parents=True)
    for seed in range(2):
        policy = PPOPolicy.train(
            parameters,
            synthetic(parameters),
            observation="platform",
            seed=seed,
            settings=PPOSettings(**CONSTRAINED["training"]),
        )
        for name in ("ppo", "loose"):
            policy.save(policies / f"lively--{name}--{seed}")
    return tmp_path


def budgets():
    return Budgets(
        name="budgets",
        title="Kept?",
        experiment="constrained.yaml",
        unconstrained_result="constrained",
        people=20,
    )


def test_every_finite_budget_is_judged_and_told(saved):
    record = budgets_record(budgets(), saved, saved / "results")
    folder = run_record(record, saved / "results", workers=1)
    summary = json.loads((folder / "summary.json").read_text())
    (row,) = summary["rows"]
    assert (row["policy"], row["cost"], row["budget"]) == ("loose", "outward_drift", 1000.0)
    assert row["kept"] and not row["binds"] and summary["kept"] == 1
    assert row["met"] is None and (summary["bind"], summary["met"]) == (0, 0)
    assert row["mean"] == pytest.approx(row["unconstrained"])  # the same policy by another name
    report = (folder / "report.md").read_text()
    assert "1 of 1 budgets are kept within 5%" in report and "loose" in report
    assert "0 of them bind" in report and "does not bind" in report and "Missed" not in report


def test_a_budget_that_is_underspent_is_told_as_missed(saved):
    """The cost of the saved policy is PPO's; a PPO that costs more makes its budget bind."""
    record = budgets_record(budgets(), saved, saved / "results")
    cells = record.tasks_of(saved, print)
    spent = {"outward_drift": 900.0, "minutes": 1.0}
    free = {"outward_drift": 2000.0, "minutes": 1.0}
    data = {cell.name: free if cell.policy == "unconstrained" else spent for cell in cells}
    manifest = {
        "versions": {}, "git_revision": "0", "config_sha256": "0", "wall_time_s": 0, "machine": "",
    }  # fmt: skip
    summary, report = record.finish(saved, cells, data, manifest)
    assert summary["rows"][0]["kept"] and summary["rows"][0]["met"] is False
    assert "1 of them bind, and 0 of these are met" in report
    assert "Missed on either side: loose in lively." in report and "Exceeded" not in report


def test_what_stands_beside_is_told_and_not_counted(saved):
    alone = budgets().model_copy(update={"beside": ["loose"]})
    record = budgets_record(alone, saved, saved / "results")
    folder = run_record(record, saved / "results", workers=1)
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["rows"][0]["beside"] and summary["rows"][0]["kept"]
    assert (summary["counted"], summary["kept"], summary["bind"], summary["met"]) == (0, 0, 0, 0)
    report = (folder / "report.md").read_text()
    assert "loose" not in report.split("## Beside them, and not counted")[0]
    assert "loose" in report.split("## Beside them, and not counted")[1]


def test_beside_is_refused_for_what_has_no_budget(saved):
    with pytest.raises(ConfigError, match=r"beside: found ppo; allowed: .*\(loose\)"):
        budgets_record(budgets().model_copy(update={"beside": ["ppo"]}), saved, saved / "results")


def test_a_policy_that_was_not_saved_is_named(saved):
    (saved / "results/constrained/policies/lively--loose--1.npz").unlink()
    record = budgets_record(budgets(), saved, saved / "results")
    with pytest.raises(ResultError, match=r"lively--loose--1\.npz: no such policy; allowed"):
        run_record(record, saved / "results", workers=1)


def test_a_bad_config_is_refused_by_key(tmp_path):
    file = tmp_path / "b.yaml"
    file.write_text("name: b\ntitle: t\nexperiment: frontier.yaml\ntolerance: 2\n")
    with pytest.raises(ConfigError, match="tolerance"):
        load_budgets(file)
