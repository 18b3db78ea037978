"""Watch time against each harm: fronts join the policies of a sweep, the rest stands alone."""

import numpy as np
import pytest

from undertow.experiments import figures
from undertow.experiments.drawing import style
from undertow.experiments.fronts import HARMS, SWEEPS, fronts
from undertow.experiments.overview import MINUTES
from undertow.experiments.result import Result

from .made_up import made_up

#: Made-up policies under the names of sweeps.
NAMES = {
    "random": "lagrangian_000",
    "popular": "lagrangian_025",
    "greedy": "lagrangian_100",
    "ppo_myopic": "unendorsed_20",
    "ppo_oracle": "unendorsed_35",
}


def renamed(folder, names, only=("default", "vulnerable")):
    """A made-up result whose policies have other names, and only some of their worlds."""
    summary = made_up(folder, seeds=4)
    summary["policies"] = {names.get(p, p): block for p, block in summary["policies"].items()}
    for cell in summary["cells"]:
        cell["policy"] = names.get(cell["policy"], cell["policy"])
    kept = [c for c in summary["cells"] if c["policy"] not in names.values() or c["world"] in only]
    summary["cells"] = kept
    return Result(summary, {"seeds": [0, 1, 2, 3]})


@pytest.fixture
def drawn(tmp_path):
    result = renamed(tmp_path, NAMES, only=("vulnerable",))
    with style():
        return result, fronts(result)


def line_of(axes, start):
    """Where the front of a sweep runs, (2, policies)."""
    _, colour, _, line = SWEEPS[start]
    (found,) = (k for k in axes.lines if k.get_color() == colour and k.get_linestyle() == line)
    return np.array(found.get_data())


def test_a_panel_a_harm_and_a_front_a_sweep_through_its_policies_in_order(drawn):
    result, figure = drawn
    panels = [axes for axes in figure.axes if axes.get_ylabel()]
    assert [axes.get_ylabel() for axes in panels] == list(HARMS.values())
    for axes, harm in zip(panels, HARMS, strict=True):
        wanted = [
            [result.estimate(p, "vulnerable", m).mean for m in (MINUTES, harm)]
            for p in ("lagrangian_000", "lagrangian_025", "lagrangian_100")
        ]
        np.testing.assert_allclose(line_of(axes, "lagrangian_"), np.transpose(wanted))
        assert line_of(axes, "unendorsed_").shape == (2, 2)


def test_points_of_a_front_have_their_budgets_and_the_rest_their_names(drawn):
    _, figure = drawn
    assert figure._suptitle.get_text().startswith("vulnerable world")
    for axes in figure.axes:
        told = sorted(text.get_text() for text in axes.texts)
        assert told == sorted(["0", "0.25", "1", "20", "35", "ppo", "neutral feed"])
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == [SWEEPS[start][0] for start in ("lagrangian_", "unendorsed_")]


def test_last_weights_go_unlabelled_beside_averaged_ones(tmp_path):
    names = NAMES | {"ppo_myopic": "drift_000", "ppo_oracle": "drift_050"}
    with style():
        figure = fronts(renamed(tmp_path, names))
    for axes in figure.axes:
        told = sorted(text.get_text() for text in axes.texts)
        assert told == sorted(["0", "0.5", "ppo", "neutral feed"])
        assert line_of(axes, "lagrangian_").shape == (2, 3)


def test_a_harm_that_was_not_measured_has_no_panel(tmp_path):
    result = renamed(tmp_path, NAMES)
    for cell in result.summary["cells"]:
        del cell["metrics"]["radicalised_share"]
    with style():
        panels = [axes.get_ylabel() for axes in fronts(result).axes if axes.axison]
    assert panels == [text for harm, text in HARMS.items() if harm != "radicalised_share"]


@pytest.mark.parametrize("names", [{}, {"random": "lagrangian_000"}])
def test_without_a_sweep_there_is_no_such_figure(tmp_path, names):
    result = renamed(tmp_path, names)
    assert fronts(result) is None
    assert "fronts" not in figures.draw(result, {}, tmp_path / "figures")


def test_the_report_shows_it(tmp_path):
    result = renamed(tmp_path, NAMES)
    assert "fronts" in figures.draw(result, {}, tmp_path / "figures")
    assert (tmp_path / "figures/fronts.png").is_file()
