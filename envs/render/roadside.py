"""Posts, signs, fences and lamps beside the road; faces of signs look along +x, fences run along +x."""

from __future__ import annotations

import math

from envs.render.modelling import Builder, Model

_STEEL = (0.62, 0.64, 0.66)


def delineator(_: int) -> tuple[Model, None]:
    """A guide post, 1 m high."""
    b = Builder()
    b.box((-0.06, -0.07, 0.0), (0.06, 0.07, 1.0), "delineator", cover=False)
    return b.build(), None


def fence(_: int) -> tuple[Model, None]:
    """Four metres of a wooden fence, 1.2 m high."""
    b = Builder()
    b.face(((0, 0, 0), (4.0, 0, 0), (4.0, 0, 1.2), (0, 0, 1.2)), "fence", normals=[(0, 0, 1.0)] * 4, tinted=1.0,
           both_sides=True)  # fmt: skip
    return b.build(), None


def guard_rail(_: int) -> tuple[Model, Model]:
    """Four metres of a steel guard rail, 0.75 m high; its face looks to -y, the road being on its right."""
    far = Builder()
    far.face(((0, 0, 0.44), (4.0, 0, 0.44), (4.0, 0, 0.75), (0, 0, 0.75)), "rail", both_sides=True)
    b = Builder()
    b.face(((0, 0, 0.44), (4.0, 0, 0.44), (4.0, 0, 0.75), (0, 0, 0.75)), "rail", both_sides=True)
    b.face(((1.95, 0.04, 0), (2.05, 0.04, 0), (2.05, 0.04, 0.7), (1.95, 0.04, 0.7)), "plain_guard_rail", _STEEL,
           both_sides=True)  # fmt: skip
    return b.build(), far.build()


def _sign(picture: str, width: float, low: float) -> tuple[Model, None]:
    b = Builder()
    half = width / 2
    b.box((-0.04, -0.04, 0.0), (0.04, 0.04, low + width), "plain_poles", _STEEL, cover=False)
    b.face(((0.06, -half, low), (0.06, half, low), (0.06, half, low + width), (0.06, -half, low + width)), picture)
    b.face(((-0.05, half, low), (-0.05, -half, low), (-0.05, -half, low + width), (-0.05, half, low + width)), picture,
           (0.42, 0.42, 0.43))  # fmt: skip
    return b.build(), None


def sign_curve(_: int) -> tuple[Model, None]:
    """A chevron board, 0.9 m, seen from the front pointing to the right (turned by pi it would show its back)."""
    return _sign("sign_curve", 0.9, 0.7)


def sign_limit(_: int) -> tuple[Model, None]:
    """A round speed-limit sign, 0.7 m wide, its lower edge at 1.7 m."""
    return _sign("sign_limit", 0.7, 1.7)


def lamp(_: int) -> tuple[Model, Model]:
    """A street lamp, 8 m high, its arm along +x."""
    b = Builder()
    b.tube(((0.0, 0.10), (7.9, 0.06)), 4, "plain_poles", _STEEL)
    b.box((0.0, -0.05, 7.8), (1.7, 0.05, 7.9), "plain_poles", _STEEL)
    b.box((1.3, -0.14, 7.68), (2.1, 0.14, 7.82), "plain_poles", (0.93, 0.92, 0.86))
    far = Builder()
    far.face(((0, -0.08, 0), (0, 0.08, 0), (0, 0.08, 7.9), (0, -0.08, 7.9)), "plain_poles", _STEEL, both_sides=True)
    far.face(((-0.08, 0, 0), (0.08, 0, 0), (0.08, 0, 7.9), (-0.08, 0, 7.9)), "plain_poles", _STEEL, both_sides=True)
    far.face(((0, 0, 7.7), (2.1, 0, 7.7), (2.1, 0, 7.9), (0, 0, 7.9)), "plain_poles", _STEEL, both_sides=True)
    return b.build(), far.build()


def hay_bale(_: int) -> tuple[Model, Model]:
    """A round bale of hay lying on its side, 1.4 m high."""
    b = Builder()
    sides = 9
    ring = []
    for k in range(sides):
        angle = 2 * math.pi * k / sides
        ring.append((0.7 * math.sin(angle), 0.7 - 0.7 * math.cos(angle)))
    for k in range(sides):
        (x0, z0), (x1, z1) = ring[k], ring[(k + 1) % sides]
        b.face(((x0, -0.6, z0), (x0, 0.6, z0), (x1, 0.6, z1), (x1, -0.6, z1)), "hay", tinted=1.0)
    uv = [(0.5 + 0.5 * x / 0.7, 0.5 * z / 0.7) for x, z in ring]
    b.face([(x, -0.6, z) for x, z in ring], "hay", (0.86, 0.84, 0.80), uv=uv, tinted=1.0)
    b.face([(x, 0.6, z) for x, z in reversed(ring)], "hay", (0.86, 0.84, 0.80), uv=uv[::-1], tinted=1.0)
    model = b.build()
    return model, model
