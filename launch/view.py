"""``liquid-pilot view``: a drive in the Rerun viewer, its picture beside the curves of all its numbers.

Rerun opens the files themselves as well, but plots no JSON; so it is given a recording that is made for it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from launch.errors import LaunchError

if TYPE_CHECKING:
    from liquid_pilot.drives import Drive


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
        raise _missing()
    with tempfile.TemporaryDirectory(prefix="liquid-pilot-view-") as folder:
        recording = Path(folder) / f"{drive.stem}.rrd"
        write_recording(drive, recording)
        # By itself the viewer would listen to the whole network.
        subprocess.run([command, "--bind", "127.0.0.1", str(recording)], check=False)


def write_recording(drive: Path, path: Path) -> None:
    """Write a drive as Rerun's own format: ``camera``, ``action/...``, ``observation/...``, ``truth/...`` over time.

    Raises:
        BrokenDrive, DriveNotFound; ViewerMissing: the extra ``view`` is not installed.
    """
    from liquid_pilot.drives import read_drive

    try:
        import rerun
    except ImportError as error:
        raise _missing() from error
    content = read_drive(drive, truth=True)
    recording: Any = rerun.RecordingStream("liquid-pilot", recording_id=drive.stem)
    recording.save(str(path), default_blueprint=_layout(content))
    for time, image in zip(content.times.tolist(), content.images, strict=True):
        recording.set_time("time", duration=time)
        recording.log("camera", rerun.Image(image))
    curves: dict[str, npt.NDArray[Any]] = {
        f"observation/{name}": values for name, values in content.observation.items()
    }
    for index, name in enumerate(content.info.action_names):
        curves[f"action/{name}/label"] = content.action[:, index]
        curves[f"action/{name}/applied"] = content.applied[:, index]
    curves |= {f"truth/{name}": values for name, values in content.truth.items()}
    when = rerun.TimeColumn("time", duration=content.times)
    for name, values in curves.items():
        recording.send_columns(name, indexes=[when], columns=rerun.Scalars.columns(scalars=values.astype(float)))
    recording.flush()


def _layout(content: Drive) -> Any:
    """The picture, and below it what was wanted, measured and true; everything else is a click away."""
    from rerun import blueprint

    plots = [blueprint.TimeSeriesView(origin=f"action/{name}", name=name) for name in content.info.action_names]
    plots += [
        blueprint.TimeSeriesView(origin=f"truth/{name}", name=name.replace("_", " "))
        for name in _TELLING
        if name in content.truth
    ]
    plots.append(
        blueprint.TimeSeriesView(origin="observation", contents=["$origin/**", "- $origin/elapsed"], name="measured")
    )
    views = blueprint.Vertical(
        blueprint.Spatial2DView(origin="camera", name="camera"), blueprint.Grid(*plots), row_shares=[1, 2]
    )
    return blueprint.Blueprint(views, collapse_panels=True)


_TELLING = ("cross_track_error", "heading_error", "curvature", "distance", "bearing", "clearance")
"""The truth that shows first why a car or a drone failed, as far as the drive holds it."""


def _missing() -> ViewerMissing:
    return ViewerMissing(
        "the Rerun viewer is not installed: pip install 'liquid-pilot[view]', or open the file in Foxglove"
    )
