"""`undertow convert`: policies in stable-baselines3's .zip, which can run code, to the safe .npz.

The old file goes once the new one is seen to act as it does: on observations drawn at random the
logits are the same to the bit, and so are the items. A policy of a result is told which world it
was made in, as its result's config has it.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..agents import MadeFor, Policy, load_policy
from ..agents.learned import KINDS
from ..agents.loading import RULES_ON_POLICIES
from ..agents.policy_file import UNREADABLE, PolicyError, appended, said
from .measured_world import InResult, loaded, place_of
from .provenance import write_whole
from .result_folder import ResultError

_PEOPLE, _SLOTS = 64, 4  # of the comparison


def convert(paths: Sequence[Path], *, trust: bool = False) -> Iterator[tuple[Path, Path]]:
    """Converts files, and those in folders; yields each old file and its new one.

    Raises `ResultError` for a file that is not there, is not trusted, or would act otherwise.
    """
    for file in files_of(paths):
        if _is_safe(file):
            continue
        yield file, _converted(file, trust)


def files_of(paths: Sequence[Path]) -> list[Path]:
    """The .zip files named, and those of folders, of results and of folders of results."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            for pattern in ("*.zip", "policies/*.zip", "*/policies/*.zip"):
                found += sorted(path.glob(pattern))
        elif path.is_file() and path.suffix == ".zip":
            found.append(path)
        else:
            raise ResultError(f"convert: found {path}; allowed: a .zip, or a folder")
    return found


def _is_safe(file: Path) -> bool:
    """Whether it is a rule on a policy, with no pickle in it."""
    try:
        with zipfile.ZipFile(file) as archive:
            names = set(archive.namelist())
    except UNREADABLE as error:
        raise ResultError(f"policy {file}: damaged ({said(error)})") from None
    return bool(names & set(RULES_ON_POLICIES)) and not any(n.endswith(".zip") for n in names)


def _converted(file: Path, trust: bool) -> Path:
    old = loaded(file, trust=trust)
    policy = _told(old, file)
    stem = file.with_name(f".{file.name}.new")
    try:
        saved = policy.save(stem)
        new = file if saved.suffix == ".zip" else appended(file.with_suffix(""), saved.suffix)
        if new != file and new.exists():
            raise ResultError(f"convert: found {new} beside {file}; allowed: one of the two")
        _require_same(file, old, load_policy(saved))
        saved.replace(new)
    except PolicyError as error:
        raise ResultError(f"{file}: {error}") from None
    finally:
        for left in file.parent.glob(f"{stem.name}*"):
            left.unlink()
    if new != file:
        file.unlink()
    _list(file, new)
    return new


def innermost(policy: Policy) -> Any:
    """The policy under all rules."""
    while (within := getattr(policy, "policy", None)) is not None:
        policy = within
    return policy


def _told(old: Policy, file: Path) -> Policy:
    """The policy, with its kind and what it was made for as its result's config has them."""
    place = place_of(str(file))
    if place is None:
        return old
    try:
        config, name = place.config, file.stem.split("--")[1]
        variant = (config.get("variants") or {}).get(name) or {}
        world = InResult(place.folder, variant.get("trained_in") or place.world).read(None)
        kind = config["policies"][variant.get("of", name)]["kind"]
    except (ResultError, KeyError, AttributeError, TypeError, IndexError):
        return old  # a catalogue from elsewhere, or a result of another kind: its sizes are known
    inner = innermost(old)
    size = inner.made_for.size
    made = MadeFor.of(world.parameters, world.items, size=size, slate=world.slate)
    if (made.items, made.places) != (inner.made_for.items, inner.made_for.places):
        return old
    inner.made_for = made
    if kind in KINDS and issubclass(KINDS[kind], type(inner)):
        inner.__class__ = KINDS[kind]  # the same but for the name of its kind
    return old


def _require_same(file: Path, old: Policy, new: Policy) -> None:
    """Raises `ResultError` unless both act alike, to the bit, slot after slot."""
    size = innermost(old).made_for.size
    generator = np.random.Generator(np.random.Philox(0))
    seed, person = np.zeros(_PEOPLE, dtype=np.int64), np.arange(_PEOPLE, dtype=np.int64)
    for observed in (_logits, _items):
        old.begin(seed, person)
        new.begin(seed, person)
        for _ in range(_SLOTS):
            seen = generator.normal(size=(_PEOPLE, size)).astype(np.float32)
            if not np.array_equal(observed(old, seen), observed(new, seen)):
                raise ResultError(f"convert: {file} would act otherwise; it is left as it is")


def _logits(policy: Policy, seen: np.ndarray) -> np.ndarray:
    logits: np.ndarray = innermost(policy)._logits(seen)
    return logits


def _items(policy: Policy, seen: np.ndarray) -> np.ndarray:
    return policy.act(seen)


def _list(old: Path, new: Path) -> None:
    """Puts the new file in the place of the old where the result's manifest lists its files."""
    manifest = old.parent.parent / "manifest.json"
    if old.parent.name != "policies" or not manifest.is_file():
        return
    data = json.loads(manifest.read_text(encoding="utf-8"))
    files = data.get("files") if isinstance(data, dict) else None
    if not isinstance(files, dict) or f"policies/{old.name}" not in files:
        return
    del files[f"policies/{old.name}"]
    files[f"policies/{new.name}"] = hashlib.sha256(new.read_bytes()).hexdigest()
    data["files"] = dict(sorted(files.items()))
    write_whole(manifest, (json.dumps(data, indent=1) + "\n").encode())
