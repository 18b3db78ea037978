"""A report says what it leaves out because a policy has another name, and why."""

import json

from undertow.experiments.left_out import left_out
from undertow.experiments.result import Result

from .made_up import made_up


def told(folder, rename=None, kinds=None, **how):
    """The section, of a made-up result some of whose policies have other names."""
    summary = made_up(folder, seeds=2, **how)
    text = json.dumps(summary)
    for old, new in (rename or {}).items():
        text = text.replace(f'"{old}"', f'"{new}"')
    summary = json.loads(text)
    for policy, kind in (kinds or {}).items():
        summary["policies"][policy]["kind"] = kind
    (folder / "summary.json").write_text(json.dumps(summary))
    return left_out(Result.read(folder))


def test_nothing_is_left_out_where_every_name_is_there(tmp_path):
    assert told(tmp_path) == ""


def test_a_renamed_pair_is_said_to_be_missing_from_each_section_that_looks_for_it(tmp_path):
    found = told(tmp_path, {"ppo": "far", "ppo_myopic": "near"})
    assert found.startswith("## Left out of this report\n")
    assert (
        "- **Like with like** and **Ratchet and investment** compare `ppo` with `ppo_myopic`, and "
        "**The finding** says what `ppo` earned; this result has no policy named `ppo` or "
        "`ppo_myopic`." in found
    )
    assert "**Who is moved** tells of `greedy`, `ppo` and `ppo_oracle`; this result has no" in found
    assert "`ppo_oracle` with `greedy`" not in found  # that pair is there


def test_one_of_a_pair_is_enough_to_leave_it_out(tmp_path):
    found = told(tmp_path, {"ppo_myopic": "near"})
    assert found.count("\n- ") == 1 and "no policy named `ppo_myopic`." in found


def test_a_pair_that_no_world_ran_together_is_told_apart_from_one_that_is_missing(tmp_path):
    summary = made_up(tmp_path, seeds=2)
    summary["cells"] = [c for c in summary["cells"] if c["policy"] != "ppo"] + [
        c for c in summary["cells"] if (c["policy"], c["world"]) == ("ppo", "no_habit")
    ]
    (tmp_path / "summary.json").write_text(json.dumps(summary))
    found = left_out(Result.read(tmp_path))
    assert "compare `ppo` with `ppo_myopic`" in found and "; no world ran both." in found


def test_without_the_long_sighted_and_the_neutral_feed_the_finding_says_what_it_lacks(tmp_path):
    names = {"ppo": "far", "ppo_oracle": "farther", "greedy": "now", "chronological": "plain"}
    found = told(tmp_path, names)
    assert (
        "**The finding** says whom `ppo` and `ppo_oracle` moved, how much of the minutes" in found
    )
    assert "tell of `chronological`, the neutral feed as a policy; this result has no" in found
    assert "The overview shows the drift of `ppo`, `ppo_oracle` and `greedy` in the null" in found


def test_a_strip_of_nulls_whose_policy_was_not_run_in_them_is_named(tmp_path):
    found = told(tmp_path, {"ppo": "far"})
    assert "in the null worlds; `ppo_oracle` was run in none of them." in found


def test_a_sweep_of_other_names_is_said_not_to_be_drawn(tmp_path):
    kinds = {"random": "ppo_lagrangian", "popular": "ppo_lagrangian"}
    found = told(tmp_path, kinds=kinds)
    assert "joins policies whose names begin with `lagrangian_`, `drift_`" in found
    assert "`random` and `popular` do not." in found
    named = {"random": "drift_000", "popular": "drift_100"}
    kinds = {"drift_000": "ppo_lagrangian", "drift_100": "ppo_lagrangian"}
    assert told(tmp_path, named, kinds) == ""
