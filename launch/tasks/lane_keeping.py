"""The task of the car: keep the lane, at the speed that the road wants."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from launch.errors import RecordingError
from launch.recording import CONTROL_PERIOD, Recording
from launch.tasks.task import Task, VideoCurve
from liquid_pilot.imitation import TrainConfig
from liquid_pilot.nn.config import PilotConfig
from liquid_pilot.randomness import generator
from scenarios.schema import Scenario

if TYPE_CHECKING:
    from envs.driving.env import LaneKeepingEnv
    from envs.driving.world import Way
    from envs.lockstep import World

STEP_M = 2.0
"""Distance between the places where a segment may begin, m."""
HERE_M = 8.0
"""How much road ahead says how tightly the lane turns here, m."""
FASTEST = 20.0
"""No disturbed segment is faster than this on average, m/s; it decides how much road a segment needs."""
ANY_SPEED = (1.0, 13.0)
"""Slowest and fastest start of a segment that begins at any speed, m/s..."""
GRIP = 6.5
"""...and its greatest lateral acceleration on the first `HERE_M` of the lane, m/s^2."""


@dataclass(frozen=True)
class DrivingRecording(Recording):
    """How the car is disturbed. Speed is disturbed as well: an expert that always has its target speed shows no
    acceleration to learn from."""

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
    any_speed_share: float = 0.0
    """Share of the segments that begin at any speed that the tyres hold there, whatever suits the place. Without them
    the speed itself tells what the expert wants, and a network reads it there instead of in the picture: in corners it
    asked for a third of the expert's braking when it was too fast."""
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

    @property
    def pulses(self) -> tuple[float, ...]:
        """Of steering and acceleration."""
        return self.steering_pulse, self.acceleration_pulse

    def gains(self, label: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        """That of the steering grows with what is steered."""
        return np.array([1.0 + self.steering_pulse_gain * abs(float(label[0])), 1.0])


class LaneKeeping(Task):
    """A car in a lane; ``liquid_pilot/LaneKeeping-v0``."""

    kind = "driving"
    actions = ("steering", "acceleration")
    heldout = "heldout"
    title = "How well it keeps its lane"
    check_scenario = "validation-mixed"
    error = "cte_rms_m"
    curves = (
        VideoCurve("steering", "steering", 0.1),
        VideoCurve("off centre, m", "cross_track_error", 0.5),
    )

    def make(self, scenario: Any, *, pictures: bool = True, film: bool = False) -> World:
        """`LaneKeepingEnv`."""
        from envs.driving.env import LaneKeepingEnv

        mode: Literal["camera", "state"] = "camera" if pictures else "state"
        return LaneKeepingEnv(scenario, render_mode="rgb_array" if film else None, observation_mode=mode)

    def recording(self, mode: Literal["segments", "drives"] = "segments") -> DrivingRecording:
        """Segments from disturbed poses, by default."""
        return DrivingRecording(mode=mode)

    def world_digest(self, scenario: Scenario, seed: int) -> str:
        """Of the road's OpenDRIVE text."""
        return hashlib.sha256(scenario.map_text(seed)[1].encode()).hexdigest()

    def check(self, scenario: Scenario, recording: Recording, seed: int) -> None:
        """Load the road and plan the route."""
        from envs.driving.world import DrivingWorld

        resolved = scenario.for_episode(seed)
        world = DrivingWorld(*resolved.map_text(seed), resolved.surroundings.theme, resolved.surroundings.seed)
        way = world.way(resolved.route, resolved.start.position == "random")
        if recording.mode == "segments":
            segment_start(_of_a_car(recording), way, seed)

    def in_segments(self, scenario: Scenario, recording: Recording) -> Scenario:
        """With the recording's limit on leaving the lane: the way back from beyond its edge is worth seeing."""
        limits = scenario.limits.model_copy(update={"off_lane": _of_a_car(recording).off_lane})
        return scenario.model_copy(update={"limits": limits})

    def segment_start(self, recording: Recording, env: LaneKeepingEnv, seed: int) -> Mapping[str, float]:
        """See the function of this name."""
        return segment_start(_of_a_car(recording), env.plan(seed), seed)

    def recipe(self, controller: str, seed: int) -> TrainConfig:
        """The head, then the controller; reads the speed, answers with steering and acceleration."""
        return TrainConfig(network=PilotConfig.build(controller=controller, seed=seed), seed=seed)

    def shortened(self, scenario: Scenario, length_m: float) -> Scenario:
        """A shorter route."""
        return scenario.model_copy(update={"route": scenario.route.model_copy(update={"length_m": length_m})})


def _of_a_car(recording: Recording) -> DrivingRecording:
    if not isinstance(recording, DrivingRecording):
        raise RecordingError(f"a drive on a road is recorded with a DrivingRecording, not a {type(recording).__name__}")
    return recording


def segment_start(recording: DrivingRecording, way: Way, seed: int) -> dict[str, float]:
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
    pace = factor * target_speed(way.route, position)
    # A stream of its own: without such segments the others stay what they were.
    other, anything = generator(seed, "segment-speed").uniform(size=2).tolist()
    if other < recording.any_speed_share:
        low, high = ANY_SPEED
        bends = np.abs(way.route.ahead(position, np.arange(0.0, HERE_M, 1.0))[2])
        held = min(high, math.sqrt(GRIP / max(float(bends.max()), 1e-6)))
        pace = low + anything * (held - low)
    return {
        "position_m": position,
        "lateral_m": (2.0 * lateral - 1.0) * farthest,
        "heading_rad": (2.0 * heading - 1.0) * turned,
        "speed": pace,
    }


def curvature_ahead(way: Way, places: npt.NDArray[np.float64], distance: float) -> npt.NDArray[np.float64]:
    """Mean absolute curvature (1/m) of the next ``distance`` metres at each of the ``places`` (m along the route)."""
    s = way.route.s
    turned = np.concatenate([[0.0], np.cumsum(0.5 * (np.abs(way.route.curvature[1:]) + np.abs(way.route.curvature[:-1]))
                                              * np.diff(s))])  # fmt: skip
    mean: npt.NDArray[np.float64] = (np.interp(places + distance, s, turned) - np.interp(places, s, turned)) / distance
    return mean
