"""What there is to show: items as a structure of arrays, and a synthetic catalogue.

An item stands for a class of content. In the synthetic catalogue civic items come in mirrored pairs
(y, -y) that are alike in all else, so no side of the axis is favoured by the luck of the draw, and
their quality, arousal and falsehood depend on |y| alone, by the stated rules.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np

from .arrays import Any1, Float, Int, namespace, sigmoid
from .parameters import LONGEST_LENGTH, WorldParameters


@dataclass(frozen=True)
class Shown:
    """What people react to in an item. Shapes (people,), `indicator` (people, topics)."""

    civic: Float
    stance: Float
    arousal: Float
    quality: Float
    falsehood: Float
    length: Float
    sponsor: Float
    indicator: Float

    def of(self, rows: Int) -> Shown:
        """The same for other rows, in the order of `rows`."""
        xp = namespace(rows)
        return Shown(*(xp.take(getattr(self, f.name), rows, axis=0) for f in fields(self)))


@dataclass(frozen=True)
class Items:
    """Items, one row each. All arrays have shape (items,), `indicator` (items, topics)."""

    topic: Int
    """Topic in 0..K-1."""
    civic: Float
    """1 where the item takes a stance, else 0."""
    stance: Float
    """y in [-1, 1]; 0 where the item takes none."""
    arousal: Float
    """a in [0, 1]."""
    quality: Float
    """q in [0, 1]."""
    falsehood: Float
    """m in [0, 1]: the false share of what the item stands for."""
    creator: Int
    """Creator, 0 upwards."""
    duration: Float
    """Seconds."""
    length: Float
    """Factor on minutes: (duration / median duration) ** elasticity."""
    sponsor: Float
    """Bid of the sponsor for an impression, in units of the mean bid; 0 without one."""
    supply: Float
    """Share of posts; sums to 1."""
    indicator: Float
    """1 at the item's topic, else 0."""

    def __len__(self) -> int:
        return int(self.topic.shape[0])

    def at(self, item: Int) -> Shown:
        """The items named by `item`, int64 (people,), row by row."""
        xp = namespace(item)
        columns = xp.take(self._columns, item, axis=1)
        civic, stance, arousal, quality, falsehood, length, sponsor = columns
        indicator = xp.take(self.indicator, item, axis=0)
        return Shown(civic, stance, arousal, quality, falsehood, length, sponsor, indicator)

    def check(self, item: Int) -> None:
        """Raises `ValueError` for an action, int64 (people,), that names no item, with its row."""
        count = len(self)
        if item.min() < 0 or item.max() >= count:
            row = int(namespace(item).nonzero((item < 0) | (item >= count))[0][0])
            raise ValueError(f"action[{row}]: found {item[row]}; allowed: 0 to {count - 1}")

    @cached_property
    def _columns(self) -> Float:
        """The columns that people react to, as one table: gathered at once."""
        seen = (self.civic, self.stance, self.arousal, self.quality, self.falsehood)
        table: Float = namespace(self.civic).stack([*seen, self.length, self.sponsor])
        return table

    def on(self, xp: Any, device: Any) -> Items:
        """The same items as arrays of the library `xp` on `device`."""

        def moved(column: Any1) -> Any1:
            array: Any1 = xp.asarray(column, device=device)
            return array

        return Items(*(moved(getattr(self, field.name)) for field in fields(self)))


def assemble(
    parameters: WorldParameters,
    *,
    topic: Int,
    civic: Float,
    stance: Float,
    arousal: Float,
    quality: Float,
    falsehood: Float,
    creator: Int,
    duration: Float,
    sponsor: Float,
    supply: Float,
) -> Items:
    """Items from their columns: adds what follows from them, in the world's types."""
    topics = parameters.population.topics
    if topic.size and (topic.min() < 0 or topic.max() >= topics):
        wrong = int(topic.min() if topic.min() < 0 else topic.max())
        raise ValueError(
            f"catalogue: topic {wrong} found; allowed: 0 to {topics - 1} "
            f"(population.topics = {topics})"
        )

    def real(column: Float) -> Float:
        return np.asarray(column, dtype=np.float32)

    length = (duration / np.median(duration)) ** parameters.watching.duration
    return Items(
        topic=np.asarray(topic, dtype=np.int64),
        civic=real(civic),
        stance=real(stance),
        arousal=real(arousal),
        quality=real(quality),
        falsehood=real(falsehood),
        creator=np.asarray(creator, dtype=np.int64),
        duration=real(duration),
        length=real(np.clip(length, 1 / LONGEST_LENGTH, LONGEST_LENGTH)),
        sponsor=real(sponsor),
        supply=real(supply / supply.sum()),
        indicator=real(topic[:, None] == np.arange(topics)[None, :]),
    )


def civic_content(parameters: WorldParameters, stance: Float) -> tuple[Float, Float, Float]:
    """Arousal, falsehood and quality of civic items that stand at `stance`.

    With the slopes at 0 all three are those of the average post, whatever the stance.
    """
    rule = parameters.catalogue
    extremity = np.abs(stance)
    # E|y| of a normal is sd * sqrt(2 / pi): the slope turns about the average post.
    typical = rule.stance_supply_sd * np.sqrt(2 / np.pi)
    arousal = np.clip(rule.arousal_mean + rule.arousal_slope * (extremity - typical), 0, 1)
    falsehood = sigmoid(rule.falsehood_base + rule.falsehood_slope * extremity)
    quality = np.clip(4 / 7 - rule.falsehood_quality * falsehood, 0, 1)
    return arousal, falsehood, quality


def synthetic(parameters: WorldParameters) -> Items:
    """The seeded synthetic catalogue of `parameters.catalogue`."""
    rule, topics = parameters.catalogue, parameters.population.topics
    generator = np.random.Generator(np.random.Philox(rule.seed))
    pairs = min(round(rule.items * rule.civic_items / 2), rule.items // 2)
    plain = rule.items - 2 * pairs
    positive = rule.stance_range * (np.arange(pairs) + 0.5) / max(pairs - 0.5, 0.5)
    stance = np.concatenate([positive, -positive, np.zeros(plain)])
    civic = np.concatenate([np.ones(2 * pairs), np.zeros(plain)])
    arousal, falsehood, quality = civic_content(parameters, stance)

    # Plain items: strata in random order, so quality and arousal spread evenly and independently.
    strata = (np.arange(plain) + 0.5) / max(plain, 1)
    quality[2 * pairs :] = 0.25 + 0.6 * generator.permutation(strata)
    arousal[2 * pairs :] = 0.05 + 0.6 * generator.permutation(strata)
    falsehood[2 * pairs :] = 0.0
    first_plain = 1 if pairs else 0
    topic = np.zeros(rule.items, dtype=np.int64)
    topic[2 * pairs :] = first_plain + np.arange(plain) % (topics - first_plain)

    posted = np.exp(-0.5 * (stance / rule.stance_supply_sd) ** 2)
    supply = np.zeros(rule.items)
    if pairs:
        share = rule.civic_supply if plain else 1.0
        supply[: 2 * pairs] = share * posted[: 2 * pairs] / posted[: 2 * pairs].sum()
    supply[2 * pairs :] = max(1 - supply.sum(), 0) / max(plain, 1)

    popularity = 1 / np.arange(1, rule.creators + 1)
    creator = generator.choice(rule.creators, size=rule.items, p=popularity / popularity.sum())
    duration = 60 * np.exp(0.6 * generator.standard_normal(rule.items))
    bid = np.exp(0.5 * generator.standard_normal(rule.items))
    sponsor = np.where(generator.random(rule.items) < rule.sponsored, bid, 0.0)
    mirrored = slice(pairs, 2 * pairs)
    for column in (duration, sponsor):
        column[mirrored] = column[:pairs]
    return assemble(
        parameters,
        topic=topic,
        civic=civic,
        stance=stance,
        arousal=arousal,
        quality=quality,
        falsehood=falsehood,
        creator=creator,
        duration=duration,
        sponsor=sponsor,
        supply=supply,
    )
