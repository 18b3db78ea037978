"""A catalogue's file may be large: a run reads it once, whatever its jobs and worlds."""

import pickle

import numpy as np
import pytest

import undertow.experiments.catalogue_file as catalogue_file
import undertow.experiments.run as engine
from undertow.experiments.config import ConfigError, Experiment
from undertow.experiments.job import jobs_of, world_of, worlds_of

from .tiny import RULES, config, inline

COLUMNS = {"id": "video", "topic": "tags"}


@pytest.fixture
def experiment(tmp_path):
    rows = "".join(f"v{k},{'abcd'[k % 4]}\n" for k in range(60))
    (tmp_path / "videos.csv").write_text("video,tags\n" + rows)
    block = {"path": str(tmp_path / "videos.csv"), "columns": COLUMNS, "items": 12}
    cells = {"lively": ["random", "chronological"], "frozen": ["greedy"]}
    return Experiment.model_validate(config(**RULES | {"cells": cells}, catalogue=block))


@pytest.fixture
def reads(monkeypatch):
    """How often the file was read."""
    found = []
    inner = catalogue_file.read_table

    def counted(*words, **more):
        found.append(words[0])
        return inner(*words, **more)

    monkeypatch.setattr(catalogue_file, "read_table", counted)
    return found


def test_a_run_of_six_jobs_in_two_worlds_reads_it_once(tmp_path, experiment, reads, monkeypatch):
    monkeypatch.setattr(engine, "_run_all", inline)
    folder = engine.run(experiment, tmp_path / "results")
    assert len(list((folder / "policies").iterdir())) == 6
    assert len(reads) == 1


def test_every_world_is_the_one_that_a_job_would_have_read_itself(experiment):
    places = worlds_of(experiment)
    for name, (parameters, items, report) in places.items():
        own_parameters, own_items, own_report = world_of(experiment, name)
        assert parameters == own_parameters
        assert (report.ids, report.repairs, report.summary) == (
            *(own_report.ids, own_report.repairs, own_report.summary),
        )
        for column, own in zip(vars(items).values(), vars(own_items).values(), strict=True):
            assert np.array_equal(column, own)


def test_a_job_carries_its_world_and_is_the_same_job_without_it(experiment):
    carried, bare = jobs_of(experiment, worlds_of(experiment)), jobs_of(experiment)
    assert carried == bare
    assert all(job.place is None for job in bare)
    again = pickle.loads(pickle.dumps(carried[0]))
    assert np.array_equal(again.place[1].topic, carried[0].place[1].topic)


def test_without_a_file_a_job_carries_nothing():
    experiment = Experiment.model_validate(config())
    assert all(job.place is None for job in jobs_of(experiment, worlds_of(experiment)))


def test_limits_that_leave_none_of_the_file_s_items_are_refused_before_training(
    tmp_path, experiment
):
    data = experiment.model_dump(mode="json")
    data["policies"]["random"]["limits"] = {"topic_share": 0.15}
    data["worlds"]["lively"]["overrides"]["population"] = {"topics": 3}
    small = Experiment.model_validate(data | {"policies": data["policies"]})
    with pytest.raises(ConfigError, match=r"policies\.random\.limits\.topic_share \(in lively"):
        engine.run(small, tmp_path / "results")
    assert not (tmp_path / "results" / "tiny").exists()
