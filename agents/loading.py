"""Reads a policy's file. What can run code, stable-baselines3's own .zip, is read on trust alone.

.json    a rule's parameters
.npz     weights of a net, or of a bandit, and a JSON text (`policy_file`)
.zip     a rule on a policy, with the policy's own file in it (`wrapped_file`); or, of
stable-baselines3, a model with pickles in it
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from .bandits import LinUCB, Thompson
from .endorsement import Endorsement
from .limits import LIMITS, Limited
from .network import Network
from .network_policy import NetworkPolicy, PolicyNote
from .policy import Policy
from .policy_file import LARGEST, UNREADABLE, PolicyError, read_npz, read_zip, said
from .rules import Chronological, Greedy, Popular, Random
from .slates import IN_TURN, GreedySlate, InTurn
from .use_limits import USE_LIMITS, UseLimited
from .wrapped_file import Wrapped

_SUFFIXES = (".json", ".npz", ".zip")
RULES_ON_POLICIES: dict[str, type[Limited] | type[InTurn] | type[UseLimited]] = {
    LIMITS: Limited,
    IN_TURN: InTurn,
    USE_LIMITS: UseLimited,
}
_BANDITS: dict[str, type[LinUCB] | type[Thompson]] = {"linucb": LinUCB, "thompson": Thompson}
_DEEPEST = 3  # rules on rules on a policy


def load_policy(file: str | Path, *, trust: bool = False, torch: bool | None = None) -> Policy:
    """The policy saved in `file`.

    trust: reads stable-baselines3's own .zip, whose pickle can run any code, from anywhere. Without
    it, such a file is read only from the results of this project: `results/NAME/policies/` where
    one stands. torch: whether nets are played by torch, to the bit as they were trained, or by
    NumPy; None is torch where it is installed.

    Raises `FileNotFoundError` where there is no file, and `PolicyError`, a `ValueError`, for one
    that is damaged, is not trusted, or holds numbers that are not finite.
    """
    file = Path(file)
    if not file.is_file():
        raise FileNotFoundError(f"policy: found no file {file}; allowed: one that `save` wrote")
    return _Reader(trust or in_own_results(file), torch).read(file, file, 0)


def in_own_results(file: Path) -> bool:
    """Whether it lies in `results/NAME/policies/` of a result, in the folder where one stands."""
    folder = file.resolve().parent
    results = Path("results").resolve()
    return (
        folder.name == "policies"
        and folder.parent.parent == results
        and (folder.parent / "manifest.json").is_file()
    )


class _Reader:
    def __init__(self, trust: bool, torch: bool | None) -> None:
        self.trust = trust
        self.torch = find_spec("torch") is not None if torch is None else torch

    def read(self, file: Path, name: Path, depth: int) -> Policy:
        """The policy in `file`; name: what it is called in messages."""
        readers: dict[str, Callable[[Path, Path, int], Policy]] = {
            ".json": self._rule,
            ".npz": self._arrays,
            ".zip": self._archive,
        }
        if file.suffix not in readers:
            raise PolicyError(
                f"policy {name}: found suffix {file.suffix!r}; allowed: {', '.join(_SUFFIXES)}"
            )
        try:
            return readers[file.suffix](file, name, depth)
        except PolicyError as error:
            text = str(error)
            if text.startswith(f"policy {name}"):
                raise
            text = text.removeprefix(f"policy {file}: ")
            raise PolicyError(f"policy {name}: {text}") from None

    def _rule(self, file: Path, name: Path, depth: int) -> Policy:
        try:
            if file.stat().st_size > LARGEST:
                raise ValueError(f"{file.stat().st_size:,} bytes; allowed: {LARGEST:,}")
            return _read_rule(json.loads(file.read_text(encoding="utf-8"), parse_constant=_none))
        except (*UNREADABLE, AttributeError) as error:
            text = f"not a rule that `save` wrote ({type(error).__name__}: {said(error)})"
            raise PolicyError(f"policy {name}: {text}") from None

    def _arrays(self, file: Path, name: Path, depth: int) -> Policy:
        note, arrays = read_npz(file)
        kind = note.get("kind", str(arrays.get("kind")))
        try:
            if kind in _BANDITS:
                return _BANDITS[kind].read(note, arrays)
            network = Network.read(note.pop("network", None), arrays)
            known = PolicyNote.model_validate(note)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            text = f"{where}: found {first['input']!r}; {first['msg']}"
            raise PolicyError(f"policy {name}: {text[:300]}") from None
        except PolicyError:
            raise
        except UNREADABLE as error:
            text = f"not a bandit that `save` wrote ({type(error).__name__}: {said(error)})"
            raise PolicyError(f"policy {name}: {text}") from None
        _require_same(known, network)
        if not self.torch:
            plain: Any = NetworkPolicy(known, network)  # its kind is its file's
            return plain
        from . import learned  # torch and stable-baselines3

        return learned.of(known, network)

    def _archive(self, file: Path, name: Path, depth: int) -> Policy:
        try:
            with zipfile.ZipFile(file) as archive:
                members = set(archive.namelist())
            rule = next((rule for rule in RULES_ON_POLICIES if rule in members), None)
            if rule is not None:
                return self._wrapped(read_zip(file), rule, name, depth)
            if "data" not in members:
                raise ValueError("neither a rule on a policy nor a model of stable-baselines3")
        except PolicyError:
            raise
        except (*UNREADABLE, AttributeError) as error:
            text = f"damaged or not a policy's file ({said(error)})"
            raise PolicyError(f"policy {name}: {text}") from None
        if not self.trust:
            raise PolicyError(
                f"policy {name}: is stable-baselines3's own .zip, whose pickle can run any code "
                "when it is read; allowed: --trust (in Python trust=True) if you know where it is "
                "from, `undertow convert` then makes a .npz of it, which cannot"
            )
        from . import learned

        return learned.of_sb3(file)

    def _wrapped(self, members: dict[str, bytes], rule: str, name: Path, depth: int) -> Policy:
        if depth >= _DEEPEST:
            raise ValueError(f"more than {_DEEPEST} rules on a policy")
        fields = json.loads(members.pop(rule), parse_constant=_none)
        (own,) = members
        with tempfile.TemporaryDirectory() as folder:
            # Under a name of ours: what stands in an archive is no path to write to.
            inner = Path(folder) / f"policy{Path(own).suffix}"
            inner.write_bytes(members[own])
            policy = self.read(inner, name, depth + 1)
        return RULES_ON_POLICIES[rule].read(Wrapped(fields, policy))


def _none(text: str) -> Any:
    raise ValueError(f"found {text}; allowed: finite numbers")


def _require_same(note: PolicyNote, network: Network) -> None:
    """Raises `PolicyError` where a file says one thing of its net and holds another."""
    made, net = note.made_for, network.note
    places = len(net.actions) if net.places else None
    for field, told, held in (
        ("items", made.items, net.actions[0]),
        ("size", made.size, net.size),
        ("places", made.places, places),
    ):
        if told != held:
            raise PolicyError(f"made_for.{field}: found {told}; allowed: {held}, as its net has")
    if (note.kind == "recurrent_ppo") != (net.memory is not None):
        raise PolicyError(f"kind: found {note.kind!r}; allowed: the kind of its net")
    if (not net.places and len(net.actions) != 1) or len(set(net.actions)) != 1:
        raise PolicyError(f"network.actions: found {net.actions}; allowed: the items at each place")


def _read_rule(rule: Any) -> Policy:
    kind = rule["kind"]
    if kind == "chronological":
        return Chronological(np.asarray(rule["supply"], dtype=np.float64))
    if kind == "popular":
        return Popular(np.asarray(rule["ranking"]), _whole(rule["items"]))
    if kind == "endorsement":
        return Endorsement.read(rule)
    if kind == "greedy_slate":
        return GreedySlate.read(rule)
    plain: dict[str, type[Greedy] | type[Random]] = {"greedy": Greedy, "random": Random}
    return plain[kind](_whole(rule["items"]))


def _whole(number: Any) -> int:
    if type(number) is not int:
        raise ValueError(f"items: found {number!r}; allowed: a whole number")
    return number
