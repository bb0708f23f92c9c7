"""``liquid-pilot view``: hand a drive to the Rerun viewer, which reads MCAP files with Foxglove images as they are."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from launch.errors import LaunchError


class ViewerMissing(LaunchError):
    """The Rerun viewer is not installed."""


def view_drive(drive: Path) -> None:
    """Check the drive and open it; returns when the viewer is closed.

    Raises:
        BrokenDrive, DriveNotFound: there is nothing whole to show.
        ViewerMissing: the extra ``view`` is not installed.
    """
    from liquid_pilot.drives import read_info

    read_info(drive)
    viewer = Path(sys.executable).with_name("rerun")
    command = str(viewer) if viewer.exists() else shutil.which("rerun")
    if command is None:
        raise ViewerMissing(
            "the Rerun viewer is not installed: pip install 'liquid-pilot[view]', or open the file in Foxglove"
        )
    subprocess.run([command, str(drive)], check=False)
