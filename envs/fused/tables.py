"""What the loops read: a world's parameters, and how it is logged and paid, as records."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..views import FORGETTING, PRIOR_MINUTES, PRIOR_SESSIONS
from ..world import Items, WorldParameters
from ..world.arrays import Any1, Int
from ..world.watching import noise_scale

_SEEN: dict[Any, Any] = {}


def shared(table: Any1) -> Any1:
    """The table, with one dtype object for all tables of its kind.

    numba looks up what a table is by its dtype at every call: for the object that it saw first at
    once, for an equal one field by field, which takes longer than a slot of one person.
    """
    return table.view(_SEEN.setdefault(table.dtype, table.dtype))


def numbers(p: WorldParameters) -> Any1:
    """One record whose fields are the parameters that a slot needs, float32 or bool; shape (1,)."""
    cut, scale = noise_scale(p.watching.shape, p.watching.longest)
    real = {
        "base": p.appraisal.base,
        "taste": p.appraisal.taste,
        "satiation": p.appraisal.satiation,
        "quality": p.appraisal.quality,
        "arousal": p.appraisal.arousal,
        "falsehood": p.appraisal.falsehood,
        "extremity_pull": p.appraisal.extremity_pull,
        "open_base": p.opening.base,
        "open_lead": p.opening.lead,
        "open_habit": p.opening.habit,
        "open_regret": p.opening.regret,
        "open_cue": p.opening.cue,
        "search_share": p.search.share if p.search.enabled else 0.0,
        "search_sharpness": p.search.sharpness,
        "minutes": p.watching.minutes,
        "minutes_habit": p.watching.habit,
        "noise_power": 1.0 / p.watching.shape,
        "noise_cut": cut,
        "noise_scale": scale,
        "rested": 1.0 - p.satiation.recovery,
        "bored": p.satiation.gain,
        "habit_kept": 1.0 - p.habit.decay,
        "habit_gain": p.habit.gain,
        "tolerance_kept": 1.0 - p.tolerance.decay,
        "tolerance_gain": p.tolerance.gain,
        "taste_gain": p.taste.gain,
        "taste_anchor": p.taste.anchor,
        "stance_anchor": p.stance.anchor,
        "stance_noise": math.sqrt(12.0) * p.stance.noise,
        "like_base": p.welfare.base,
        "like_taste": p.welfare.taste,
        "like_quality": p.welfare.quality,
        "unendorsed_cost": p.welfare.unendorsed_cost,
        "regret_kept": 1.0 - p.welfare.regret_decay,
        "regret_gain": p.welfare.regret_gain,
        "hazard": p.churn.hazard if p.churn.enabled else 0.0,
        "churn_habit": p.churn.habit,
        "churn_regret": p.churn.regret,
        "exposure": -1.0 / p.exposure_minutes,
        "ad_load": p.objective.ad_load,
    }
    switches = {
        "congruence": p.appraisal.congruence,
        "temptation": p.appraisal.temptation,
        "opens": p.opening.enabled,
        "satiates": p.satiation.enabled,
        "habituates": p.habit.enabled,
        "tolerates": p.tolerance.enabled,
        "taste_drifts": p.taste.enabled,
        "persuades": p.stance.persuasion,
        "yoked": p.placebo != "none",
    }
    kinds = [(name, np.float32) for name in real] + [(name, np.bool_) for name in switches]
    return shared(np.array([(*real.values(), *switches.values())], dtype=kinds))


def frame(p: WorldParameters, groups: int) -> Any1:
    """One record of what surrounds a slot: calendar, logs and objective; shape (1,).

    groups: how many groups of items the platform's logs have.
    """
    values = {
        "topics": (np.int64, p.population.topics),
        "groups": (np.int64, groups),
        "calendar": (np.float32, 1.0 / p.calendar.slots),
        "scale": (np.float32, 1.0 / p.watching.minutes),
        "sessions": (np.float32, PRIOR_SESSIONS),
        "prior": (np.float32, PRIOR_MINUTES),
        "watch_time": (np.float32, p.objective.watch_time),
        # NumPy makes float64 of a bool times a number: `FeedBatch` pays growth so.
        "growth": (np.float64, p.objective.growth),
        "advertising": (np.float32, p.objective.advertising),
        "unendorsed_minutes": (np.float32, p.objective.unendorsed_minutes),
        "induced_extremity": (np.float32, p.objective.induced_extremity),
    }
    kinds: list[Any] = [(name, kind) for name, (kind, _) in values.items()]
    kinds.append(("speeds", np.float32, (len(FORGETTING),)))
    return shared(np.array([(*(value for _, value in values.values()), FORGETTING)], dtype=kinds))


def item_records(items: Items, group: Int) -> Any1:
    """A record an item, all that a loop reads of it side by side. group: int64 (items,)."""
    reals = ("civic", "stance", "arousal", "quality", "falsehood", "length", "sponsor")
    kinds = [(name, np.float32) for name in reals] + [("topic", np.int64), ("group", np.int64)]
    table: Any1 = np.zeros(len(items), dtype=kinds)
    for name in (*reals, "topic"):
        table[name] = getattr(items, name)
    table["group"] = group
    return shared(table)
