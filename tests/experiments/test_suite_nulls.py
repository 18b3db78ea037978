"""The null column of the validity suite, crossings by content, and suites that are extended."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from undertow.agents import Greedy
from undertow.envs.world import synthetic, world
from undertow.experiments import cli, record
from undertow.experiments.config import ConfigError
from undertow.experiments.record import run_record
from undertow.experiments.result_folder import ResultError
from undertow.experiments.rollout import live
from undertow.experiments.validity import fit, studies
from undertow.experiments.validity import run as engine
from undertow.experiments.validity.answerer import Answerer
from undertow.experiments.validity.config import load_validity
from undertow.experiments.validity.crossings import crossed, crossings, share
from undertow.experiments.validity.extend import extend_suite
from undertow.experiments.validity.nulls import NULLS, counts
from undertow.experiments.validity.recommender import Unranked
from undertow.experiments.validity.report import count_of, told_rows
from undertow.experiments.validity.studies import STUDIES, Setting

from .tiny import undertow

SUITE = Path(cli.__file__).parent / "configs" / "validity.yaml"
RESULT = Path(__file__).parents[2] / "results" / "validity"


def setting(people=200, **overrides):
    return Setting(Answerer.of(overrides), people, 11)


# --- crossings by content ------------------------------------------------------------------------

# Six people, three slots. Item 0 is plain, item 1 contested. Who crosses, when, and how:
#   0  in slot 1, pushed outward by item 1, which the feed had placed
#   1  in slot 1, pushed outward by item 1, which they had looked for
#   2  in slot 1, while they watched plain item 0, placed: chance carried them
#   3  in slot 2, while item 1, placed, pushed them inward: chance carried them
#   4  in slot 1, with the app closed
#   5  began beyond the threshold, and is pushed outward
STANCE = [[0.5, 0.5, 0.5, 0.5, 0.5, 0.7], [0.7, 0.7, 0.7, 0.5, 0.7, 0.8], [0.7] * 6]
WATCHED = [[0] * 6, [1, 1, 0, 1, 1, 1], [1] * 6]
OPENED = [[True] * 6, [True, True, True, True, False, True], [True] * 6]
SOUGHT = [[False] * 6, [False, True, False, False, False, False], [False] * 6]
OUTWARD = [[0.0] * 6, [0.1, 0.1, 0.0, 0.0, 0.0, 0.1], [0.1, 0.1, 0.1, -0.1, 0.1, 0.1]]


def made_up():
    return SimpleNamespace(
        items=SimpleNamespace(civic=np.array([0.0, 1.0])),
        start=SimpleNamespace(stance=np.array([0.5, 0.5, -0.5, 0.5, 0.5, 0.7])),
        diary=SimpleNamespace(
            stance=np.array(STANCE),
            watched=np.array(WATCHED),
            opened=np.array(OPENED),
            sought=np.array(SOUGHT),
            outward=np.array(OUTWARD),
        ),
    )


def test_a_crossing_counts_if_contested_content_pushed_outward_in_its_slot():
    found = crossings(made_up())
    assert found.who.tolist() == [True, True, True, True, True, False]
    assert found.opened.tolist() == [True, True, True, True, False]
    assert found.placed.tolist() == [True, False, True, True, False]
    assert found.by_content.tolist() == [True, True, False, False, False]
    # One of the two whom content carried; three of the four who had something on.
    assert share(found.placed, found.by_content) == 0.5
    assert share(found.placed, found.opened) == 0.75


def test_referral_is_that_of_crossings_by_content(monkeypatch):
    monkeypatch.setattr(Setting, "arm", lambda self, world, *phases, items=None: made_up())
    monkeypatch.setattr(studies, "crossed", lambda course: np.array([1, 0, 1, 1, 1, 1], dtype=bool))
    assert studies.referral(setting()) == {
        "referral_share": 0.5,
        "placed_at_crossing": 0.75,
        "crossings_by_content": 0.4,
        "vulnerable_crossers_shared_with_no_feed": 0.8,
    }


def test_a_share_of_nobody_is_undefined():
    nobody = np.zeros(3, dtype=bool)
    assert np.isnan(share(nobody, nobody))


def test_where_content_moves_nobody_no_crossing_is_by_content_and_all_are_shared():
    """Noise alone carries people across; the older statistic was met all the same."""
    still = setting(people=400, stance={"persuasion": False, "noise": 0.014, "anchor": 0.0})
    found = studies.referral(still)
    assert np.isnan(found["referral_share"]) and found["crossings_by_content"] == 0
    assert 0 < found["placed_at_crossing"] <= 1
    assert found["vulnerable_crossers_shared_with_no_feed"] == 1
    beside = studies.without_a_feed(still)
    assert beside["crossing_share"] == beside["crossing_without_feed"] > 0
    assert beside["crossers_shared_with_no_feed"] == 1


def test_without_noise_nobody_crosses_with_no_feed():
    """The stance of who watches nothing stays where it is."""
    found = studies.referral(setting(people=400, stance={"noise": 0.0, "anchor": 0.0}))
    assert found["crossings_by_content"] == 1
    assert found["vulnerable_crossers_shared_with_no_feed"] == 0
    assert studies.without_a_feed(setting(stance={"noise": 0.0}))["crossing_without_feed"] == 0


def test_crossed_is_what_crossings_are_of():
    course = setting(people=100, stance={"noise": 0.014}).three_weeks
    assert crossings(course).who.tolist() == crossed(course).tolist()


def test_minutes_a_day_are_those_of_everybody_on_every_day(monkeypatch):
    use = {(0, 21): np.array([10.0, 0.0]), (21, 42): np.array([30.0, 10.0])}
    course = SimpleNamespace(use=lambda *days: use[days])
    monkeypatch.setattr(Setting, "arm", lambda self, world, *phases, items=None: course)
    assert studies.level(setting()) == {"minutes_a_day": 5.0, "minutes_of_the_panel": 20.0}


def test_a_diary_holds_how_far_content_pushed():
    """What is plain pushes nobody, nor does an app that stays closed."""
    course = setting(people=100, population={"susceptibility_median": 0.15, "news_mean": 1.5})
    diary, items = course.three_weeks.diary, course.items
    pushed = diary.outward != 0
    assert (items.civic[diary.watched[pushed]] > 0).all() and diary.opened[pushed].all()
    assert (diary.outward > 0).any() and (diary.outward < 0).any()
    still = setting(people=50, stance={"persuasion": False}).three_weeks
    assert not still.diary.outward.any()


def test_the_headline_s_referral_share_has_not_this_fault():
    """It asks that what was watched pushed outward, so noise alone refers nobody."""
    still = world("vulnerable", "no_persuasion", {"stance": {"noise": 0.014}})
    lives = live(still, synthetic(still), Greedy(30), seed=1, people=200)
    assert lives.crossed.sum() > 5 and not lives.crossed_by_feed.any()


# --- the random feed -----------------------------------------------------------------------------


def test_a_random_feed_leads_with_every_item_alike_and_keeps_a_cap():
    items = synthetic(world())
    feed = Unranked(items)
    seen = np.zeros((30_000, 60), dtype=np.float32)
    led = np.bincount(feed.act(seen), minlength=30) / 30_000
    np.testing.assert_allclose(led, 1 / 30, atol=0.005)
    allowed = np.zeros((1, 30), dtype=bool)
    allowed[0, [3, 7]] = True
    assert set(feed.act_within(seen, allowed)) == {3, 7}


def test_a_random_timeline_has_no_item_twice_and_its_lots_alone_decide_it():
    feed = Unranked(synthetic(world()))
    seen = np.zeros((50, 60), dtype=np.float32)
    lots = np.random.Generator(np.random.Philox(1)).random((10, 50)).astype(np.float32)
    shown = feed.timeline(seen, lots)
    assert shown.shape == (10, 50)
    assert all(len(set(person)) == 10 for person in shown.T)
    np.testing.assert_array_equal(shown, feed.timeline(seen, lots))
    assert (shown[0] == (lots[0] * 30).astype(int)).mean() > 0.95


def test_a_study_under_a_random_feed_ranks_nothing():
    unranked = setting(people=300, recommender={"random": True})
    found = studies.ranking(unranked)
    assert found["ranked_over_random"] == pytest.approx(1, abs=0.05)
    assert np.isnan(studies.forgetting(unranked)["items_to_forget"])


def test_an_answerer_may_stand_under_a_random_feed():
    plain = Answerer.of({"recommender": {"temperature": 0.2}})
    unranked = plain.altered({"recommender": {"random": True}})
    assert (unranked.random, unranked.temperature) == (True, 0.2) and not plain.random
    assert unranked.altered({"habit": {"gain": 0.05}}).random
    # The key of a fit's evaluation, which must stay what it was.
    assert plain.as_dict()["recommender"] == {"temperature": 0.2}
    assert unranked.as_dict() != plain.as_dict()
    with pytest.raises(ValueError, match=r"recommender.random: found 1; allowed: true, false"):
        plain.altered({"recommender": {"random": 1}})
    with pytest.raises(ValueError, match=r"recommender.temperature: found True; allowed: 0 to 10"):
        plain.altered({"recommender": {"temperature": True}})


# --- which rows count ----------------------------------------------------------------------------


BOTH = ["persuasion", "ranking"]


@pytest.mark.parametrize(
    "met, without, against, counted",
    [
        (True, {"persuasion": False, "habit": True, "ranking": True}, ["persuasion"], True),
        (True, {"persuasion": True, "habit": False, "ranking": False}, ["persuasion"], False),
        (True, {"persuasion": False, "habit": True, "ranking": True}, BOTH, False),
        (True, {"persuasion": False, "habit": True, "ranking": False}, BOTH, True),
        (False, {}, ["habit"], False),
    ],
)  # fmt: skip
def test_a_row_counts_if_it_is_missed_in_every_null_that_it_is_held_against(
    met, without, against, counted
):
    assert counts(met, without, against) is counted


def test_the_committed_suite_says_of_each_row_what_it_is_about():
    suite = load_validity(SUITE)
    about = {row.row: row.about for row in suite.rows if row.about}
    assert about[3] == ["habit"] and about[15] == ["persuasion"]
    assert about[16] == about[17] == about[18] == about[19] == ["persuasion", "ranking"]
    assert about[20] == ["ranking"]
    # About none of the three: self-control, an input, dwell times, shares, what people follow.
    assert set(range(1, 26)) - set(about) - {24} == {1, 2, 4, 6, 10, 11, 14}
    assert all(row.held_against and row.because for row in suite.rows)
    assert set(NULLS) == {"persuasion", "habit", "ranking"}


def test_the_fit_stands_as_it_was_made():
    """It asked for the older statistic, and the world that it found is the preset."""
    suite = load_validity(SUITE)
    assert suite.fit is not None
    assert suite.fit.asked_then == {"referral_share": "placed_at_crossing"}
    assert "referral_share" in suite.fit.blocks[-1].statistics


def test_a_fit_asks_for_what_it_was_asked_then(monkeypatch):
    gives = {"referral_share": 0.9, "placed_at_crossing": 0.7}
    one = replace(STUDIES["referral"], measure=lambda setting: gives)
    monkeypatch.setattr(fit, "STUDIES", {"referral": one})
    suite = load_validity(SUITE)
    asked = suite.fit.blocks[-1].model_copy(update={"statistics": ["referral_share"]})
    assert fit.statistics_of(suite.fit, asked, Answerer.of({})) == [0.7]
    now = suite.fit.model_copy(update={"asked_then": {}})
    assert fit.statistics_of(now, asked, Answerer.of({})) == [0.9]


@pytest.mark.parametrize(
    "asked", [{"wedge_then": "placed_at_crossing"}, {"referral_share": "placed"}]
)
def test_what_was_asked_then_must_be_there(tmp_path, asked):
    data = yaml.safe_load(SUITE.read_text(encoding="utf-8"))
    data["fit"]["asked_then"] = asked
    file = tmp_path / "suite.yaml"
    file.write_text(yaml.safe_dump(data), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"asked_then: found .*; allowed: a statistic of the"):
        load_validity(file)


def small(tmp_path, rows=(1, 3, 9, 18), **changes):
    data = yaml.safe_load(SUITE.read_text(encoding="utf-8"))
    data |= {"seeds": 3, "people": 20, "crossers": None, "ensemble": None, "fit": None}
    data["worlds"] = {"default": {"description": "", "set_to": [9]}}
    data["rows"] = [row for row in data["rows"] if row["row"] in rows]
    data["nulls"], data["context"] = {"seeds": 2}, []
    file = tmp_path / "small.yaml"
    file.write_text(yaml.safe_dump(data | changes), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    "change, message",
    [
        ({"about": []}, r"row 3: found about: \[\], applies: \[\]; allowed: one of the two"),
        ({"applies": ["ranking"]}, r"row 3: found about: \['habit'\], applies: \['ranking'\]"),
        ({"because": ""}, "row 3: found no `because`; allowed: a reason"),
        ({"about": ["churn"]}, "rows.0.about.0"),
    ],
)
def test_a_row_without_its_nulls_is_refused(tmp_path, change, message):
    file = small(tmp_path, rows=[3], worlds={"default": {"description": ""}})
    data = yaml.safe_load(file.read_text(encoding="utf-8"))
    data["rows"][0] |= change
    file.write_text(yaml.safe_dump(data), encoding="utf-8")
    with pytest.raises(ConfigError, match=message):
        load_validity(file)


@pytest.mark.parametrize(
    "change, message",
    [
        ({"nulls": {"seeds": 4}}, "nulls.seeds: found 4; allowed: 2 to 3"),
        ({"worlds": {"default": {"description": "", "set_to": [2]}}}, r"set_to: found \[2\]"),
        ({"context": [{"statistic": "wedg", "means": ""}]}, "context.0: statistic: found 'wedg'"),
    ],
)
def test_a_suite_that_cannot_be_is_refused(tmp_path, change, message):
    with pytest.raises(ConfigError, match=message):
        load_validity(small(tmp_path, **change))


# --- runs ----------------------------------------------------------------------------------------

# What each study gives, and in which nulls it gives something else. Row 1 is met and lost without
# ranking alone; row 3 is lost without habit; row 9 without ranking; row 18 in none of its nulls.
GIVES = {
    "self_control": {"wedge": 0.3},
    "bonus": {"bonus_cut": 0.39, "persistence_first": 0.3, "persistence_second": 0.2},
    "ranking": {
        "ranked_over_random": 2.0,
        "civic_share": 0.1,
        "exploited_share": 0.4,
        "civic_amplification": 2.0,
    },
    "chronological_for_three_months": {
        "use_when_chronological": -0.1,
        "stance_when_chronological": 0.0,
    },
    "level": {"minutes_a_day": 12.0, "minutes_of_the_panel": 15.0},
}
WITHOUT = {
    ("self_control", "ranking"): {"wedge": 0.1},
    ("bonus", "habit"): {"persistence_first": None},
    ("ranking", "ranking"): {"ranked_over_random": 1.0},
}


@pytest.fixture
def quick(monkeypatch):
    """Studies that give what is written above, in this process; the names of those that ran."""
    done = []

    def work(job):
        if job.known is not None:
            return job.known
        done.append(job.name)
        return GIVES[job.study] | WITHOUT.get((job.study, job.without), {})

    def inline(work, tasks, workers=None):
        for task in tasks:
            yield work(task)

    monkeypatch.setattr(engine, "run_study", work)
    monkeypatch.setattr(record, "in_processes", inline)
    return done


def test_rows_that_are_met_are_asked_again_in_every_null(tmp_path, quick):
    folder = run_record(engine.validity_record(load_validity(small(tmp_path))), tmp_path)
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    rows = {row["row"]: row for row in summary["worlds"]["default"]["rows"]}
    assert len(quick) == 4 * 3 + 4 * 3 * 2  # four studies; three seeds, and two in each null
    met = {
        n: {name: null["pass"] for name, null in row["nulls"].items()} for n, row in rows.items()
    }
    assert met[1] == {"persuasion": True, "habit": True, "ranking": False}
    assert met[3] == {"persuasion": True, "habit": False, "ranking": True}
    assert met[9] == {"persuasion": True, "habit": True, "ranking": False}
    assert met[18] == {"persuasion": True, "habit": True, "ranking": True}
    assert {n: row["counts"] for n, row in rows.items()} == {1: False, 3: True, 9: True, 18: False}
    (wedge,) = rows[1]["nulls"]["ranking"]["parts"]
    assert wedge["simulated"]["mean"] == 0.1 and wedge["values"] == [0.1, 0.1]
    found = summary["worlds"]["default"]
    assert (found["met"], found["counting"], found["counting_unfitted"]) == (4, [3, 9], [3])
    assert summary["null_seeds"] == 2


def test_a_row_that_is_missed_has_no_null(tmp_path, quick, monkeypatch):
    monkeypatch.setitem(GIVES, "self_control", {"wedge": 0.9})
    folder = run_record(engine.validity_record(load_validity(small(tmp_path))), tmp_path)
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    row = summary["worlds"]["default"]["rows"][0]
    assert (row["pass"], row["nulls"], row["counts"]) == (False, {}, False)
    assert not any("without" in name and "self_control" in name for name in quick)


def test_the_report_says_what_counts_and_why_not(tmp_path, quick):
    beside = [{"statistic": "minutes_a_day", "means": "minutes a day"}]
    suite = load_validity(small(tmp_path, context=beside))
    folder = run_record(engine.validity_record(suite), tmp_path)
    report = (folder / "report.md").read_text(encoding="utf-8")
    assert (
        "4 of 4 testable rows inside their band (0 of 0 held out); 2 of them are missed once their "
        "mechanism is off, and so count; nothing was chosen for 1 of those." in report
    )
    assert "**What counts.**" in report and "(the first 2 seeds)" in report
    assert (
        "Rows that count: 3, 9. Of these, rows that nothing in this world was chosen for: 3."
        in report
    )
    assert "- Row 1 (Allcott, Gentzkow & Song 2022): also met without habit; about self-" in report
    assert (
        "- Row 18 (Guess et al. 2023): also met without persuasion and without ranking;" in report
    )
    assert "| minutes_a_day: minutes a day | 12 [12, 12] |" in report
    assert "inside, counts |" in report and "inside, does not count |" in report
    assert "| 0.3, inside | 0.3, inside\\* | 0.1, outside\\* | inside, does not count |" in report
    lines = told_rows(json.loads((folder / "summary.json").read_text())["rows"])
    assert lines[1][4:7] == ["0.3, inside", "undefined, outside*", "0.3, inside"]


def test_a_suite_without_nulls_says_nothing_of_them(tmp_path, quick):
    folder = run_record(
        engine.validity_record(load_validity(small(tmp_path, nulls=None))), tmp_path
    )
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert count_of(summary["worlds"]["default"]).endswith("(0 of 0 held out)")
    assert (
        "counts" not in summary["rows"][0]
        and "What counts" not in (folder / "report.md").read_text()
    )


# --- suites that are extended --------------------------------------------------------------------


def extended(tmp_path, **changes):
    suite = load_validity(small(tmp_path, **changes))
    made = engine.validity_record(suite)
    extend_suite(made.config, tmp_path)
    return run_record(made, tmp_path)


def test_an_extended_suite_keeps_what_the_change_does_not_touch(tmp_path, quick, monkeypatch):
    run_record(engine.validity_record(load_validity(small(tmp_path, nulls=None))), tmp_path)
    before = json.loads((tmp_path / "validity" / "summary.json").read_text(encoding="utf-8"))
    old = json.loads((tmp_path / "validity" / "manifest.json").read_text(encoding="utf-8"))
    quick.clear()
    # What is kept is not made again: were it, it would come out otherwise now.
    monkeypatch.setitem(GIVES, "self_control", {"wedge": 0.26})
    folder = extended(tmp_path, context=[{"statistic": "minutes_a_day", "means": ""}])
    # Of `bonus` and `ranking` the result held some statistics alone, so they are made anew.
    plain = sorted(name for name in quick if "without" not in name)
    assert plain == [f"default--{s}--{n}" for s in ("bonus", "level", "ranking") for n in range(3)]
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    for row, then in zip(summary["rows"], before["rows"], strict=True):
        assert row["parts"] == then["parts"] and row["simulated"] == then["simulated"]
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["git_revision"] == old["git_revision"] and len(manifest["later_revisions"]) == 1
    assert manifest["earlier_configs"] == [old["config_sha256"]]
    assert manifest["wall_time_s"] > old["wall_time_s"]
    config = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    assert config["nulls"] == {"seeds": 2, "engine": "numpy"}
    quick.clear()
    assert extended(tmp_path, context=[{"statistic": "minutes_a_day", "means": ""}]) == folder
    assert not quick


@pytest.mark.parametrize(
    "change", [{"people": 21}, {"crossers": 30}, {"training": {"slots": 8192}}]
)
def test_what_all_rests_on_cannot_be_extended(tmp_path, quick, change):
    run_record(engine.validity_record(load_validity(small(tmp_path, nulls=None))), tmp_path)
    whole = (tmp_path / "validity" / "manifest.json").read_bytes()
    (name,) = change
    with pytest.raises(ResultError, match=f"{name} has changed, .*; allowed: --fresh"):
        extended(tmp_path, **change)
    assert (tmp_path / "validity" / "manifest.json").read_bytes() == whole


def test_worlds_that_changed_are_made_anew(tmp_path, quick):
    run_record(engine.validity_record(load_validity(small(tmp_path, nulls=None))), tmp_path)
    quick.clear()
    other = {"default": {"description": "", "overrides": {"habit": {"gain": 0.05}}}}
    extended(tmp_path, nulls=None, worlds=other)
    assert len(quick) == 4 * 3


@pytest.mark.parametrize("stopped", ["write_whole", "git_revision"])
def test_an_extension_that_was_stopped_is_taken_up(tmp_path, quick, monkeypatch, stopped):
    from undertow.experiments.validity import extend

    run_record(engine.validity_record(load_validity(small(tmp_path, nulls=None))), tmp_path)
    before = json.loads((tmp_path / "validity" / "manifest.json").read_text(encoding="utf-8"))

    def stop(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(extend, stopped, stop)
        with pytest.raises(KeyboardInterrupt):
            extended(tmp_path)
    # Until the manifest names the new config, the result is the old one, whole.
    manifest = json.loads((tmp_path / "validity" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["config_sha256"] == before["config_sha256"] and manifest["finished"]
    assert undertow("verify", tmp_path / "validity").exit_code == 0
    quick.clear()
    summary = json.loads((extended(tmp_path) / "summary.json").read_text(encoding="utf-8"))
    assert summary["worlds"]["default"]["counting"] == [3, 9]
    assert "default--self_control--0" not in quick


def test_fresh_and_extend_exclude_each_other(tmp_path):
    found = undertow("validate", small(tmp_path), "--fresh", "--extend")
    assert found.exit_code == 2 and "--extend: found beside --fresh" in found.stderr
