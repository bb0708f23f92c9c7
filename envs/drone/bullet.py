"""PyBullet without the line that it writes to standard output when it is imported.

``liquid-pilot replay --check`` and other commands print answers there that programs read.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _nothing_said() -> Iterator[None]:
    """C's ``printf`` knows nothing of `sys.stdout`, so the file descriptor itself leads nowhere for the moment."""
    library = ctypes.CDLL(None)
    sys.stdout.flush()
    library.fflush(None)
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        library.fflush(None)
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


if "pybullet" in sys.modules:
    import pybullet as pybullet
else:
    with _nothing_said():
        import pybullet as pybullet

__all__ = ["pybullet"]
