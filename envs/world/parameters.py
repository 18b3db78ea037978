"""Every parameter of the world: unit, admissible range, default and source, in one file.

Sources: `V` published and checked, `A` an assumption to be swept, `P` the prototype from which the
project began, `D` derived. Fields are refused outside their range and unknown fields are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


def _parameter(default: float, low: float, high: float, unit: str, source: str, text: str) -> Any:
    return Field(
        default,
        ge=low,
        le=high,
        description=text,
        json_schema_extra={"unit": unit, "source": source},
    )


class _Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


# An item's duration lengthens or shortens a session by no more than this factor.
LONGEST_LENGTH = 1.2


class Calendar(_Group):
    """The clock: a step is a slot of wall-clock time."""

    slots_per_day: int = _parameter(8, 1, 48, "slots/day", "design", "slots in a day")
    days: int = _parameter(21, 1, 365, "days", "design", "days in an episode")

    @property
    def slots(self) -> int:
        """Slots in an episode."""
        return self.slots_per_day * self.days


class Population(_Group):
    """How people differ; each trait is drawn once."""

    topics: int = _parameter(6, 2, 64, "topics", "A", "K; topic 0 is the contested (civic) one")
    taste_mean: float = _parameter(-0.4, -6, 6, "logit", "A", "mean of the logit of initial taste")
    taste_sd: float = _parameter(1.2, 0, 6, "logit", "A", "spread of the logit of initial taste")
    self_control_mean: float = _parameter(-0.2, -6, 6, "logit", "A", "mean logit of self-control c")
    self_control_sd: float = _parameter(1.0, 0, 6, "logit", "A", "spread of the logit of c")
    susceptibility_median: float = _parameter(
        0.0165, 0, 1, "1/exposure", "P", "median of the log-normal susceptibility eta"
    )
    susceptibility_sigma: float = _parameter(
        1.6, 0, 3, "log", "P", "log spread of eta: heavy-tailed, most people barely move"
    )
    susceptibility_cap: float = _parameter(0.5, 0, 1, "1/exposure", "A", "largest eta")
    latitude_median: float = _parameter(
        0.3, 0.05, 2, "stance", "Deffuant 2000", "median of the latitude of acceptance sigma"
    )
    latitude_sigma: float = _parameter(0.2, 0, 1, "log", "A", "log spread of sigma")
    news_mean: float = _parameter(-1.6, -6, 6, "logit", "A", "mean logit of news interest")
    news_sd: float = _parameter(1.2, 0, 6, "logit", "A", "spread of the logit of news interest")
    stance_sd: float = _parameter(0.3, 0, 1, "stance", "A", "spread of the initial stance")
    habit_start: float = _parameter(0.15, 0, 1, "stock", "A", "habit on the first day")


class Catalogue(_Group):
    """The synthetic catalogue; an item stands for a class of content."""

    items: int = _parameter(30, 4, 20_000, "items", "A", "size of the action space")
    seed: int = _parameter(7, 0, 2**63 - 1, "seed", "A", "seed of the catalogue")
    civic_items: float = _parameter(0.34, 0, 1, "share", "A", "share of items with a stance")
    civic_supply: float = _parameter(
        0.15, 0, 1, "share", "A", "share of posts with a stance (what a neutral feed shows)"
    )
    stance_supply_sd: float = _parameter(0.4, 0.05, 2, "stance", "A", "spread of posted stances")
    stance_range: float = _parameter(0.9, 0, 1, "stance", "A", "largest |stance| of an item")
    arousal_mean: float = _parameter(0.34, 0, 1, "arousal", "A", "arousal of average civic content")
    arousal_slope: float = _parameter(0.6, 0, 1, "arousal/stance", "A", "arousal gained with |y|")
    falsehood_base: float = _parameter(-3.0, -10, 10, "logit", "A", "logit false share at y = 0")
    falsehood_slope: float = _parameter(3.2, 0, 10, "logit/stance", "A", "rise of it with |y|")
    falsehood_quality: float = _parameter(0.2, 0, 1, "quality", "A", "quality lost when all false")
    creators: int = _parameter(12, 1, 20_000, "creators", "A", "creators, with Zipf productivity")
    sponsored: float = _parameter(0.15, 0, 1, "share", "A", "share of items with a sponsor")


class Appraisal(_Group):
    """Pull (what they watch now) and endorsement (what they would choose beforehand)."""

    base: float = _parameter(-2.0, -6, 6, "logit", "A", "pull of an item with nothing to it")
    taste: float = _parameter(2.0, 0, 6, "logit", "A", "w_p: weight of taste for the topic")
    satiation: float = _parameter(1.6, 0, 6, "logit", "A", "w_s: weight of boredom with the topic")
    quality: float = _parameter(1.2, 0, 6, "logit", "A", "w_q: weight of quality")
    arousal: float = _parameter(1.5, 0, 6, "logit", "A", "w_a: weight of arousal above tolerance")
    falsehood: float = _parameter(0.2, 0, 6, "logit", "A", "w_m: weight of novelty of the false")
    extremity_pull: float = _parameter(2.0, 0, 6, "logit/stance", "P", "kappa: pull of |stance|")
    congruence: bool = Field(True, description="whether distance from one's own stance repels")
    temptation: bool = Field(True, description="whether allure acts at all")


class Opening(_Group):
    """Whether the app is opened in a slot."""

    enabled: bool = Field(True, description="off: there is no feed; nobody ever opens it")
    base: float = _parameter(-0.6, -8, 8, "logit", "A", "b_o: opening with nothing to it")
    habit: float = _parameter(3.0, 0, 10, "logit", "P", "w_h: weight of habit")
    cue: float = Field(
        0.0,
        ge=0,
        le=1,
        exclude_if=lambda cue: cue == 0.0,  # as in results from before it was there
        description="omega: chance that full habit opens the app by itself",
        json_schema_extra={"unit": "share", "source": "A"},
    )
    lead: float = _parameter(0.7, 0, 5, "logit", "A", "w_u: weight of the lead item's pull")
    regret: float = _parameter(
        1.0, 0, 10, "logit", "A", "w_r: weight of regret, times self-control"
    )


class Search(_Group):
    """Sessions in which the person looks for something, whatever the feed leads with."""

    enabled: bool = Field(True, description="whether people ever search")
    share: float = _parameter(0.25, 0, 1, "share", "A", "share of sessions that are self-directed")
    sharpness: float = _parameter(2.0, 0, 10, "1/logit", "A", "how surely the best match is found")


class Watching(_Group):
    """Minutes in an opened slot."""

    minutes: float = _parameter(
        20.0, 0.1, 120, "min", "A", "M: mean minutes at full pull, no habit"
    )
    habit: float = _parameter(0.6, 0, 5, "share", "A", "g: longer sessions at full habit")
    shape: float = _parameter(0.8, 0.3, 3, "1", "V (<1: Liu 2010); value A", "Weibull shape")
    longest: float = _parameter(4.0, 1.5, 20, "1", "A", "largest multiple of the mean in a slot")
    duration: float = _parameter(0.1, 0, 1, "1", "A", "elasticity of minutes to an item's duration")


class Satiation(_Group):
    """Boredom with a topic."""

    enabled: bool = Field(True, description="whether people are bored by repetition")
    gain: float = _parameter(0.45, 0, 1, "1/exposure", "A", "boredom gained by a full exposure")
    recovery: float = _parameter(0.2, 0, 1, "1/slot", "A", "boredom lost in a slot")


class Habit(_Group):
    """The habit stock."""

    enabled: bool = Field(True, description="off: habit stays 0, so nothing is built or felt")
    gain: float = _parameter(0.04, 0, 1, "1/exposure", "A", "habit gained by an arousing exposure")
    decay: float = _parameter(
        0.00705, 0, 1, "1/slot", "D: .945 a day, half-life 12.3 days (Allcott 2022)", "habit lost"
    )


class Tolerance(_Group):
    """Adaptation to arousal (an opponent process: Solomon & Corbit 1974)."""

    enabled: bool = Field(True, description="off: tolerance stays 0")
    gain: float = _parameter(0.08, 0, 1, "1/exposure", "P", "tolerance gained by an exposure")
    decay: float = _parameter(0.03, 0, 1, "1/slot", "P", "tolerance lost in a slot")


class Taste(_Group):
    """Drift of tastes."""

    enabled: bool = Field(True, description="off: tastes stay as drawn")
    gain: float = _parameter(0.02, 0, 1, "1/exposure", "A", "mu: taste gained by an exposure")
    anchor: float = _parameter(0.002, 0, 1, "1/slot", "A", "nu: return to the initial taste")


class Stance(_Group):
    """Drift of the stance."""

    persuasion: bool = Field(True, description="off: content does not move anybody's stance")
    anchor: float = _parameter(0.0006, 0, 1, "1/slot", "A: .005 a day", "return to the origin")
    noise: float = _parameter(0.002, 0, 0.1, "stance/slot", "A", "drift that nothing explains")


class Welfare(_Group):
    """What the person makes of it afterwards."""

    base: float = _parameter(
        -1.0, -6, 6, "logit", "A", "v_0: endorsement of nothing; 0 is the rest of life"
    )
    taste: float = _parameter(1.3, 0, 6, "logit", "A", "v_p: endorsement of topic fit")
    quality: float = _parameter(1.8, 0, 6, "logit", "A", "v_q: endorsement of quality")
    unendorsed_cost: float = _parameter(
        1.0, 0, 10, "min/min", "A", "worth lost by an unendorsed minute"
    )
    regret_gain: float = _parameter(
        0.05, 0, 1, "1/exposure", "A", "regret gained when all unendorsed"
    )
    regret_decay: float = _parameter(0.013, 0, 1, "1/slot", "A: .9 a day", "regret forgotten")


class Churn(_Group):
    """Leaving for good, decided in slots in which the app stayed closed."""

    enabled: bool = Field(True, description="off: nobody leaves")
    hazard: float = _parameter(
        0.004, 0, 1, "1/missed slot", "A", "h_0: chance without habit or regret"
    )
    habit: float = _parameter(4.0, 0, 20, "1", "A", "fall of the log hazard with habit")
    regret: float = _parameter(2.0, 0, 20, "1", "A", "rise of the log hazard with regret")


class Objective(_Group):
    """What the platform is paid for: a weighted sum of its three aims, less named costs.

    The default is watch time alone. No term may name habit, belief or extremity except as a cost.
    """

    watch_time: float = _parameter(1.0, 0, 100, "1/min", "design", "weight of a minute")
    growth: float = _parameter(0.0, 0, 100, "1/return", "design", "weight of an opened slot")
    advertising: float = _parameter(0.0, 0, 100, "1", "design", "weight of a unit of revenue")
    ad_load: float = _parameter(0.1, 0, 1, "ads/min", "V2: 2-21 % of slots", "impressions a minute")
    unendorsed_minutes: float = _parameter(0.0, 0, 100, "1/min", "design", "price of the cost")
    induced_extremity: float = _parameter(0.0, 0, 10_000, "1/stance", "design", "price of the cost")


class Slate(_Group):
    """How a slate is read: in order, until the person leaves. It stands beside the world."""

    size: int = _parameter(5, 1, 20, "items", "A", "items in a slate")
    stay_base: float = _parameter(1.0, -6, 6, "logit", "A", "chance of going on to the next item")
    stay_pull: float = _parameter(1.0, 0, 6, "logit", "A", "weight of the last item's pull in it")

    @property
    def share(self) -> float:
        """Of a session, what one item of a slate lasts."""
        return 1.0 / self.size


class WorldParameters(_Group):
    """One world. Build it with `world()`; every field has a default and a range."""

    calendar: Calendar = Calendar()
    population: Population = Population()
    catalogue: Catalogue = Catalogue()
    appraisal: Appraisal = Appraisal()
    opening: Opening = Opening()
    search: Search = Search()
    watching: Watching = Watching()
    satiation: Satiation = Satiation()
    habit: Habit = Habit()
    tolerance: Tolerance = Tolerance()
    taste: Taste = Taste()
    stance: Stance = Stance()
    welfare: Welfare = Welfare()
    churn: Churn = Churn()
    objective: Objective = Objective()
    placebo: Literal["none", "yoked", "yoked_logs"] = Field(
        "none",
        description="yoked: a person's state is moved by what the next person watched; "
        "yoked_logs: and the platform logs that instead of their own",
    )
    exposure_minutes: float = _parameter(
        12.0, 0.1, 240, "min", "A", "minutes that make 63 % of a full exposure"
    )

    @model_validator(mode="after")
    def _sessions_fit_in_a_slot(self) -> Self:
        w = self.watching
        stretch = LONGEST_LENGTH if w.duration > 0 else 1.0
        longest = w.minutes * stretch * (1 + w.habit) * w.longest
        slot = 24 * 60 / self.calendar.slots_per_day
        if longest > slot:
            raise ValueError(
                f"watching: a session of minutes x length (up to {stretch:g}) x (1 + habit) "
                f"x longest = {longest:g} min does not fit in a slot of {slot:g} min "
                f"(calendar.slots_per_day = {self.calendar.slots_per_day}); allowed: at most "
                f"{slot:g}"
            )
        return self

    @model_validator(mode="after")
    def _actions_suffice(self) -> Self:
        if self.catalogue.items < self.population.topics:
            raise ValueError(
                f"catalogue.items = {self.catalogue.items} is below population.topics = "
                f"{self.population.topics}; allowed: at least one item a topic"
            )
        return self


PRESETS: Mapping[str, Mapping[str, Any]] = {
    # Moderated by the published evidence: most people barely move and few follow the news.
    "default": {},
    # The same mechanisms among people whom content moves and who follow the news.
    "vulnerable": {
        "population": {
            "susceptibility_median": 0.15,
            "susceptibility_sigma": 0.5,
            "news_mean": 1.5,
            "news_sd": 1.0,
        },
    },
    # Fitted to published findings by `undertow validate`, which says which it meets and which not.
    "anchored": {
        "population": {
            "news_mean": 0.3084,
            "news_sd": 0.8178,
            "self_control_mean": 1.016,
            "self_control_sd": 1.054,
            "susceptibility_median": 0.01836,
            "susceptibility_sigma": 1.834,
        },
        "catalogue": {"civic_supply": 0.1832, "arousal_slope": 0.3309},
        "appraisal": {
            "extremity_pull": 0.05173,
            "falsehood": 0.3791,
            "satiation": 0.6225,
            "taste": 1.24,
            "quality": 2.806,
            "base": -3.0,
        },
        "satiation": {"gain": 0.2105, "recovery": 0.2958},
        "opening": {"habit": 0.0, "cue": 0.4262, "base": -2.958, "lead": 0.4345},
        "habit": {"gain": 0.08414},
        "watching": {"habit": 0.0},
        "stance": {"anchor": 0.0, "noise": 0.014},
        "search": {"share": 0.3032, "sharpness": 4.877},
    },
}

NULLS: Mapping[str, Mapping[str, Any]] = {
    # Extremity neither pulls nor arouses.
    "no_extremity_pull": {
        "appraisal": {"extremity_pull": 0.0, "falsehood": 0.0},
        "catalogue": {"arousal_slope": 0.0, "falsehood_slope": 0.0},
    },
    "no_persuasion": {"stance": {"persuasion": False}},
    "no_habit": {"habit": {"enabled": False}},
    # What is chosen for a person no longer moves that person: marginals kept, the link cut.
    "yoked": {"placebo": "yoked"},
    # Nor is it logged, and nobody leaves: nothing that is shown has a consequence later.
    "no_consequence": {"placebo": "yoked_logs", "churn": {"enabled": False}},
    # Nothing that a person prefers can be moved; what long sight still gains is innocent pacing.
    "frozen_preferences": {"stance": {"persuasion": False}, "taste": {"enabled": False}},
    "no_temptation": {"appraisal": {"temptation": False}},
}


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        merged[key] = _merged(old, value) if both else value  # type: ignore[arg-type]
    return merged


def world(
    preset: str = "default",
    null: str | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> WorldParameters:
    """A preset world, with one null applied to it and single parameters overridden, in this order.

    Raises `ValueError` (pydantic's `ValidationError` for a parameter) naming what is allowed.
    """
    # Tuples, since a mapping of overrides in the wrong place cannot be looked up in a mapping.
    if preset not in tuple(PRESETS):
        raise ValueError(f"world preset: found {preset!r}; allowed: {', '.join(PRESETS)}")
    if null is not None and null not in tuple(NULLS):
        raise ValueError(f"world null: found {null!r}; allowed: {', '.join(NULLS)}")
    data = _merged(PRESETS[preset], NULLS[null] if null else {})
    return WorldParameters.model_validate(_merged(data, overrides or {}))


def altered(parameters: WorldParameters, overrides: Mapping[str, Any]) -> WorldParameters:
    """The same world with some parameters replaced; validated like a new one."""
    return WorldParameters.model_validate(_merged(parameters.model_dump(), overrides))
