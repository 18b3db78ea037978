"""Curves of training and of an evaluation: two names, two numbers, and the same weights."""

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from undertow.agents import build_policy
from undertow.experiments.job import derived_seed, world_of
from undertow.experiments.rollout import live
from undertow.experiments.train import Evaluation, train

from .tiny import experiment

LEAVING = {"churn": {"hazard": 0.25, "habit": 0.0}}


def one(**changes):
    """PPO alone, among people of whom many leave; five rollouts."""
    asked = experiment(
        cells={"lively": ["ppo"]}, hypotheses=[], splits=[],
        **{"policies": {"ppo": {"kind": "ppo", "ppo": {"slots": 640}}}, **changes},
    )  # fmt: skip
    lively = asked.worlds["lively"]
    overrides = {**lively.overrides, **LEAVING}
    worlds = {"lively": lively.model_copy(update={"overrides": overrides})}
    return asked.model_copy(update={"worlds": worlds})


def trained(tmp_path, asked, name="mine", **words):
    where = {"out": tmp_path / name, "policy": "ppo", "world": "lively", "seed": 0}
    return train(asked, **where, **words)[0]


def scalars(folder, name):
    return EventAccumulator(str(folder)).Reload().Scalars(name)


def weights(policy):
    return [each.detach().numpy().copy() for each in policy.model.policy.parameters()]


def test_the_curves_leave_training_to_the_bit_as_it_is(tmp_path):
    plain = trained(tmp_path, one(), "plain")
    curves = trained(tmp_path, one(), "curves", tensorboard=tmp_path / "logs", every=1, people=20)
    for a, b in zip(weights(plain), weights(curves), strict=True):
        assert np.array_equal(a, b)
    assert (tmp_path / "plain.npz").read_bytes() == (tmp_path / "curves.npz").read_bytes()


def test_the_last_point_of_the_evaluation_is_the_policy_as_it_is_deployed(tmp_path):
    """Averaging and limits come after training: the last point knows of both."""
    asked = one(policies={"ppo": {"kind": "ppo", "ppo": {"slots": 640, "averaging": 0.9},
                                  "use_limits": {"daily_limit": 15}}})  # fmt: skip
    words = {"tensorboard": tmp_path / "logs", "every": 2, "people": 50}
    policy = trained(tmp_path, asked, **words)
    parameters, items, _ = world_of(asked, "lively")
    key = {"seed": derived_seed(0, "curves"), "people": 50}
    lives = live(parameters, items, policy, **key)
    neutral = live(
        parameters, items, build_policy("chronological", parameters, items, seed=0), **key
    )
    minutes = scalars(tmp_path / "logs", "evaluation/minutes_per_day")
    drift = scalars(tmp_path / "logs", "evaluation/induced_drift")
    assert minutes[-1].value == pytest.approx(lives.minutes.mean() / 3, rel=1e-6)
    expected = np.abs(lives.stance).mean() - np.abs(neutral.stance).mean()
    assert drift[-1].value == pytest.approx(expected, abs=1e-6)
    assert [point.step for point in minutes] == [128, 384, 640, 640]
    assert minutes[0].value < 24 * 60


def test_training_counts_people_who_are_there_and_an_evaluation_everybody(tmp_path):
    """Of people of whom a quarter leaves in each closed slot, most days are nobody's."""
    trained(tmp_path, one(), tensorboard=tmp_path / "logs", every=1, people=200)
    seen = [p.value for p in scalars(tmp_path / "logs", "training/minutes_per_present_day")]
    evaluated = [p.value for p in scalars(tmp_path / "logs", "evaluation/minutes_per_day")]
    assert np.mean(evaluated) < 0.8 * np.mean(seen)
    tags = EventAccumulator(str(tmp_path / "logs")).Reload().Tags()["scalars"]
    assert not [tag for tag in tags if tag.startswith("world/")]


def test_an_evaluation_of_the_neutral_feed_induces_nothing():
    asked = one()
    parameters, items, _ = world_of(asked, "lively")
    evaluation = Evaluation(parameters, items, None, 0, 30)
    neutral = build_policy("chronological", parameters, items, seed=0)
    assert evaluation(neutral)["induced_drift"] == 0.0


def test_curves_go_with_every_learner_and_with_slates(tmp_path):
    kinds = {
        "recurrent_ppo": {"lstm": 4, "n_envs": 16, "n_steps": 8, "batch_size": 64},
        "ppo_shift_penalty": {"penalty": 1.0},
        "ppo_lagrangian": {"budgets": {"outward_drift": 1.0}},
    }
    for kind, own in kinds.items():
        asked = one(policies={"ppo": {"kind": kind, kind: own | {"slots": 128}}})
        trained(tmp_path, asked, kind, tensorboard=tmp_path / kind, people=10)
        assert len(scalars(tmp_path / kind, "evaluation/minutes_per_day")) == 2
    asked = one()
    lively = asked.worlds["lively"]
    slate = lively.model_validate(lively.model_dump(exclude_unset=True) | {"slate": {"size": 2}})
    asked = asked.model_copy(update={"worlds": {"lively": slate}})
    trained(tmp_path, asked, "pages", tensorboard=tmp_path / "pages", people=10)
    assert scalars(tmp_path / "pages", "evaluation/induced_drift")
