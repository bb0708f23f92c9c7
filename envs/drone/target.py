"""What the drone flies to, as triangles around the target's middle; they are drawn and collided with as they are."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from envs.render.labels import Label
from envs.render.scene import Mesh

Array = npt.NDArray[np.float64]
Rows = tuple[Array, npt.NDArray[np.int64]]

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (226, 34, 30),
    "orange": (244, 128, 20),
    "yellow": (246, 214, 30),
    "blue": (38, 84, 214),
    "magenta": (214, 40, 170),
    "white": (240, 240, 240),
}
_POST = (150, 150, 154)
_POST_RADIUS = 0.04
_RINGS, _SIDES = 8, 16


@lru_cache(maxsize=64)
def target_mesh(kind: str, colour: str, size: float, height: float) -> Mesh:
    """The target in its own frame: the origin is its middle, ``height`` metres above the ground.

    Args:
        kind: ``ball_on_stand`` or ``camping_chair``; the latter's front looks along +x.
        colour: a name of `COLOURS`.
        size: diameter of the ball, or height and width of the chair, m.
        height: of the middle, m; what stands below it reaches down to the ground.
    """
    cloth, post = np.array(COLOURS[colour], dtype=np.uint8), np.array(_POST, dtype=np.uint8)
    parts: list[tuple[Rows, npt.NDArray[np.uint8]]]
    if kind == "ball_on_stand":
        parts = [(_ball(0.5 * size), cloth), (_post(0.0, 0.0, -height, -0.5 * size), post)]
    else:
        half, thin = 0.5 * size, 0.03
        seat = -0.1 * size
        parts = [
            (_box((-half, -half, seat - thin), (half, half, seat + thin)), cloth),
            (_box((-half - thin, -half, seat), (-half + thin, half, half)), cloth),
            *((_arm(half, side * half, seat, 0.15 * size, thin), cloth) for side in (1, -1)),
            *((_post(sx * 0.9 * half, sy * 0.9 * half, -height, seat), post) for sx in (1, -1) for sy in (1, -1)),
        ]
    sizes = [len(vertices) for (vertices, _), _ in parts]
    shifts = np.cumsum([0, *sizes[:-1]])
    return Mesh(
        vertices=np.concatenate([vertices for (vertices, _), _ in parts]),
        triangles=np.concatenate([rows + shift for ((_, rows), _), shift in zip(parts, shifts, strict=True)]),
        colours=np.concatenate([np.tile(paint, (count, 1)) for (_, paint), count in zip(parts, sizes, strict=True)]),
        label=Label.DYNAMIC,
    )


def _ball(radius: float) -> Rows:
    up = np.linspace(-0.5 * math.pi, 0.5 * math.pi, _RINGS + 1)
    around = np.linspace(0.0, 2.0 * math.pi, _SIDES, endpoint=False)
    level, turn = np.meshgrid(up, around, indexing="ij")
    points = radius * np.stack((np.cos(level) * np.cos(turn), np.cos(level) * np.sin(turn), np.sin(level)), -1)
    return points.reshape(-1, 3), _tube(_RINGS, _SIDES)


def _post(x: float, y: float, low: float, high: float) -> Rows:
    around = np.linspace(0.0, 2.0 * math.pi, 6, endpoint=False)
    ring = np.column_stack((x + _POST_RADIUS * np.cos(around), y + _POST_RADIUS * np.sin(around)))
    points = [np.column_stack((ring, np.full(6, height))) for height in (low, high)]
    return np.concatenate(points), _tube(1, 6)


def _tube(levels: int, sides: int) -> npt.NDArray[np.int64]:
    level, side = np.meshgrid(np.arange(levels), np.arange(sides), indexing="ij")
    a, b = (level * sides + side).ravel(), (level * sides + (side + 1) % sides).ravel()
    return np.concatenate((np.stack((a, b, b + sides), -1), np.stack((a, b + sides, a + sides), -1)))


def _arm(half: float, y: float, low: float, high: float, thin: float) -> Rows:
    return _box((-half, y - thin, low), (half, y + thin, high))


def _box(low: tuple[float, float, float], high: tuple[float, float, float]) -> Rows:
    ends = np.array((low, high))
    corners = np.array([(ends[i, 0], ends[j, 1], ends[k, 2]) for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    # Four vertices for each face: hard edges.
    faces = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
    vertices = np.concatenate([corners[list(face)] for face in faces])
    first = 4 * np.arange(6)[:, None]
    return vertices, np.concatenate((first + np.array((0, 1, 2)), first + np.array((0, 2, 3))))
