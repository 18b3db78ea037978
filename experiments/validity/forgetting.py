"""Row 12, second part: how fast a recommender forgets a heavy partisan's history.

Hosseinmardi et al. 2024 gave bots the histories of heavy partisans and then let them watch moderate
content: the recommendations beside a video followed within some 30 videos. The bots here have the
first week of the world's own heavy partisans, who looked for everything themselves, and then watch
plain content, one item a slot. The recommender is a PPO on the platform's logs, trained in the same
world, since only a learner of logs has a history to forget.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...agents import Chronological, PPOPolicy, PPOSettings
from ...envs.views import PlatformView
from ...envs.world import Items, Outcome, WorldParameters, altered, synthetic
from ..diary import Course, Phase, follow

_HISTORY_DAYS = 7
_LEFT = 0.1  # share of the excess that may be left once it counts as forgotten
_LEAST = 0.02  # an excess below this is no reaction to forget


def heavy_partisans(course: Course) -> NDArray[np.int64]:
    """The tenth of people with the largest product of news interest and |stance| at the start."""
    heat = course.traits.news * np.abs(course.traits.stance)
    return np.flatnonzero(heat >= np.quantile(heat, 0.9))


def items_to_forget(
    parameters: WorldParameters, *, people: int, seed: int, training: PPOSettings
) -> float:
    """Items until nine tenths of the excess extremity of what is recommended are gone.

    people: of whom the heaviest tenth lend their histories. The excess is over bots that watched
    plain content from the start. NaN where the recommender does not answer to the history, infinite
    where it never forgets within the calendar.
    """
    own = altered(parameters, {"search": {"share": 1.0}})
    history, items = _history(own, people, seed)
    policy = PPOPolicy.train(
        parameters, items, observation="platform", seed=seed, settings=training
    )
    rows = heavy_partisans(history)
    past = history.diary
    switch = past.led.shape[0]
    plain = np.flatnonzero(items.civic == 0)
    generator = np.random.Generator(np.random.Philox(seed))
    shape = (parameters.calendar.slots, rows.size)
    watched = plain[generator.integers(plain.size, size=shape)]
    opened = np.ones(shape, dtype=np.bool_)
    minutes = np.full(shape, 0.5 * parameters.watching.minutes, dtype=np.float32)
    moderate = _recommended(parameters, policy, history, watched, opened, minutes)
    watched, opened, minutes = watched.copy(), opened.copy(), minutes.copy()
    watched[:switch] = past.watched[:, rows]
    opened[:switch], minutes[:switch] = past.opened[:, rows], past.minutes[:, rows]
    heavy = _recommended(parameters, policy, history, watched, opened, minutes)
    return forgotten_after(heavy - moderate, switch)


def forgotten_after(excess: NDArray[np.float64], switch: int) -> float:
    """Items after `switch` from which on the excess stays below a tenth of what it was there.

    excess: mean excess extremity of the recommendations after each item, (items,). It is smoothed
    over four items, since each is a mean over few draws.
    """
    before = excess[switch - 8 : switch].mean()
    if before < _LEAST:
        return float("nan")
    smooth = np.convolve(excess[switch:], np.full(4, 0.25), mode="valid")
    above = np.flatnonzero(smooth > _LEFT * before)
    if above.size == 0:
        return 1.0
    return float(above[-1] + 2) if above[-1] + 1 < smooth.size else float("inf")


def _history(own: WorldParameters, people: int, seed: int) -> tuple[Course, Items]:
    items = synthetic(own)
    alone = Phase(_HISTORY_DAYS, Chronological(items.supply))
    return follow(own, items, [alone], seed=seed, people=people), items


def _recommended(
    parameters: WorldParameters,
    policy: PPOPolicy,
    history: Course,
    watched: NDArray[np.int64],
    opened: NDArray[np.bool_],
    minutes: NDArray[np.float32],
) -> NDArray[np.float64]:
    """Mean civic |stance| of what the policy would lead with after each slot, (slots,).

    watched, opened, minutes: what the bots do, (slots, bots).
    """
    slots, bots = watched.shape
    items = history.items
    view = PlatformView(parameters, items, bots)
    policy.begin(np.zeros(bots, dtype=np.int64), np.arange(bots, dtype=np.int64))
    extremity = np.asarray(items.civic * np.abs(items.stance), dtype=np.float64)
    nothing, nobody = np.zeros(bots, dtype=np.float32), np.zeros(bots, dtype=np.bool_)
    shown = np.zeros(slots)
    for slot in range(slots):
        view.record(
            Outcome(
                opened=opened[slot],
                item=watched[slot],
                sought=nobody,
                minutes=minutes[slot] * opened[slot],
                endorsed=nothing,
                worth=nothing,
                persuasion=nothing,
                revenue=nothing,
                left=nobody,
            )
        )
        seen = view.observe(np.full(bots, slot + 1, dtype=np.int64))
        shown[slot] = extremity[policy.act(seen)].mean()
    return shown
