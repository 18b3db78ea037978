"""Small changes of a Python file: an operator, a constant, a condition, a lost statement."""

from __future__ import annotations

import ast
import copy
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
    ast.RShift: ast.LShift,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
COMPARISONS = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
NAMES = {
    "minimum": "maximum",
    "maximum": "minimum",
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "zeros": "ones",
    "ones": "zeros",
    "zeros_like": "ones_like",
    "cos": "sin",
    "sin": "cos",
}
#: In scrolling and slots, what is easily taken for another.
TWINS = {
    "following": "state",
    "still": "parameters",
    "moving": "minutes",
    "resented": "unendorsed",
    "moved_by": "item",
    "pull": "plan",
    "plan": "pull",
    "choice": "feed",
}
#: Swapped with an array these only crash, which any test sees.
_RECORDS = {"parameters", "rule", "rules", "still", "items", "item", "traits", "state", "full"}
# What is read by people or by type checkers, not run.
_SKIPPED = (ast.Import, ast.ImportFrom, ast.JoinedStr, ast.Raise)


@dataclass(frozen=True)
class Mutant:
    """One change of one file."""

    path: str
    where: str
    """Names of the class and function that hold it."""
    line: int
    change: str
    """Before and after, as code."""

    @property
    def key(self) -> str:
        """What names it, whatever its line."""
        return f"{self.path} {self.where}: {self.change}"


def mutants(root: Path, path: str) -> list[Mutant]:
    """All of one file."""
    return [mutant for mutant, _ in _mutated(root, path)]


def code_of(root: Path, mutant: Mutant) -> str:
    """The whole file after the change."""
    return next(ast.unparse(tree) for one, tree in _mutated(root, mutant.path) if one == mutant)


def _mutated(root: Path, path: str) -> Iterator[tuple[Mutant, ast.Module]]:
    """Each mutant of a file, and the tree as it is then; it changes back with the next one."""
    tree = ast.parse((root / path).read_text())
    times: Counter[tuple[str, str]] = Counter()
    for where, node, field, place in list(_sites(tree, "")):
        value = getattr(node, field)
        old = value if place is None else value[place]
        for new in _changed(old, where):
            after = "nothing" if isinstance(new, ast.Pass) else ast.unparse(new)
            change = f"{ast.unparse(old)}  ->  {after}".replace("\n", " ")
            # Where a function holds the same twice, the second has a number.
            times[where, change] += 1
            if (number := times[where, change]) > 1:
                change += f" #{number}"
            _put(node, field, place, ast.fix_missing_locations(ast.copy_location(new, old)))
            yield Mutant(path, where or "module", old.lineno, change), tree
            _put(node, field, place, old)


def _put(node: ast.AST, field: str, place: int | None, new: ast.AST) -> None:
    if place is None:
        setattr(node, field, new)
    else:
        getattr(node, field)[place] = new


def _sites(node: ast.AST, where: str) -> Iterator[tuple[str, ast.AST, str, int | None]]:
    """Every node that may change: who holds it, and where."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "type_comment"):
            continue
        children = value if isinstance(value, list) else [value]
        for place, child in enumerate(children):
            if not isinstance(child, ast.AST) or isinstance(child, _SKIPPED) or _is_text(child):
                continue
            inside = f"{where}.{child.name}".strip(".") if _has_name(child) else where
            if not _has_name(child) and hasattr(child, "lineno"):
                yield inside, node, field, place if isinstance(value, list) else None
            yield from _sites(child, inside)


def _has_name(node: ast.AST) -> bool:
    return isinstance(node, (ast.FunctionDef, ast.ClassDef))


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _changed(old: ast.AST, where: str) -> Iterator[ast.AST]:
    """What may stand in place of a node."""
    new = copy.deepcopy(old)
    match old:
        case ast.BinOp(op=op) | ast.BoolOp(op=op) | ast.AugAssign(op=op) if type(op) in OPERATORS:
            new.op = OPERATORS[type(op)]()
            yield new
        case ast.Compare(ops=[op]) if type(op) in COMPARISONS:
            for other in COMPARISONS[type(op)]:
                new = copy.deepcopy(old)
                new.ops = [other()]
                yield new
        case ast.UnaryOp():
            yield old.operand
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int(value)):
            yield ast.Constant(value + 1)
        case ast.Constant(value=float(value)):
            yield ast.Constant(value * 1.25 if value else 0.25)
        case ast.If() | ast.IfExp():
            new.test = ast.UnaryOp(ast.Not(), new.test)
            yield new
        case ast.Name(id=name, ctx=ast.Load()) if name in TWINS:
            yield ast.Name(TWINS[name], ast.Load())
        case ast.Attribute(attr=name, ctx=ast.Load()) if name in TWINS:
            new.attr = TWINS[name]
            yield new
        case ast.Call():
            yield from _calls(old)
    if (where and isinstance(old, (ast.AugAssign, ast.Expr))) or _sets_part(old):
        yield ast.copy_location(ast.Pass(), old)


def _sets_part(node: ast.AST) -> bool:
    """Whether a statement sets an entry of an array, or a name from itself."""
    if not isinstance(node, ast.Assign) or len(node.targets) != 1:
        return False
    target = node.targets[0]
    names = {part.id for part in ast.walk(node.value) if isinstance(part, ast.Name)}
    return isinstance(target, ast.Subscript) or (
        isinstance(target, ast.Name) and target.id in names
    )


def _calls(old: ast.Call) -> Iterator[ast.AST]:
    new = copy.deepcopy(old)
    if isinstance(new.func, ast.Attribute) and new.func.attr in NAMES:
        new.func.attr = NAMES[new.func.attr]
        yield new
    elif isinstance(new.func, ast.Name) and new.func.id in NAMES:
        new.func.id = NAMES[new.func.id]
        yield new
    for place, pair in enumerate(itertools.pairwise(old.args)):
        if any(isinstance(part, ast.Name) and part.id in _RECORDS for part in pair):
            continue
        new = copy.deepcopy(old)
        new.args[place], new.args[place + 1] = new.args[place + 1], new.args[place]
        if ast.dump(new) != ast.dump(old):
            yield new
