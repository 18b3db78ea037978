"""SIGTERM and SIGHUP end a command as Ctrl-C does."""

import os
import signal
import subprocess
import threading

import pytest

from undertow.experiments.signals import Ended, ended_by_signals

from .killing import telling
from .test_run import acting, gone
from .tiny import (
    TINY,
    UNDERTOW,
    config,
    manifest_of,
    parts_of,
    rerun,
    undertow,
    until,
    write,
)

__all__ = ["telling"]
pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
BOTH = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=["TERM", "HUP"])
FEW = {"cells": {"lively": ["random", "chronological"]}, "hypotheses": [], "splits": []}


@BOTH
def test_a_signal_ends_what_is_within_and_the_old_handler_comes_back(number):
    before = signal.getsignal(number)
    with pytest.raises(Ended) as end, ended_by_signals():
        os.kill(os.getpid(), number)
    assert end.value.number == number and isinstance(end.value, KeyboardInterrupt)
    assert signal.getsignal(number) == before


@BOTH
def test_a_second_signal_does_not_disturb_the_ending(number):
    ended = []
    with pytest.raises(Ended), ended_by_signals():
        try:
            os.kill(os.getpid(), number)
        finally:
            for other in (signal.SIGTERM, signal.SIGHUP):
                os.kill(os.getpid(), other)
            ended.append("the manifest is written")
    assert ended


def test_a_signal_that_is_ignored_stays_ignored():
    """As `nohup` has it: a run goes on when its terminal is closed."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_by_signals():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_thread_that_may_not_listen_runs_all_the_same():
    done = []

    def work():
        with ended_by_signals():
            done.append(1)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done


@BOTH
def test_a_run_that_is_ended_says_how_to_go_on_and_books_its_time(telling, tmp_path, number):
    file, folder = write(tmp_path, config(**FEW)), tmp_path / "tiny"
    with acting(after=2, act=lambda: os.kill(os.getpid(), number)):
        found = undertow("run", file, "--results", tmp_path)
    assert found.exit_code == 128 + number
    name = signal.Signals(number).name
    told = f"ended by {name}; finished jobs are kept, the same command goes on"
    assert found.stderr.strip() == told
    assert "Traceback" not in found.stdout + found.stderr
    assert manifest_of(folder)["wall_time_s"] > 0 and manifest_of(folder)["finished"] is None
    assert len(parts_of(folder)) == 2
    ran, _ = rerun(folder, **FEW)
    assert len(ran) == 2 and manifest_of(folder)["finished"]


def test_a_signal_to_all_processes_ends_them_with_the_same_word(tmp_path):
    """As a scheduler sends it: the workers hear it too, some before the parent."""
    slow = {**TINY["training"], "slots": 10**9}
    data = config(
        cells={"lively": ["chronological", "ppo"]}, hypotheses=[], splits=[], training=slow
    )
    words = [UNDERTOW, "run", str(write(tmp_path, data)), "--results", str(tmp_path)]
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        [*words, "--workers", "1"], stdout=pipe, stderr=pipe, text=True, start_new_session=True
    )
    first = tmp_path / "tiny" / "parts" / "lively--chronological--0.json"
    until(lambda: first.exists() or process.poll() is not None)
    os.killpg(process.pid, signal.SIGTERM)
    stdout, stderr = process.communicate(timeout=300)
    assert process.returncode == 143, (stdout, stderr)
    assert stderr.strip() == "ended by SIGTERM; finished jobs are kept, the same command goes on"
    until(lambda: gone(process.pid))
    assert manifest_of(tmp_path / "tiny")["wall_time_s"] > 0
