"""Weather and the things that stand there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from envs.carla.errors import BadValue
from envs.carla.frames import Triple, flip
from envs.carla.server.calls import Shape, call
from envs.carla.server.protocol import values
from envs.render.labels import Label
from scenarios.weather import FIELDS, Weather

if TYPE_CHECKING:
    from envs.carla.server.server import Server
    from envs.carla.server.transport.rpc import RpcConnection
    from envs.carla.server.world.simulation import Simulation

_ANY = 255
"""CityObjectLabel.Any."""
_STEP = 0.25
_LONGEST = 10_000.0

# The order on the wire, which is not that of the constructor.
_WIRE = (
    "cloudiness", "precipitation", "precipitation_deposits", "wind_intensity", "sun_azimuth_angle",
    "sun_altitude_angle", "fog_density", "fog_distance", "fog_falloff", "wetness", "scattering_intensity",
    "mie_scattering_scale", "rayleigh_scattering_scale", "dust_storm",
)  # fmt: skip
_HIGHEST = {
    **dict.fromkeys(FIELDS, 1.0e9),
    **dict.fromkeys(
        ("cloudiness", "precipitation", "precipitation_deposits", "wind_intensity", "fog_density", "wetness",
         "dust_storm"), 100.0,
    ),
    "sun_altitude_angle": 90.0,
}  # fmt: skip


def read_weather(value: Any) -> Weather:
    """WeatherParameters; what is out of range is brought to its end, as CARLA does."""
    # The wire has 32 bits: the shortest number that gives the same ones is what the client meant.
    given = {name: float(str(np.float32(n))) for name, n in zip(_WIRE, values.floats(14)(value), strict=True)}
    bounded = {
        name: max(-90.0 if name == "sun_altitude_angle" else -1.0, min(_HIGHEST[name], number))
        for name, number in given.items()
        if name != "sun_azimuth_angle"
    }
    azimuth = given["sun_azimuth_angle"]
    bounded["sun_azimuth_angle"] = azimuth if azimuth == -1.0 else azimuth % 360.0
    try:
        return Weather(**{name: number if number == -1.0 else _low(name, number) for name, number in bounded.items()})
    except ValueError as error:
        raise BadValue("weather parameters out of range") from error


def _low(name: str, number: float) -> float:
    return number if name == "sun_altitude_angle" else max(0.0, number)


@call("get_weather_parameters")
def get_weather_parameters(server: Server, client: RpcConnection) -> list[float]:
    """The 14 numbers."""
    return [float(getattr(server.world.weather, name)) for name in _WIRE]


@call("set_weather_parameters", [read_weather], Shape.VOID)
def set_weather_parameters(server: Server, client: RpcConnection, weather: Weather) -> None:
    """Another weather, seen by the colour cameras from the next frame on."""
    server.world.weather = weather


@call("get_imui_gravity")
def get_imui_gravity(server: Server, client: RpcConnection) -> float:
    """m/s^2 that IMUs feel."""
    return server.world.gravity


@call("set_imui_gravity", [values.number], Shape.VOID)
def set_imui_gravity(server: Server, client: RpcConnection, gravity: float) -> None:
    """Likewise."""
    server.world.gravity = gravity


@call("get_environment_objects", [values.integer])
def get_environment_objects(server: Server, client: RpcConnection, label: int) -> list[Any]:
    """None: the land's trees and houses are drawn, but are no objects that can be switched."""
    return []


@call("enable_environment_objects", [values.array_of(values.integer), values.boolean], Shape.VOID)
def enable_environment_objects(server: Server, client: RpcConnection, which: list[int], on: bool) -> None:
    """Accepted: there are none."""


@call("get_all_level_BBs", [values.integer])
def get_all_level_bbs(server: Server, client: RpcConnection, label: int) -> list[Any]:
    """World boxes of the actors with this tag; trees and houses have none."""
    found = []
    for actor in (*server.world.bodies, *server.world.lights.lights):
        if label in (_ANY, int(actor.blueprint.label)):
            centre = actor.place.pose().to_world(actor.box.centre).tolist()
            rotation = actor.wire_transform()[1]
            found.append([list(flip(centre)), list(actor.box.extent), rotation, actor.identity])
    return found


@call("get_names_of_all_objects")
def get_names_of_all_objects(server: Server, client: RpcConnection) -> list[str]:
    """None, see `get_environment_objects`."""
    return []


def _fall(world: Simulation, start: Triple, direction: Triple, distance: float) -> Triple | None:
    """Where a ray goes through the ground, to a centimetre; None when it does not."""
    ground = world.map.ground

    def above(far: float) -> float:
        x, y, z = (s + far * d for s, d in zip(start, direction, strict=True))
        return z - ground.under(x, y, z).z

    if above(0.0) < 0.0:
        return None
    near, steps = 0.0, max(1, min(4000, math.ceil(distance / _STEP)))
    for number in range(1, steps + 1):
        far = distance * number / steps
        if above(far) <= 0.0:
            for _ in range(12):
                middle = 0.5 * (near + far)
                near, far = (middle, far) if above(middle) > 0.0 else (near, middle)
            x, y, z = (s + far * d for s, d in zip(start, direction, strict=True))
            return x, y, z
        near = far
    return None


def _label(world: Simulation, point: Triple) -> int:
    return int(Label.ROADS if world.map.ground.under(*point).on_road else Label.TERRAIN)


@call("project_point", [values.location, values.vector, values.number])
def project_point(
    server: Server, client: RpcConnection, start: Triple, direction: Triple, distance: float
) -> list[Any]:
    """Where a ray meets the ground; actors and scenery are not looked at."""
    length = math.sqrt(sum(part * part for part in direction))
    if length > 0.0 and distance > 0.0:
        unit = (direction[0] / length, direction[1] / length, direction[2] / length)
        point = _fall(server.world, start, unit, min(distance, _LONGEST))
        if point is not None:
            return [True, [list(flip(point)), _label(server.world, point)]]
    return [False, [[0.0, 0.0, 0.0], 0]]


@call("cast_ray", [values.location, values.location])
def cast_ray(server: Server, client: RpcConnection, start: Triple, end: Triple) -> list[Any]:
    """The point where the way from the one to the other meets the ground, if it does."""
    distance = math.dist(start, end)
    if distance < 1e-6:
        return []
    unit = tuple((e - s) / distance for s, e in zip(start, end, strict=True))
    point = _fall(server.world, start, (unit[0], unit[1], unit[2]), min(distance, _LONGEST))
    return [] if point is None else [[list(flip(point)), _label(server.world, point)]]
