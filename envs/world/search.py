"""2. Search: in a share of sessions the person looks for something, whatever the feed leads with.

    P(item i | search) = softmax_i(beta (endorsement_i - civic n (y_i - x)^2 / (2 sigma^2)))

What is sought is what is endorsed beforehand and, on contested matters, what lies near one's own
stance (selective exposure). Where a session comes from, feed or search, is what separates a
referral from a cause. `search.enabled` off: every session follows the feed.
"""

from __future__ import annotations

from .appraisal import endorsement
from .arrays import Bool, Float, Int, namespace
from .catalogue import Items
from .parameters import WorldParameters
from .people import State, Traits


def search_weights(
    parameters: WorldParameters, items: Items, traits: Traits, state: State
) -> Float:
    """Unnormalised chance of each item, shape (people, items); the likeliest has 1."""
    return _weights(parameters, items, state.taste, state.stance, traits.latitude, traits.news)


def _weights(
    parameters: WorldParameters,
    items: Items,
    taste: Float,
    stance: Float,
    latitude: Float,
    news: Float,
) -> Float:
    xp = namespace(stance)
    distance = (items.stance - stance[:, None]) / latitude[:, None]
    sought = endorsement(parameters, items, xp.take(taste, items.topic, axis=1))
    sought = sought - (0.5 * items.civic * news[:, None]) * (distance * distance)
    behind = sought - xp.max(sought, axis=1, keepdims=True)
    weight: Float = xp.exp(parameters.search.sharpness * behind)
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
    xp = namespace(uniform)
    if not xp.any(sought):
        return feed, sought
    rows = xp.nonzero(sought)[0]
    weight = _weights(
        parameters,
        items,
        state.taste[rows],
        state.stance[rows],
        traits.latitude[rows],
        traits.news[rows],
    )
    mass = xp.cumulative_sum(weight, axis=1)
    level = (uniform[rows] / share)[:, None] * mass[:, -1:]
    found = xp.sum(xp.astype(mass < level, xp.int64), axis=1)
    choice = xp.asarray(feed, copy=True)
    choice[rows] = xp.minimum(found, len(items) - 1)
    return choice, sought
