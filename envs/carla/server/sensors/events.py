"""The event camera (DVS): not pictures, but where and when the brightness changed by a threshold.

As H. Rebecq, D. Gehrig and D. Scaramuzza, "ESIM: an Open Event Camera Simulator", CoRL 2018, section 3, with one
picture per tick: between two, every pixel's (logarithmic) brightness is taken for linear in time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from envs.carla.errors import Refused
from envs.carla.server.protocol.layouts import PICTURE
from envs.carla.server.sensors import camera
from liquid_pilot.randomness import generator

if TYPE_CHECKING:
    from envs.carla.server.sensors import Lab
    from envs.carla.server.world.actors import Sensor

EVENT = np.dtype([("x", "<u2"), ("y", "<u2"), ("t", "<i8"), ("positive", "u1")])
"""13 bytes, as the client reads them; t in nanoseconds of simulated time."""
_LEAST = 0.01
"""Smallest threshold: below it a picture would make more events than a message may have bytes."""
_MOST = 50
"""Events of one pixel between two pictures."""

Plane = NDArray[np.float64]


class Retina(NamedTuple):
    """What an event camera remembers: brightness that each pixel has reported last, brightness and time (ns) of the
    last picture, time of each pixel's last event."""

    reported: Plane
    seen: Plane
    when: int
    fired: NDArray[np.int64]


def check(lab: Lab, sensor: Sensor) -> None:
    """Raise Refused for a camera that cannot be."""
    camera.check(lab, sensor)
    for name in ("positive_threshold", "negative_threshold"):
        if not sensor.number(name) >= _LEAST:
            raise Refused(f"{name} of an event camera is at least {_LEAST}")


def dvs(lab: Lab, sensor: Sensor) -> list[bytes]:
    """The events since the last picture, in order of time; the first picture has none."""
    width, height, fov = camera.size(sensor)
    now = round(lab.world.seconds * 1e9)
    seen = _brightness(lab, sensor)
    head = PICTURE.pack(width, height, fov)
    retina: Retina | None = lab.memory.get(sensor.identity)
    if retina is None:
        nothing = np.full(seen.shape, -(2**62), dtype=np.int64)
        lab.memory[sensor.identity] = Retina(seen.copy(), seen, now, nothing)
        return [head, b""]
    events = _events(lab, sensor, retina, seen, now)
    lab.memory[sensor.identity] = Retina(retina.reported, seen, now, retina.fired)
    return [head, events.tobytes()]


def _brightness(lab: Lab, sensor: Sensor) -> Plane:
    grey = cv2.cvtColor(camera.colour(lab, sensor), cv2.COLOR_RGB2GRAY).astype(np.float64) / 255.0
    if sensor.attributes["use_log"].lower() in ("true", "1"):
        return np.asarray(np.log(max(1e-6, sensor.number("log_eps")) + grey))
    return grey


def _events(lab: Lab, sensor: Sensor, retina: Retina, seen: Plane, now: int) -> NDArray[np.void]:
    reported, fired = retina.reported, retina.fired
    random = generator(0, f"carla/dvs/{sensor.identity}", lab.world.frame)
    rising = seen >= reported
    up, down = (max(_LEAST, sensor.number(f"{sign}_threshold")) for sign in ("positive", "negative"))
    threshold = np.where(rising, up, down)
    spread = np.where(rising, sensor.number("sigma_positive_threshold"), sensor.number("sigma_negative_threshold"))
    if spread.any():
        threshold = np.maximum(_LEAST, threshold + np.abs(spread) * random.normal(size=seen.shape))
    step = np.where(rising, threshold, -threshold)
    counts = np.minimum(np.abs(seen - reported) // threshold, _MOST).astype(np.int64)
    pause = max(0.0, sensor.number("refractory_period_ns"))
    found = []
    for number in range(1, int(counts.max(initial=0)) + 1):
        rows, columns = np.nonzero(counts >= number)
        level = reported[rows, columns] + number * step[rows, columns]
        change = seen[rows, columns] - retina.seen[rows, columns]
        share = np.divide(level - retina.seen[rows, columns], change, out=np.ones_like(level), where=change != 0.0)
        when = retina.when + np.clip(share, 0.0, 1.0) * (now - retina.when)
        ready = when - fired[rows, columns] >= pause
        rows, columns, when = rows[ready], columns[ready], when[ready]
        fired[rows, columns] = when.astype(np.int64)
        table = np.empty(len(rows), dtype=EVENT)
        table["x"], table["y"], table["t"], table["positive"] = columns, rows, when, rising[rows, columns]
        found.append(table)
    reported += counts * step
    events = np.concatenate(found) if found else np.empty(0, dtype=EVENT)
    return np.asarray(events[np.argsort(events["t"], kind="stable")])
