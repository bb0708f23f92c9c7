"""How glibc shall handle the big blocks of a training step.

Every step allocates and frees the same activations, some of them 50 MB. By default glibc hands such blocks back to the
kernel at once, which then clears 4 kB pages one by one at the next step: page faults took up to 45 % of the time of a
step with 512 frames (503 against 916 frames/s, measured). Keeping freed memory in the process cures it. The same could
be had with three ``MALLOC_*`` environment variables, but they must be set before Python starts and nobody knows them.
"""

from __future__ import annotations

import ctypes
import sys

# glibc's malloc.h
_M_TRIM_THRESHOLD = -1
_M_TOP_PAD = -2
_M_MMAP_MAX = -4

TOP_PAD_BYTES = 256 * 2**20
"""How much more than needed the heap grows at a time, bytes."""


def keep_freed_memory() -> bool:
    """Tell the C library to keep freed memory for the next step; True where it agreed.

    It holds for the whole process from now on and cannot be taken back; memory use stays at its peak. Calling it again
    does no harm. Where the C library is not glibc (macOS, musl) nothing happens and the answer is False.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    mallopt.argtypes = [ctypes.c_int, ctypes.c_int]
    mallopt.restype = ctypes.c_int
    settings = ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, -1), (_M_TOP_PAD, TOP_PAD_BYTES))
    results = [mallopt(option, value) for option, value in settings]  # every one, even after a refusal
    return all(result == 1 for result in results)
