"""What docs/speed.md says about one person is what `undertow bench` measured and saved."""

import json
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
SAVED = json.loads((DOCS / "speed-single.json").read_text())["figures"]


def value(name):
    return SAVED[name]["value"]


def test_the_row_on_one_person_holds_the_figures_that_were_saved():
    row = (
        "| one person through `gymnasium.make` against `CartPole-v1` "
        f"({value('single_cartpole'):,.0f} steps/s) | {value('single_numpy_over_cartpole'):.3f} x "
        f"| {value('single_numba_over_cartpole'):.3f} x |"
    )
    assert row in (DOCS / "speed.md").read_text()


def test_one_person_as_made_without_arguments_reaches_half_of_cartpoles_rate():
    assert value("single_auto_over_cartpole") >= 0.5
