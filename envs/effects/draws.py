"""Many random numbers quickly, the same bits on every machine.

A picture of 200 x 78 needs 46,800 of them. NumPy's ``standard_normal(dtype=float32)`` takes as long as rendering the
picture does (0.55 ms) and ends in the C library's logarithm, which differs between machines in its last bit. 16 random
bits into a table of quantiles take a sixth of that and are exact; what is lost are values beyond 4.3 sigma.

Making a generator for every frame would cost more than what is drawn from it (0.15 ms when the renderer has just been
through the caches, for hashing the key and seeding). Here a stream is a state of SFC64 (Doty-Humphrey, PractRand) that
is made of the hash of (seed, purpose), which is computed once, and the number of the frame.
"""

from __future__ import annotations

import threading
from functools import cache, lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from envs.effects.types import Key
from liquid_pilot.randomness import derive_seed

_STEPS = 1 << 16
_MIXING = 12
"""Words after which nothing of two similar states is alike any more: what SFC64's own seeding leaves out."""

_WORD = (1 << 64) - 1
_FRAME_STEP = 0xD1342543DE82EF95
"""Odd and far from SplitMix64's own step, so that one frame's numbers are not the next frame's, moved by one."""


class _Source(threading.local):
    """A generator without a state of its own: every use begins with another one. One for each thread."""

    def __init__(self) -> None:
        self.bits = np.random.SFC64(0)  # the seed is of no account


_SOURCE = _Source()
_seed_of = lru_cache(maxsize=512)(derive_seed)


def words(key: Key, purpose: str, count: int) -> NDArray[np.uint64]:
    """So many random words for (seed, purpose, frame) and nothing else; more of them begin with the same ones."""
    bits = _SOURCE.bits
    start = np.array([_seed_of(key.seed, purpose), key.frame % (1 << 64), 0, 1], dtype=np.uint64)
    bits.state = {"bit_generator": "SFC64", "state": {"state": start}, "has_uint32": 0, "uinteger": 0}
    return np.asarray(bits.random_raw(count + _MIXING))[_MIXING:]


def bits8(key: Key, purpose: str, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Uniform integers 0..255."""
    count = int(np.prod(shape))
    drawn = words(key, purpose, -(-count // 8)).astype("<u8", copy=False)
    return drawn.view(np.uint8)[:count].reshape(shape)


def bits16(key: Key, purpose: str, shape: tuple[int, ...]) -> NDArray[np.uint16]:
    """Uniform integers 0..65535."""
    count = int(np.prod(shape))
    # Little-endian whatever the machine is, so that the first value is always the lowest bits.
    drawn = words(key, purpose, -(-count // 4)).astype("<u8", copy=False)
    return drawn.view("<u2")[:count].reshape(shape).astype(np.uint16, copy=False)


def uniforms(key: Key, purpose: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Uniform numbers in [0, 1), of 53 bits."""
    count = int(np.prod(shape))
    return np.asarray((words(key, purpose, count) >> np.uint64(11)) * 2.0**-53, dtype=np.float64).reshape(shape)


def fractions(key: Key, purpose: str, count: int) -> list[float]:
    """A few uniform numbers in [0, 1), of 53 bits: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014) on (seed, frame).

    In plain integers, because setting up a generator in a cold cache takes longer than all the rest of a fault.
    """
    state, drawn = (_seed_of(key.seed, purpose) + key.frame * _FRAME_STEP) & _WORD, []
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) & _WORD
        mixed = ((state ^ state >> 30) * 0xBF58476D1CE4E5B9) & _WORD
        mixed = ((mixed ^ mixed >> 27) * 0x94D049BB133111EB) & _WORD
        drawn.append(((mixed ^ mixed >> 31) >> 11) * 2.0**-53)
    return drawn


@cache
def quantiles() -> NDArray[np.float32]:
    """(65536,) the middles of as many equally probable parts of the standard normal distribution, in order."""
    inverse = NormalDist().inv_cdf
    upper = np.array([inverse(0.5 + (i + 0.5) / _STEPS) for i in range(_STEPS // 2)])
    table = np.concatenate([-upper[::-1], upper]).astype(np.float32)
    table.setflags(write=False)
    return table


def normals(key: Key, purpose: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Standard normal numbers, quantised to 65,536 values of equal probability."""
    # An index of 16 bits cannot be out of range, and `clip` is the mode without a check of each.
    return quantiles().take(bits16(key, purpose, shape), mode="clip")
