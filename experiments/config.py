"""One YAML file is one experiment: worlds, policies, seeds, evaluation, hypotheses.

How the file is read is in `config_file.py`. Unknown keys, other types and values out of range are
refused with the key's path, what was found and what is allowed.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from ..agents import KINDS, SETTINGS, SLATE_KINDS, Limits, PPOSettings, UseLimits
from ..envs.feed_batch import missing
from ..envs.world import NULLS, PRESETS, Slate, WorldParameters, synthetic
from ..envs.world import world as build_world
from .blocks import Block, below, load, once_each, told
from .catalogue_file import CatalogueFile
from .config_file import ConfigError, read_yaml
from .feasible import check_limits, check_measuring, check_training
from .metrics import METRICS
from .naming import ResultName

__all__ = [
    "ConfigError",
    "Evaluation",
    "Experiment",
    "Hypothesis",
    "PolicyBlock",
    "Resources",
    "Split",
    "Term",
    "WorldBlock",
    "load_experiment",
    "read_yaml",
    "told",
]

_NAME = re.compile(r"[a-z0-9][a-z0-9_]*")
_TERM = re.compile(r"\s*([-+/]?)\s*([a-z0-9_]+)@([a-z0-9_]+)")


class WorldBlock(Block):
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
        with below("overrides"):
            self.parameters()
        return self

    def parameters(self) -> WorldParameters:
        """The validated world."""
        return build_world(self.preset, self.null, self.overrides)


class Resources(Block):
    """What one job of a policy takes of a cluster."""

    cpus: float = Field(1, gt=0, le=1024, description="cores")
    gpus: float = Field(0, ge=0, le=1024, description="GPUs; fractions share one")
    memory_mb: int = Field(0, ge=0, description="memory to set aside, MB; 0 for none")


def _unused(value: object) -> bool:
    return not value


class PolicyBlock(Block):
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


class Term(Block):
    """policy@world with a sign."""

    sign: str
    policy: str
    world: str


class Hypothesis(Block):
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


class Split(Block):
    """Splits a gain of `long` over `short` into what remains in `frozen` and the rest."""

    name: str
    long: str
    short: str
    world: str
    frozen: str


class Evaluation(Block):
    """How a policy is measured."""

    people: int = Field(2000, ge=10, le=1_000_000, description="twins a seed")
    threshold: float = Field(0.6, gt=0, lt=1, description="|stance| that counts as radicalised")


class Experiment(Block):
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
            with below("policies", name, block.kind if block.kind in SETTINGS else "ppo"):
                settings = self.settings(name)
            if block.kind == "ppo" and block.observation != "oracle" and settings.greedy_prior:
                raise ValueError(
                    f"policies.{name}.ppo.greedy_prior: found {settings.greedy_prior:g} with the "
                    "platform's view; allowed: 0, or observation: oracle"
                )
            self._can_train(name, settings)
        self._fits_its_worlds()
        once_each("hypotheses", [hypothesis.name for hypothesis in self.hypotheses])
        once_each("splits", [split.name for split in self.splits])
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

    def _fits_its_worlds(self) -> None:
        """Whether each policy can be trained and measured where it is run."""
        for world, policies in self.cells.items():
            parameters = self.worlds[world].parameters()
            file = self.catalogue
            count = parameters.catalogue.items if file is None else file.items
            for name in policies:
                block, settings = self.policies[name], self.settings(name)
                learns = block.kind in ("ppo", *SETTINGS) and hasattr(settings, "n_envs")
                spare = block.resources.memory_mb
                if learns:
                    check_training(
                        f"policies.{name} (or training), in {world}",
                        parameters,
                        settings,
                        observation=block.observation,
                        items=count,
                        memory_mb=spare,
                    )
                if block.limits is not None and file is None:  # else once the file is read
                    check_limits(name, world, block.limits, synthetic(parameters))
                check_measuring(
                    f"evaluation.people, of {name} in {world}",
                    self.evaluation.people,
                    count,
                    observation=block.observation,
                    learned=learns,
                    memory_mb=spare,
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


def load_experiment(file: Path) -> Experiment:
    """Reads and validates a config; raises `ConfigError`."""
    return load(Experiment, file)


assert set(PolicyBlock.model_fields["kind"].annotation.__args__) == set(KINDS)  # type: ignore[union-attr]
