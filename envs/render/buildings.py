"""Houses, barns, a church and street buildings; their fronts look along +x."""

from __future__ import annotations

from envs.render.modelling import Builder, Model
from envs.render.scene import Colour

_ROOFS: tuple[Colour, ...] = ((0.74, 0.36, 0.26), (0.60, 0.34, 0.26), (0.42, 0.42, 0.46), (0.52, 0.40, 0.30))
_WALLS = ("plaster", "timber", "plaster", "brick")
_PAINTS: tuple[Colour, ...] = ((0.97, 0.94, 0.86), (0.98, 0.97, 0.94), (0.95, 0.86, 0.66), (1.0, 0.98, 0.96))


def _gabled(
    b: Builder, size: tuple[float, float, float], rise: float, front: str, side: str, gable: str,
    paint: Colour, roof: Colour, tiles: str = "tiles", overhang: float = 0.45, tinted: float = 1.0,
) -> None:  # fmt: skip
    """A house of (length along x, width along y, wall height); its ridge runs along y, +x is below the eaves."""
    length, width, wall = size
    x, y = length / 2, width / 2
    top = wall + rise
    b.face(((x, -y, 0), (x, y, 0), (x, y, wall), (x, -y, wall)), front, paint, tinted=tinted)
    b.face(((-x, y, 0), (-x, -y, 0), (-x, -y, wall), (-x, y, wall)), side, paint, tinted=tinted)
    for s in (1, -1):
        b.face(((s * x, s * y, 0), (-s * x, s * y, 0), (-s * x, s * y, wall), (s * x, s * y, wall)), side, paint,
               tinted=tinted)  # fmt: skip
        b.face(((s * x, s * y, wall), (-s * x, s * y, wall), (0, s * y, top)), gable, paint,
               uv=((0.0, 0.0), (1.0, 0.0), (0.5, 1.0)), tinted=tinted)  # fmt: skip
        drop = overhang * rise / x
        ex, ez, ey = x + overhang, wall - drop, y + overhang
        b.face(((s * ex, -s * ey, ez), (s * ex, s * ey, ez), (0, s * ey, top), (0, -s * ey, top)), tiles, roof)
        # Underside of the eaves, seen from below.
        under = wall - 0.02
        b.face(((s * ex, s * ey, ez), (s * ex, -s * ey, ez), (s * x, -s * ey, under), (s * x, s * ey, under)),
               "plain_buildings", (0.55, 0.48, 0.40))  # fmt: skip


def _house(size: tuple[float, float, float], rise: float, variant: int, chimney: bool = True) -> tuple[Model, Model]:
    """A dwelling in one of the looks: walls of plaster, timber or brick, roof colours."""
    look = variant % len(_WALLS)
    wall, paint, roof = _WALLS[look], _PAINTS[look], _ROOFS[(variant // 2) % len(_ROOFS)]
    tiles = "slate" if roof == _ROOFS[2] else "tiles"
    near = Builder()
    _gabled(near, size, rise, f"{wall}_front", f"{wall}_side", f"{wall}_gable", paint, roof, tiles)
    if chimney:
        cx, cy, cz = -size[0] * 0.16, size[1] * 0.22, size[2] + rise
        near.box((cx - 0.35, cy - 0.35, cz - 1.4), (cx + 0.35, cy + 0.35, cz + 0.7), "plain_buildings",
                 (0.55, 0.34, 0.27))  # fmt: skip
    far = Builder()
    _gabled(far, size, rise, f"{wall}_front", f"{wall}_side", f"{wall}_gable", paint, roof, tiles)
    return near.build(), far.build()


def house(variant: int) -> tuple[Model, Model]:
    """A one-family house, 9 x 11 m, 7.6 m high."""
    return _house((9.0, 11.0, 4.6), 3.0, variant)


def house_wide(variant: int) -> tuple[Model, Model]:
    """A farm house, 9 x 17 m, 8 m high."""
    return _house((9.0, 17.0, 4.8), 3.2, variant + 1)


def house_tall(variant: int) -> tuple[Model, Model]:
    """A narrow town house, 9 x 8 m, 10 m high with a steep roof."""
    return _house((9.0, 8.0, 6.2), 4.0, variant + 2)


def barn(_: int) -> tuple[Model, Model]:
    """A wooden barn, 10 x 16 m, 8 m high."""
    b = Builder()
    _gabled(b, (10.0, 16.0, 4.6), 3.4, "barn_front", "planks", "planks", (0.95, 0.86, 0.80), (0.50, 0.34, 0.28))
    model = b.build()
    return model, model


def church(_: int) -> tuple[Model, Model]:
    """A village church: a nave of 9 x 18 m and a tower of 24 m with a spire."""
    b = Builder()
    white = (0.98, 0.97, 0.93)
    _gabled(b, (9.0, 16.0, 6.5), 4.5, "church", "church", "plaster_gable", white, (0.50, 0.33, 0.28), tinted=0.0)
    b.box((-2.5, 8.0, 0.0), (2.5, 13.0, 15.0), "church", white, cover=False)
    for s in (1, -1):
        b.face(((s * 2.9, 10.5 - s * 2.9, 14.9), (s * 2.9, 10.5 + s * 2.9, 14.9), (0, 10.5, 24.0)), "slate",
               (0.40, 0.42, 0.44), uv=((0, 0), (1, 0), (0.5, 1)))  # fmt: skip
        b.face(((s * 2.9, 10.5 + s * 2.9, 14.9), (-s * 2.9, 10.5 + s * 2.9, 14.9), (0, 10.5, 24.0)), "slate",
               (0.40, 0.42, 0.44), uv=((0, 0), (1, 0), (0.5, 1)))  # fmt: skip
    model = b.build()
    return model, model


_TOWN_PAINTS: tuple[Colour, ...] = (
    (0.93, 0.86, 0.74), (0.80, 0.58, 0.48), (0.88, 0.88, 0.86), (0.78, 0.80, 0.70), (0.90, 0.76, 0.56),
)  # fmt: skip


def building(variant: int) -> tuple[Model, Model]:
    """A street building with a shop, 12 x 16 m, 13 m high, under a low hip roof."""
    b = Builder()
    paint = _TOWN_PAINTS[variant % len(_TOWN_PAINTS)]
    b.box((-6.0, -8.0, 0.0), (6.0, 8.0, 13.0), "shops", paint, tinted=1.0, cover=False)
    roof = (0.50, 0.36, 0.30) if variant % 2 else (0.42, 0.42, 0.44)
    for s in (1, -1):
        b.face(((s * 6.4, -s * 8.4, 12.9), (s * 6.4, s * 8.4, 12.9), (0, s * 4.0, 15.2), (0, -s * 4.0, 15.2)),
               "slate", roof)  # fmt: skip
        b.face(((s * 6.4, s * 8.4, 12.9), (-s * 6.4, s * 8.4, 12.9), (0, s * 4.0, 15.2)), "slate", roof,
               uv=((0, 0), (1, 0), (0.5, 1)))  # fmt: skip
    model = b.build()
    return model, model


def building_tall(variant: int) -> tuple[Model, Model]:
    """An office block, 16 x 18 m, 24 m high, with a flat roof."""
    b = Builder()
    paint = ((0.92, 0.92, 0.93), (0.86, 0.80, 0.72), (0.74, 0.78, 0.82))[variant % 3]
    b.box((-8.0, -9.0, 0.0), (8.0, 9.0, 24.0), "offices", paint, top="plain_buildings", tinted=1.0)
    b.box((-3.0, -3.0, 24.0), (3.0, 3.0, 26.4), "plain_buildings", (0.62, 0.62, 0.62))
    model = b.build()
    return model, model
