"""Progress of long work: a bar with rate and time left on a terminal, a line now and then in a log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

LOG_EVERY_S = 10.0
"""Where standard error is no terminal, one line at most this often."""


class Report(Protocol):
    """How jobs say how far they are: items done, items in all, and a few words (``1,250 frames/s``)."""

    def __call__(self, done: float, total: float, note: str = "") -> None:
        """Say that ``done`` of ``total`` items are finished."""


@contextmanager
def progress_bar(what: str, unit: str = "") -> Iterator[Report]:
    """Show progress under the heading ``what`` until the block ends; gives the function to report with.

    ``unit`` adds a rate: ``frames`` shows "1,250 frames/s". Everything goes to standard error, so that standard output
    holds results alone.
    """
    console = Console(stderr=True)
    started = time.monotonic()
    first: float | None = None

    def with_rate(done: float, note: str) -> str:
        nonlocal first
        if first is None:
            # What an earlier, interrupted run had finished does not count for this run's speed.
            first = done
        seconds = time.monotonic() - started
        rate = f"{(done - first) / seconds:,.0f} {unit}/s" if unit and seconds > 0.5 and done > first else ""
        return "  ".join(part for part in (rate, note) if part)

    if not console.is_terminal:
        last = -LOG_EVERY_S

        def log(done: float, total: float, note: str = "") -> None:
            nonlocal last
            now = time.monotonic()
            text = with_rate(done, note)
            if now - last >= LOG_EVERY_S or done >= total:
                last = now
                share = 100 * done / total if total else 100
                console.print(f"{what}: {share:.0f} %  {done:,.0f} of {total:,.0f} {unit}  {text}", highlight=False)

        yield log
        return

    bar = Progress(
        TextColumn("{task.description:<10}"),
        BarColumn(bar_width=32),
        TaskProgressColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(compact=True, elapsed_when_finished=True),
        console=console,
    )
    with bar:
        task = bar.add_task(what, total=None, note="")

        def show(done: float, total: float, note: str = "") -> None:
            bar.update(task, completed=done, total=total, note=with_rate(done, note))

        yield show
