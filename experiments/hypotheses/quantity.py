"""A quantity: statistics of cells joined by arithmetic and taken seed by seed, so between twins.

    induced_drift(ppo@vulnerable) - 2 * induced_drift(ppo_myopic@vulnerable)

Other statistics may stand in one quantity, and coefficients make slopes over several cells.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]

_ALLOWED = "statistic(policy@world), numbers, + - * / and parentheses"
_LONGEST = 2000  # characters
_LARGEST = 1e9  # number
_OPERATORS: dict[type, Callable[[Real, Real], Real]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


class Cell(NamedTuple):
    """A statistic of a policy in a world."""

    statistic: str
    policy: str
    world: str


class Quantity:
    """A parsed quantity; raises `ValueError` for a text that is none."""

    def __init__(self, text: str) -> None:
        if len(text) > _LONGEST:
            raise ValueError(f"quantity: found {len(text)} characters; allowed: {_LONGEST}")
        try:
            self._tree = ast.parse(" ".join(text.split()), mode="eval").body
        except (SyntaxError, ValueError, MemoryError, RecursionError):  # too deep, or a null byte
            raise ValueError(f"quantity: found {text!r}; allowed: {_ALLOWED}") from None
        self.text = text
        self.cells = tuple(dict.fromkeys(self._read(self._tree)))
        if not self.cells:
            raise ValueError(f"quantity: found {text!r} without a cell; allowed: {_ALLOWED}")

    def of(self, values: Callable[[Cell], Real]) -> Real:
        """Its value, one a seed; values: those of a cell. A quotient by 0 is undefined, NaN."""
        with np.errstate(divide="ignore", invalid="ignore"):
            found = np.asarray(self._value(self._tree, values), dtype=np.float64)
        return np.where(np.isfinite(found), found, np.nan)

    def _read(self, node: ast.expr) -> Iterator[Cell]:
        match node:
            case ast.Call(
                func=ast.Name(id=statistic),
                args=[
                    ast.BinOp(left=ast.Name(id=policy), op=ast.MatMult(), right=ast.Name(id=world))
                ],
                keywords=[],
            ):
                yield Cell(statistic, policy, world)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                yield from self._read(left)
                yield from self._read(right)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                yield from self._read(operand)
            case ast.Constant(value=int() | float() as number) if abs(number) <= _LARGEST and (
                not isinstance(number, bool)
            ):
                pass
            case _:
                found = ast.unparse(node)
                raise ValueError(f"quantity: found {found!r}; allowed: {_ALLOWED}")

    def _value(self, node: ast.expr, values: Callable[[Cell], Real]) -> Real:
        match node:
            case ast.BinOp(left=left, op=op, right=right):
                return _OPERATORS[type(op)](self._value(left, values), self._value(right, values))
            case ast.UnaryOp(operand=operand):
                return -self._value(operand, values)
            case ast.Constant(value=int() | float() as number):
                return np.full(1, number, dtype=np.float64)
        (cell,) = self._read(node)
        return values(cell)
