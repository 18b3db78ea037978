"""A kill at any write leaves what the same command goes on from, with the right values."""

import shutil
from dataclasses import dataclass
from functools import partial

import pytest

from undertow.experiments.inventory import compared, faults
from undertow.experiments.manifest import read_manifest
from undertow.experiments.provenance import write_whole
from undertow.experiments.record import Record, report_anew, run_record
from undertow.experiments.result_folder import ResultError
from undertow.experiments.run import report_run, run

from .killing import Kill, at_every_write, killed_at, outcome, telling
from .tiny import Listener, Stop, experiment

__all__ = ["telling"]
FEW = {"hypotheses": [], "splits": [], "seeds": 2}
A = {**FEW, "cells": {"lively": ["random", "ppo"]}}
B = {
    **A,
    "policies": {"random": {"kind": "random"}, "ppo": {"kind": "ppo", "ppo": {"gamma": 0.5}}},
    "title": "Another",
}
FEWER = {**FEW, "cells": {"lively": ["random"]}}


def whole(folder):
    """Nothing of a finished result is missing, changed or too much."""
    assert faults(compared(folder, read_manifest(folder))) == {}
    assert not (folder / "parts").exists()
    assert not list(folder.rglob(".*"))
    return outcome(folder)


def goes_on(results, go, right):
    assert whole(go(results)) == right


@pytest.fixture
def expected(telling, tmp_path):
    """What an undisturbed run of a config gives."""

    def of(changes):
        return whole(run(experiment(**changes), tmp_path / "expected", fresh=True))

    return of


def finished(tmp_path, changes, number):
    """Results with a finished one of `changes`; copied from one that is made once."""
    made = tmp_path / "made"
    if not made.exists():
        run(experiment(**changes), made)
    return shutil.copytree(made, tmp_path / str(number))


def unfinished(tmp_path, changes, number):
    made = tmp_path / "made"
    if not made.exists():
        with pytest.raises(Stop):
            run(experiment(**changes), made, told=Listener(after=3))
    return shutil.copytree(made, tmp_path / str(number))


def empty(tmp_path, changes, number):
    return tmp_path / str(number)


@pytest.mark.parametrize(
    ("begin", "before", "after", "how"),
    [
        (empty, None, A, {}),
        (unfinished, A, B, {}),
        (finished, A, B, {"extend": True}),
        (finished, A, FEWER, {"extend": True}),
        (finished, A, B, {"fresh": True}),
    ],
    ids=["new", "change", "extend", "fewer", "fresh"],
)
def test_a_run_killed_at_any_write_goes_on_to_the_right_result(
    telling, expected, tmp_path, begin, before, after, how
):
    right = expected(after)
    go = partial(run, experiment(**after), **how)

    def check(results):
        twice = shutil.copytree(results, results.with_name("plain")) if how else None
        assert whole(go(results)) == right
        if twice is None:
            return
        try:  # without the option it goes on to the same, or says why it cannot
            assert whole(run(experiment(**after), twice)) == right
        except ResultError as error:
            assert how and "allowed" in str(error)
        shutil.rmtree(twice)

    writes = at_every_write(partial(begin, tmp_path, before), go, check)
    assert writes > 15


def test_an_extension_that_was_stopped_never_presents_old_values_as_new(
    telling, expected, tmp_path
):
    """Stopped once the manifest is that of the new config, before `config.yaml` follows."""
    results = finished(tmp_path, A, 0)
    folder = results / "tiny"
    old = (folder / "config.yaml").read_bytes()
    for number in range(100):
        with killed_at(number), pytest.raises(Kill):
            run(experiment(**B), results, extend=True)
        if read_manifest(folder)["finished"] is None:
            break
    assert (folder / "config.yaml").read_bytes() == old
    assert whole(run(experiment(**B), results)) == expected(B)


def test_a_report_killed_at_any_write_is_written_the_next_time(telling, expected, tmp_path):
    right = expected(A)

    def begin(number):
        results = finished(tmp_path, A, number)
        (results / "tiny" / "report.md").write_text("an old version's words")
        (results / "tiny" / "figures" / "overview.png").unlink()
        return results

    go = partial(report_run, experiment(**A))
    writes = at_every_write(begin, go, lambda results: goes_on(results, go, right))
    assert whole(go(begin("last"))) == right
    assert writes >= 4


# --- records --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sum:
    """A task of the toy record; its data and its table say which config they are of."""

    folder: object
    title: str
    number: int

    @property
    def name(self):
        return f"sum--{self.number}"


def add(task):
    write_whole(task.folder / "parts" / f"{task.name}.parquet", task.title.encode())
    return {"title": task.title, "number": task.number}


def draw(summary, folder):
    (folder / "figures").mkdir(exist_ok=True)
    write_whole(folder / "figures" / "maps.png", str(summary).encode())


def tell(summary, manifest):
    return f"of {summary}\n"


def toy(title, count=3, work=add):
    def finish(folder, tasks, data, manifest):
        tables = [(folder / "parts" / f"{t.name}.parquet").read_text() for t in tasks]
        summary = {"data": data, "tables": tables}
        write_whole(folder / "people.parquet", title.encode())
        draw(summary, folder)
        return summary, tell(summary, manifest)

    def tasks_of(folder, say):
        return [Sum(folder, title, number) for number in range(count)]

    config = {"name": "toy", "title": title, "count": count}
    return Record("toy", "toy", config, tasks_of=tasks_of, work=work, finish=finish)


@pytest.mark.parametrize(
    ("before", "stop", "how"),
    [(None, None, {}), ("a", 1, {}), ("b", 2, {}), ("a", None, {"fresh": True})],
    ids=["new", "change", "resume", "fresh"],
)
def test_a_record_killed_at_any_write_goes_on_to_the_right_result(
    telling, tmp_path, before, stop, how
):
    right = whole(run_record(toy("b"), tmp_path / "expected"))

    def begin(number):
        results = tmp_path / str(number)
        if before is not None:
            try:
                run_record(toy(before), results, told=Listener(after=stop))
            except Stop:
                pass
        return results

    go = partial(run_record, toy("b"), **how)
    writes = at_every_write(begin, go, lambda results: goes_on(results, go, right))
    assert writes > 10


def test_a_record_stopped_before_its_parts_have_a_folder_runs_again(telling, tmp_path):
    """The example: between its manifest and `parts/`."""
    for number in range(20):
        with killed_at(number), pytest.raises(Kill):
            run_record(toy("a"), tmp_path)
        if (tmp_path / "toy" / "manifest.json").exists():
            break
    assert not (tmp_path / "toy" / "parts").exists()
    assert run_record(toy("a"), tmp_path) == tmp_path / "toy"


def test_a_record_s_report_killed_at_any_write_is_written_the_next_time(telling, tmp_path):
    right = whole(run_record(toy("a"), tmp_path / "expected"))

    def begin(number):
        results = tmp_path / str(number)
        run_record(toy("a"), results)
        (results / "toy" / "report.md").unlink()
        return results

    def go(results):
        return report_anew(results / "toy", draw, tell)

    writes = at_every_write(begin, go, lambda results: goes_on(results, go, right))
    assert writes >= 3


def test_a_record_that_lacks_its_report_says_what_its_command_can_do(telling, tmp_path):
    folder = run_record(toy("a"), tmp_path)
    (folder / "report.md").unlink()
    with pytest.raises(ResultError, match=r"finished, but report\.md is missing") as error:
        run_record(toy("a"), tmp_path)
    assert "--fresh" in str(error.value) and "--report" not in str(error.value)
