from __future__ import annotations

import errno
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from liquid_pilot.drives import BrokenDrive, find_drives, read_drive, read_infos
from liquid_pilot.imitation import cache
from liquid_pilot.imitation.cache import Frames, road_of
from liquid_pilot.imitation.errors import DrivesDoNotFit, NoSpaceForFrames

TRUTH = ("cross_track_error", "curvature")


def open_frames(paths, folder, measured, truth, progress=lambda done, total: None) -> Frames:
    return cache.open_frames(paths, read_infos(paths), folder, measured, truth, progress)


def test_frames_are_those_of_the_drives(drives: Path, tmp_path: Path):
    paths = find_drives(drives)
    told: list[tuple[int, int]] = []
    frames = open_frames(paths, tmp_path, [("speed", 0)], TRUTH, lambda done, total: told.append((done, total)))
    assert told[-1] == (18 * 24, 18 * 24)
    assert isinstance(frames.images, np.memmap)
    assert not frames.images.flags.writeable
    assert frames.truth_names == ("cross_track_error",)  # no drive holds a curvature
    for number in (0, 7, 17):
        drive, part = read_drive(paths[number]), slice(*frames.spans([number])[0])
        np.testing.assert_array_equal(frames.images[part], drive.images)
        np.testing.assert_array_equal(frames.action[part], drive.action)
        np.testing.assert_array_equal(frames.measured[part, 0], drive.speed.astype(np.float32))
        np.testing.assert_array_equal(frames.elapsed[part], np.float32(0.05))
        np.testing.assert_array_equal(frames.truth[part, 0], drive.truth["cross_track_error"].astype(np.float32))
    assert len({road_of(info) for info in read_infos(paths)}) == 6


def test_drives_are_decoded_once(drives: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    first = open_frames(find_drives(drives), tmp_path, [("speed", 0)], TRUTH)
    monkeypatch.setattr(cache, "read_drive", None)
    second = open_frames(find_drives(drives), tmp_path, [("speed", 0)], TRUTH)
    np.testing.assert_array_equal(first.images, second.images)
    assert first.key == second.key


def test_other_drives_or_other_columns_are_another_cache(make_drives, tmp_path: Path):
    folder = make_drives(["a", "b", "c"])
    keys = {open_frames(find_drives(folder), tmp_path, [("speed", 0)], TRUTH).key}
    keys.add(open_frames(find_drives(folder)[:2], tmp_path, [("speed", 0)], TRUTH).key)
    keys.add(open_frames(find_drives(folder), tmp_path, [], TRUTH).key)
    os.utime(find_drives(folder)[0], (1, 1))
    keys.add(open_frames(find_drives(folder), tmp_path, [("speed", 0)], TRUTH).key)
    assert len(keys) == 4


def test_a_network_without_measurements_needs_none(make_drives, tmp_path: Path):
    frames = open_frames(find_drives(make_drives(["a", "b"])), tmp_path, [], [])
    assert frames.measured.shape == (48, 0)
    assert frames.truth.shape == (48, 0)


def test_a_measurement_that_the_drives_lack_is_named(make_drives, tmp_path: Path):
    with pytest.raises(DrivesDoNotFit, match="yaw_rate"):
        open_frames(find_drives(make_drives(["a", "b"])), tmp_path / "cache", [("yaw_rate", 0)], [])
    assert not list((tmp_path / "cache").iterdir())


def test_a_broken_drive_leaves_nothing(make_drives, tmp_path: Path):
    paths = find_drives(make_drives(["a", "b", "c"]))
    content = bytearray(paths[1].read_bytes())
    content[len(content) // 2] ^= 1
    paths[1].write_bytes(content)
    with pytest.raises(BrokenDrive, match=paths[1].name):
        open_frames(paths, tmp_path / "cache", [("speed", 0)], TRUTH)
    assert not list((tmp_path / "cache").iterdir())


def test_a_full_disk_is_said_before_anything_is_decoded(drives: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    monkeypatch.setattr(cache, "read_drive", None)
    with pytest.raises(NoSpaceForFrames, match="free some"):
        open_frames(find_drives(drives), tmp_path / "cache", [("speed", 0)], TRUTH)
    assert not list((tmp_path / "cache").iterdir())


def test_leftovers_of_killed_processes_are_removed_and_those_of_living_ones_are_not(drives: Path, tmp_path: Path):
    dead = subprocess.Popen(["true"])
    dead.wait()
    left, other = (tmp_path / f"frames-0.npy.{number}.partial" for number in (dead.pid, os.getppid()))
    left.touch()
    other.touch()
    open_frames(find_drives(drives), tmp_path, [("speed", 0)], TRUTH)
    assert not left.exists()
    assert other.exists()
