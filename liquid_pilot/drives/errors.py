"""What can be wrong with recorded drives, each with one line that says what, where and what to do."""

from __future__ import annotations

import os
from pathlib import Path

from liquid_pilot.errors import LiquidPilotError


class DriveError(LiquidPilotError):
    """Base of the errors of ``liquid_pilot.drives``. Its objects survive pickling, so workers can send them home."""

    def __reduce__(self) -> tuple[object, ...]:
        """Rebuild from the message and the attributes: the constructors' own arguments differ from class to class."""
        return (_rebuild, (type(self), str(self), self.__dict__))


def _rebuild(kind: type[DriveError], message: str, attributes: dict[str, object]) -> DriveError:
    error = kind.__new__(kind, message)
    error.args = (message,)
    error.__dict__.update(attributes)
    return error


class BrokenDrive(DriveError):
    """A drive file that is cut off, damaged, or no drive at all. Attributes: ``path``, ``what``, ``where``."""

    def __init__(self, path: str | os.PathLike[str], what: str, where: str = "") -> None:
        self.path, self.what, self.where = Path(path), what, where
        place = f" ({where})" if where else ""
        super().__init__(f"{path}: broken drive: {what}{place}; delete the file and record it again")


class DriveVersion(DriveError):
    """A whole drive in a format that this version does not know; ``found`` and ``known`` are the formats' numbers."""

    def __init__(self, path: str | os.PathLike[str], found: str, known: int, writer: str) -> None:
        self.path, self.found, self.known = Path(path), found, known
        super().__init__(
            f"{path}: drive format {found} (written by liquid-pilot {writer}) cannot be read by this version, which "
            f"knows format {known}; use the liquid-pilot that wrote it or record the drive again"
        )


class DriveTooLarge(DriveError):
    """The drive's images would fill more memory than the caller allowed."""

    def __init__(self, path: str | os.PathLike[str], needed: int, allowed: int) -> None:
        self.path, self.needed, self.allowed = Path(path), needed, allowed
        super().__init__(
            f"{path}: the images need {needed / 2**30:.2f} GiB of memory, allowed are {allowed / 2**30:.2f} GiB; "
            "read the drive frame by frame with iter_steps"
        )


class DriveNotFound(DriveError):
    """There is no file or folder at that path."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        super().__init__(
            f"{path}: no such file or folder; record drives with: liquid-pilot record SCENARIO --out FOLDER"
        )


class EmptyDrives(DriveError):
    """A folder without any finished drive."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        super().__init__(
            f"{path}: no finished drives (*.mcap) in this folder; record some with: "
            f"liquid-pilot record SCENARIO --out {path}"
        )


class MixedDrives(DriveError):
    """Drives that cannot be used together: ``field`` is what differs between the files ``first`` and ``second``."""

    def __init__(self, field: str, first: tuple[Path, object], second: tuple[Path, object]) -> None:
        self.field, self.first, self.second = field, first[0], second[0]
        super().__init__(
            f"{first[0].parent}: mixed drives: {field} is {first[1]} in {first[0].name} but {second[1]} in "
            f"{second[0].name}; put them in folders of their own or record them again with one version"
        )


class BadStep(DriveError):
    """A step that cannot be written: a wrong shape, a number that is not finite, keys or times out of order."""

    def __init__(self, frame: int, what: str) -> None:
        self.frame, self.what = frame, what
        super().__init__(f"frame {frame} cannot be recorded: {what}")


class UnwritableDrive(DriveError):
    """The disk refused the file: no space left, a read-only folder, no such device."""

    def __init__(self, path: str | os.PathLike[str], reason: str) -> None:
        self.path, self.reason = Path(path), reason
        super().__init__(f"{path}: cannot write the drive: {reason}; free some space or choose another folder")
