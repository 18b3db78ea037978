"""What a person can look at: what was shown, what was watched, where habit and stance stand."""

from __future__ import annotations

from typing import Any


class History:
    """placeholder"""

    def __init__(self, parameters: Any) -> None:
        self.rows: list[Any] = []

    def clear(self) -> None:
        self.rows.clear()

    def add(self, batch: Any, feed: int, info: dict[str, Any]) -> None:
        self.rows.append((feed, info))


def draw_ansi(history: History, batch: Any) -> str:
    return ""


def draw_rgb(history: History, batch: Any) -> Any:
    return None
