"""Recorded drives on disk: one MCAP file per episode, lossless, checked to the last byte, open to every viewer."""

from liquid_pilot.drives.digests import encode_state, image_digest, state_digest
from liquid_pilot.drives.errors import (
    BadStep,
    BrokenDrive,
    DriveError,
    DriveNotFound,
    DriveTooLarge,
    DriveVersion,
    EmptyDrives,
    MixedDrives,
    UnwritableDrive,
)
from liquid_pilot.drives.folder import find_drives, read_infos
from liquid_pilot.drives.format import FORMAT, Drive, DriveInfo, Step
from liquid_pilot.drives.reader import iter_steps, read_drive, read_info
from liquid_pilot.drives.verify import verify
from liquid_pilot.drives.writer import DriveWriter

__all__ = [
    "FORMAT",
    "BadStep",
    "BrokenDrive",
    "Drive",
    "DriveError",
    "DriveInfo",
    "DriveNotFound",
    "DriveTooLarge",
    "DriveVersion",
    "DriveWriter",
    "EmptyDrives",
    "MixedDrives",
    "Step",
    "UnwritableDrive",
    "encode_state",
    "find_drives",
    "image_digest",
    "iter_steps",
    "read_drive",
    "read_info",
    "read_infos",
    "state_digest",
    "verify",
]
