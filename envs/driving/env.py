"""``liquid_pilot/LaneKeeping-v0``: drive a lane, by camera.

Observation (dict):
    ``image`` uint8 (height, width, 3) RGB of the forward camera, ``speed`` float32 (1,) m/s, ``elapsed`` float32 (1,)
    s between the moments at which this picture and the previous one were taken (0.05; the scenario's faults may delay
    or drop pictures; 0.05 at reset too). Weather and faults are the scenario's. ``observation_mode="state"`` leaves the
    image (and the renderer) out and adds ``state`` float32 (11,), see `STATE`.
Action:
    float32 (2,) in [-1, 1]: steering as a fraction of the greatest wheel angle (0.5 rad, + left), and acceleration
    (+1 = 4 m/s^2 from the motor, -1 = 8 m/s^2 from the brakes).
Reward:
    progress along the route / what 12 m/s gives, less half the distance from the lane centre / half the lane width;
    -10 for an episode that ends by a failure.
Info:
    the truth, see `LaneKeepingEnv.step`; the same keys at every step.

Everything random comes from the seed of ``reset``: same seed, scenario and actions, same observations to the bit.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any, Literal, SupportsFloat

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

import scenarios
from envs.actions import clipped, read_action
from envs.driving.ride import CONTROL_PERIOD, FAILURES, Ride
from envs.driving.senses import Senses
from envs.driving.start import SPEED_MAX, ResetOptions, Start, draw_start
from envs.driving.world import WORLDS, DrivingWorld, Way
from envs.errors import BadObservationMode, ResetNeeded
from envs.render.pose import Pose
from scenarios.schema import CameraSpec, Scenario

if TYPE_CHECKING:
    from envs.driving.picture import RidePicture
    from envs.driving.stage import Stage
    from envs.render.renderer import Frame
    from envs.render.window import Window

STATE = (
    "cross_track_error", "heading_error", "speed", "yaw_rate", "steering_angle",
    "curvature_0", "curvature_10", "curvature_20", "curvature_30", "curvature_40", "curvature_50",
)  # fmt: skip
"""Elements of the ``state`` observation: m, rad, m/s, rad/s, rad, and 1/m so many metres ahead."""
_CURVATURE_ROWS = slice(0, 26, 5)
_STATE_LIMIT = np.array([100.0, math.pi, 200.0, 100.0, 1.0, *[10.0] * 6], dtype=np.float32)

FAILURE_REWARD = -10.0
"""Added to the reward of the step that fails."""

Observation = dict[str, npt.NDArray[Any]]
ObservationMode = Literal["camera", "state"]


class LaneKeepingEnv(gymnasium.Env[dict[str, Any], npt.NDArray[np.float32]]):
    """Keep the lane of a scenario's route.

    Args:
        scenario: a `Scenario`, a catalogue name or a YAML file.
        render_mode: ``rgb_array`` (`render` gives the camera, a chase view and the map in one picture), ``human`` (the
            same in a window, at every step), or None.
        observation_mode: ``camera``, or ``state`` for numbers only (ten times as fast).

    Attributes:
        scenario: the scenario.
        render_seconds: time spent in the renderer so far, s.
        effect_seconds: time spent on weather and faults so far, s.
    """

    action_names: tuple[str, ...] = ("steering", "acceleration")
    metadata = {  # noqa: RUF012
        "render_modes": ["rgb_array", "human"],
        "render_fps": round(1.0 / CONTROL_PERIOD),
    }

    def __init__(
        self,
        scenario: str | Scenario = "heldout-country",
        render_mode: str | None = None,
        observation_mode: ObservationMode = "camera",
    ) -> None:
        if observation_mode not in ("camera", "state"):
            raise BadObservationMode(f"observation_mode {observation_mode!r}: use 'camera' or 'state'")
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise BadObservationMode(f"render_mode {render_mode!r}: use 'rgb_array', 'human' or None")
        self.scenario = scenarios.load_drive(scenario)
        self.render_mode = render_mode
        self.render_seconds = 0.0
        self.effect_seconds = 0.0
        self._sees = observation_mode == "camera"
        self.observation_space = _observation_space(self.scenario, self._sees)
        self.action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
        self._world: DrivingWorld | None = None
        self._ride: Ride | None = None
        self._senses: Senses | None = None
        self._clipped = 0
        self._applied = (0.0, 0.0)
        self._seed = 0
        self._picture: RidePicture | None = None
        self._window: Window | None = None
        self._shown = 0.0

    # Gymnasium's four methods

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode.

        Args:
            seed: decides the road of a family and the start pose; None draws one from the previous.
            options: ``{"start": {position_m, lateral_m, heading_rad, speed}, "duration_s": seconds}``, all of it
                optional; it replaces the scenario's draw and its time limit. Position is metres along `route`.

        Returns:
            The observation, and info as in `step` plus ``scenario``, ``road`` (names), ``seed``, ``route_length``.

        Raises:
            BadResetOption, MapError, RouteError, ScenarioError.
        """
        super().reset(seed=seed)
        wanted = ResetOptions.parse(options)
        episode_seed = int(self.np_random.integers(2**31)) if seed is None else int(seed)
        world, way = self._enter(episode_seed)
        start = draw_start(self.scenario.start, way, episode_seed, wanted)
        length = way.finish(start.position) - start.position
        seconds = wanted.duration or self.scenario.limits.seconds(length)
        frames = max(1, round(seconds / CONTROL_PERIOD))
        self._seed = episode_seed
        self._senses = self._sense(self.scenario, world)
        self._ride = self._depart(world, way, start, frames)
        self._picture = None
        self._clipped = 0
        self._applied = (0.0, 0.0)
        info = self._info(self._ride)
        info |= {"scenario": self.scenario.name, "road": world.name, "seed": episode_seed, "route_length": length}
        observation = self._observe(self._ride)
        if self.render_mode == "human":
            self.render()
        return observation, info

    def step(self, action: npt.NDArray[np.float32]) -> tuple[Observation, SupportsFloat, bool, bool, dict[str, Any]]:
        """Drive for 0.05 s.

        Info, plain Python numbers: ``time`` (s), ``frame``, ``x``, ``y``, ``z`` (m), ``heading`` (rad), ``speed``,
        ``yaw_rate``, ``steering_angle``, ``acceleration`` and ``lateral_acceleration`` (m/s^2),
        ``cross_track_error`` (m, + left), ``heading_error`` (rad, + left), ``curvature`` (1/m; ``curvature_10`` ..
        ``curvature_50`` that many metres ahead), ``slope`` (rise per
        metre of lane), ``route_position`` (m since the start), ``route_completion`` (0..1), ``lane_half_width`` (m),
        ``lane_invasion`` (a wheel is over the lane's edge), ``off_lane``, ``collision``, ``clipped_actions`` (actions
        beyond [-1, 1] so far), ``end`` ("", completed, off_lane, collision, time_limit or wrong_way), ``success``; and
        ``path_ahead`` float64 (31, 4): distance ahead along the lane (0, 2 .. 60 m), x, y in the car's frame (m),
        curvature.

        Raises:
            NonFiniteAction, BadAction, ResetNeeded.
        """
        ride = self._ride
        if ride is None or ride.over:
            raise ResetNeeded("step() before reset() or after the end of the episode: call reset() first")
        steering, pedal = self._checked(action)
        self._applied = (steering, pedal)
        ride.car.grip = self.senses.grip(ride)
        progress = ride.advance(*self.senses.action(ride, steering, pedal))
        place = ride.place
        reward = progress / (SPEED_MAX * CONTROL_PERIOD) - 0.5 * min(1.0, abs(place.cross_track) / place.half_width)
        if ride.end in FAILURES:
            reward += FAILURE_REWARD
        observation = self._observe(ride)
        if self.render_mode == "human":
            self.render()
        truncated = ride.end == "time_limit"
        return observation, reward, ride.over and not truncated, truncated, self._info(ride)

    def render(self) -> npt.NDArray[np.uint8] | None:
        """One picture: the camera, a view from behind, the map with the route, and bars of speed, steering and error.

        ``rgb_array``: uint8 (H, W, 3), always of the same size. ``human``: shows it and gives None; WindowUnavailable
        when there is no window to be had. Without a render mode: None.
        """
        if self.render_mode is None or self._ride is None:
            return None
        from envs.driving.picture import RidePicture

        if self._picture is None:
            self._picture = RidePicture(self._ride)
        picture = self._picture.compose(self.camera_image(), self.car_pose(), self._applied)
        if self.render_mode == "rgb_array":
            return picture
        if self._window is None:
            from envs.render.window import Window

            self._window = Window("liquid-pilot", picture.shape[1], picture.shape[0])
        self._window.show(picture)
        # People want to see it as fast as it would be, no faster.
        due = self._shown + CONTROL_PERIOD
        time.sleep(max(0.0, min(CONTROL_PERIOD, due - time.perf_counter())))
        self._shown = time.perf_counter()
        return None

    def close(self) -> None:
        """Leave the world and close the window; `reset` may be called again."""
        self._ride = None
        self._picture = None
        self._leave()
        if self._window is not None:
            self._window.close()
            self._window = None

    # What recorders, pictures and tests want to know

    @property
    def ride(self) -> Ride:
        """The present episode. Raises ResetNeeded when there is none."""
        if self._ride is None:
            raise ResetNeeded("there is no episode: call reset() first")
        return self._ride

    @property
    def senses(self) -> Senses:
        """The sensors and actuators of the present episode. Raises ResetNeeded when there is none."""
        if self._senses is None:
            raise ResetNeeded("there is no episode: call reset() first")
        return self._senses

    @property
    def applied(self) -> tuple[float, float]:
        """The last action after clipping: steering, acceleration."""
        return self._applied

    def plan(self, seed: int) -> Way:
        """The way of the episode with this seed, without beginning it; ends the present one. Raises as `reset`."""
        self._ride = None
        self._picture = None
        return self._enter(seed)[1]

    def car_pose(self) -> Pose:
        """The car's reference point on the road, turned with the road's grade."""
        ride = self.ride
        error, slope = ride.heading_error, ride.place.slope
        pitch = math.atan(slope * math.cos(error))
        # The left side of a car that points to the left of an uphill road is on the lower side.
        roll = math.atan(-slope * math.sin(error) * math.cos(pitch))
        return Pose.from_angles(ride.car.x, ride.car.y, ride.height, ride.car.heading, pitch, roll)

    def senses_under(self, scenario: Scenario) -> Senses:
        """What the present episode's sensors would deliver under another scenario's camera, weather and faults."""
        return self._sense(scenario, self.ride.world)

    def observe_with(self, senses: Senses) -> Observation:
        """The present moment as other sensors deliver it (`senses_under`): ``image``, ``speed``, ``elapsed``."""
        image, elapsed = senses.look(self.ride, self.car_pose())
        speed = np.array((senses.speed(self.ride),), dtype=np.float32)
        return {"image": image, "speed": speed, "elapsed": np.array((elapsed,), dtype=np.float32)}

    def draw(self, spec: CameraSpec, eye: Pose, more: frozenset[str]) -> Frame:
        """The clear picture of a camera at ``eye``, with the channels in ``more`` besides rgb; a world of your own
        overrides it."""
        if self._world is None:
            raise ResetNeeded("there is no episode: call reset() first")
        return self._world.frame(spec, eye, more)

    def camera_image(self) -> npt.NDArray[np.uint8]:
        """What the forward camera delivers now, under the scenario's weather and faults: uint8 (height, width, 3)."""
        return self._look()[0]

    def _look(self) -> tuple[npt.NDArray[np.uint8], float]:
        senses = self.senses
        drawn, altered = senses.render_seconds, senses.effect_seconds
        seen = senses.look(self.ride, self.car_pose())
        self.render_seconds += senses.render_seconds - drawn
        self.effect_seconds += senses.effect_seconds - altered
        return seen

    # What another backend does in another way

    def _enter(self, seed: int) -> tuple[Stage, Way]:
        """The world of the episode with this seed, and its way."""
        left = self._world
        self._world = WORLDS.take(self.scenario, seed, self)
        if left is not None and left is not self._world:
            WORLDS.give_back(left, self)
        return self._world, self._world.way(self.scenario.route, self.scenario.start.position == "random")

    def _leave(self) -> None:
        """Give the world back."""
        if self._world is not None:
            WORLDS.give_back(self._world, self)
            self._world = None

    def _depart(self, world: Stage, way: Way, start: Start, frames: int) -> Ride:
        """Put the car on the road; what ``reset`` was asked for is checked by now."""
        if self._sees and self._world is not None:
            self._world.open_renderer()  # here, so that `render_seconds` counts drawing alone
        return Ride(world, way, start, self.scenario.limits.off_lane, frames)

    def _sense(self, scenario: Scenario, world: Stage) -> Senses:
        """The sensors and actuators of the episode that begins or is under way."""
        return Senses(scenario, world, self._seed, self.draw)

    # Parts of reset and step

    def _checked(self, action: npt.NDArray[np.float32]) -> tuple[float, float]:
        steering, pedal = read_action(action, self.action_names, self.ride.frame * CONTROL_PERIOD)
        if abs(steering) > 1.0 or abs(pedal) > 1.0:
            self._clipped += 1
        return clipped(steering), clipped(pedal)

    def _info(self, ride: Ride) -> dict[str, Any]:
        info = ride.truth()
        info["clipped_actions"] = self._clipped
        return info

    def _observe(self, ride: Ride) -> Observation:
        car = ride.car
        observation: Observation = {
            "speed": np.array((self.senses.speed(ride),), dtype=np.float32),
            "elapsed": np.array((CONTROL_PERIOD,), dtype=np.float32),
        }
        if self._sees:
            observation["image"], elapsed = self._look()
            observation["elapsed"][0] = elapsed
        else:
            state = np.empty(len(STATE), dtype=np.float32)
            state[:5] = ride.place.cross_track, ride.heading_error, car.speed, car.yaw_rate, car.steering_angle
            state[5:] = ride.path[_CURVATURE_ROWS, 3]
            observation["state"] = np.clip(state, -_STATE_LIMIT, _STATE_LIMIT, out=state)
        return observation


def _observation_space(scenario: Scenario, sees: bool) -> spaces.Dict:
    camera = scenario.camera
    parts: dict[str, spaces.Space[Any]] = {
        "speed": spaces.Box(0.0, 200.0, (1,), np.float32),
        "elapsed": spaces.Box(0.0, 3600.0, (1,), np.float32),
    }
    if sees:
        parts["image"] = spaces.Box(0, 255, (camera.height, camera.width, 3), np.uint8)
    else:
        parts["state"] = spaces.Box(-_STATE_LIMIT, _STATE_LIMIT, dtype=np.float32)
    return spaces.Dict(parts)
