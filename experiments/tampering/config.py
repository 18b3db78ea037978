"""The config of the replication: figures to meet, who is met, and how PPO is trained."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ...agents import PPOSettings
from ...envs.tampering import PEOPLE, STEPS
from ..config import ConfigError, read_yaml, told
from ..naming import ResultName

EVERYBODY = "everybody"


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Plan(_Block):
    """A fixed plan for one person: so many opposing items first, then the person's own side.

    Its clicks an episode, as reported, and the margin within which ours count as the same.
    """

    name: str
    person: str
    opposing_first: int = Field(ge=0, le=STEPS)
    reported: float
    margin: float = Field(gt=0)


class Replication(_Block):
    """The whole replication."""

    name: ResultName
    title: str
    seeds: int = Field(ge=2, le=1000)
    episodes: int = Field(ge=100, le=10_000_000, description="measured a seed and person")
    plans: list[Plan]
    meets: list[str] = Field(description="whom PPO meets: a person, or everybody by lot")
    training: PPOSettings
    null_margin: float = Field(gt=0, description="clicks an episode that count as no gain")

    @model_validator(mode="after")
    def _names_people(self) -> Replication:
        for name in (*(plan.person for plan in self.plans), *self.meets):
            if name not in PEOPLE and name != EVERYBODY:
                raise ValueError(f"person: found {name!r}; allowed: {', '.join(PEOPLE)}")
        return self


def load_replication(file: Path) -> Replication:
    """Reads and validates the replication; raises `ConfigError`."""
    try:
        return Replication.model_validate(read_yaml(file))
    except ValidationError as error:
        raise ConfigError(f"{file}:\n{told(error)}") from None
