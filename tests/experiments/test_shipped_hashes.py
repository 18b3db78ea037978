"""The configs that come with Undertow are, to the bit, those of the committed results."""

import json
from pathlib import Path

import pytest

from undertow.experiments.budgets import budgets_record, load_budgets
from undertow.experiments.config import load_experiment
from undertow.experiments.hypotheses.config import load_register
from undertow.experiments.phase.config import load_phase
from undertow.experiments.phase.run import phase_record
from undertow.experiments.provenance import digest
from undertow.experiments.record_commands import CONFIGS, record_configs
from undertow.experiments.result_folder import resolved
from undertow.experiments.sensitivity.config import load_sensitivity
from undertow.experiments.sensitivity.run import sensitivity_record
from undertow.experiments.tampering.config import load_replication
from undertow.experiments.tampering.run import replication_record
from undertow.experiments.tiny.config import load_study
from undertow.experiments.tiny.run import study_record
from undertow.experiments.validity.config import load_validity
from undertow.experiments.validity.run import validity_record
from undertow.experiments.viewing.config import load_viewing

RESULTS = Path(__file__).parents[2] / "results"
COMMANDS = {file: "run" for file in CONFIGS.glob("*.yaml")} | record_configs()
MADE = {
    file.stem: (file, command)
    for file, command in sorted(COMMANDS.items())
    if (RESULTS / file.stem / "manifest.json").exists()
}
CONFIG_OF = {
    "budgets": lambda file: budgets_record(load_budgets(file), Path(), RESULTS).config,
    "hypotheses": lambda file: load_register(file).model_dump(mode="json"),
    "phase": lambda file: phase_record(load_phase(file)).config,
    "sensitivity": lambda file: sensitivity_record(load_sensitivity(file)).config,
    "replicate": lambda file: replication_record(load_replication(file)).config,
    "tiny": lambda file: study_record(load_study(file)).config,
    "validate": lambda file: validity_record(load_validity(file)).config,
}


@pytest.mark.parametrize("name", MADE)
def test_a_config_has_the_hash_of_its_result(name):
    file, command = MADE[name]
    manifest = json.loads((RESULTS / name / "manifest.json").read_text(encoding="utf-8"))
    if command == "run":
        data = {"config": resolved(load_experiment(file))}
        data["catalogue"] = manifest["catalogue_sha256"]
    elif command == "fit-views":
        summary = json.loads((RESULTS / name / "summary.json").read_text(encoding="utf-8"))
        viewing = load_viewing(file, Path("log.csv"), Path("items.csv"))
        data = viewing.resolved(summary["log"]["sha256"])
    else:
        data = CONFIG_OF[command](file)
    assert digest(data) == manifest["config_sha256"]
