"""The compiled scan: found, checked, loaded once, and called through ctypes."""

from __future__ import annotations

import ctypes
import hashlib
import json
import logging
import os
from functools import cache
from pathlib import Path
from typing import Literal

from liquid_pilot.nn.errors import KernelChoice, KernelCorrupt, KernelMissing, KernelUnavailable, KernelVersion

ABI = 3
"""What this version speaks; LP_ABI in scan.h."""
JOB_BYTES = 8 * 67
"""The size of ``lp_job`` in scan.h."""
VARIABLE = "LIQUID_PILOT_KERNEL"
"""The environment variable that forces a path: ``torch`` or ``c``."""
PATH = Path(__file__).parent / "liquid_scan.so"
"""Where the project's build puts the library; beside it, ``liquid_scan.json`` says what it must be."""
CURE = "install a C compiler (apt install gcc), then liquid-pilot again (in a checkout: pip install --no-deps -e .)"

logger = logging.getLogger(__name__)


class Library:
    """The functions of a loaded library. Every call releases Python's lock."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        library.lp_isa.restype = ctypes.c_char_p
        for name in ("lp_packed_size", "lp_trace_size", "lp_job_size", "lp_abi"):
            getattr(library, name).restype = ctypes.c_int64
        library.lp_isa.argtypes = [ctypes.c_int64]
        for name in ("lp_pack", "lp_forward", "lp_backward", "lp_packed_size", "lp_trace_size"):
            getattr(library, name).argtypes = [ctypes.c_char_p]
        self.pack = library.lp_pack
        self.forward = library.lp_forward
        self.backward = library.lp_backward
        self.packed_size = library.lp_packed_size
        self.trace_size = library.lp_trace_size
        names: list[str] = []
        while (name := library.lp_isa(len(names))) is not None:
            names.append(name.decode())
        self.all_instructions = tuple(names)
        """The instruction sets that this machine has, the best last."""
        self.chosen = len(names) - 1
        """The one in use: an index of `all_instructions`."""

    @property
    def instructions(self) -> str:
        """The name of the instruction set in use."""
        return self.all_instructions[self.chosen]

    def choose(self, instructions: str) -> None:
        """Use this instruction set from the next call on; `KernelChoice` when the machine does not have it."""
        if instructions not in self.all_instructions:
            raise KernelChoice(
                f"this machine has no {instructions!r}: choose one of {', '.join(self.all_instructions)}"
            )
        self.chosen = self.all_instructions.index(instructions)


def load(path: Path) -> Library:
    """Load the library at ``path``; raises `KernelMissing`, `KernelCorrupt` or `KernelVersion`."""
    note = path.with_suffix(".json")
    if not path.is_file() or not note.is_file():
        raise KernelMissing(f"{path} was not built: {CURE}")
    try:
        said = json.loads(note.read_text())
        abi, digest = said["abi"], said["sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise KernelCorrupt(f"{note} cannot be read ({error}): {CURE}") from error
    if abi != ABI:
        raise KernelVersion(f"{path} speaks version {abi}, not {ABI}: {CURE}")
    # Before it is loaded: the system's loader crashes on a file that was cut off.
    if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        raise KernelCorrupt(f"{path} is not what was built, or is cut off: {CURE}")
    try:
        library = ctypes.CDLL(str(path))
        spoken = (library.lp_abi(), library.lp_job_size())
    except (OSError, AttributeError) as error:
        raise KernelCorrupt(f"{path} cannot be loaded ({error}): {CURE}") from error
    if spoken != (ABI, JOB_BYTES):
        raise KernelVersion(f"{path} speaks version {spoken}, not {(ABI, JOB_BYTES)}: {CURE}")
    return Library(library)


@cache
def found() -> Library | KernelUnavailable:
    """The library, or why there is none; looked for once per process."""
    try:
        return load(PATH)
    except KernelUnavailable as error:
        return error


def forced() -> Literal["torch", "c"] | None:
    """The path that the environment forces, if any; `KernelChoice` when it is no path's name."""
    name = os.environ.get(VARIABLE)
    if not name:
        return None
    if name == "torch" or name == "c":
        return name  # type: ignore[return-value]
    raise KernelChoice(f"{VARIABLE} is {name!r}: choose torch or c, or unset it")


def active() -> Library | None:
    """The library to use now, None for the torch path.

    Raises `KernelUnavailable` when ``LIQUID_PILOT_KERNEL=c`` and there is no library.
    """
    choice = forced()
    if choice == "torch":
        return None
    library = found()
    if isinstance(library, Library):
        return library
    if choice == "c":
        raise library
    _say_once(str(library))
    return None


@cache
def _say_once(reason: str) -> None:
    logger.warning("liquid networks run on the slower torch path: %s", reason)
