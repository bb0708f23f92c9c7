"""Everything with an id: vehicles, walkers, sensors, traffic lights and signs, the spectator."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from envs.carla.frames import Place, Triple, flip, to_carla
from envs.carla.server.protocol import layouts
from envs.carla.server.world.blueprints import Blueprint

if TYPE_CHECKING:
    from envs.carla.server.world.ground import Footing

ZERO: Triple = (0.0, 0.0, 0.0)
RIGID, SPRING_ARM, SPRING_ARM_GHOST = range(3)


@dataclass(frozen=True, slots=True)
class Box:
    """A bounding box in the frame of its actor (or of the world): centre, half sizes (m), ours."""

    centre: Triple
    extent: Triple


class Actor:
    """Something in the world.

    Attributes:
        identity: actor id, never used twice.
        blueprint: what it is.
        attributes: its attributes by name.
        place: where it is, ours.
        velocity, acceleration: m/s, m/s^2, world, ours.
        spin: angular velocity, rad/s, world axes, ours.
        box: bounding box, in its own frame.
        parent: what it is attached to, or None.
        relative: its place in the parent's frame.
        attachment: RIGID or a spring arm.
        children: what is attached to it.
        stream: id of its stream, 0 for what sends nothing.
        alive: False once destroyed.
    """

    def __init__(self, identity: int, blueprint: Blueprint, attributes: dict[str, str], place: Place) -> None:
        self.identity, self.blueprint, self.attributes = identity, blueprint, attributes
        self.place = place
        self.velocity: Triple = ZERO
        self.acceleration: Triple = ZERO
        self.spin: Triple = ZERO
        length, width, height = blueprint.size
        self.box = Box((0.0, 0.0, 0.5 * height), (0.5 * length, 0.5 * width, 0.5 * height))
        self.parent: Actor | None = None
        self.relative = Place(0.0, 0.0, 0.0)
        self.attachment = RIGID
        self.children: list[Actor] = []
        self.stream = 0
        self.alive = True
        self.simulates = True
        """Whether physics moves it."""
        self.collides = True
        self.constant: Triple | None = None
        """Velocity in its own frame that it keeps whatever happens, m/s."""

    @property
    def kind(self) -> str:
        """Its blueprint's id, CARLA's type_id."""
        return self.blueprint.id

    @property
    def mass(self) -> float:
        """kg."""
        return max(1.0, self.blueprint.mass)

    def move(self, place: Place) -> None:
        """Put it somewhere else."""
        self.place = place

    def follow(self) -> None:
        """Go where the parent has gone."""
        parent = self.parent
        if parent is None:
            return
        if self.attachment == RIGID:
            self.place = Place.of(parent.place.pose().compose(self.relative.pose()))
        else:
            # A spring arm keeps the horizon level: it takes the parent's heading alone.
            level = Place(*parent.place[:4])
            self.place = Place.of(level.pose().compose(self.relative.pose()))
        self.velocity, self.spin = parent.velocity, parent.spin

    def set_velocity(self, velocity: Triple) -> None:
        """Give it this velocity, m/s, world."""
        self.velocity = velocity

    def set_spin(self, spin: Triple) -> None:
        """Give it this angular velocity, rad/s, world."""
        self.spin = spin

    def push(self, change: Triple) -> None:
        """Change its velocity by so many m/s."""
        vx, vy, vz = self.velocity
        self.set_velocity((vx + change[0], vy + change[1], vz + change[2]))

    def state(self) -> bytes:
        """What its kind has to say in a snapshot."""
        return b""

    def record(self) -> bytes:
        """Its part of a snapshot."""
        return layouts.actor_record(
            self.identity, self.place, self.velocity, self.spin, self.acceleration, self.state()
        )

    def wire(self, token: bytes) -> list[Any]:
        """The actor as calls answer it."""
        parent = 0 if self.parent is None else self.parent.identity
        attributes = [[a.id, a.kind, self.attributes.get(a.id, a.value)] for a in self.blueprint.attributes]
        label = int(self.blueprint.label)
        tags = bytes([label]) if self.blueprint.size[0] else b""
        return [
            self.identity, parent, [self.blueprint.uid, self.kind, attributes], self.wire_box(), tags, token,
        ]  # fmt: skip

    def wire_box(self) -> list[Any]:
        """The bounding box as calls answer it, in the actor's frame."""
        return [list(flip(self.box.centre)), list(self.box.extent), [0.0, 0.0, 0.0], self.identity]

    def wire_transform(self) -> list[Any]:
        """The transform as calls answer it."""
        location, rotation = to_carla(self.place)
        return [list(location), list(rotation)]


class Walker(Actor):
    """A walker: a box that goes where it is told to.

    Attributes:
        direction: unit vector, world, ours.
        speed: m/s.
        jump: accepted, without effect.
    """

    def __init__(self, identity: int, blueprint: Blueprint, attributes: dict[str, str], place: Place) -> None:
        super().__init__(identity, blueprint, attributes, place)
        # CARLA's walkers have their origin in their middle.
        self.box = Box(ZERO, self.box.extent)
        self.direction: Triple = (1.0, 0.0, 0.0)
        self.speed = 0.0
        self.jump = False

    def control(self, direction: Triple, speed: float, jump: bool) -> None:
        """Walk this way from now on."""
        length = math.sqrt(sum(d * d for d in direction))
        self.direction = ZERO if length < 1e-6 else (
            direction[0] / length, direction[1] / length, direction[2] / length,
        )  # fmt: skip
        self.speed, self.jump = max(0.0, min(20.0, speed)), jump

    def advance(self, dt: float, height: float) -> None:
        """Walk for ``dt`` s over ground whose height at the walker is ``height``."""
        if self.constant is not None:
            cosine, sine = math.cos(self.place.yaw), math.sin(self.place.yaw)
            x, y, _ = self.constant
            vx, vy = x * cosine - y * sine, x * sine + y * cosine
        else:
            vx, vy = self.direction[0] * self.speed, self.direction[1] * self.speed
        yaw = math.atan2(vy, vx) if vx * vx + vy * vy > 1e-6 else self.place.yaw
        place = self.place
        self.acceleration = ZERO
        self.velocity = (vx, vy, 0.0)
        self.place = Place(place.x + vx * dt, place.y + vy * dt, height + self.box.extent[2], yaw)

    def state(self) -> bytes:
        """Direction, speed, jump."""
        return layouts.WALKER_STATE.pack(*flip(self.direction), self.speed, self.jump)


class Sensor(Actor):
    """A sensor; what it measures is in `envs.carla.server.sensors`.

    Attributes:
        period: s between two measurements; 0: every tick.
        due: simulated seconds at which it measures next; None before the first time.
    """

    def __init__(self, identity: int, blueprint: Blueprint, attributes: dict[str, str], place: Place) -> None:
        super().__init__(identity, blueprint, attributes, place)
        self.period = max(0.0, self.number("sensor_tick"))
        self.due: float | None = None

    def number(self, name: str) -> float:
        """A numeric attribute."""
        return float(self.attributes[name])

    def state(self) -> bytes:
        """Nothing."""
        return b""


class TrafficSign(Actor):
    """A sign of the map."""

    def __init__(self, identity: int, blueprint: Blueprint, place: Place, sign: str) -> None:
        super().__init__(identity, blueprint, {}, place)
        self.sign = sign

    def state(self) -> bytes:
        """Its OpenDRIVE id."""
        return self.sign.encode()[:31].ljust(32, b"\0")


def tilted(place: Place, footing: Footing) -> Place:
    """A place on the ground, tilted with it."""
    pitch, roll = footing.tilt(place.yaw)
    return Place(place.x, place.y, footing.z, place.yaw, pitch, roll)
