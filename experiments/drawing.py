"""What the figures share: how a policy looks, how an estimate and its seeds are drawn."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .provenance import write_whole
from .result import NEUTRAL, Result
from .statistics import Estimate

_STYLE = Path(__file__).with_name("undertow.mplstyle")

#: Colour and marker of a policy (Okabe and Ito). Markers have an area: their edges are white.
LOOK = {
    "random": ("#7F7F7F", "X"),
    NEUTRAL: ("#000000", "s"),
    "popular": ("#B87A00", "v"),
    "greedy": ("#D55E00", "D"),
    "ppo_myopic": ("#3A9AD0", "<"),
    "ppo": ("#0072B2", "o"),
    "ppo_oracle": ("#009E73", "^"),
    "endorsement": ("#882255", "p"),
    "linucb": ("#7A7A00", ">"),
    "thompson": ("#C9A227", "h"),
    "recurrent_ppo": ("#332288", "H"),
    "ppo_gamma090": ("#6BAED6", "p"),
    "ppo_gamma099": ("#2171B5", "H"),
    "lagrangian_000": ("#004D40", "p"),
    "lagrangian_025": ("#00796B", "h"),
    "lagrangian_050": ("#26A69A", "8"),
    "lagrangian_100": ("#66BFB5", "H"),
    "ppo_long": ("#003F6B", "o"),
    "drift_000": ("#8C5A00", "p"),
    "drift_025": ("#B87700", "h"),
    "drift_050": ("#E69F00", "8"),
    "drift_100": ("#F3C766", "H"),
    "unendorsed_20": ("#1B1250", "<"),
    "unendorsed_27": ("#332288", "s"),
    "unendorsed_35": ("#7467C0", ">"),
    "greedy_capped": ("#E58B4A", "d"),
    "greedy_varied": ("#A63603", "d"),
    "ppo_gamma0997": ("#08306B", "8"),
    "penalty_01": ("#C994C7", "<"),
    "penalty_04": ("#DF65B0", ">"),
    "penalty_16": ("#CE1256", "^"),
    "penalty_64": ("#67001F", "v"),
    "ppo_capped": ("#5E3C99", "d"),
    "ppo_limit_60": ("#8C8C8C", "P"),
    "ppo_limit_30": ("#4D4D4D", "P"),
    "ppo_prompt": ("#8C6D31", "X"),
}
_OTHER = ("#AA4C82", "P")


def draw_row(
    axes: Axes,
    result: Result,
    policy: str,
    world: str,
    metric: str,
    at: float,
    style: tuple[str, str],
) -> None:
    """One estimate of a horizontal chart: the seeds, the interval, the middle."""
    found = result.estimate(policy, world, metric)
    if found.mean is None:
        return
    colour, marker = style
    values = [v for v in result.values(policy, world, metric) if v is not None]
    axes.scatter(values, spread(at, len(values), 0.1), s=6, color=colour, alpha=0.3, lw=0, zorder=2)
    axes.errorbar(
        found.mean, at, xerr=arms(found), fmt=marker, color=colour, ms=6, mec="white",
        elinewidth=1.5, zorder=4,
    )  # fmt: skip


def policy_ticks(axes: Axes, result: Result) -> None:
    """Names the rows of a horizontal chart, the first policy on top."""
    axes.set_yticks(range(len(result.policies)), result.policies)
    axes.set_ylim(len(result.policies) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)


def spread(at: float, n: int, width: float = 0.16) -> np.ndarray:
    """Moves the dots of seeds apart, so that equal ones can be told apart."""
    return at + np.linspace(-width, width, n) if n > 1 else np.full(n, at)


def arms(found: Estimate) -> list[list[float]] | None:
    """The two lengths of an error bar; None without an interval."""
    if found.mean is None or found.low is None or found.high is None:
        return None
    return [[max(0.0, found.mean - found.low)], [max(0.0, found.high - found.mean)]]


def look(policy: str) -> tuple[str, str]:
    """Colour and marker of a policy."""
    return LOOK.get(policy, _OTHER)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure for Agg; its size is in inches."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


@contextmanager
def style() -> Iterator[None]:
    """The one style sheet over Matplotlib's own defaults, whatever a person's matplotlibrc says."""
    with matplotlib.style.context(_STYLE, after_reset=True):
        yield


def save_figure(figure: Figure, file: Path) -> None:
    """Writes a PNG without a date, whole or not at all: the same result gives the same bytes."""
    file.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    write_whole(file, buffer.getvalue())
