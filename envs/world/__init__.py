"""The world: a batch of people and a catalogue, pure arrays, no reinforcement-learning library."""

from .catalogue import Items, assemble, synthetic
from .parameters import NULLS, PRESETS, Slate, WorldParameters, altered, world
from .people import State, Traits, draw
from .scrolling import SlateOutcome, scroll
from .slot import Outcome, expected_next_minutes, slot
from .streams import IN_A_SLOT, Mechanism, uniforms

__all__ = [
    "IN_A_SLOT",
    "NULLS",
    "PRESETS",
    "Items",
    "Mechanism",
    "Outcome",
    "Slate",
    "SlateOutcome",
    "State",
    "Traits",
    "WorldParameters",
    "altered",
    "assemble",
    "draw",
    "expected_next_minutes",
    "scroll",
    "slot",
    "synthetic",
    "uniforms",
    "world",
]
