"""A drive as a recording of the Rerun viewer."""

import subprocess
import sys

import pytest

from launch.record import record
from launch.tasks.lane_keeping import DrivingRecording
from launch.view import ViewerMissing, view_drive, write_recording
from liquid_pilot.drives import find_drives, read_drive


@pytest.fixture(scope="module")
def drive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("view") / "drives"
    record(["train-lane"], folder, episodes=1, workers=1, recording=DrivingRecording(frames=8))
    return find_drives(folder)[0]


def test_without_the_viewer_it_says_how_to_get_it(drive, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ViewerMissing, match=r"liquid-pilot\[view\]"):
        view_drive(drive)
    monkeypatch.setitem(sys.modules, "rerun", None)
    with pytest.raises(ViewerMissing, match=r"liquid-pilot\[view\]"):
        write_recording(drive, tmp_path / "out.rrd")


def test_the_viewer_listens_to_this_machine_only(drive, monkeypatch, tmp_path):
    pytest.importorskip("rerun", reason="needs the extra: pip install 'liquid-pilot[view]'")
    viewer = tmp_path / "rerun"
    viewer.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/told\nhead -c 4 "$3" > {tmp_path}/begin\n')
    viewer.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    view_drive(drive)
    assert (tmp_path / "told").read_text().startswith("--bind 127.0.0.1 ")
    assert (tmp_path / "begin").read_bytes().startswith(b"RRF")


def test_a_recording_holds_pictures_and_numbers(drive, tmp_path):
    pytest.importorskip("rerun", reason="needs the extra: pip install 'liquid-pilot[view]'")
    write_recording(drive, tmp_path / "out.rrd")
    command = [sys.executable, "-m", "rerun", "rrd", "print", str(tmp_path / "out.rrd")]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    content = read_drive(drive, truth=True)
    names = [f"action/{name}/{kind}" for name in content.info.action_names for kind in ("label", "applied")]
    names += [f"observation/{name}" for name in content.observation] + [f"truth/{name}" for name in content.truth]
    for name in ("camera", *names):
        assert f"with {len(content.times)} rows" in next(line for line in told.splitlines() if f" - /{name} - " in line)
