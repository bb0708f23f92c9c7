"""Recording: what is in the drives, that nothing depends on workers or kills, and what is refused."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

import scenarios
from launch import record as record_module
from launch.errors import FolderInUse, OutputNotWritable, RecordingError, WorkerDied
from launch.record import Block, Recorded, episode_seed, record
from launch.tasks.lane_keeping import DrivingRecording
from liquid_pilot.drives import BrokenDrive, UnwritableDrive, find_drives, read_drive, read_info, verify
from scenarios import Scenario, ScenarioError, UnknownScenario

HERE = Path(__file__).parent
SHORT = DrivingRecording(frames=12)


@pytest.fixture
def worlds(monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))
    import quick_worlds

    return quick_worlds


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.mcap")}


# The job.


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> tuple[Path, Recorded, list[tuple[float, float, str]]]:
    sys.path.insert(0, str(HERE))
    import quick_worlds

    out = tmp_path_factory.mktemp("record") / "drives"
    calls: list[tuple[float, float, str]] = []
    result = record(
        ["train-hairpins", "train-mixed"],
        out,
        episodes=5,
        seed=3,
        workers=2,
        recording=SHORT,
        progress=lambda done, total, note="": calls.append((done, total, note)),
        make_env=quick_worlds.QuickWorld,
    )
    sys.path.remove(str(HERE))
    return out, result, calls


def test_what_a_recording_holds(recorded) -> None:
    out, result, calls = recorded
    assert (result.episodes, result.frames, result.new_episodes) == (10, 120, 10)
    drives = find_drives(out)
    names = [f"{name}-{n:06d}" for name in ("train-hairpins", "train-mixed") for n in range(5)]
    assert [path.stem for path in drives] == names
    assert sorted(path.name for path in out.iterdir() if path.suffix != ".mcap") == ["job.json"]
    assert calls[0][:2] == (0, 120)
    assert calls[-1] == (120, 120, "10 of 10 episodes")
    assert [call[0] for call in calls] == sorted(call[0] for call in calls)
    for path in drives:
        info = verify(path)
        assert info.seed == episode_seed(scenarios.load(info.scenario_name), 3, info.episode)
        assert (info.end, info.success, info.frames) == ("cut", True, 12)
        assert info.policy == "expert"
        assert info.action_names == ("steering", "acceleration")
        assert info.scenario["limits"]["off_lane"] == 2.0
        assert info.versions["liquid-pilot"]
    # Each episode of a family is another road, and the metadata names the one.
    seeds = {read_info(out / f"train-mixed-{n:06d}.mcap").scenario["road"]["generate"]["seed"] for n in range(5)}
    assert len(seeds) == 5


def test_a_drive_is_what_the_expert_saw_wanted_and_what_happened(recorded) -> None:
    """The truth of each frame follows from the one before by the applied action, and the label is the expert's."""
    from envs.driving.env import LaneKeepingEnv
    from policies.expert import ExpertDriver

    out, _, _ = recorded
    drive = read_drive(out / "train-hairpins-000002.mcap")
    env = LaneKeepingEnv(
        Scenario.from_dict(dict(drive.info.scenario), name=drive.info.scenario_name), observation_mode="state"
    )
    observation, info = env.reset(seed=drive.info.seed, options=dict(drive.info.options["reset"]))
    expert = ExpertDriver()
    for frame in range(12):
        assert drive.times[frame] == info["time"]
        assert drive.speed[frame] == observation["speed"][0]
        assert drive.truth["cross_track_error"][frame] == info["cross_track_error"]
        assert drive.truth["lane_invasion"][frame] == info["lane_invasion"]
        assert drive.action[frame].tolist() == expert.act(observation, info).tolist()
        observation, _, _, _, info = env.step(drive.applied[frame])
    assert (drive.action != drive.applied).any()
    assert "path_ahead" not in drive.truth
    env.close()


def test_one_worker_or_two_give_the_same_bytes(recorded, tmp_path, worlds) -> None:
    out, _, _ = recorded
    record(
        ["train-mixed", "train-hairpins"],
        tmp_path / "one",
        episodes=5,
        seed=3,
        workers=1,
        recording=SHORT,
        make_env=worlds.QuickWorld,
    )
    assert digests(tmp_path / "one") == digests(out)


def test_the_same_command_again_does_nothing_and_another_is_refused(recorded, worlds) -> None:
    out, _, _ = recorded
    before = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    same = {"episodes": 5, "seed": 3, "recording": SHORT, "make_env": worlds.QuickWorld}
    names = ["train-hairpins", "train-mixed"]
    assert record(names, out, **same).new_episodes == 0
    for change in ({"episodes": 6}, {"seed": 4}, {"recording": replace(SHORT, frames=13)}):
        with pytest.raises(FolderInUse, match="another command"):
            record(names, out, **{**same, **change})
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == before


def test_frames_instead_of_episodes(tmp_path, worlds) -> None:
    result = record(
        ["train-hairpins", "train-lane"],
        tmp_path / "out",
        frames=50,
        recording=SHORT,
        workers=1,
        make_env=worlds.QuickWorld,
    )
    assert (result.episodes, result.frames) == (6, 72)  # 3 of each: the least that makes 50


def test_whole_drives(tmp_path, worlds) -> None:
    (tmp_path / "short.yaml").write_text(
        "description: short\nroad: {map: country-1}\nroute: {length_m: 100}\nstart: {lateral_m: 0.3}\n"
    )
    out = tmp_path / "out"
    calls: list[tuple[float, float, str]] = []
    result = record(
        [tmp_path / "short.yaml"],
        out,
        episodes=2,
        workers=1,
        recording=DrivingRecording(mode="drives"),
        progress=lambda done, total, note="": calls.append((done, total, note)),
        make_env=worlds.QuickWorld,
    )
    for path in find_drives(out):
        drive = read_drive(path)
        assert (drive.info.end, drive.info.success) == ("completed", True)
        assert drive.info.scenario["limits"]["off_lane"] == 1.0
        assert drive.truth["route_completion"][-1] > 0.98
        assert (drive.action != drive.applied).any()
    assert calls[-1][0] == calls[-1][1] == result.frames
    assert any(0 < done < result.frames for done, _, _ in calls)


BAD = {
    "no scenario": ([], {}, RecordingError, "no scenario"),
    "unknown": (["train-hairpin"], {}, UnknownScenario, "train-hairpins"),
    "no amount": (["train-lane"], {"episodes": None}, RecordingError, "either"),
    "both amounts": (["train-lane"], {"frames": 10}, RecordingError, "either"),
    "no episodes": (["train-lane"], {"episodes": 0}, RecordingError, "at least one"),
    "frames of drives": (
        ["train-lane"],
        {"episodes": None, "frames": 9, "recording": DrivingRecording(mode="drives")},
        RecordingError,
        "number of episodes",
    ),
    "policy": (["train-lane"], {"policy": "expart"}, Exception, "expert"),
    "too long segments": (["train-lane"], {"recording": DrivingRecording(frames=5000)}, RecordingError, "needs 5000 m"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_wishes_are_refused_and_leave_nothing(tmp_path, case) -> None:
    names, options, error, message = BAD[case]
    with pytest.raises(error, match=message) as caught:
        record(names, tmp_path / "deep" / "out", **{"episodes": 1, **options})
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.yaml": "description: a\nraod: {map: x}\n"}, "road"),
        ({"a.yaml": "description: a\nroad: {file: b.xodr}\n"}, r"b\.xodr"),
        ({"a.yaml": "description: a\nroad: {file: b.xodr}\n", "b.xodr": "<OpenDRIVE>"}, r"b"),
        ({"a.yaml": "description: a\nroad: {file: b.xodr}\n", "b.xodr": ""}, r"b"),
        ({"a.yaml": "description: a\nroad: {map: country-1}\nroute: {length_m: 90000}\n"}, "90000|long"),
        ({"a.yaml": "description: a\nroad: {map: country-1}\nroute: {length_m: 15}\n"}, "needs 16 m"),
    ],
)
def test_bad_scenarios_and_maps_leave_nothing(tmp_path, files, message) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(Exception, match=message) as caught:
        record([tmp_path / "a.yaml"], tmp_path / "out", episodes=1)
    from liquid_pilot.errors import LiquidPilotError

    assert isinstance(caught.value, LiquidPilotError | ScenarioError)
    assert not (tmp_path / "out").exists()


def test_two_scenarios_of_one_name(tmp_path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.yaml").write_text("description: a\nroad: {map: country-1}\n")
    with pytest.raises(RecordingError, match="two scenarios are called 'a'"):
        record([tmp_path / "one" / "a.yaml", tmp_path / "two" / "a.yaml"], tmp_path / "out", episodes=1)


def test_bad_recordings() -> None:
    for change in ({"mode": "laps"}, {"frames": 1}, {"pulse_s": (2.0, 1.0)}, {"pause_s": (0.0, 1.0)}):
        with pytest.raises(RecordingError):
            DrivingRecording(**change)


def test_a_damaged_drive_in_the_folder_is_named(recorded, tmp_path, worlds) -> None:
    import shutil

    out = tmp_path / "copy"
    shutil.copytree(recorded[0], out)
    path = out / "train-mixed-000001.mcap"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(BrokenDrive, match=r"train-mixed-000001\.mcap.*record it again"):
        record(["train-hairpins", "train-mixed"], out, episodes=5, seed=3, recording=SHORT, make_env=worlds.QuickWorld)
    path.unlink()
    again = record(
        ["train-hairpins", "train-mixed"],
        out,
        episodes=5,
        seed=3,
        workers=1,
        recording=SHORT,
        make_env=worlds.QuickWorld,
    )
    assert again.new_episodes == 1
    assert digests(out) == digests(recorded[0])


def test_a_world_that_kills_its_process(tmp_path, worlds) -> None:
    with pytest.raises(WorkerDied, match=r"train-lane, episodes 0 to 0: .*SIGABRT"):
        record(["train-lane"], tmp_path / "out", episodes=1, recording=SHORT, make_env=worlds.FatalWorld)
    assert not (tmp_path / "out").exists()


def test_no_space_left_keeps_what_is_finished(tmp_path, worlds) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs to mount a small tmpfs")
    try:
        with pytest.raises((UnwritableDrive, OutputNotWritable), match=r"(?i)no space left"):
            record(
                ["train-lane"],
                disk / "out",
                episodes=30,
                workers=1,
                recording=SHORT,
                make_env=worlds.QuickWorld,
            )
        drives = find_drives(disk / "out")
        assert 0 < len(drives) < 30
        for path in drives:
            verify(path)
        assert {path.suffix for path in (disk / "out").iterdir()} == {".mcap", ".json"}
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_blocks_hold_every_episode_once_and_one_road_each() -> None:
    for name, count, workers in (("train-mixed", 313, 2), ("train-lane", 100, 2), ("train-lane", 7, 4)):
        scenario = scenarios.load(name)
        blocks: list[Block] = record_module._blocks(scenario, range(count), 5, 1, workers)
        assert sorted(n for block in blocks for n in block.episodes) == list(range(count))
        for block in blocks:
            assert len({scenario.world_seed(episode_seed(scenario, 5, n)) for n in block.episodes}) == 1
        if name == "train-mixed":
            assert len(blocks) == 120


def test_what_is_named_twice_is_recorded_twice_as_much(tmp_path, worlds) -> None:
    names = ["train-lane", "train-hairpins", "train-lane"]
    result = record(names, tmp_path / "out", frames=12 * 6, recording=SHORT, workers=1, make_env=worlds.QuickWorld)
    counts = {name: len(list((tmp_path / "out").glob(f"{name}-*.mcap"))) for name in names}
    assert (result.frames, counts) == (72, {"train-lane": 4, "train-hairpins": 2})


# Kills.

SCRIPT = """
import sys
sys.path.insert(0, sys.argv[2])
import quick_worlds
from launch.record import record
from launch.tasks.lane_keeping import DrivingRecording
if __name__ == "__main__":
    result = record(["train-lane", "train-country"], sys.argv[1], episodes=30, seed=1, workers=2,
                    recording=DrivingRecording(frames=24), make_env=quick_worlds.SlowWorld)
    print(result.new_episodes)
"""


def start(tmp_path: Path, out: Path) -> subprocess.Popen[str]:
    script = tmp_path / "run.py"
    script.write_text(SCRIPT)
    return subprocess.Popen(
        [sys.executable, str(script), str(out), str(HERE)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
        text=True,
        start_new_session=True,
    )


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> dict[str, str]:
    sys.path.insert(0, str(HERE))
    import quick_worlds

    out = tmp_path_factory.mktemp("whole") / "out"
    names, recording = ["train-lane", "train-country"], DrivingRecording(frames=24)
    record(names, out, episodes=30, seed=1, workers=1, recording=recording, make_env=quick_worlds.QuickWorld)
    sys.path.remove(str(HERE))
    return digests(out)


@pytest.mark.parametrize(("how", "moments"), [(signal.SIGKILL, (0, 2, 9)), (signal.SIGINT, (5,))])
def test_killed_at_several_moments_the_same_command_goes_on(tmp_path, uninterrupted, how, moments) -> None:
    out = tmp_path / "out"
    rng = np.random.default_rng(how)
    seen: dict[str, int] = {}
    for moment in moments:
        process = start(tmp_path, out)
        deadline = time.monotonic() + 30
        while len(list(out.glob("*.mcap"))) < moment and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)
        if moment == 0:
            time.sleep(float(rng.uniform(0.3, 1.5)))  # while worlds are being built, or earlier
        time.sleep(float(rng.uniform(0.0, 0.06)))
        workers = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
        if how == signal.SIGINT:
            os.killpg(process.pid, how)
        else:
            os.kill(process.pid, how)
        process.communicate(timeout=20)
        assert process.returncode not in (0, None)
        limit = time.monotonic() + 3
        while any(map(psutil.pid_exists, workers)) and time.monotonic() < limit:
            time.sleep(0.01)
        assert not any(map(psutil.pid_exists, workers)), "orphans"
        if how == signal.SIGINT and out.exists():
            assert not list(out.glob("*.partial"))
        for path in out.glob("*.mcap"):
            verify(path)
            assert seen.setdefault(path.name, path.stat().st_mtime_ns) == path.stat().st_mtime_ns
    last = start(tmp_path, out)
    assert int(last.communicate(timeout=60)[0]) == 60 - len(seen)
    assert moments[-1] <= len(seen) < 60
    for name, modified in seen.items():
        assert (out / name).stat().st_mtime_ns == modified, "done twice"
    assert digests(out) == uninterrupted
    assert sorted(path.suffix for path in out.iterdir() if path.suffix != ".mcap") == [".json"]


def test_a_killed_worker_is_replaced(tmp_path, uninterrupted, worlds) -> None:
    killed: list[int] = []

    def kill_one(done: float, total: float, note: str = "") -> None:
        if done > 100 and not killed:
            # Not just any child: Python's resource tracker is one as well.
            worker = next(child for child in psutil.Process().children() if "spawn_main" in " ".join(child.cmdline()))
            killed.append(worker.pid)
            worker.kill()

    record(
        ["train-lane", "train-country"],
        tmp_path / "out",
        episodes=30,
        seed=1,
        workers=1,
        recording=DrivingRecording(frames=24),
        progress=kill_one,
        make_env=worlds.SlowWorld,
    )
    assert killed
    assert digests(tmp_path / "out") == uninterrupted
    assert not list((tmp_path / "out").glob("*.partial"))


def test_the_real_world_is_recorded_and_driven_again_bit_by_bit(tmp_path) -> None:
    from launch.replay import check_replay

    record(["train-country"], tmp_path / "out", episodes=2, recording=DrivingRecording(frames=8), workers=1)
    drives = find_drives(tmp_path / "out")
    images = [read_drive(path).images for path in drives]
    assert images[0].shape == (8, 78, 200, 3)
    assert images[0].std() > 10
    assert (images[0] != images[1]).any()
    # The second episode was recorded in a world that had been used; here it is the first.
    assert check_replay(drives[1]).summary == "bit-identical, 8 frames"
