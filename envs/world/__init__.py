"""The world: a batch of people and a catalogue, pure arrays, no reinforcement-learning library."""

from .catalogue import Items, assemble, synthetic
from .parameters import NULLS, PRESETS, WorldParameters, altered, world
from .people import State, Traits, draw
from .slot import Outcome, expected_next_minutes, slot
from .streams import IN_A_SLOT, Mechanism, uniforms

__all__ = [
    "IN_A_SLOT",
    "NULLS",
    "PRESETS",
    "Items",
    "Mechanism",
    "Outcome",
    "State",
    "Traits",
    "WorldParameters",
    "altered",
    "assemble",
    "draw",
    "expected_next_minutes",
    "slot",
    "synthetic",
    "uniforms",
    "world",
]
