"""What is said of the fitted world: the same words everywhere, each number from a result."""

import json
import re
from pathlib import Path

import pytest

from undertow.experiments.validity.nulls import NULLS

ROOT = Path(__file__).parents[2]
SUITE = json.loads((ROOT / "results/validity/summary.json").read_text(encoding="utf-8"))
WORLDS = SUITE["worlds"]
FITTED = WORLDS["anchored"]


def text_of(page):
    return re.sub(r"\s+", " ", (ROOT / page).read_text(encoding="utf-8"))


def beside(name):
    return next(c["simulated"]["mean"] for c in FITTED["context"] if c["statistic"] == name)


def value(row, name, without=None):
    found = next(r for r in FITTED["rows"] if r["row"] == row)
    parts = found["parts"] if without is None else found["nulls"][without]["parts"]
    return next(p["simulated"]["mean"] for p in parts if p["statistic"] == name)


def listed(rows):
    names = [str(row) for row in rows]
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else "".join(names)


def met_and_counting():
    count, unfitted = len(FITTED["counting"]), len(FITTED["counting_unfitted"])
    return (
        f"The fitted world, `anchored`, meets {FITTED['met']} of {FITTED['testable']} rows. Of "
        f"these, {count} count: they are missed once the mechanism that the finding is about is "
        f"switched off. {count - unfitted} of the {count} had been used to choose the world's "
        "parameters or its form."
    )


def random_walk():
    return (
        "Its stances are a random walk. With no feed at all, "
        f"{beside('crossing_without_feed'):.1%} of its people pass |x| = 0.6 within three weeks, "
        f"and {beside('crossers_shared_with_no_feed'):.1%} of those who pass it under the ranked "
        "feed also pass it without one. Its people watch "
        f"{beside('minutes_of_the_panel'):.0f} minutes a day, where the people of one study used "
        "about 144."
    )


CONCLUSION = (
    "So what happens to stances in this world, or does not happen, is no evidence for or against "
    "the headline."
)


@pytest.mark.parametrize("page", ["README.md", "docs/evidence.md", "docs/world.md"])
def test_what_the_fitted_world_meets_is_said_in_the_same_words(page):
    text = text_of(page)
    assert met_and_counting() in text and CONCLUSION in text
    for claim in ("19 of 23", "meets 19", "does not stand in the", "drift does not stand"):
        assert claim not in text, claim


@pytest.mark.parametrize("page", ["README.md", "docs/evidence.md"])
def test_what_is_left_of_it_is_said_in_the_same_words(page):
    assert random_walk() in text_of(page)


def test_the_page_on_evidence_has_its_numbers_from_the_result():
    text = text_of("docs/evidence.md")
    crossers = "crossers_from_the_middle"
    for told in (
        f"met with persuasion off ({value(15, crossers, 'persuasion'):.3f}, and "
        f"{value(15, crossers):.3f} with it)",
        f"These are {beside('crossings_by_content'):.1%} of all crossings, and the feed had placed "
        f"{value(16, 'referral_share'):.0%} of them, above the band",
        f"({beside('placed_at_crossing'):.3f}, inside the band)",
        f"Row 20 is met by a random feed** ({value(20, 'exploited_share', 'ranking'):.3f}, and "
        f"{value(20, 'exploited_share'):.3f} under the ranked one)",
        f"{beside('minutes_of_the_panel'):.1f} minutes a day in the study of rows 2 and 3, and new "
        f"people {beside('minutes_a_day'):.1f}",
        f"Rows that count are about habit and ranking**: {listed(FITTED['counting'])}.",
    ):
        assert told in text, told
    for world in WORLDS.values():
        count = f"{len(world['counting'])}: {listed(world['counting'])}"
        met = f"{world['met']} of {world['testable']}"
        assert f"| {met} | {count} | {listed(world['counting_unfitted'])} |" in text


def test_no_row_on_belief_counts_in_the_fitted_world():
    """Rows 16, 17 and 19 are missed; 15 and 18 are met with persuasion off."""
    rows = {row["row"]: row for row in FITTED["rows"]}
    assert [rows[n]["pass"] for n in range(15, 20)] == [True, False, False, True, False]
    assert rows[15]["nulls"]["persuasion"]["pass"] and rows[18]["nulls"]["persuasion"]["pass"]
    assert not any(rows[n]["counts"] for n in range(15, 20))


def test_the_table_of_rows_says_what_the_result_says():
    told = {True: "counts", False: "met"}
    lines = (ROOT / "docs/evidence.md").read_text(encoding="utf-8").splitlines()
    for number, row in {row["row"]: row for row in FITTED["rows"]}.items():
        cells = [
            told[at["counts"] and at["counted"]] if at["pass"] else "**missed**"
            for world in WORLDS.values()
            for at in world["rows"]
            if at["row"] == number
        ]
        held_out = " (held out)" if row["held_out"] else ""
        begins, ends = f"| {number}{held_out} |", "| " + " | ".join(cells) + " |"
        assert any(x.startswith(begins) and x.endswith(ends) for x in lines), number


def test_every_row_that_is_met_was_asked_in_every_null_of_its_world():
    for name, world in WORLDS.items():
        for row in world["rows"]:
            assert set(row["nulls"]) == (set(NULLS) if row["pass"] else set()), (name, row["row"])
            met = [row["nulls"][m]["pass"] for m in row["held_against"] if row["pass"]]
            assert row["counts"] == (row["pass"] and not any(met)), (name, row["row"])
