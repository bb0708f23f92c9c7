"""``liquid_pilot/FlyToTarget-v0``: fly a quadrotor to a target, by camera.

Observation (dict):
    ``image`` uint8 (height, width, 3) RGB of the camera in the nose, ``velocity`` float32 (3,) m/s ahead, left, up
    along the body's axes, ``yaw_rate`` float32 (1,) rad/s + left, ``elapsed`` float32 (1,) s between the moments at
    which this picture and the previous one were taken (0.05; the scenario's faults may delay or drop pictures; 0.05 at
    reset too).
    ``observation_mode="state"`` leaves the image (and the renderer) out and adds ``state`` float32 (20,), see `STATE`.
Action:
    float32 (4,) in [-1, 1]: velocity ahead and left (3 m/s at 1), up (1.5 m/s), yaw rate to the left (2 rad/s), in the
    level frame that turns with the drone's heading. Beyond [-1, 1] it is clipped and counted in ``info``.
Reward:
    what the step gains in closeness to the target's success radius / what 3 m/s gains, plus `HOLD_REWARD` times the
    gain in the share of the time to be held there (so that leaving costs what coming gave), plus `SUCCESS_REWARD` at
    success, `FAILURE_REWARD` for an episode that ends by a failure.
Info:
    the truth, see `FlyToTargetEnv.step`; the same keys at every step.

Physics run at 240 Hz, control at 20 Hz. Everything random comes from the seed of ``reset``: same seed, scenario and
actions, same observations to the bit.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, SupportsFloat

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

import scenarios
from envs.actions import clipped, read_action
from envs.drone.course import Course, ResetOptions, draw_course
from envs.drone.flight import Flight
from envs.drone.mission import FAILURES, HEADINGS, REACH, Mission
from envs.drone.parameters import CONTROL_PERIOD
from envs.drone.world import WORLDS, DroneWorld
from envs.errors import BadObservationMode, ResetNeeded
from envs.senses import Senses
from scenarios.flight import FASTEST, FlightScenario

if TYPE_CHECKING:
    from envs.drone.picture import FlightPicture
    from envs.render.pose import Pose
    from envs.render.renderer import Frame
    from scenarios.schema import CameraSpec

_ROWS = np.arange(2, len(HEADINGS), 3)
STATE = (
    "target_ahead", "target_left", "target_up", "distance", "nearness", "velocity_ahead", "velocity_left",
    "velocity_up", "yaw_rate", "height", "held",
    *(f"free_{round(math.degrees(angle)):+d}" for angle in HEADINGS[_ROWS].tolist()),
)  # fmt: skip
"""Elements of the ``state`` observation, all of the order of 1: unit vector to the target in the level frame of the
heading; its distance / 30 m, and min(distance, 5 m) / 5 m; velocity in that frame / 3 m/s; yaw rate / 2 rad/s; height /
5 m; share of the time to be held that has passed; free way in directions so many degrees to the left / 6 m."""
_STATE_LIMIT = np.full(len(STATE), 10.0, dtype=np.float32)

HOLD_REWARD = 10.0
SUCCESS_REWARD = 20.0
FAILURE_REWARD = -20.0

Observation = dict[str, npt.NDArray[Any]]
ObservationMode = Literal["camera", "state"]


class FlyToTargetEnv(gymnasium.Env[dict[str, Any], npt.NDArray[np.float32]]):
    """Fly to a scenario's target, slow down there and stay for a moment.

    Args:
        scenario: a `FlightScenario`, a catalogue name or a YAML file.
        render_mode: ``rgb_array`` (`render` gives the camera, a view from behind and the map in one picture), or None.
        observation_mode: ``camera``, or ``state`` for numbers only.

    Attributes:
        scenario: the scenario.
        render_seconds: time spent in the renderer so far, s.
        effect_seconds: time spent on weather and faults so far, s.
    """

    action_names: tuple[str, ...] = ("vx", "vy", "vz", "yaw_rate")
    metadata = {"render_modes": ["rgb_array"], "render_fps": round(1.0 / CONTROL_PERIOD)}  # noqa: RUF012

    def __init__(
        self,
        scenario: str | FlightScenario = "fly-heldout-meadow",
        render_mode: str | None = None,
        observation_mode: ObservationMode = "camera",
    ) -> None:
        if observation_mode not in ("camera", "state"):
            raise BadObservationMode(f"observation_mode {observation_mode!r}: use 'camera' or 'state'")
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise BadObservationMode(f"render_mode {render_mode!r}: use 'rgb_array' or None")
        self.scenario = scenarios.load_flight(scenario)
        self.render_mode = render_mode
        self.render_seconds = 0.0
        self.effect_seconds = 0.0
        self._sees = observation_mode == "camera"
        self.observation_space = _observation_space(self.scenario, self._sees)
        self.action_space = spaces.Box(-1.0, 1.0, (4,), np.float32)
        self._world: DroneWorld | None = None
        self._flight: Flight | None = None
        self._mission: Mission | None = None
        self._senses: Senses | None = None
        self._picture: FlightPicture | None = None
        self._clipped = 0
        self._applied: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
        self._seed = 0

    # Gymnasium's four methods

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin an episode.

        Args:
            seed: decides the world of a family, start, target and gusts; None draws one from the previous.
            options: ``{"start": {x, y, z, heading_rad, speed, speed_left, speed_up}, "target": {x, y, z},
                "duration_s": seconds}``, all of it optional; it replaces the scenario's draw and its time limit.

        Returns:
            The observation, and info as in `step` plus ``scenario``, ``road`` (the world's name), ``seed`` and
            ``route_length`` (distance to the target, m).

        Raises:
            BadResetOption, ScenarioError.
        """
        super().reset(seed=seed)
        wanted = ResetOptions.parse(options)
        episode_seed = int(self.np_random.integers(2**31)) if seed is None else int(seed)
        world = self._enter(episode_seed)
        if self._sees:
            world.open_renderer()  # here, so that `render_seconds` counts drawing alone
        scenario = self.scenario.for_episode(episode_seed)
        course = self._course(episode_seed, world)
        frames = max(1, round((wanted.duration or scenario.limits.time_limit_s) / CONTROL_PERIOD))
        if self._flight is None:
            self._flight = Flight()
        self._mission = mission = Mission(scenario, world, self._flight, wanted.applied(course), frames, episode_seed)
        self._seed = episode_seed
        self._senses = Senses(scenario, world, episode_seed, self.draw, CONTROL_PERIOD)
        self._picture = None
        self._clipped = 0
        self._applied = (0.0, 0.0, 0.0, 0.0)
        info = self._info(mission)
        info |= {"scenario": self.scenario.name, "road": world.name, "seed": episode_seed}
        info["route_length"] = mission.distance
        return self._observe(mission), info

    def step(self, action: npt.NDArray[np.float32]) -> tuple[Observation, SupportsFloat, bool, bool, dict[str, Any]]:
        """Fly for 0.05 s.

        Info, plain Python numbers: ``time`` (s), ``frame``, ``x``, ``y``, ``z`` (m), ``heading``, ``tilt`` (rad),
        ``speed`` (m/s), ``velocity_ahead``, ``velocity_left``, ``velocity_up`` (m/s, level frame), ``yaw_rate``
        (rad/s), ``wind_x``, ``wind_y``, ``wind_z`` (m/s), ``target_x``, ``target_y``, ``target_z`` (m), ``distance``
        (m), ``bearing`` (rad from the nose, + left), ``elevation`` (rad, + up), ``visible`` (in the picture and not
        behind something), ``clearance`` (m to the nearest obstacle or the ground, at least: see `envs.drone.hulls`),
        ``route_position`` (m nearer than at the start), ``route_completion`` (0..1), ``held`` (s), ``overridden``
        (nobody listens to the action that is given next: see `scenarios.flight.TurnedAway`), ``collision``,
        ``hit`` ("", ground, tree, building or target), ``clipped_actions`` (actions beyond [-1, 1] so far), ``end``
        ("", success, collision, left_world, lost or time_limit), ``success``; ``free_-36``, ``free_-18``, ``free_+0``,
        ``free_+18``, ``free_+36`` (m that the way is free around so many degrees left of the nose, at most 6); and
        ``free_ahead`` float64 (29,): the same in each of the directions `envs.drone.mission.HEADINGS`.

        Raises:
            NonFiniteAction, BadAction, ResetNeeded.
        """
        mission = self._mission
        if mission is None or mission.over:
            raise ResetNeeded("step() before reset() or after the end of the episode: call reset() first")
        self._applied = self._checked(action)
        ahead, left, climb, yaw = self._applied
        # The faults of actuators take the component that steers for the first one: here the yaw rate.
        yaw, ahead, left, climb = self.senses.action(mission.moment, (yaw, ahead, left, climb))
        held, before = mission.held, _beyond(mission)
        mission.advance((ahead, left, climb, yaw))
        hold = max(CONTROL_PERIOD, mission.scenario.success.hold_s)
        reward = (before - _beyond(mission)) / (FASTEST * CONTROL_PERIOD)
        reward += HOLD_REWARD * (mission.held - held) / hold
        if mission.end == "success":
            reward += SUCCESS_REWARD
        elif mission.end in FAILURES:
            reward += FAILURE_REWARD
        truncated = mission.end == "time_limit"
        return self._observe(mission), reward, mission.over and not truncated, truncated, self._info(mission)

    def render(self) -> npt.NDArray[np.uint8] | None:
        """One picture: the camera, a view from behind, the map with the flown path; uint8 (H, W, 3).

        None without a render mode or an episode.
        """
        if self.render_mode is None or self._mission is None:
            return None
        from envs.drone.picture import FlightPicture

        if self._picture is None:
            self._picture = FlightPicture(self._mission)
        return self._picture.compose(self.camera_image())

    def close(self) -> None:
        """Leave the world and give PyBullet's memory back; `reset` may be called again."""
        self._mission = None
        self._picture = None
        if self._world is not None:
            WORLDS.give_back(self._world, self)
            self._world = None
        if self._flight is not None:
            self._flight.close()
            self._flight = None

    # What recorders, pictures and tests want to know

    def plan(self, seed: int) -> tuple[Course, DroneWorld]:
        """Start and target that `reset` draws with this seed, and the world around them; ends the present episode.

        Raises ScenarioError.
        """
        self._mission = None
        self._picture = None
        world = self._enter(seed)
        return self._course(seed, world), world

    @property
    def mission(self) -> Mission:
        """The present episode. Raises ResetNeeded when there is none."""
        if self._mission is None:
            raise ResetNeeded("there is no episode: call reset() first")
        return self._mission

    @property
    def senses(self) -> Senses:
        """The sensors and actuators of the present episode. Raises ResetNeeded when there is none."""
        if self._senses is None:
            raise ResetNeeded("there is no episode: call reset() first")
        return self._senses

    @property
    def applied(self) -> tuple[float, ...]:
        """The last action after clipping: ahead, left, up, yaw rate."""
        return self._applied

    def senses_under(self, scenario: FlightScenario) -> Senses:
        """What the present episode's sensors would deliver under another scenario's camera, weather and faults."""
        return Senses(scenario, self.mission.world, self._seed, self.draw, CONTROL_PERIOD)

    def observe_with(self, senses: Senses) -> Observation:
        """The present moment as other sensors deliver it (`senses_under`), with its ``image`` in every mode."""
        mission = self.mission
        image, elapsed = senses.look(mission.moment, mission.flight.pose, mission.flight.velocity)
        return {**self._measured(mission, senses), "image": image, "elapsed": np.array((elapsed,), dtype=np.float32)}

    def draw(self, spec: CameraSpec, eye: Pose, more: frozenset[str]) -> Frame:
        """The clear picture of a camera at ``eye``, with the channels in ``more`` besides rgb."""
        return self.mission.world.frame(spec, eye, more, self.mission.shown)

    def camera_image(self) -> npt.NDArray[np.uint8]:
        """What the camera delivers now, under the scenario's weather and faults: uint8 (height, width, 3)."""
        return self._look(self.mission)[0]

    # Parts of reset and step

    def _course(self, seed: int, world: DroneWorld) -> Course:
        scenario = self.scenario.for_episode(seed)
        return draw_course(scenario, world.cylinders, world.spec.line, self.scenario.course_seed(seed))

    def _look(self, mission: Mission) -> tuple[npt.NDArray[np.uint8], float]:
        senses = self.senses
        drawn, altered = senses.render_seconds, senses.effect_seconds
        seen = senses.look(mission.moment, mission.flight.pose, mission.flight.velocity)
        self.render_seconds += senses.render_seconds - drawn
        self.effect_seconds += senses.effect_seconds - altered
        return seen

    def _enter(self, seed: int) -> DroneWorld:
        left = self._world
        self._world = WORLDS.take(self.scenario, seed, self)
        if left is not None and left is not self._world:
            WORLDS.give_back(left, self)
        return self._world

    def _checked(self, action: npt.NDArray[np.float32]) -> tuple[float, float, float, float]:
        ahead, left, climb, yaw = read_action(action, self.action_names, self.mission.frame * CONTROL_PERIOD)
        checked = clipped(ahead), clipped(left), clipped(climb), clipped(yaw)
        if checked != (ahead, left, climb, yaw):
            self._clipped += 1
        return checked

    def _info(self, mission: Mission) -> dict[str, Any]:
        info = mission.truth()
        info["clipped_actions"] = self._clipped
        return info

    def _measured(self, mission: Mission, senses: Senses) -> Observation:
        """Velocity and yaw rate as these sensors measure them."""
        flight = mission.flight
        velocity = senses.velocity(mission.moment, flight.body_velocity).tolist()
        return {
            "velocity": np.array([clipped(part, _FAST) for part in velocity], dtype=np.float32),
            "yaw_rate": np.array((clipped(flight.yaw_rate, _FAST),), dtype=np.float32),
        }

    def _observe(self, mission: Mission) -> Observation:
        observation = self._measured(mission, self.senses)
        observation["elapsed"] = np.array((CONTROL_PERIOD,), dtype=np.float32)
        if self._sees:
            observation["image"], elapsed = self._look(mission)
            observation["elapsed"][0] = elapsed
        else:
            observation["state"] = _state(mission)
        return observation


_FAST = 100.0
"""m/s, and rad/s: bounds of what is measured."""


def _beyond(mission: Mission) -> float:
    """Metres from the drone to where it would have arrived."""
    return max(0.0, mission.distance - mission.scenario.success.radius_m)


def _state(mission: Mission) -> npt.NDArray[np.float32]:
    flight, distance = mission.flight, mission.distance
    body, (x, y, z) = flight.body, mission.target
    cosine, sine = math.cos(flight.heading), math.sin(flight.heading)
    dx, dy, dz = x - body.x, y - body.y, z - body.z
    size = max(distance, 1e-6)
    hold = max(CONTROL_PERIOD, mission.scenario.success.hold_s)
    state = np.array(
        (
            (cosine * dx + sine * dy) / size,
            (cosine * dy - sine * dx) / size,
            dz / size,
            distance / 30.0,
            min(distance, 5.0) / 5.0,
            (cosine * body.vx + sine * body.vy) / FASTEST,
            (cosine * body.vy - sine * body.vx) / FASTEST,
            body.vz / FASTEST,
            flight.yaw_rate / 2.0,
            body.z / 5.0,
            mission.held / hold,
            *(mission.free_ahead[_ROWS] / REACH).tolist(),
        ),
        dtype=np.float32,
    )
    np.minimum(state, _STATE_LIMIT, out=state)
    return np.maximum(state, -_STATE_LIMIT, out=state)


def _observation_space(scenario: FlightScenario, sees: bool) -> spaces.Dict:
    camera = scenario.camera
    parts: dict[str, spaces.Space[Any]] = {
        "velocity": spaces.Box(-_FAST, _FAST, (3,), np.float32),
        "yaw_rate": spaces.Box(-_FAST, _FAST, (1,), np.float32),
        "elapsed": spaces.Box(0.0, 3600.0, (1,), np.float32),
    }
    if sees:
        parts["image"] = spaces.Box(0, 255, (camera.height, camera.width, 3), np.uint8)
    else:
        parts["state"] = spaces.Box(-_STATE_LIMIT, _STATE_LIMIT, dtype=np.float32)
    return spaces.Dict(parts)
