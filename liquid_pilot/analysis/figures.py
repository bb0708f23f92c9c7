"""Figures of a report as SVG text: success with intervals, and what happened along the routes."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from liquid_pilot.analysis.results import Aggregate
from liquid_pilot.analysis.trace import EpisodeTrace

PALETTE = ("#2f6f8f", "#c8553d", "#6a994e", "#8a5a9e", "#b08900", "#5c677d")
MOST_POINTS = 400
"""Points of one line in a figure; more would only make the report larger."""


def _new_figure(width: float, height: float, rows: int = 1, *, share: bool = True) -> tuple[Any, Any]:
    # The object-oriented interface: pyplot keeps every figure alive and picks a backend from the environment.
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.subplots(rows, 1, sharex=share and rows > 1, squeeze=False)[:, 0]
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(alpha=0.25, linewidth=0.6)
    return figure, axes


def _svg(figure: Any) -> str:
    from matplotlib import rc_context

    buffer = io.StringIO()
    # A fixed hash salt and no date: the same results give the same report, byte for byte.
    with rc_context({"svg.hashsalt": "liquid-pilot", "svg.fonttype": "none", "font.family": "sans-serif"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None}, transparent=True)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    # Fixed width and height would overflow a narrow page; the view box keeps the proportions.
    return re.sub(
        r'(<svg[^>]*?) width="[^"]*"', r"\1", re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1), count=1
    )


def success_figure(rows: Sequence[Aggregate], label: str) -> str:
    """Success rate of every row with its 95 % interval, as SVG; ``label`` is what the axis counts."""
    policies = list(dict.fromkeys(r.policy for r in rows))
    scenarios = list(dict.fromkeys(r.scenario for r in rows))
    figure, (ax,) = _new_figure(8.0, 0.9 + 0.28 * len(rows) + 0.12 * len(scenarios))
    for row in rows:
        place = scenarios.index(row.scenario) + (policies.index(row.policy) - (len(policies) - 1) / 2) * 0.8 / len(
            policies
        )
        rate = row.success_rate
        colour = PALETTE[policies.index(row.policy) % len(PALETTE)]
        ax.plot(
            [100 * rate.low, 100 * rate.high],
            [place, place],
            color=colour,
            linewidth=5,
            alpha=0.3,
            solid_capstyle="butt",
        )
        ax.plot([100 * rate.mean], [place], "o", color=colour, markersize=6)
    for index, policy in enumerate(policies):
        ax.plot([], [], "o", color=PALETTE[index % len(PALETTE)], label=policy)
    ax.set_yticks(range(len(scenarios)), scenarios)
    ax.set_ylim(len(scenarios) - 0.5, -0.5)
    ax.set_xlim(0, 102)
    ax.set_xlabel(label)
    if len(policies) > 1:
        ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return _svg(figure)


@dataclass(frozen=True)
class Cell:
    """One cell of a matrix of conditions: how good it is (0 red .. 1 green), and what stands in it."""

    weather: str
    faults: tuple[str, ...]
    goodness: float
    text: str


def matrix_figure(cells: Sequence[Cell]) -> str:
    """A heat map with every weather as a column and every fault as a row, as SVG; pairs that are missing stay empty."""
    weathers = list(dict.fromkeys(cell.weather for cell in cells))
    faults = list(dict.fromkeys(cell.faults for cell in cells))
    figure, (ax,) = _new_figure(2.4 + 1.35 * len(weathers), 0.7 + 0.42 * len(faults))
    shown = np.full((len(faults), len(weathers)), np.nan)
    for cell in cells:
        row, column = faults.index(cell.faults), weathers.index(cell.weather)
        shown[row, column] = cell.goodness
        ax.annotate(cell.text, (column, row), ha="center", va="center", fontsize=7)
    ax.grid(visible=False)
    ax.imshow(shown, vmin=0.0, vmax=1.0, cmap="RdYlGn", aspect="auto", alpha=0.75)
    ax.set_xticks(range(len(weathers)), weathers, fontsize=8)
    ax.set_yticks(range(len(faults)), [", ".join(fault) or "no fault" for fault in faults], fontsize=8)
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return _svg(figure)


def route_figure(traces: Mapping[str, Sequence[EpisodeTrace]], lane_half_width: float | None = None) -> str:
    """Cross-track error and speed along the route, one thin line per episode and one colour per policy, as SVG."""
    figure, (error_axis, speed_axis) = _new_figure(8.0, 3.6, rows=2)
    for index, (policy, episodes) in enumerate(traces.items()):
        colour = PALETTE[index % len(PALETTE)]
        for number, trace in enumerate(episodes):
            label = policy if number == 0 else None
            keep = _thinned(len(trace))
            position = trace["route_position"][keep]
            error_axis.plot(
                position, trace["cross_track_error"][keep], color=colour, linewidth=0.9, alpha=0.75, label=label
            )
            speed_axis.plot(position, trace["speed"][keep], color=colour, linewidth=0.9, alpha=0.75)
            if not trace.success:
                error_axis.plot(position[-1:], trace["cross_track_error"][-1:], "x", color="#c1121f", markersize=7)
    if lane_half_width is not None:
        for edge in (-lane_half_width, lane_half_width):
            error_axis.axhline(edge, color="#888888", linewidth=0.8, linestyle="--")
    error_axis.set_ylabel("off the lane centre, m\n(left is up)")
    speed_axis.set_ylabel("speed, m/s")
    speed_axis.set_ylim(bottom=0)
    speed_axis.set_xlabel("metres along the route")
    if len(traces) > 1:
        error_axis.legend(frameon=False, ncols=4, fontsize=8)
    return _svg(figure)


def flight_figure(traces: Mapping[str, Sequence[EpisodeTrace]]) -> str:
    """Flown paths from above and distance to the target in time: a line per flight, a colour per policy, as SVG.

    Every flight is turned and moved so that it begins at the left and has its target (where it was at the end) to the
    right of it: flights in different worlds lie on each other.
    """
    figure, (path_axis, distance_axis) = _new_figure(8.0, 5.2, rows=2, share=False)
    for index, (policy, episodes) in enumerate(traces.items()):
        colour = PALETTE[index % len(PALETTE)]
        for number, trace in enumerate(episodes):
            label = policy if number == 0 else None
            keep = _thinned(len(trace))
            x0, y0 = float(trace["x"][0]), float(trace["y"][0])
            turn = math.atan2(float(trace["target_y"][-1]) - y0, float(trace["target_x"][-1]) - x0)
            east, north = trace["x"][keep] - x0, trace["y"][keep] - y0
            ahead, left = _turned(east, north, -turn)
            path_axis.plot(ahead, left, color=colour, linewidth=0.9, alpha=0.75, label=label)
            away = math.hypot(float(trace["target_x"][-1]) - x0, float(trace["target_y"][-1]) - y0)
            path_axis.plot([away], [0.0], "o", color="#c1121f", markersize=4, alpha=0.6)
            distance_axis.plot(trace["time"][keep], trace["distance"][keep], color=colour, linewidth=0.9, alpha=0.75)
            if not trace.success:
                path_axis.plot(ahead[-1:], left[-1:], "x", color="#c1121f", markersize=7)
    path_axis.set_aspect("equal", adjustable="datalim")
    path_axis.set_xlabel("metres towards the target (red)")
    path_axis.set_ylabel("m to the left")
    distance_axis.set_ylabel("distance, m")
    distance_axis.set_ylim(bottom=0)
    distance_axis.set_xlabel("seconds")
    if len(traces) > 1:
        path_axis.legend(frameon=False, ncols=4, fontsize=8)
    return _svg(figure)


def _turned(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], angle: float) -> tuple[Any, Any]:
    cosine, sine = math.cos(angle), math.sin(angle)
    return cosine * x - sine * y, sine * x + cosine * y


def _thinned(length: int) -> npt.NDArray[np.int64]:
    """Indices of at most `MOST_POINTS` samples, the last one always among them (a failure is at the end)."""
    return np.unique(np.linspace(0, length - 1, min(length, MOST_POINTS)).astype(np.int64))
