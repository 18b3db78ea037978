"""What the tests of experiments share; the tiny experiment is run once a session."""

import pytest

import undertow.experiments.report as report
import undertow.experiments.run as engine

from .tiny import JOBS, Listener, Stop, experiment, inline


def _without_figures(folder):
    (folder / "report.md").write_text("a report\n", encoding="utf-8")


@pytest.fixture
def in_process(monkeypatch):
    """Jobs run in this process, one after another."""
    monkeypatch.setattr(engine, "_run_all", inline)


@pytest.fixture
def no_figures(monkeypatch):
    """The report is a stub, for tests that are not about it."""
    monkeypatch.setattr(report, "write_report", _without_figures)


@pytest.fixture
def light(in_process, no_figures):
    """Runs without processes and figures."""


@pytest.fixture
def unmerged(monkeypatch):
    """A run ends when its jobs are done."""
    monkeypatch.setattr(engine, "merge", lambda *_: None)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The tiny experiment as a real worker process ran it; a test may not change it."""
    return engine.run(experiment(), tmp_path_factory.mktemp("finished"), workers=1)


@pytest.fixture(scope="session")
def stopped(tmp_path_factory):
    """The tiny experiment, stopped after all jobs but two; a test may not change it."""
    results = tmp_path_factory.mktemp("stopped")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "_run_all", inline)
        with pytest.raises(Stop):
            engine.run(experiment(), results, told=Listener(after=JOBS - 2))
    return results / "tiny"
