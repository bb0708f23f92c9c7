"""From a blueprint to the parameters of our vehicle model, and CARLA's physics control to and from them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from envs.carla.server.protocol import values
from envs.carla.server.world.blueprints import OWN_CAR, Blueprint
from envs.driving.vehicle import GRAVITY, VehicleParameters
from envs.render.labels import Label

STEERING_MAX = 0.79
"""rad at full steer. CARLA's cars answer steering like single-track cars with about this angle (a kinematic model
fitted to them in "Learning to drive from a world on rails", Chen, Koltun, Krähenbühl, ICCV 2021, section 4)."""
_STEERING_RATE = 2.0
_RADIUS = {Label.BICYCLE: 0.34, Label.MOTORCYCLE: 0.31, Label.TRUCK: 0.5, Label.BUS: 0.5}
_POWER = {Label.TRUCK: 20.0, Label.BUS: 25.0, Label.BICYCLE: 5.0, Label.MOTORCYCLE: 150.0}
_MOTOR = {Label.TRUCK: 2.5, Label.BUS: 2.0, Label.BICYCLE: 1.5, Label.MOTORCYCLE: 5.0}
_WATT_PER_KG = 90.0
FRONT = 2
"""Wheels 0 and 1 are in front and steer."""

_WHEEL = values.floats(9)


def parameters(blueprint: Blueprint) -> VehicleParameters:
    """The model's parameters of a vehicle blueprint."""
    own = VehicleParameters()
    if blueprint.id == OWN_CAR:
        return own
    length, width, height = blueprint.size
    front, rear = 0.27 * length, 0.31 * length
    label = blueprint.label
    return replace(
        own,
        mass=blueprint.mass,
        yaw_inertia=blueprint.mass * front * rear,
        to_front=front,
        to_rear=rear,
        centre_height=min(0.4 * height, 0.35 * length),
        length=length,
        width=width,
        steering_max=STEERING_MAX,
        steering_rate=_STEERING_RATE,
        motor_acceleration=_MOTOR.get(label, own.motor_acceleration),
        motor_power=blueprint.mass * _POWER.get(label, _WATT_PER_KG),
        drag_area=0.3 * 0.85 * width * height,
    )


def frontal_area(blueprint: Blueprint) -> float:
    """m^2; CARLA speaks of a drag coefficient, the model of an area."""
    return 0.85 * blueprint.size[1] * blueprint.size[2]


def wheel_radius(blueprint: Blueprint) -> float:
    """m."""
    return _RADIUS.get(blueprint.label, 0.33)


def control_of(p: VehicleParameters, blueprint: Blueprint) -> list[Any]:
    """CARLA's VehiclePhysicsControl of a vehicle that nobody has changed; wheel positions are filled in when asked."""
    radius = 100.0 * wheel_radius(blueprint)
    count = 2 if blueprint.label in (Label.BICYCLE, Label.MOTORCYCLE) else 4
    torque = p.brake_acceleration * p.mass * radius / 100.0 / count
    wheels = []
    for number in range(4):
        front = number < FRONT
        wheels.append(
            [
                p.friction, 0.25, math.degrees(p.steering_max) if front else 0.0, radius, torque,
                0.0 if front else 2.0 * torque, p.cornering, p.cornering, 1000.0, [0.0, 0.0, 0.0],
            ]
        )  # fmt: skip
    motor = p.motor_acceleration * p.mass * radius / 100.0 / 10.0
    return [
        [[0.0, motor], [5500.0, motor]], 5500.0, 1.0, 0.15, 2.0, 0.35, True, 0.1, 10.0, 4.0,
        [[2.5, 0.5, 0.65]], p.mass, p.drag_area / frontal_area(blueprint),
        [0.0, 0.0, p.centre_height], [[0.0, 1.0], [120.0, 1.0]], wheels, False,
    ]  # fmt: skip


def read_control(value: Any) -> list[Any]:
    """A VehiclePhysicsControl from the wire, checked; BadValue where it is none."""
    fields = values.array(value, 17)
    curve = values.array_of(lambda point: list(values.pair(point)))
    gears = values.array_of(values.floats(3))(fields[10])
    return [
        curve(fields[0]),
        *(values.number(fields[i]) for i in range(1, 6)),
        values.boolean(fields[6]),
        *(values.number(fields[i]) for i in range(7, 10)),
        gears,
        values.number(fields[11]),
        values.number(fields[12]),
        list(values.triple(fields[13])),
        curve(fields[14]),
        values.array_of(_read_wheel)(fields[15]),
        values.boolean(fields[16]),
    ]


def _read_wheel(value: Any) -> list[Any]:
    fields = values.array(value, 10)
    return [*_WHEEL(fields[:9]), list(values.triple(fields[9]))]


def apply_control(p: VehicleParameters, blueprint: Blueprint, control: list[Any]) -> VehicleParameters:
    """The parameters with what our model has of a physics control: mass, drag, friction, steering, brakes."""
    mass = min(1e5, max(1.0, control[11]))
    wheels = control[15]
    changed = replace(
        p,
        mass=mass,
        yaw_inertia=p.yaw_inertia * mass / p.mass,
        drag_area=min(50.0, max(0.0, control[12])) * frontal_area(blueprint),
    )
    if not wheels:
        return changed
    radius = max(0.01, wheels[0][3] / 100.0)
    torque = sum(max(0.0, wheel[4]) for wheel in wheels)
    steering = max(abs(wheel[2]) for wheel in wheels)
    return replace(
        changed,
        friction=min(5.0, max(0.05, sum(wheel[0] for wheel in wheels) / len(wheels))),
        steering_max=math.radians(min(80.0, max(1.0, steering))),
        brake_acceleration=min(2.0 * GRAVITY, max(0.1, torque / (radius * mass))),
    )
