"""Videos of episodes: camera, chase view, map, and two curves under them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from launch.tasks.task import VideoCurve
from liquid_pilot.analysis.trace import EpisodeTrace
from liquid_pilot.files import whole_file

Picture = npt.NDArray[np.uint8]

STRIP_HEIGHT = 120
PAPER, INK, SOFT = (250, 250, 248), (40, 48, 56), (150, 158, 166)
STEERING_COLOUR, ERROR_COLOUR = (47, 111, 143), (200, 85, 61)
CRF = 27
"""x264's quality: 27 keeps a minute of driving below 3 MB, small enough to be embedded in the report."""


class VideoSink(Protocol):
    """Takes one RGB picture after the other."""

    def __call__(self, picture: Picture) -> None:
        """Add one uint8 (H, W, 3) RGB picture."""


@contextmanager
def video_file(path: Path, fps: int) -> Iterator[VideoSink]:
    """Write an H.264 ``.mp4`` whole or not at all; the pictures are RGB and of one size (cropped to even)."""
    import av

    with (
        whole_file(path) as temporary,
        av.open(str(temporary), "w", format="mp4", options={"movflags": "faststart"}) as box,
    ):
        stream: Any = None

        def add(picture: Picture) -> None:
            nonlocal stream
            even = picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]
            if stream is None:
                stream = box.add_stream("libx264", rate=fps, options={"crf": str(CRF), "preset": "veryfast"})
                stream.height, stream.width = even.shape[:2]
                stream.pix_fmt = "yuv420p"
                # One thread: the caller's worker processes already keep the cores busy.
                stream.thread_count = 1
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
            box.mux(stream.encode(frame))

        yield add
        if stream is not None:
            box.mux(stream.encode(None))


class CurveStrip:
    """Two numbers of an episode (a car's steering and cross-track error) as a strip; `at` marks the present moment.

    The curves are drawn once: only the cursor moves.
    """

    def __init__(self, trace: EpisodeTrace, curves: tuple[VideoCurve, VideoCurve], width: int) -> None:
        self._time = trace["time"]
        self._curves, self._values = curves, [trace[curve.column] for curve in curves]
        self._strip = np.full((STRIP_HEIGHT, width, 3), PAPER, np.uint8)
        self._left, self._right = 12, width - 12
        half = STRIP_HEIGHT // 2
        for values, curve, top, bottom, colour in zip(
            self._values, curves, (4, half), (half, STRIP_HEIGHT - 4), (STEERING_COLOUR, ERROR_COLOUR), strict=True
        ):
            self._draw_curve(values, max(curve.least, float(np.abs(values).max())), top, bottom, colour)

    def _column(self, time: float) -> int:
        share = time / max(float(self._time[-1]), 1e-9)
        return round(self._left + share * (self._right - self._left))

    def _draw_curve(
        self, values: npt.NDArray[np.float64], scale: float, top: int, bottom: int, colour: tuple[int, int, int]
    ) -> None:
        middle, reach = (top + bottom) / 2, (bottom - top) / 2 - 4
        cv2.line(self._strip, (self._left, int(middle)), (self._right, int(middle)), SOFT, 1)
        rows = middle - np.clip(values / scale, -1, 1) * reach
        columns = [self._column(float(t)) for t in self._time]
        points = np.stack([columns, rows.round().astype(int)], axis=1).astype(np.int32)
        cv2.polylines(self._strip, [points.reshape(-1, 1, 2)], False, colour, 1, cv2.LINE_AA)

    def at(self, step: int) -> Picture:
        """The strip with its cursor at control step ``step`` and the values there, uint8 (120, width, 3)."""
        strip = self._strip.copy()
        column = self._column(float(self._time[step]))
        cv2.line(strip, (column, 2), (column, STRIP_HEIGHT - 3), INK, 1)
        half = STRIP_HEIGHT // 2
        for curve, values, row, colour in zip(
            self._curves, self._values, (16, half + 14), (STEERING_COLOUR, ERROR_COLOUR), strict=True
        ):
            text = f"{curve.name} {values[step]:+.2f}"
            cv2.putText(strip, text, (self._left + 2, row), cv2.FONT_HERSHEY_SIMPLEX, 0.42, PAPER, 3, cv2.LINE_AA)
            cv2.putText(strip, text, (self._left + 2, row), cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, 1, cv2.LINE_AA)
        return strip


def film_episode(
    env: Any,
    seed: int,
    trace: EpisodeTrace,
    curves: tuple[VideoCurve, VideoCurve],
    path: Path,
    *,
    every: int = 2,
    most_s: float | None = None,
) -> None:
    """Drive an episode again by its recorded actions and film it.

    The embedded world gives the same bits for the same seed and actions, so filming need not slow the evaluation down.

    Args:
        env: an environment of the episode's scenario with ``render_mode="rgb_array"``.
        seed: the episode's seed.
        trace: the episode.
        curves: of the trace, drawn under the pictures.
        path: the ``.mp4`` to write.
        every: one picture for every so many control steps.
        most_s: stop after so many seconds of the episode; None for all of it.
    """
    env.reset(seed=seed)
    strip: CurveStrip | None = None
    control_hz = 1.0 / float(np.median(np.diff(trace["time"], prepend=0.0)))
    steps = len(trace) if most_s is None else min(len(trace), int(most_s * control_hz))
    with video_file(path, fps=round(control_hz / every)) as add:
        for step in range(steps):
            env.step(trace.actions[step])
            if step % every and step != steps - 1:
                continue
            picture = env.render()
            if strip is None:
                strip = CurveStrip(trace, curves, picture.shape[1])
            add(np.vstack([picture, strip.at(step)]))
