"""On a real local cluster of two nodes; skipped where the extra `ray` is not installed."""

import os
import re
import signal
import threading
from collections import Counter
from pathlib import Path

import pytest

from undertow.experiments.job import jobs_of
from undertow.experiments.provenance import installed_versions
from undertow.experiments.ray_cluster import _options
from undertow.experiments.result_folder import ResultError, fingerprint
from undertow.experiments.run import run

from .tiny import RULES, TINY, Listener, Stop, experiment, same_result, undertow, until, write

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.slow


@pytest.fixture
def cluster(monkeypatch):
    """Two nodes that take one job at a time each."""
    from ray.cluster_utils import Cluster

    # Ray's own 15 would starve the jobs where the machine does much else.
    monkeypatch.setenv("RAY_worker_niceness", "0")
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.second = made.add_node(num_cpus=1)
    yield made
    ray.shutdown()
    made.shutdown()


def started(cluster):
    """How often each job began, by the workers' logs."""
    logs = Path(cluster.head_node.get_session_dir_path(), "logs")
    text = "".join(file.read_text(errors="replace") for file in logs.glob("worker-*.out"))
    return Counter(re.findall(r"^begins (\S+)$", text, flags=re.MULTILINE))


def workers_at(name):
    """Processes of Ray that are busy with a job of this name."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            title = (entry / "cmdline").read_bytes().split(b"\0")[0].decode(errors="replace")
        except OSError:
            continue
        if title == f"ray::{name}":
            found.append(int(entry.name))
    return found


def test_the_same_result_bit_for_bit(cluster, tmp_path):
    tiny = experiment()
    there = run(tiny, tmp_path / "there", ray=cluster.address)
    same_result(there, run(tiny, tmp_path / "here", workers=1))
    assert started(cluster) == {job.name: 1 for job in jobs_of(tiny)}


def test_a_worker_and_a_node_are_lost_and_nothing_else(cluster, tmp_path):
    # Jobs of some seconds, so that each loss meets one in its middle.
    cells = {"cells": {"lively": ["ppo"], "frozen": ["ppo"]}}
    slow = experiment(**RULES | cells, training=TINY["training"] | {"slots": 150_000}, seeds=4)
    names = [job.name for job in jobs_of(slow)]
    told, errors = Listener(), []

    def go():
        try:
            run(slow, tmp_path / "there", ray=cluster.address, told=told)
        except BaseException as error:
            errors.append(error)

    driver = threading.Thread(target=go)
    driver.start()

    def busy():
        return [(name, pid) for name in names for pid in workers_at(name)]

    def finished():
        return [text for text in told.texts if text in names]

    until(lambda: len(finished()) >= 2)
    caught: list[tuple[str, int]] = []
    until(lambda: caught.extend(busy()) or caught)
    lost_with_worker, pid = caught[0]
    os.kill(pid, signal.SIGKILL)
    until(lambda: len(finished()) >= 4)
    until(lambda: len(busy()) == 2)
    running, before = {name for name, _ in busy()}, set(finished())
    cluster.remove_node(cluster.second, allow_graceful=False)
    driver.join(300)
    assert not errors and not driver.is_alive()
    assert sorted(finished()) == sorted(names)  # each once
    begun = started(cluster)
    assert begun.keys() == set(names)
    twice = {name for name, times in begun.items() if times > 1}
    assert lost_with_worker in twice and begun.total() >= len(names) + 2  # both losses cost a job
    assert twice <= {lost_with_worker} | running  # what was lost, not what had come back
    assert not twice & before - {lost_with_worker}
    same_result(tmp_path / "there/tiny", run(slow, tmp_path / "here", workers=2))


def test_a_stopped_run_goes_on_where_it_was(cluster, tmp_path):
    tiny = experiment(**RULES)
    with pytest.raises(Stop):
        run(tiny, tmp_path, ray=cluster.address, told=Listener(after=2))
    told = Listener()
    run(tiny, tmp_path, ray=cluster.address, told=told)
    assert "2 of 4 jobs stand" in told.texts
    kept = {job.name for job in jobs_of(tiny)} - set(told.texts)
    assert len(kept) == 2


def test_a_job_takes_what_its_policy_asks_for(cluster, tmp_path):
    fits = TINY["policies"] | {"random": {"kind": "random", "resources": {"cpus": 0.25}}}
    tiny = experiment(**RULES | {"cells": {"lively": ["random"]}}, policies=fits)
    assert _options(jobs_of(tiny)[0]) == {"num_cpus": 0.25, "num_gpus": 0}
    plain = experiment(**RULES | {"cells": {"lively": ["random"]}})
    assert fingerprint(tiny, None) == fingerprint(plain, None)  # it finds the same
    run(tiny, tmp_path, ray=cluster.address)
    assert sum(started(cluster).values()) == 2


def test_a_worker_with_other_versions_is_refused(cluster, tmp_path, monkeypatch):
    versions = installed_versions() | {"numpy": "1.0"}
    monkeypatch.setattr("undertow.experiments.ray_cluster.installed_versions", lambda: versions)
    with pytest.raises(ResultError, match=r"found numpy \S+ for 1.0 on a worker; allowed"):
        run(experiment(), tmp_path, ray=cluster.address)


def test_no_cluster_no_run(tmp_path):
    with pytest.raises(ResultError, match=r"--ray: found '127.0.0.1:1', where no cluster answers"):
        run(experiment(), tmp_path, ray="127.0.0.1:1")


def test_workers_and_ray_exclude_each_other(tmp_path):
    file = write(tmp_path, TINY)
    found = undertow("run", file, "--results", tmp_path, "--ray", "auto", "--workers", 2)
    assert found.exit_code == 2 and "--workers: found beside --ray" in found.stderr
