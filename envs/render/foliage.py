"""Leaves, needles, bark and grass for the atlas; greys for what vertex colours tint, holes in the alpha channel.

Every painter takes a generator and a shape (H, W) and gives float (H, W, 3 or 4) in 0..1; row 0 is the top.
"""

from __future__ import annotations

import math

import numpy as np

from envs.render.noise import FloatArray, fractal_noise, smoothstep, value_noise

_TRUNK = (0.42, 0.36, 0.30)


class _Canvas:
    """Greys and alpha that leaves are dabbed on, later ones over earlier ones."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        self.colour = np.zeros((*shape, 4))

    def dab(self, x: float, y: float, rx: float, ry: float, tone: float) -> None:
        """An ellipse at (x right, y down) with radii (rx, ry), all in pixels, of brightness ``tone``."""
        height, width = self.shape
        x0, x1 = max(int(x - rx), 0), min(int(x + rx) + 2, width)
        y0, y1 = max(int(y - ry), 0), min(int(y + ry) + 2, height)
        if x0 >= x1 or y0 >= y1:
            return
        dx = (np.arange(x0, x1) - x) / rx
        dy = (np.arange(y0, y1) - y) / ry
        inside = dx[None, :] * dx[None, :] + dy[:, None] * dy[:, None] <= 1
        self.colour[y0:y1, x0:x1][inside] = (tone, tone, tone, 1.0)

    def stem(self, x: float, top: int, bottom: int, width_top: float, width_bottom: float) -> None:
        """A tapering trunk in its own brown, drawn as it will look (the tint of leaves is undone by eye)."""
        for row in range(top, bottom):
            share = (row - top) / max(bottom - top, 1)
            half = 0.5 * (width_top + (width_bottom - width_top) * share)
            left, right = max(int(x - half), 0), int(x + half) + 1
            columns = np.arange(left, right)
            tone = 1.1 - 0.5 * (columns - left) / max(right - left, 1)
            self.colour[row, left:right, :3] = np.array(_TRUNK) * tone[:, None]
            self.colour[row, left:right, 3] = 1.0

    def finish(self) -> FloatArray:
        """The picture; hidden pixels get the mean foliage grey, so that smaller mipmaps have no dark seams."""
        self.colour[self.colour[..., 3] == 0, :3] = 0.62
        return self.colour


def _crown(
    canvas: _Canvas,
    rng: np.random.Generator,
    box: tuple[float, float, float, float],
    clumps: int,
    leaves: int,
    leaf: float,
) -> None:
    """A leafy crown in the box (left, top, right, bottom): clumps of leaves, dark inside and below, light on top."""
    left, top, right, bottom = box
    cx, cy, rx, ry = (left + right) / 2, (top + bottom) / 2, (right - left) / 2, (bottom - top) / 2
    spots = []
    for index in range(clumps):  # a sunflower's pattern, so that no crown has a hole by chance
        radius, angle = math.sqrt((index + 0.5) / clumps), 2.39996 * index + 0.9 * rng.random()
        radius *= 0.62 + 0.16 * rng.random()
        spots.append((radius * math.cos(angle), radius * math.sin(angle)))
    spots.sort(key=lambda spot: -spot[1])  # lower clumps first: upper ones lie over them
    for sx, sy in [(0.0, 0.1), *spots]:
        size = 0.30 + 0.16 * rng.random()
        for index in range(leaves):
            # Later leaves lie nearer to the clump's lit top.
            share = index / leaves
            dx, dy = rng.random(2) * 2 - 1
            if dx * dx + dy * dy > 1:
                continue
            x = cx + rx * (sx + size * dx * (1 - 0.25 * share))
            y = cy + ry * (sy + size * (dy * (1 - 0.3 * share) - 0.28 * share))
            light = 0.56 + 0.28 * share - 0.18 * sy - 0.14 * dy + 0.14 * rng.random()
            canvas.dab(x, y, leaf * (0.6 + 0.6 * rng.random()), leaf * (0.5 + 0.5 * rng.random()), min(light, 1.0))


def deciduous_card(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """A broad tree, crown over a short trunk; the picture is as wide as high."""
    height, width = shape
    canvas = _Canvas(shape)
    canvas.stem(width / 2, int(height * 0.55), height, width * 0.030, width * 0.065)
    _crown(canvas, rng, (0.04 * width, 0.01 * height, 0.96 * width, 0.80 * height), 17, 95, width * 0.019)
    return canvas.finish()


def birch_card(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """A slender tree with a white trunk; twice as high as wide."""
    height, width = shape
    canvas = _Canvas(shape)
    canvas.stem(width / 2, int(height * 0.2), height, width * 0.03, width * 0.075)
    trunk = canvas.colour[..., 3] > 0
    canvas.colour[trunk, :3] = 0.95 - 0.6 * (rng.random((int(trunk.sum()), 1)) < 0.22)
    _crown(canvas, rng, (0.08 * width, 0.01 * height, 0.92 * width, 0.72 * height), 15, 60, width * 0.030)
    return canvas.finish()


def leaf_cluster(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """A ragged clump of leaves, for the crowns of near trees."""
    height, width = shape
    canvas = _Canvas(shape)
    _crown(canvas, rng, (0.02 * width, 0.02 * height, 0.98 * width, 0.98 * height), 11, 80, width * 0.034)
    return canvas.finish()


def needle_skirt(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """Boughs that hang down from the top edge and end in points, for the tiers of near conifers."""
    height, width = shape
    canvas = _Canvas(shape)
    canvas.colour[: height // 3] = (0.45, 0.45, 0.45, 1.0)
    for column in np.arange(0, width, 3):
        bough = (column * 11 // width) + 0.5
        middle = abs((column * 11 / width) - bough) * 2
        length = height * (0.97 - 0.30 * middle - 0.14 * rng.random())
        for y in np.arange(0, length, 2.2):
            tone = 0.36 + 0.38 * y / height + 0.24 * rng.random()
            canvas.dab(column + 3 * (rng.random() - 0.5), y, 1.1 + 1.2 * rng.random(), 2.6, tone)
    return canvas.finish()


def bush_card(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """A round bush that stands on the lower edge."""
    height, width = shape
    canvas = _Canvas(shape)
    _crown(canvas, rng, (0.02 * width, 0.04 * height, 0.98 * width, 1.12 * height), 13, 70, width * 0.030)
    return canvas.finish()


def grass_tuft(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """Blades that fan out from the lower edge."""
    height, width = shape
    canvas = _Canvas(shape)
    for _ in range(46):
        x, lean = width * (0.25 + 0.5 * rng.random()), (rng.random() - 0.5) * width * 0.62
        length, tone = height * (0.45 + 0.52 * rng.random()), 0.50 + 0.40 * rng.random()
        for step in range(24):
            share = step / 23
            canvas.dab(
                x + lean * share * share, height - 1 - length * share, 1.3 - 0.7 * share, 1.6, tone + 0.2 * share
            )
    return canvas.finish()


def bark(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """Furrowed brown bark."""
    furrows = fractal_noise(rng, shape, (4, 12), 3, 0.6)
    return np.asarray(np.array(_TRUNK) * (0.55 + 0.9 * furrows)[..., None])


def birch_bark(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """White bark with dark dashes."""
    dashes = smoothstep(0.68, 0.78, value_noise(rng, shape, (shape[0] // 2, 6)))
    return np.asarray((0.92 - 0.68 * dashes)[..., None] * np.array((1.0, 0.99, 0.95)))


def cactus_skin(rng: np.random.Generator, shape: tuple[int, int]) -> FloatArray:
    """Ribs from top to bottom with pale spines."""
    columns = np.arange(shape[1])
    ribs = np.array([0.62 + 0.3 * abs(math.cos(math.pi * c / 8)) for c in columns])
    tone = np.repeat(ribs[None, :], shape[0], axis=0)
    tone[(rng.random(shape) < 0.35) & (columns % 8 == 0)[None, :]] = 1.0
    return np.repeat(tone[..., None], 3, axis=2)
