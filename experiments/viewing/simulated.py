"""Views of a simulated world, as a log would hold them: the world's side of a comparison.

A log does not say what was shown, so there are two readings of how its views came about:

- `sought`: people looked for what they watched, so every session is self-directed
  (`search.share` = 1). A site on which people look things up is best read so.
- `feed`: what led was drawn from all posts in proportion to supply, slot by slot, and a share of
  sessions (`search.share` of the world) is self-directed.

A view is a slot in which the app was opened. The civic topic is left out, since logs have none. A
rating is the endorsement of the item, in logits, by the person's taste at that time.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from ...envs.feed_batch import FeedBatch
from ...envs.world import WorldParameters, altered, synthetic
from ...envs.world.appraisal import endorsement
from .views import Views

Reading = Literal["sought", "feed"]
READINGS: tuple[Reading, ...] = ("sought", "feed")


def simulate(parameters: WorldParameters, reading: Reading, *, people: int, seed: int) -> Views:
    """What `people` persons of this seed viewed over the calendar of the world."""
    if reading == "sought":
        parameters = altered(parameters, {"search": {"enabled": True, "share": 1.0}})
    items = synthetic(parameters)
    batch = FeedBatch(parameters, people, items=items)
    person = np.arange(people, dtype=np.int64)
    batch.start(np.full(people, seed, dtype=np.int64), person)
    generator = np.random.Generator(np.random.Philox([seed, 1]))
    posted = np.cumsum(items.supply, dtype=np.float64)
    plain = np.flatnonzero(items.civic == 0)
    number = np.full(len(items), -1)
    number[plain] = np.arange(plain.size)
    seen = []
    for slot in range(parameters.calendar.slots):
        drawn = np.searchsorted(posted / posted[-1], generator.random(people), side="right")
        taste = batch.state.taste
        outcome = batch.step(np.minimum(drawn, len(items) - 1)).outcome
        (who,) = np.nonzero(outcome.opened & (number[outcome.item] >= 0))
        item = outcome.item[who]
        said = endorsement(parameters, items.at(item), taste[who, items.topic[item]])
        seen.append((who, number[item], np.full(who.size, slot), outcome.minutes[who], said))
    who, item, slots, minutes, said = (np.concatenate(column) for column in zip(*seen, strict=True))
    topics = np.unique(items.topic[plain], return_inverse=True)[1]
    real = (minutes.astype(np.float64), said.astype(np.float64))
    return Views(who, item, slots, *real, topic_of=topics)
