"""A small finite world: the equations of `envs/world/` on a grid, as a Markov decision process."""

from .batch import TinyBatch
from .build import TinyWorld, build
from .grid import Grid
from .mdp import FiniteMDP
from .parameters import TinyParameters, person

__all__ = ["FiniteMDP", "Grid", "TinyBatch", "TinyParameters", "TinyWorld", "build", "person"]
