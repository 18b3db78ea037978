"""2. Search: in a share of sessions the person looks for something, whatever the feed leads with.

    P(item i | search) = softmax_i(beta (endorsement_i - civic n (y_i - x)^2 / (2 sigma^2)))

What is sought is what is endorsed beforehand and, on contested matters, what lies near one's own
stance (selective exposure). Where a session comes from, feed or search, is what separates a
referral from a cause. `search.enabled` off: every session follows the feed.
"""

from __future__ import annotations

import numpy as np

from .appraisal import endorsement
from .arrays import Bool, Float, Int
from .catalogue import Items
from .parameters import WorldParameters
from .people import State, Traits


def search_weights(
    parameters: WorldParameters, items: Items, traits: Traits, state: State
) -> Float:
    """Unnormalised chance of each item, shape (people, items); the likeliest has 1."""
    distance = (items.stance - state.stance[:, None]) / traits.latitude[:, None]
    sought = endorsement(parameters, items, np.take(state.taste, items.topic, axis=1))
    sought = sought - (0.5 * items.civic * traits.news[:, None]) * (distance * distance)
    behind = sought - np.max(sought, axis=1, keepdims=True)
    weight: Float = np.exp(parameters.search.sharpness * behind)
    return weight


def search(
    parameters: WorldParameters,
    items: Items,
    traits: Traits,
    state: State,
    feed: Int,
    opened: Bool,
    uniform: Float,
) -> tuple[Int, Bool]:
    """The item that leads the session, and whether it was sought rather than placed.

    feed: the item the feed leads with, int64. uniform: one draw a person; shapes (people,). Where
    the app stays closed the item is the feed's.
    """
    share = parameters.search.share if parameters.search.enabled else 0.0
    sought = (uniform < share) & opened
    if not np.any(sought):
        return feed, sought
    rows = np.nonzero(sought)[0]
    some_traits, some_state = traits.take(rows), state.take(rows)
    mass = np.cumulative_sum(search_weights(parameters, items, some_traits, some_state), axis=1)
    level = (uniform[rows] / np.float32(share))[:, None] * mass[:, -1:]
    found = np.sum((mass < level).astype(np.int64), axis=1)
    choice = feed.copy()
    choice[rows] = np.minimum(found, len(items) - 1)
    return choice, sought
