"""The sky behind everything, painted anew along the pixels' rays: colours of the hour, sun, clouds, hills.

The land's own hills and cloud field (`envs.render.sky`) are laid out once on a disc, the sphere seen in stereographic
projection: the zenith in the middle, the horizon a circle, ten degrees below it the edge. Looking up a ray there takes
a division and no arc tangent. Everything that depends on the weather is computed per pixel instead of being baked into
a picture: weather may change with every frame, and nothing may jump.
"""

from __future__ import annotations

import math
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

    @cached_property
    def disc(self) -> Disc:
        """What of it does not change with the weather; made at the first use."""
        return _disc(self.sky)

    def tones(self, now: Conditions) -> Tones:
        """Colours of the sky under these conditions."""
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
        towards = now.sun[0] * rays[0] + now.sun[1] * rays[1] + now.sun[2] * rays[2]
        np.maximum(towards, 0.0, out=towards)
        wide = towards * towards
        wide = wide * wide
        # The sun's side of a low sky glows along the horizon, and the air around the sun everywhere.
        glow = wide * thin * np.float32((1.0 - now.hour.own) * (1.0 - now.overcast))
        halo = wide * wide * wide * wide
        halo *= np.float32(0.35 * now.direct * min(now.haze_glow, 2.5))
        places = _places(rays)
        field, lit, star = (part * np.float32(1.0 / 255.0) for part in _channels(places, self.disc.clouds))
        threshold = 0.66 - 0.34 * now.clouds
        cover = _smoothstep((field - threshold) / _SOFT)
        cover *= _smoothstep(up / (0.10 - 0.085 * now.overcast)) * np.float32(0.92 + 0.08 * now.overcast)
        # Closed cloud has a texture too: darker where it is thick.
        body = 1.0 + (0.5 - field) * np.float32(1.1 * now.overcast * (0.6 + 0.4 * now.rain))
        thick = np.float32(min(1.0, 1.25 * now.overcast))
        white = (0.80 + 0.20 * lit) * (1.0 - thick)
        starlight = star * np.float32(0.8 * smooth(-6.0, -14.0, _altitude(now))) * (1.0 - cover)
        disc_light = sun_disc(towards, now)
        hills = _channels(places, self.disc.hills)
        behind = 1.0 - hills[3] * np.float32(1.0 / 255.0)
        result = np.empty((3, len(up)), dtype=np.float32)
        for channel in range(3):
            plain = tone.zenith[channel] + (tone.horizon[channel] - tone.zenith[channel]) * thin
            plain += (tone.glow[channel] - plain) * glow
            plain += (tone.glow[channel] - plain) * halo + starlight
            cloud = now.hour.cloud[channel] * white + tone.grey[channel] * thick * body
            cloud += (tone.glow[channel] - cloud) * (0.4 * glow)
            plain += (cloud - plain) * cover
            plain += disc_light * _SUN[channel]
            hill = hills[channel] * np.float32(tone.hills[channel] / 255.0)
            result[channel] = hill + (plain - hill) * behind
        return result

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


def _channels(places: Places, picture: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
    """The picture's channels there, each (P,), 0..255."""
    return [part[:, 0].astype(np.float32) for part in cv2.split(places.of(picture)[:, None])]


def _smoothstep(t: NDArray[np.float32]) -> NDArray[np.float32]:
    t = np.clip(t, 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t), dtype=np.float32)


def _bluer(colour: Colour, factor: float) -> Colour:
    grey = (colour[0] + colour[1] + colour[2]) / 3.0
    red, green, blue = (min(1.0, max(0.0, grey + (part - grey) * factor)) for part in colour)
    return red, green, blue


def _altitude(now: Conditions) -> float:
    return math.degrees(math.asin(max(-1.0, min(1.0, now.sun[2]))))
