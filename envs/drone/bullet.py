"""PyBullet without the line that it writes to standard error when it is imported.

There commands show their progress, and an error is one line and no other.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _nothing_said() -> Iterator[None]:
    """C's ``fprintf`` knows nothing of `sys.stderr`, so the file descriptor itself leads nowhere for the moment."""
    library = ctypes.CDLL(None)
    sys.stderr.flush()
    library.fflush(None)
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        library.fflush(None)
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


if "pybullet" in sys.modules:
    import pybullet as pybullet
else:
    with _nothing_said():
        import pybullet as pybullet

__all__ = ["pybullet"]
