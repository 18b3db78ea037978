"""Every command prints on a terminal that knows ASCII alone; figures hang on no matplotlibrc."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from undertow.experiments import cli, figures
from undertow.experiments.plain_text import spell_what_is_unknown
from undertow.experiments.result import Result

from .made_up import made_up
from .tiny import contents

CODE = Path(cli.__file__).parent
ASCII = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "LANG": "C", "COLUMNS": "80"}


def python(text, *words, **environment):
    """A script in a process of its own; what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", text, *map(str, words)],
        env={**os.environ, **environment},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


EVERY = """
import sys
from pathlib import Path
from undertow.experiments.cli import app
from undertow.experiments.terminal import bar, console, fail
from undertow.experiments.progress import Progress
results = Path({results!r})
assert sys.stdout.encoding.lower() in ("ascii", "us-ascii"), sys.stdout.encoding
names = [c.name for c in app.registered_commands]
# `schema` and `parameters` are left out: typer prints their data as UTF-8 on such a terminal.
for words in [
    ["--help"], *([name, "--help"] for name in names), ["list", "--results", results],
    ["verify", results / "caf\\u00e9"], ["run", "caf\\u00e9\\u2212.yaml"], ["card", "\\u2026"],
    ["compare", "\\u03c4", "greedy"], ["evaluate", "\\u00b1", "--name", "\\u00b1"],
    ["train", "\\u2013.yaml", "--policy", "a", "--out", "b"], ["fetch", "\\u2019", "x"],
    ["bench", "\\u2192"], ["fit-views", "\\u00d7"],
]:
    try:
        app([str(word) for word in words], standalone_mode=False)
    except UnicodeError:
        raise
    except BaseException as stop:  # refusals
        print(words, type(stop).__name__)
with bar("caf\\u00e9") as told:
    told(Progress(3, 1), "a line with \\u2212 and \\u03c4")
fail("a problem \\u2264 \\u2026")
"""


def test_every_command_prints_on_a_terminal_that_knows_ascii_alone(tmp_path):
    made_up(tmp_path / "results" / "café", seeds=2)
    told = python(EVERY.format(results=str(tmp_path / "results")), **ASCII).decode("ascii")
    assert "a line with - and \\u03c4" in told
    assert "caf\\xe9" in told  # the result, in the list
    assert "headline" in told and "+--" in told


def test_signs_are_spelt_and_other_characters_are_given_by_their_code(monkeypatch):
    buffer = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(buffer, encoding="latin-1"))
    spell_what_is_unknown()
    print("1\u22122 \u00b1 3 \u2026 \u03c4 é", end="", flush=True)
    assert buffer.getvalue() == "1-2 ± 3 ... \\u03c4 é".encode("latin-1")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_terminal_that_knows_all_is_left_alone(monkeypatch, encoding):
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict")
    monkeypatch.setattr(sys, "stdout", stream)
    spell_what_is_unknown()
    assert stream.errors == "strict"


def test_texts_are_written_as_utf_8_whatever_the_locale(tmp_path):
    """No file of ours is opened in the encoding of the terminal."""
    for file in CODE.rglob("*.py"):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if ".write_text(" in line or ".read_text(" in line or ".open(" in line:
                fine = "encoding=" in line or '"rb"' in line or '"wb"' in line
                assert fine or "benchmarks" in str(file), f"{file.name}:{number}: {line.strip()}"


# --- figures --------------------------------------------------------------------------------------

DRAW = """
import sys
from pathlib import Path
from undertow.experiments import figures
from undertow.experiments.result import Result
folder = Path(sys.argv[1])
figures.draw(Result.read(folder), {}, folder / "hostile")
assert "torch" not in sys.modules
"""
HOSTILE = """
text.usetex: True
backend: svg
savefig.format: pdf
savefig.dpi: 33
savefig.bbox: tight
savefig.transparent: True
figure.facecolor: red
font.size: 30
font.family: serif
axes.formatter.use_locale: True
axes.xmargin: 0.4
lines.antialiased: False
path.simplify: False
errorbar.capsize: 9
image.cmap: jet
legend.loc: lower left
figure.constrained_layout.use: False
agg.path.chunksize: 20000
"""


def test_figures_are_drawn_under_the_project_s_style_alone(tmp_path):
    """A person's matplotlibrc neither fails a finished run nor changes a byte."""
    made_up(tmp_path / "a", seeds=2, policies=("ppo", "greedy"))
    figures.draw(Result.read(tmp_path / "a"), {}, tmp_path / "a" / "figures")
    rc = tmp_path / "matplotlibrc"
    rc.write_text(HOSTILE)
    python(DRAW, tmp_path / "a", MATPLOTLIBRC=str(rc), MPLBACKEND="pdf")
    right = contents(tmp_path / "a" / "figures")
    assert len(right) >= 3
    assert contents(tmp_path / "a" / "hostile") == right
