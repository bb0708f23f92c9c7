"""A lane-keeping world with a painted picture instead of a renderer; importable by spawned workers."""

from __future__ import annotations

import math
import os
import time
from typing import Any

import numpy as np

from envs.driving.env import LaneKeepingEnv
from envs.driving.obstacles import ObstacleGrid
from envs.driving.world import DrivingWorld, Way
from envs.render.renderer import Frame


class QuickWorld(LaneKeepingEnv):
    """The picture shows the lane ahead as a bright line; every pixel follows from the state. Nothing stands about."""

    def _enter(self, seed: int) -> tuple[DrivingWorld, Way]:
        world, way = super()._enter(seed)
        world.__dict__.setdefault("obstacles", ObstacleGrid(np.empty((0, 3))))
        return world, way

    def draw(self, spec: Any, eye: Any, more: Any) -> Frame:
        del eye, more
        path = self.ride.path
        image = np.full((spec.height, spec.width, 3), 90, np.uint8)
        rows = np.clip((spec.height * 2.0 / (path[1:, 1] + 2.0)).astype(int) + spec.height // 3, 0, spec.height - 1)
        columns = np.clip((spec.width * (0.5 - path[1:, 2] / (path[1:, 1] + 2.0))).astype(int), 0, spec.width - 1)
        image[rows, columns] = 255
        image[: spec.height // 3] = (120, 160, 200 + int(20 * math.sin(self.ride.car.heading)))
        return Frame(image, None, None)


class SlowWorld(QuickWorld):
    """Takes a few milliseconds a step, so that a test can interrupt it in the middle."""

    def step(self, action: Any) -> Any:
        time.sleep(0.002)
        return super().step(action)


class ChangedWorld(QuickWorld):
    """One pixel differs from frame 5 on, as if the renderer had changed."""

    def draw(self, spec: Any, eye: Any, more: Any) -> Frame:
        frame = super().draw(spec, eye, more)
        if self.ride.frame >= 5:
            frame.rgb[0, 0, 2] ^= 1
        return frame


class HeavierWorld(QuickWorld):
    """The physics differ in the last digits."""

    def step(self, action: Any) -> Any:
        if self.ride.frame == 7:
            self.ride.car.x = math.nextafter(self.ride.car.x, math.inf)
        return super().step(action)


class FatalWorld(QuickWorld):
    """Kills its process at the tenth frame of every episode."""

    def step(self, action: Any) -> Any:
        if self.ride.frame == 10:
            os.abort()
        return super().step(action)
