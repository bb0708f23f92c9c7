"""The map from above with the route and the car, as a picture: for ``render()``, videos and reports.

The land and the roads are painted once for each world; a frame then costs a copy, a triangle and the trail.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from envs.driving.ground import Bounds, bounds
from envs.driving.shapes import UNPAVED, SectionShape, network_shapes
from envs.driving.themes import theme as find_theme
from envs.render.noise import fractal_noise
from envs.render.scene import Instance
from envs.render.textures import texture
from envs.road.geometry import Array
from envs.road.network import RoadNetwork
from liquid_pilot.randomness import generator

Picture = NDArray[np.uint8]

_SUB = 4
"""Binary places of cv2's drawing coordinates."""
_LARGEST = 4096
"""Pixels; a background never gets larger."""
_ROAD = (112, 112, 116)
_PAVEMENT = (168, 164, 158)
_ROUTE = (52, 132, 240)
_TRAIL = (250, 204, 60)
_CAR = (226, 52, 44)
_OUTLINE = (255, 255, 255)
_LINE = (206, 206, 204)
_HOUSE = (196, 122, 98)
_HOUSE_EDGE = (120, 70, 58)
_PAVEMENTS = frozenset({"sidewalk", "walking", "curb"})
_CROWNS: dict[str, tuple[float, tuple[int, int, int]]] = {
    "deciduous": (3.2, (96, 142, 66)),
    "birch": (1.9, (126, 160, 76)),
    "conifer": (2.4, (58, 104, 68)),
    "bush": (1.0, (104, 142, 72)),
    "cactus": (0.8, (92, 128, 80)),
    "rock": (1.0, (150, 146, 140)),
}
"""Radius in metres and colour of what is drawn as a round spot."""
_HOUSES: dict[str, tuple[float, float]] = {
    "house": (9.0, 11.0),
    "house_wide": (9.0, 17.0),
    "house_tall": (9.0, 8.0),
    "barn": (10.0, 16.0),
    "church": (9.0, 18.0),
    "building": (12.0, 16.0),
    "building_tall": (16.0, 18.0),
}
"""Length and width in metres."""


class MapView:
    """Pictures of one world from above, north (+y) up.

    Args:
        network: the map.
        width, height: of the pictures, pixels.
        theme: name of the theme, for the colour of the land.
        route: (N, 2 or 3) points of the route, metres; drawn as a line when given.
        span: metres of land across the picture's width, centred on the car; None = the whole route (without a route:
            the whole map), always the same view.
        instances: props of the scene; houses and trees are drawn.
    """

    def __init__(
        self,
        network: RoadNetwork,
        width: int,
        height: int,
        theme: str = "meadow",
        route: Array | None = None,
        span: float | None = None,
        instances: Sequence[Instance] = (),
    ) -> None:
        self.width, self.height = width, height
        self.moving = span is not None
        shapes = network_shapes(network, tolerance=0.1, max_step=8.0)
        area = bounds(shapes)
        if route is not None and not self.moving:
            (x0, y0), (x1, y1) = route[:, :2].min(0).tolist(), route[:, :2].max(0).tolist()
            area = Bounds((x0, y0), (x1, y1)).grown(8.0)
        if span is not None:
            scale = min(width / span, _LARGEST / (max(area.size) + 2.0 * span))
            margin = 0.6 * span * max(1.0, height / width)
        else:
            scale = min(0.9 * width / max(area.size[0], 1.0), 0.9 * height / max(area.size[1], 1.0))
            margin = 0.0
        self.scale = scale
        """Pixels per metre."""
        if self.moving:
            area = area.grown(margin)
            size = int(np.ceil(area.size[0] * scale)), int(np.ceil(area.size[1] * scale))
            self._origin = area.low[0], area.high[1]
        else:
            size = width, height
            middle = 0.5 * (area.low[0] + area.high[0]), 0.5 * (area.low[1] + area.high[1])
            self._origin = middle[0] - 0.5 * width / scale, middle[1] + 0.5 * height / scale
        picture = _land(theme, size, scale)
        self._paint_roads(picture, shapes)
        self._paint_props(picture, instances)
        if route is not None:
            thick = max(1, round(0.9 * scale)) if self.moving else 2
            cv2.polylines(picture, [self._pixels(route[:, :2])], False, _ROUTE, thick, cv2.LINE_AA, shift=_SUB)
            self._dot(picture, route[0, :2], (60, 170, 90))
            self._dot(picture, route[-1, :2], (40, 40, 44))
        self._background = picture

    def draw(self, x: float, y: float, heading: float, trail: Array | None = None) -> Picture:
        """The map (height, width, 3) uint8 RGB with the car at (x, y) metres, heading in radians.

        ``trail`` (N, 2): where the car has been.
        """
        if self.moving:
            left = (x - self._origin[0]) * self.scale - 0.5 * self.width
            top = (self._origin[1] - y) * self.scale - 0.5 * self.height
            picture, corner = _window(self._background, round(left), round(top), self.width, self.height)
        else:
            picture, corner = self._background.copy(), (0, 0)
        if trail is not None and len(trail) > 1:
            points = self._pixels(trail[:, :2], corner)
            cv2.polylines(picture, [points], False, _TRAIL, 2, cv2.LINE_AA, shift=_SUB)
        c, s = np.cos(heading), np.sin(heading)
        reach = max(4.6 if self.moving else 0.0, 9.0 / self.scale)
        shape = reach * np.array(((1.0, 0.0), (-0.75, 0.65), (-0.4, 0.0), (-0.75, -0.65)))
        arrow = self._pixels(shape @ np.array(((c, s), (-s, c))) + (x, y), corner)
        cv2.fillPoly(picture, [arrow], _CAR, cv2.LINE_AA, shift=_SUB)
        cv2.polylines(picture, [arrow], True, _OUTLINE, 1, cv2.LINE_AA, shift=_SUB)
        return picture

    def _pixels(self, points: Array, corner: tuple[int, int] = (0, 0)) -> NDArray[np.int32]:
        """World points (N, 2) in cv2's fixed-point pixels of the picture that starts at ``corner``."""
        column = (points[:, 0] - self._origin[0]) * self.scale - corner[0] - 0.5
        row = (self._origin[1] - points[:, 1]) * self.scale - corner[1] - 0.5
        return np.rint(np.stack((column, row), 1) * (1 << _SUB)).astype(np.int32)

    def _dot(self, picture: Picture, point: Array, colour: tuple[int, int, int]) -> None:
        column, row = self._pixels(point[None])[0].tolist()
        radius = int(max(4.0, 1.6 * self.scale) * (1 << _SUB)) if self.moving else 4 << _SUB
        cv2.circle(picture, (column, row), radius, colour, -1, cv2.LINE_AA, shift=_SUB)
        cv2.circle(picture, (column, row), radius, _OUTLINE, 1, cv2.LINE_AA, shift=_SUB)

    def _paint_roads(self, picture: Picture, shapes: Sequence[SectionShape]) -> None:
        """Pavements first, then asphalt, then the borders of driving lanes as thin light lines."""
        order = ((_PAVEMENT, _PAVEMENTS.__contains__), (_ROAD, lambda kind: kind not in _PAVEMENTS | UNPAVED))
        for colour, wanted in order:
            for shape in shapes:
                for number, kind in enumerate(shape.types):
                    if wanted(kind):
                        self._strip(picture, shape.borders[number, :, :2], shape.borders[number + 1, :, :2], colour)
        if self.scale < 1.2:
            return
        for shape in shapes:
            span = shape.span("driving")
            if span is not None and shape.junction is None:
                for border in range(span[0], span[1] + 1):
                    points = self._pixels(shape.borders[border, :, :2])
                    cv2.polylines(picture, [points], False, _LINE, 1, cv2.LINE_AA, shift=_SUB)

    def _strip(self, picture: Picture, left: Array, right: Array, colour: tuple[int, int, int]) -> None:
        quads = np.stack((left[:-1], left[1:], right[1:], right[:-1]), 1)
        for quad in self._pixels(quads.reshape(-1, 2)).reshape(-1, 4, 2):
            cv2.fillConvexPoly(picture, quad, colour, cv2.LINE_AA, shift=_SUB)

    def _paint_props(self, picture: Picture, instances: Sequence[Instance]) -> None:
        """Trees as round spots, houses as the blocks that they are."""
        for item in instances:
            if item.kind in _CROWNS:
                size = item.scale if isinstance(item.scale, float) else 1.0
                radius, colour = _CROWNS[item.kind]
                shade = np.clip(np.array(colour) * item.tint, 0, 255).astype(int).tolist()
                column, row = self._pixels(np.array([item.position[:2]]))[0].tolist()
                pixels = int(max(radius * size * self.scale, 1.0) * (1 << _SUB))
                cv2.circle(picture, (column, row), pixels, shade, -1, cv2.LINE_AA, shift=_SUB)
            elif item.kind in _HOUSES:
                length, width = _HOUSES[item.kind]
                c, s = np.cos(item.yaw), np.sin(item.yaw)
                corners = 0.5 * np.array(((length, width), (length, -width), (-length, -width), (-length, width)))
                block = self._pixels(corners @ np.array(((c, s), (-s, c))) + item.position[:2])
                cv2.fillConvexPoly(picture, block, _HOUSE, cv2.LINE_AA, shift=_SUB)
                cv2.polylines(picture, [block], True, _HOUSE_EDGE, 1, cv2.LINE_AA, shift=_SUB)


def _land(theme: str, size: tuple[int, int], scale: float) -> Picture:
    """A quiet picture (height, width, 3) of the theme's ground."""
    look = find_theme(theme)
    base = texture(look.ground).reshape(-1, 3).mean(0) * np.array(look.ground_tint).mean(0)
    base = 0.72 * base + 0.28 * 235.0  # paler than in the world: what matters is the road
    width, height = size
    coarse = (max(8, min(256, height // 8)), max(8, min(256, width // 8)))
    cells = (max(2, round(height / scale / 60.0)), max(2, round(width / scale / 60.0)))
    noise = fractal_noise(generator(0, "map-land"), coarse, (min(cells[0], coarse[0]), min(cells[1], coarse[1])), 3)
    wide = cv2.resize(0.90 + 0.20 * noise, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.clip(base * wide[..., None], 0, 255).astype(np.uint8))


def _window(picture: Picture, left: int, top: int, width: int, height: int) -> tuple[Picture, tuple[int, int]]:
    """A copy of a part of the picture, moved inside where it would reach beyond; and its corner (column, row)."""
    rows, columns = picture.shape[:2]
    if rows < height or columns < width:
        picture = cv2.copyMakeBorder(  # type: ignore[assignment]
            picture, 0, max(0, height - rows), 0, max(0, width - columns), cv2.BORDER_REPLICATE
        )
        rows, columns = picture.shape[:2]
    column, row = min(max(left, 0), columns - width), min(max(top, 0), rows - height)
    return np.ascontiguousarray(picture[row : row + height, column : column + width]), (column, row)
