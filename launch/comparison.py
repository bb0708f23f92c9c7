"""Side-by-side videos: what one camera saw beside what the other did, and their curves under both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from launch.video import ERROR_COLOUR, INK, PAPER, SOFT, STEERING_COLOUR, video_file

Picture = npt.NDArray[np.uint8]

PANEL_WIDTH = 600
"""Pixels of each camera's picture, which is scaled to it."""
TITLE_HEIGHT, CURVE_HEIGHT = 26, 96
LEFT, RIGHT = STEERING_COLOUR, ERROR_COLOUR
"""Colours of the curves that belong to the left and to the right picture."""


@dataclass(frozen=True)
class Curve:
    """One number over time on both sides; each (T,), perhaps of different lengths."""

    name: str
    left: npt.NDArray[Any]
    right: npt.NDArray[Any]


@dataclass(frozen=True)
class Comparison:
    """Pictures of both sides, one per control step, and the curves under them.

    Args:
        left: RGB pictures (H, W, 3).
        right: of the same size.
        curves: drawn under both, the present moment marked.
    """

    left: Sequence[Picture]
    right: Sequence[Picture]
    curves: Sequence[Curve]

    def write(self, path: Path, titles: tuple[str, str], control_hz: float, every: int = 2) -> None:
        """Write the ``.mp4`` whole or not at all; the shorter side keeps its last picture to the end.

        Args:
            path: the file.
            titles: one line over each picture.
            control_hz: pictures per second of each side.
            every: one picture of so many goes into the video.
        """
        steps = max(len(self.left), len(self.right))
        strips = [_CurveStrip(curve, steps) for curve in self.curves]
        heading = np.hstack([_title(titles[0], LEFT), _title(titles[1], RIGHT)])
        with video_file(path, fps=max(1, round(control_hz / every))) as add:
            for step in range(0, steps, every):
                sides = [_scaled(side[min(step, len(side) - 1)]) for side in (self.left, self.right)]
                add(np.vstack([heading, np.hstack(sides), *(strip.at(step) for strip in strips)]))


def _scaled(picture: Picture) -> Picture:
    height = round(picture.shape[0] * PANEL_WIDTH / picture.shape[1])
    return cv2.resize(picture, (PANEL_WIDTH, height), interpolation=cv2.INTER_NEAREST)  # type: ignore[return-value]


def _title(text: str, colour: tuple[int, int, int]) -> Picture:
    bar = np.full((TITLE_HEIGHT, PANEL_WIDTH, 3), PAPER, np.uint8)
    cv2.putText(bar, text[:84], (10, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.45, colour, 1, cv2.LINE_AA)
    return bar


class _CurveStrip:
    """Both curves of one number, drawn once; only the cursor moves."""

    def __init__(self, curve: Curve, steps: int) -> None:
        self._curve, self._steps = curve, steps
        self._strip = np.full((CURVE_HEIGHT, 2 * PANEL_WIDTH, 3), PAPER, np.uint8)
        middle = CURVE_HEIGHT // 2
        cv2.line(self._strip, (10, middle), (2 * PANEL_WIDTH - 10, middle), SOFT, 1)
        both = np.concatenate([curve.left, curve.right])
        self._scale = max(0.1, float(np.abs(both).max(initial=0.0)))
        for values, colour in ((curve.left, LEFT), (curve.right, RIGHT)):
            if len(values) > 1:
                rows = middle - np.asarray(values, np.float64) / self._scale * (middle - 8)
                columns = [self._column(step) for step in range(len(values))]
                points = np.stack([columns, rows.round()], axis=1).astype(np.int32)
                cv2.polylines(self._strip, [points.reshape(-1, 1, 2)], False, colour, 1, cv2.LINE_AA)

    def _column(self, step: int) -> int:
        return round(10 + step / max(1, self._steps - 1) * (2 * PANEL_WIDTH - 20))

    def at(self, step: int) -> Picture:
        strip = self._strip.copy()
        cv2.line(strip, (self._column(step), 2), (self._column(step), CURVE_HEIGHT - 3), INK, 1)
        values = [
            f"{side[min(step, len(side) - 1)]:+.2f}" if len(side) else "-"
            for side in (self._curve.left, self._curve.right)
        ]
        for text, column, colour in (
            (f"{self._curve.name} {values[0]}", 12, LEFT),
            (values[1], 212, RIGHT),
        ):
            cv2.putText(strip, text, (column, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, 1, cv2.LINE_AA)
        return strip
