"""Folders of drives."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from liquid_pilot.drives.errors import DriveNotFound, EmptyDrives, MixedDrives
from liquid_pilot.drives.format import SUFFIX, DriveInfo
from liquid_pilot.drives.reader import read_info

_COMMON = ("kind", "action_names", "control_hz", "image_size")


def find_drives(folder: str | os.PathLike[str]) -> list[Path]:
    """The finished drives of a folder, sorted by name; a file stands for itself.

    Raises `DriveNotFound` or `EmptyDrives`. Files that are still being written have another ending.
    """
    path = Path(folder)
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DriveNotFound(path)
    drives = sorted(entry for entry in path.glob(f"*{SUFFIX}") if entry.is_file())
    if not drives:
        raise EmptyDrives(path)
    return drives


def read_infos(drives: Sequence[Path]) -> list[DriveInfo]:
    """The headers of drives that shall be used together; raises `MixedDrives` when they do not fit together.

    They must agree in kind, action names, control frequency, image size and in the version of liquid-pilot, because
    another version may draw the same world differently.
    """
    infos = [read_info(path) for path in drives]
    for path, info in zip(drives, infos, strict=True):
        for name in _COMMON:
            if getattr(info, name) != getattr(infos[0], name):
                first = (drives[0], getattr(infos[0], name))
                raise MixedDrives(name.replace("_", " "), first, (path, getattr(info, name)))
        versions = [entry.versions.get("liquid-pilot", "unknown") for entry in (infos[0], info)]
        if versions[0] != versions[1]:
            raise MixedDrives("the liquid-pilot version", (drives[0], versions[0]), (path, versions[1]))
    return infos
