"""Text for terminals that know few characters: signs are spelt, and nothing fails for one."""

from __future__ import annotations

import codecs
import io
import sys

_SPELT = {
    "\u2013": "-",
    "\u2014": "-",
    "\u2212": "-",
    "\u2018": "'",
    "\u2019": "'",
    "\u201c": '"',
    "\u201d": '"',
    "\u2026": "...",
    "\u2022": "*",
    "\u00b1": "+-",
    "\u00d7": "x",
    "\u2192": "->",
    "\u2264": "<=",
    "\u2265": ">=",
    "\u00a0": " ",
    "\u2501": "-",
    "\u2500": "-",
    "\u2502": "|",
}


def _spell(error: UnicodeError) -> tuple[str, int]:
    """What stands for characters that an encoding lacks: a sign's spelling, else its code."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    escaped = (_SPELT.get(c) or c.encode("ascii", "backslashreplace").decode() for c in text)
    return "".join(escaped), error.end


codecs.register_error("undertow_spell", _spell)


def spell_what_is_unknown() -> None:
    """Lets stdout and stderr print any text, whatever their encoding."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not _knows_all(stream.encoding):
            stream.reconfigure(errors="undertow_spell")


def _knows_all(encoding: str) -> bool:
    try:
        return codecs.lookup(encoding).name.startswith("utf")
    except LookupError:
        return False
