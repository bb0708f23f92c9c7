"""Fog, dust and the veil of falling rain: what is far fades to the colour of the air (Beer-Lambert, Koschmieder 1924).

    picture = land * T + air * (1 - T),    T = exp(-optical depth)

Fog begins at ``fog_distance`` and thins exponentially with the height above the camera, so that its optical depth
along a ray that climbs s metres per metre is  density * (exp(-k s d0) - exp(-k s d)) / (k s)  between the distances d0
and d. Rain and dust fill the air evenly.
"""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from envs.effects.types import Key
from envs.effects.weather.conditions import Conditions, blend, scaled, smooth
from envs.effects.weather.heaven import Heaven
from envs.effects.weather.view import Plane, Planes, Shot
from envs.render.noise import fractal_noise
from envs.render.scene import Colour
from liquid_pilot.randomness import generator

_DUST: Colour = (0.74, 0.57, 0.37)
_RAIN_REACH = 700.0
"""Metres behind which nothing of a curtain of rain is to be told from cloud."""
_DUST_REACH = 1000.0
"""Metres after which a cloud of dust ends, be it upwards."""
_BEAM: Colour = (0.62, 0.61, 0.56)
"""Of fog in the beam of one's own headlights."""
_BEAM_REACH = 25.0
"""Metres of fog that shine in it."""
_BILLOWS = 256
_BILLOW_SIZE = 0.35
"""Radians of a cloud of dust."""


def transmission(shot: Shot, now: Conditions, seed: int, key: Key) -> Plane:
    """(H, W) share of the light of every pixel that reaches the camera."""
    depth = _fog_depth(shot, now)
    even = now.rain_veil + now.dust_veil
    if even > 0.0:
        distance = shot.distance
        if now.rain_veil > 0.0:
            depth += np.minimum(distance, np.float32(_RAIN_REACH)) * np.float32(now.rain_veil)
        if now.dust_veil > 0.0:
            reach = np.minimum(distance, np.float32(_DUST_REACH))
            depth += reach * (np.float32(now.dust_veil) * billows(shot, now, seed, key))
    return np.asarray(cv2.exp(-np.minimum(depth, np.float32(40.0))), dtype=np.float32)


def _fog_depth(shot: Shot, now: Conditions) -> Plane:
    """Optical depth of the fog between the camera and each pixel."""
    if now.fog <= 0.0:
        return np.zeros(shot.depth.shape, dtype=np.float32)
    reach, start = shot.distance, np.float32(now.fog_start)
    way = np.maximum(reach - start, 0.0)
    if now.fog_falloff <= 0.0:
        return np.asarray(way * np.float32(now.fog))
    # (1 - exp(-u)) / u, which is 1 at u = 0, times the density where the fog begins.
    climb = shot.world[2] / shot.rays.stretch * np.float32(now.fog_falloff)
    # Downhill the fog thickens, but not without limit: below the camera is the ground.
    u = np.clip(climb * way, -4.0, 60.0)
    np.copyto(u, np.float32(1e-3), where=np.abs(u) < 1e-3)
    mean = (1.0 - np.asarray(cv2.exp(-u))) / u
    if start > 0.0:
        mean *= cv2.exp(-np.clip(climb * np.minimum(start, reach), -4.0, 60.0))
    return np.asarray(way * mean * np.float32(now.fog), dtype=np.float32)


def billows(shot: Shot, now: Conditions, seed: int, key: Key) -> Plane:
    """(H, W) factor on the dust, mean about 1: clouds of it that the wind drives by."""
    view = shot.view
    # Coarse: dust has no edges. Heading and pitch of some hundred places are cheap, and are then enlarged.
    rows, columns = 8, 20
    forward, left, up = (cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA) for part in shot.world)
    drift = key.frame * 0.05 * (0.15 + 0.5 * now.wind)
    heading = np.arctan2(left, forward) / _BILLOW_SIZE + drift
    pitch = np.arctan2(up, np.hypot(forward, left)) / _BILLOW_SIZE
    cells = (np.stack((heading, pitch)) % 16.0 * (_BILLOWS / 16.0)).astype(np.float32)
    bank = dust_bank(seed)
    coarse = cv2.remap(bank, cells[0], cells[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return np.asarray(cv2.resize(coarse, (view.width, view.height), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


@lru_cache(maxsize=16)
def dust_bank(seed: int) -> NDArray[np.float32]:
    """(256, 256) factors around 1, periodic."""
    noise = fractal_noise(generator(seed, "dust"), (_BILLOWS, _BILLOWS), (16, 16), 4)
    bank = np.clip(1.0 + 2.2 * (noise - 0.5), 0.3, 1.8).astype(np.float32)
    bank.setflags(write=False)
    return bank


def air_colour(now: Conditions, heaven: Heaven) -> Colour:
    """The colour of thick air, away from the sun and the headlights."""
    tone = heaven.tones(now)
    level = now.hour.level * now.gloom
    bright = scaled((0.80, 0.815, 0.83), now.gloom)
    # Fog glows in the light of the whole sky; without one it is as dark as the night above it.
    fog = blend(tone.horizon, scaled(bright, 0.10 + 0.90 * now.hour.level), 0.7 * smooth(0.10, 0.30, level))
    rain = scaled(tone.grey, 0.97)
    dust = scaled(_DUST, 0.05 + 0.95 * level)
    parts = ((now.fog, fog), (now.rain_veil, rain), (now.dust_veil, dust))
    total = sum(weight for weight, _ in parts)
    red, green, blue = (sum(weight * part[channel] for weight, part in parts) / total for channel in range(3))
    return red, green, blue


def fill(planes: Planes, shot: Shot, now: Conditions, heaven: Heaven, seed: int, key: Key) -> None:
    """Fill the air with what floats in it; ``planes`` is changed."""
    passed = transmission(shot, now, seed, key)
    colour = air_colour(now, heaven)
    glow = _sun_glow(shot, now)
    beam = _backscatter(shot, now)
    for channel in range(3):
        air: Plane | float = colour[channel]
        if glow is not None:
            air = air + glow * np.float32(max(0.0, 1.02 * now.hour.glow[channel] - colour[channel]))
        if beam is not None:
            air = air + beam * np.float32(_BEAM[channel])
        plane = planes[channel]
        plane -= air
        plane *= passed
        plane += air


def _sun_glow(shot: Shot, now: Conditions) -> Plane | None:
    """(H, W) 0..1, how much brighter air is towards the sun."""
    strength = now.scatter * min(now.haze_glow, 2.0) * max(now.direct, 0.25 * now.dazzle)
    if strength <= 0.0:
        return None
    sun = now.sun
    world = shot.world
    towards = (sun[0] * world[0] + sun[1] * world[1] + sun[2] * world[2]) / shot.rays.stretch
    np.maximum(towards, 0.0, out=towards)
    wide = towards * towards
    wide = wide * wide
    return np.asarray(np.minimum(wide * wide * np.float32(0.8 * strength), 1.0))


def _backscatter(shot: Shot, now: Conditions) -> Plane | None:
    """(H, W) how bright the air is in the headlights' beam."""
    # What is in the first metres counts: further away the beam is gone.
    foggy = now.fog * max(0.0, _BEAM_REACH - now.fog_start)
    thick = 1.0 - math.exp(-foggy - _BEAM_REACH * (0.5 * now.rain_veil + now.dust_veil))
    if now.headlights <= 0.0 or thick <= 0.0:
        return None
    _, left, up = shot.rays.body
    beam = cv2.exp(-(left * left * np.float32(1.6) + np.square(up + np.float32(0.28)) * np.float32(9.0)))
    return np.asarray(beam * np.float32(0.55 * thick * now.headlights), dtype=np.float32)
