"""Random experiments that are small enough to run in a second, and strange in all else."""

from typing import Any

import numpy as np
from pydantic import ValidationError

from undertow.agents import KINDS, SLATE_KINDS
from undertow.envs.world import NULLS, PRESETS
from undertow.experiments.config import Experiment
from undertow.experiments.metrics import METRICS

#: Parameters of the world to move, each with values at and near the ends of its range.
MOVED = {
    ("population", "topics"): (2, 3, 6),
    ("population", "susceptibility_median"): (0.0, 0.15, 1.0),
    ("population", "stance_sd"): (0.0, 1.0),
    ("population", "taste_sd"): (0.0, 6.0),
    ("catalogue", "civic_items"): (0.0, 0.5, 1.0),
    ("catalogue", "civic_supply"): (0.0, 1.0),
    ("catalogue", "creators"): (1, 50),
    ("catalogue", "sponsored"): (0.0, 1.0),
    ("appraisal", "base"): (-6.0, 6.0),
    ("opening", "enabled"): (False,),
    ("opening", "base"): (-8.0, 8.0),
    ("opening", "cue"): (1.0,),
    ("search", "share"): (0.0, 1.0),
    ("satiation", "enabled"): (False,),
    ("habit", "enabled"): (False,),
    ("habit", "gain"): (0.0, 1.0),
    ("taste", "gain"): (0.0, 1.0),
    ("stance", "persuasion"): (False,),
    ("stance", "noise"): (0.0, 0.1),
    ("churn", "hazard"): (0.0, 1.0),
    ("watching", "minutes"): (0.1, 20.0),
    ("watching", "duration"): (0.0, 1.0),
    ("objective", "watch_time"): (0.0, 1.0),
    ("objective", "advertising"): (1.0,),
}


class Lot:
    """Draws by a seed of its own."""

    def __init__(self, seed: int) -> None:
        self._generator = np.random.Generator(np.random.Philox(seed))

    def randrange(self, count: int) -> int:
        """A whole number below `count`."""
        return int(self._generator.integers(count))

    def random(self) -> float:
        """A number from 0 to 1."""
        return float(self._generator.random())

    def choice(self, of: Any) -> Any:
        """One of these."""
        return of[self.randrange(len(of))]

    def sample(self, of: Any, count: int) -> list[Any]:
        """So many of these, none twice."""
        return [of[k] for k in self._generator.permutation(len(of))[:count]]


def _world(lot, slates):
    overrides = {
        "calendar": {"slots_per_day": lot.choice((1, 4)), "days": lot.choice((1, 2))},
        "catalogue": {"items": lot.choice((6, 12))},
    }
    for group, name in lot.sample(list(MOVED), lot.randrange(5)):
        overrides.setdefault(group, {})[name] = lot.choice(MOVED[group, name])
    block = {"preset": lot.choice(list(PRESETS)), "overrides": overrides}
    if lot.random() < 0.5:
        block["null"] = lot.choice(list(NULLS))
    if slates:
        block["slate"] = {"size": lot.choice((1, 3))}
    return block


def _learning(lot):
    return {
        "n_envs": lot.choice((1, 2, 5, 16)),
        "n_steps": lot.choice((1, 2, 8)),
        "batch_size": lot.choice((2, 3, 64)),
        "n_epochs": 1,
        "net": lot.choice(([], [1], [8, 4])),
        "learning_rate": lot.choice((1e-6, 3e-3, 1)),
        "gamma": lot.choice((0, 0.9, 1)),
    }


def _policy(lot, slates):
    kind = lot.choice(SLATE_KINDS if slates else KINDS)
    block = {"kind": kind}
    if kind in ("greedy", "endorsement"):
        block["observation"] = "oracle"
    own = {
        "ppo": {"deterministic": lot.random() < 0.5, "averaging": lot.choice((0, 0.5, 1))},
        "linucb": {"alpha": lot.choice((0, 100)), "ridge": lot.choice((1e-3, 1e6)), "n_envs": 2},
        "thompson": {"spread": lot.choice((0, 100)), "reads": lot.choice(("all", "own"))},
        "endorsement": {"top": lot.choice((1, 10_000))},
        "recurrent_ppo": _learning(lot) | {"lstm": lot.choice((1, 8))},
        "ppo_lagrangian": {
            "budgets": {
                "outward_drift": lot.choice((-1.0, 0.0, float("inf"))),
                "unendorsed_minutes": lot.choice((0.0, 1e6, float("inf"))),
            },
            "multiplier_gain": lot.choice((0, 10)),
        },
        "ppo_shift_penalty": {
            "penalty": lot.choice((0, 1, 1e6)),
            "forecast": lot.choice(("neutral", "no_feed")),
        },
    }
    if kind in own:
        block[kind] = own[kind]
    if not slates and lot.random() < 0.3:
        limits = {"extremity_cap": lot.choice((0.0, 0.3, 1.0))}
        if lot.random() < 0.5:
            limits |= {"topic_share": lot.choice((0.5, 0.9)), "window": lot.choice((2, 8))}
        block["limits"] = limits
    if lot.random() < 0.3:
        block["use_limits"] = {"daily_limit": lot.choice((1e-6, 30)), "break_after": 1}
    return block


def _hypotheses(lot, cells):
    pairs = [(policy, world) for world, policies in cells.items() for policy in policies]
    made = []
    for number, test in enumerate(("greater", "less", "equivalent")):
        one, other = lot.choice(pairs), lot.choice(pairs)
        sign = lot.choice((" - ", " / ", " + "))
        made.append({
            "name": f"h{number}",
            "statement": "Whatever.",
            "metric": lot.choice(list(METRICS)),
            "contrast": f"{one[0]}@{one[1]}{sign}{other[0]}@{other[1]}",
            "test": test,
            "threshold": lot.choice((0, -1.5, 1e9)),
            "margin": 0.01 if test == "equivalent" else None,
            "group": lot.choice(("headline", "null", "split", "other")),
        })  # fmt: skip
    return made


def random_config(lot):
    """A config as a dictionary; most of them are accepted."""
    slated = lot.random() < 0.25
    worlds = {name: _world(lot, slated) for name in lot.sample(("default", "w", "v2"), 2)}
    names = lot.sample(("ppo", "ppo_myopic", "greedy", "mine", "chronological"), 3)
    policies = {name: _policy(lot, slated) for name in names}
    cells = {world: list(policies) for world in worlds}
    return {
        "name": "tiny",
        "title": lot.choice(("A title", "$\\frac$ | *x* <b>", "Ünï 中")),
        "seeds": lot.choice((2, 3)),
        "evaluation": {"people": 10, "threshold": lot.choice((1e-9, 0.6, 0.999))},
        "training": _learning(lot) | {"slots": lot.choice((1, 64))},
        "worlds": worlds,
        "policies": policies,
        "cells": cells,
        "hypotheses": _hypotheses(lot, cells),
        "splits": [
            {"name": "s", "long": names[0], "short": names[1], "world": w, "frozen": f}
            for w, f in [tuple(worlds)]
        ],
    }


def random_experiment(number):
    """The first experiment of this seed that is accepted."""
    lot = Lot(number)
    while True:
        try:
            return Experiment.model_validate(random_config(lot))
        except ValidationError:
            continue
