"""What is wrong with an argument, in the house's words: where, what was found, what is allowed."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args, get_origin

import numpy as np
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

_LONGEST = 60
_NAMES_ITS_FIELD = re.compile(r"[a-z_.]+: ")
_LIMITS = {"ge": "{} or more", "gt": "more than {}", "le": "{} or less", "lt": "less than {}"}


def in_plain_words(error: ValidationError, model: type[BaseModel], *under: str) -> str:
    """All problems that pydantic found in a `model`, a line each; under: the path to it."""
    lines = []
    for problem in error.errors(include_url=False):
        path = ".".join(str(part) for part in (*under, *problem["loc"]))
        text = problem["msg"].removeprefix("Value error, ")
        if problem["type"] in ("extra_forbidden", "invalid_key"):
            owner = _at(model, problem["loc"][:-1])
            keys = ", ".join(owner.model_fields) if isinstance(owner, type) else "no such key"
            lines.append(f"{path}: no such key; allowed: {keys}")
        elif problem["type"] in ("value_error", "assertion_error"):
            # The checks of a whole model name the field themselves, without the path to it.
            joint = "." if _NAMES_ITS_FIELD.match(text) else ": "
            lines.append(f"{path}{joint}{text}" if path else text)
        else:
            lines.append(
                f"{path}: found {_short(problem['input'])}; allowed: "
                f"{_allowed(_at(model, problem['loc'])) or text}"
            )
    return "\n".join(lines)


def _at(model: type[BaseModel], path: tuple[Any, ...]) -> type[BaseModel] | FieldInfo | None:
    """The model or the field at a path."""
    place: type[BaseModel] | FieldInfo | None = model
    for name in path:
        if not isinstance(place, type):
            return None
        field = place.model_fields.get(str(name))
        inner = None if field is None else field.annotation
        place = inner if isinstance(inner, type) and issubclass(inner, BaseModel) else field
    return place


def _allowed(place: type[BaseModel] | FieldInfo | None) -> str:
    """What may stand there; empty where that is not known."""
    if isinstance(place, type):
        return f"a mapping with the keys {', '.join(place.model_fields)}"
    if place is None:
        return ""
    if get_origin(place.annotation) is Literal:
        return ", ".join(map(repr, get_args(place.annotation)))
    kinds: dict[Any, str] = {int: "an integer", float: "a number", bool: "True or False"}
    kind = kinds.get(place.annotation, "")
    limits = {
        key: getattr(rule, key) for rule in place.metadata for key in _LIMITS if hasattr(rule, key)
    }
    if set(limits) == {"ge", "le"}:
        return f"{kind} from {limits['ge']} to {limits['le']}"
    words = " and ".join(_LIMITS[key].format(limit) for key, limit in limits.items())
    return f"{kind}, {words}" if words else kind


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


class Named:
    """A class whose keyword arguments are known by name: any other is refused with the list."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """The object, before `__init__`."""
        parameters = inspect.signature(cls.__init__).parameters
        known = list(parameters)[1:]
        takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
        for name in kwargs:
            if name not in known and not takes_any:
                raise ValueError(f"{name}: no such argument; allowed: {', '.join(known)}")
        return super().__new__(cls)


def checked_count(name: str, count: Any) -> int:
    """A number of people. Raises `ValueError` for what is no integer of 1 or more."""
    if not isinstance(count, (int, np.integer)) or isinstance(count, bool):
        raise ValueError(f"{name}: found {_short(count)}; allowed: an integer, 1 or more")
    if count < 1:
        raise ValueError(f"{name}: found {count}; allowed: 1 or more")
    return int(count)


def checked_choice(name: str, value: Any, choices: Mapping[str, Any] | tuple[str, ...]) -> None:
    """Raises `ValueError` for what is none of the texts in `choices`."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name}: found {_short(value)}; allowed: {', '.join(choices)}")


def validated(model: type[BaseModel], make: Callable[[], Any], *under: str) -> Any:
    """What `make` returns. Raises `ValueError` in plain words where pydantic refuses it."""
    try:
        return make()
    except ValidationError as error:
        raise ValueError(in_plain_words(error, model, *under)) from None
