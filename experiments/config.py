"""One YAML file is one experiment: worlds, policies, seeds, evaluation, hypotheses.

`extends: FILE` lays a file's keys over another's (a path beside it): mappings are merged key by
key, anything else replaces; a key set to null is taken away.
`overrides_from: FILE` in a world lays the world's own `overrides` over those that a file beside the
config holds, such as the `world.yaml` of `undertow fit-views`.
Unknown keys and values out of range are refused with the key's path, what was found and what is
allowed.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..agents import KINDS, SETTINGS, SLATE_KINDS, Limits, PPOSettings, UseLimits
from ..envs.feed_batch import missing
from ..envs.world import NULLS, PRESETS, Slate, WorldParameters
from ..envs.world import world as build_world
from .catalogue_file import CatalogueFile
from .metrics import METRICS
from .naming import ResultName

_NAME = re.compile(r"[a-z0-9][a-z0-9_]*")
_TERM = re.compile(r"\s*([-+/]?)\s*([a-z0-9_]+)@([a-z0-9_]+)")
_LONGEST = 120  # characters of a value that a message shows


class ConfigError(ValueError):
    """A config that cannot be run; the message names the key, the value and what is allowed."""


class _Below(ValueError):
    """Problems below a key, a line each, whose paths go on from that key's."""


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WorldBlock(_Block):
    """A world: a preset, perhaps a null applied to it, perhaps single parameters changed."""

    preset: str = Field("default", description="; ".join(PRESETS))
    null: str | None = Field(None, description="; ".join(NULLS))
    description: str = ""
    overrides: dict[str, Any] = Field(default_factory=dict)
    # Not in the dump of a config that does not use it: its hash stays what it was.
    slate: Slate | None = Field(
        None, exclude_if=lambda slate: slate is None, description="its policies fill slates"
    )

    @model_validator(mode="after")
    def _builds(self) -> Self:
        try:
            self.parameters()
        except ValidationError as error:
            raise _Below(told(error, "overrides")) from None
        return self

    def parameters(self) -> WorldParameters:
        """The validated world."""
        return build_world(self.preset, self.null, self.overrides)


class Resources(_Block):
    """What one job of a policy takes of a cluster."""

    cpus: float = Field(1, gt=0, le=1024, description="cores")
    gpus: float = Field(0, ge=0, le=1024, description="GPUs; fractions share one")
    memory_mb: int = Field(0, ge=0, description="memory to set aside, MB; 0 for none")


def _unused(value: object) -> bool:
    return not value


class PolicyBlock(_Block):
    """A policy; `ppo` here overrides single settings of the experiment's `training`.

    A kind with settings of its own has them under its name.
    """

    kind: Literal[
        "random",
        "chronological",
        "popular",
        "greedy",
        "ppo",
        "linucb",
        "thompson",
        "endorsement",
        "recurrent_ppo",
        "ppo_lagrangian",
        "ppo_shift_penalty",
    ]
    observation: Literal["platform", "oracle"] = "platform"
    description: str = ""
    ppo: dict[str, Any] = Field(default_factory=dict)
    # Not in the dump of a config that does not use them: its hash stays what it was.
    linucb: dict[str, Any] = Field(default_factory=dict, exclude_if=_unused)
    thompson: dict[str, Any] = Field(default_factory=dict, exclude_if=_unused)
    endorsement: dict[str, Any] = Field(default_factory=dict, exclude_if=_unused)
    recurrent_ppo: dict[str, Any] = Field(default_factory=dict, exclude_if=_unused)
    ppo_lagrangian: dict[str, Any] = Field(default_factory=dict, exclude_if=_unused)
    ppo_shift_penalty: dict[str, Any] = Field(default_factory=dict, exclude_if=_unused)
    limits: Limits | None = Field(
        None, exclude_if=_unused, description="put on the policy once it is trained"
    )
    use_limits: UseLimits | None = Field(
        None, exclude_if=_unused, description="put on the person's use, whatever the policy"
    )
    resources: Resources = Field(Resources(), description="with --ray: of each of its jobs")

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if self.ppo and self.kind != "ppo":
            raise ValueError(f"ppo: found settings for kind {self.kind!r}; allowed: kind ppo only")
        for other in SETTINGS:
            if getattr(self, other) and self.kind != other:
                raise ValueError(
                    f"{other}: found settings for kind {self.kind!r}; allowed: kind {other} only"
                )
        if self.kind in ("greedy", "endorsement") and self.observation != "oracle":
            raise ValueError(f"observation: found 'platform' for {self.kind}; allowed: oracle")
        if self.kind in ("linucb", "thompson", "recurrent_ppo") and self.observation == "oracle":
            raise ValueError(f"observation: found 'oracle' for {self.kind}; allowed: platform")
        return self


class Term(_Block):
    """policy@world with a sign."""

    sign: str
    policy: str
    world: str


class Hypothesis(_Block):
    """A statement about a contrast of cells, written before the run or marked as added later.

    contrast: `a@w - b@w`, longer sums, or `a@w / b@w`, taken seed by seed. Tests: `greater` and
    `less` hold if the whole interval lies beyond `threshold`; `equivalent` if two one-sided t tests
    reject, at 5 %, that the mean lies outside `threshold` +- `margin`. added: what of the
    result had been seen when it was written ("when seed 0 had been seen"); empty if nothing had.
    """

    name: str
    statement: str
    metric: str
    contrast: str
    test: Literal["greater", "less", "equivalent"]
    threshold: float = 0.0
    margin: float | None = Field(None, gt=0)
    group: Literal["headline", "null", "split", "other"] = "other"
    added: str = ""

    def terms(self) -> list[Term]:
        """The cells of the contrast."""
        found = list(_TERM.finditer(self.contrast))
        if not found or "".join(m.group(0) for m in found).strip() != self.contrast.strip():
            raise ValueError(
                f"contrast: found {self.contrast!r}; allowed: policy@world joined by +, - or one /"
            )
        terms = [Term(sign=m[1] or "+", policy=m[2], world=m[3]) for m in found]
        signs = "".join(m[1] or " " for m in found)
        if "/" in signs and signs not in (" /", "+/"):
            raise ValueError(f"contrast: found {self.contrast!r}; allowed: one / between two cells")
        if " " in signs[1:]:
            raise ValueError(
                f"contrast: found {self.contrast!r}; allowed: cells joined by + - or /"
            )
        return terms

    @model_validator(mode="after")
    def _is_testable(self) -> Self:
        self.terms()
        if (self.test == "equivalent") != (self.margin is not None):
            raise ValueError(
                f"margin: found {self.margin} with test {self.test!r}; allowed: a margin with "
                "'equivalent', none with the others"
            )
        if self.metric not in METRICS:
            raise ValueError(f"metric: found {self.metric!r}; allowed: {', '.join(METRICS)}")
        return self


class Split(_Block):
    """Splits a gain of `long` over `short` into what remains in `frozen` and the rest."""

    name: str
    long: str
    short: str
    world: str
    frozen: str


class Evaluation(_Block):
    """How a policy is measured."""

    people: int = Field(2000, ge=10, le=1_000_000, description="twins a seed")
    threshold: float = Field(0.6, gt=0, lt=1, description="|stance| that counts as radicalised")


class Experiment(_Block):
    """A whole experiment."""

    name: ResultName
    title: str
    description: str = ""
    seeds: int = Field(ge=2, le=1000, description="training seeds, 0 to seeds - 1")
    worlds: dict[str, WorldBlock] = Field(min_length=1)
    policies: dict[str, PolicyBlock] = Field(min_length=1)
    cells: dict[str, list[str]] = Field(
        min_length=1, description="world: the policies that are run in it"
    )
    training: PPOSettings = PPOSettings()
    evaluation: Evaluation = Evaluation()
    neutral: Literal["chronological"] = Field(
        "chronological", description="the neutral feed of the twins"
    )
    catalogue: CatalogueFile | None = None
    hypotheses: list[Hypothesis] = Field(default_factory=list)
    splits: list[Split] = Field(default_factory=list)

    @model_validator(mode="after")
    def _names_what_exists(self) -> Self:
        for name in (self.name, *self.worlds, *self.policies):
            if not _NAME.fullmatch(name):
                raise ValueError(f"name: found {name!r}; allowed: lower case, digits, underscores")
        for world, policies in self.cells.items():
            if world not in self.worlds:
                raise ValueError(f"cells.{world}: no such world; allowed: {', '.join(self.worlds)}")
            if not policies or len(set(policies)) < len(policies):
                raise ValueError(
                    f"cells.{world}: found {policies}; allowed: one policy or more, each once"
                )
            for policy in policies:
                if policy not in self.policies:
                    allowed = ", ".join(self.policies)
                    raise ValueError(f"cells.{world}: found {policy!r}; allowed: {allowed}")
                block = self.policies[policy]
                if self.worlds[world].slate and block.kind not in SLATE_KINDS:
                    raise ValueError(
                        f"cells.{world}: found {policy!r} of kind {block.kind} in a world of "
                        f"slates; allowed: {', '.join(SLATE_KINDS)}"
                    )
                if self.worlds[world].slate and block.limits:
                    raise ValueError(
                        f"cells.{world}: found {policy!r} with limits in a world of slates; "
                        "allowed: none"
                    )
        for name, block in self.policies.items():
            try:
                settings = self.settings(name)
            except ValidationError as error:
                own = block.kind if block.kind in SETTINGS else "ppo"
                raise _Below(told(error, "policies", name, own)) from None
            if block.kind == "ppo" and block.observation != "oracle" and settings.greedy_prior:
                raise ValueError(
                    f"policies.{name}.ppo.greedy_prior: found {settings.greedy_prior:g} with the "
                    "platform's view; allowed: 0, or observation: oracle"
                )
            self._can_train(name, settings)
        for hypothesis in self.hypotheses:
            for term in hypothesis.terms():
                self._require(f"hypotheses.{hypothesis.name}", term.policy, term.world)
        for split in self.splits:
            for policy in (split.long, split.short):
                for world in (split.world, split.frozen):
                    self._require(f"splits.{split.name}", policy, world)
        return self

    def _can_train(self, policy: str, settings: Any) -> None:
        """Whether what this machine has, and the worlds of a policy, allow its settings."""
        where = f"policies.{policy} (or training)"
        engine = getattr(settings, "engine", "numpy")
        if (why := missing(engine)) is not None:
            raise ValueError(f"{where}: engine: found {engine!r}, but {why}")
        slates = [w for w, run in self.cells.items() if policy in run and self.worlds[w].slate]
        if not slates:
            return
        if engine != "numpy":
            raise ValueError(
                f"{where}: engine: found {engine!r} in {slates[0]!r}, a world of slates; "
                "allowed: numpy"
            )
        if getattr(settings, "greedy_prior", 0):
            raise ValueError(
                f"{where}: greedy_prior: found {settings.greedy_prior:g} in {slates[0]!r}, a world "
                "of slates; allowed: 0"
            )

    def _require(self, where: str, policy: str, world: str) -> None:
        if policy not in self.cells.get(world, []):
            raise ValueError(f"{where}: {policy}@{world} is not run; allowed: what `cells` names")

    def settings(self, policy: str) -> Any:
        """The settings of this policy's kind; PPO's where it has none of its own.

        Whoever learns does so for the `slots` of `training`, and a PPO by all of it, unless its own
        say otherwise.
        """
        block = self.policies[policy]
        if block.kind in SETTINGS:
            own = SETTINGS[block.kind]
            shared = self.training.model_dump() if issubclass(own, PPOSettings) else {}
            if "slots" in own.model_fields:
                shared["slots"] = self.training.slots
            return own.model_validate(shared | getattr(block, block.kind))
        return PPOSettings.model_validate(self.training.model_dump() | self.policies[policy].ppo)


def told(error: ValidationError, *under: str) -> str:
    """All problems of a pydantic error, a line each: path, what was found, what is allowed."""
    lines = []
    for problem in error.errors():
        path = ".".join(str(part) for part in (*under, *problem["loc"]))
        found, kind = problem["input"], problem["type"]
        whole_block = isinstance(found, dict) and kind in ("missing", "value_error")
        shown = "" if whole_block else f" (found {_told_short(found)})"
        text = problem["msg"].removeprefix("Value error, ")
        if kind == "extra_forbidden":
            text = "unknown key; allowed: the keys that `undertow schema` lists"
        elif kind == "invalid_key":
            text = 'not a text; allowed: a key in quotes, such as "null"'
        below = isinstance(problem.get("ctx", {}).get("error"), _Below)
        joint = "" if not path else "." if below else ": "
        lines += [f"{path}{joint}{line}{shown}" for line in text.splitlines()]
    return "\n".join(lines)


def _told_short(found: Any) -> str:
    """What was found, cut where it is a block of pages: its message would hide the others."""
    text = repr(found)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."


def load_experiment(file: Path) -> Experiment:
    """Reads and validates a config; raises `ConfigError`."""
    try:
        return Experiment.model_validate(read_yaml(file))
    except ValidationError as error:
        raise ConfigError(f"{file}:\n{told(error)}") from None


class _OnceEach(yaml.SafeLoader):
    """YAML in which a key that stands twice is a mistake; by itself PyYAML drops the first."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """The mapping, once its keys are known to differ."""
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


def read_yaml(file: Path, extended: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The mapping that a YAML file holds, laid over what it extends; raises `ConfigError`."""
    if file.resolve() in extended:
        raise ConfigError(f"{file}: extends itself; allowed: a chain of files that ends")
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{file}: no such file; allowed: a YAML experiment") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: cannot be read ({error})") from None
    try:
        data = yaml.load(text, Loader=_OnceEach)
    except yaml.YAMLError as error:
        raise ConfigError(f"{file}: not YAML: {error}") from None
    if not isinstance(data, dict):
        raise ConfigError(f"{file}: found {type(data).__name__}; allowed: a mapping of keys")
    _take_in_overrides(file, data)
    below = data.pop("extends", None)
    if below is None:
        return data
    if not isinstance(below, str):
        raise ConfigError(f"{file}: extends: found {below!r}; allowed: a path beside this file")
    return _laid_over(read_yaml(file.parent / below, (*extended, file.resolve())), data)


def _take_in_overrides(file: Path, data: dict[str, Any]) -> None:
    """Puts the overrides of the file that a world's `overrides_from` names under its own."""
    worlds = data.get("worlds")
    for name, block in worlds.items() if isinstance(worlds, dict) else ():
        if not isinstance(block, dict) or "overrides_from" not in block:
            continue
        below, where = block.pop("overrides_from"), f"{file}: worlds.{name}.overrides_from"
        if not isinstance(below, str):
            raise ConfigError(f"{where}: found {below!r}; allowed: a path beside this file")
        own = block.get("overrides") or {}
        if not isinstance(own, dict):
            raise ConfigError(f"{where}: found overrides {own!r} beside it; allowed: a mapping")
        block["overrides"] = _laid_over(read_yaml(file.parent / below), own)


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


assert set(PolicyBlock.model_fields["kind"].annotation.__args__) == set(KINDS)  # type: ignore[union-attr]
