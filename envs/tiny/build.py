"""The tiny world's tables, worked out by the functions of `envs/world/` on every grid point.

A slot has two branches. Closed: stocks fade, the stance relaxes, the person leaves with the chance
of churn. Opened: the item is watched, and every coordinate moves to its expected next value, which
is exact, because each update is linear in the dose and the dose is averaged over the luck of the
session. Then each coordinate is rounded by lot onto the grid. Lost is what only a joint law holds:
that a long session moves all coordinates at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np

from ..world import Items, State, Traits, WorldParameters, synthetic
from ..world.appraisal import Appraised, appraise_one
from ..world.arrays import dose
from ..world.catalogue import Shown
from ..world.churn import churn_probability
from ..world.habituation import build_habit
from ..world.opening import opening_probability
from ..world.satiation import satiate
from ..world.stance import persuade, relax_stance
from ..world.watching import expected_minutes, session_noise
from ..world.welfare import regret_next
from .grid import Grid, Real, Whole
from .mdp import FiniteMDP
from .parameters import TinyParameters

_Record = TypeVar("_Record", Traits, State)
_NODES = 256  # of the luck of a session


@dataclass(frozen=True)
class TinyWorld:
    """The tables. Shapes (states, actions), or (states,) where the action has no say."""

    parameters: TinyParameters
    full: WorldParameters
    items: Items
    grid: Grid
    opening: Real
    """Chance that the app is opened."""
    minutes: Real
    """Expected minutes, once opened."""
    unendorsed: Real
    """Expected share of them that temptation and habit added."""
    leaving: Real
    """Chance of leaving for good, where the app stayed closed, (states,)."""
    below: tuple[Whole, Whole]
    """Grid point below each expected value: closed (5, states), opened (5, states, actions)."""
    up: tuple[Real, Real]
    """Chance of rounding up from there, likewise."""
    start: Real
    """Chance of each state at the start, (states,)."""

    @cached_property
    def neutral(self) -> Real:
        """The neutral feed: posts in proportion to supply, (actions,)."""
        supply: Real = self.items.supply.astype(np.float64)
        share: Real = supply / supply.sum()
        return share

    @cached_property
    def mdp(self) -> FiniteMDP:
        """The same as a Markov decision process; its cost is the expected change of |stance|."""
        states, actions = self.opening.shape
        closed, closed_chance = self.grid.corners(self.below[0], self.up[0])
        opened, opened_chance = self.grid.corners(
            self.below[1].reshape(5, -1), self.up[1].reshape(5, -1)
        )
        chance_open = self.opening[:, :, None]
        stays = (1.0 - self.opening) * (1.0 - self.leaving)[:, None]
        following = np.concatenate(
            [
                np.broadcast_to(closed[:, None, :], (states, actions, 32)),
                opened.reshape(states, actions, 32),
            ],
            axis=2,
        )
        chance = np.concatenate(
            [
                stays[:, :, None] * closed_chance[:, None, :],
                chance_open * opened_chance.reshape(states, actions, 32),
            ],
            axis=2,
        )
        extremity = np.abs(self.grid.values["stance"])
        went_on = np.sum(chance, axis=2)
        cost = np.sum(chance * extremity[following], axis=2) - went_on * extremity[:, None]
        row = np.repeat(np.arange(states * actions), 64).astype(np.int64)
        kept = chance.ravel() > 0
        return FiniteMDP(
            states=states,
            actions=actions,
            row=row[kept],
            following=following.ravel()[kept],
            chance=chance.ravel()[kept],
            reward=self.opening * self.minutes,
            cost=cost,
            start=self.start,
        )


def build(parameters: TinyParameters) -> TinyWorld:
    """Works the tables out; about a second."""
    full, grid = parameters.world(), Grid.of(parameters)
    items = synthetic(full)
    states, actions = len(grid), len(items)
    action = np.tile(np.arange(actions, dtype=np.int64), states)
    traits, state = _everywhere(parameters, grid, actions)
    item = _exact(items.at(action))

    seen = appraise_one(full, item, traits, state)
    opening = opening_probability(full, seen, state.habit, state.regret, traits.self_control)
    minutes = expected_minutes(full, seen.pull, item.length, state.habit)
    exposure = _expected_dose(full, minutes)
    unendorsed = _unendorsed(full, item, seen, traits, state, opening, minutes)
    opened = _next(full, traits, state, item, exposure, unendorsed)

    first = slice(None, None, actions)  # the closed branch is the same for every action
    idle, closed_state = _rows(traits, first), _rows(state, first)
    nothing = np.zeros(states)
    closed = _next(full, idle, closed_state, item.of(action[first]), nothing, nothing)
    shape = (states, actions)
    below, up = zip(*(grid.between(v, k) for k, v in enumerate(opened)), strict=True)
    below_closed, up_closed = zip(*(grid.between(v, k) for k, v in enumerate(closed)), strict=True)
    return TinyWorld(
        parameters=parameters,
        full=full,
        items=items,
        grid=grid,
        opening=opening.reshape(shape),
        minutes=minutes.reshape(shape),
        unendorsed=unendorsed.reshape(shape),
        leaving=churn_probability(full, closed[1], closed[4]),
        below=(np.stack(below_closed), np.stack(below).reshape(5, *shape)),
        up=(np.stack(up_closed), np.stack(up).reshape(5, *shape)),
        start=_start(parameters, full, grid),
    )


def _everywhere(parameters: TinyParameters, grid: Grid, actions: int) -> tuple[Traits, State]:
    """One person in every state, once for each action: (states x actions,) rows."""
    value = {name: np.repeat(column, actions) for name, column in grid.values.items()}
    one = np.ones_like(value["stance"])
    taste = np.stack([parameters.news * one, parameters.taste * one], axis=1)
    traits = Traits(
        self_control=parameters.self_control * one,
        susceptibility=parameters.susceptibility * one,
        latitude=parameters.latitude * one,
        news=parameters.news * one,
        stance=parameters.origin * one,
        taste=taste,
    )
    state = State(
        taste=taste,
        satiation=np.stack([value["civic_satiation"], value["plain_satiation"]], axis=1),
        habit=value["habit"] if parameters.world().habit.enabled else 0.0 * one,
        tolerance=0.0 * one,
        stance=value["stance"],
        regret=value["regret"],
        present=one > 0,
    )
    return traits, state


def _rows(record: _Record, rows: slice) -> _Record:
    return type(record)(**{name: array[rows] for name, array in vars(record).items()})


def _exact(item: Shown) -> Shown:
    return Shown(**{name: column.astype(np.float64) for name, column in vars(item).items()})


def _expected_dose(full: WorldParameters, minutes: Real) -> Real:
    """Mean dose over the luck of a session, by strata of equal chance."""
    luck = (np.arange(_NODES) + 0.5) / _NODES
    noise = session_noise(full, luck)
    noise = noise / noise.mean()
    total = np.zeros_like(minutes)
    for factor in noise:
        total += dose(minutes * factor, full.exposure_minutes)
    return total / _NODES


def _unendorsed(
    full: WorldParameters,
    item: Shown,
    seen: Appraised,
    traits: Traits,
    state: State,
    opening: Real,
    minutes: Real,
) -> Real:
    """Expected unendorsed share of an opened session: the luck of its length cancels out."""
    calm = np.zeros_like(minutes)
    bare = Appraised(seen.plan, calm, seen.endorsement)
    alike = opening_probability(full, bare, calm, state.regret, traits.self_control)
    planned = expected_minutes(full, seen.plan, item.length, calm)
    also = np.minimum(1.0, alike / opening)
    return 1.0 - also * np.minimum(1.0, planned / minutes)


def _next(
    full: WorldParameters,
    traits: Traits,
    state: State,
    item: Shown,
    exposure: Real,
    unendorsed: Real,
) -> tuple[Real, ...]:
    """Expected next value of each coordinate; exposure 0 is a closed slot."""
    satiation = satiate(full, state.satiation, item.indicator, exposure)
    pushed = persuade(full, state.stance, item, traits, exposure)
    middle = np.full_like(pushed, 0.5)  # the noise of the stance has mean 0
    one = np.ones_like(pushed)
    return (
        relax_stance(full, pushed, traits.stance, middle),
        build_habit(full, state.habit, item.arousal, exposure),
        satiation[:, 0],
        satiation[:, 1],
        regret_next(full, state.regret, unendorsed, one, exposure),
    )


def _start(parameters: TinyParameters, full: WorldParameters, grid: Grid) -> Real:
    habit = full.population.habit_start if full.habit.enabled else 0.0
    first = [np.asarray([v]) for v in (parameters.origin, habit, 0.0, 0.0, 0.0)]
    below, up = zip(*(grid.between(v, k) for k, v in enumerate(first)), strict=True)
    state, chance = grid.corners(np.stack(below), np.stack(up))
    return np.bincount(state[0], chance[0], minlength=len(grid)).astype(np.float64)
