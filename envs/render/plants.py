"""Trees, bushes and grass: rich for the near, crossed pictures for the distance."""

from __future__ import annotations

import itertools
import math

import numpy as np

from envs.render.modelling import Builder, Model, Point
from envs.render.scene import Colour
from liquid_pilot.randomness import generator

LEAF: Colour = (0.50, 0.70, 0.27)
NEEDLE: Colour = (0.27, 0.46, 0.26)
BIRCH_LEAF: Colour = (0.62, 0.78, 0.34)
CACTUS: Colour = (0.40, 0.55, 0.32)
GRASS: Colour = (0.56, 0.68, 0.30)


def _cross(picture: str, width: float, height: float, leaf: Colour, blades: int = 2) -> Model:
    """Upright pictures crossing in the middle, lit like a round crown: edges look outwards, everything somewhat up."""
    b = Builder()
    for blade in range(blades):
        angle = math.pi * blade / blades + 0.4
        c, s = math.cos(angle), math.sin(angle)
        left, right = (-0.55 * c, -0.55 * s, 0.835), (0.55 * c, 0.55 * s, 0.835)
        x, y = 0.5 * width * c, 0.5 * width * s
        corners = ((-x, -y, 0.0), (x, y, 0.0), (x, y, height), (-x, -y, height))
        b.face(corners, picture, leaf, normals=(left, right, right, left), tinted=1.0, both_sides=True)
    return b.build()


def _crown(b: Builder, name: str, centre: Point, radii: Point, leaf: Colour, clumps: int, size: float) -> None:
    """Clumps of leaves spread over an ellipsoid, each a picture that faces outwards, lit like the ellipsoid."""
    rng = generator(0, f"crown-{name}")
    for index in range(clumps):
        # A sunflower's spiral over the ball: even from every side; some clumps stand out, others lie back.
        z = 1 - 2 * (index + 0.5) / clumps
        flat, angle = math.sqrt(1 - z * z), 2.39996 * index + 0.5 * rng.random()
        nx, ny, nz = flat * math.cos(angle), flat * math.sin(angle), z
        reach = 0.48 + 0.22 * rng.random()
        cx, cy, cz = (centre[k] + radii[k] * reach * n for k, n in enumerate((nx, ny, nz)))
        # The picture's plane leans half way towards the horizon, so that nothing is seen edge-on from the road.
        length = math.hypot(nx, ny) or 1.0
        rx, ry = -ny / length, nx / length
        tilt = 0.5 * nz + 0.3 * (rng.random() - 0.5)
        ux, uy, uz = -nx / length * tilt, -ny / length * tilt, math.sqrt(max(1 - tilt * tilt, 0.05))
        half = size * (0.85 + 0.3 * rng.random())
        corners, normals = [], []
        for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
            point = (cx + half * (sx * rx + sy * ux), cy + half * (sx * ry + sy * uy), cz + half * sy * uz)
            out = [(p - c) / r for p, c, r in zip(point, centre, radii, strict=True)]
            out[2] += 0.55  # light comes through from above
            norm = math.sqrt(sum(o * o for o in out)) or 1.0
            corners.append(point)
            normals.append((out[0] / norm, out[1] / norm, out[2] / norm))
        # Darker below and inside: what the sun's cosine alone does not give.
        shade = 0.88 + 0.14 * nz + 0.40 * (reach - 0.59)
        colour = (leaf[0] * shade, leaf[1] * shade, leaf[2] * shade)
        # Seen from outside only: those of the far side of the crown are hidden anyway.
        b.face(corners, "leaves", colour, normals=normals, tinted=1.0)


def deciduous(variant: int) -> tuple[Model, Model]:
    """A broad-leaved tree, 8 m high: near and far."""
    b = Builder()
    b.tube(((0.0, 0.28), (4.4, 0.12)), 5, "bark")
    for side, lean in ((1, 0.9), (-1, 1.1)):  # two boughs that show below the crown
        b.face(
            ((-0.07, 0, 2.2), (0.07, 0, 2.2), (0.07, side * lean, 4.2), (-0.07, side * lean, 4.2)),
            "bark", both_sides=True,
        )  # fmt: skip
    _crown(b, f"deciduous-{variant}", (0.0, 0.0, 5.2), (3.2, 3.2, 2.7), LEAF, 22, 1.3)
    return b.build(), _cross(f"deciduous_{variant % 2}", 8.0, 8.0, LEAF)


def birch(variant: int) -> tuple[Model, Model]:
    """A slender tree with a white trunk, 9 m high: near and far."""
    b = Builder()
    b.tube(((0.0, 0.16), (6.5, 0.07)), 4, "birch_bark")
    _crown(b, f"birch-{variant}", (0.0, 0.0, 6.0), (1.8, 1.8, 2.9), BIRCH_LEAF, 20, 1.15)
    return b.build(), _cross("birch", 4.5, 9.0, BIRCH_LEAF)


def conifer(variant: int) -> tuple[Model, Model]:
    """A spruce, 11 m high: near and far."""
    b = Builder()
    b.tube(((0.0, 0.24), (2.0, 0.18)), 4, "bark")
    rng = generator(0, f"conifer-{variant}")
    tiers = 6
    for tier in range(tiers):
        share = tier / tiers
        bottom, top = 1.1 + 9.0 * share, 1.1 + 9.0 * share + 3.2 - 1.5 * share
        radius = (2.5 * (1 - share) + 0.35) * (0.95 + 0.1 * rng.random())
        b.skirt(bottom, top, radius, 6, "needles", (NEEDLE, _dark(NEEDLE)), rng.random() * 6, rise=0.53)
    return b.build(), _spire(2.8, 11.0)


def _spire(radius: float, height: float) -> Model:
    """A far conifer: two crossing triangles, whose outline stays sharp where a picture's would blur."""
    b = Builder()
    for angle in (0.4, 0.4 + math.pi / 2):
        c, s = radius * math.cos(angle), radius * math.sin(angle)
        corners = ((-c, -s, 0.6), (c, s, 0.6), (0.0, 0.0, height))
        normals = ((-0.8 * c / radius, -0.8 * s / radius, 0.6), (0.8 * c / radius, 0.8 * s / radius, 0.6), (0, 0, 1.0))
        low = (0.6 * NEEDLE[0], 0.6 * NEEDLE[1], 0.6 * NEEDLE[2])
        b.face(corners, "plain_vegetation", (low, low, _dark(NEEDLE)), normals=normals, tinted=1.0, both_sides=True)
    return b.build()


def _dark(colour: Colour) -> Colour:
    return 0.72 * colour[0], 0.72 * colour[1], 0.72 * colour[2]


def bush(_: int) -> tuple[Model, Model]:
    """A round bush, 1.6 m high: near and far."""
    return _cross("bush", 2.0, 1.6, LEAF, blades=3), _cross("bush", 2.0, 1.6, LEAF)


def grass(_: int) -> tuple[Model, None]:
    """A tuft of high grass, 0.7 m; only near."""
    return _cross("grass", 1.0, 0.7, GRASS), None


def cactus(_: int) -> tuple[Model, Model]:
    """A saguaro, 4 m: a column with two arms."""
    b = Builder()
    b.tube(((0.0, 0.26), (3.6, 0.28), (4.0, 0.0)), 7, "cactus", CACTUS, tinted=1.0)
    for side, height in ((1, 1.4), (-1, 2.0)):
        b.box((-0.16, min(0, side), height - 0.16), (0.16, max(0, side), height + 0.16), "cactus", CACTUS, tinted=1.0)
        rings = ((height - 0.16, 0.17), (height + 1.3, 0.18), (height + 1.5, 0.0))
        b.tube(rings, 5, "cactus", CACTUS, centre=(0.0, float(side)), tinted=1.0)
    far = Builder()
    far.tube(((0.0, 0.28), (4.0, 0.24)), 4, "cactus", CACTUS, tinted=1.0)
    far.face(((-0.1, -1.1, 1.7), (-0.1, 1.1, 1.2), (-0.1, 1.1, 1.6), (-0.1, -1.1, 2.1)), "cactus", CACTUS,
             tinted=1.0, both_sides=True)  # fmt: skip
    return b.build(), far.build()


def rock(variant: int) -> tuple[Model, Model]:
    """A boulder, about 1.6 m wide and 1 m high."""
    rng = generator(0, f"rock-{variant}")
    b = Builder()
    corners = 7
    levels = ((-0.2, 0.95), (0.45, 0.9), (0.85, 0.5))
    rings = []
    for height, radius in levels:
        jitter = 0.75 + 0.5 * rng.random(corners)
        rings.append([
            (radius * jitter[k] * math.cos(2 * math.pi * k / corners),
             radius * jitter[k] * math.sin(2 * math.pi * k / corners), height + 0.12 * (jitter[k] - 1))
            for k in range(corners)
        ])  # fmt: skip
    grey = (0.78, 0.75, 0.72)
    for low, high in itertools.pairwise(rings):
        for k in range(corners):
            n = (k + 1) % corners
            b.face((low[k], low[n], high[n], high[k]), "stone", grey, tinted=1.0)
    b.face(rings[-1], "stone", grey, tinted=1.0, uv=[(0.5 + 0.4 * np.cos(k), 0.5 + 0.4 * np.sin(k)) for k in range(7)])
    far = Builder()
    far.tube(((-0.2, 0.9), (0.5, 0.85), (0.95, 0.0)), 4, "stone", grey, tinted=1.0)
    return b.build(), far.build()
