"""The jobs with flights: recorded, trained on, judged and replayed by the same code as drives on a road."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

import policies
from launch.errors import BadSelection, RecordingError
from launch.evaluate import _heldout, evaluate
from launch.record import record
from launch.replay import check_replay
from launch.rerun import rerun
from launch.tasks import TASKS
from launch.tasks.fly_to_target import FlightRecording, segment_start
from launch.tasks.lane_keeping import DrivingRecording
from launch.train import kind_of, train
from liquid_pilot.drives import find_drives, read_drive, read_info
from liquid_pilot.imitation import LiquidStage, PerceptionStage

SMALL = """\
kind: flight
description: a small land
world: {seed: {first: 7000, count: 6}, radius_m: 15, trees_per_hectare: 60}
target: {distance_m: [6, 9], bearing_deg: [0, 20]}
limits: {time_limit_s: 12}
"""


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("flights") / "small.yaml"
    path.write_text(SMALL)
    return path


@pytest.fixture(scope="module")
def drives(small: Path) -> Path:
    out = small.parent / "drives"
    done = record([small], out, episodes=8, workers=2, recording=FlightRecording(frames=8))
    assert (done.episodes, done.frames) == (8, 64)
    return out


def test_a_recorded_flight_holds_what_its_network_reads(drives: Path) -> None:
    drive = read_drive(find_drives(drives)[0])
    assert drive.info.kind == "flight"
    assert drive.info.action_names == ("vx", "vy", "vz", "yaw_rate")
    assert {"velocity_0", "velocity_1", "velocity_2", "yaw_rate", "elapsed"} == set(drive.observation)
    # The drone's own axes lean with it; at these small angles they are still nearly those of its heading.
    assert np.abs(drive.observation["velocity_0"] - drive.truth["velocity_ahead"]).max() < 0.5
    # What moved the drone was disturbed, what it should have done was not.
    assert np.abs(drive.applied - drive.action).max() > 0.01
    assert kind_of(drives) == "flight"


def test_recorded_flights_replay_bit_by_bit(drives: Path, small: Path) -> None:
    for drive in find_drives(drives)[:3]:
        assert check_replay(drive).summary == "bit-identical, 8 frames"
    whole = small.parent / "whole"
    record([small], whole, episodes=1, mode="drives", workers=1)
    (drive,) = find_drives(whole)
    info = read_info(drive)
    assert info.success
    assert info.end == "success"
    assert check_replay(drive).identical


def test_segments_begin_where_they_should(small: Path) -> None:
    env = TASKS["flight"].make("fly-train-meadow", pictures=False)
    recording = FlightRecording()
    begins = []
    for seed in range(60):
        start = segment_start(recording, env, seed)
        assert start == segment_start(recording, env, seed)
        course, world = env.plan(seed)
        assert world.cylinders.clearance(start["x"], start["y"], start["z"]) >= recording.clearance_m
        dx, dy = course.target_x - start["x"], course.target_y - start["y"]
        bearing = math.remainder(math.atan2(dy, dx) - start["heading_rad"], 2.0 * math.pi)
        begins.append((math.hypot(dx, dy), abs(bearing), start["z"] - course.target_z, start["speed"]))
    env.close()
    away, bearing, above, speed = np.array(begins).T
    assert 0.08 < np.mean(away < 4.5) < 0.45
    assert 0.04 < np.mean(bearing > 0.75) < 0.35
    assert abs(np.median(above)) < 0.2
    assert speed.max() > 1.5
    # Far from the target the expert is fast: who is slow there began at any speed.
    assert 0.1 < np.mean(speed[(away > 6.0) & (bearing < 0.75)] < 1.0) < 0.5


def test_with_obstacles_segments_begin_beside_the_line() -> None:
    env = TASKS["flight"].make("fly-train-obstacles", pictures=False)
    for seed in range(10):
        start = segment_start(FlightRecording(), env, seed)
        course, _ = env.plan(seed)
        way = np.array((course.target_x - course.x, course.target_y - course.y))
        apart = np.array((start["x"] - course.x, start["y"] - course.y))
        aside = abs(way[0] * apart[1] - way[1] * apart[0]) / np.hypot(*way)
        assert aside <= FlightRecording().aside_m + 1e-6
    env.close()


def test_pilots_are_judged_by_whether_they_reach_the_target(small: Path, tmp_path: Path) -> None:
    outcome = evaluate(["expert", "hover"], [str(small)], tmp_path / "results", episodes=2, workers=2, videos=False)
    expert, hover = outcome.headlines
    assert expert.startswith("expert reached the target in 2 of 2 episodes")
    assert hover.startswith("hover reached the target in 0 of 2 episodes")
    document = json.loads((tmp_path / "results" / "results.json").read_text())
    rows = {row["policy"]: row for row in document["episodes"]}
    assert rows["expert"]["time_to_goal_s"] == rows["expert"]["duration_s"]
    assert 0.9 < rows["expert"]["path_ratio"] < 1.6
    assert "time_to_goal_s" not in rows["hover"]
    assert rows["hover"]["end"] == "time_limit"
    report = (tmp_path / "results" / "report.html").read_text()
    assert "time to goal s" in report
    assert "target still at m" in report
    assert "off centre" not in report


def test_a_network_learns_from_flights_and_flies(drives: Path, small: Path, tmp_path: Path) -> None:
    stages = (PerceptionStage(epochs=0.5, batch=8), LiquidStage(steps=3, batch=4, window=8, noisy_copies=0))
    config = TASKS["flight"].recipe("ncp19", 0).model_copy(update={"stages": stages})
    trained = train(drives, tmp_path / "run", config=config, check=None)
    assert set(trained.result.validation.error) == {"vx", "vy", "vz", "yaw_rate"}
    told = json.loads((tmp_path / "run" / "job.json").read_text())["results"]
    assert told["versions"]["engine"].startswith(("torch ", "onnxruntime "))
    pilot = policies.load(tmp_path / "run", "flight")
    assert pilot.network.controller.wiring.output_size == 4
    env = TASKS["flight"].make(str(small))
    observation, info = env.reset(seed=1)
    assert pilot.act(observation, info).shape == (4,)
    env.close()
    assert policies.kind_of(tmp_path / "run") == "flight"
    with pytest.raises(policies.WrongKind, match="answers with vx, vy, vz, yaw_rate, but scenarios"):
        policies.load(tmp_path / "run")
    with pytest.raises(policies.WrongKind, match="steering, acceleration"):
        policies.load("ncp19-lane", "flight")
    drive = find_drives(drives)[0]
    for open_loop in (False, True):
        out = tmp_path / f"again-{open_loop}"
        again = rerun(drive, out, policy=str(tmp_path / "run"), weathers=["clear", "dense_fog"], open_loop=open_loop)
        assert again.report.exists()
        assert len(list((out / "videos").glob("*.mp4"))) == 2


def test_open_loop_the_expert_answers_what_was_recorded(drives: Path, tmp_path: Path) -> None:
    again = rerun(find_drives(drives)[0], tmp_path / "again", policy="expert", open_loop=True)
    assert "vx 0.000, vy 0.000, vz 0.000, yaw_rate 0.000" in again.lines[0]


def test_cars_and_drones_do_not_mix(small: Path, tmp_path: Path) -> None:
    with pytest.raises(BadSelection, match="give them to two commands"):
        record(["train-hairpins", small], tmp_path / "out", episodes=1)
    with pytest.raises(BadSelection, match="give them to two commands"):
        evaluate(["expert"], ["heldout-hills", str(small)], tmp_path / "out", episodes=1)
    with pytest.raises(RecordingError, match="FlightRecording, not a DrivingRecording"):
        record([small], tmp_path / "out", episodes=1, recording=DrivingRecording())
    with pytest.raises(RecordingError, match="DrivingRecording, not a FlightRecording"):
        record(["train-hairpins"], tmp_path / "out", episodes=1, recording=FlightRecording())
    assert not (tmp_path / "out").exists()


def test_what_is_held_out_follows_from_the_policies() -> None:
    assert [policies.kind_of(name) for name in ("ncp19-lane", "hover", "expert")] == ["driving", "flight", None]
    assert _heldout(["expert", "hover"]) == "fly-heldout"
    assert _heldout(["expert"]) == _heldout(["expert", "ncp19-lane"]) == "heldout"


def test_drives_of_an_unknown_kind_are_refused_by_name(drives: Path, monkeypatch) -> None:
    monkeypatch.delitem(TASKS, "flight")
    with pytest.raises(BadSelection, match=r"\.mcap: a drive of the kind 'flight'; this version learns from driving"):
        kind_of(drives)
