"""A trained net in NumPy: the same logits as torch's within float32 tolerance, without torch.

x = the observation, normalised where the model was trained so
recurrent:  h = LSTM(x), and x <- (x, h) with the straight path, h without
z = (x, MLP(x)) with the straight path, MLP(x) without
logits = W z + b, less their log-sum-exp, place by place
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .policy_file import Arrays, PolicyError

Real = NDArray[np.float32]
Width = Field(ge=1, le=1_000_000)
_PART = "net."  # of an array's name in the file

_ACTIVATIONS: dict[str, Callable[[Real], Real]] = {
    "Tanh": np.tanh,
    "ReLU": lambda x: np.maximum(x, np.float32(0)),
    "Identity": lambda x: x,
}


class Memory(BaseModel):
    """The LSTM of a recurrent net."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)

    units: int = Width
    layers: int = Field(1, ge=1, le=100)
    critic: Literal["shared", "own", "none"] = "shared"


class Scaling(BaseModel):
    """How observations were normalised in training, with the arrays `mean` and `var`."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)

    clip: float = Field(gt=0)
    epsilon: float = Field(ge=0)


class NetworkNote(BaseModel):
    """The shape of a net, as it stands in a policy's file."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)

    size: int = Width
    actions: tuple[int, ...] = Field(min_length=1, description="items, once for each place")
    places: bool = Field(False, description="whether an action is a slate")
    straight: bool = Field(description="whether the net has the straight path")
    actor: tuple[int, ...] = Field(description="hidden units of the actor")
    critic: tuple[int, ...] = Field(description="hidden units of the critic")
    activation: Literal["Tanh", "ReLU", "Identity"] = "Tanh"
    prior: float = 0.0
    memory: Memory | None = None
    scaling: Scaling | None = None

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every weight of the net by torch's name for it, and its shape."""
        seen = self.size
        shapes: dict[str, tuple[int, ...]] = {}
        if self.memory is not None:
            units, seen = self.memory.units, self.memory.units
            if self.memory.critic == "none":
                shapes |= _linear("critic", self.size, units)
            names = ["lstm_actor"] + (["lstm_critic"] if self.memory.critic == "own" else [])
            for name in names:
                for layer in range(self.memory.layers):
                    width = units if layer else self.size
                    shapes[f"{name}.weight_ih_l{layer}"] = (4 * units, width)
                    shapes[f"{name}.weight_hh_l{layer}"] = (4 * units, units)
                    shapes[f"{name}.bias_ih_l{layer}"] = (4 * units,)
                    shapes[f"{name}.bias_hh_l{layer}"] = (4 * units,)
            seen += self.size * self.straight
        for part, hidden, last, out in (
            ("policy_net", self.actor, "action_net", sum(self.actions)),
            ("value_net", self.critic, "value_net", 1),
        ):
            width = seen
            for layer, units in enumerate(hidden):
                shapes |= _linear(f"mlp_extractor.{part}.{2 * layer}", width, units)
                width = units
            shapes |= _linear(last, width + seen * self.straight, out)
        return shapes


def _linear(name: str, width: int, out: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (out, width), f"{name}.bias": (out,)}


def in_file(weights: Arrays, scaling: tuple[np.ndarray, np.ndarray] | None) -> Arrays:
    """The arrays of a file: weights, and mean and variance of observations where there are such."""
    arrays = {_PART + name: weight for name, weight in weights.items()}
    if scaling is not None:
        arrays |= {"scaling.mean": scaling[0], "scaling.var": scaling[1]}
    return arrays


class Network:
    """A net of a policy's file, checked; `logits` is its forward pass."""

    def __init__(self, note: NetworkNote, arrays: Arrays) -> None:
        """Raises `PolicyError` for arrays that do not fit the note."""
        expected = {_PART + name: shape for name, shape in note.shapes().items()}
        if note.scaling is not None:
            expected |= {"scaling.mean": (note.size,), "scaling.var": (note.size,)}
        found = {name: array.shape for name, array in arrays.items()}
        for name in sorted(expected.keys() | found.keys()):
            if expected.get(name) != found.get(name):
                raise PolicyError(
                    f"{name}: found shape {found.get(name)}; allowed: {expected.get(name)}"
                )
            if arrays[name].dtype.kind != "f":
                raise PolicyError(f"{name}: found type {arrays[name].dtype}; allowed: floats")
        self.note, self.arrays = note, arrays
        self.weights: Arrays = {
            name.removeprefix(_PART): array
            for name, array in arrays.items()
            if name.startswith(_PART)
        }

    @classmethod
    def read(cls, note: object, arrays: Arrays) -> Self:
        """From the fields of a file."""
        try:
            return cls(NetworkNote.model_validate(note), arrays)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in ("network", *first["loc"]))
            raise PolicyError(f"{where}: found {first['input']!r}; {first['msg']}") from None

    def empty(self, people: int) -> list[tuple[Real, Real]]:
        """The memory of people of whom nothing was seen: (hidden, cell) of each layer."""
        memory = self.note.memory
        if memory is None:
            return []
        nothing = np.zeros((people, memory.units), dtype=np.float32)
        return [(nothing, nothing)] * memory.layers

    def scaled(self, observation: Real) -> Real:
        """Observations as the net reads them."""
        if self.note.scaling is None:
            return observation
        return scaled(
            observation,
            self.arrays["scaling.mean"],
            self.arrays["scaling.var"],
            clip=self.note.scaling.clip,
            epsilon=self.note.scaling.epsilon,
        )

    def logits(
        self, observation: Real, memory: list[tuple[Real, Real]] | None = None
    ) -> tuple[Real, list[tuple[Real, Real]]]:
        """Log-probabilities, (people, items), (people, places, items) for slates; and the memory.

        observation: (people, size). memory: what `empty` or the last call gave.
        """
        x, note = self.scaled(np.asarray(observation, dtype=np.float32)), self.note
        memory = self.empty(len(x)) if memory is None else memory
        if note.memory is not None:
            h, memory = self._remembered(x, memory)
            x = np.concatenate([x, h], axis=1) if note.straight else h
        z, activation = x, _ACTIVATIONS[note.activation]
        for layer in range(len(note.actor)):
            z = activation(self._affine(f"mlp_extractor.policy_net.{2 * layer}", z))
        z = np.concatenate([x, z], axis=1) if note.straight else z
        scores = self._affine("action_net", z)
        places = np.split(scores, np.cumsum(note.actions)[:-1], axis=1)
        every = [place - _log_sum_exp(place) for place in places]
        return (np.stack(every, axis=1) if note.places else every[0]), memory

    def _affine(self, name: str, x: Real) -> Real:
        y: Real = x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]
        return y

    def _remembered(
        self, x: Real, memory: list[tuple[Real, Real]]
    ) -> tuple[Real, list[tuple[Real, Real]]]:
        new = []
        for layer, (h, c) in enumerate(memory):
            w = {
                name: self.weights[f"lstm_actor.{name}_l{layer}"]
                for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
            }
            gates = x @ w["weight_ih"].T + w["bias_ih"] + h @ w["weight_hh"].T + w["bias_hh"]
            enters, forgets, cell, leaves = np.split(gates, 4, axis=1)
            c = _sigmoid(forgets) * c + _sigmoid(enters) * np.tanh(cell)
            h = _sigmoid(leaves) * np.tanh(c)
            new.append((h, c))
            x = h
        return x, new


def scaled(
    observation: Real, mean: np.ndarray, var: np.ndarray, *, clip: float, epsilon: float
) -> Real:
    """As `VecNormalize` scales what a model trained behind it has seen."""
    apart = (observation - mean) / np.sqrt(var + epsilon)
    return np.clip(apart, -clip, clip).astype(np.float32)


def _log_sum_exp(x: Real) -> Real:
    top = x.max(axis=1, keepdims=True)
    total: Real = top + np.log(np.sum(np.exp(x - top), axis=1, keepdims=True))
    return total


def _sigmoid(x: Real) -> Real:
    # Through tanh, which does not overflow.
    half: Real = np.float32(0.5) * (np.tanh(np.float32(0.5) * x) + np.float32(1))
    return half
