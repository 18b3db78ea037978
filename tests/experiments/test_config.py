from pathlib import Path

import pytest

import undertow.experiments
from undertow.agents import PPOSettings
from undertow.experiments.config import ConfigError, Experiment, load_experiment
from undertow.experiments.record_commands import record_configs

from .tiny import TINY, config, write

CONFIGS = Path(undertow.experiments.__file__).parent / "configs"


def refusal(folder, data):
    """The message with which a config is refused."""
    with pytest.raises(ConfigError) as caught:
        load_experiment(write(folder, data))
    return str(caught.value)


def with_(*path, value):
    """TINY with one value put at a path of keys."""
    data = config()
    block = data
    for key in path[:-1]:
        block = block[key] if isinstance(block, list) else block.setdefault(key, {})
    block[path[-1]] = value
    return data


def without(*path):
    data = config()
    block = data
    for key in path[:-1]:
        block = block[key]
    del block[path[-1]]
    return data


# --- what is accepted -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "file", sorted(set(CONFIGS.glob("*.yaml")) - set(record_configs())), ids=lambda file: file.stem
)
def test_every_committed_config_loads_and_is_named_like_its_file(file):
    experiment = load_experiment(file)
    assert experiment.name == file.stem
    assert experiment.title
    for hypothesis in experiment.hypotheses:
        assert hypothesis.terms()


def test_the_headline_has_the_seeds_policies_and_nulls_that_it_promises():
    headline = load_experiment(CONFIGS / "headline.yaml")
    assert headline.seeds >= 10
    seven = {"random", "chronological", "popular", "greedy", "ppo_myopic", "ppo", "ppo_oracle"}
    assert set(headline.cells["default"]) == set(headline.cells["vulnerable"]) == seven
    nulls = {w.null for n, w in headline.worlds.items() if "ppo" in headline.cells.get(n, [])}
    assert {"no_extremity_pull", "no_persuasion", "no_habit", "yoked"} <= nulls
    assert headline.settings("ppo_myopic").gamma == 0.0
    assert headline.policies["ppo_oracle"].observation == "oracle"
    assert any(h.group == "null" and h.test == "equivalent" for h in headline.hypotheses)


def test_the_quickstart_is_the_headline_in_small():
    small, headline = (load_experiment(CONFIGS / f"{n}.yaml") for n in ("quickstart", "headline"))
    assert small.cells == headline.cells
    assert small.worlds == headline.worlds
    assert small.hypotheses == headline.hypotheses
    assert small.seeds == 3
    for name, policy in small.policies.items():
        if policy.kind == "ppo":
            assert small.settings(name).slots < headline.settings(name).slots


def test_a_config_of_the_least_keys_gets_every_default():
    data = {key: TINY[key] for key in ("name", "title", "seeds", "cells")}
    data |= {"worlds": {"lively": {}, "frozen": {}}, "policies": TINY["policies"]}
    experiment = Experiment.model_validate(data)
    assert experiment.training == PPOSettings()
    assert experiment.neutral == "chronological"
    assert experiment.worlds["lively"].preset == "default"
    assert experiment.hypotheses == []


def test_a_policy_s_settings_lie_over_those_of_the_experiment():
    data = with_("policies", "ppo", "ppo", value={"gamma": 0.25, "net": [4, 4]})
    experiment = Experiment.model_validate(data)
    settings = experiment.settings("ppo")
    assert (settings.gamma, settings.net, settings.slots) == (0.25, (4, 4), 256)
    assert experiment.settings("random").gamma == PPOSettings().gamma


def test_overrides_lie_over_the_null_and_the_preset():
    data = with_("worlds", "frozen", "overrides", "stance", value={"persuasion": True})
    world = Experiment.model_validate(data).worlds["frozen"].parameters()
    assert world.stance.persuasion
    assert not world.taste.enabled
    assert world.population.susceptibility_median == 0.15
    assert world.calendar.days == 3


# --- what is refused: path, value, and what is allowed --------------------------------------------

HYPOTHESIS = TINY["hypotheses"][0]
SCHEMA = "undertow schema"
REFUSED = {
    "unknown key": (("colour",), "red", ["colour: unknown key", SCHEMA, "'red'"]),
    "unknown key in a block": (
        ("evaluation", "poeple"),
        30,
        ["evaluation.poeple: unknown key", SCHEMA, "30"],
    ),
    "unknown parameter of a world": (
        ("worlds", "lively", "overrides", "habit"),
        {"gian": 0.1},
        ["worlds.lively.overrides.habit.gian: unknown key", SCHEMA, "0.1"],
    ),
    "unknown group of a world": (
        ("worlds", "frozen", "overrides", "magic"),
        {"a": 1},
        ["worlds.frozen.overrides.magic: unknown key", SCHEMA, "{'a': 1}"],
    ),
    "parameter of a world out of range": (
        ("worlds", "lively", "overrides", "habit"),
        {"gain": 5.0},
        ["worlds.lively.overrides.habit.gain: ", "less than or equal to 1", "5.0"],
    ),
    "parameter of a world of a wrong type": (
        ("worlds", "lively", "overrides", "habit"),
        {"gain": "lots"},
        ["worlds.lively.overrides.habit.gain: ", "number", "'lots'"],
    ),
    "parameter where a group belongs": (
        ("worlds", "lively", "overrides", "habit"),
        3,
        ["worlds.lively.overrides.habit: ", "Habit", "3"],
    ),
    "parameters that do not fit together": (
        ("worlds", "lively", "overrides", "watching"),
        {"minutes": 120.0},
        ["worlds.lively.overrides: watching: ", "does not fit in a slot", "allowed: at most 360"],
    ),
    "unknown preset": (
        ("worlds", "lively", "preset"),
        "sunny",
        ["worlds.lively: ", "'sunny'", "allowed: default, vulnerable"],
    ),
    "unknown null": (
        ("worlds", "lively", "null"),
        "no_fun",
        ["worlds.lively: ", "'no_fun'", "allowed: ", "no_persuasion", "yoked"],
    ),
    "null without quotes": (
        ("worlds", "lively", None),
        "yoked",
        ["worlds.lively", 'allowed: a key in quotes, such as "null"', "found the key null"],
    ),
    "unknown setting of ppo": (
        ("policies", "ppo", "ppo"),
        {"gama": 0.9},
        ["policies.ppo.ppo.gama: unknown key", SCHEMA, "0.9"],
    ),
    "setting of ppo out of range": (
        ("policies", "ppo", "ppo"),
        {"gamma": 2},
        ["policies.ppo.ppo.gamma: ", "less than or equal to 1", "2"],
    ),
    "setting of ppo of a wrong type": (
        ("policies", "ppo", "ppo"),
        {"net": ["wide"]},
        ["policies.ppo.ppo.net.0: ", "integer", "'wide'"],
    ),
    "unknown setting of training": (
        ("training", "gama"),
        0.9,
        ["training.gama: unknown key", SCHEMA, "0.9"],
    ),
    "setting of training out of range": (
        ("training", "slots"),
        0,
        ["training.slots: ", "greater than or equal to 1", "0"],
    ),
    "settings of ppo for a rule": (
        ("policies", "random", "ppo"),
        {"gamma": 0.5},
        ["policies.random: ppo: ", "'random'", "allowed: kind ppo only"],
    ),
    "unknown kind": (
        ("policies", "random", "kind"),
        "dice",
        ["policies.random.kind: ", "'dice'", "'chronological'", "'ppo'"],
    ),
    "endorsement without the true state": (
        ("policies", "random", "kind"),
        "endorsement",
        ["policies.random: observation: ", "'platform'", "allowed: oracle"],
    ),
    "settings of another kind": (
        ("policies", "random", "linucb"),
        {"alpha": 1},
        ["policies.random: linucb: found settings for kind 'random'; allowed: kind linucb only"],
    ),
    "a bandit on the true state": (
        ("policies", "random"),
        {"kind": "thompson", "observation": "oracle"},
        ["policies.random: observation: found 'oracle' for thompson; allowed: platform"],
    ),
    "an unknown setting of a bandit": (
        ("policies", "random"),
        {"kind": "linucb", "linucb": {"alfa": 1}},
        ["policies.random.linucb.alfa: unknown key"],
    ),
    "no limit": (("policies", "random", "limits"), {}, ["policies.random.limits: found no limit"]),
    "a cap out of range": (
        ("policies", "random", "limits"),
        {"extremity_cap": 2},
        ["policies.random.limits.extremity_cap: ", "(found 2)"],
    ),
    "greedy without the true state": (
        ("policies", "greedy", "observation"),
        "platform",
        ["policies.greedy: observation: ", "'platform'", "allowed: oracle"],
    ),
    "greedy prior without the true state": (
        ("policies", "ppo", "ppo"),
        {"greedy_prior": 8.0},
        ["policies.ppo.ppo.greedy_prior: ", "found 8", "allowed: 0, or observation: oracle"],
    ),
    "too few seeds": (("seeds",), 1, ["seeds: ", "greater than or equal to 2", "1"]),
    "seeds in words": (("seeds",), "ten", ["seeds: ", "integer", "'ten'"]),
    "seeds in a mapping": (("seeds",), {"n": 3}, ["seeds: ", "integer", "{'n': 3}"]),
    "too few people": (
        ("evaluation", "people"),
        3,
        ["evaluation.people: ", "greater than or equal to 10", "3"],
    ),
    "a threshold nobody can pass": (
        ("evaluation", "threshold"),
        1.0,
        ["evaluation.threshold: ", "less than 1", "1.0"],
    ),
    "a list for a mapping": (("worlds",), ["lively"], ["worlds: ", "dictionary", "['lively']"]),
    "no policies": (("policies",), {}, ["policies: ", "at least 1", "{}"]),
    "a name with blanks": (
        ("name",),
        "My Run",
        ["name: ", "'My Run'", "allowed: lower case, digits, underscores"],
    ),
    "a name that leads elsewhere": (("name",), "../up", ["name: ", "'../up'", "allowed: "]),
    "an unknown world in cells": (
        ("cells", "mars"),
        ["ppo"],
        ["cells.mars: no such world", "allowed: lively, frozen"],
    ),
    "an unknown policy in cells": (
        ("cells", "lively"),
        ["ppo", "oracle"],
        ["cells.lively: ", "'oracle'", "allowed: random, chronological, greedy, ppo"],
    ),
    "a world without policies": (
        ("cells", "lively"),
        [],
        ["cells.lively: found []", "allowed: one policy or more"],
    ),
    "a policy twice": (
        ("cells", "lively"),
        ["ppo", "ppo"],
        ["cells.lively: found ['ppo', 'ppo']", "allowed: one policy or more, each once"],
    ),
    "another neutral feed": (
        ("neutral",),
        "random",
        ["neutral: ", "'chronological'", "found 'random'"],
    ),
    "a metric that is none": (
        ("hypotheses", 0, "metric"),
        "happiness",
        ["hypotheses.0: metric: ", "'happiness'", "allowed: watch_minutes_per_day, "],
    ),
    "a test that is none": (
        ("hypotheses", 0, "test"),
        "different",
        ["hypotheses.0.test: ", "'greater', 'less' or 'equivalent'", "'different'"],
    ),
    "a margin of nothing": (
        ("hypotheses", 1, "margin"),
        0.0,
        ["hypotheses.1.margin: ", "greater than 0", "0.0"],
    ),
    "a margin with greater": (
        ("hypotheses", 0, "margin"),
        0.1,
        ["hypotheses.0: margin: ", "found 0.1 with test 'greater'", "allowed: a margin with"],
    ),
    "equivalent without a margin": (
        ("hypotheses", 1, "margin"),
        None,
        ["hypotheses.1: margin: ", "found None with test 'equivalent'", "allowed: a margin with"],
    ),
    "a contrast with a policy that is not run there": (
        ("hypotheses", 0, "contrast"),
        "ppo@lively - random@frozen",
        ["hypotheses.impossible: random@frozen is not run", "allowed: what `cells` names"],
    ),
    "a contrast with a world that is none": (
        ("hypotheses", 0, "contrast"),
        "ppo@mars",
        ["hypotheses.impossible: ppo@mars is not run", "allowed: what `cells` names"],
    ),
    "a split with a cell that is not run": (
        ("splits", 0, "short"),
        "random",
        ["splits.gain: random@frozen is not run", "allowed: what `cells` names"],
    ),
    "an unknown key of a hypothesis": (
        ("hypotheses", 0, "alpha"),
        0.1,
        ["hypotheses.0.alpha: unknown key", SCHEMA, "0.1"],
    ),
    "a catalogue without columns": (
        ("catalogue",),
        {"items": 10},
        ["catalogue.columns: Field required"],
    ),
    "an unknown key of a catalogue": (
        ("catalogue",),
        {"columns": {"id": "a", "topic": "b", "colour": "c"}},
        ["catalogue.columns.colour: unknown key", SCHEMA, "'c'"],
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_path_value_and_what_is_allowed(tmp_path, name):
    path, value, expected = REFUSED[name]
    data = with_(*path, value=value)
    message = refusal(tmp_path, data)
    assert message.startswith(f"{tmp_path / 'experiment.yaml'}:\n")
    assert "Value error" not in message
    assert "pydantic" not in message
    for text in expected:
        assert text in message


@pytest.mark.parametrize("key", ["name", "title", "seeds", "worlds", "policies", "cells"])
def test_a_missing_key_is_named(tmp_path, key):
    message = refusal(tmp_path, without(key))
    assert message.splitlines()[1:] == [f"{key}: Field required"]


def test_all_problems_are_told_at_once_a_line_each(tmp_path):
    data = with_("worlds", "lively", "overrides", "habit", value={"gain": 5, "decay": "no"})
    data |= {"seeds": 0, "colour": "red"}
    lines = refusal(tmp_path, data).splitlines()[1:]
    assert {line.split(": ")[0] for line in lines} == {
        "seeds",
        "colour",
        "worlds.lively.overrides.habit.gain",
        "worlds.lively.overrides.habit.decay",
    }


MALFORMED = [
    "",
    "ppo",
    "ppo@",
    "@lively",
    "ppo@lively -",
    "ppo@lively greedy@lively",
    "ppo@lively * greedy@lively",
    "ppo@lively - 2",
    "2 ppo@lively",
    "PPO@lively",
    "ppo@lively, greedy@lively",
    "ppo@lively -- greedy@lively",
    "ppo@lively and greedy@lively",
    "/ ppo@lively",
    "/ ppo@lively / greedy@lively",
    "- ppo@lively / greedy@lively",
    "ppo@lively / greedy@lively / random@lively",
    "ppo@lively / greedy@lively - random@lively",
    "ppo@lively - greedy@lively / random@lively",
]


@pytest.mark.parametrize("contrast", MALFORMED)
def test_a_malformed_contrast_is_refused(tmp_path, contrast):
    message = refusal(tmp_path, with_("hypotheses", 0, "contrast", value=contrast))
    assert f"hypotheses.0: contrast: found {contrast!r}" in message
    assert "allowed: " in message


def test_terms_of_a_contrast_have_signs():
    data = with_("hypotheses", 0, "contrast", value=" ppo@lively -greedy@lively+ random@lively ")
    terms = Experiment.model_validate(data).hypotheses[0].terms()
    assert [(t.sign, t.policy, t.world) for t in terms] == [
        ("+", "ppo", "lively"),
        ("-", "greedy", "lively"),
        ("+", "random", "lively"),
    ]


# --- files ----------------------------------------------------------------------------------------


def test_a_missing_file_is_named(tmp_path):
    file = tmp_path / "nowhere.yaml"
    with pytest.raises(ConfigError, match="no such file; allowed: a YAML experiment") as caught:
        load_experiment(file)
    assert str(file) in str(caught.value)


def test_a_folder_is_no_config(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load_experiment(tmp_path)


def test_text_in_another_encoding_is_refused(tmp_path):
    file = tmp_path / "experiment.yaml"
    file.write_bytes("title: Größe".encode("latin-1"))
    with pytest.raises(ConfigError, match="cannot be read"):
        load_experiment(file)


@pytest.mark.parametrize("text", ["a: [1, 2", "a: b: c", "\tname: x"])
def test_what_is_not_yaml_is_refused(tmp_path, text):
    message = refusal(tmp_path, text)
    assert "experiment.yaml: not YAML: " in message
    assert "line 1" in message


@pytest.mark.parametrize("text", ["a: 1\nb: 2\na: 3", "worlds:\n  a: {x: 1, y: 2, x: 3}"])
def test_a_key_that_stands_twice_is_refused(tmp_path, text):
    message = refusal(tmp_path, text)
    assert "experiment.yaml: not YAML: " in message
    assert "stands twice" in message
    assert "line " in message


def test_a_key_that_replaces_one_of_an_anchor_stands_once(tmp_path):
    text = "a: &x {b: 1}\nc: {<<: *x, b: 2}"
    assert "twice" not in refusal(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "found"), [("", "NoneType"), ("- a\n- b", "list"), ("just text", "str"), ("3", "int")]
)
def test_what_is_no_mapping_is_refused(tmp_path, text, found):
    message = refusal(tmp_path, text)
    assert message.endswith(f"experiment.yaml: found {found}; allowed: a mapping of keys")


def test_a_long_value_is_cut_and_hides_no_other_problem(tmp_path):
    message = refusal(tmp_path, with_("rows", value=["much"] * 1000) | {"colour": "red"})
    assert all(len(line) < 300 for line in message.splitlines())
    assert "rows: unknown key; allowed: " in message
    assert "(found ['much', 'much'," in message
    assert "(found 'red')" in message


# --- extends --------------------------------------------------------------------------------------


def extended(folder, above, below=TINY):
    write(folder, below, "below.yaml")
    return load_experiment(write(folder, {"extends": "below.yaml", **above}, "above.yaml"))


def test_a_file_that_only_extends_is_the_other(tmp_path):
    assert extended(tmp_path, {}) == Experiment.model_validate(TINY)


def test_mappings_are_merged_key_by_key_and_the_rest_is_replaced(tmp_path):
    above = {
        "name": "other",
        "training": {"slots": 512},
        "worlds": {"lively": {"overrides": {"calendar": {"days": 5}}}},
        "cells": {"lively": ["ppo", "greedy"]},
        "policies": {"ppo_oracle": {"kind": "ppo", "observation": "oracle"}},
    }
    found = extended(tmp_path, above)
    assert found.name == "other"
    assert found.title == TINY["title"]
    assert (found.training.slots, found.training.n_envs) == (512, 16)
    world = found.worlds["lively"]
    assert world.preset == "vulnerable"
    assert world.parameters().calendar.days == 5
    assert world.parameters().calendar.slots_per_day == 4
    assert found.worlds["frozen"].parameters().calendar.days == 3
    assert found.cells == {"lively": ["ppo", "greedy"], "frozen": ["greedy", "ppo"]}
    assert list(found.policies) == [*TINY["policies"], "ppo_oracle"]


def test_null_takes_a_key_away(tmp_path):
    above = {
        "worlds": {"frozen": None},
        "cells": {"frozen": None},
        "hypotheses": None,
        "splits": None,
        "training": {"net": None},
    }
    found = extended(tmp_path, above)
    assert list(found.worlds) == list(found.cells) == ["lively"]
    assert found.hypotheses == found.splits == []
    assert found.training.net == PPOSettings().net
    assert found.training.slots == 256


def test_lists_are_replaced_whole(tmp_path):
    found = extended(tmp_path, {"hypotheses": [HYPOTHESIS | {"name": "only"}]})
    assert [h.name for h in found.hypotheses] == ["only"]


def test_a_chain_is_followed_from_each_file_s_own_folder(tmp_path):
    write(tmp_path / "deep", TINY, "first.yaml")
    write(tmp_path / "deep", {"extends": "first.yaml", "seeds": 5, "title": "2"}, "second.yaml")
    file = write(tmp_path, {"extends": "deep/second.yaml", "title": "3"}, "third.yaml")
    found = load_experiment(file)
    assert (found.name, found.seeds, found.title) == ("tiny", 5, "3")


def test_what_was_refused_below_is_refused_above_and_a_change_can_mend_it(tmp_path):
    below = config(seeds=1)
    with pytest.raises(ConfigError, match=r"above\.yaml:\nseeds: .*\(found 1\)"):
        extended(tmp_path, {}, below)
    assert extended(tmp_path, {"seeds": 2}, below).seeds == 2


def test_the_file_that_is_missing_below_is_named(tmp_path):
    message = refusal(tmp_path, {"extends": "nowhere.yaml"})
    assert message == f"{tmp_path / 'nowhere.yaml'}: no such file; allowed: a YAML experiment"


def test_what_is_no_mapping_below_is_named(tmp_path):
    write(tmp_path, "- a", "below.yaml")
    assert "below.yaml: found list" in refusal(tmp_path, {"extends": "below.yaml"})


@pytest.mark.parametrize("value", [3, ["below.yaml"], {"file": "below.yaml"}, True])
def test_extends_names_one_file(tmp_path, value):
    message = refusal(tmp_path, {"extends": value})
    assert f"extends: found {value!r}; allowed: a path beside this file" in message


@pytest.mark.parametrize("names", [["a"], ["a", "b"], ["a", "b", "c"]])
def test_a_circle_is_refused(tmp_path, names):
    for name, following in zip(names, [*names[1:], names[0]], strict=True):
        # Each time round the path would be a longer one.
        file = f"../{tmp_path.name}/{following}.yaml"
        write(tmp_path, {"extends": file}, f"{name}.yaml")
    with pytest.raises(ConfigError, match="extends itself; allowed: a chain of files that ends"):
        load_experiment(tmp_path / "a.yaml")


# --- kinds with settings of their own ------------------------------------------------------------


def test_who_learns_does_so_for_the_slots_of_training_unless_its_own_say_otherwise():
    data = with_("policies", "own", value={"kind": "linucb", "linucb": {"slots": 9}})
    data["policies"]["shared"] = {"kind": "recurrent_ppo", "recurrent_ppo": {"lstm": 5}}
    experiment = Experiment.model_validate(data)
    assert experiment.settings("own").slots == 9
    shared = experiment.settings("shared")
    assert (shared.slots, shared.lstm) == (256, 5)


def test_kinds_and_limits_that_a_config_does_not_use_are_not_in_its_dump():
    plain = Experiment.model_validate(config()).model_dump(mode="json")["policies"]["random"]
    new = {"linucb", "thompson", "endorsement", "recurrent_ppo", "limits", "use_limits"}
    new |= {"ppo_lagrangian", "ppo_shift_penalty"}
    assert not new & plain.keys()
    data = with_("policies", "random", "limits", value={"extremity_cap": 0.5})
    dumped = Experiment.model_validate(data).model_dump(mode="json")["policies"]["random"]
    assert dumped["limits"]["extremity_cap"] == 0.5
