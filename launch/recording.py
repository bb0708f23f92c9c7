"""What is recorded and how the driver is disturbed, so that the drives show how to come back, not only how to stay.

An expert that keeps the lane perfectly never shows what to do beside it; a network that learnt from such drives alone
fails (0.25 success against 0.85 in a trial). Two remedies: episodes begin at random poses, and short smooth
pulses are added to the action that moves the car or the drone, while the label stays what the expert wanted. What is
particular to one of them stands in `launch.tasks`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from launch.errors import RecordingError
from liquid_pilot.randomness import generator

CONTROL_PERIOD = 0.05
"""s between two frames."""


@dataclass(frozen=True)
class Recording:
    """What is recorded and how it is disturbed.

    ``segments`` are many short stretches that begin at random poses anywhere: best to learn from, because every
    situation is seen. ``drives`` are whole episodes as the scenario describes them.
    """

    mode: Literal["segments", "drives"] = "segments"
    frames: int = 16
    """Frames of a segment. Neighbouring frames are nearly one picture: at the same number of frames, 16 instead of 64
    brought the error of acceleration on unseen roads from 130 to 70 % of the labels' variance (one training each, not
    on the same roads)."""
    pulse_s: tuple[float, float] = (0.3, 1.2)
    """Shortest and longest pulse, s."""
    pause_s: tuple[float, float] = (0.2, 1.5)
    """Shortest and longest pause between pulses, s."""

    def __post_init__(self) -> None:
        if self.mode not in ("segments", "drives"):
            raise RecordingError(f"recording mode {self.mode!r} is not known; it is segments or drives")
        if self.frames < 2:
            raise RecordingError(f"a segment of {self.frames} frames is too short; at least 2 are needed")
        for name in ("pulse_s", "pause_s"):
            low, high = getattr(self, name)
            if not 0.0 < low <= high:
                raise RecordingError(f"{name} is {low} to {high} s; it must grow and begin above 0")

    @property
    def pulses(self) -> tuple[float, ...]:
        """Greatest pulse on each component of the action; 0 for none."""
        return ()

    def gains(self, label: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """(A,) by what the pulses are multiplied where this label was wanted."""
        return np.ones(len(label))

    def disturbed(self, label: npt.NDArray[Any], pulse: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        """(A,) the action that is applied, within [-1, 1]: the label and its pulse."""
        applied: npt.NDArray[np.float32] = np.clip(label + pulse * self.gains(label), -1.0, 1.0).astype(np.float32)
        return applied


class Pulses:
    """Smooth disturbances of the applied action: half sine waves of random height, sign and length, with pauses.

    Every component has a generator of its own; the same seed gives the same pulses whatever happens.
    """

    def __init__(self, recording: Recording, seed: int) -> None:
        self._heights = recording.pulses
        self._recording = recording
        axes = len(self._heights)
        self._generators = [generator(seed, "pulses", axis) for axis in range(axes)]
        self._begin, self._length, self._height = [0.0] * axes, [0.0] * axes, [0.0] * axes
        for axis in range(axes):
            # The first pause is cut at random, so that frame 0 is no special time.
            self._next(axis, 0.0, cut=float(self._generators[axis].uniform()))

    def _next(self, axis: int, time: float, cut: float = 1.0) -> None:
        rng, recording = self._generators[axis], self._recording
        self._begin[axis] = time + cut * float(rng.uniform(*recording.pause_s))
        self._length[axis] = float(rng.uniform(*recording.pulse_s))
        self._height[axis] = float(rng.uniform(-1.0, 1.0)) * self._heights[axis]

    def at(self, time: float) -> npt.NDArray[np.float64]:
        """(A,) what is added to the action at this time (s); call it with increasing times."""
        added = np.zeros(len(self._heights))
        for axis in range(len(added)):
            while time >= self._begin[axis] + self._length[axis]:
                self._next(axis, self._begin[axis] + self._length[axis])
            since = time - self._begin[axis]
            if since > 0.0:
                added[axis] = self._height[axis] * math.sin(math.pi * since / self._length[axis])
        return added
