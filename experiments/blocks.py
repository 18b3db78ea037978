"""What every config is made of: blocks with strict types, and problems told by the key's path."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .config_file import ConfigError, read_yaml

_LONGEST = 120  # characters of a value that a message shows


class Block(BaseModel):
    """Keys of a config: no others, of the stated types, and numbers that are finite.

    A whole number may stand for a real one; nothing else is turned into another type.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


SomeBlock = TypeVar("SomeBlock", bound=BaseModel)

#: A name that is part of a file's name.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_]*$")]
#: A file that a config names. YAML has no paths: a text becomes one.
FilePath = Annotated[Path, Field(strict=False)]


class Below(ValueError):
    """Problems below a key, a line each, whose paths go on from that key's."""


@contextmanager
def below(*path: str) -> Iterator[None]:
    """Reports problems inside it under the key `path`."""
    try:
        yield
    except ValidationError as error:
        raise Below(told(error, *path)) from None


def load(block: type[SomeBlock], file: Path) -> SomeBlock:
    """Reads and validates a config; raises `ConfigError`."""
    try:
        return block.model_validate(read_yaml(file))
    except ValidationError as error:
        raise ConfigError(f"{file}:\n{told(error)}") from None


def told(error: ValidationError, *under: str) -> str:
    """All problems of a pydantic error, a line each: path, what was found, what is allowed."""
    lines = []
    for problem in error.errors():
        path = ".".join(str(part) for part in (*under, *problem["loc"]))
        found, kind = problem["input"], problem["type"]
        whole_block = isinstance(found, dict) and kind in ("missing", "value_error")
        text = problem["msg"].removeprefix("Value error, ")
        says_it = kind == "value_error" and "found " in text
        shown = "" if whole_block or says_it else f" (found {_told_short(found)})"
        if kind == "extra_forbidden":
            text = "unknown key; allowed: the keys that `undertow schema` lists"
        elif kind == "invalid_key":
            text = 'not a text; allowed: a key in quotes, such as "null"'
        elif kind == "bool_type":
            text += ", true or false"
        within = isinstance(problem.get("ctx", {}).get("error"), Below)
        joint = "" if not path else "." if within else ": "
        lines += [f"{path}{joint}{line}{shown}" for line in text.splitlines()]
    return "\n".join(lines)


def _told_short(found: Any) -> str:
    """What was found, cut where it is a block of pages: its message would hide the others."""
    text = repr(found)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


def once_each(where: str, names: Sequence[Any]) -> None:
    """Raises `ValueError` where a name stands twice."""
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise ValueError(f"{where}: found {double!r} twice; allowed: each once")
