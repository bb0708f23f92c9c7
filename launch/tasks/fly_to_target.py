"""The task of the drone: fly to the target, past what stands in the way, and stay there."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from launch.errors import RecordingError
from launch.recording import Recording
from launch.tasks.task import Task, VideoCurve
from liquid_pilot.imitation import ActionRecipe, Augmentation, LiquidStage, PerceptionStage, TrainConfig
from liquid_pilot.nn.config import Measurement, PilotConfig
from liquid_pilot.randomness import generator
from scenarios.flight import FlightScenario

if TYPE_CHECKING:
    from envs.drone.env import FlyToTargetEnv
    from envs.lockstep import World

SECTORS = ("free_-36", "free_-18", "free_+0", "free_+18", "free_+36")
"""Privileged truths about obstacles (``envs.drone.mission.SECTORS``; that would load the simulator here)."""
SPEED_MOST = 2.6
"""Greatest speed at the beginning of a segment, m/s."""
ASIDE_MOST, CLIMB_MOST = 1.0, 1.0
"""To the left or right, and up or down, in the segments that begin at any velocity, m/s."""
TRIES = 200
"""Places that are drawn for the beginning of a segment before it begins where the scenario says."""
MEASUREMENTS = (
    Measurement(observation="velocity", index=0, ranges=((0.0, 1.25), (1.25, 1.25))),
    Measurement(observation="velocity", index=1, ranges=((-0.75, 0.75), (0.0, 0.75))),
    Measurement(observation="velocity", index=2, ranges=((-0.6, 0.6), (0.0, 0.6))),
    Measurement(observation="yaw_rate", ranges=((-1.0, 1.0), (0.0, 1.0))),
)
"""Each coded in two ranges that meet at what is usual: a synapse is blind outside of about 0 to 1."""
MEASURED_OFFSET = (0.5, 0.3, 0.5, 0.4)
"""Of these in training, m/s and rad/s. Without it the demo's network wanted half to three quarters of its own rate of
climb, whatever it saw, and sank into the ground: 38 of 60 flights with the same drives, with it 48 (seed 0)."""


@dataclass(frozen=True)
class FlightRecording(Recording):
    """How the drone is disturbed, and from where segments begin."""

    near_share: float = 0.2
    """Share of the segments that begin 1.2 to 4.5 m from the target: braking by its size in the picture is learned
    last, and without them pilots flew into it."""
    search_share: float = 0.15
    """Share that begin with the target out of view."""
    height_m: tuple[float, float] = (0.4, 1.2)
    """Segments begin up to so much above or below the target, one half of them within the first, the other within the
    second. As often above as below: from uneven heights a network learned to descend, and flew into the ground."""
    aside_m: float = 1.8
    """Where obstacles stand on the line of flight, segments begin up to this far beside that line..."""
    clearance_m: float = 0.5
    """...and everywhere so far from everything."""
    speed_noise: float = 0.4
    """Standard deviation of the speed at the beginning around the expert's, m/s."""
    any_velocity_share: float = 0.35
    """Share that begin at any velocity instead. Otherwise the velocity tells what the expert wants, and a network that
    reads its own goes on as it does: once it stood it stood (10 of 60 flights, from an excellent copy), and with any
    speed ahead but none up or down a sinking drone wanted three quarters of its own rate of descent.
    """
    pulse: float = 0.35
    """Greatest pulse on each of the four commands; 0 for none."""

    @property
    def pulses(self) -> tuple[float, ...]:
        """Of the four commands."""
        return (self.pulse,) * 4


class FlyToTarget(Task):
    """A quadrotor and its target; ``liquid_pilot/FlyToTarget-v0``."""

    kind = "flight"
    actions = ("vx", "vy", "vz", "yaw_rate")
    heldout = "fly-heldout"
    title = "How well it flies to its target"
    check_scenario = "fly-validation-meadow"
    error = "distance_final_m"
    curves = (VideoCurve("turn", "yaw_rate_action", 0.2), VideoCurve("distance, m", "distance", 1.0))

    def make(self, scenario: Any, *, pictures: bool = True, film: bool = False) -> World:
        """`FlyToTargetEnv`."""
        from envs.drone.env import FlyToTargetEnv

        mode: Literal["camera", "state"] = "camera" if pictures else "state"
        return FlyToTargetEnv(scenario, render_mode="rgb_array" if film else None, observation_mode=mode)

    def recording(self, mode: Literal["segments", "drives"] = "segments") -> FlightRecording:
        """Segments from disturbed poses, by default."""
        return FlightRecording(mode=mode)

    def world_digest(self, scenario: FlightScenario, seed: int) -> str:
        """Of what the scenario says of its world: land and obstacles are drawn from that alone."""
        told = scenario.for_episode(seed).to_dict()
        parts = {name: told.get(name) for name in ("world", "target", "obstacles")}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()

    def check(self, scenario: FlightScenario, recording: Recording, seed: int) -> None:
        """Plant the world and draw the course."""
        _of_a_drone(recording)
        from envs.drone.env import FlyToTargetEnv

        env = FlyToTargetEnv(scenario, observation_mode="state")
        try:
            env.plan(seed)
        finally:
            env.close()

    def in_segments(self, scenario: FlightScenario, recording: Recording) -> FlightScenario:
        """The scenario itself: nothing of a flight ends because it begins far off."""
        del recording
        return scenario

    def segment_start(self, recording: Recording, env: FlyToTargetEnv, seed: int) -> Mapping[str, float]:
        """See the function of this name."""
        return segment_start(_of_a_drone(recording), env, seed)

    def recipe(self, controller: str, seed: int) -> TrainConfig:
        """Reads velocity and yaw rate, answers with velocity commands; the head learns to find the target first."""
        network = PilotConfig.build(
            controller=controller,
            seed=seed,
            measurements=MEASUREMENTS,
            actions=self.actions,
            target_scale=(1.5, 3.0, 2.0, 1.5),
        )
        return TrainConfig(
            network=network,
            seed=seed,
            actions={
                "vx": ActionRecipe(typical=10.0),  # forward is usual, and no reason to look more often
                "vy": ActionRecipe(typical=0.1, mirrored=True),
                "vz": ActionRecipe(typical=0.25),
                "yaw_rate": ActionRecipe(typical=0.35, mirrored=True),
            },
            truth=("bearing", "elevation", "distance", "visible", "z", *SECTORS),
            # With 4e-3 one head of two was dead after 200 steps (features that are 0 for every picture).
            stages=(PerceptionStage(epochs=2.5, learning_rate=2.5e-3), LiquidStage()),
            augmentation=Augmentation(measured_offset=MEASURED_OFFSET),
        )

    def shortened(self, scenario: FlightScenario, length_m: float) -> FlightScenario:
        """The scenario itself: a flight is short."""
        del length_m
        return scenario


def segment_start(recording: FlightRecording, env: FlyToTargetEnv, seed: int) -> dict[str, float]:
    """The start of a segment as ``reset(options={"start": ...})`` takes it; the same for the same seed.

    Somewhere around the target, within the world, clear of everything, in sight of the target unless obstacles belong
    there. Empty (as the scenario says) where it turns the drone away on its flight: that takes its whole course.
    """
    from policies.pilot import PilotParameters

    scenario = env.scenario
    if scenario.turned_away is not None:
        return {}
    course, world = env.plan(seed)
    rng, pilot = generator(seed, "segment-start"), PilotParameters()
    paces, drawn = generator(seed, "segment-start/speed"), dict[str, float]()
    if paces.random() < recording.any_velocity_share:
        drawn["speed"] = float(paces.uniform(0.0, SPEED_MOST))
        drawn["speed_left"] = float(paces.uniform(-ASIDE_MOST, ASIDE_MOST))
        drawn["speed_up"] = float(paces.uniform(-CLIMB_MOST, CLIMB_MOST))
    sort = float(rng.random())
    near, search = sort < recording.near_share, sort > 1.0 - recording.search_share
    obstacles = scenario.obstacles.count > 0
    x0, y0 = course.target_x, course.target_y
    line = math.atan2(course.y - y0, course.x - x0)
    farthest = scenario.target.distance_m[1]
    spread = recording.height_m[int(rng.integers(2))]
    lowest, eye = 0.4, np.array((x0, y0, course.target_z))
    for _ in range(TRIES):
        away = float(rng.uniform(1.2, 4.5) if near else rng.uniform(3.0, farthest))
        around = line if obstacles else float(rng.uniform(-math.pi, math.pi))
        aside = float(rng.uniform(-recording.aside_m, recording.aside_m)) if obstacles else 0.0
        x = x0 + away * math.cos(around) - aside * math.sin(around)
        y = y0 + away * math.sin(around) + aside * math.cos(around)
        z = max(lowest, course.target_z + float(rng.uniform(-spread, spread)))
        bearing = float(
            rng.uniform(pilot.view, math.pi) * rng.choice((-1.0, 1.0)) if search else rng.uniform(-0.7, 0.7)
        )
        speed = pilot.speed(math.hypot(away, aside), bearing) + recording.speed_noise * float(rng.standard_normal())
        if math.hypot(x, y) > scenario.world.radius_m or world.cylinders.clearance(x, y, z) < recording.clearance_m:
            continue
        if not obstacles and world.cylinders.blocks(np.array((x, y, z)), eye, 0.3):
            continue
        heading = math.remainder(math.atan2(y0 - y, x0 - x) - bearing, 2.0 * math.pi)
        usual = {"x": x, "y": y, "z": z, "heading_rad": heading, "speed": min(SPEED_MOST, max(0.0, speed))}
        return usual | drawn
    return {}


def _of_a_drone(recording: Recording) -> FlightRecording:
    if not isinstance(recording, FlightRecording):
        raise RecordingError(f"a flight is recorded with a FlightRecording, not a {type(recording).__name__}")
    return recording
