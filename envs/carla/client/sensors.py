"""What arrives from the server's sensors: pictures matched by frame, and events."""

from __future__ import annotations

import queue
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from envs.carla.client.session import Session
from envs.carla.errors import SensorSilent
from envs.carla.frames import Place, to_carla

if TYPE_CHECKING:
    from envs.render.pose import Pose
    from scenarios.schema import CameraSpec


def transform(carla: Any, place: Place) -> Any:
    """A place of ours as CARLA's Transform."""
    location, rotation = to_carla(place)
    return carla.Transform(carla.Location(*location), carla.Rotation(*rotation))


class Camera:
    """A colour camera on the car.

    The picture is CARLA's own: its field of view is horizontal, as ours is, so that a picture of the same width and
    height shows the same piece of the world and nothing has to be cropped.

    Args:
        session: the connection.
        spec: size and field of view.
        car: the vehicle that it is attached to.
        mount: its place on it.
    """

    def __init__(self, session: Session, spec: CameraSpec, car: Any, mount: Pose) -> None:
        self._session = session
        # sensor_tick stays 0: every tick has its picture.
        blueprint = session.blueprint(
            "sensor.camera.rgb",
            image_size_x=spec.width,
            image_size_y=spec.height,
            fov=spec.fov_deg,
            motion_blur_intensity=0.0,
        )
        self._mount = mount
        self._sensor = session.spawn(blueprint, transform(session.carla, Place.of(mount)), car)
        self._arrived: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._sensor.listen(self._arrived.put)
        self.image: NDArray[np.uint8] = np.zeros((spec.height, spec.width, 3), np.uint8)
        """The last picture that was fetched, RGB."""

    def move(self, mount: Pose) -> None:
        """Another place on the car, from the next tick on."""
        same = (mount.position == self._mount.position).all() and (mount.rotation == self._mount.rotation).all()
        if not same:
            self._mount = mount
            self._sensor.set_transform(transform(self._session.carla, Place.of(mount)))

    def fetch(self, frame: int) -> None:
        """Wait for the picture of this frame; older ones are dropped. Raises SensorSilent, ServerLost."""
        data = self._of(frame)
        pixels = np.frombuffer(data.raw_data, dtype=np.uint8).reshape(data.height, data.width, 4)
        self.image = np.ascontiguousarray(pixels[..., 2::-1])

    def _of(self, frame: int) -> Any:
        until = time.monotonic() + self._session.timeout
        while True:
            try:
                data = self._arrived.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                # Frames without their picture, or no server?
                self._session.check()
                raise SensorSilent(
                    f"the camera has sent no picture of frame {frame} within {self._session.timeout:g} s, though the "
                    f"CARLA server on {self._session.address} answers: it is overloaded or out of memory; restart it"
                ) from None
            if data.frame == frame:
                return data
            if data.frame > frame:
                raise SensorSilent(
                    f"the camera is at frame {data.frame}, the world was ticked to {frame}: another client ticks the "
                    f"CARLA server on {self._session.address}; only one may"
                )


class Events:
    """What a sensor of events (collisions, lane marks) has told; nobody ever waits for it.

    Args:
        session: the connection.
        kind: its blueprint.
        car: the vehicle that it is attached to.
    """

    def __init__(self, session: Session, kind: str, car: Any) -> None:
        sensor = session.spawn(session.blueprint(kind), session.carla.Transform(), car)
        self._sensor = sensor  # the wheel ends a sensor that nobody holds
        self._arrived: deque[Any] = deque(maxlen=1000)
        sensor.listen(self._arrived.append)

    def take(self) -> list[Any]:
        """Those since the last time."""
        found = []
        while self._arrived:
            found.append(self._arrived.popleft())
        return found
