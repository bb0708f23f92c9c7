"""Replay: bit-identical when nothing changed, and the first difference named when something did."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from launch.errors import NotReplayable, ScenarioChanged
from launch.record import record
from launch.replay import check_replay, compare
from launch.tasks.lane_keeping import DrivingRecording
from liquid_pilot.drives import BrokenDrive, DriveNotFound, DriveWriter, Step, find_drives, iter_steps, read_info

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def worlds():
    sys.path.insert(0, str(HERE))
    import quick_worlds

    yield quick_worlds
    sys.path.remove(str(HERE))


@pytest.fixture(scope="module")
def drives(tmp_path_factory, worlds) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("replay")
    (folder / "short.yaml").write_text(
        "description: short\nroad: {map: country-1}\nroute: {length_m: 60}\nstart: {lateral_m: 0.3}\n"
    )
    shutil.copy(Path(sys.modules["scenarios"].__file__).parent / "maps" / "country-1.xodr", folder / "road.xodr")
    (folder / "own.yaml").write_text("description: own map\nroad: {file: road.xodr}\nroute: {length_m: 200}\n")
    common = {"episodes": 1, "workers": 1, "make_env": worlds.QuickWorld}
    record(["train-mixed"], folder / "segments", recording=DrivingRecording(frames=20), **common)
    record([folder / "short.yaml"], folder / "drives", recording=DrivingRecording(mode="drives"), **common)
    record([folder / "own.yaml"], folder / "own", recording=DrivingRecording(frames=12), **common)
    return {name: find_drives(folder / name)[0] for name in ("segments", "drives", "own")}


@pytest.mark.parametrize("name", ["segments", "drives"])
def test_unchanged_worlds_are_bit_identical(drives, worlds, name) -> None:
    calls: list[tuple[float, float]] = []
    check = check_replay(
        drives[name], progress=lambda done, total, note="": calls.append((done, total)), make_env=worlds.QuickWorld
    )
    assert check.identical
    frames = read_info(drives[name]).frames
    assert check.summary == f"bit-identical, {frames} frames"
    assert calls[-1] == (frames, frames)


def test_a_changed_pixel_is_named(drives, worlds) -> None:
    check = check_replay(drives["segments"], make_env=worlds.ChangedWorld)
    assert not check.identical
    assert (check.frames, check.difference.frame, check.difference.field) == (5, 5, "image")
    assert check.difference.detail == "1 of 15600 pixels differ, by up to 1 of 255"
    assert check.summary.endswith("(same versions on both sides)")


def test_a_last_bit_of_physics_is_named_with_its_size(drives, worlds) -> None:
    check = check_replay(drives["segments"], make_env=worlds.HeavierWorld)
    assert check.difference.frame == 8
    assert check.difference.field != "image"
    assert 0.0 < abs(check.difference.replayed - check.difference.recorded) < 1e-8
    assert "a difference of" in check.summary


def copy_of(drive: Path, target: Path, change_info=lambda info: info, steps=lambda steps: steps, end=None) -> Path:
    info = read_info(drive)
    with DriveWriter(target, change_info(info)) as writer:
        for step in steps(list(iter_steps(drive))):
            writer.add(step)
        writer.finish(end=end or info.end, success=info.success)
    return target


def test_versions_of_both_sides_are_named(drives, worlds, tmp_path) -> None:
    old = {"liquid-pilot": "0.0.1", "panda3d": "1.10.14"}
    path = copy_of(drives["segments"], tmp_path / "old.mcap", lambda info: replace(info, versions=old))
    summary = check_replay(path, make_env=worlds.ChangedWorld).summary
    assert "liquid-pilot 0.0.1 then, " in summary
    assert "panda3d 1.10.14 then, 1.10.16 now" in summary
    assert check_replay(path, make_env=worlds.QuickWorld).identical


def test_another_end_is_a_difference(drives, worlds, tmp_path) -> None:
    path = copy_of(drives["drives"], tmp_path / "a.mcap", end="off_lane")
    check = check_replay(path, make_env=worlds.QuickWorld)
    assert check.difference.field == "end"
    assert "ended by off_lane, the replay by completed" in check.summary
    shorter = copy_of(drives["drives"], tmp_path / "b.mcap", steps=lambda steps: steps[:-3])
    assert "ended by completed, the replay goes on" in check_replay(shorter, make_env=worlds.QuickWorld).summary

    def longer(steps: list[Step]) -> list[Step]:
        return [*steps, replace(steps[-1], time=steps[-1].time + 0.05)]

    path = copy_of(drives["drives"], tmp_path / "c.mcap", steps=longer)
    assert "the recorded drive goes on" in check_replay(path, make_env=worlds.QuickWorld).summary


def test_a_changed_map_is_the_cause_that_is_named(drives, worlds) -> None:
    assert check_replay(drives["own"], make_env=worlds.QuickWorld).identical
    road = Path(read_info(drives["own"]).scenario["road"]["file"])
    text = road.read_text()
    road.write_text(text.replace("</OpenDRIVE>", "<!-- touched --></OpenDRIVE>"))
    check = check_replay(drives["own"], make_env=worlds.QuickWorld)
    assert check.identical  # a comment changes no road
    assert check.world_changed
    assert "the map is not the one" in check_replay(drives["own"], make_env=worlds.ChangedWorld).summary
    road.unlink()
    with pytest.raises(NotReplayable, match="road that was driven cannot be found"):
        check_replay(drives["own"], make_env=worlds.QuickWorld)


def test_what_cannot_be_replayed(drives, worlds, tmp_path) -> None:
    with pytest.raises(DriveNotFound):
        check_replay(tmp_path / "no.mcap")
    drone = copy_of(drives["segments"], tmp_path / "drone.mcap", lambda info: replace(info, kind="drone"))
    with pytest.raises(NotReplayable, match="drone"):
        check_replay(drone)
    strange = copy_of(
        drives["segments"],
        tmp_path / "strange.mcap",
        lambda info: replace(info, scenario={**info.scenario, "weather": "hail"}),
    )
    with pytest.raises(NotReplayable, match="weather"):
        check_replay(strange)
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(drives["segments"].read_bytes()[:-200])
    with pytest.raises(BrokenDrive):
        check_replay(cut)


def test_compare_tells_what_differs_and_how() -> None:
    step = Step(
        time=0.05,
        image=np.zeros((2, 3, 3), np.uint8),
        observation={"speed": 1.0},
        action=np.zeros(2, np.float32),
        applied=np.zeros(2, np.float32),
        truth={"x": 0.0, "hit": False},
    )
    observation = {"image": np.zeros((2, 3, 3), np.uint8), "speed": np.float32([1.0])}
    info = {"time": 0.05, "x": 0.0, "hit": False, "end": ""}
    assert compare(1, step, observation, info) is None
    assert compare(1, step, {**observation, "image": np.zeros((2, 4, 3), np.uint8)}, info).detail.startswith(
        "(2, 4, 3)"
    )
    assert compare(1, step, {**observation, "speed": np.float32([1.5])}, info).field == "speed"
    assert compare(1, step, observation, {**info, "time": 0.1}).field == "time"
    assert compare(1, step, observation, {**info, "x": -0.0}).field == "x"
    assert compare(1, step, observation, {**info, "hit": True}).detail == "recorded False, now True"
    assert "not recorded" in compare(1, step, observation, {**info, "new": 1.0}).detail
    assert "missing now" in compare(1, step, observation, {"time": 0.05, "hit": False}).detail


# Every kind of drive in the catalogue, in the real world.

KINDS = ("train-corners", "weather-storm", "fault-frozen-bursts", "fault-slack-steering", "drift-noise",
         "worst-storm-at-night")  # fmt: skip


@pytest.fixture(scope="module")
def weathered(tmp_path_factory) -> Path:
    """Recorded by two other processes."""
    out = tmp_path_factory.mktemp("kinds") / "drives"
    record(KINDS, out, episodes=2, seed=4, recording=DrivingRecording(frames=6), workers=2)
    return out


def test_drives_under_weather_and_faults_are_bit_identical(weathered, tmp_path) -> None:
    drives = find_drives(weathered)
    assert len(drives) == 2 * len(KINDS)
    for path in drives:
        assert check_replay(path).summary == "bit-identical, 6 frames", path.name
    record(KINDS, tmp_path / "one", episodes=2, seed=4, recording=DrivingRecording(frames=6), workers=1)
    for path in drives:
        assert (tmp_path / "one" / path.name).read_bytes() == path.read_bytes(), "as with two workers"


def test_one_changed_byte_of_one_frame_is_named(weathered, tmp_path) -> None:
    original = next(path for path in find_drives(weathered) if path.name.startswith("worst-storm"))
    info = read_info(original)
    copy = tmp_path / original.name
    with DriveWriter(copy, info) as writer:
        for number, step in enumerate(iter_steps(original)):
            image = step.image.copy()
            if number == 4:
                image[40, 100, 1] ^= 1
            writer.add(replace(step, image=image))
        writer.finish(end=info.end, success=info.success)
    check = check_replay(copy)
    assert (check.difference.frame, check.difference.field) == (4, "image")
    assert check.difference.detail == "1 of 15600 pixels differ, by up to 1 of 255"


def test_a_changed_scenario_file_is_noticed_and_named(tmp_path: Path, worlds) -> None:
    text = "description: short\nroad: {map: country-1}\nroute: {length_m: 60}\nstart: {lateral_m: 0.3}\n"
    file = tmp_path / "mine.yaml"
    file.write_text(text)
    recording = DrivingRecording(frames=6)
    record([file], tmp_path / "out", episodes=1, workers=1, recording=recording, make_env=worlds.QuickWorld)
    (drive,) = find_drives(tmp_path / "out")
    assert check_replay(drive, make_env=worlds.QuickWorld).identical
    file.write_text(text + "# a remark\n")
    assert check_replay(drive, make_env=worlds.QuickWorld).identical
    file.write_text(text + "weather: fog\n")
    with pytest.raises(ScenarioChanged, match=r"mine\.yaml has changed since this was recorded \(weather\); record it"):
        check_replay(drive, make_env=worlds.QuickWorld)
    assert check_replay(drive, make_env=worlds.QuickWorld, as_recorded=True).identical
    # A file that is gone, or is no scenario any more, cannot tell anything: the drive itself says what was driven.
    file.write_text("description: [")
    assert check_replay(drive, make_env=worlds.QuickWorld).identical
    file.unlink()
    assert check_replay(drive, make_env=worlds.QuickWorld).identical


def test_a_changed_entry_of_the_catalogue_is_noticed(drives, worlds, monkeypatch) -> None:
    import scenarios

    load = scenarios.load

    def changed(name: str):
        scenario = load(name)
        return scenario.model_copy(update={"limits": scenario.limits.model_copy(update={"off_lane": 0.5})})

    monkeypatch.setattr(scenarios, "load", changed)
    with pytest.raises(ScenarioChanged, match=r"train-mixed has changed since this was recorded \(limits\)"):
        check_replay(drives["segments"], make_env=worlds.QuickWorld)
