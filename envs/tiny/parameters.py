"""The parameters of the tiny world, and the world of `envs/world/` that it is the grid of.

One tiny world is one person, whose traits are parameters. What is not named here is as in the
preset; what a small state cannot carry (taste, tolerance) and what is nobody's choice (search) is
switched off by the switches of the big world.
"""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..world import NULLS, PRESETS, WorldParameters, draw, world
from ..world.parameters import _merged, _parameter


class TinyParameters(BaseModel):
    """One tiny world; the defaults are the median person of the `vulnerable` preset."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    stances: int = _parameter(33, 3, 129, "points", "A", "grid of the stance on [-1, 1]; odd")
    habits: int = _parameter(5, 2, 33, "points", "A", "grid of habit on [0, 1]")
    satiations: int = _parameter(3, 2, 17, "points", "A", "grid of boredom, each of two topics")
    regrets: int = _parameter(3, 2, 17, "points", "A", "grid of regret on [0, 1]")
    items: int = _parameter(10, 4, 40, "items", "A", "actions; four in five of them civic")
    pull: float = _parameter(
        1.0, 0, 1.6, "1", "A", "factor on all by which extremity pulls: kappa, w_m, both slopes"
    )
    persuasion: bool = Field(True, description="off: content moves nobody")
    susceptibility: float = _parameter(0.15, 0, 1, "1/exposure", "P", "eta")
    latitude: float = _parameter(0.3, 0.05, 2, "stance", "Deffuant 2000", "sigma")
    news: float = _parameter(0.8176, 0, 1, "1", "A", "news interest: sigmoid(1.5)")
    self_control: float = _parameter(0.4502, 0, 1, "1", "A", "c: sigmoid(-0.2)")
    taste: float = _parameter(0.4013, 0, 1, "1", "A", "taste for the plain topic: sigmoid(-0.4)")
    origin: float = _parameter(
        0.2394, -1, 1, "stance", "A", "x0, where they begin: the mean distance 0.3 sqrt(2 / pi)"
    )
    habit_gain: float = _parameter(0.04, 0, 1, "1/exposure", "A", "habit gained by an exposure")
    hazard: float = _parameter(0.004, 0, 1, "1/missed slot", "A", "churn without habit or regret")
    regret_churn: float = _parameter(2.0, 0, 20, "1", "A", "rise of the log hazard with regret")
    null: Literal["no_extremity_pull", "no_persuasion", "no_habit", "no_temptation"] | None = Field(
        None, description="a null world of the big one, laid over all the rest"
    )

    @model_validator(mode="after")
    def _has_a_middle(self) -> Self:
        if self.stances % 2 == 0:
            raise ValueError(f"stances: found {self.stances}; allowed: odd, so that 0 is a point")
        return self

    @classmethod
    def median(cls, preset: str, **changes: Any) -> Self:
        """The median person of a preset of the big world, with single parameters changed.

        Raises `ValueError` for an unknown preset or a value out of range.
        """
        if preset not in PRESETS:
            raise ValueError(f"preset: found {preset!r}; allowed: {', '.join(PRESETS)}")
        people = world(preset).population
        return cls(
            **(
                {
                    "susceptibility": people.susceptibility_median,
                    "latitude": people.latitude_median,
                    "news": _sigmoid(people.news_mean),
                    "self_control": _sigmoid(people.self_control_mean),
                    "taste": _sigmoid(people.taste_mean),
                    "origin": people.stance_sd * float(np.sqrt(2 / np.pi)),
                }
                | changes
            )
        )

    def world(self) -> WorldParameters:
        """The big world that this is the grid of."""
        full = WorldParameters()
        overrides: dict[str, Any] = {
            "population": {"topics": 2},
            "catalogue": {
                "items": self.items,
                "civic_items": 0.8,
                "arousal_slope": self.pull * full.catalogue.arousal_slope,
                "falsehood_slope": self.pull * full.catalogue.falsehood_slope,
            },
            "appraisal": {
                "extremity_pull": self.pull * full.appraisal.extremity_pull,
                "falsehood": self.pull * full.appraisal.falsehood,
            },
            # All items are equally long: with few of them, luck in length would favour a stance.
            "watching": {"duration": 0.0},
            "search": {"enabled": False},
            "tolerance": {"enabled": False},
            "taste": {"enabled": False},
            "stance": {"persuasion": self.persuasion},
            "habit": {"gain": self.habit_gain},
            "churn": {"hazard": self.hazard, "regret": self.regret_churn},
        }
        return world("default", None, _merged(overrides, NULLS[self.null] if self.null else {}))


def person(preset: str, seed: int, number: int, **changes: Any) -> TinyParameters:
    """The person (seed, number) of a preset of the big world, as it draws them."""
    rule = world(preset, None, {"population": {"topics": 2}})
    traits, _ = draw(rule, np.asarray([seed], np.int64), np.asarray([number], np.int64))
    drawn = {
        "susceptibility": float(traits.susceptibility[0]),
        "latitude": float(np.clip(traits.latitude[0], 0.05, 2.0)),
        "news": float(traits.news[0]),
        "self_control": float(traits.self_control[0]),
        "taste": float(traits.taste[0, 1]),
        "origin": float(traits.stance[0]),
    }
    return TinyParameters(**(drawn | changes))


def _sigmoid(z: float) -> float:
    return float(1 / (1 + np.exp(-z)))
