"""`docs/parameters.md`: every parameter of the world as Markdown, written from the models."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from ..envs.world import NULLS, PRESETS, WorldParameters, world
from .markdown import bullets, join, section, table

# The code before the first colon, comma, bracket or blank of a source, and what it stands for.
SOURCES: Mapping[str, str] = {
    "V": "published, and read in the paper's abstract or text",
    "V2": "published, known from a secondary source",
    "D": "derived from published figures",
    "P": "the prototype from which the project began",
    "A": "an assumption, to be swept",
    "design": "a choice of the design: a clock, a weight or a price that no study could tell",
    "Deffuant 2000": "a form and a usual value of that model, not a measurement of people",
}

_HEAD = """\
# Parameters of the world

Every parameter of a world with its default, its admissible range, its unit and its source. Name one
by its path under `overrides` of a world in a config, or in Python:

```python
from undertow.envs import world

parameters = world("default", overrides={"habit": {"gain": 0.02}})
```

A value outside its range, of the wrong type, or under an unknown name is refused with its path. Two
rules join several parameters: the longest possible session has to fit in a slot, and there is at
least one item a topic.

The column `vulnerable` shows where that preset differs; elsewhere it is the default. This page is
written by `undertow parameters > docs/parameters.md` and checked by a test; what it says stands in
`envs/world/parameters.py`."""

_SOURCES = """\
What follows a code says more: `A: .005 a day` is an assumption that was made for a day. A dash
stands where there is nothing to measure: at switches."""

_WORLD = "The world itself"


def parameter_table() -> str:
    """Every parameter of the world as Markdown: the text of `docs/parameters.md`."""
    default, vulnerable = world("default"), world("vulnerable")
    own = [name for name, value in default if not isinstance(value, BaseModel)]
    parts = [_group(type(value), name, value, vulnerable) for name, value in _groups(default)]
    named = [f"`{code}`: {meaning}" for code, meaning in SOURCES.items()]
    return join(
        [
            _HEAD,
            section("Sources", bullets(named), _SOURCES),
            *parts,
            section(_WORLD, _table(WorldParameters, "", own, default, vulnerable)),
            _changes("Presets", "preset", PRESETS, default),
            _changes("Null worlds", "null", NULLS, default),
        ]
    )


def _groups(parameters: WorldParameters) -> Iterator[tuple[str, BaseModel]]:
    for name, value in parameters:
        if isinstance(value, BaseModel):
            yield name, value


def _group(
    model: type[BaseModel], name: str, default: BaseModel, vulnerable: WorldParameters
) -> str:
    other = getattr(vulnerable, name)
    text = inspect.cleandoc(model.__doc__ or "")
    fields = list(model.model_fields)
    return section(f"`{name}`", text, _table(model, f"{name}.", fields, default, other))


def _table(
    model: type[BaseModel], path: str, fields: list[str], default: BaseModel, other: BaseModel
) -> str:
    schema = model.model_json_schema()["properties"]
    rows = []
    for name in fields:
        entry, value, differs = schema[name], getattr(default, name), getattr(other, name)
        rows.append(
            [
                f"`{path}{name}`",
                written(value),
                "" if differs == value else written(differs),
                _range(entry),
                entry.get("unit", "–"),
                entry.get("source", "–"),
                entry.get("description", ""),
            ]
        )
    head = ["parameter", "default", "vulnerable", "range", "unit", "source", "meaning"]
    return table(head, rows)


def _range(entry: Mapping[str, Any]) -> str:
    if entry["type"] == "boolean":
        return "true, false"
    if "enum" in entry:
        return ", ".join(entry["enum"])
    return f"{written(entry['minimum'])} to {written(entry['maximum'])}"


def written(value: object) -> str:
    """A value as YAML would have it, without digits that say nothing."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _changes(
    title: str, kind: str, worlds: Mapping[str, Mapping[str, Any]], default: WorldParameters
) -> str:
    """What each named world changes, a line a parameter."""
    rows = [
        [f"`{name}`", f"`{path}`", written(_at(default, path)), written(value)]
        for name, overrides in worlds.items()
        for path, value in _flat(overrides)
    ]
    return section(title, table([kind, "parameter", "default", f"in this {kind}"], rows))


def _flat(overrides: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in overrides.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def _at(parameters: WorldParameters, path: str) -> object:
    value: object = parameters
    for name in path.split("."):
        value = getattr(value, name)
    return value
