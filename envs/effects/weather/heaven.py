"""The sky behind everything, painted anew along the pixels' rays: colours of the hour, sun, clouds, hills.

The land's own hills and cloud field (`envs.render.sky`) are laid out once on a disc, the sphere seen in stereographic
projection: the zenith in the middle, the horizon a circle, ten degrees below it the edge. Looking up a ray there takes
a division and no arc tangent. Everything that depends on the weather is computed per pixel instead of being baked into
a picture: weather may change with every frame, and nothing may jump.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from envs.effects.weather.conditions import Conditions, blend, scaled, smooth
from envs.effects.weather.view import Places, Planes, Shot
from envs.render import sky as painted
from envs.render.labels import Label
from envs.render.noise import fractal_noise
from envs.render.scene import Colour, Sky
from liquid_pilot.randomness import generator

_SIDE = 768
"""Pixels of the disc's picture."""
_HORIZON = 322.0
"""Radius of the horizon on it, pixels; also pixels per radian there."""
_FIELD = 512
_SOFT = 0.16
"""Width of the clouds' edge in steps of the field; as in `envs.render.sky`."""


class Disc(NamedTuple):
    """What of a land's sky does not change with the weather, each (768, 768)."""

    hills: NDArray[np.uint8]
    """(.., 4) colour of the hills by the land's own light, and how much of the pixel they cover."""
    clouds: NDArray[np.uint8]
    """(.., 3) cloud field, brightness towards the land's own sun, and stars."""


def _disc(sky: Sky) -> Disc:
    """The hills and the cloud field of this sky on the disc."""
    middle = _SIDE / 2
    x, y = np.meshgrid((np.arange(_SIDE) + 0.5 - middle) / _HORIZON, (np.arange(_SIDE) + 0.5 - middle) / _HORIZON)
    square = x * x + y * y
    z = (1.0 - square) / (1.0 + square)
    # The renderer's picture: azimuth to the right, rows by the dome's rings.
    ring = painted.dome()[0]
    shares, first = np.unique(ring.uv[:, 1], return_index=True)
    elevations = np.arcsin(np.clip(ring.vertices[first, 2], -1.0, 1.0))
    source, marks = painted.picture(sky), painted.labels(sky)
    height, width = marks.shape
    column = np.mod(np.arctan2(y, x) / (2 * math.pi), 1.0) * width - 0.5
    row = (1.0 - np.interp(np.arcsin(z), elevations, shares)) * height - 0.5
    hilly = marks == Label.TERRAIN
    # Between the ranges' outline and the sky colours must not mix: each column's hills are continued upwards first.
    rows = np.where(hilly, np.arange(height)[:, None], height - 1).min(axis=0)
    tops = np.maximum(np.arange(height)[:, None], rows[None, :])
    solid = np.take_along_axis(source, tops[..., None], axis=0)
    four = np.dstack((solid, hilly.astype(np.uint8) * 255))
    # Azimuth goes round: one column more on either side, and no interpolation across the seam.
    four = np.concatenate((four[:, -1:], four, four[:, :1]), axis=1)
    hills = cv2.remap(
        four, (column + 1).astype(np.float32), row.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return Disc(np.asarray(hills, dtype=np.uint8), _cloud_disc(sky, x, y, square, z))


def _cloud_disc(
    sky: Sky, x: NDArray[np.float64], y: NDArray[np.float64], square: NDArray[np.float64], z: NDArray[np.float64]
) -> NDArray[np.uint8]:
    # The same field and the same perspective as in the renderer's picture: the same clouds grow.
    field = fractal_noise(generator(sky.seed, "clouds"), (_FIELD, _FIELD), (6, 6), 6, 0.55)
    up = np.clip(z, 0.0, 1.0)
    scale = 2.0 / (1.0 + square) / (up + 0.12) * 70
    column, row = (x * scale + 40).astype(np.int64), (y * scale + 200).astype(np.int64)
    here = field[row % _FIELD, column % _FIELD]
    sun = sky.sun_direction
    ahead = field[(row + round(6 * float(sun[1]))) % _FIELD, (column + round(6 * float(sun[0]))) % _FIELD]
    lit = np.clip(0.6 + 5.0 * (here - ahead), 0.0, 1.0)
    rng = generator(sky.seed, "stars")
    stars = np.zeros(here.shape, dtype=np.uint8)
    at = rng.integers(0, _SIDE, (2, 900))
    stars[at[0], at[1]] = (40 + 215 * rng.random(900) ** 4).astype(np.uint8)
    stars[z < 0.02] = 0
    return np.dstack(((here * 255 + 0.5).astype(np.uint8), (lit * 255 + 0.5).astype(np.uint8), stars))


class Tones(NamedTuple):
    """Colours of the sky under these conditions."""

    zenith: Colour
    horizon: Colour
    glow: Colour
    """Of the horizon on the sun's side."""
    grey: Colour
    """Of the underside of closed cloud."""
    hills: Colour
    """Factor on the hills' own colours."""


class Heaven:
    """The sky of one land in any weather.

    Args:
        sky: as the land's own pictures show it.
    """

    def __init__(self, sky: Sky) -> None:
        self.sky = sky
        self._last: tuple[Conditions, Tones] | None = None

    @cached_property
    def disc(self) -> Disc:
        """What of it does not change with the weather; made at the first use."""
        return _disc(self.sky)

    def tones(self, now: Conditions) -> Tones:
        """Colours of the sky under these conditions."""
        # Several parts of a frame ask, mostly for what was there in the frame before.
        last = self._last
        if last is None or last[0] is not now:
            last = self._last = now, self._tones(now)
        return last[1]

    def _tones(self, now: Conditions) -> Tones:
        hour = now.hour
        zenith = blend(hour.zenith, self.sky.zenith, hour.own)
        horizon = blend(hour.horizon, self.sky.horizon, hour.own)
        if now.blue != 1.0:
            zenith, horizon = _bluer(zenith, now.blue), _bluer(horizon, now.blue)
        # Closed cloud is lit from above by all of the sky: grey, and never as dark as the land.
        grey = scaled((0.73, 0.755, 0.785), now.gloom * (0.03 + 0.97 * hour.level))
        grey = blend(grey, scaled(blend(hour.glow, hour.horizon, 0.5), 0.8), 0.25 * smooth(20.0, 6.0, _altitude(now)))
        tint = blend(hour.shade, (0.97, 0.99, 1.02), 0.7 * now.overcast)
        return Tones(zenith, horizon, hour.glow, grey, scaled(tint, hour.level * now.gloom))

    def paint(self, planes: Planes, shot: Shot, now: Conditions) -> None:
        """Put the sky of these conditions into the picture's sky pixels; ``planes`` is changed."""
        where = shot.sky
        if not len(where) or now.repaint <= 0.0:
            return
        colour = self.colours(shot.world.reshape(3, -1).take(where, axis=1), shot.rays.stretch.take(where), now)
        flat = planes.reshape(3, -1)
        if now.repaint < 1.0:
            before = flat.take(where, axis=1)
            colour = before + np.float32(now.repaint) * (colour - before)
        for plane, part in zip(flat, colour, strict=True):
            plane[where] = part

    def colours(self, rays: Planes, stretch: NDArray[np.float32], now: Conditions) -> NDArray[np.float32]:
        """The sky's colours (3, P) along these rays (3, P), world, which are ``stretch`` (P,) long."""
        rays = rays / stretch
        tone = self.tones(now)
        up = np.clip(rays[2], -0.16, 1.0)
        thin = 1.0 - np.maximum(up, 0.0)
        thin = thin * thin * thin
        result = _outer([low - high for low, high in zip(tone.horizon, tone.zenith, strict=True)], thin)
        result += _column(tone.zenith)
        # Much of what follows is nothing in some weathers: only what is there is computed.
        glow = towards = None
        shine = (1.0 - now.hour.own) * (1.0 - now.overcast)
        if shine > 0.0 or now.direct > 0.0:
            towards = now.sun[0] * rays[0] + now.sun[1] * rays[1] + now.sun[2] * rays[2]
            np.maximum(towards, 0.0, out=towards)
            wide = towards * towards
            wide *= wide
            # The sun's side of a low sky glows along the horizon, and the air around the sun everywhere.
            if shine > 0.0:
                glow = wide * thin * np.float32(shine)
                result += (_column(tone.glow) - result) * glow
            if now.direct > 0.0:
                wide *= wide
                wide *= wide * np.float32(0.35 * now.direct * min(now.haze_glow, 2.5))
                result += (_column(tone.glow) - result) * wide
        places = _places(rays)
        self._cloud(result, places, up, glow, now)
        if towards is not None and now.direct > 0.0:
            result += _outer(_SUN, sun_disc(towards, now))
        hills = _planes(places.of(self.disc.hills), 1.0 / 255.0)
        hill, behind = hills[:3], 1.0 - hills[3]
        hill *= _column(tone.hills)
        result -= hill
        result *= behind
        result += hill
        return result

    def _cloud(
        self, plain: Planes, places: Places, up: NDArray[np.float32], glow: NDArray[np.float32] | None, now: Conditions
    ) -> None:
        """Put clouds, and the stars between them, before a cloudless sky ``plain`` (3, P), which is changed."""
        tone = self.tones(now)
        field, lit, star = _planes(places.of(self.disc.clouds), 1.0 / 255.0)
        threshold = 0.66 - 0.34 * now.clouds
        cover = _smoothstep((field - threshold) * np.float32(1.0 / _SOFT))
        cover *= _smoothstep(up * np.float32(1.0 / (0.10 - 0.085 * now.overcast)))
        cover *= np.float32(0.92 + 0.08 * now.overcast)
        stars = 0.8 * smooth(-6.0, -14.0, _altitude(now))
        if stars > 0.0:
            plain += star * np.float32(stars) * (1.0 - cover)
        thick = min(1.0, 1.25 * now.overcast)
        cloud: NDArray[np.float32] | None = None
        if thick > 0.0:
            # Closed cloud has a texture too: darker where it is thick.
            strength = 1.1 * now.overcast * (0.6 + 0.4 * now.rain)
            body = np.float32(thick * (1.0 + 0.5 * strength)) - field * np.float32(thick * strength)
            cloud = _outer(tone.grey, body)
        if thick < 1.0:
            white = _outer(now.hour.cloud, lit * np.float32(0.20 * (1.0 - thick)) + np.float32(0.80 * (1.0 - thick)))
            cloud = white if cloud is None else np.add(cloud, white, out=cloud)
        assert cloud is not None
        if glow is not None:
            cloud += (_column(tone.glow) - cloud) * (np.float32(0.4) * glow)
        cloud -= plain
        cloud *= cover
        plain += cloud

    def overhead(self, now: Conditions) -> Colour:
        """The mean colour of the sky some way up."""
        tone = self.tones(now)
        return blend(blend(tone.zenith, tone.horizon, 0.4), tone.grey, min(1.0, now.clouds))

    def hidden(self, now: Conditions) -> float:
        """0..1, how far the painted hills hide the sun and its glow; it sets gradually."""
        sun = np.array(now.sun)
        flat, high = math.hypot(sun[0], sun[1]), _altitude(now)
        heights = np.radians(high + np.linspace(-1.5, 1.5, 9))
        around = np.cos(heights) / max(flat, 1e-9)
        rays = np.stack((sun[0] * around, sun[1] * around, np.sin(heights))).astype(np.float32)
        return float(_places(rays).of(self.disc.hills)[:, 3].mean()) / 255.0


_SUN = (1.0, 0.93, 0.80)


def sun_disc(towards: NDArray[np.float32], now: Conditions) -> NDArray[np.float32]:
    """Brightness of the sun and its nearest surroundings where the cosine to it is ``towards``."""
    if now.direct <= 0.0:
        return np.zeros_like(towards)
    off = 1.0 - towards
    core, rim = 1.0 - math.cos(math.radians(1.0)), 1.0 - math.cos(math.radians(1.6))
    # Much brighter than white: what mirrors it on a wet road is white still.
    edge = _smoothstep((rim - off) / (rim - core)) * np.float32(2.5 * now.direct * now.direct)
    return np.asarray(edge + np.float32(0.30 * now.direct * now.direct) * (0.004 / (0.004 + off)), dtype=np.float32)


def _places(rays: NDArray[np.float32]) -> Places:
    """Where unit rays (3, P) meet the disc's pictures."""
    scale = np.float32(_HORIZON) / (1.0 + np.maximum(rays[2], -0.16))
    middle = np.float32(_SIDE / 2 - 0.5)
    return Places(rays[0] * scale + middle, rays[1] * scale + middle)


def _planes(values: NDArray[np.uint8], scale: float) -> Planes:
    """Values (P, C) as C rows of floats, times ``scale``."""
    result = np.empty((values.shape[1], len(values)), dtype=np.float32)
    for plane, part in zip(result, cv2.split(values[:, None]), strict=True):
        np.multiply(np.asarray(part)[:, 0], np.float32(scale), out=plane)
    return result


def _column(colour: Sequence[float]) -> NDArray[np.float32]:
    """(3, 1), to compute with colours (3, P)."""
    return np.array(colour, dtype=np.float32)[:, None]


def _outer(colour: Sequence[float], amount: NDArray[np.float32]) -> Planes:
    """(3, P) the colour, so much of it at each of P places."""
    return np.asarray(_column(colour) * amount, dtype=np.float32)


def _smoothstep(t: NDArray[np.float32]) -> NDArray[np.float32]:
    t = np.clip(t, 0.0, 1.0)
    rest = np.float32(3.0) - (t + t)
    rest *= t
    rest *= t
    return np.asarray(rest, dtype=np.float32)


def _bluer(colour: Colour, factor: float) -> Colour:
    grey = (colour[0] + colour[1] + colour[2]) / 3.0
    red, green, blue = (min(1.0, max(0.0, grey + (part - grey) * factor)) for part in colour)
    return red, green, blue


def _altitude(now: Conditions) -> float:
    return math.degrees(math.asin(max(-1.0, min(1.0, now.sun[2]))))
