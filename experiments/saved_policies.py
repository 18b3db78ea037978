"""The policies that a result keeps: `policies/<world>--<policy>--<seed>` and a suffix."""

from __future__ import annotations

from glob import escape
from pathlib import Path

#: The safe format first: where an old .zip lies beside it, that is not read.
SUFFIXES = (".npz", ".json", ".zip")


def saved_file(stem: Path) -> Path | None:
    """The file of this path without its suffix; None where there is none."""
    files = (stem.with_name(stem.name + suffix) for suffix in SUFFIXES)
    return next((file for file in files if file.is_file()), None)


def saved_files(folder: Path, world: str, policy: str) -> list[Path]:
    """The policies of a cell of the result `folder`, one a seed, in the order of seeds."""
    seeds = {
        int(seed)
        for file in folder.glob(f"policies/{escape(f'{world}--{policy}')}--*")
        if file.suffix in SUFFIXES
        and (seed := file.stem.removeprefix(f"{world}--{policy}--")).isascii()
        and seed.isdigit()
    }
    stem = folder / "policies" / f"{world}--{policy}--"
    files = (saved_file(stem.with_name(f"{stem.name}{seed}")) for seed in sorted(seeds))
    return [file for file in files if file is not None]
