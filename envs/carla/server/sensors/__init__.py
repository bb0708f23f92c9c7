"""Sensors: what they measure of the world, as the bytes behind a message's header.

Each kind is one `Instrument`: its type on the wire, the function that measures, and one that looks at its attributes
when it is spawned. To add a sensor, write those two and a line in `INSTRUMENTS`, and its attributes in
`world.sensor_blueprints`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from envs.carla.server.protocol.layouts import SensorType, header
from envs.carla.server.sensors import body, camera, events, lidar, radar
from envs.carla.server.sensors.studio import Studio
from envs.carla.server.world.actors import Actor, Sensor
from envs.carla.server.world.simulation import MUTE, Simulation


@dataclass
class Lab:
    """Everything that sensors look at.

    Args:
        world: the episode.
        studio: takes the pictures.
        describe: an actor as calls answer it.
        beam: where each lidar's beam points, rad.
        last: simulated seconds of each sensor's last measurement.
        memory: what sensors remember besides, by actor id.
    """

    world: Simulation
    studio: Studio
    describe: Callable[[Actor], list[Any]]
    beam: dict[int, float] = field(default_factory=dict)
    last: dict[int, float] = field(default_factory=dict)
    memory: dict[int, Any] = field(default_factory=dict)

    def elapsed(self, sensor: Sensor) -> float:
        """Simulated seconds since the sensor measured last."""
        now = self.world.seconds
        return max(1e-3, now - self.last.get(sensor.identity, now - self.world.step))

    def forget(self, identity: int) -> None:
        """A sensor is gone."""
        self.beam.pop(identity, None)
        self.last.pop(identity, None)
        self.memory.pop(identity, None)


Parts = list[bytes]


@dataclass(frozen=True)
class Instrument:
    """One kind of sensor.

    Args:
        type: its number on the wire.
        measure: one message (its parts), several, or None for nothing to tell.
        check: raises Refused for attributes that make no sense.
        draws: whether it needs the renderer.
    """

    type: SensorType
    measure: Callable[[Lab, Sensor], Parts | list[Parts] | None]
    check: Callable[[Lab, Sensor], None] = lambda lab, sensor: None  # noqa: ARG005
    draws: bool = False


INSTRUMENTS: dict[str, Instrument] = {
    "sensor.camera.rgb": Instrument(SensorType.RGB, camera.rgb, camera.check, draws=True),
    "sensor.camera.depth": Instrument(SensorType.DEPTH, camera.depth, camera.check, draws=True),
    "sensor.camera.semantic_segmentation": Instrument(SensorType.SEMANTIC, camera.semantic, camera.check, draws=True),
    "sensor.camera.instance_segmentation": Instrument(SensorType.INSTANCE, camera.instance, camera.check, draws=True),
    "sensor.camera.dvs": Instrument(SensorType.DVS, events.dvs, events.check, draws=True),
    "sensor.lidar.ray_cast": Instrument(SensorType.LIDAR, lidar.ray_cast, lidar.check, draws=True),
    "sensor.lidar.ray_cast_semantic": Instrument(SensorType.SEMANTIC_LIDAR, lidar.semantic, lidar.check, draws=True),
    "sensor.other.radar": Instrument(SensorType.RADAR, radar.detect, radar.check, draws=True),
    "sensor.other.collision": Instrument(SensorType.COLLISION, body.collision),
    "sensor.other.obstacle": Instrument(SensorType.OBSTACLE, body.obstacle),
    "sensor.other.imu": Instrument(SensorType.IMU, body.imu),
    "sensor.other.gnss": Instrument(SensorType.GNSS, body.gnss),
}


def check(lab: Lab, sensor: Sensor) -> None:
    """Raise Refused when a sensor's attributes make no sense."""
    if sensor.kind not in MUTE:
        INSTRUMENTS[sensor.kind].check(lab, sensor)


def measurements(lab: Lab, sensor: Sensor, drawing: bool) -> Iterator[list[bytes]]:
    """The messages of a sensor for this tick, header first; none when it is not its turn.

    ``drawing``: whether pictures are to be taken (CARLA's no_rendering_mode).
    """
    world = lab.world
    if sensor.due is not None and world.seconds + 1e-6 < sensor.due:
        return
    instrument = INSTRUMENTS[sensor.kind]
    if instrument.draws and not drawing:
        return
    found = instrument.measure(lab, sensor)
    # On the beat that its first measurement began, unless ticks are longer than its period.
    begun = world.seconds if sensor.due is None else sensor.due
    sensor.due = begun + sensor.period if begun + sensor.period > world.seconds else world.seconds
    lab.last[sensor.identity] = world.seconds
    if not found:
        return
    messages = found if isinstance(found[0], list) else [found]
    for parts in messages:
        yield [header(instrument.type, world.frame, world.seconds, sensor.place), *parts]
