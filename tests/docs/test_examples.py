"""The examples of the documentation run as they stand."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from undertow.envs.feed_batch import FeedBatch
from undertow.envs.world import altered, synthetic, world
from undertow.experiments.compare import compare

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def loaded(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_bring_your_own_is_short_and_enters_the_table(monkeypatch):
    assert len((EXAMPLES / "bring_your_own.py").read_text().splitlines()) <= 30
    monkeypatch.syspath_prepend(str(EXAMPLES))
    found = compare(["random", "bring_your_own:best_first"], people=100)
    assert found["sides"][1]["difference"]["minutes_per_day"]["low"] > 0


def test_the_command_finds_a_module_in_the_folder_where_it_is_typed():
    words = ["undertow", "compare", "random", "bring_your_own:best_first", "--people", "20"]
    words[0] = str(Path(sys.executable).with_name("undertow"))
    done = subprocess.run(words, cwd=EXAMPLES, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "best_first" in done.stdout


def test_a_model_of_one_s_own_acts():
    parameters = altered(world(), {"calendar": {"days": 2}})
    policy = loaded("bring_your_own").my_ppo(parameters, synthetic(parameters), slots=4096)
    policy.begin(np.zeros(5, dtype=np.int64), np.arange(5))
    assert policy.act(np.zeros((5, policy.model.observation_space.shape[0]), np.float32)).shape == (
        5,
    )


def test_a_value_based_model_of_sb3_contrib_is_a_policy():
    short = altered(world(), {"calendar": {"days": 2}})
    policy = loaded("bring_your_own").my_qrdqn(short, synthetic(short), slots=2048)
    assert policy.observation == "platform"
    seen = np.zeros((5, policy_size(short)), np.float32)
    assert policy.act(seen).shape == (5,)
    assert np.array_equal(policy.act(seen), policy.act(seen))


def policy_size(parameters):
    return FeedBatch(parameters, 1).view.size


def test_the_page_on_bringing_a_policy_runs_from_top_to_bottom(capsys):
    text = (EXAMPLES.parent / "bring-your-own.md").read_text(encoding="utf-8")
    snippets = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    assert len(snippets) == 4
    names = {}
    for snippet in snippets:
        exec(snippet, names)
    assert np.isfinite(float(capsys.readouterr().out.strip().splitlines()[-1]))
    assert names["certain"].act(names["observation"]).shape == (128,)


def test_every_page_is_linked_from_the_index_and_every_link_leads_somewhere():
    pages = EXAMPLES.parent
    index = (pages / "index.md").read_text(encoding="utf-8")
    for page in pages.glob("*.md"):
        assert page.name == "index.md" or f"({page.name})" in index, page.name
        for link in re.findall(r"\]\(([^)#:]+)[^):]*\)", page.read_text(encoding="utf-8")):
            assert (pages / link).exists(), f"{page.name}: {link}"


@pytest.mark.slow
def test_another_trainer_learns_in_the_world():
    curve = loaded("cleanrl_style_ppo").train(updates=16, people=128)
    assert np.mean(curve[-3:]) > 1.1 * np.mean(curve[:3])
