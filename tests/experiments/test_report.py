import json
import re

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.text import Text

from undertow.experiments import figures, seed_figures
from undertow.experiments.drawing import style
from undertow.experiments.finding import in_short, judged, split_sentence
from undertow.experiments.labels import place
from undertow.experiments.report import write_report
from undertow.experiments.result import Contrast, Result, plain
from undertow.experiments.statistics import Estimate

from .made_up import NULLS, made_up, put, save

ALL = {"overview", "minutes", "harms", "nulls", "susceptible", "profiles", "improvement"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A full result with its report and figures."""
    folder = tmp_path_factory.mktemp("whole")
    made_up(folder, seeds=5)
    write_report(folder)
    return folder


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Writes a report without figures, after the summary was altered."""
    monkeypatch.setattr(figures, "draw", lambda *_: [])

    def write(alter=lambda summary: None, **how):
        summary = made_up(tmp_path, seeds=how.pop("seeds", 4), **how)
        alter(summary)
        save(tmp_path, summary)
        write_report(tmp_path)
        return (tmp_path / "report.md").read_text(encoding="utf-8")

    return write


def part(text, title):
    """One section of a report."""
    return text.split(f"## {title}\n")[1].split("\n## ")[0]


# --- the whole ------------------------------------------------------------------------------------


def test_every_figure_is_drawn_and_shown_once(whole):
    text = (whole / "report.md").read_text(encoding="utf-8")
    assert {p.stem for p in (whole / "figures").iterdir()} == ALL
    assert sorted(re.findall(r"figures/(\w+)\.png", text)) == sorted(ALL)
    for name in ALL:
        assert imread(whole / "figures" / f"{name}.png").shape[1] >= 900


def test_the_same_inputs_give_the_same_bytes(whole):
    def files():
        return {p.name: p.read_bytes() for p in [whole / "report.md", *whole.glob("figures/*")]}

    before = files()
    write_report(whole)
    assert files() == before


def test_pictures_carry_no_date_and_no_version(whole):
    for file in whole.glob("figures/*.png"):
        assert b"tEXt" not in file.read_bytes()
        assert b"tIME" not in file.read_bytes()


def test_no_table_is_ragged(whole):
    lines = (whole / "report.md").read_text(encoding="utf-8").splitlines()
    width = None
    for line in lines:
        cells = len(re.findall(r"(?<!\\)\|", line)) if line.startswith("|") else None
        assert cells is None or width is None or cells == width, line
        width = cells


def test_nothing_of_python_leaks(whole):
    text = (whole / "report.md").read_text(encoding="utf-8")
    assert not re.search(r"\bNone\b|\bnan\b|\{|\}|−0\.0+\b(?!\d)", text)


# --- the default world first ----------------------------------------------------------------------


def test_default_comes_before_vulnerable_although_the_summary_has_it_after(written):
    text = written(worlds=("vulnerable", "default"))
    finding = part(text, "The finding")
    assert finding.index("In the `default` world") < finding.index("In the `vulnerable` world")
    for head in re.findall(r"^\| policy \|.*$", text, flags=re.M):
        assert re.findall("default|vulnerable", head)[::2] == ["default"] * head.count("default")


def test_a_world_of_another_name_counts_by_its_preset(written):
    def rename(summary):
        text = json.dumps(summary["cells"]).replace('"default"', '"as_usual"')
        summary["cells"] = json.loads(text)
        summary["worlds"]["as_usual"] = summary["worlds"].pop("default")

    finding = part(written(rename), "The finding")
    assert "default world was not run" not in finding
    assert finding.index("`as_usual` world") < finding.index("`vulnerable` world")


def test_vulnerable_alone_is_marked_as_not_quotable(written):
    text = written(worlds=("vulnerable",))
    assert "**The default world was not run" in part(text, "The finding").split("In the")[0]


# --- words follow numbers -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gains", "says"),
    [
        ([1.03, 1.04, 1.05, 1.04], "clearly more, +4.0% (3.0 to 5.0)"),
        ([0.97, 0.96, 0.95, 0.96], "clearly less, −4.0% (−5.0 to −3.0)"),
        ([0.96, 0.99, 1.01, 1.06], "no clear difference, 0.0%"),
    ],
)
def test_the_gain_of_long_sight_is_called_what_its_interval_says(written, gains, says):
    def alter(summary):
        summary["hypotheses"] = []
        put(summary, "ppo_myopic", "default", "watch_minutes_per_day", [80.0] * 4)
        put(summary, "ppo", "default", "watch_minutes_per_day", [80 * g for g in gains])

    told = re.search(r"`ppo` earned.*?view\): (.*?)\. `ppo_oracle`", written(alter))[1]
    assert told.startswith(says)
    assert ("includes zero" in told) == ("no clear" in says)


@pytest.mark.parametrize(
    ("drift", "says"),
    [
        ([0.2, 0.21, 0.2, 0.21], "under `ppo`, 0.205 further out"),
        ([-0.2, -0.21, -0.2, -0.21], "under `ppo`, 0.205 further in"),
        ([-0.01, 0.01, -0.02, 0.02], "under `ppo`, no clear difference"),
        ([0.0] * 4, "under `ppo`, exactly the same"),
    ],
)
def test_drift_is_named_by_its_direction(written, drift, says):
    text = written(lambda s: put(s, "ppo", "default", "induced_drift", drift))
    assert says in part(text, "The finding").split("In the `vulnerable`")[0]


@pytest.mark.parametrize(
    ("minutes", "drift", "says"),
    [
        (88, 0.2, "Long sight earned a gain in minutes in 1 of 1 comparisons, and `ppo` moved"),
        (81, 0.02, "Long sight earned a small gain (under 2%) in minutes in 1 of 1 comparisons"),
        (81, 0.02, "`ppo` moved stances outward on average by little (under 0.05)."),
        (80, 0.0, "no clear gain in minutes, and long-sighted policies did not clearly move"),
        (70, -0.1, "no clear gain in minutes and lost minutes in 1 of 1"),
    ],
)
def test_the_first_sentence_sums_up_and_says_small_when_it_is_small(tmp_path, minutes, drift, says):
    summary = made_up(tmp_path, seeds=4, policies=("ppo", "ppo_myopic"))
    summary["hypotheses"] = []
    put(summary, "ppo_myopic", "default", "watch_minutes_per_day", [80.0] * 4)
    put(summary, "ppo", "default", "watch_minutes_per_day", [float(minutes)] * 4)
    put(summary, "ppo", "default", "induced_drift", [drift] * 4)
    assert says in in_short(Result(summary, {}), "default")


def test_an_interval_that_touches_zero_includes_it():
    assert "includes zero" in judged(Estimate(0.1, 0.0, 0.2, 4), "%")
    assert "without an interval" in judged(Estimate(0.1, None, None, 1), "%")
    assert judged(Estimate(None, None, None, 0), "%") == "the difference is undefined"


@pytest.mark.parametrize(
    ("rest", "says"),
    [
        (Estimate(3, 2, 4, 9), "Moving people's preferences earns minutes, 30% of the gain."),
        (Estimate(-3, -4, -2, 9), "Long sight gains less where preferences can move."),
        (Estimate(1, -1, 3, 9), "cannot be told; the interval includes zero."),
        (Estimate(None, None, None, 0), "could not be split"),
    ],
)
def test_a_gain_is_split_in_words_that_follow_the_rest(rest, says):
    parts = {"total": Estimate(10, 9, 11, 9), "pacing": Estimate(7, 6, 8, 9), "tampering": rest}
    assert says in split_sentence(Result({}, {}), parts, "ppo", "ppo_myopic")


def test_a_ratchet_is_not_called_an_investment(written):
    def alter(summary):
        summary["hypotheses"] = []
        put(summary, "greedy", "default", "induced_drift", [0.1, 0.11, 0.1, 0.11])
        put(summary, "ppo_oracle", "default", "induced_drift", [0.1, 0.11, 0.11, 0.1])

    lines = part(written(alter), "Ratchet and investment").splitlines()
    told = {line.split(":")[0]: line for line in lines if line.startswith("- ")}
    assert "no investment is shown" in told["- `default`, `ppo_oracle` beyond `greedy`"]
    assert "further out" in told["- `vulnerable`, `ppo_oracle` beyond `greedy`"]


# --- what is undefined, and what failed -----------------------------------------------------------


def test_an_undefined_mean_prints_as_a_dash(written):
    text = part(written(), "Referral share beside steering share")
    row = next(line for line in text.splitlines() if line.startswith("| `random`"))
    assert row.count("| –") == 4


def test_a_mean_over_fewer_seeds_says_over_how_many(written):
    text = written(lambda s: put(s, "ppo", "default", "steering_share", [0.5, None, None, 0.7]))
    assert "[n=2]" in part(text, "Referral share beside steering share")


def test_nobody_radicalised_is_said_and_not_divided(written):
    def alter(summary):
        put(summary, "ppo", "default", "radicalised_share", [0.0] * 4)
        for metric in ("referral_share", "steering_share"):
            put(summary, "ppo", "default", metric, [None] * 4)

    finding = part(written(alter), "The finding")
    assert "Nobody under `ppo` ended past the threshold" in finding


def test_failed_hypotheses_are_printed_and_marked(written, tmp_path):
    text = written()
    made = json.loads((tmp_path / "summary.json").read_text())["hypotheses"]
    rows = part(text, "Every hypothesis, those that failed too").splitlines()
    verdicts = {r.split("`")[1]: r.split("|")[1].strip() for r in rows if "@" in r}
    assert verdicts == {h["name"]: "held" if h["held"] else "**FAILED**" for h in made}
    failed = {name for name, verdict in verdicts.items() if verdict == "**FAILED**"}
    assert {"popular_wins", "no_habit_drift"} <= failed
    said = re.search(r"held and (\d+) failed: (.*)\.", part(text, "The finding"))
    assert int(said[1]) == len(failed) and set(re.findall("`(.*?)`", said[2])) == failed


def test_hypotheses_that_were_added_late_are_counted_apart_and_named(written):
    before = written()
    for section in ("The finding", "Every hypothesis, those that failed too"):
        assert "all stated before the run" in part(before, section)
        assert "(Added" not in part(before, section)

    def alter(summary):
        last = summary["hypotheses"][-1]
        last["added"] = "when seed 0 had been seen"
        names.append(last["name"])

    names: list[str] = []
    text, count = written(alter), before.count("| held |") + before.count("| **FAILED** |")
    for section in ("The finding", "Every hypothesis, those that failed too"):
        said = f"{count - 1} stated before the run and 1 later (`{names[0]}` when seed 0 had"
        assert said in part(text, section)
    assert part(text, "Every hypothesis, those that failed too").count("(Added when seed 0") == 1


def test_nulls_show_margin_verdict_and_what_is_zero_by_construction(written):
    rows = {
        line.split("`")[1]: line
        for line in part(written(), "The null worlds").splitlines()
        if line.startswith("| `") and "@" in line
    }
    assert set(rows) == {f"{n}_drift" for n in NULLS} | {"no_habit_habit"}
    assert "**NOT PASSED**" in rows["no_habit_drift"]
    exact = {name for name, row in rows.items() if "zero by construction" in row}
    assert exact == {"no_persuasion_drift", "frozen_preferences_drift", "no_habit_habit"}
    assert all("±0.010" in rows[f"{n}_drift"] for n in NULLS)


def test_the_report_quotes_the_interval_of_a_hypothesis_instead_of_a_second_one(written):
    def alter(summary):
        one = next(h for h in summary["hypotheses"] if h["name"] == "oracle_sight_default")
        one |= {"estimate": 1.5, "low": 1.4, "high": 1.6}

    text = written(alter)
    assert "clearly more, +50.0% (40.0 to 60.0)" in part(text, "The finding")
    assert "+50.0% (40.0 to 60.0)" in part(text, "Like with like")


# --- small results --------------------------------------------------------------------------------


def test_one_policy_in_one_world_without_episodes_or_hypotheses(tmp_path):
    summary = made_up(tmp_path, seeds=2, worlds=("default",), policies=("random",))
    assert summary["hypotheses"] == [] and summary["splits"] == []
    (tmp_path / "episodes.parquet").unlink()
    write_report(tmp_path)
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert {p.stem for p in (tmp_path / "figures").iterdir()} == {"overview", "minutes", "harms"}
    assert "read it as a trial" in text
    for title in ("Like with like", "The null worlds", "Ratchet", "Every hypothesis"):
        assert f"## {title}" not in text


def test_a_figure_that_can_no_longer_be_drawn_is_removed(tmp_path):
    made_up(tmp_path, seeds=2, worlds=("default",), policies=("random",))
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "nulls.png").write_bytes(b"old")
    write_report(tmp_path)
    assert not (tmp_path / "figures" / "nulls.png").exists()


def test_repairs_of_a_catalogue_are_listed(written):
    def alter(summary):
        summary["catalogue"] = {"summary": {"rows": 7583}, "repairs": ["duration: 12 rows"]}

    text = part(written(alter, policies=("ppo", "greedy")), "The catalogue")
    assert "- rows: 7583" in text and "- duration: 12 rows" in text


# --- figures of many worlds ----------------------------------------------------------------------


def test_five_worlds_look_different(tmp_path):
    worlds = ("default", "vulnerable", "third", "fourth", "fifth")
    made_up(tmp_path, seeds=2, worlds=worlds, policies=("greedy", "chronological"))
    with style():
        figure = figures.harms(Result.read(tmp_path))
    (legend,) = [axes.get_legend() for axes in figure.axes if axes.get_legend()]
    looks = {(line.get_color(), line.get_marker()) for line in legend.get_lines()}
    assert len(looks) == 5
    drawn = {line.get_color() for line in figure.axes[0].lines if line.get_marker() != "None"}
    assert len(drawn) == 5


# --- figures over seeds ---------------------------------------------------------------------------


def seen_in(folder, **how):
    """The result, and the worlds that its figures over seeds have a panel of."""
    made_up(folder, **how)
    result = Result.read(folder)
    with style():
        figure = seed_figures.improvement(result)
    panels = [] if figure is None else [a for a in figure.axes if a.get_title(loc="left")]
    return result, panels


FOUR = ("ppo", "greedy", "chronological", "random")


def test_few_policies_or_few_seeds_have_no_figures_over_seeds(tmp_path):
    for name, how in {
        "seeds": {"seeds": 4},
        "policies": {"seeds": 5, "policies": FOUR[:3]},
    }.items():
        result, panels = seen_in(tmp_path / name, **how)
        assert panels == [] and seed_figures.profiles(result) is None


def test_the_matrix_sets_each_policy_against_those_that_are_watched_less(tmp_path):
    _, panels = seen_in(tmp_path, seeds=6, policies=FOUR)
    assert [axes.get_title(loc="left") for axes in panels] == ["default world", "vulnerable world"]
    for axes in panels:
        rows = [tick.get_text() for tick in axes.get_yticklabels()]
        columns = [tick.get_text() for tick in axes.get_xticklabels()]
        assert columns == [*rows[1:], "random"] and rows[-1] == "chronological"
        assert len(axes.texts) == 6
        assert all(text.get_text() == "1" for text in axes.texts if text.get_position()[1] == 2)


def test_profiles_name_every_policy_once_and_mark_its_median(tmp_path):
    made_up(tmp_path, seeds=6, policies=FOUR)
    result = Result.read(tmp_path)
    figure = seed_figures.profiles(result)
    (legend,) = figure.legends
    assert sorted(text.get_text() for text in legend.get_texts()) == sorted(FOUR)
    axes = figure.axes[0]
    marks = {float(line.get_xdata()[0]) for line in axes.lines if len(line.get_xdata()) == 1}
    assert marks == {
        float(np.median(result.values(p, "default", "watch_minutes_per_day"))) for p in FOUR
    }


# --- small pieces ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (None, 2, "–"),
        (-0.0001, 2, "0.00"),
        (-1.25, 1, "−1.2"),
        (1234.5, 0, "1,234"),
        (float("nan"), 1, "–"),
    ],
)
def test_plain_numbers(value, decimals, text):
    assert plain(value, decimals) == text


def test_contrasts_are_read_as_the_config_writes_them():
    ratio = Contrast.parse("ppo@default / ppo_myopic@default")
    assert ratio.ratio and ratio.terms == (("+", "ppo", "default"), ("/", "ppo_myopic", "default"))
    four = Contrast.parse("a@v - b@v - c@f + d@f")
    assert [sign for sign, _, _ in four.terms] == ["+", "-", "-", "+"]
    assert four.worlds == {"v", "f"} and not four.ratio


def test_null_worlds_are_listed_once_in_the_order_of_the_design(tmp_path):
    summary = made_up(tmp_path, seeds=2)
    summary["worlds"]["frozen_default"] = {"preset": "default", "null": "frozen_preferences"}
    summary["cells"].append({"policy": "ppo", "world": "frozen_default", "metrics": {}})
    summary["cells"].append({"policy": "greedy", "world": "yoked", "metrics": {}})
    assert Result(summary, {}).null_worlds == [*NULLS[:-1], "frozen_default", NULLS[-1]]


def test_labels_cover_neither_each_other_nor_a_point():
    figure = Figure(figsize=(4, 4))
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    points = [(0.50 + 0.01 * i, 0.50, f"policy_{i}", "black") for i in range(7)]
    axes.set(xlim=(0, 1), ylim=(0, 1))
    figure.canvas.draw()
    place(axes, points)
    figure.canvas.draw()
    # Without its leader: the box of an annotation would hold that too.
    boxes = [Text.get_window_extent(text) for text in axes.texts]
    assert len(boxes) == 7
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])
        assert not any(box.contains(*axes.transData.transform((x, y))) for x, y, *_ in points)
