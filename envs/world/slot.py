"""One slot, in order. The whole world is this page; each line is one small module beside it."""

from __future__ import annotations

from dataclasses import dataclass, fields

from .appraisal import Appraised, appraise_every, appraise_one
from .arrays import Bool, Float, Int, dose, namespace
from .catalogue import Items, Shown
from .churn import churn_probability
from .habituation import build_habit, build_tolerance
from .opening import opening_probability
from .parameters import WorldParameters
from .people import State, Traits
from .satiation import satiate
from .search import search, search_weights
from .stance import persuade, relax_stance
from .streams import Mechanism
from .taste import drift_taste
from .watching import expected_minutes, session_noise
from .welfare import regret_next, worth_of


@dataclass(frozen=True)
class Outcome:
    """What happened in a slot. All arrays have shape (people,)."""

    opened: Bool
    item: Int
    """What was watched; the feed's lead where the app stayed closed."""
    sought: Bool
    """Whether the person looked for it; False: the feed placed it."""
    minutes: Float
    endorsed: Float
    """Minutes that would also have been watched with temptation removed."""
    worth: Float
    """Welfare, in minutes of fully endorsed viewing."""
    persuasion: Float
    """How far what was watched pushed |x| outward (negative: inward)."""
    revenue: Float
    """Impressions x bid."""
    left: Bool
    """Churned in this slot."""

    @property
    def parts(self) -> tuple[Outcome, ...]:
        """What was watched, item by item: here one."""
        return (self,)

    @property
    def unendorsed(self) -> Float:
        """Minutes that temptation and habit added."""
        return self.minutes - self.endorsed

    def of_next(self) -> Outcome:
        """What the logs hold in the placebo that yokes them too: the next person's slot."""
        order = _next_person(self.minutes)
        xp = namespace(order)
        return Outcome(*(xp.take(getattr(self, f.name), order) for f in fields(self)))


def slot(
    parameters: WorldParameters,
    items: Items,
    traits: Traits,
    state: State,
    feed: Int,
    luck: Float,
    away: Bool | None = None,
    share: float = 1.0,
) -> tuple[State, Outcome]:
    """Advances every person by one slot.

    feed: the item that leads each person's feed, int64 (people,). luck: uniform draws, float32
    (`streams.IN_A_SLOT`, people). away: who keeps the app closed whatever calls, (people,); nobody
    if None. share: of a session, what the lead lasts where it is not all that the feed shows. No
    input is changed. Who has left watches nothing more; what they carry goes on fading.
    """
    xp = namespace(state.stance)
    # 1. Open, called by the lead item and by habit.
    lead = appraise_one(parameters, items.at(feed), traits, state)
    chance = opening_probability(parameters, lead, state.habit, state.regret, traits.self_control)
    opened = (luck[Mechanism.OPENING] < chance) & state.present
    if away is not None:
        opened = opened & ~away

    # 2. Follow the feed, or look for something.
    choice, sought = search(parameters, items, traits, state, feed, opened, luck[Mechanism.SEARCH])
    item = items.at(choice)
    seen = appraise_one(parameters, item, traits, state)

    # 3. Watch; and, with the same luck, what would be watched with temptation removed.
    noise = session_noise(parameters, luck[Mechanism.WATCHING])
    if share != 1.0:  # who searches has one item alone
        noise = xp.where(sought, noise, share * noise)
    mean = expected_minutes(parameters, seen.pull, item.length, state.habit)
    minutes = xp.where(opened, mean * noise, 0.0)
    planned = _without_temptation(parameters, lead, seen, item, traits, state, luck, noise)
    endorsed = xp.minimum(minutes, planned)
    unendorsed = minutes - endorsed

    # 4.-8. What was watched moves the person (in the placebo, what the next person watched).
    moving, resented, moved_by = yoked(parameters, minutes, unendorsed, item)
    exposure = dose(moving, parameters.exposure_minutes)
    satiation = satiate(parameters, state.satiation, moved_by.indicator, exposure)
    habit = build_habit(parameters, state.habit, moved_by.arousal, exposure)
    tolerance = build_tolerance(parameters, state.tolerance, moved_by.arousal, exposure)
    taste = drift_taste(parameters, state.taste, traits.taste, moved_by.indicator, exposure)
    pushed = persuade(parameters, state.stance, moved_by, traits, exposure)
    stance = relax_stance(parameters, pushed, traits.stance, luck[Mechanism.STANCE])

    # 8. Book welfare.
    worth = worth_of(parameters, seen.endorsement, endorsed, unendorsed)
    regret = regret_next(parameters, state.regret, resented, moving, exposure)

    # 9. Leave, perhaps, if the app stayed closed.
    hazard = churn_probability(parameters, habit, regret)
    left = (luck[Mechanism.CHURN] < hazard) & state.present & ~opened

    impressions = parameters.objective.ad_load * minutes
    outcome = Outcome(
        opened=opened,
        item=choice,
        sought=sought,
        minutes=minutes,
        endorsed=endorsed,
        worth=worth,
        persuasion=xp.where(state.present, xp.abs(pushed) - xp.abs(state.stance), 0.0),
        revenue=impressions * item.sponsor,
        left=left,
    )
    following = State(taste, satiation, habit, tolerance, stance, regret, state.present & ~left)
    return following, outcome


def _without_temptation(
    parameters: WorldParameters,
    lead: Appraised,
    seen: Appraised,
    item: Shown,
    traits: Traits,
    state: State,
    luck: Float,
    noise: Float,
) -> Float:
    """Minutes with allure and habit removed, same luck."""
    xp = namespace(state.habit)
    calm = xp.zeros_like(state.habit)
    bare = Appraised(lead.plan, calm, lead.endorsement)
    chance = opening_probability(parameters, bare, calm, state.regret, traits.self_control)
    minutes = expected_minutes(parameters, seen.plan, item.length, calm) * noise
    opened = (luck[Mechanism.OPENING] < chance) & state.present
    without: Float = xp.where(opened, minutes, 0.0)
    return without


def yoked(
    parameters: WorldParameters, minutes: Float, unendorsed: Float, item: Shown
) -> tuple[Float, Float, Shown]:
    """Whose watching moves whom: one's own.

    In the placebo that of the next person in the batch: marginals kept, the link to one's own cut.
    """
    if parameters.placebo == "none":
        return minutes, unendorsed, item
    order = _next_person(minutes)
    xp = namespace(minutes)
    return xp.take(minutes, order), xp.take(unendorsed, order), item.of(order)


def _next_person(column: Float) -> Int:
    """Rows of the batch shifted by one, the first after the last."""
    people = column.shape[0]
    if people < 2:
        raise too_few_to_yoke(people)
    xp = namespace(column)
    order: Int = xp.roll(xp.arange(people, device=column.device), -1)
    return order


def too_few_to_yoke(people: int) -> ValueError:
    """The error of a placebo in which nobody comes next."""
    return ValueError(
        f"placebo: yoked in a batch of {people} person; allowed: 2 or more (each is moved by what "
        "the next one watched)"
    )


def expected_next_minutes(
    parameters: WorldParameters, items: Items, traits: Traits, state: State
) -> Float:
    """Exact expected minutes of the next slot if item i leads the feed, shape (people, items).

    P(open | i leads) ((1 - share) E[minutes | i] + share E[minutes | search]). The largest entry is
    what the best possible one-step policy shows. Who has left has 0 everywhere.
    """
    xp = namespace(state.habit)
    every = appraise_every(parameters, items, traits, state)
    habit = state.habit[:, None]
    chance = opening_probability(
        parameters, every, habit, state.regret[:, None], traits.self_control[:, None]
    )
    minutes = expected_minutes(parameters, every.pull, items.length, habit)
    if parameters.search.enabled:
        weight = search_weights(parameters, items, traits, state)
        found = xp.sum(weight * minutes, axis=1) / xp.sum(weight, axis=1)
        share = parameters.search.share
        minutes = (1.0 - share) * minutes + (share * found)[:, None]
    expected: Float = xp.where(state.present[:, None], chance * minutes, 0.0)
    return expected
