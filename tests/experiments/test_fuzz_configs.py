"""Whatever a person writes into a config, it runs or is refused by its key: never a traceback.

3,000 configs are mutated from those that come with Undertow, by fixed seeds; 60 random tiny
experiments are run to their reports (a few of them, unless UNDERTOW_FUZZ=full).
"""

import copy
import math
import os
import re
from pathlib import Path
from zlib import crc32

import pytest
import yaml

import undertow.experiments.blocks as blocks
import undertow.experiments.run as engine
from undertow.experiments.budgets import load_budgets
from undertow.experiments.config import ConfigError, load_experiment, read_yaml
from undertow.experiments.hypotheses.config import load_register
from undertow.experiments.job import jobs_of
from undertow.experiments.phase.config import load_phase
from undertow.experiments.phase.run import cells_of
from undertow.experiments.record_commands import CONFIGS, record_configs
from undertow.experiments.result_folder import fingerprint, resolved
from undertow.experiments.sensitivity.config import load_sensitivity
from undertow.experiments.tampering.config import load_replication
from undertow.experiments.tampering.run import tasks_of as tampering_tasks
from undertow.experiments.tiny.config import load_study
from undertow.experiments.tiny.run import tasks_of as tiny_tasks
from undertow.experiments.validity.config import load_validity
from undertow.experiments.validity.run import validity_record
from undertow.experiments.viewing.config import load_viewing

from .random_experiments import Lot, random_experiment
from .tiny import inline

FULL = os.environ.get("UNDERTOW_FUZZ") == "full"
RUNS = 60 if FULL else 4


def _run(file):
    experiment = load_experiment(file)
    return fingerprint(experiment, None), yaml.safe_dump(resolved(experiment)), jobs_of(experiment)


def _tiny(file):
    study = load_study(file)
    return study.resolved(), tiny_tasks(study)


def _hypotheses(file):
    register = load_register(file)
    return register.model_dump(mode="json"), register.needed()


#: What each command does with a config before it starts, by the command.
LOADERS = {
    "run": _run,
    "budgets": load_budgets,
    "hypotheses": _hypotheses,
    "phase": lambda file: cells_of(load_phase(file)),
    "sensitivity": load_sensitivity,
    "replicate": lambda file: tampering_tasks(load_replication(file)),
    "tiny": _tiny,
    "validate": lambda file: validity_record(load_validity(file)).config,
    "fit-views": lambda file: load_viewing(file, Path("a.csv"), Path("b.csv")).resolved({}),
}
COMMANDS = {file: "run" for file in sorted(CONFIGS.glob("*.yaml"))} | record_configs()
SHIPPED = sorted(COMMANDS, key=lambda file: file.stem)
MUTANTS = 3000 // len(SHIPPED)

STRANGE = (
    *(None, True, False, 0, 1, -1, 2, 3, 0.5, -0.5, 10**9, 10**30, 1e308, -1e-300),
    *(math.nan, math.inf, -math.inf, "", " ", "x", "010", "yes", "../up", "a/b", "ppo", "greedy"),
    *("yoked", "default", "ppo@default", "a.b.c", "Ünï", "x" * 5000, "(" * 300),
    *([], [[]], [1, 2], ["x"], [None], {}, {"a": 1}, {"gain": math.nan}),
)
TEXTS = (
    *("010", "1:30", "yes", "off", "~", "2022-13-45", "!!int abc", "!!timestamp 2022-01-01"),
    *("!!binary abc", "!!python/object:os.system {}", ".nan", ".inf", "-.inf", "1e400", "9" * 5000),
    *("*nowhere", "&a [*a]", "[" * 500, "{a: {a: 1, a: 2}}", '"\\0"', '"\\ud800"', "? [a]"),
    *("0x10", "1_000", "- -", "<<: 3", "'", '"', "\t", "---", "...", "\ufeff", "\x07", "@"),
    *("|", "%", "# x", "`"),
)  # fmt: skip


def places(data, path=()):
    """The path of every key and item."""
    inner = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in inner:
        yield (*path, key)
        if isinstance(value, dict | list) and value:
            yield from places(value, (*path, key))


def holder(data, path):
    for key in path[:-1]:
        data = data[key]
    return data


def mutated(data, lot):
    """A copy with one to three things changed."""
    data = copy.deepcopy(data)
    for _ in range(lot.choice((1, 1, 1, 2, 3))):
        every = list(places(data))
        path = lot.choice(every)
        block, key = holder(data, path), path[-1]
        value = block[key]
        match lot.choice(
            ("strange", "strange", "number", "gone", "renamed", "copied", "twice", "in")
        ):
            case "strange":
                block[key] = lot.choice(STRANGE)
            case "number" if isinstance(value, int | float):
                block[key] = lot.choice(
                    (0, -value, value * 10**6, value + 0.5, str(value), [value])
                )
            case "gone":
                del block[key]
            case "renamed" if isinstance(block, dict):
                block[lot.choice(("colour", f"{key}x", str(key).upper(), ""))] = block.pop(key)
            case "copied":
                other = lot.choice(every)
                block[key] = copy.deepcopy(holder(data, other)[other[-1]])
            case "twice" if isinstance(block, list):
                block.append(copy.deepcopy(value))
            case "in" if isinstance(value, dict):
                value[lot.choice(("colour", "null", "kind", "placebo", "name"))] = lot.choice(
                    STRANGE
                )
            case _:
                block[key] = lot.choice(STRANGE)
        if not data:
            return {"name": "x"}
    return data  # fmt: skip


def miswritten(text, lot):
    """The text of a config with a line spoilt."""
    lines = text.splitlines()
    at = lot.randrange(len(lines))
    key, colon, _ = lines[at].partition(":")
    spoilt = {
        "value": f"{key}{colon} {lot.choice(TEXTS)}",
        "line": lot.choice(TEXTS),
        "cut": lines[at][: lot.randrange(len(lines[at]) + 1)],
        "deeper": " " * lot.randrange(9) + lines[at],
        "again": f"{lines[at]}\n{lines[at]}",
    }
    lines[at] = lot.choice(list(spoilt.values()))
    return "\n".join(lines)


def judged(command, file):
    """Whether a config is accepted; its refusal names a place and says no more than it knows."""
    try:
        LOADERS[command](file)
    except ConfigError as error:
        message = str(error)
        assert "pydantic" not in message, message
        assert "Value error" not in message, message
        assert re.search(r"^[^\n:]+: \S", message.removeprefix(f"{file}:\n"), re.M), message
        return False
    return True


@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda file: file.stem)
def test_a_config_with_anything_in_it_is_accepted_or_refused_by_its_key(
    shipped, tmp_path, monkeypatch
):
    lot, command = Lot(crc32(shipped.stem.encode())), COMMANDS[shipped]
    whole = read_yaml(shipped)
    text = yaml.safe_dump(whole, sort_keys=False)
    misspelt = MUTANTS // 3 if len(text) < 5000 else 4
    accepted = 0
    for number in range(MUTANTS):
        if number < misspelt:
            file = tmp_path / f"{number}.yaml"
            file.write_text(miswritten(text, lot), encoding="utf-8")
            accepted += judged(command, file)
            continue
        data = mutated(whole, lot)
        monkeypatch.setattr(blocks, "read_yaml", lambda file, data=data: data)
        accepted += judged(command, tmp_path / "mutant.yaml")
        monkeypatch.undo()
    assert 0 < accepted < MUTANTS


@pytest.mark.parametrize("number", range(RUNS))
def test_a_random_experiment_that_is_accepted_runs_to_its_report(number, tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "_run_all", inline)
    folder = engine.run(random_experiment(number), tmp_path)
    assert (folder / "report.md").read_text(encoding="utf-8").startswith("# ")
