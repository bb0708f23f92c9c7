"""``gymnasium.make("liquid_pilot/LaneKeeping-v0", scenario=..., backend="carla")``: the same task in CARLA.

Observation, action, reward, info and why an episode ends are those of `LaneKeepingEnv`, by the same code. What CARLA
does: the car, the pictures and their weather, collisions and crossed lane marks. Faults are our own, on the pictures
that arrive. Without ``town`` the scenario's own road is sent to the server; with it the scenario's route, weather,
faults and limits count on that map.
"""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsFloat

import numpy as np
import numpy.typing as npt

from envs.carla.client.car import CarlaCar
from envs.carla.client.sensors import Camera
from envs.carla.client.session import Address, Session
from envs.carla.client.stage import CarlaRide, CarlaStage, with_surroundings
from envs.carla.client.traffic import drive_others
from envs.carla.client.waypoints import plan_way
from envs.driving.env import LaneKeepingEnv, Observation, ObservationMode
from envs.driving.picture import BEHIND, CHASE_FOV, CHASE_SIZE
from envs.driving.ride import CONTROL_PERIOD, Ride
from envs.driving.senses import Senses, moment_of
from envs.driving.world import DrivingWorld, Way
from envs.errors import BadBackend, ResetNeeded
from envs.moment import Moment
from envs.render.renderer import Frame
from scenarios.errors import MapError
from scenarios.schema import CameraSpec, RouteSpec, Scenario

if TYPE_CHECKING:
    from envs.driving.stage import Stage
    from envs.driving.start import Start
    from envs.render.pose import Pose
    from envs.senses import Draw
    from scenarios.weather import Weather

TIMEOUT = 20.0
"""s that a server may take for an answer or a picture."""


class CarlaSenses(Senses):
    """The sensors of a car whose pictures arrive with the weather in them."""

    def __init__(self, scenario: Scenario, world: Stage, seed: int, draw: Draw) -> None:
        super().__init__(scenario.with_conditions("clear"), world, seed, draw)
        self._plan = scenario.weather

    def weather_at(self, moment: Moment) -> Weather:
        """What CARLA is told."""
        return self._plan.constant or self._plan.at(*moment[1:])

    def weather(self, ride: Ride) -> Weather:
        """The weather of this moment."""
        return self.weather_at(moment_of(ride))


class CarlaLaneKeepingEnv(LaneKeepingEnv):
    """Keep the lane of a scenario's route, in CARLA.

    Args:
        scenario, render_mode, observation_mode: as for `LaneKeepingEnv`.
        host, port: of the server: CARLA 0.9.16, or ``liquid-pilot serve``.
        town: one of the server's maps, or an OpenDRIVE file of this machine, instead of the scenario's road.
        timeout: s that the server may take for an answer or a picture.
        vehicle: blueprint of the car; None: the embedded world's where the server has it, else CARLA's Lincoln.
        traffic: so many cars of the Traffic Manager besides.

    Everything is given back by `close`, at the end of Python and on SIGTERM: settings, actors, Traffic Manager. After a
    `ServerLost` the next `reset` connects anew.

    Raises, from `reset`: WheelMissing, ServerUnreachable, VersionMismatch, ServerBusy, ServerRefused, NoRoute and what
    `LaneKeepingEnv` raises; from `reset` and `step`: ServerLost, SensorSilent.
    """

    def __init__(
        self,
        scenario: str | Scenario = "heldout-country",
        render_mode: str | None = None,
        observation_mode: ObservationMode = "camera",
        host: str = "127.0.0.1",
        port: int = 2000,
        town: str | None = None,
        timeout: float = TIMEOUT,
        vehicle: str | None = None,
        traffic: int = 0,
    ) -> None:
        super().__init__(scenario, render_mode, observation_mode)
        if not timeout > 0.0:
            raise BadBackend(f"timeout must be above 0 s, got {timeout}")
        self.address, self.town = Address(host, port), town
        self._timeout, self._vehicle, self._traffic = timeout, vehicle, traffic
        self._session: Session | None = None
        self._car: CarlaCar | None = None
        self._camera: Camera | None = None
        self._behind: Camera | None = None
        self._weather: Weather | None = None
        self._roads: tuple[Any, Any, dict[tuple[RouteSpec, bool], Way]] | None = None

    @property
    def server(self) -> str:
        """Version and kind of the server that drives, for results. Raises as `reset`."""
        return self._connected().server

    def step(self, action: npt.NDArray[np.float32]) -> tuple[Observation, SupportsFloat, bool, bool, dict[str, Any]]:
        """As `LaneKeepingEnv.step`; raises ServerLost and SensorSilent besides."""
        ride, car = self._ride, self._car
        if ride is None or car is None or ride.over:
            return super().step(action)
        waited = car.waiting
        self._before_tick(_following(ride))
        answer = super().step(action)
        self.render_seconds += car.waiting - waited
        return answer

    def draw(self, spec: CameraSpec, eye: Pose, more: frozenset[str]) -> Frame:  # noqa: ARG002
        """The picture that has arrived."""
        if self._camera is None:
            raise ResetNeeded("there is no episode with a camera: call reset() first")
        return Frame(self._camera.image, None, None)

    # What this backend does in its own way

    def _enter(self, seed: int) -> tuple[Stage, Way]:
        if self.town is None:
            stage, way = super()._enter(seed)
            land = self._world
            assert land is not None
            return CarlaStage(stage.name, lambda: land, self._view), way
        return self._enter_town(seed, self.town)

    def _enter_town(self, seed: int, town: str) -> tuple[Stage, Way]:
        session = self._connected()
        look = self.scenario.for_episode(seed).surroundings
        if town.endswith(".xodr"):
            session.load_text(town, with_surroundings(_read(town), look))
        else:
            session.load_town(town)
        name = Path(town).stem
        if self._roads is None or self._roads[0] != session.world.id:
            with session.speaking("get_map"):
                self._roads = session.world.id, session.world.get_map(), {}
        _, road, ways = self._roads
        spec, anywhere = self.scenario.route, self.scenario.start.position == "random"
        if (spec, anywhere) not in ways:
            ways[spec, anywhere] = plan_way(road, name, spec, anywhere)
        stage = CarlaStage(name, lambda: DrivingWorld(name, road.to_opendrive(), "town", 0), self._view)
        return stage, ways[spec, anywhere]

    def _depart(self, world: Stage, way: Way, start: Start, frames: int) -> Ride:
        self._ride = None
        session = self._connected()
        session.check()
        if self.town is None:
            resolved = self.scenario.for_episode(self._seed)
            name, text = resolved.map_text(self._seed)
            session.load_text(name, with_surroundings(text, resolved.surroundings))
        session.clear()
        self._weather = self._camera = self._behind = None
        car = self._car = CarlaCar(session, self._vehicle)
        ride = CarlaRide(world, way, start, self.scenario.limits.off_lane, frames, car)
        car.begin(ride.height)
        if self._traffic:
            drive_others(session, self._traffic, self._seed, car)
        first = moment_of(ride)
        if self._sees:
            self._camera = car.add_camera(self.scenario.camera, self.senses.mount(first))
        if self.render_mode is not None:
            width, height = CHASE_SIZE
            behind = self.scenario.camera.model_copy(update={"width": width, "height": height, "fov_deg": CHASE_FOV})
            self._behind = car.add_camera(behind, BEHIND)
        self._before_tick(first)
        waited = car.waiting
        car.tick()
        self.render_seconds += car.waiting - waited
        car.roll()
        return ride

    def _sense(self, scenario: Scenario, world: Stage) -> Senses:
        return CarlaSenses(scenario, world, self._seed, self.draw)

    def _leave(self) -> None:
        session, self._session = self._session, None
        self._car = self._camera = self._behind = self._roads = None
        if session is not None:
            session.close()
        super()._leave()

    def _connected(self) -> Session:
        if self._session is not None and self._session.lost:
            # The wheel's old client never connects again.
            self._leave()
        if self._session is None:
            drawing = self._sees or self.render_mode is not None
            session = self._session = Session(self.address, self._timeout, drawing)
            weakref.finalize(self, session.close)  # who forgets an environment must not leave the server frozen
        return self._session

    def _before_tick(self, moment: Moment) -> None:
        """Weather and camera of the frame that the next tick brings."""
        senses, session = self.senses, self._connected()
        assert isinstance(senses, CarlaSenses)
        weather = senses.weather_at(moment)
        with session.speaking("set_weather"):
            if weather != self._weather:
                self._weather = weather
                session.world.set_weather(session.carla.WeatherParameters(**weather.model_dump()))
            if self._camera is not None:
                self._camera.move(senses.mount(moment))

    def _view(self, width: int, height: int) -> npt.NDArray[np.uint8]:
        if self._behind is None:
            raise ResetNeeded("there is no camera behind the car: make the environment with a render_mode")
        del width, height
        return self._behind.image


def _following(ride: Ride) -> Moment:
    """The moment of the next frame, as far as it can be known before it."""
    frame, seconds, driven, share = moment_of(ride)
    ahead = ride.car.speed * CONTROL_PERIOD
    return Moment(
        frame + 1, seconds + CONTROL_PERIOD, driven + ahead, min(1.0, share + ahead / (ride.finish - ride.begin))
    )


def _read(town: str) -> str:
    try:
        return Path(town).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MapError(town, f"cannot be read as OpenDRIVE text ({type(error).__name__})") from error
