"""The one rule for the name of a result, which is also the name of its folder.

A name is a plain word, so no path can hide in it: `../x`, `/x` and the empty name are refused
before anything is touched. It is also short enough for every file system.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator

NAME = re.compile(r"[a-z0-9][a-z0-9_]*")
LONGEST = 100  # characters; with a world, a policy and a seed a file's name may have 255
ALLOWED = f"lower case, digits, underscores, {LONGEST} characters at most"
#: Names that Windows gives to devices, whatever their ending.
_DEVICES = {"con", "prn", "aux", "nul"} | {f"{d}{n}" for d in ("com", "lpt") for n in range(1, 10)}


def is_name(text: str) -> bool:
    """Whether a text may name a result."""
    return bool(NAME.fullmatch(text)) and len(text) <= LONGEST and text not in _DEVICES


def checked_name(text: str) -> str:
    """The name itself; raises `ValueError` for one that may not name a result."""
    if text in _DEVICES:
        raise ValueError(f"found {text!r}, a device's name on Windows; allowed: another name")
    if not is_name(text):
        raise ValueError(f"found {_short(text)!r}; allowed: {ALLOWED}")
    return text


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST] + "..."


#: A result's name in a config or an option.
ResultName = Annotated[str, AfterValidator(checked_name)]
