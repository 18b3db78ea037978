"""What a person or a program reads as JSON is JSON: it has no NaN and no Infinity."""

import json
import math

import numpy as np

import undertow.experiments.result_folder as result_folder
from undertow.experiments.compare import write_comparison
from undertow.experiments.provenance import json_text
from undertow.experiments.record import Record, run_record


def strictly(text):
    """Read by a parser that refuses what JSON does not have."""

    def refuse(word):
        raise AssertionError(word)

    return json.loads(text, parse_constant=refuse)


def test_what_is_no_finite_number_becomes_null_and_the_rest_stays_as_it_is():
    data = {"a": [math.nan, 1.5, (math.inf, -1)], "b": {"c": np.float64("nan"), "d": "NaN"}}
    assert strictly(json_text(data)) == {"a": [None, 1.5, [None, -1]], "b": {"c": None, "d": "NaN"}}
    finite = {"é": [0.1, -0.0, 1e300, None, True], "z": {"y": [], "x": {}}}
    assert json_text(finite) == json.dumps(finite, indent=1)


def test_the_summary_of_a_record_and_the_manifest_are_json(tmp_path):
    record = Record(
        *("odd", "test", {"a": 1}),
        tasks_of=lambda folder, say: [],
        work=str,
        finish=lambda folder, tasks, data, manifest: ({"mean": math.nan, "n": [math.inf]}, "# A"),
    )
    folder = run_record(record, tmp_path)
    assert strictly((folder / "summary.json").read_text()) == {"mean": None, "n": [None]}
    assert strictly((folder / "manifest.json").read_text())["finished"]


def test_a_manifest_and_a_comparison_are_json(tmp_path):
    result_folder.write_manifest(tmp_path, {"wall_time_s": math.nan})
    assert strictly((tmp_path / "manifest.json").read_text()) == {"wall_time_s": None}
    write_comparison({"sides": [{"mean": math.nan}]}, tmp_path / "c.json", None)
    assert strictly((tmp_path / "c.json").read_text()) == {"sides": [{"mean": None}]}
