"""What a person can look at: what was shown, what was watched, where habit and stance stand.

Both pictures are of one row of a batch and read the same `_Scene`, so they say the same. Scales are
fixed (stance -1 to 1, levels 0 to 1), so that two pictures can be compared by eye.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .feed_batch import FeedBatch
from .world import WorldParameters, draw

STRIP = 16
"""Slots in the strip of the recent past: two days of the default calendar."""
WIDTH, HEIGHT = 640, 360
"""Size of the picture in pixels."""

# Okabe and Ito's palette: colour-blind people tell these apart too.
PAPER, INK, SOFT, FAINT = "#ffffff", "#1a1a1a", "#5f5f5f", "#dcdcdc"
PLACED, SOUGHT, STANCE, HABIT, TOLERANCE = "#e69f00", "#0072b2", "#d55e00", "#009e73", "#cc79a7"

_Place = Callable[[float], float]


@dataclass(frozen=True)
class Slot:
    """One slot of one person: what led the feed, and the part of `info` that is drawn."""

    lead: int
    item: int
    opened: bool
    sought: bool
    minutes: float
    welfare: float
    churned: bool
    stance: float
    habit: float
    tolerance: float
    seen: int = 1
    shown: int = 1
    """Items of a slate that were come to, and all of them."""

    @property
    def duration(self) -> str:
        """Minutes in short: starred where sought, a dash where the app stayed closed."""
        if not self.opened:
            return "-"
        short = f"{self.minutes:.0f}" if self.minutes < 999.5 else f"{self.minutes / 1000:.0f}k"
        return short + "*" * self.sought

    @property
    def colour(self) -> str:
        """The colour of who chose."""
        return SOUGHT if self.sought else PLACED


class History:
    """The slots so far of the person in row `row` of a batch in the world `parameters`."""

    def __init__(self, parameters: WorldParameters, row: int = 0) -> None:
        self.calendar, self.row = parameters.calendar, row
        self.clear()

    def clear(self) -> None:
        """Forgets everything."""
        self.person = -1
        self.slots: list[Slot] = []

    def add(self, batch: FeedBatch, feed: int, info: Mapping[str, Any]) -> None:
        """Adds the slot just played, led by the item `feed`; `info` is that of this row alone."""
        if int(batch.person[self.row]) != self.person:
            self.clear()
            self.person = int(batch.person[self.row])
        # Autoreset of kind NEXT_STEP plays one more slot, which nobody is there for.
        if not self.end:
            seen = {f.name: info[f.name] for f in fields(Slot) if f.name in info}
            _, *size = batch.action_shape
            self.slots.append(Slot(lead=feed, shown=size[0] if size else 1, **seen))

    def draw(self, batch: FeedBatch, mode: str) -> str | NDArray[np.uint8]:
        """The picture of kind `mode`: `ansi` or `rgb_array`."""
        return draw_ansi(self, batch) if mode == "ansi" else draw_rgb(self, batch)

    @property
    def end(self) -> str:
        """How it ended, in words; empty while it goes on."""
        if self.slots and self.slots[-1].churned:
            return f"person {self.person} left for good"
        over = len(self.slots) >= self.calendar.slots
        return f"person {self.person} reached the end" if over else ""


class _Scene:
    """What there is to say about the person in a history's row as things stand."""

    def __init__(self, history: History, batch: FeedBatch) -> None:
        row, calendar, self.items = history.row, history.calendar, batch.items
        person = int(batch.person[row])
        # A vector environment may have put the next person in this row: they have no past yet.
        self.slots = slots = history.slots if history.person == person else []
        # The first day follows from seed and person, so it can be looked up again.
        _, first = draw(batch.parameters, batch.seed[row : row + 1], batch.person[row : row + 1])
        self.stance = [float(first.stance[0]), *(slot.stance for slot in slots)]
        self.habit = [float(first.habit[0]), *(slot.habit for slot in slots)]
        self.tolerance = [float(first.tolerance[0]), *(slot.tolerance for slot in slots)]

        self.steps, self.days = calendar.slots, calendar.days
        day, hour = divmod(max(len(slots) - 1, 0), calendar.slots_per_day)
        moment = f"slot {hour + 1} of {calendar.slots_per_day}" if slots else "not begun"
        self.title = f"person {person} · day {day + 1} of {calendar.days} · {moment}"
        self.end = history.end
        minutes, welfare = sum(slot.minutes for slot in slots), sum(slot.welfare for slot in slots)
        self.so_far = f"{minutes:.0f} min, welfare {round(welfare):+d} min"

        self.last = last = slots[-1] if slots else None
        self.led = self.name(last.lead) if last else "nothing yet"
        self.watched = "app closed" if last else "nothing yet"
        self.chosen = self.found = ""
        if last and last.opened:
            self.watched = f"{last.minutes:.1f} min"
            if last.shown > 1 and not last.sought:
                self.watched += f", {last.seen} of {last.shown} items"
            self.chosen = "sought by the person" if last.sought else "placed by the feed"
            self.found = self.name(last.item) if last.sought else ""

        self.strip: list[tuple[str, Slot]] = []
        for place, slot in enumerate(slots[-STRIP:], start=max(len(slots) - STRIP, 0)):
            day, hour = divmod(place, calendar.slots_per_day)
            self.strip.append((str(day + 1) if hour == 0 or not self.strip else "", slot))

    def name(self, item: int) -> str:
        items = self.items
        stance = f"stance {items.stance[item]:+.2f}" if items.civic[item] else "no stance"
        return f"item {item}, topic {items.topic[item]}, {stance}"

    def mark(self, item: int) -> str:
        """An item in three letters: its stance where it takes one, else its topic."""
        stance = f"{self.items.stance[item]:+.1f}".replace("0.", ".")
        return stance if self.items.civic[item] else f"t{self.items.topic[item]}"


def draw_ansi(history: History, batch: FeedBatch) -> str:
    """The row as text of at most 80 columns."""
    scene = _Scene(history, batch)
    led = scene.led
    if scene.last:
        items, lead = scene.items, scene.last.lead
        led += f", arousal {items.arousal[lead]:.2f}, quality {items.quality[lead]:.2f}"
    watched = ", ".join(filter(None, (scene.watched, scene.chosen)))
    lines = [
        " · ".join(filter(None, (scene.title, scene.end))),
        f"led with   {led}",
        "watched    " + ": ".join(filter(None, (watched, scene.found))),
        f"stance     {_axis(scene.stance, -1)}",
        f"habit      {_axis(scene.habit, 0)}",
        f"tolerance  {_axis(scene.tolerance, 0)}",
        f"so far     {scene.so_far}",
        "day        " + "".join(f"{'|' + day if day else '':<4}" for day, _ in scene.strip),
        "led with   " + "".join(f"{scene.mark(slot.lead):<4}" for _, slot in scene.strip),
        "minutes    " + "".join(f"{slot.duration:<4}" for _, slot in scene.strip),
        "           (+.9 civic stance, t3 topic, * sought by the person, - app closed)",
        f"over time  stance {_blocks(scene.stance, -1)}",
        f"           habit  {_blocks(scene.habit, 0)}",
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _axis(values: Sequence[float], low: int) -> str:
    """Where the last value (#) and the first (o) lie on a scale from `low` to 1."""
    cells = ["."] * 41
    for value, letter in ((0.0, "|"), (values[0], "o"), (values[-1], "#")):
        cells[round(40 * (value - low) / (1 - low))] = letter
    sign = "+" if low else " "
    now, first = f"{values[-1]:{sign}.2f}", f"{values[0]:{sign}.2f}"
    return f"{now} from {first}   {low:>2} {''.join(cells)} {1:{sign}}"


def _blocks(values: Sequence[float], low: int) -> str:
    """A time line between `low` and 1, at most 60 columns."""
    columns = min(len(values), 60)
    picked = [values[round(i * (len(values) - 1) / max(columns - 1, 1))] for i in range(columns)]
    return "".join("▁▂▃▄▅▆▇█"[min(int(8 * (v - low) / (1 - low)), 7)] for v in picked)


def draw_rgb(history: History, batch: FeedBatch) -> NDArray[np.uint8]:
    """The row as a picture, uint8 (HEIGHT, WIDTH, 3)."""
    scene, sheet = _Scene(history, batch), _Sheet()
    sheet.text(12, 22, scene.title, 15)
    sheet.text(628, 22, scene.end, 15, STANCE, "rs")
    sheet.box(12, 30, 628, 33, FAINT)
    sheet.box(12, 30, 12 + 616 * len(scene.slots) / scene.steps, 33, INK)

    sheet.text(12, 54, "the feed led with", colour=SOFT)
    sheet.text(12, 76, scene.led, 13)
    if scene.last:
        items, lead = scene.items, scene.last.lead
        if items.civic[lead]:
            sheet.level(12, 96, "stance", [items.stance[lead]], -1, STANCE)
        sheet.level(12, 114, "arousal", [items.arousal[lead]], 0, SOFT)
        sheet.level(12, 132, "quality", [items.quality[lead]], 0, SOFT)

    sheet.text(222, 54, "the person watched", colour=SOFT)
    sheet.text(222, 80, scene.watched, 22)
    sheet.text(222, 98, scene.chosen)
    sheet.text(222, 114, scene.found)
    sheet.text(222, 132, f"so far {scene.so_far}")

    sheet.text(442, 54, "the person now (tick: day 1)", colour=SOFT)
    sheet.level(442, 80, "stance", scene.stance, -1, STANCE)
    sheet.level(442, 106, "habit", scene.habit, 0, HABIT)
    sheet.level(442, 132, "tolerance", scene.tolerance, 0, TOLERANCE)

    _draw_strip(sheet, scene)

    sheet.text(12, 263, "stance (dashed: origin; dots: what was watched)", colour=SOFT)
    x, y = sheet.frame(12, -1, scene)
    for step, slot in enumerate(scene.slots, start=1):
        if slot.opened and scene.items.civic[slot.item]:
            sheet.dot(x(step), y(scene.items.stance[slot.item]), 1.5, slot.colour)
    for step in range(0, scene.steps, max(scene.steps // 42, 1)):
        sheet.box(x(step), y(scene.stance[0]), x(step) + 2, y(scene.stance[0]), SOFT)
    sheet.curve(x, y, scene.stance, STANCE)

    sheet.key(332, 263, HABIT, "habit")
    sheet.key(392, 263, TOLERANCE, "tolerance")
    x, y = sheet.frame(332, 0, scene)
    sheet.curve(x, y, scene.tolerance, TOLERANCE)
    sheet.curve(x, y, scene.habit, HABIT)
    return np.array(sheet.image, dtype=np.uint8)


def _draw_strip(sheet: _Sheet, scene: _Scene) -> None:
    """The last slots: a bar for the minutes of each, and below it what led the feed."""
    words = f"last {STRIP} slots: minutes, and the lead (+.9 stance, t3 topic)"
    sheet.text(12, 158, words, colour=SOFT)
    sheet.key(370, 158, PLACED, "placed by the feed")
    sheet.key(501, 158, SOUGHT, "* sought")
    sheet.text(575, 158, "-  closed")
    sheet.box(12, 217, 628, 217, SOFT)
    for place, (day, slot) in enumerate(scene.strip):
        x = 12 + 38.5 * place
        if day:
            sheet.box(x, 166, x, 246, FAINT)
            sheet.text(x + 4, 246, f"day {day}", 11, SOFT)
        # A bar is full at half an hour, so that short sessions are seen too; the number goes on.
        top = 217 - 36 * min(slot.minutes / 30, 1)
        if slot.opened:
            sheet.box(x + 7, top, x + 31, 217, slot.colour)
        sheet.text(x + 19, top - 3, slot.duration, 11, anchor="ms")
        sheet.text(x + 19, 231, scene.mark(slot.lead), 11, anchor="ms")


class _Sheet:
    """Paper, and the few marks that the picture is made of. Texts are placed by their base line."""

    def __init__(self) -> None:
        # Here rather than above, so that the package can be imported without Pillow.
        from PIL import Image, ImageDraw, ImageFont

        self.image = Image.new("RGB", (WIDTH, HEIGHT), PAPER)
        self.pen = ImageDraw.Draw(self.image)
        self.font = lru_cache(ImageFont.load_default)

    def text(
        self, x: float, y: float, words: str, size: int = 12, colour: str = INK, anchor: str = "ls"
    ) -> None:
        self.pen.text((x, y), words, fill=colour, font=self.font(size), anchor=anchor)

    def box(self, left: float, top: float, right: float, bottom: float, colour: str) -> None:
        self.pen.rectangle((left, top, right, bottom), fill=colour)

    def dot(self, x: float, y: float, radius: float, colour: str) -> None:
        self.pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)

    def key(self, x: float, y: float, colour: str, words: str) -> None:
        self.box(x, y - 8, x + 8, y, colour)
        self.text(x + 13, y, words)

    def level(
        self, x: float, y: float, name: str, values: Sequence[float], low: int, colour: str
    ) -> None:
        """A bar from 0 to the last value on a scale from `low` to 1, with a tick at the first."""
        zero, first, last = (
            x + 64 + 84 * (value - low) / (1 - low) for value in (0.0, values[0], values[-1])
        )
        self.text(x, y, name)
        self.box(x + 64, y - 8, x + 148, y - 1, FAINT)
        self.box(min(zero, last), y - 8, max(zero, last), y - 1, colour)
        self.box(zero, y - 10, zero, y + 1, SOFT)
        if len(values) > 1:
            self.box(first - 1, y - 10, first, y + 1, INK)
        self.text(x + 186, y, f"{values[-1]:+.2f}" if low else f"{values[-1]:.2f}", anchor="rs")

    def frame(self, left: float, low: int, scene: _Scene) -> tuple[_Place, _Place]:
        """Axes over the whole calendar; returns where a step and a value lie."""

        def x(step: float) -> float:
            return left + 24 + 272 * step / scene.steps

        def y(value: float) -> float:
            return 340 - 64 * (value - low) / (1 - low)

        for value in range(low, 2):
            self.box(x(0), y(value), x(scene.steps), y(value), FAINT)
            self.text(x(0) - 5, y(value) + 4, str(value), 11, SOFT, "rs")
        self.text(x(0), 354, "day 1", 11, SOFT)
        self.text(x(scene.steps), 354, f"day {scene.days}", 11, SOFT, "rs")
        return x, y

    def curve(self, x: _Place, y: _Place, values: Sequence[float], colour: str) -> None:
        """A line from the first day on, with a dot where it stands."""
        points = [(x(step), y(value)) for step, value in enumerate(values)]
        self.pen.line(points, fill=colour, width=2)
        self.dot(*points[-1], 3, colour)
