"""Labels beside points, placed so that none covers another or a point; the same on every run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.transforms import Bbox

_SIZE = 8.5
_ANGLES = (0, 180, 30, -30, 150, -150, 60, -60, 120, -120, 90, -90)
_DISTANCES = range(9, 140, 5)


def place(
    axes: Axes,
    points: Sequence[tuple[float, float, str, str]],
    lines: Sequence[float] = (),
    clear: Sequence[tuple[float, float, float, float]] = (),
) -> None:
    """Writes a label for every point at the nearest free place, with a thin leader if it is far.

    Args:
        axes: Where to write; its limits and the figure's layout must be final.
        points: Of each: x and y in data coordinates, the text, the colour.
        lines: Heights of horizontal lines that no label may lie on.
        clear: Boxes, as x0, y0, x1, y1 in data coordinates, that no label may lie on.
    """
    canvas = axes.figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    renderer = canvas.get_renderer()
    point = axes.figure.dpi / 72
    centres = [axes.transData.transform((x, y)) for x, y, _, _ in points]
    taken = [_around(centre, 5 * point, 5 * point) for centre in centres]
    room = axes.get_window_extent(renderer)
    for x0, y0, x1, y1 in clear:
        (left, low), (right, high) = axes.transData.transform([(x0, y0), (x1, y1)])
        taken.append(Bbox.from_extents(left - point, low - point, right + point, high + point))
    heights = [axes.transData.transform((0, y))[1] for y in lines]
    taken += [Bbox.from_extents(room.x0, y - point, room.x1, y + point) for y in heights]
    for centre, (x, y, text, colour) in zip(centres, points, strict=True):
        label = axes.text(x, y, text, fontsize=_SIZE)
        box = label.get_window_extent(renderer)
        label.remove()
        offset, spot = _free(centre, box.width, box.height, taken, room, point)
        taken.append(spot)
        middle = np.array([spot.x0 + spot.x1, spot.y0 + spot.y1]) / 2
        far = np.hypot(*offset) > 10
        leader = {"arrowstyle": "-", "color": colour, "lw": 0.6, "alpha": 0.6, "shrinkB": 4}
        axes.annotate(
            text,
            (x, y),
            tuple((middle - centre) / point),
            textcoords="offset points",
            ha="center",
            va="center",
            color=colour,
            fontsize=_SIZE,
            arrowprops=leader if far else None,
        )


def _free(
    centre: np.ndarray, width: float, height: float, taken: list[Bbox], room: Bbox, point: float
) -> tuple[np.ndarray, Bbox]:
    best: tuple[float, np.ndarray, Bbox] | None = None
    for distance in _DISTANCES:
        for angle in np.radians(_ANGLES):
            offset = distance * np.array([np.cos(angle), np.sin(angle)])
            # The label's nearest edge, not its middle, is what lies at this distance.
            middle = (
                centre
                + offset * point
                + np.array([np.cos(angle) * width / 2, np.sin(angle) * height / 2])
            )
            spot = _around(middle, width / 2 + point, height / 2 + point)
            covered = sum(_overlap(spot, other) for other in taken)
            outside = max(
                room.x0 - spot.x0, spot.x1 - room.x1, room.y0 - spot.y0, spot.y1 - room.y1, 0
            )
            cost = covered + outside * height
            if cost == 0:
                return offset, spot
            if best is None or cost < best[0]:
                best = (cost, offset, spot)
    assert best is not None
    return best[1], best[2]


def _around(middle: np.ndarray, half_width: float, half_height: float) -> Bbox:
    x, y = middle
    return Bbox.from_extents(x - half_width, y - half_height, x + half_width, y + half_height)


def _overlap(a: Bbox, b: Bbox) -> float:
    shared = Bbox.intersection(a, b)
    return 0.0 if shared is None else float(shared.width * shared.height)
