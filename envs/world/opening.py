"""1. Opening: is the app opened in this slot?

    P(open) = 1 - (1 - D) (1 - omega h)
    D       = sigmoid(b_o + w_h h + w_u u_lead - c (w_h h + w_u allure_lead + w_r R))

The lead item (and its notification) and habit call; self-control c withstands its share of what
habit and allure add, and holds recent regret against the app. Cue-triggered use with habit: Becker
& Murphy 1988; self-control as a share of temptation resisted: Allcott, Gentzkow & Song 2022. Habit
may add to the call (w_h) or open the app by itself, past all control (omega; cues and goals as two
routes: Wood & Neal 2007); by the second use rises with the stock by equal steps, as in the
linear demand of Allcott, Gentzkow & Song. `opening.enabled` off: there is no feed.
"""

from __future__ import annotations

from .appraisal import Appraised
from .arrays import Float, namespace, sigmoid
from .parameters import WorldParameters


def opening_probability(
    parameters: WorldParameters, lead: Appraised, habit: Float, regret: Float, self_control: Float
) -> Float:
    """Chance of opening, in (0, 1), or 0 where there is no feed; arrays broadcast."""
    w = parameters.opening
    if not w.enabled:
        closed: Float = namespace(habit).zeros_like(lead.plan + habit)
        return closed
    urge = w.habit * habit + w.lead * lead.allure
    called = sigmoid(w.base + w.lead * lead.plan + urge - self_control * (urge + w.regret * regret))
    return called + (1.0 - called) * (w.cue * habit)
