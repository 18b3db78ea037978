"""A plane with a cell in which nobody watches has a report, in which its numbers are undefined."""

import json

import numpy as np

from undertow.experiments.phase.config import load_phase
from undertow.experiments.phase.run import EFFECTS, cells_of, phase_record, value_of
from undertow.experiments.record import run_record

from .test_phase import write

METRICS = {effect.metric for effect in EFFECTS}


def test_a_cell_in_which_nobody_watches_is_undefined_and_not_counted(tmp_path, monkeypatch):
    import undertow.experiments.phase.run as engine
    import undertow.experiments.record as record

    def lived(cell):
        still = cell.column == 0 and cell.row == 0
        minutes = 0.0 if still else 10.0 + cell.seed
        values = dict.fromkeys(METRICS, 0.1) | {"watch_minutes_per_day": minutes}
        if still:
            values["unendorsed_share"] = float("nan")
        return {"greedy": values, "long": values, "core_s": 1.0}

    monkeypatch.setattr(engine, "run_cell", lived)
    monkeypatch.setattr(record, "in_processes", lambda work, tasks, workers: map(work, tasks))
    phase = load_phase(write(tmp_path))
    folder = run_record(phase_record(phase), tmp_path)
    summary = json.loads((folder / "summary.json").read_text())
    first, *others = summary["cells"]
    assert not first["learned"] and all(cell["learned"] for cell in others)
    assert first["effects"]["gain"]["mean"] is None
    assert first["effects"]["gain"]["values"] == [None, None]
    assert summary["shares"]["gain"]["cells"] == 3
    assert "| – |" in (folder / "report.md").read_text(encoding="utf-8")
    gain = next(effect for effect in EFFECTS if effect.name == "gain")
    assert np.isnan(value_of(gain, lived(cells_of(phase)[0])))
