"""Which changes of `envs/` do the tests of `tests/envs` not see? `make mutants` says.

A mutant is a copy of the code with one small change: an operator, a constant, a condition, a
statement that is gone. Each is run against `tests/envs` alone, in a copy of the tree; a mutant that
no test fails on survives. Which mutants are tried follows from their text: the same in every run,
and a change of one function does not redraw those of another. A mutant that changes nothing that
could be seen stands in `equivalent.json` with the reason, and is left out of the shares.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import gc
import hashlib
import importlib
import json
import multiprocessing
import os
import re
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from .changes import Mutant, code_of, mutants

ROOT = Path(__file__).resolve().parents[2]
#: How many mutants to try: of each file, and of single ones more.
EACH = 5
MORE = {"envs/world/scrolling.py": 60, "envs/world/slot.py": 14, "envs/world/parameters.py": 14}
FILES = ("world/*.py", "feed_batch.py", "slate_batch.py", "views.py", "tampering.py", "tiny/*.py")
#: Imported once, by the process from which each mutant's is forked.
_LIBRARIES = (
    "array_api_compat.torch",
    "gymnasium",
    "matplotlib.pyplot",
    "numba",
    "pydantic",
    "sb3_contrib",
    "scipy.stats",
)


def sampled(draw: int = 0) -> list[Mutant]:
    """Those that are tried; another `draw` has others."""

    def lot(mutant: Mutant) -> bytes:
        return hashlib.sha256(f"{mutant.key}{draw or ''}".encode()).digest()

    chosen = []
    for path in sorted(p for pattern in FILES for p in (ROOT / "envs").glob(pattern)):
        name = path.relative_to(ROOT).as_posix()
        every = sorted(mutants(ROOT, name), key=lot)
        chosen += every[: MORE.get(name, EACH)]
    return chosen


class _FirstFailure:
    """A pytest plugin that keeps the name of the test that failed first."""

    name: str | None = None

    def pytest_sessionstart(self) -> None:
        """Called when the profile of the tests' own conftest is loaded."""
        # The first failing example will do: none is made smaller.
        phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
        hypothesis.settings.register_profile("mutants", hypothesis.settings(), phases=phases)
        hypothesis.settings.load_profile("mutants")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self.name is None:
            self.name = report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and self.name is None:
            self.name = f"{report.nodeid} (collecting)"


def killed_by(mutant: Mutant | None, base: Path, seconds: int, quick: bool = False) -> str | None:
    """The test that fails on a mutant, in a copy of the tree `base`; None if it survives.

    Call it in a process of its own that has imported nothing of Undertow.
    """
    with tempfile.TemporaryDirectory() as folder:
        tree = base
        if mutant:
            tree = shutil.copytree(base, Path(folder).resolve() / "tree")
            file = tree / "undertow" / mutant.path
            file.write_text(code_of(ROOT, mutant))
            for old in (file.parent / "__pycache__").glob(f"{file.stem}.*.pyc"):
                old.unlink()
        os.chdir(tree)
        sys.path.insert(0, str(tree))
        signal.signal(signal.SIGALRM, _give_up)
        signal.alarm(seconds)
        first = _FirstFailure()
        stages = _stages(tree, mutant.path if mutant else "envs/world")[: -1 if quick else None]
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            try:
                # One process: most mutants fall early.
                options = ["-xq", "-p", "no:cacheprovider", "-p", "no:xdist"]
                # Further processes would import the code from elsewhere than the mutant's tree.
                options += ["-k", "not in_one_process_and_in_many"]
                code = any(pytest.main([*options, *stage], [first]) for stage in stages)
            except TimeoutError:
                return "time ran out"
        # Were the tests run on another tree than the mutant's, all would survive.
        for name, module in list(sys.modules.items()):
            if name.startswith("undertow.envs") and str(tree) not in str(module.__file__):
                return f"the tests imported {module.__file__}: the tool is broken"
        return (first.name or "pytest itself").replace(f"{tree}/", "") if code else None


def _judged(mutant: Mutant, **options: Any) -> tuple[Mutant, str | None]:
    return mutant, killed_by(mutant, **options)


def _compiled(base: Path) -> None:
    """Leaves what Python and numba compile in `base`, from where it is copied."""
    os.chdir(base)
    sys.path.insert(0, str(base))
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        pytest.main(["tests/envs", "-q", "-p", "no:xdist", "-k", "compiled_engine and yoked"])


def _stages(tree: Path, path: str) -> list[list[str]]:
    """All test files, in the order in which a mutant of the file `path` meets them."""
    every = sorted((tree / "tests/envs").rglob("test_*.py"))

    def rank(file: Path) -> int:
        own = Path(path).stem in file.stem or Path(path).parts[1] in file.stem
        if own or file.stem in ("test_golden", "test_scrolling_reference"):
            return 0
        if file.stem in ("test_torch", "test_properties"):
            return 3
        return 1 if file.parent.name == "world" else 2

    return [[str(file) for file in every if rank(file) == number] for number in range(4)]


def _give_up(number: int, frame: object) -> None:
    raise TimeoutError


def copied(base: Path) -> None:
    """A tree from which the tests of `tests/envs` import what they test."""
    bare = shutil.ignore_patterns("__pycache__")
    for part in ("envs", "agents", "experiments"):
        shutil.copytree(ROOT / part, base / "undertow" / part, ignore=bare)
    shutil.copytree(ROOT / "tests" / "envs", base / "tests" / "envs", ignore=bare)
    shutil.copy(ROOT / "pyproject.toml", base)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="those whose name matches this")
    parser.add_argument("--draw", type=int, default=0, help="another sample, by its number")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seconds", type=int, default=300, help="for one run of the tests")
    parser.add_argument("--quick", action="store_true", help="without the slowest tests")
    parser.add_argument("--list", action="store_true", help="name them and stop")
    chosen = parser.parse_args()
    reasons = json.loads((Path(__file__).parent / "equivalent.json").read_text())
    trying = [
        m for m in sampled(chosen.draw) if re.search(chosen.only, m.key) and m.key not in reasons
    ]
    if chosen.list:
        print(*(mutant.key for mutant in trying), sep="\n")
        return
    os.environ["OMP_NUM_THREADS"] = "1"
    for library in _LIBRARIES:
        importlib.import_module(library)
    gc.freeze()  # pytest collects at its end, and need not look through all of these
    processes = multiprocessing.get_context("fork")
    with (
        tempfile.TemporaryDirectory() as folder,
        processes.Pool(chosen.workers, maxtasksperchild=1) as pool,
    ):
        base = Path(folder).resolve()
        copied(base)
        run = functools.partial(_judged, base=base, seconds=chosen.seconds, quick=chosen.quick)
        pool.apply(_compiled, (base,))
        if not chosen.quick and (failed := pool.apply(killed_by, (None, base, 4 * chosen.seconds))):
            sys.exit(f"without a mutant: {failed}")
        survivors = []
        for mutant, test in pool.imap_unordered(run, trying):
            verdict = f"killed by {test}" if test else "SURVIVES"
            print(f"{mutant.key} (line {mutant.line})\n    {verdict}", flush=True)
            survivors += [] if test else [mutant]
    for path in ("envs/", "envs/world/scrolling.py"):
        tried = sum(m.path.startswith(path) for m in trying)
        alive = sum(m.path.startswith(path) for m in survivors)
        print(f"{path}: {tried - alive} of {tried} killed ({1 - alive / max(tried, 1):.1%})")


if __name__ == "__main__":
    main()
