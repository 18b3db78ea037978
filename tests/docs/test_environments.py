"""The page on the environments: its code runs, and its tables are the columns that there are."""

import re
from pathlib import Path

import gymnasium as gym
import pytest

import undertow.envs  # noqa: F401

PAGE = (Path(__file__).parents[2] / "docs" / "environments.md").read_text()
SPEEDS = ("half_day", "two_days", "week")


def test_its_code_runs_as_one_session():
    scope: dict = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL):
        exec(block, scope)
    assert scope["native"].num_envs == 4 and scope["last_minutes"] >= 0
    by_key, alone = scope["many"].unwrapped.batch, scope["one"].unwrapped.batch
    assert by_key.seed.tolist() == [5, 6, 7, 8] and alone.person[0] == 0


def named(heading):
    """The names in the first column of the table under `heading`, in their order."""
    table = PAGE[PAGE.index(f"| {heading}") :].split("\n\n")[0]
    return re.findall(r"`([A-Za-z_]+)`", " ".join(row.split("|")[1] for row in table.splitlines()))


@pytest.mark.parametrize("view", ["platform", "oracle"])
def test_its_tables_name_every_column_in_order(view):
    env = gym.make("undertow/Feed-v0", observation=view).unwrapped
    shortened = []
    for name in env.observation_names:
        name = re.sub(r"(topic_\d+|civic_(left|right)_(far|near))", "GROUP", name)
        name = re.sub("_(half_day|two_days|week)$", "_SPEED", name)
        name = re.sub(r"^(taste|satiation)_\d+$", r"\1_k", name)
        name = re.sub(r"item_\d+$", "item_i", name)
        if name not in shortened:
            shortened.append(name)
    assert [name for name in named(f"`{view}`, in this order") if name != view] == shortened
