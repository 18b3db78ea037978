"""What of YAML a config may use, where its paths start, and what reading it refuses."""

import json
import os
from pathlib import Path

import pytest

from undertow.experiments.budgets import load_budgets
from undertow.experiments.config import ConfigError, load_experiment, read_yaml
from undertow.experiments.record_commands import CONFIGS
from undertow.experiments.viewing.config import load_viewing

from .tiny import config, write


def refusal(folder, text):
    with pytest.raises(ConfigError) as caught:
        read_yaml(write(folder, text))
    return str(caught.value).removeprefix(f"{folder / 'experiment.yaml'}")


def value(folder, text):
    return read_yaml(write(folder, f"a: {text}"))["a"]


# --- values are what they look like ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("10", 10), ("-3", -3), ("+7", 7), ("0", 0), ("1_500_000", 1_500_000)),
        *(("1e-3", 0.001), ("6E2", 600.0), (".5", 0.5), ("1.", 1.0), ("-0.5e+1", -5.0)),
        *(("true", True), ("False", False), ("null", None), ("~", None), ("", None)),
        # YAML 1.1 has these as true, false, 90, dates and 16.
        *(("yes", "yes"), ("off", "off"), ("1:30", "1:30"), ("2022-13-45", "2022-13-45")),
        *(("2022-04-09", "2022-04-09"), ("0x10", "0x10"), ("1_0", "1_0"), ("'010'", "010")),
        *(("!!str 10", "10"), ("!!int 3", 3), ("!!float 3", 3.0), ("=", "=")),
    ],
)
def test_a_value_is_what_it_looks_like(tmp_path, text, expected):
    found = value(tmp_path, text)
    assert found == expected
    assert type(found) is type(expected)


def test_infinity_and_no_number_are_read_for_the_keys_that_refuse_or_allow_them(tmp_path):
    found = value(tmp_path, "[.inf, -.inf, .nan]")
    assert found[:2] == [float("inf"), float("-inf")]
    assert found[2] != found[2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seeds: 010", "seeds: found 010; allowed: 10, without a leading zero"),
        ("t: {n: -007}", "t.n: found -007; allowed: -7, without a leading zero"),
        ("t: [1, 00]", "t.1: found 00; allowed: 0, without a leading zero"),
        ("a: !!int abc", "a: found 'abc'; allowed: a whole number, in decimal digits"),
        ("a: !!bool yes", "a: found 'yes'; allowed: true or false"),
        ("a: !!timestamp 2022-13-45", "a: found the tag tag:yaml.org,2002:timestamp; allowed: no"),
        ("a: !!binary abc", "a: found the tag tag:yaml.org,2002:binary; allowed: no tag"),
        ("a: !!set {b}", "a: found the tag tag:yaml.org,2002:set; allowed: no tag"),
        ("a: !!python/none x", "a: found the tag tag:yaml.org,2002:python/none; allowed: no tag"),
        ("a: !mine x", "a: found the tag !mine; allowed: no tag"),
        (f"a: {'9' * 5000}", "a: found a number of 5000 digits; allowed: 30 or fewer"),
        ('a: "\\0"', "a: found a text with the character U+0000; allowed: printable text"),
        ('a: "\\ud800"', "a: found a text with the character U+D800; allowed: printable text"),
        ("a: {null: b}", 'a: found the key null; allowed: a key in quotes, such as "null"'),
        ("1: b", 'found the key 1; allowed: a key in quotes, such as "1"'),
        ("? [a]\n: b", "found the key no text; allowed: a key in quotes"),
    ],
)
def test_what_could_be_read_otherwise_than_it_looks_is_refused_by_its_key(tmp_path, text, message):
    assert refusal(tmp_path, text).startswith(f":\n{message}")
    assert "(line 1)" in refusal(tmp_path, text)


def test_alias_bombs_rings_and_depths_are_refused(tmp_path):
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 10)}]\n" for n in range(9)
    )
    assert "a5: found more than 200,000 values, aliases written out" in refusal(tmp_path, bomb)
    assert "a.b.0: found an alias that holds itself" in refusal(tmp_path, "a: &a {b: [*a]}")
    assert "found more than 64 levels" in refusal(tmp_path, "a: " + "[" * 3000)
    steps = "a0: &a0 [x]\n" + "".join(f"a{n + 1}: &a{n + 1} [*a{n}]\n" for n in range(100))
    assert "found more than 64 levels, aliases written out" in refusal(tmp_path, steps)


def test_an_alias_is_a_copy_and_a_path_in_it_starts_at_the_file_once(tmp_path):
    text = "catalogue: &c {path: a.csv}\nlog: *c\nother: *c\n"
    found = read_yaml(write(tmp_path, text))
    assert found["catalogue"]["path"] == found["log"]["path"] == str(tmp_path / "a.csv")
    assert found["other"]["path"] == "a.csv"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\n---\nb: 2", "not YAML: expected a single document"),
        ("a: *nowhere", "not YAML: found undefined alias"),
        ("a: b\x07", "not YAML: unacceptable character"),
        ("a: {<<: 3}", "not YAML: while constructing a mapping"),
        ("a: |3000000000000000000000", "not YAML: "),
        ("x" * 4_000_001, "found more than 4,000,000 bytes; allowed: 4,000,000 or fewer"),
    ],
)
def test_what_is_no_config_is_refused_with_the_file(tmp_path, text, message):
    assert refusal(tmp_path, text).startswith(f": {message}")


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path):
    file = tmp_path / "a.yaml"
    file.write_bytes("\ufeffa: 1\n".encode())
    assert read_yaml(file) == {"a": 1}


# --- other files ----------------------------------------------------------------------------------


def test_a_loop_of_links_is_refused(tmp_path):
    (tmp_path / "a.yaml").symlink_to(tmp_path / "b.yaml")
    (tmp_path / "b.yaml").symlink_to(tmp_path / "a.yaml")
    with pytest.raises(ConfigError, match=r"a\.yaml: cannot be read"):
        read_yaml(tmp_path / "a.yaml")
    with pytest.raises(ConfigError, match=r"a\.yaml: cannot be read"):
        read_yaml(write(tmp_path, {"extends": "a.yaml"}))


def test_a_null_byte_in_a_path_is_refused(tmp_path):
    assert "extends: found a text with the character U+0000" in refusal(tmp_path, 'extends: "a\\0"')
    with pytest.raises(ConfigError, match="cannot be read"):
        read_yaml(tmp_path / "a\0b.yaml")


@pytest.mark.parametrize("empty", ["''", "' '", "[]", "3"])
def test_extends_and_overrides_from_name_a_file(tmp_path, empty):
    assert "extends: found" in refusal(tmp_path, f"extends: {empty}")
    text = f"worlds: {{w: {{overrides_from: {empty}}}}}"
    assert "worlds.w.overrides_from: found" in refusal(tmp_path, text)


def test_a_ring_of_overrides_from_is_refused(tmp_path):
    world = "worlds: {{w: {{overrides_from: {}}}}}"
    write(tmp_path, world.format("b.yaml"), "a.yaml")
    write(tmp_path, world.format("a.yaml"), "b.yaml")
    with pytest.raises(ConfigError, match="extends itself; allowed: a chain of files that ends"):
        read_yaml(tmp_path / "a.yaml")


def test_a_chain_of_files_has_an_end(tmp_path):
    for n in range(40):
        write(tmp_path, f"extends: {n + 1}.yaml", f"{n}.yaml")
    with pytest.raises(ConfigError, match="after a chain of 32 files; allowed: 32 or fewer"):
        read_yaml(tmp_path / "0.yaml")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
def test_a_file_that_may_not_be_read_is_named(tmp_path):
    file = write(tmp_path, "a: 1")
    file.chmod(0)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_yaml(file)


# --- paths start at the file in which they stand --------------------------------------------------

COLUMNS = {"id": "video", "topic": "tags"}


def test_a_catalogue_s_path_starts_at_its_config(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "sub", config(catalogue={"path": "videos.csv", "columns": COLUMNS}))
    found = load_experiment(Path("sub/experiment.yaml")).catalogue
    assert found is not None
    assert found.path == Path("sub/videos.csv")


def test_an_absolute_path_stays_and_none_stays_none(tmp_path):
    for path in (str(tmp_path / "a.csv"), None):
        data = config(catalogue={"path": path, "columns": COLUMNS})
        found = load_experiment(write(tmp_path / "sub", data)).catalogue
        assert found is not None
        assert found.path == (None if path is None else Path(path))


def test_a_path_that_another_file_extends_starts_at_the_file_that_says_it(tmp_path):
    write(tmp_path / "deep", config(catalogue={"path": "a.csv", "columns": COLUMNS}), "below.yaml")
    file = write(tmp_path, {"extends": "deep/below.yaml", "title": "above"})
    found = load_experiment(file).catalogue
    assert found is not None
    assert found.path == tmp_path / "deep" / "a.csv"


def test_the_log_and_the_items_of_a_fit_start_at_its_config(tmp_path):
    data = read_yaml(CONFIGS / "other" / "views_movielens.yaml")
    data["log"] |= {"path": "views.csv", "items": data["log"]["items"] | {"path": "../items.csv"}}
    log = load_viewing(write(tmp_path / "sub", data)).log
    assert log.path == tmp_path / "sub" / "views.csv"
    assert log.items is not None
    assert log.items.path == tmp_path / "sub" / "../items.csv"
    given = load_viewing(write(tmp_path / "sub", data), Path("here.csv")).log
    assert given.path == Path("here.csv")


def test_the_experiment_of_the_budgets_starts_at_their_config_and_counts_by_its_name():
    from undertow.experiments.budgets import budgets_record

    budgets = load_budgets(CONFIGS / "other" / "budgets.yaml")
    assert budgets.experiment.resolve() == (CONFIGS / "frontier.yaml").resolve()
    record = budgets_record(budgets, Path(), Path("results"))
    assert record.config["experiment"] == "frontier.yaml"
    assert json.dumps(record.config)
