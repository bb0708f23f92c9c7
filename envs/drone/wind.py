"""Wind with gusts: a mean wind plus Dryden turbulence near the ground, a function of (seed, control step) alone.

The turbulence is that of MIL-F-8785C (1980), section 3.7.3.4, low-altitude model, as repeated in MIL-HDBK-1797 (1997):
three independent Gaussian processes along the mean wind (u), across it (v) and upwards (w) with the Dryden spectra,
whose intensities and lengths follow from the height above ground and the wind at 20 feet. The mean wind changes with
height as the same text's logarithmic profile (section 3.7.3.2, roughness of category C).

One simplification: the specification filters by the airspeed of the aircraft, which would make the air depend on the
flight. Here the turbulence is frozen and drifts past with the mean wind plus a fixed speed of flight, `PASSING_SPEED`.

The filters are sampled exactly (transition matrix and covariance of one step), and they start from their stationary
distribution: mean, variance and autocorrelation are those of the continuous process at every step, the first included.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from envs.drone.errors import BadWind, WindTooStrong
from envs.drone.parameters import CONTROL_PERIOD, QuadrotorParameters
from liquid_pilot.randomness import generator

PASSING_SPEED = 2.0
"""Speed of flight that the turbulence assumes, m/s."""

_FOOT = 0.3048
_ROUGHNESS = 0.15  # feet: category C, flight near the ground
_LOWEST, _HIGHEST = 10.0, 1000.0  # feet: where the low-altitude model holds
_BLOCK = 256  # control steps drawn at a time


@dataclass(frozen=True)
class Wind:
    """A wind. Raises `BadWind` if a number makes no sense.

    Args:
        speed: mean wind at ``height``, m/s.
        direction: where it blows TO, rad, counter-clockwise from the world's x axis.
        gusts: factor on the turbulence of the specification; 0 = steady.
        height: above ground, m, for which turbulence is computed; below 10 feet (3.05 m) it is that of 10 feet.
    """

    speed: float = 0.0
    direction: float = 0.0
    gusts: float = 1.0
    height: float = 3.048

    def __post_init__(self) -> None:
        values = (self.speed, self.direction, self.gusts, self.height)
        if not all(math.isfinite(value) for value in values) or min(self.speed, self.gusts, self.height) < 0.0:
            raise BadWind(
                f"wind speed {self.speed} m/s, direction {self.direction} rad, gusts {self.gusts}, height "
                f"{self.height} m: all must be finite, and all but the direction at least 0"
            )

    @property
    def mean(self) -> tuple[float, float]:
        """Mean velocity of the air, (x, y) m/s, world."""
        return self.speed * math.cos(self.direction), self.speed * math.sin(self.direction)

    @property
    def _feet(self) -> float:
        return min(max(self.height / _FOOT, _LOWEST), _HIGHEST)

    @property
    def intensities(self) -> tuple[float, float, float]:
        """Standard deviations of u, v, w, m/s: MIL-F-8785C, figure 10 and text."""
        at_20_feet = self.speed * math.log(20.0 / _ROUGHNESS) / math.log(self._feet / _ROUGHNESS)
        vertical = 0.1 * at_20_feet * self.gusts
        flat = vertical / (0.177 + 0.000823 * self._feet) ** 0.4
        return flat, flat, vertical

    @property
    def lengths(self) -> tuple[float, float, float]:
        """Scale lengths of u, v, w, m."""
        flat = self._feet / (0.177 + 0.000823 * self._feet) ** 1.2 * _FOOT
        return flat, flat, self._feet * _FOOT

    @property
    def times(self) -> tuple[float, float, float]:
        """Time constants of the filters of u, v, w, s."""
        passing = self.speed + PASSING_SPEED
        u, v, w = self.lengths
        return u / passing, v / passing, w / passing

    @property
    def strongest(self) -> float:
        """Mean plus two standard deviations along it, m/s."""
        return self.speed + 2.0 * self.intensities[0]

    def check(self, parameters: QuadrotorParameters) -> None:
        """Raise `WindTooStrong` if a drone with these parameters cannot hold its place in it."""
        most = parameters.max_wind
        if self.strongest > most:
            fits = self.speed * most / self.strongest
            raise WindTooStrong(
                f"wind of {self.speed:g} m/s with gusts up to {self.strongest:.1f} m/s: this drone can hold against "
                f"{most:.1f} m/s; with these gusts a mean wind of {math.floor(fits * 10.0) / 10.0:.1f} m/s is the most"
            )

    def series(self, seed: int) -> Iterator[tuple[float, float, float]]:
        """The air's velocity, (x, y, z) m/s in the world's frame, in control step 0, 1, 2, ... without end.

        Two series of the same wind and seed are equal bit by bit, whatever else was drawn.
        """
        east, north = math.cos(self.direction), math.sin(self.direction)
        mean_x, mean_y = self.mean
        sigma_u, sigma_v, sigma_w = self.intensities
        if sigma_u == 0.0:
            while True:
                yield mean_x, mean_y, 0.0
        time_u, time_v, time_w = self.times
        u_keep = math.exp(-CONTROL_PERIOD / time_u)
        u_new = math.sqrt(1.0 - u_keep * u_keep)
        across, upward = _Lateral(time_v), _Lateral(time_w)
        u = v1 = v2 = w1 = w2 = 0.0
        block = 0
        while True:
            draws: list[list[float]] = generator(seed, "drone-wind", block).standard_normal((_BLOCK, 5)).tolist()
            for step, (a, b, c, d, e) in enumerate(draws):
                if block == 0 and step == 0:
                    u, (v1, v2), (w1, w2) = a, across.first(b, c), upward.first(d, e)
                else:
                    u = u_keep * u + u_new * a
                    v1, v2 = across.next(v1, v2, b, c)
                    w1, w2 = upward.next(w1, w2, d, e)
                along = sigma_u * u
                side = sigma_v * _Lateral.output(v1, v2)
                yield (
                    mean_x + along * east - side * north,
                    mean_y + along * north + side * east,
                    sigma_w * _Lateral.output(w1, w2),
                )
            block += 1


class _Lateral:
    """The filter of v and w, ``(1 + sqrt(3) T s) / (1 + T s)^2``, as two equal lags in a row with unit output variance.

    States: the first lag's output (variance 1) and the second's (variance 1/2, covariance 1/2), under white noise.
    """

    __slots__ = ("keep", "leak", "low", "mix", "top")

    def __init__(self, time_constant: float) -> None:
        ratio = CONTROL_PERIOD / time_constant
        self.keep = math.exp(-ratio)
        self.leak = self.keep * ratio
        # One step's noise covariance is P - A P A', with P the stationary one; its Cholesky factor.
        transition = np.array(((self.keep, 0.0), (self.leak, self.keep)))
        stationary = np.array(((1.0, 0.5), (0.5, 0.5)))
        factor = np.linalg.cholesky(stationary - transition @ stationary @ transition.T)
        self.top, self.mix, self.low = float(factor[0, 0]), float(factor[1, 0]), float(factor[1, 1])

    @staticmethod
    def first(a: float, b: float) -> tuple[float, float]:
        """A draw of the stationary state from two standard normal numbers."""
        return a, 0.5 * a + 0.5 * b

    def next(self, one: float, two: float, a: float, b: float) -> tuple[float, float]:
        """The state one control step later."""
        return self.keep * one + self.top * a, self.leak * one + self.keep * two + self.mix * a + self.low * b

    @staticmethod
    def output(one: float, two: float) -> float:
        """Unit variance, autocorrelation ``exp(-t/T) (1 - t / 2T)``."""
        return (math.sqrt(3.0) * one + (1.0 - math.sqrt(3.0)) * two) * math.sqrt(0.5)


CALM = Wind()
"""No wind at all."""
