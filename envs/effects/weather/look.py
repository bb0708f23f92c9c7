"""The weather of one land, laid over the pictures of its cameras."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from envs.effects.errors import BadImage
from envs.effects.types import Image, Key, check_image
from envs.effects.weather import glare, haze, lens, light, night, rain, wet
from envs.effects.weather.conditions import Conditions, conditions
from envs.effects.weather.heaven import Heaven
from envs.effects.weather.night import StreetLight
from envs.effects.weather.view import Shot, View, merge
from envs.render.scene import Sky
from scenarios.weather import CLEAR, Weather

_NOTHING: frozenset[str] = frozenset()
_DEPTH = frozenset({"depth"})
_ALL = frozenset({"depth", "segmentation"})


class WeatherLook:
    """What weather looks like in one land.

    Args:
        sky: the land's own sky, as its pictures show it.
        seed: of the puddles, the wind's direction, clouds of dust and the lit windows.
        lamps: (N, 3) heads of the street lamps, metres, world (`street_lamps`); None or empty: there are none.
    """

    def __init__(self, sky: Sky, seed: int, lamps: NDArray[np.float64] | None = None) -> None:
        self.heaven, self.seed = Heaven(sky), seed
        self._lamps = None if lamps is None or not len(lamps) else np.asarray(lamps, dtype=np.float64)
        self._street: StreetLight | None = None
        self._last: tuple[Weather, float, Conditions | None] | None = None

    def needs(self, weather: Weather) -> frozenset[str]:
        """The channels of a camera beyond "rgb" that `apply` wants for this weather: each costs time to draw."""
        # The direction of north is of no account here.
        now = self._conditions(weather, self._last[1] if self._last is not None else 0.0)
        if now is None:
            return _NOTHING
        if now.wet or now.headlights > 0.0:
            return _ALL
        return _DEPTH if now.hazy or now.repaint > 0.0 or now.dazzle > 0.0 else _NOTHING

    def apply(
        self,
        rgb: Image,
        depth: NDArray[np.float32] | None,
        segmentation: NDArray[np.uint8] | None,
        view: View,
        weather: Weather,
        key: Key,
    ) -> Image:
        """The picture in this weather: a new image, or ``rgb`` itself when the weather is ``clear``.

        Args:
            rgb: (H, W, 3) uint8.
            depth: (H, W) float32 metres along the axis, inf = sky; may be None where `needs` does not name it.
            segmentation: (H, W) uint8 `Label`; likewise.
            view: the camera.
            weather: CARLA's 14 numbers.
            key: of the rain's drops: the episode's seed and the frame.

        Raises:
            BadImage: no image, a channel that is needed and missing, or shapes that do not fit.
        """
        check_image(rgb)
        now = self._conditions(weather, view.north)
        if now is None:
            return rgb
        self._check(rgb, depth, segmentation, view, weather)
        shot = Shot(rgb, depth, segmentation, view)
        planes = light.relight(rgb, now, view)
        if now.headlights > 0.0:
            night.shine(planes, shot, now, self.street_light(), self.seed)
        if now.repaint > 0.0:
            self.heaven.paint(planes, shot, now)
        street = self.street_light() if now.headlights > 0.0 else None
        if street is not None:
            night.lamp_heads(planes, shot, now, street)
        if now.wet:
            wet.drench(planes, shot, now, self.heaven, self.seed, key)
        if now.hazy:
            haze.fill(planes, shot, now, self.heaven, self.seed, key)
        if now.dazzle > 0.0:
            glare.dazzle(planes, shot, now, self._sunlight(now))
        image = merge(planes)
        if now.rain > 0.0:
            rain.fall(image, shot, now, self.heaven, self.seed, key)
            image = np.ascontiguousarray(lens.wet_lens(image, now, key))
        return image

    def _conditions(self, weather: Weather, north: float) -> Conditions | None:
        """What the weather does; None for ``clear``, and for what comes to the same."""
        # Mostly the weather is the same object as in the frame before.
        if self._last is None or self._last[0] is not weather or self._last[1] != north:
            clear = weather.settled() == CLEAR
            self._last = weather, north, None if clear else conditions(weather, self.heaven.sky, north)
        return self._last[2]

    def _sunlight(self, now: Conditions) -> float:
        """Share of the sun's light that comes past the hills and through the fog."""
        share = 1.0 - self.heaven.hidden(now)
        if now.fog <= 0.0:
            return share
        high = 1.0 / max(now.fog_falloff, 1e-3)
        return share * math.exp(-min(40.0, now.fog * high / max(now.sun[2], 0.05)))

    def street_light(self) -> StreetLight | None:
        """The light of the land's street lamps; None where there are none."""
        if self._street is None and self._lamps is not None:
            self._street = StreetLight(self._lamps)
        return self._street

    def _check(
        self,
        rgb: Image,
        depth: NDArray[np.float32] | None,
        segmentation: NDArray[np.uint8] | None,
        view: View,
        weather: Weather,
    ) -> None:
        size = rgb.shape[:2]
        if (view.height, view.width) != size:
            raise BadImage(f"the view is of {view.width} x {view.height} pixels, the image has {size[1]} x {size[0]}")
        needs = self.needs(weather)
        for name, channel in (("depth", depth), ("segmentation", segmentation)):
            if channel is None:
                if name in needs:
                    raise BadImage(f"this weather needs the {name} of the picture: ask WeatherLook.needs(weather)")
            elif channel.shape != size:
                raise BadImage(f"{name} is (height, width) as the image, {size}; got shape {channel.shape}")
