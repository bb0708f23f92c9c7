"""Random numbers that do not depend on the order of calls.

Every draw in liquid-pilot comes from a generator that is derived from (seed, purpose, index...): adding a second
camera, a worker or a fault changes no other draw, and nothing ever touches a global random state.
"""

from __future__ import annotations

import hashlib

import numpy as np


def derive_seed(seed: int, purpose: str, *index: int) -> int:
    """A 63-bit seed for (seed, purpose, index...), e.g. ``derive_seed(7, "start-pose", episode)``.

    SHA-256 rather than Python's ``hash`` because the latter differs between processes.
    """
    text = "\x1f".join([str(int(seed)), purpose, *(str(int(i)) for i in index)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def generator(seed: int, purpose: str, *index: int) -> np.random.Generator:
    """A fresh NumPy generator for (seed, purpose, index...); the same arguments always give the same stream."""
    return np.random.Generator(np.random.Philox(derive_seed(seed, purpose, *index)))
