"""Named errors of the networks: wirings, controllers, their inputs, and checkpoints on disk."""

from __future__ import annotations

from liquid_pilot.errors import LiquidPilotError


class NetworkError(LiquidPilotError):
    """Base of every error of `liquid_pilot.nn`."""


class BadWiring(NetworkError):
    """A wiring cannot be built from these numbers, or does not fit the layer that it was given to."""


class BadElapsed(NetworkError):
    """Elapsed times are negative, infinite, not a number, or not of shape (B, T)."""


class BadInput(NetworkError):
    """Features, states, images or measurements have another shape or size than the network was built for."""


class BadConfig(NetworkError):
    """A network configuration holds an unknown key or an impossible value."""


class UnknownController(BadConfig):
    """No controller has this name; the message gives the nearest one."""


class NotConvertible(NetworkError):
    """An ncps module uses something that has no counterpart here (mixed memory, another cell)."""


class CheckpointError(NetworkError):
    """Base of everything that can be wrong with a checkpoint folder."""


class CheckpointMissing(CheckpointError):
    """The folder, or one of its files, is not there."""


class CheckpointCorrupt(CheckpointError):
    """A file of the checkpoint is cut off, altered, or not of its format."""


class CheckpointMismatch(CheckpointError):
    """The files are whole but do not belong together: names or shapes of weights differ from the configuration."""


class CheckpointVersion(CheckpointError):
    """The checkpoint was written in a format that this version does not read."""


class KernelUnavailable(NetworkError):
    """The fused scan cannot be used here; base of the reasons. The plain torch path gives the same results, slower."""


class KernelMissing(KernelUnavailable):
    """The library was not built: there was no C compiler when liquid-pilot was installed."""


class KernelCorrupt(KernelUnavailable):
    """The library's file is cut off or altered, or the system cannot load it."""


class KernelVersion(KernelUnavailable):
    """The library was built from another version of liquid-pilot."""


class KernelChoice(NetworkError):
    """``LIQUID_PILOT_KERNEL`` names no path that there is, or one that cannot take this call."""


class KernelFailed(NetworkError):
    """The fused scan gave up in the middle of a call: there was no memory left."""
