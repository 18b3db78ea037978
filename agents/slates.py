"""Policies for slates: rules that fill one in turn, and greedy over a whole slate."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from undertow.envs.views import true_state
from undertow.envs.world import Items, Slate, State, Traits, WorldParameters
from undertow.envs.world.appraisal import appraise_every, appraise_one
from undertow.envs.world.arrays import dose
from undertow.envs.world.habituation import build_habit, build_tolerance
from undertow.envs.world.opening import opening_probability
from undertow.envs.world.satiation import satiate
from undertow.envs.world.scrolling import staying
from undertow.envs.world.search import search_weights
from undertow.envs.world.stance import persuade
from undertow.envs.world.watching import expected_minutes

from .made_for import MadeFor, catalogue_digest
from .policy import Action, Observed, Policy, write_rule
from .wrapped_file import Wrapped, write_wrapped

IN_TURN = "slate.json"


class InTurn:
    """A slate of what `policy` would lead with next, and next after that.

    For rules that look at nobody: each of its turns is a place of the slate.
    """

    kind: ClassVar[str] = "in_turn"

    def __init__(self, policy: Policy, size: int) -> None:
        self.policy, self.size, self.places = policy, size, size
        self.observation = policy.observation
        self.made_for = MadeFor(places=size)

    def begin(self, seed: NDArray[np.int64], person: NDArray[np.int64]) -> None:
        """Starts the people (seed, person), int64 (people,), at slot 0."""
        self.policy.begin(seed, person)

    def act(self, observation: Observed) -> Action:
        """Slates, int64 (people, size)."""
        return np.stack([self.policy.act(observation) for _ in range(self.size)], axis=1)

    def save(self, path: Path) -> Path:
        """Writes a .zip of the size and the policy's own file."""
        return write_wrapped(path, IN_TURN, {"size": self.size}, self.policy)

    @classmethod
    def read(cls, wrapped: Wrapped) -> Self:
        """From a file that `save` wrote."""
        size = wrapped.fields["size"]
        if type(size) is not int or size < 1:
            raise ValueError(f"size: found {size!r}; allowed: 1 or more")
        return cls(wrapped.policy, size)


class GreedySlate:
    """The slate with the most expected minutes of the coming slot, on the true state.

    Places are filled from the first on. An item is worth its minutes, and its chance of being
    stayed after times the best that the rest can then bring; that rest is found backwards as if
    the person did not change within the slate, and found again after each place for a person moved
    by its expected minutes. Exact where a slate does not move people; else nearly so.
    """

    kind: ClassVar[str] = "greedy_slate"
    observation = "oracle"

    def __init__(self, parameters: WorldParameters, items: Items, slate: Slate) -> None:
        self.parameters, self.items, self.slate = parameters, items, slate
        self.places = slate.size
        self.made_for = MadeFor(
            items=len(items), places=slate.size, catalogue=catalogue_digest(items)
        )

    def in_world(self, parameters: WorldParameters) -> Self:
        """See `KnowsTheWorld`: a twin whom nothing tempts is worth other minutes."""
        return type(self)(parameters, self.items, self.slate)

    def begin(self, seed: NDArray[np.int64], person: NDArray[np.int64]) -> None:
        """Nothing is remembered of anybody."""

    def act(self, observation: Observed) -> Action:
        """Slates, int64 (people, size)."""
        traits, state = true_state(observation, self.parameters)
        places = []
        for place in range(self.slate.size):
            worth = self._worth(traits, state, self.slate.size - place)
            if place == 0:
                worth = self._led(traits, state, worth)
            chosen = np.argmax(worth, axis=1)
            places.append(chosen)
            state = self._moved(traits, state, chosen)
        return np.stack(places, axis=1)

    def _worth(self, traits: Traits, state: State, left: int) -> NDArray[np.float32]:
        """Minutes from each item on, with `left` places, (people, items)."""
        minutes, stay = self._minutes(traits, state)
        rest: Any = np.zeros((len(minutes), 1), dtype=np.float32)
        for _ in range(left - 1):
            rest = np.max(minutes + stay * rest, axis=1, keepdims=True)
        worth: NDArray[np.float32] = minutes + stay * rest
        return worth

    def _minutes(self, traits: Traits, state: State) -> tuple[Any, Any]:
        """Minutes of each item once it is come to, and the chance of staying after it."""
        every = appraise_every(self.parameters, self.items, traits, state)
        mean = expected_minutes(
            self.parameters, every.pull, self.items.length, state.habit[:, None]
        )
        return self.slate.share * mean, staying(self.slate, every)

    def _led(self, traits: Traits, state: State, worth: Any) -> Any:
        """Minutes of the slot by its lead, (people, items): it opens the app, for search too."""
        every = appraise_every(self.parameters, self.items, traits, state)
        chance = opening_probability(
            self.parameters,
            every,
            state.habit[:, None],
            state.regret[:, None],
            traits.self_control[:, None],
        )
        search = self.parameters.search
        if search.enabled:
            weight = search_weights(self.parameters, self.items, traits, state)
            alone = self._minutes(traits, state)[0] / self.slate.share
            found = np.sum(weight * alone, axis=1, keepdims=True)
            found = found / np.sum(weight, axis=1, keepdims=True)
            worth = (1.0 - search.share) * worth + search.share * found
        return chance * worth

    def _moved(self, traits: Traits, state: State, chosen: Action) -> State:
        """The person after the expected minutes of this item; time does not pass."""
        item = self.items.at(chosen)
        seen = appraise_one(self.parameters, item, traits, state)
        mean = expected_minutes(self.parameters, seen.pull, item.length, state.habit)
        exposure = dose(self.slate.share * mean, self.parameters.exposure_minutes)
        return State(
            taste=state.taste,
            satiation=satiate(self.parameters, state.satiation, item.indicator, exposure),
            habit=build_habit(self.parameters, state.habit, item.arousal, exposure),
            tolerance=build_tolerance(self.parameters, state.tolerance, item.arousal, exposure),
            stance=persuade(self.parameters, state.stance, item, traits, exposure),
            regret=state.regret,
            present=state.present,
        )

    def save(self, path: Path) -> Path:
        """Writes a JSON file; see `Policy`."""
        columns = {f.name: getattr(self.items, f.name).tolist() for f in fields(Items)}
        return write_rule(
            path,
            kind=self.kind,
            parameters=self.parameters.model_dump(),
            items=columns,
            slate=self.slate.model_dump(),
        )

    @classmethod
    def read(cls, rule: dict[str, Any]) -> Self:
        """From the fields of a file that `save` wrote."""
        whole = ("topic", "creator")
        columns: dict[str, Any] = {
            name: np.asarray(column, dtype=np.int64 if name in whole else np.float32)
            for name, column in rule["items"].items()
        }
        parameters = WorldParameters.model_validate(rule["parameters"])
        return cls(parameters, Items(**columns), Slate.model_validate(rule["slate"]))
