"""A small car: the one that drives, for whoever looks from outside."""

from __future__ import annotations

import itertools
import math

from envs.render.modelling import Builder, Model, Point
from envs.render.scene import Colour

_PAINTS: tuple[Colour, ...] = (
    (0.80, 0.16, 0.13),
    (0.20, 0.36, 0.68),
    (0.74, 0.75, 0.77),
    (0.24, 0.42, 0.30),
    (0.90, 0.89, 0.86),
)
_GLASS: Colour = (0.16, 0.20, 0.26)
_TYRE: Colour = (0.11, 0.11, 0.12)
_BODY = "plain_car"

LENGTH, WIDTH, HEIGHT = 4.1, 1.76, 1.46
"""Outer sizes in metres; the origin is on the ground below the middle."""

# Outline of the body from the side: x, z from the rear bumper over the roof to the nose; and half its width there.
_OUTLINE: tuple[tuple[float, float, float], ...] = (
    (-2.02, 0.36, 0.80), (-2.05, 0.78, 0.84), (-1.92, 0.98, 0.82), (-1.42, 1.40, 0.62), (-0.60, 1.46, 0.62),
    (0.22, 1.42, 0.62), (0.98, 0.98, 0.80), (1.80, 0.84, 0.80), (2.04, 0.66, 0.78), (2.05, 0.36, 0.76),
)  # fmt: skip
_GLAZED = {2, 5}
"""Segments of the outline that are windows: rear window and windscreen."""
_SILL = 0.26


def _strip(b: Builder, paint: Colour) -> None:
    """Bonnet, roof, windows and ends across the car."""
    for index, (rear, front) in enumerate(itertools.pairwise(_OUTLINE)):
        (x0, z0, w0), (x1, z1, w1) = rear, front
        glazed = index in _GLAZED
        colour = _GLASS if glazed else paint
        corners = ((x0, w0, z0), (x0, -w0, z0), (x1, -w1, z1), (x1, w1, z1))
        b.face(corners, _BODY, colour, tinted=0.0 if glazed else 1.0)


def _flank(b: Builder, side: int, paint: Colour) -> None:
    """One side: the lower body as one face, the cabin with its windows above; edges are those of the outline."""

    def add(points: list[Point], colour: Colour, tinted: float) -> None:
        b.face(points if side < 0 else points[::-1], _BODY, colour, tinted=tinted)

    def edge(index: int, out: float = 0.0) -> Point:
        x, z, half = _OUTLINE[index]
        return x, side * (half + out), z

    sill_rear, sill_front = (-2.0, side * 0.80, _SILL), (2.0, side * 0.76, _SILL)
    lower: list[Point] = [sill_rear, sill_front, edge(9), edge(8), edge(7), edge(6), edge(2), edge(1), edge(0)]
    add(lower, paint, 1.0)
    add([edge(2), edge(6), edge(5), edge(4), edge(3)], paint, 1.0)
    for x0, x1, x2, x3 in ((-1.46, -0.50, -0.58, -1.20), (-0.38, 0.76, 0.16, -0.46)):
        # Between belt (z 0.98, half width 0.81) and roof (z 1.43, half width 0.62), a finger's breadth outside.
        low, high = side * 0.805, side * 0.655
        add([(x0, low, 1.02), (x1, low, 1.02), (x2, high, 1.37), (x3, high, 1.37)], _GLASS, 0.0)


def _wheel(b: Builder, x: float, side: int, sides: int = 10) -> None:
    """A wheel seen from outside: tyre tread and a disc with a bright rim."""
    radius, outer, inner = 0.32, side * 0.87, side * 0.66
    rim = []
    for k in range(sides):
        angle = 2 * math.pi * k / sides
        rim.append((x + radius * math.cos(angle), radius + radius * math.sin(angle)))
    tyre = [(px, outer, pz) for px, pz in rim]
    b.face(tyre if side < 0 else tyre[::-1], _BODY, _TYRE)
    hub = [(x + 0.60 * (px - x), outer + 0.012 * side, radius + 0.60 * (pz - radius)) for px, pz in rim[::2]]
    b.face(hub if side < 0 else hub[::-1], _BODY, (0.66, 0.67, 0.70))
    for k in range(sides):
        (x0, z0), (x1, z1) = rim[k], rim[(k + 1) % sides]
        corners: list[Point] = [(x0, outer, z0), (x0, inner, z0), (x1, inner, z1), (x1, outer, z1)]
        b.face(corners[::-1] if side < 0 else corners, _BODY, _TYRE, both_sides=True)


def car(variant: int) -> tuple[Model, Model]:
    """A hatchback, 4.1 x 1.76 x 1.46 m, red, blue, silver, green or white. Near and far."""
    b, far = Builder(), Builder()
    paint = _PAINTS[variant % len(_PAINTS)]
    for builder in (b, far):
        _strip(builder, paint)
        for side in (1, -1):
            _flank(builder, side, paint)
    for side in (1, -1):
        for x in (1.28, -1.26):
            _wheel(b, x, side)
        y0, y1 = sorted((side * 0.44, side * 0.76))
        b.face(((2.06, y0, 0.58), (2.06, y1, 0.58), (2.00, y1, 0.72), (2.00, y0, 0.72)), _BODY, (0.97, 0.96, 0.88))
        b.face(((-2.06, y1, 0.66), (-2.06, y0, 0.66), (-2.06, y0, 0.84), (-2.06, y1, 0.84)), _BODY, (0.62, 0.05, 0.06))
        m = side * 0.78
        b.box((0.50, min(m, m + side * 0.14), 0.94), (0.62, max(m, m + side * 0.14), 1.06), _BODY, paint, tinted=1.0)
    b.face(
        ((-2.07, 0.26, 0.48), (-2.07, -0.26, 0.48), (-2.07, -0.26, 0.60), (-2.07, 0.26, 0.60)), _BODY, (0.9, 0.9, 0.88)
    )
    b.face(((2.07, -0.50, 0.38), (2.07, 0.50, 0.38), (2.06, 0.50, 0.50), (2.06, -0.50, 0.50)), _BODY, _TYRE)
    return b.build(), far.build()
