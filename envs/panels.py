"""Pictures of the small worlds: a title, and a bar on a scale for each quantity."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .rendering import FAINT, HABIT, INK, PAPER, SOFT, WIDTH

_CELLS = 41
_LINE, _MARGIN = 24, 12


@dataclass(frozen=True)
class Level:
    """A quantity on a scale from `low` to `high`."""

    name: str
    value: float
    low: float = 0.0
    high: float = 1.0

    @property
    def place(self) -> float:
        """Where on its scale it lies, 0 to 1."""
        return min(max((self.value - self.low) / (self.high - self.low), 0.0), 1.0)


#: Title and levels of a row of a batch, from what was led with last (None before) and its `info`.
Reading = Callable[[Any, int, int | None, Mapping[str, Any]], tuple[str, list[Level]]]


class Panel:
    """What is kept of one row of a batch, and how it is drawn."""

    def __init__(self, reading: Reading, row: int = 0) -> None:
        self._reading, self._row = reading, row
        self.clear()

    def clear(self) -> None:
        """Forgets everything."""
        self._person = -1
        self._lead: int | None = None
        self._info: Mapping[str, Any] = {}

    def add(self, batch: Any, lead: int, info: Mapping[str, Any]) -> None:
        """Keeps the step just played, led by `lead`; `info` is that of this row alone."""
        self._person, self._lead, self._info = int(batch.person[self._row]), lead, info

    def draw(self, batch: Any, mode: str) -> str | NDArray[np.uint8]:
        """The picture of kind `mode`: `ansi`, or `rgb_array`, uint8 (height, WIDTH, 3)."""
        if self._person != int(batch.person[self._row]):
            self.clear()  # the next person: they have no past yet
        title, levels = self._reading(batch, self._row, self._lead, self._info)
        return _text(title, levels) if mode == "ansi" else _image(title, levels)


def _text(title: str, levels: list[Level]) -> str:
    lines = [title]
    for level in levels:
        cells = ["."] * _CELLS
        cells[round((_CELLS - 1) * level.place)] = "#"
        scale = f"{level.low:>3g} {''.join(cells)} {level.high:g}"
        lines.append(f"{level.name:<16} {level.value:+.2f} {scale}")
    return "\n".join(lines) + "\n"


def _image(title: str, levels: list[Level]) -> NDArray[np.uint8]:
    # Here rather than above, so that the package can be imported without Pillow.
    from PIL import Image, ImageDraw, ImageFont

    height = 2 * _MARGIN + _LINE * (len(levels) + 1)
    image = Image.new("RGB", (WIDTH, height), PAPER)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(13)
    pen.text((_MARGIN, _MARGIN), title, fill=INK, font=font)
    for number, level in enumerate(levels, start=1):
        top = _MARGIN + _LINE * number
        pen.text((_MARGIN, top), level.name, fill=SOFT, font=font)
        pen.rectangle((200, top + 2, 540, top + 14), fill=FAINT)
        zero = Level("", 0.0, level.low, level.high).place
        ends = sorted((200 + 340 * zero, 200 + 340 * level.place))
        pen.rectangle((ends[0], top + 2, ends[1], top + 14), fill=HABIT)
        pen.text((560, top), f"{level.value:+.2f}", fill=INK, font=font)
    return np.array(image, dtype=np.uint8)
