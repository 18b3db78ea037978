"""The statistics of views, each one number, with weights of people so that these can be resampled.

Fitted:

- `taste_spread`: rho = (P_same - P_two) / (1 - P_two). P_same is the chance that two views of one
  person share their topic (a mean over people), P_two that a view each of two people does. Neither
  counts a view against itself, so few views a person do not pass for strong tastes. Where shares of
  topics are Dirichlet with concentration A, rho = 1 / (1 + A) (the intraclass correlation of the
  Dirichlet-multinomial: Brier 1980).
- `popularity`: squared coefficient of variation of the items' chances of being viewed, J C - 1. C
  is the chance that a view each of two people is of the same item, J the number of items. Counts of
  two people share no sampling noise, so chance alone gives 0.
- `repeat`: consecutive slots of a person at most a day apart: chance that a view each shares its
  topic, over the same for any two slots of that person. 1: the order says nothing. Within a slot
  order is not used: several views there share it by their topics' shares.
- `minutes`: mean minutes of a view. `minutes_spread`: their standard deviation over their mean.

Told beside, and fitted by nothing:

- `top_share`: a person's largest share of a topic among `THINNED` of their views, a mean over
  people with at least as many (drawn, so that people with few do not seem more devoted).
- `largest_topic`: share of views in the largest topic. `top_items`: share of views in the tenth of
  items with the most. Half of the people say which these are, the other half's views are counted,
  and the other way round.
- `rating_items`: V_item / (V_item + V_taste), of ratings less the person's own mean. V_item is the
  covariance of two people's ratings of one item beyond that of two items of one topic. V_taste is
  how much more one person's ratings of two items vary together if these share a topic, beyond the
  same of two people. Unit and noise of ratings drop out, and so does what the person's mean takes
  from all pairs alike.
- `views`: views a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from .views import Ints, Real, Views

THINNED = 20
FITTED = ("taste_spread", "popularity", "repeat", "minutes", "minutes_spread")
TOLD = ("top_share", "largest_topic", "top_items", "rating_items", "views")
STATISTICS = (*FITTED, *TOLD)


@dataclass(frozen=True)
class People:
    """What the statistics need of each person, one row a person who has viewed anything."""

    views: Real
    """Number of views, (people,)."""
    topic_views: Real
    """Views of each topic, (people, topics)."""
    item_views: sparse.csr_array
    """Views of each item, (people, items)."""
    item_ratings: sparse.csr_array
    """Sum of ratings less the person's mean, (people, items)."""
    item_rated: sparse.csr_array
    """Views that have a rating, (people, items)."""
    repeats: Real
    """Sum over pairs of consecutive slots of the chance of one topic, (people,)."""
    repeats_expected: Real
    """The same for any two of the person's slots, times the pairs, (people,)."""
    pairs: Real
    """Pairs of consecutive slots at most a day apart, (people,)."""
    minutes: Real
    """Number, sum and sum of squares of minutes, (people, 3)."""
    top_share: Real
    """Largest share of a topic among THINNED views; NaN below that many, (people,)."""
    topic_of: Ints
    """Topic of each item, (items,)."""


def people_of(views: Views, slots_per_day: int, seed: int = 0) -> People:
    """The table of a log's people. seed: of the views that `top_share` draws."""
    names, person = np.unique(views.person, return_inverse=True)
    n, topics, items = names.size, int(views.topic_of.max()) + 1, views.topic_of.size
    topic = views.topic
    by_topic = _count(person * topics + topic, n * topics).reshape(n, topics)

    known = np.isfinite(views.rating)
    rated = np.bincount(person[known], minlength=n)
    mean = np.bincount(person[known], views.rating[known], minlength=n) / np.maximum(rated, 1)
    residual = np.where(known, views.rating - mean[person], 0.0)

    timed = np.isfinite(views.minutes)
    moments = [
        np.bincount(person[timed], views.minutes[timed] ** power, minlength=n)
        for power in (0, 1, 2)
    ]
    repeats, expected, pairs = _repeats(person, views.slot, topic, n, topics, slots_per_day)
    return People(
        views=by_topic.sum(axis=1),
        topic_views=by_topic,
        item_views=_table(np.ones(len(views)), person, views.item, n, items),
        item_ratings=_table(residual, person, views.item, n, items),
        item_rated=_table(known.astype(np.float64), person, views.item, n, items),
        repeats=repeats,
        repeats_expected=expected,
        pairs=pairs,
        minutes=np.stack(moments, axis=1),
        top_share=_top_share(person, topic, n, topics, seed),
        topic_of=views.topic_of,
    )


def statistics(people: People, weight: Real | None = None) -> dict[str, float]:
    """Every statistic; NaN where the views do not tell it.

    weight: how often each person counts, (people,), as a bootstrap draws them; once each if None. A
    person who counts twice is still one person: their views are not compared with their own.
    """
    w = np.ones(people.views.size) if weight is None else np.asarray(weight, dtype=np.float64)
    number, total, squares = w @ people.minutes
    mean = _ratio(total, number)
    thinned = np.isfinite(people.top_share)
    return {
        "taste_spread": _taste_spread(people, w),
        "popularity": _popularity(people, w),
        "repeat": _ratio(w @ people.repeats, w @ people.repeats_expected),
        "minutes": mean,
        "minutes_spread": _ratio(np.sqrt(max(_ratio(squares, number) - mean**2, 0.0)), mean),
        "top_share": _ratio(w[thinned] @ people.top_share[thinned], w[thinned].sum()),
        "largest_topic": _top(people.topic_views, w, 1),
        "top_items": _top(people.item_views, w, max(1, round(people.topic_of.size / 10))),
        "rating_items": _rating_items(people, w),
        "views": _ratio(w @ people.views, w.sum()),
    }


def resampled(people: People, draws: int, seed: int) -> list[dict[str, float]]:
    """The statistics of `draws` samples of as many people, drawn with replacement."""
    generator = np.random.Generator(np.random.Philox(seed))
    n = people.views.size
    weights = (generator.multinomial(n, np.full(n, 1 / n)) for _ in range(draws))
    return [statistics(people, weight.astype(np.float64)) for weight in weights]


def repeat_by_gap(
    views: Views, slots_per_gap: tuple[int, ...], draws: int = 0, seed: int = 0
) -> list[dict[str, float]]:
    """`repeat` for pairs of slots at most so many slots apart.

    Each with `value` and `pairs`; with `low` and `high`, a 95 % interval, if people are drawn.
    """
    names, person = np.unique(views.person, return_inverse=True)
    topics = int(views.topic_of.max()) + 1
    generator = np.random.Generator(np.random.Philox(seed))
    n = names.size
    weights = generator.multinomial(n, np.full(n, 1 / n), size=draws).astype(np.float64)
    found = []
    for gap in slots_per_gap:
        seen, expected, pairs = _repeats(person, views.slot, views.topic, n, topics, gap)
        one = {"value": _ratio(seen.sum(), expected.sum()), "pairs": float(pairs.sum())}
        drawn = [_ratio(w @ seen, w @ expected) for w in weights]
        if drawn and np.isfinite(drawn).any():
            one["low"], one["high"] = np.nanquantile(drawn, [0.025, 0.975]).tolist()
        found.append(one)
    return found


def _taste_spread(people: People, w: Real) -> float:
    n = people.topic_views
    several = people.views > 1
    same = (n * (n - 1)).sum(axis=1)[several] / (people.views * (people.views - 1))[several]
    share = n / people.views[:, None]
    two = _ratio(((w @ share) ** 2 - w**2 @ share**2).sum(), w.sum() ** 2 - (w**2).sum())
    return _ratio(_ratio(w[several] @ same, w[several].sum()) - two, 1 - two)


def _popularity(people: People, w: Real) -> float:
    x = people.item_views
    same = ((w @ x) ** 2).sum() - (w**2 @ x.power(2)).sum()
    every = (w @ people.views) ** 2 - w**2 @ people.views**2
    return x.shape[1] * _ratio(same, every) - 1


def _top(counts: Any, w: Real, places: int) -> float:
    """Share of the places that rank highest, ranked by half of the people and counted in the other.

    So what happens to have many views does not rank itself. counts: (people, places).
    """
    even = np.arange(w.size) % 2 == 0
    one, other = (w * even) @ counts, (w * ~even) @ counts
    shares = [
        _ratio(counted[np.argsort(-ranking, kind="stable")[:places]].sum(), counted.sum())
        for ranking, counted in ((one, other), (other, one))
    ]
    return float(np.mean(shares))


def _rating_items(people: People, w: Real) -> float:
    """See `rating_items` above; sums over pairs are squares of sums less the pairs left out."""
    sums, rated = people.item_ratings, people.item_rated
    if rated.sum() == 0:
        return float("nan")
    indicator = sparse.csr_array(
        (np.ones(people.topic_of.size), (np.arange(people.topic_of.size), people.topic_of))
    )

    def same_item(values: sparse.csr_array) -> float:
        """Two people, one item."""
        return float(((w @ values) ** 2 - w**2 @ values.power(2)).sum())

    def by_topics(values: sparse.csr_array) -> tuple[float, float]:
        """Two people, two items, of one topic and of two."""
        topics = np.asarray((values @ indicator).todense())
        one = float(((w @ topics) ** 2 - w**2 @ topics**2).sum())
        whole = topics.sum(axis=1)
        every = float((w @ whole) ** 2 - w**2 @ whole**2)
        return one - same_item(values), every - one

    def own_by_topics(values: sparse.csr_array) -> tuple[float, float]:
        """One person, two items, of one topic and of two."""
        topics = np.asarray((values @ indicator).todense())
        one = w @ (topics**2).sum(axis=1)
        every = w @ topics.sum(axis=1) ** 2
        return float(one - (w @ values.power(2)).sum()), float(every - one)

    item = _ratio(same_item(sums), same_item(rated))
    topic, apart = map(_ratio, by_topics(sums), by_topics(rated))
    own, own_apart = map(_ratio, own_by_topics(sums), own_by_topics(rated))
    by_item, by_taste = item - topic, (own - own_apart) - (topic - apart)
    return _ratio(by_item, by_item + by_taste)


def _repeats(
    person: Ints, slot: Ints, topic: Ints, people: int, topics: int, most: int
) -> tuple[Real, Real, Real]:
    """Repeats, those expected, and pairs, of consecutive slots at most `most` apart."""
    start = slot - slot.min()
    span = int(start.max()) + 1
    keys, place = np.unique(person * span + start, return_inverse=True)
    share = _count(place * topics + topic, keys.size * topics).reshape(keys.size, topics)
    share = share / share.sum(axis=1, keepdims=True)
    who, when = keys // span, keys % span
    total = np.stack([np.bincount(who, column, minlength=people) for column in share.T], axis=1)
    own = np.bincount(who, (share**2).sum(axis=1), minlength=people)
    slots = np.bincount(who, minlength=people).astype(np.float64)
    chance = ((total**2).sum(axis=1) - own) / np.maximum(slots * (slots - 1), 1)
    follows = (who[1:] == who[:-1]) & (np.diff(when) <= most)
    first = who[1:][follows]
    match = (share[1:] * share[:-1]).sum(axis=1)[follows]
    pairs = np.bincount(first, minlength=people).astype(np.float64)
    repeats = np.bincount(first, match, minlength=people).astype(np.float64)
    return repeats, pairs * chance, pairs


def _top_share(person: Ints, topic: Ints, people: int, topics: int, seed: int) -> Real:
    generator = np.random.Generator(np.random.Philox(seed))
    order = np.lexsort((generator.random(person.size), person))
    who = person[order]
    first = np.searchsorted(who, np.arange(people))
    kept = np.arange(who.size) - first[who] < THINNED
    count = _count(who[kept] * topics + topic[order][kept], people * topics)
    by_topic = count.reshape(people, topics)
    enough = by_topic.sum(axis=1) == THINNED
    return np.where(enough, by_topic.max(axis=1) / THINNED, np.nan)


def _count(keys: Ints, size: int) -> Real:
    return np.bincount(keys, minlength=size).astype(np.float64)


def _table(values: Real, row: Ints, column: Ints, rows: int, columns: int) -> sparse.csr_array:
    return sparse.csr_array(sparse.coo_array((values, (row, column)), shape=(rows, columns)))


def _ratio(above: Any, below: Any) -> float:
    """A ratio of two numbers; NaN over nothing."""
    return float(above / below) if below > 0 else float("nan")
