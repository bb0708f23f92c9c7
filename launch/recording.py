"""How a recording disturbs the driver, so that the drives show how to come back, not only how to stay.

An expert that keeps the lane perfectly never shows what to do beside it; a network that learnt from such drives alone
fails (0.25 success against 0.85 in a trial). Two remedies: episodes begin at random poses, and short smooth
pulses are added to the action that moves the car, while the label stays what the expert wanted. Speed is disturbed as
well: an expert that always has its target speed shows no acceleration to learn from.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from launch.errors import RecordingError
from liquid_pilot.randomness import generator

if TYPE_CHECKING:
    from envs.driving.world import Way

CONTROL_PERIOD = 0.05
"""s between two frames."""
STEP_M = 2.0
"""Distance between the places where a segment may begin, m."""
HERE_M = 8.0
"""How much road ahead says how tightly the lane turns here, m."""
FASTEST = 20.0
"""No disturbed segment is faster than this on average, m/s; it decides how much road a segment needs."""


@dataclass(frozen=True)
class Recording:
    """What is recorded and how it is disturbed.

    ``segments`` are many short stretches that begin at random poses anywhere on the road: best to learn from, because
    every road and every situation is seen. ``drives`` are whole episodes as the scenario describes them.
    """

    mode: Literal["segments", "drives"] = "segments"
    frames: int = 16
    """Frames of a segment. Neighbouring frames are nearly one picture: at the same number of frames, 16 instead of 64
    brought the error of acceleration on unseen roads from 130 to 70 % of the labels' variance (one training each, not
    on the same roads)."""
    lateral_m: float = 1.2
    """Segments begin up to this far left or right of the lane centre, m..."""
    lateral_share: float = 0.7
    """...but not farther than this share of half the lane width."""
    heading_rad: float = 0.12
    """Segments begin turned by up to this from the lane's direction, rad..."""
    heading_slip_m: float = 0.0
    """...and by what the lane turns in so many metres: who turns in that much too early or too late. With 1.5, in a
    corner of 8 m, that is 0.19 rad, and a network that never saw it lost every such corner; on roads without corners it
    only spreads a small recording thinner."""
    heading_most_rad: float = 0.35
    """...but never by more than this, rad."""
    speed_low: float = 0.6
    """Segments begin with this..."""
    speed_high: float = 1.2
    """...to this times the speed that suits the place."""
    uniform_share: float = 0.2
    """Share of the segments that begin anywhere; the others in proportion to the curvature ahead."""
    curvature_ahead_m: float = 40.0
    """How much road ahead counts for that, m."""
    crossing_curvature: float = 0.03
    """A crossing counts as a curve of this curvature, 1/m: straight as it is, only its far side shows the way."""
    off_lane: float = 2.0
    """Replaces the scenario's limit in segments: the way back from beyond the lane's edge is worth seeing."""
    steering_pulse: float = 0.12
    """Greatest pulse on the steering action; 0 for none."""
    steering_pulse_gain: float = 0.0
    """The pulse is multiplied by 1 + this x |label|: errors of a network grow with what it has to steer."""
    acceleration_pulse: float = 0.8
    """Greatest pulse on the acceleration action; 0 for none."""
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


def segment_start(recording: Recording, way: Way, seed: int) -> dict[str, float]:
    """The start of a segment as ``reset(options={"start": ...})`` takes it; the same for the same seed.

    Raises RecordingError when the route is too short for one segment.
    """
    from envs.driving.start import target_speed

    room = recording.frames * CONTROL_PERIOD * FASTEST
    length = way.route.length if way.length is None else min(way.length, way.route.length)
    last = way.route.length - room
    if length <= room:
        raise RecordingError(
            f"the route is {length:.0f} m long, a segment of {recording.frames} frames needs {room:.0f} m; "
            "record fewer frames a segment, or whole drives (--mode drives)"
        )
    rng = generator(seed, "segment-start")
    share, place, within, lateral, heading, speed = rng.uniform(size=6).tolist()
    places = np.arange(0.0, last, STEP_M)
    if share < recording.uniform_share:
        weights = np.ones(len(places))
    else:
        weights = curvature_ahead(way, places, recording.curvature_ahead_m) + 1e-9
        for begin, end in way.crossings:
            inside = np.minimum(places + recording.curvature_ahead_m, end) - np.maximum(places, begin)
            weights += recording.crossing_curvature * np.maximum(inside, 0.0) / recording.curvature_ahead_m
    cumulative = np.cumsum(weights) / weights.sum()
    index = min(int(np.searchsorted(cumulative, place, side="right")), len(places) - 1)
    position = min(float(places[index]) + within * STEP_M, last)
    half_width = float(np.interp(position, way.route.s, way.route.half_width))
    farthest = min(recording.lateral_m, recording.lateral_share * half_width)
    turn = float(curvature_ahead(way, np.array([position]), HERE_M)[0]) * recording.heading_slip_m
    turned = min(recording.heading_rad + turn, recording.heading_most_rad)
    factor = recording.speed_low + speed * (recording.speed_high - recording.speed_low)
    return {
        "position_m": position,
        "lateral_m": (2.0 * lateral - 1.0) * farthest,
        "heading_rad": (2.0 * heading - 1.0) * turned,
        "speed": factor * target_speed(way.route, position),
    }


def curvature_ahead(way: Way, places: npt.NDArray[np.float64], distance: float) -> npt.NDArray[np.float64]:
    """Mean absolute curvature (1/m) of the next ``distance`` metres at each of the ``places`` (m along the route)."""
    s = way.route.s
    turned = np.concatenate([[0.0], np.cumsum(0.5 * (np.abs(way.route.curvature[1:]) + np.abs(way.route.curvature[:-1]))
                                              * np.diff(s))])  # fmt: skip
    mean: npt.NDArray[np.float64] = (np.interp(places + distance, s, turned) - np.interp(places, s, turned)) / distance
    return mean


class Pulses:
    """Smooth disturbances of the applied action: half sine waves of random height, sign and length, with pauses.

    Steering and acceleration have generators of their own; the same seed gives the same pulses whatever happens.
    """

    def __init__(self, recording: Recording, seed: int) -> None:
        heights = (recording.steering_pulse, recording.acceleration_pulse)
        self._recording = recording
        self._generators = [generator(seed, "pulses", axis) for axis in range(len(heights))]
        self._heights = heights
        self._begin = [0.0, 0.0]
        self._length = [0.0, 0.0]
        self._height = [0.0, 0.0]
        for axis in range(len(heights)):
            # The first pause is cut at random, so that frame 0 is no special time.
            self._next(axis, 0.0, cut=float(self._generators[axis].uniform()))

    def _next(self, axis: int, time: float, cut: float = 1.0) -> None:
        rng, recording = self._generators[axis], self._recording
        self._begin[axis] = time + cut * float(rng.uniform(*recording.pause_s))
        self._length[axis] = float(rng.uniform(*recording.pulse_s))
        self._height[axis] = float(rng.uniform(-1.0, 1.0)) * self._heights[axis]

    def at(self, time: float) -> npt.NDArray[np.float64]:
        """(2,) what is added to steering and acceleration at this time (s); call it with increasing times."""
        added = np.zeros(2)
        for axis in range(2):
            while time >= self._begin[axis] + self._length[axis]:
                self._next(axis, self._begin[axis] + self._length[axis])
            since = time - self._begin[axis]
            if since > 0.0:
                added[axis] = self._height[axis] * math.sin(math.pi * since / self._length[axis])
        return added


def disturbed(
    label: npt.NDArray[Any], pulse: npt.NDArray[np.float64], steering_gain: float = 0.0
) -> npt.NDArray[np.float32]:
    """(A,) the action that is applied, within [-1, 1]: label and pulse, that of the steering times
    ``1 + steering_gain |label|``."""
    gain = np.array([1.0 + steering_gain * abs(float(label[0])), *[1.0] * (len(label) - 1)])
    applied: npt.NDArray[np.float32] = np.clip(label + pulse * gain, -1.0, 1.0).astype(np.float32)
    return applied
