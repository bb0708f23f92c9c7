"""A map in CARLA as the environment sees it, and our own maps as a server takes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from envs.driving.ride import Ride

if TYPE_CHECKING:
    from envs.carla.client.car import CarlaCar
    from envs.driving.obstacles import ObstacleGrid
    from envs.driving.world import DrivingWorld
    from envs.effects.weather import WeatherLook
    from envs.render.pose import Pose
    from envs.render.scene import Instance
    from envs.road import RoadNetwork
    from scenarios.schema import Surroundings

SURROUNDINGS = "liquid_pilot.surroundings"
"""Code of the header's userData by which our own server knows what the land is to look like; others ignore it."""
_HEADER = re.compile(r"""<header\b(?:[^>"']|"[^"]*"|'[^']*')*>""")


class CarlaStage:
    """What CARLA shows of a map. Nothing stands on it that we know of: what a car hits, the collision sensor tells.

    Args:
        name: the map's.
        land: makes the embedded world of the same map, of which only the roads are used.
        view: gives the picture from behind the car.
    """

    instances: Sequence[Instance] = ()

    def __init__(
        self, name: str, land: Callable[[], DrivingWorld], view: Callable[[int, int], NDArray[np.uint8]]
    ) -> None:
        self.name = name
        self._land, self._view = land, view

    @cached_property
    def land(self) -> DrivingWorld:
        """The embedded world; it draws nothing here."""
        return self._land()

    @property
    def theme(self) -> str:
        """Look of the land, for the map in the picture."""
        return self.land.theme

    @property
    def network(self) -> RoadNetwork:
        """The roads."""
        return self.land.network

    @property
    def obstacles(self) -> ObstacleGrid:
        """Those of the embedded world; nobody asks for them here."""
        return self.land.obstacles

    @property
    def look(self) -> WeatherLook:
        """That of the embedded world; nobody asks for it here, where CARLA makes the weather."""
        return self.land.look

    def view_of(self, car: Pose, eye: Pose, width: int, height: int) -> NDArray[np.uint8]:  # noqa: ARG002
        """The picture of the camera behind the car, which goes with it."""
        return self._view(width, height)


class CarlaRide(Ride):
    """A ride whose collisions and crossed lane marks come from CARLA's sensors."""

    car: CarlaCar

    def _touches_something(self) -> bool:
        return self.car.collided

    def _wheel_over_edge(self) -> bool:
        return self.car.crossed or super()._wheel_over_edge()


def with_surroundings(text: str, look: Surroundings) -> str:
    """An OpenDRIVE text whose header says what the land beside the roads is to look like."""
    value = f"{look.theme} {look.seed}" + (f" {look.recolour!r}" if look.recolour else "")
    note = f'<userData code="{SURROUNDINGS}" value="{value}"/>'
    header = _HEADER.search(text)
    if header is None:
        return text
    found = header.group()
    told = f"{found[:-2]}>{note}</header>" if found.endswith("/>") else found + note
    return text[: header.start()] + told + text[header.end() :]
