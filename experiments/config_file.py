"""A YAML file as a mapping: `extends`, `overrides_from`, paths, and what of YAML a config may use.

`extends: FILE` lays a file's keys over another's: mappings are merged key by key, anything else
replaces; a key set to null is taken away. `overrides_from: FILE` in a world lays the world's own
`overrides` over those that a file holds, such as the `world.yaml` of `undertow fit-views`.

**Paths** in a config are relative to the file in which they stand.

**Values** are those of YAML 1.2: true and false, decimal numbers, null, text. What YAML 1.1 reads
otherwise than it looks (`yes`, `off`, `1:30`, `2022-04-09`) is text, and `010` is refused. So are
tags, except those of these values.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

_LARGEST = 4_000_000  # bytes of a file
_DEEPEST = 64  # mappings and lists inside each other
_NODES = 200_000  # keys and values once aliases are written out
_LONGEST_CHAIN = 32  # files
_DIGITS = 30  # of a whole number
_SHOWN = 60  # characters of a value in a message
#: Keys that hold a path, from the top of a config.
_PATHS = (("catalogue", "path"), ("log", "path"), ("log", "items", "path"), ("experiment",))

_TAG = "tag:yaml.org,2002:"
_KINDS = {
    "null": (re.compile(r"~|null|Null|NULL|"), ["~", "n", "N", ""]),
    "bool": (re.compile(r"true|True|TRUE|false|False|FALSE"), list("tTfF")),
    "int": (
        re.compile(r"[-+]?(?:0|[1-9][0-9]*|[1-9][0-9]{0,2}(?:_[0-9]{3})+)"),
        list("-+0123456789"),
    ),
    "float": (
        re.compile(
            r"[-+]?(?:(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+"
            r"|\.(?:inf|Inf|INF))|\.(?:nan|NaN|NAN)"
        ),
        list("-+.0123456789"),
    ),
    "merge": (re.compile("<<"), ["<"]),
}
_ALLOWED = {
    "null": "null",
    "bool": "true or false",
    "int": "a whole number, in decimal digits",
    "float": "a number",
    "merge": "<<",
}
_OCTAL = re.compile(r"([-+]?)0+([0-9][0-9_]*)")
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\U0010ffff]")


class ConfigError(ValueError):
    """A config that cannot be run; the message names the key, the value and what is allowed."""


class _Loader(yaml.SafeLoader):
    """YAML 1.2's plain values, nested no deeper than `_DEEPEST`, each key once."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> yaml.Node | None:
        """As PyYAML's, which would go on until Python's stack is full."""
        self.depth += 1
        if self.depth > _DEEPEST:
            mark = self.peek_event().start_mark
            problem = f"found more than {_DEEPEST} levels; allowed: {_DEEPEST} or fewer"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """The mapping, once its keys are known to differ; PyYAML drops all but the last."""
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.MarkedYAMLError(
                        problem=f"{key.value!r} stands twice", problem_mark=key.start_mark
                    )
                seen.add(key.value)
        return node


_Loader.yaml_implicit_resolvers = {}  # not those of YAML 1.1
for _kind, (_pattern, _first) in _KINDS.items():
    _Loader.add_implicit_resolver(_TAG + _kind, re.compile(f"(?:{_pattern.pattern})$"), _first)


class _Checked:
    """Looks at every node before values are made of them; refuses what no config may hold."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._known: dict[int, tuple[int, int]] = {}  # size and height of a node, by its id
        self._open: set[int] = set()

    def problem(self, node: yaml.Node, path: str, found: str, allowed: str) -> ConfigError:
        """An error that names key, value, what is allowed, and the line."""
        where = f"{path}: " if path else ""
        line = node.start_mark.line + 1
        return ConfigError(f"{self.file}:\n{where}found {found}; allowed: {allowed} (line {line})")

    def look(self, node: yaml.Node, path: str = "") -> tuple[int, int]:
        """How many values a node holds once aliases are written out, and how many levels."""
        if id(node) in self._known:
            return self._known[id(node)]
        if id(node) in self._open:
            raise self.problem(node, path, "an alias that holds itself", "aliases that end")
        if isinstance(node, yaml.ScalarNode):
            self._scalar(node, path)
            return 1, 1
        if node.tag not in (_TAG + "map", _TAG + "seq"):
            raise self.problem(node, path, f"the tag {_short(node.tag)}", "no tag")
        self._open.add(id(node))
        inner = [self.look(child, below) for child, below in self._children(node, path)]
        self._open.discard(id(node))
        size = 1 + sum(one for one, _ in inner)
        height = 1 + max((one for _, one in inner), default=0)
        if size > _NODES:
            raise self.problem(node, path, f"more than {_NODES:,} values, aliases written out",
                               f"{_NODES:,} or fewer")  # fmt: skip
        if height > _DEEPEST:
            raise self.problem(node, path, f"more than {_DEEPEST} levels, aliases written out",
                               f"{_DEEPEST} or fewer")  # fmt: skip
        self._known[id(node)] = size, height
        return size, height

    def _children(self, node: yaml.Node, path: str) -> list[tuple[yaml.Node, str]]:
        before = f"{path}." if path else ""
        if isinstance(node, yaml.SequenceNode):
            return [(child, f"{before}{place}") for place, child in enumerate(node.value)]
        children = []
        for key, value in node.value:
            if key.tag == _TAG + "merge":
                children.append((value, f"{before}<<"))
                continue
            if not isinstance(key, yaml.ScalarNode) or key.tag != _TAG + "str":
                text = _short(key.value) if isinstance(key, yaml.ScalarNode) else "no text"
                example = text if isinstance(key, yaml.ScalarNode) else "null"
                allowed = f'a key in quotes, such as "{example}"'
                raise self.problem(key, path, f"the key {text}", allowed)
            self._text(key, path)
            children.append((value, f"{before}{_short(key.value)}"))
        return children

    def _scalar(self, node: yaml.ScalarNode, path: str) -> None:
        kind = node.tag.removeprefix(_TAG)
        if kind == "str":
            self._text(node, path)
            octal = _OCTAL.fullmatch(node.value)
            if octal is not None and node.style is None:
                sign, digits = octal.groups()
                allowed = f"{sign}{digits}, without a leading zero (or text, in quotes)"
                raise self.problem(node, path, _short(node.value), allowed)
            return
        if kind not in _KINDS:
            raise self.problem(node, path, f"the tag {_short(node.tag)}", "no tag")
        written = [_KINDS[kind], *([_KINDS["int"]] if kind == "float" else [])]
        if not any(pattern.fullmatch(node.value) for pattern, _ in written):
            raise self.problem(node, path, repr(_short(node.value)), _ALLOWED[kind])
        if kind == "int" and len(node.value) > _DIGITS:
            digits = f"a number of {len(node.value)} digits"
            raise self.problem(node, path, digits, f"{_DIGITS} or fewer")

    def _text(self, node: yaml.ScalarNode, path: str) -> None:
        wrong = _UNPRINTABLE.search(node.value)
        if wrong is not None:
            found = f"a text with the character U+{ord(wrong[0]):04X}"
            raise self.problem(node, path, found, "printable text")


def read_yaml(file: Path, chain: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The mapping that a YAML file holds, laid over what it extends; raises `ConfigError`.

    chain: the files that led to this one.
    """
    here = _resolved(file)
    if here in chain:
        raise ConfigError(f"{file}: extends itself; allowed: a chain of files that ends")
    if len(chain) >= _LONGEST_CHAIN:
        raise ConfigError(
            f"{file}: found after a chain of {len(chain)} files; allowed: {_LONGEST_CHAIN} or fewer"
        )
    data = _mapping(file)
    _take_in_paths(file, data)
    _take_in_overrides(file, data, (*chain, here))
    below = data.pop("extends", None)
    if below is None:
        return data
    return _laid_over(read_yaml(_beside(file, "extends", below), (*chain, here)), data)


def _resolved(file: Path) -> Path:
    try:
        return file.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links, a null byte
        raise ConfigError(f"{file}: cannot be read ({error})") from None


def _mapping(file: Path) -> dict[str, Any]:
    """What one file says, by itself."""
    try:
        loader = _Loader(_text_of(file))
        node = loader.get_single_node()
        if node is not None:
            _Checked(file).look(node)
        data = None if node is None else loader.construct_document(node)
    except yaml.YAMLError as error:
        raise ConfigError(f"{file}: not YAML: {error}") from None
    if not isinstance(data, dict):
        raise ConfigError(f"{file}: found {type(data).__name__}; allowed: a mapping of keys")
    own: dict[str, Any] = _own(data)
    return own


def _own(data: Any) -> Any:
    """A copy in which no two keys share a value, as those of an alias do."""
    if isinstance(data, dict):
        return {key: _own(value) for key, value in data.items()}
    return [_own(value) for value in data] if isinstance(data, list) else data


def _text_of(file: Path) -> Any:
    try:
        with file.open("rb") as stream:
            raw = stream.read(_LARGEST + 1)
        if len(raw) > _LARGEST:
            raise ConfigError(
                f"{file}: found more than {_LARGEST:,} bytes; allowed: {_LARGEST:,} or fewer"
            )
        return raw.decode("utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{file}: no such file; allowed: a YAML experiment") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: cannot be read ({error}); allowed: UTF-8") from None
    except (OSError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{file}: cannot be read ({error})") from None


def _beside(file: Path, key: str, value: Any) -> Path:
    """A path that a file names, relative to the file."""
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"{file}: {key}: found {value!r}; allowed: a path beside this file")
    return file.parent / value


def _take_in_paths(file: Path, data: dict[str, Any]) -> None:
    """Turns the paths of a file, which are relative to it, into paths from where one stands."""
    for keys in _PATHS:
        block: Any = data
        for key in keys[:-1]:
            block = block.get(key) if isinstance(block, dict) else None
        if isinstance(block, dict) and isinstance(block.get(keys[-1]), str):
            block[keys[-1]] = str(_beside(file, ".".join(keys), block[keys[-1]]))


def _take_in_overrides(file: Path, data: dict[str, Any], chain: tuple[Path, ...]) -> None:
    """Puts the overrides of the file that a world's `overrides_from` names under its own."""
    worlds = data.get("worlds")
    for name, block in worlds.items() if isinstance(worlds, dict) else ():
        if not isinstance(block, dict) or "overrides_from" not in block:
            continue
        key = f"worlds.{name}.overrides_from"
        below = _beside(file, key, block.pop("overrides_from"))
        own = block.get("overrides") or {}
        if not isinstance(own, dict):
            raise ConfigError(
                f"{file}: {key}: found overrides {own!r} beside it; allowed: a mapping"
            )
        block["overrides"] = _laid_over(read_yaml(below, chain), own)


def _laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        if value is None:
            merged.pop(key, None)
        elif isinstance(old, dict) and isinstance(value, dict):
            merged[key] = _laid_over(old, value)
        else:
            merged[key] = value
    return merged


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} ..."
