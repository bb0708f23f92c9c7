"""What a ride needs of the world that it happens in, whoever simulates it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from envs.driving.obstacles import ObstacleGrid
    from envs.effects.weather import WeatherLook
    from envs.render.pose import Pose
    from envs.render.scene import Instance
    from envs.road import RoadNetwork


class Stage(Protocol):
    """A road and its surroundings; `envs.driving.world.DrivingWorld` is one, a map in CARLA another."""

    @property
    def name(self) -> str:
        """The road's name."""

    @property
    def theme(self) -> str:
        """Look of the land."""

    @property
    def network(self) -> RoadNetwork:
        """The roads, for the map in the picture."""

    @property
    def instances(self) -> Sequence[Instance]:
        """Trees and houses on that map."""

    @property
    def obstacles(self) -> ObstacleGrid:
        """What a car can run into."""

    @property
    def look(self) -> WeatherLook:
        """What weather makes of pictures that were drawn in clear weather."""

    def view_of(self, car: Pose, eye: Pose, width: int, height: int) -> NDArray[np.uint8]:
        """A picture (height, width, 3) RGB of the car from ``eye``."""
