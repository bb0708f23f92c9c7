"""Vehicles: controls, physics, lights, telemetry."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from envs.carla.errors import Refused
from envs.carla.server.calls import Shape, call
from envs.carla.server.protocol import values
from envs.carla.server.world import physics
from envs.carla.server.world.vehicle import Ackermann, Control, Vehicle
from envs.driving.vehicle import GRAVITY

if TYPE_CHECKING:
    from envs.carla.server.server import Server
    from envs.carla.server.transport.rpc import RpcConnection

_WHEELS = 4


def read_control(value: Any) -> Control:
    """A VehicleControl, clipped to what it may be."""
    throttle, steer, brake, hand, reverse, manual, gear = values.array(value, 7)
    return Control(
        max(0.0, min(1.0, values.number(throttle))),
        max(-1.0, min(1.0, values.number(steer))),
        max(0.0, min(1.0, values.number(brake))),
        values.boolean(hand),
        values.boolean(reverse),
        values.boolean(manual),
        max(-1, min(9, values.integer(gear))),
    )


def read_ackermann(value: Any) -> Ackermann:
    """A VehicleAckermannControl."""
    return Ackermann(*(values.number(field) for field in values.array(value, 5)))


def read_lights(value: Any) -> int:
    """A VehicleLightState: ``[flags]``, or in a batch the flags alone."""
    return values.identity(values.array(value, 1)[0] if isinstance(value, list) else value)


@call("apply_control_to_vehicle", [values.identity, read_control], Shape.VOID)
def apply_control_to_vehicle(server: Server, client: RpcConnection, identity: int, control: Control) -> None:
    """Pedals and steering, kept until the next."""
    vehicle = server.world.vehicle(identity)
    vehicle.control, vehicle.ackermann = control, None


@call("apply_ackermann_control_to_vehicle", [values.identity, read_ackermann], Shape.VOID)
def apply_ackermann_control_to_vehicle(
    server: Server, client: RpcConnection, identity: int, control: Ackermann
) -> None:
    """Speed and angle of the wheels, kept until the next."""
    server.world.vehicle(identity).ackermann = control


@call("get_ackermann_controller_settings", [values.identity])
def get_ackermann_controller_settings(server: Server, client: RpcConnection, identity: int) -> list[float]:
    """As they were set; see `Vehicle._drive` for what they do here: nothing."""
    return server.world.vehicle(identity).ackermann_settings


@call("apply_ackermann_controller_settings", [values.identity, values.floats(6)], Shape.VOID)
def apply_ackermann_controller_settings(
    server: Server, client: RpcConnection, identity: int, settings: list[float]
) -> None:
    """Kept, to be read again."""
    server.world.vehicle(identity).ackermann_settings = settings


@call("get_physics_control", [values.identity])
def get_physics_control(server: Server, client: RpcConnection, identity: int) -> list[Any]:
    """As it was set, with the wheels' places of this moment (world, cm, as CARLA gives them)."""
    vehicle = server.world.vehicle(identity)
    control = list(vehicle.physics_control)
    wheels = [list(wheel) for wheel in control[15]]
    for number, wheel in enumerate(wheels[:_WHEELS]):
        wheel[9] = _wheel_place(vehicle, number)
    control[15] = wheels
    return control


def _wheel_place(vehicle: Vehicle, number: int) -> list[float]:
    p = vehicle.motion.car.parameters
    along = p.to_front if number < physics.FRONT else -p.to_rear
    across = 0.42 * p.width * (1.0 if number % 2 == 0 else -1.0)
    x, y, z = vehicle.place.pose().to_world((along, across, physics.wheel_radius(vehicle.blueprint))).tolist()
    return [100.0 * x, -100.0 * y, 100.0 * z]


@call("apply_physics_control", [values.identity, physics.read_control], Shape.VOID)
def apply_physics_control(server: Server, client: RpcConnection, identity: int, control: list[Any]) -> None:
    """Mass, drag, tyres, steering and brakes take effect; the rest is kept to be read again."""
    server.world.vehicle(identity).set_physics_control(control)


@call("get_telemetry_data", [values.identity])
def get_telemetry_data(server: Server, client: RpcConnection, identity: int) -> list[Any]:
    """What the model knows of engine and wheels."""
    vehicle = server.world.vehicle(identity)
    motion, p = vehicle.motion, vehicle.motion.car.parameters
    control, radius = vehicle.control, physics.wheel_radius(vehicle.blueprint)
    omega = motion.speed / radius
    lateral = motion.car.lateral_acceleration * p.mass / _WHEELS
    longitudinal = motion.car.acceleration * p.mass / _WHEELS
    load = p.mass * GRAVITY / _WHEELS
    slip = math.atan2(motion.car.lateral_velocity, max(abs(motion.speed), 0.1))
    wheel = [
        p.friction, slip, 0.0, omega, load, 1.0, longitudinal * radius, longitudinal, lateral,
        longitudinal / p.mass, lateral / p.mass,
    ]  # fmt: skip
    gear = -1 if control.reverse else 1 if motion.speed > 0.1 else 0
    rpm = 800.0 + abs(omega) * 60.0 / (2.0 * math.pi) * 4.0
    drag = p.resistance(abs(motion.speed)) * p.mass
    return [motion.speed, control.steer, control.throttle, control.brake, rpm, gear, drag, [list(wheel)] * _WHEELS]


@call("get_wheel_steer_angle", [values.identity, values.integer])
def get_wheel_steer_angle(server: Server, client: RpcConnection, identity: int, wheel: int) -> float:
    """Degrees, positive to the right; 0 for rear wheels."""
    vehicle = server.world.vehicle(identity)
    if not 0 <= wheel < _WHEELS:
        raise Refused(f"get_wheel_steer_angle: wheel {wheel} is none of 0 to 3")
    return -math.degrees(vehicle.motion.car.steering_angle) if wheel < physics.FRONT else 0.0


@call("get_vehicle_light_state", [values.identity])
def get_vehicle_light_state(server: Server, client: RpcConnection, identity: int) -> list[int]:
    """The flags that were set."""
    return [server.world.vehicle(identity).lights]


@call("set_vehicle_light_state", [values.identity, read_lights], Shape.VOID)
def set_vehicle_light_state(server: Server, client: RpcConnection, identity: int, flags: int) -> None:
    """Kept to be read again; the renderer does not show them."""
    server.world.vehicle(identity).lights = flags


@call("get_vehicle_light_states")
def get_vehicle_light_states(server: Server, client: RpcConnection) -> list[list[int]]:
    """Flags of all vehicles."""
    return [[vehicle.identity, vehicle.lights] for vehicle in server.world.vehicles]


@call("set_actor_autopilot", [values.identity, values.boolean], Shape.VOID)
def set_actor_autopilot(server: Server, client: RpcConnection, identity: int, on: bool) -> None:
    """Nothing: the autopilot is the client's Traffic Manager."""
    server.world.vehicle(identity)


@call("open_vehicle_door", [values.identity, values.integer], Shape.VOID)
def open_vehicle_door(server: Server, client: RpcConnection, identity: int, door: int) -> None:
    """Accepted; vehicles here have no doors."""
    server.world.vehicle(identity)


@call("close_vehicle_door", [values.identity, values.integer], Shape.VOID)
def close_vehicle_door(server: Server, client: RpcConnection, identity: int, door: int) -> None:
    """Likewise."""
    server.world.vehicle(identity)


@call("show_vehicle_debug_telemetry", [values.identity, values.boolean], Shape.VOID)
def show_vehicle_debug_telemetry(server: Server, client: RpcConnection, identity: int, on: bool) -> None:
    """Accepted; there is no window to show it in."""
    server.world.vehicle(identity)
