"""The config of the replication: figures to meet, who is met, and how PPO is trained."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from ...agents import PPOSettings
from ...envs.tampering import PEOPLE, STEPS
from ..blocks import Block, Name, load, once_each
from ..naming import ResultName

EVERYBODY = "everybody"


class Plan(Block):
    """A fixed plan for one person: so many opposing items first, then the person's own side.

    Its clicks an episode, as reported, and the margin within which ours count as the same.
    """

    name: Name
    person: str
    opposing_first: int = Field(ge=0, le=STEPS)
    reported: float
    margin: float = Field(gt=0)


class Replication(Block):
    """The whole replication."""

    name: ResultName
    title: str
    seeds: int = Field(ge=2, le=1000)
    episodes: int = Field(ge=100, le=10_000_000, description="measured a seed and person")
    plans: list[Plan] = Field(min_length=1)
    meets: list[str] = Field(
        min_length=1, description="whom PPO meets: a person who leans, or everybody by lot"
    )
    training: PPOSettings
    null_margin: float = Field(gt=0, description="clicks an episode that count as no gain")

    @model_validator(mode="after")
    def _names_people(self) -> Replication:
        for plan in self.plans:
            if plan.person not in PEOPLE:
                allowed = ", ".join(PEOPLE)
                raise ValueError(
                    f"plans.{plan.name}.person: found {plan.person!r}; allowed: {allowed}"
                )
        # Of a person who does not lean no item is an opposing one.
        leaning = [name for name, (left, centre, right) in PEOPLE.items()
                   if max(left, right) > centre]  # fmt: skip
        for name in self.meets:
            if name not in (*leaning, EVERYBODY):
                allowed = ", ".join([*leaning, EVERYBODY])
                raise ValueError(f"meets: found {name!r}; allowed: {allowed}")
        once_each("plans", [plan.name for plan in self.plans])
        once_each("meets", self.meets)
        return self


def load_replication(file: Path) -> Replication:
    """Reads and validates the replication; raises `ConfigError`."""
    return load(Replication, file)
