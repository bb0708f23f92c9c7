"""Loss curves of a training as a table and as a picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from liquid_pilot.files import whole_file, write_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CSV, PNG = "curves.csv", "curves.png"
Row = Mapping[str, Any]
"""``stage``, ``step`` (within the stage), ``frames`` (seen so far in the stage), ``seconds`` (of the stage) and
``learning_rate``; ``loss`` (mean of the training loss since the row before); and where there was a validation its
``validation_loss`` and, by action, ``error/NAME`` and ``share/NAME`` (of the labels' variance)."""


def write_table(folder: Path, rows: Sequence[Row]) -> Path:
    """Write all rows as CSV; a cell that a row does not have stays empty."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _short(value) for name, value in row.items()} for row in rows)
    write_text(folder / CSV, text.getvalue())
    return folder / CSV


def draw_curves(folder: Path, rows: Sequence[Row]) -> Path:
    """Draw the losses and the share of each action's variance that is left, stage after stage, as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # late: one second
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 6.0), layout="constrained")
    FigureCanvasAgg(figure)
    losses, shares = figure.subplots(2, 1, sharex=True)
    stages = list(dict.fromkeys(str(row["stage"]) for row in rows))
    begin = 0
    for number, stage in enumerate(stages):
        part = [row for row in rows if row["stage"] == stage]
        _draw_stage(losses, shares, part, begin, first=number == 0)
        if number:
            for axes in (losses, shares):
                axes.axvline(begin, color="0.8", linewidth=0.8)
        losses.annotate(stage, (begin, 1.0), (4, -12), xycoords=("data", "axes fraction"), textcoords="offset points")
        begin += max(int(row["step"]) for row in part)
    losses.set(yscale="log", ylabel="loss")
    shares.set(yscale="log", ylabel="validation error / variance", xlabel="step")
    shares.axhline(1.0, color="0.6", linestyle=":", linewidth=1.0)
    for axes in (losses, shares):
        axes.grid(alpha=0.25)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="lower left")
    with whole_file(folder / PNG) as path:
        figure.savefig(path, format="png", dpi=110)
    return folder / PNG


def _draw_stage(losses: Axes, shares: Axes, rows: Sequence[Row], begin: int, *, first: bool) -> None:
    for axes, column, label, style, colour in [
        (losses, "loss", "training", "-", "C0"),
        (losses, "validation_loss", "validation", "o-", "C1"),
        *[
            (shares, name, name.removeprefix("share/"), "o-", f"C{number + 2}")
            for number, name in enumerate(
                dict.fromkeys(name for row in rows for name in row if name.startswith("share/"))
            )
        ],
    ]:
        points = [(begin + int(row["step"]), float(row[column])) for row in rows if column in row]
        if points:
            axes.plot(*zip(*points, strict=True), style, color=colour, markersize=3, label=label if first else None)


def _short(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else value
