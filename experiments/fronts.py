"""Watch time against each harm, where budgets or penalties are swept: a panel a harm.

A front joins the policies of one sweep, loosest first; what was not swept stands alone.
"""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from .drawing import arms, look, new_figure
from .labels import place
from .overview import MINUTES, cross_boxes
from .result import NEUTRAL, Result

#: Sweeps by what their policies' names begin with: what is bounded or priced, colour, marker, line.
SWEEPS = {
    "lagrangian_": ("PPO-Lagrangian, budget on drift", "#00796B", "o", "-"),
    "drift_": ("the same, weights averaged", "#E69F00", "D", "-"),
    "unendorsed_": ("PPO-Lagrangian, budget on unendorsed minutes", "#332288", "s", "-."),
    "penalty_": ("PPO, penalty on shift", "#AA4C82", "^", "--"),
}
_HUNDREDTHS = ("lagrangian_", "drift_")  # of a budget in the policies' names
#: The sweep of the same budgets beside which one goes unlabelled.
_TWIN = {"lagrangian_": "drift_"}
#: What a panel shows, by its metric.
HARMS = {
    "induced_drift": "induced drift (|stance|)",
    "unendorsed_share": "unendorsed share of the minutes",
    "habit_share": "habit share of the minutes",
    "radicalised_share": "radicalised share of people",
}
#: Far from zero under any feed: an axis from zero would hide what differs.
_FAR = ("unendorsed_share", "habit_share")


def fronts(result: Result) -> Figure | None:
    """Minutes a day against each harm, in the world that has most of the sweeps.

    Returns:
        The figure, or None where no sweep of two or more policies was measured.
    """
    world = max(result.worlds, key=lambda w: len(_swept(result, w)), default=None)
    if world is None or not (swept := _swept(result, world)):
        return None
    harms = [m for m in HARMS if result.measured(m)]
    columns = min(2, len(harms))
    rows = -(-len(harms) // columns)
    figure = new_figure(5.2 * columns, 3.9 * rows + 0.5)
    panels = figure.subplots(rows, columns, sharex=True, squeeze=False).ravel()
    for axes, harm in zip(panels, harms, strict=False):
        _panel(axes, result, world, harm, swept)
    for axes in panels[len(harms) :]:
        axes.axis("off")
    for axes in panels[max(0, len(harms) - columns) : len(harms)]:
        axes.set_xlabel("watch minutes a day")
        axes.tick_params(labelbottom=True)
    handles = [
        Line2D([], [], color=colour, marker=marker, ls=line, mec="white", label=name)
        for start, (name, colour, marker, line) in SWEEPS.items()
        if start in swept
    ]
    figure.suptitle(f"{world} world: minutes against each harm (down and right is better)")
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    figure.canvas.draw()
    figure.set_layout_engine("none")  # labels are placed where the points now are
    for axes, harm in zip(panels, harms, strict=False):
        _name(axes, result, world, harm, swept)
    return figure


def _swept(result: Result, world: str) -> dict[str, list[str]]:
    """Policies of each sweep that this world has, in the order of their names."""
    found = {
        start: sorted(p for p in result.policies if p.startswith(start) and result.has(p, world))
        for start in SWEEPS
    }
    return {start: policies for start, policies in found.items() if len(policies) > 1}


def _alone(result: Result, world: str, harm: str, swept: dict[str, list[str]]) -> list[str]:
    within = {policy for policies in swept.values() for policy in policies}
    return [p for p in result.policies if p not in within and _at(result, p, world, harm)]


def _panel(axes: Axes, result: Result, world: str, harm: str, swept: dict[str, list[str]]) -> None:
    for start, policies in swept.items():
        _, colour, marker, line = SWEEPS[start]
        points = [at for p in policies if (at := _at(result, p, world, harm))]
        axes.plot(*zip(*points, strict=True), color=colour, ls=line, lw=1.2, zorder=3)
        for policy in policies:
            _cross(axes, result, policy, world, harm, (colour, marker))
    for policy in _alone(result, world, harm, swept):
        _cross(axes, result, policy, world, harm, look(policy))
    if harm not in _FAR:
        axes.axhline(0, color="#888888", lw=0.8, zorder=1)
    axes.set_ylabel(HARMS[harm])
    axes.margins(x=0.08, y=0.1)
    if result.is_share(harm):
        axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{100 * v:g}%"))


def _cross(
    axes: Axes, result: Result, policy: str, world: str, harm: str, style: tuple[str, str]
) -> None:
    at = _at(result, policy, world, harm)
    if at is None:
        return
    colour, marker = style
    across, up = (result.estimate(policy, world, m) for m in (MINUTES, harm))
    axes.errorbar(
        *at, xerr=arms(across), yerr=arms(up), fmt=marker, color=colour, ms=6, mec="white",
        mew=0.6, elinewidth=1.2, zorder=4,
    )  # fmt: skip


def _name(axes: Axes, result: Result, world: str, harm: str, swept: dict[str, list[str]]) -> None:
    """Writes a sweep's value beside its points, and the name of what stands alone."""
    told = {
        p: (_value(s, p), SWEEPS[s][1])
        for s, policies in swept.items()
        if _TWIN.get(s) not in swept  # points beside another front's are read off its values
        for p in policies
    }
    alone = _alone(result, world, harm, swept)
    for policy in alone:
        name = "neutral feed" if policy == NEUTRAL else policy
        told[policy] = (name, look(policy)[0])
    points = [
        (*at, *text) for policy, text in told.items() if (at := _at(result, policy, world, harm))
    ]
    drawn = [*alone, *(p for policies in swept.values() for p in policies)]
    bars = [bar for policy in drawn for bar in cross_boxes(result, policy, world, harm)]
    place(axes, points, lines=[] if harm in _FAR else [0], clear=bars)


def _value(start: str, policy: str) -> str:
    """What a policy's name says of its budget or penalty; drift is in hundredths."""
    number = policy.removeprefix(start)
    if not number.isdigit():
        return number
    return f"{int(number) / 100:g}" if start in _HUNDREDTHS else f"{int(number)}"


def _at(result: Result, policy: str, world: str, harm: str) -> tuple[float, float] | None:
    x, y = (result.estimate(policy, world, m).mean for m in (MINUTES, harm))
    return None if x is None or y is None else (x, y)
