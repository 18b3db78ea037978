"""docs/parameters.md says what the models say: every parameter, as it stands."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

from undertow.envs.world import NULLS, PRESETS, WorldParameters, world
from undertow.experiments.cli import app
from undertow.experiments.parameter_table import SOURCES, parameter_table, written

DOCS = Path(__file__).parents[2] / "docs"


def flat(model, path=""):
    """Path and value of every parameter of a world."""
    for name, value in model:
        if isinstance(value, BaseModel):
            yield from flat(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value


def rows():
    """The cells of each parameter's row by its path, escaped bars restored."""
    found = {}
    for line in parameter_table().split("## Presets")[0].splitlines():
        if line.startswith("| `"):
            cells = [c.replace("\\|", "|") for c in re.split(r"(?<!\\)\|", line)[1:-1]]
            path, *rest = (cell.strip() for cell in cells)
            assert path.strip("`") not in found
            found[path.strip("`")] = rest
    return found


def test_the_page_is_current():
    page = (DOCS / "parameters.md").read_text(encoding="utf-8")
    assert page == parameter_table() + "\n", "run: undertow parameters > docs/parameters.md"


def test_the_command_prints_the_page():
    done = CliRunner().invoke(app, ["parameters"])
    assert done.exit_code == 0
    assert done.stdout == parameter_table() + "\n"


def test_every_parameter_has_its_row_and_no_other():
    assert list(rows()) == [
        *(path for path, _ in flat(world()) if "." in path),
        *(path for path, _ in flat(world()) if "." not in path),
    ]


def test_every_number_has_default_range_unit_source_and_meaning():
    table = rows()
    for path, value in flat(world()):
        default, _, span, unit, source, meaning = table[path]
        assert default == written(value) and meaning
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            low, high = (float(end) for end in span.split(" to "))
            assert low <= float(default) <= high
            assert unit not in ("", "–") and source not in ("", "–"), path


def test_every_source_is_explained():
    for path, (_, _, _, _, source, _) in rows().items():
        known = [code for code in SOURCES if re.match(re.escape(code) + r"(?![\w])", source)]
        assert source == "–" or known, path


def test_the_differences_of_vulnerable_are_shown_and_no_others():
    default, vulnerable = dict(flat(world())), dict(flat(world("vulnerable")))
    for path, cells in rows().items():
        differs = vulnerable[path] != default[path]
        assert cells[1] == (written(vulnerable[path]) if differs else "")
    assert any(cells[1] for cells in rows().values())


@pytest.mark.parametrize("title, worlds", [("## Presets", PRESETS), ("## Null worlds", NULLS)])
def test_what_presets_and_nulls_change_is_listed(title, worlds):
    part = parameter_table().split(title)[1].split("\n## ")[0]
    base = world()
    changed = {
        (name, path): value
        for name in worlds
        for path, value in flat(world(name) if worlds is PRESETS else world("default", name))
        if value != dict(flat(base))[path]
    }
    assert changed
    for (name, path), value in changed.items():
        default = written(dict(flat(base))[path])
        assert f"| `{name}` | `{path}` | {default} | {written(value)} |" in part
    assert part.count("\n| `") == len(changed)


@pytest.mark.parametrize(
    "value, text",
    [(True, "true"), (2, "2"), (2.0, "2"), (0.00705, "0.00705"), (2**63 - 1, str(2**63 - 1))],
)
def test_values_are_written_as_in_yaml(value, text):
    assert written(value) == text


def test_every_range_is_that_of_the_model():
    for path, (_, _, span, _, _, _) in rows().items():
        *groups, name = path.split(".")
        model = type(getattr(world(), groups[0])) if groups else WorldParameters
        bounds = {type(m).__name__: m for m in model.model_fields[name].metadata}
        if bounds:
            assert span == f"{written(bounds['Ge'].ge)} to {written(bounds['Le'].le)}"
