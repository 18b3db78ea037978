"""What a policy does to the person of a tiny world, exactly: no people are drawn.

Those who leave keep the stance they left with. So induced drift is the drift of the policy less
that of the neutral feed, the ratchet that of the one-step optimum, and the investment what long
sight adds to it: the parts sum to the whole.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from undertow.envs.tiny import TinyWorld

from .planner import Planner, Real


@dataclass(frozen=True)
class Prospect:
    """Expectations over an episode of a given number of slots, from the start."""

    drift: float
    """Change of |stance| from the start to the end, or to when they left."""
    minutes_per_day: float
    """Of the calendar; days after leaving count as 0."""
    habit: float
    """Mean habit of those who are still there at the end."""
    staying: float
    """Chance of still being there at the end."""

    def as_dict(self) -> dict[str, float]:
        """For JSON."""
        return asdict(self)


def prospect(world: TinyWorld, planner: Planner, policy: Real, slots: int) -> Prospect:
    """Propagates the law of the state through `slots` slots under `policy`."""
    law = planner.occupancy(policy, slots)
    lived = law[:-1].sum(axis=0)
    drift = float(np.sum(policy * world.mdp.cost * lived[:, None]))
    minutes = float(np.sum(policy * world.mdp.reward * lived[:, None]))
    days = slots / world.full.calendar.slots_per_day
    staying = float(law[-1].sum())
    habit = float(law[-1] @ world.grid.values["habit"]) / staying if staying > 0 else float("nan")
    return Prospect(drift, minutes / days, habit, staying)


def neutral_policy(world: TinyWorld) -> Real:
    """The neutral feed as chances (states, actions)."""
    return np.tile(world.neutral, (len(world.grid), 1))
