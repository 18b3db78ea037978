"""Why a row is missed, in a sentence each, written once the studies had been run."""

from __future__ import annotations

MISSES: dict[int, str] = {}
