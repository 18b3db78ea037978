"""Simulated copies of the studies in docs/evidence.md: one function a study, one seed a call.

Each takes a `Setting` and returns its statistics by name; the config says which row and band each
belongs to. The recommender of an established platform ranks by the next session's expected minutes
(`recommender.py`), exactly or with errors; the ordinary feed is the chronological one, of what a
person follows (`following.py`). In studies of people who were recruited and stayed, churn is off
(`panel`): attrition is not what they measured. The days before such a study stand for the years
that people had lived with their feed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from ...agents import Chronological, Limited, Limits, Policy, PPOSettings, Random
from ...envs.world import Items, WorldParameters, altered, synthetic
from ..diary import Away, Course, Phase, daily_limit, everybody, follow, some_slots
from ..metrics import gini
from ..rollout import NO_FEED, NO_TEMPTATION
from .answerer import Answerer
from .crossings import crossed, crossings, share
from .following import Following
from .forgetting import heavy_partisans, items_to_forget
from .recommender import Recommender, Unranked
from .timelines import Audit, glass_delta

Values = dict[str, float]
_STAY = {"churn": {"enabled": False}}
_BEFORE = 21  # days on the platform before a study begins
_LARGE = {"catalogue": {"items": 1500, "creators": 500}}  # as many candidates as a real ranking has
_FAR = 0.8  # |stance| of a problematic item (row 13)
_CAP = 0.5  # |stance| above which nothing is placed (rows 19 and 23)
_LIGHT, _HEAVY = 15.0, 600.0  # minutes a day that row 5 admitted
_POLITICAL = 0.05  # of a feed that row 19 asked for
_BONUS_CUT = 0.39  # row 2


@dataclass(frozen=True)
class Setting:
    """Where a study is made: what answers, how many people, and whose luck.

    engine: what plays the world, see `FeedBatch`.
    """

    answers: Answerer
    people: int
    seed: int
    training: PPOSettings = field(default_factory=PPOSettings)
    engine: str = "numpy"

    def __post_init__(self) -> None:
        if self.people < 10:
            raise ValueError(f"people: found {self.people}; allowed: 10 or more")

    @property
    def default(self) -> WorldParameters:
        """The world that answers for `default`."""
        return self.answers.parameters

    @property
    def vulnerable(self) -> WorldParameters:
        """The same among the people of the `vulnerable` preset."""
        return self.answers.vulnerable

    def arm(
        self, parameters: WorldParameters, *phases: Phase, items: Items | None = None
    ) -> Course:
        """One arm, with everybody of the sample."""
        items = synthetic(parameters) if items is None else items
        return follow(
            parameters,
            items,
            phases,
            seed=self.seed,
            people=self.people,
            engine=self.engine,
        )

    def recommender(self, items: Items) -> Recommender:
        """What an established platform ranks these items with; in a null it does not rank."""
        if self.answers.random:
            return Unranked(items)
        return Recommender(items, self.answers.temperature)

    @cached_property
    def panel(self) -> WorldParameters:
        """The default world among recruits who stay."""
        return altered(self.default, _STAY)

    @cached_property
    def items(self) -> Items:
        """The default world's catalogue."""
        return synthetic(self.default)

    @cached_property
    def ranked(self) -> Recommender:
        """The recommender in the default world."""
        return self.recommender(self.items)

    @cached_property
    def capped(self) -> Policy:
        """The recommender where nothing far out may lead; lots count from its own first slot."""
        return Limited.of(self.recommender(self.items), Limits(extremity_cap=_CAP), self.items)

    @cached_property
    def ordinary(self) -> Following:
        """The chronological feed of what people follow who are new to the default world."""
        return Following(self.default, self.items)

    @cached_property
    def settled(self) -> Following:
        """The same of what people follow who have lived with their feed for years."""
        return Following(self.default, self.items, lived=_BEFORE)

    @cached_property
    def three_weeks(self) -> Course:
        """New people under the recommender, with churn."""
        return self.arm(self.default, Phase(21, self.ranked))

    def no_feed(self, parameters: WorldParameters) -> Course:
        """Twins who never open the app, for three weeks."""
        items = synthetic(parameters)
        silent = Phase(21, Chronological(items.supply))
        return self.arm(altered(parameters, NO_FEED), silent, items=items)

    @cached_property
    def three_weeks_ordinary(self) -> Course:
        """The same people under the chronological feed."""
        return self.arm(self.default, Phase(21, self.ordinary))


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else float("nan")


def _extremity(items: Items) -> NDArray[np.float64]:
    return np.asarray(items.civic * np.abs(items.stance), dtype=np.float64)


def self_control(setting: Setting) -> Values:
    """Row 1: the share of use that goes when temptation is removed (Allcott et al. 2022)."""
    calm = setting.arm(altered(setting.default, NO_TEMPTATION), Phase(21, setting.ranked))
    without, minutes = calm.diary.minutes.sum(), setting.three_weeks.diary.minutes.sum()
    return {"wedge": 1 - _ratio(without, minutes)}


def bonus(setting: Setting) -> Values:
    """Rows 2 and 3: three weeks paid to use less, then six weeks unpaid (Allcott et al. 2022).

    Friction keeps the app closed in a share of slots, set so that use falls by 39 %. The deficits
    of the two three-week periods that follow are told as shares of the deficit under the bonus.
    """
    length = _BEFORE + 63

    def treated(share: float, after: int) -> Course:
        friction: Away = some_slots(share)
        return setting.arm(
            setting.panel,
            Phase(_BEFORE, setting.ranked),
            Phase(21, setting.ranked, friction),
            *((Phase(after, setting.ranked),) if after else ()),
        )

    control = setting.arm(setting.panel, Phase(length, setting.ranked))
    usual = control.use(_BEFORE, _BEFORE + 21).mean()
    # No slot closed cuts nothing, every slot closed cuts all: regula falsi from there.
    below, above = (0.0, 0.0), (1.0, 1.0)
    for _ in range(4):
        slope = (above[1] - below[1]) / (above[0] - below[0])
        share = below[0] + (_BONUS_CUT - below[1]) / slope
        cut = float(1 - treated(share, 0).use(_BEFORE, _BEFORE + 21).mean() / usual)
        below, above = ((share, cut), above) if cut < _BONUS_CUT else (below, (share, cut))
    paid = treated(share, 42)
    deficit = [
        float(np.mean(control.use(first, first + 21) - paid.use(first, first + 21)))
        for first in (_BEFORE, _BEFORE + 21, _BEFORE + 42)
    ]
    return {
        "bonus_cut": _ratio(deficit[0], usual),
        "persistence_first": _ratio(deficit[1], deficit[0]),
        "persistence_second": _ratio(deficit[2], deficit[0]),
    }


def limit(setting: Setting) -> Values:
    """Row 4: everybody may set a daily limit (Allcott et al. 2022).

    It is what they would use without temptation, from the three weeks before; once it is reached
    they keep to it in a slot with the chance of their self-control.
    """
    before = Phase(_BEFORE, setting.ranked)
    calm = setting.arm(altered(setting.panel, NO_TEMPTATION), before)
    wanted = calm.use(0, _BEFORE)
    usual = setting.arm(setting.panel, before, Phase(21, setting.ranked))
    limited = setting.arm(setting.panel, before, Phase(21, setting.ranked, daily_limit(wanted)))
    span = (_BEFORE, _BEFORE + 21)
    return {"limit_cut": 1 - _ratio(limited.use(*span).mean(), usual.use(*span).mean())}


def deactivation(setting: Setting) -> Values:
    """Row 5: four weeks without the app, then four weeks with it (Allcott et al. 2020).

    Among those who were admitted: 15 minutes to ten hours a day before. Later use is what phones
    reported of the last ten days, 25 days after the experiment's end.
    """
    before, days = Phase(_BEFORE, setting.ranked), 28
    usual = setting.arm(setting.panel, before, Phase(2 * days, setting.ranked))
    off = setting.arm(
        setting.panel,
        before,
        Phase(days, setting.ranked, everybody),
        Phase(days, setting.ranked),
    )
    back = _BEFORE + days
    away, after = (_BEFORE, back), (back + 15, back + 25)
    admitted = (usual.use(0, _BEFORE) >= _LIGHT) & (usual.use(0, _BEFORE) <= _HEAVY)
    welfare = [float(arm.days(*away).worth[:, admitted].sum()) for arm in (off, usual)]
    later = [float(arm.use(*after)[admitted].sum()) for arm in (off, usual)]
    return {
        "use_after_deactivation": _ratio(*later) - 1,
        "welfare_of_deactivation": _ratio(welfare[0] - welfare[1], admitted.sum() * days),
    }


def dwell(setting: Setting) -> Values:
    """Row 6: the Weibull shape of session lengths in a random feed (Liu et al. 2010)."""
    course = setting.arm(setting.default, Phase(21, Random(len(setting.items))))
    minutes = course.diary.minutes[course.diary.opened].astype(np.float64)
    shape, _, _ = stats.weibull_min.fit(minutes[minutes > 0][:20_000], floc=0)
    return {"weibull_shape": float(shape)}


def watch_ratio(setting: Setting) -> Values:
    """Row 7: the share watched of what is opened, and its trend beside that of daily use.

    A session's full length is the longest mean the world allows that person, M l (1 + g h): one
    item a slot leaves no finer grain. Trends are over the three weeks, among those still there.
    """
    course, rule = setting.three_weeks, setting.default.watching
    diary, items = course.diary, course.items
    full = rule.minutes * items.length[diary.watched] * (1 + rule.habit * diary.habit)
    ratio = np.minimum(diary.minutes / full, 1.0)
    there = diary.present[-1]
    per_day = setting.default.calendar.slots_per_day
    opened = diary.opened[:, there].reshape(-1, per_day * there.sum())
    watched = np.where(diary.opened, ratio, 0.0)[:, there].reshape(opened.shape)
    daily_ratio = watched.sum(axis=1) / np.maximum(opened.sum(axis=1), 1)
    daily_use = diary.minutes[:, there].reshape(opened.shape).sum(axis=1) / there.sum()
    day = np.arange(daily_ratio.size) - 0.5 * (daily_ratio.size - 1)
    weeks = 7 * (day @ daily_ratio) / (day @ day), 7 * (day @ daily_use) / (day @ day)
    return {
        "watch_ratio": float(ratio[diary.opened].mean()),
        "watch_ratio_trend": float(weeks[0]),
        "use_trend": float(weeks[1] / daily_use.mean()),
    }


def ranking(setting: Setting) -> Values:
    """Rows 9, 14, 20 and 25: what ranking shows and earns against other feeds."""
    items, ranked, ordinary = setting.items, setting.three_weeks, setting.three_weeks_ordinary
    random = setting.arm(setting.default, Phase(21, Random(len(items))))
    civic = items.civic > 0
    minutes, watched = ranked.diary.minutes, ranked.diary.watched
    interest = np.argsort(-ranked.traits.taste, axis=1)[:, :2]
    topic = items.topic[ranked.diary.led]
    favourite = (topic[:, :, None] == interest[None]).any(axis=2)
    share = [float(civic[arm.diary.led[arm.diary.present]].mean()) for arm in (ranked, ordinary)]
    return {
        "ranked_over_random": _ratio(minutes.sum(), random.diary.minutes.sum()),
        "civic_share": _ratio((minutes * items.civic[watched]).sum(), minutes.sum()),
        "exploited_share": float(favourite[ranked.diary.present].mean()),
        "civic_amplification": _ratio(share[0], share[1]),
    }


def timelines(setting: Setting) -> Values:
    """Row 8: ten posts of either feed, twice, two weeks apart; see `timelines.py`.

    Ranking picks them from 1,500, as Twitter's did (its engineers' account of 2023): an item stands
    for a class of content, and ten of few classes would be nearly all that there is.
    """
    many = altered(setting.panel, _LARGE)
    items, per_day = synthetic(many), setting.default.calendar.slots_per_day
    days = (_BEFORE, _BEFORE + 14)
    settled = Following(many, items, lived=_BEFORE)
    audit = Audit(setting.recommender(items), settled, [day * per_day for day in days])
    setting.arm(many, Phase(days[-1] + 1, audit), items=items)
    return {
        "arousal_of_ranking": glass_delta(
            items.arousal.astype(np.float64), audit.ranked, audit.ordinary
        ),
        "extremity_of_ranking": glass_delta(_extremity(items), audit.ranked, audit.ordinary),
    }


def sharing(setting: Setting) -> Values:
    """Rows 10 and 11: who shares what. The world has no shares, so this is a reading of it.

    A share is taken to be an impulse: its log odds rise one for one with the allure of what is
    seen, and no parameter is added. Rates are rare, so odds and rates agree. Over the posts of
    the ordinary feed, weighted by supply, and the people of the sample on their first day.
    """
    items, w = setting.items, setting.default.appraisal
    news = setting.three_weeks.traits.news.astype(np.float64)
    civic = np.flatnonzero(items.civic)
    supply = items.supply[civic].astype(np.float64)
    arousal = items.arousal[civic].astype(np.float64)
    false = items.falsehood[civic].astype(np.float64)
    pull = w.extremity_pull * news[:, None] * np.abs(items.stance[civic]).astype(np.float64)
    rate = np.exp(w.arousal * arousal + pull).mean(axis=0)

    def mean_rate(weight: NDArray[np.float64]) -> float:
        return float((rate * weight).sum() / weight.sum())

    false_rate = np.exp(w.falsehood) * mean_rate(supply * false)
    weight = supply / supply.sum()
    deviation = np.sqrt(weight @ arousal**2 - (weight @ arousal) ** 2)
    return {
        "false_over_true": _ratio(false_rate, mean_rate(supply * (1 - false))),
        "shares_per_arousal_sd": float(np.exp(w.arousal * deviation)),
    }


def counterfactual_bots(setting: Setting) -> Values:
    """Row 12, first part: bots in the place of heavy partisans watch all that is recommended.

    Hosseinmardi et al. 2024 set them against bots that watched what real users had watched, be it
    recommended or found; a bot makes no choice of its own. The tenth of people with the largest
    product of news interest and |stance|; their twins never look for anything, and the bot watches
    all that leads there, opened by the twin or not. Statistic: civic |stance| an item, the mean
    over people of their means.
    """
    alone = altered(setting.panel, {"search": {"share": 0.0}})
    user, bot = (setting.arm(world, Phase(21, setting.ranked)) for world in (setting.panel, alone))
    extremity, heavy = _extremity(setting.items), heavy_partisans(user)
    opened = user.diary.opened[:, heavy]
    watched = np.where(opened, extremity[user.diary.watched[:, heavy]], 0.0).sum(axis=0)
    any_at_all = opened.any(axis=0)
    own = watched[any_at_all] / opened.sum(axis=0)[any_at_all]
    fed = extremity[bot.diary.led[:, heavy]].mean(axis=0)[any_at_all]
    return {"recommender_over_own_choice": float((fed - own).mean())}


def forgetting(setting: Setting) -> Values:
    """Row 12, second part: see `forgetting.py`. A random feed has no history to forget."""
    if setting.answers.random:
        return {"items_to_forget": float("nan")}
    return {
        "items_to_forget": items_to_forget(
            setting.default,
            people=setting.people,
            seed=setting.seed,
            training=setting.training,
        )
    }


def problematic(setting: Setting) -> Values:
    """Row 13: the share of problematic items among those shown, and who ever met one."""
    diary = setting.three_weeks.diary
    bad = (_extremity(setting.items) > _FAR)[diary.led] & diary.present
    return {
        "problematic_share": float(bad.sum() / diary.present.sum()),
        "ever_problematic": float(bad.any(axis=0).mean()),
    }


def crossers(setting: Setting) -> Values:
    """Row 15: of those who crossed |x| = 0.6, the share who began below 0.4 (`default`).

    The finding is about who came from where, whatever moved them, so all crossings count here.
    """
    began = np.abs(setting.three_weeks.start.stance)
    return {"crossers_from_the_middle": share(began < 0.4, crossed(setting.three_weeks))}


def referral(setting: Setting) -> Values:
    """Row 16: of those whom content carried across in `vulnerable`, the share whom the feed served.

    A crossing counts if what was watched in its slot was contested and pushed |x| outward
    (`crossings.py`). `placed_at_crossing` is the statistic that the fit used before that was
    asked: it counts every slot in which something was watched.
    """
    items = synthetic(setting.vulnerable)
    course = setting.arm(setting.vulnerable, Phase(21, setting.recommender(items)), items=items)
    made, alone = crossings(course), crossed(setting.no_feed(setting.vulnerable))
    return {
        "referral_share": share(made.placed, made.by_content),
        "placed_at_crossing": share(made.placed, made.opened),
        "crossings_by_content": float(made.by_content.mean()) if made.who.any() else float("nan"),
        "vulnerable_crossers_shared_with_no_feed": share(alone, made.who),
    }


def without_a_feed(setting: Setting) -> Values:
    """Who crosses with no feed at all, and how many of those who cross under the ranked one do."""
    who, alone = crossed(setting.three_weeks), crossed(setting.no_feed(setting.default))
    return {
        "crossing_share": float(who.mean()),
        "crossing_without_feed": float(alone.mean()),
        "crossers_shared_with_no_feed": share(alone, who),
    }


def switch_on_and_off(setting: Setting) -> Values:
    """Row 17: seven weeks with the algorithm on or off, where supply leans to one side.

    As in Gauthier et al. 2026, people on the chronological feed are switched to the ranked one and
    the reverse, each against those who stay, and what people follow came of the feed that they had
    before. Effects are in SD of the stances at the start; civic
    items further left than -0.3 are taken out, since a symmetric supply can move no mean.
    """
    full = setting.items
    kept = np.flatnonzero((full.civic == 0) | (full.stance > -0.3))
    items = replace(
        full,
        **{name: column[kept] for name, column in vars(full).items() if name[0] != "_"},
    )
    items = replace(items, supply=items.supply / items.supply.sum())
    ranked = setting.recommender(items)
    ordinary = Following(setting.default, items, lived=_BEFORE)

    def mean_stance(before: Policy, then: Policy) -> tuple[float, float]:
        course = setting.arm(setting.panel, Phase(_BEFORE, before), Phase(49, then), items=items)
        return float(course.stance_after(_BEFORE + 49).mean()), float(course.start.stance.std())

    stays, deviation = mean_stance(ordinary, ordinary)
    on = (mean_stance(ordinary, ranked)[0] - stays) / deviation
    off = (mean_stance(ranked, ordinary)[0] - mean_stance(ranked, ranked)[0]) / deviation
    return {"switched_on": on, "switched_off": off}


def chronological_for_three_months(setting: Setting) -> Values:
    """Row 18: people of the ranked feed get the chronological one for 90 days (Guess et al. 2023).

    It shows what they follow, and they came to follow it under the ranked feed.
    """
    before = Phase(_BEFORE, setting.ranked)
    switched = setting.arm(setting.panel, before, Phase(90, setting.settled))
    stays = setting.arm(setting.panel, before, Phase(90, setting.ranked))
    span, end = (_BEFORE, _BEFORE + 90), _BEFORE + 90
    change = np.abs(switched.stance_after(end)) - np.abs(stays.stance_after(end))
    deviation = float(stays.start.stance.std())
    return {
        "use_when_chronological": _ratio(switched.use(*span).mean(), stays.use(*span).mean()) - 1,
        "stance_when_chronological": float(change.mean()) / deviation,
    }


def less_hostile(setting: Setting) -> Values:
    """Row 19: a week in which what lies further out than 0.5 is not placed (Piccardi et al. 2025).

    Among people at least a twentieth of whose feed had been contested, as there. A thermometer of
    100 degrees spans the axis of stances from -1 to 1.
    """
    before = Phase(_BEFORE, setting.ranked)
    capped = setting.arm(setting.panel, before, Phase(7, setting.capped))
    stays = setting.arm(setting.panel, before, Phase(7, setting.ranked))
    end = _BEFORE + 7
    change = np.abs(stays.stance_after(end)) - np.abs(capped.stance_after(end))
    contested = setting.items.civic[stays.days(0, _BEFORE).led].mean(axis=0)
    asked = contested >= _POLITICAL
    return {"thermometer": _ratio(change[asked].sum(), asked.sum()) / 2}


def creators(setting: Setting) -> Values:
    """Row 21: how views are spread over 500 creators of 1,500 items."""
    many = altered(setting.default, _LARGE)
    items = synthetic(many)
    few = replace(setting, people=min(setting.people, 300))
    course = few.arm(many, Phase(21, setting.recommender(items)), items=items)
    watched = course.diary.watched[course.diary.opened]
    views = np.sort(np.bincount(items.creator[watched], minlength=500))[::-1]
    return {
        "top_creators_share": float(views[: round(0.03 * views.size)].sum() / views.sum()),
        "creator_gini": gini(views.astype(np.float64)),
    }


def level(setting: Setting) -> Values:
    """How much is watched under the ranked feed: by new people, and by the panel of rows 2 and 3.

    Days after churn count as 0; the panel stays.
    """
    panel = setting.arm(setting.panel, Phase(_BEFORE + 21, setting.ranked))
    return {
        "minutes_a_day": float(setting.three_weeks.use(0, 21).mean()),
        "minutes_of_the_panel": float(panel.use(_BEFORE, _BEFORE + 21).mean()),
    }


def retention(setting: Setting) -> Values:
    """Row 22: the hazard of leaving in the third week over that in the first."""
    present = setting.three_weeks.diary.present
    per_week = 7 * setting.default.calendar.slots_per_day
    there = [1.0, *(float(present[k * per_week - 1].mean()) for k in (1, 2, 3))]
    hazard = [1 - later / earlier for earlier, later in pairwise(there)]
    return {"hazard_third_over_first_week": _ratio(hazard[2], hazard[0])}


def extremity_cap(setting: Setting) -> Values:
    """Row 23: what a cap on |stance| of 0.5 does to use (Kalimeris et al. 2021)."""
    capped = setting.arm(setting.default, Phase(21, setting.capped))
    return {
        "use_under_cap": _ratio(capped.diary.minutes.sum(), setting.three_weeks.diary.minutes.sum())
        - 1
    }


@dataclass(frozen=True)
class Study:
    """A study and the statistics that it gives."""

    measure: Callable[[Setting], Values]
    gives: tuple[str, ...]
    counts_crossings: bool = False
    """Whether it counts what is rare, and so needs more people."""

    def made(self, setting: Setting, crossers: int | None) -> Values:
        """Its statistics; among so many people if it counts crossings and `crossers` is given."""
        if self.counts_crossings and crossers is not None:
            setting = replace(setting, people=crossers)
        return self.measure(setting)


STUDIES: dict[str, Study] = {
    "self_control": Study(self_control, ("wedge",)),
    "bonus": Study(bonus, ("bonus_cut", "persistence_first", "persistence_second")),
    "limit": Study(limit, ("limit_cut",)),
    "deactivation": Study(deactivation, ("use_after_deactivation", "welfare_of_deactivation")),
    "dwell": Study(dwell, ("weibull_shape",)),
    "watch_ratio": Study(watch_ratio, ("watch_ratio", "watch_ratio_trend", "use_trend")),
    "ranking": Study(
        ranking,
        (
            *("ranked_over_random", "civic_share"),
            *("exploited_share", "civic_amplification"),
        ),
    ),
    "timelines": Study(timelines, ("arousal_of_ranking", "extremity_of_ranking")),
    "sharing": Study(sharing, ("false_over_true", "shares_per_arousal_sd")),
    "counterfactual_bots": Study(counterfactual_bots, ("recommender_over_own_choice",)),
    "forgetting": Study(forgetting, ("items_to_forget",)),
    "problematic": Study(problematic, ("problematic_share", "ever_problematic")),
    "crossers": Study(crossers, ("crossers_from_the_middle",), counts_crossings=True),
    "without_a_feed": Study(
        without_a_feed,
        ("crossing_share", "crossing_without_feed", "crossers_shared_with_no_feed"),
    ),
    "referral": Study(
        referral,
        (
            *("referral_share", "placed_at_crossing", "crossings_by_content"),
            "vulnerable_crossers_shared_with_no_feed",
        ),
        counts_crossings=True,
    ),
    "switch_on_and_off": Study(switch_on_and_off, ("switched_on", "switched_off")),
    "chronological_for_three_months": Study(
        chronological_for_three_months, ("use_when_chronological", "stance_when_chronological")
    ),
    "less_hostile": Study(less_hostile, ("thermometer",)),
    "creators": Study(creators, ("top_creators_share", "creator_gini")),
    "level": Study(level, ("minutes_a_day", "minutes_of_the_panel")),
    "retention": Study(retention, ("hazard_third_over_first_week",)),
    "extremity_cap": Study(extremity_cap, ("use_under_cap",)),
}

#: The study that gives each statistic.
STATISTICS: dict[str, str] = {name: key for key, study in STUDIES.items() for name in study.gives}
