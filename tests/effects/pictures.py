"""Pictures that look like the world, for tests of effects."""

from functools import cache

import numpy as np
import numpy.typing as npt

from envs.driving.env import LaneKeepingEnv


@cache
def rendered() -> tuple[npt.NDArray[np.uint8], ...]:
    """Three frames of the car's camera, 200 x 78, not writable."""
    env = LaneKeepingEnv("train-mixed")
    frames = []
    for position in (0.0, 150.0, 300.0):
        observation, _ = env.reset(seed=4, options={"start": {"position_m": position}})
        frames.append(observation["image"].copy())
    env.close()
    for frame in frames:
        frame.setflags(write=False)
    return tuple(frames)


def landscape(height: int, width: int) -> npt.NDArray[np.uint8]:
    """A sky, a land and a road with a line, smooth, of any size."""
    y, x = np.mgrid[0:height, 0:width] / np.array([height, width]).reshape(2, 1, 1)
    road = np.abs(x - 0.5) < 0.1 + 0.4 * y
    line = np.abs(x - 0.5) < 0.02
    image = np.where(
        (y < 0.4)[..., None],
        np.stack([120 + 80 * y, 150 + 100 * y, 220 + 30 * x], axis=-1),
        np.stack([60 + 40 * x, 110 + 50 * y, 40 + 20 * x], axis=-1),
    )
    image[road & (y >= 0.4)] = 90
    image[line & (y >= 0.4)] = 235
    return image.astype(np.uint8)
