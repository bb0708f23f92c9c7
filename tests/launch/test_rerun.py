"""A recorded drive again under other conditions: closed loop, open loop, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest

from launch.conditions import conditions
from launch.errors import BadSelection, FolderInUse, NotReplayable
from launch.record import record
from launch.rerun import rerun
from launch.tasks.lane_keeping import DrivingRecording
from liquid_pilot.drives import find_drives, read_drive
from policies import UnknownPolicy
from scenarios import Scenario, ScenarioError, load


@pytest.fixture(scope="module")
def drive(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("rerun")
    (folder / "short.yaml").write_text(
        "description: short\nroad: {map: country-1}\nroute: {length_m: 40}\nstart: {lateral_m: 0.3}\n"
    )
    calm = DrivingRecording(mode="drives", steering_pulse=0.0, acceleration_pulse=0.0)
    record([folder / "short.yaml"], folder / "drives", episodes=1, workers=1, recording=calm)
    return find_drives(folder / "drives")[0]


def test_the_experts_own_drive_closed_loop_is_what_was_recorded(drive, tmp_path) -> None:
    outcome = rerun(drive, tmp_path / "out", policy="expert")
    row = json.loads((tmp_path / "out/results.json").read_text())["episodes"][0]
    recorded = read_drive(drive)
    assert (row["success"], row["steps"], row["weather"], row["faults"]) == (True, recorded.info.frames, "clear", [])
    assert outcome.lines[0].startswith("expert kept its lane in 1 of 1 episodes")
    page = outcome.report.read_text()
    assert "data:video/mp4;base64," in page
    with av.open(str(next((tmp_path / "out/videos").glob("*.mp4")))) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert len(frames) == -(-recorded.info.frames // 2)
    # Left is what was recorded, right is what the camera saw now: the same drive, so (but for x264) the same picture
    # in the same frame of the film and in no other.
    left, right = frames[3][26:260, :600].astype(int), [frame[26:260, 600:].astype(int) for frame in frames[2:5]]
    gaps = [np.abs(left - other).mean() for other in right]
    assert gaps[1] < 0.7 * min(gaps[0], gaps[2])
    assert left.std() > 20.0


def test_conditions_change_what_is_seen_and_every_one_is_reported(drive, tmp_path) -> None:
    rerun(drive, tmp_path / "out", policy="expert", weathers=["clear", "fog"], faults=["none", "gaussian_noise:1,5"])
    document = json.loads((tmp_path / "out/results.json").read_text())
    assert [(row["weather"], row["faults"]) for row in document["episodes"]] == [
        (weather, faults) for weather in ("clear", "fog") for faults in ([], ["gaussian_noise:1"], ["gaussian_noise:5"])
    ]
    # The expert knows the truth: nothing that its camera sees changes what it does.
    assert len({row["cte_rms_m"] for row in document["episodes"]}) == 1
    films = sorted((tmp_path / "out/videos").glob("*.mp4"))
    sizes = [film.stat().st_size for film in films]
    assert len(films) == 6
    assert sizes[2] > 1.5 * sizes[0], "noise is hard to compress"


def test_actuators_change_what_even_the_expert_does(drive, tmp_path) -> None:
    rerun(drive, tmp_path / "out", policy="expert", faults=["none", "action_bias:3"])
    errors = [row["cte_rms_m"] for row in json.loads((tmp_path / "out/results.json").read_text())["episodes"]]
    assert errors[0] != errors[1]


def test_open_loop_follows_the_recorded_path_and_compares_answers(drive, tmp_path) -> None:
    outcome = rerun(drive, tmp_path / "out", policy="expert", faults=["none", "gaussian_blur:4"], open_loop=True)
    conditions_found = json.loads((tmp_path / "out/results.json").read_text())["conditions"]
    for row in conditions_found:
        # The expert answers the same on the same path, and its answers are what was recorded.
        assert row["errors"]["steering"]["rmse"] == 0.0
        assert row["errors"]["acceleration"]["worst"] == 0.0
    assert "gaussian_blur:4" in outcome.lines[1]
    assert "Answers against the recorded actions" in outcome.report.read_text()


def test_a_network_answers_differently_where_it_sees_differently(drive, tmp_path) -> None:
    rerun(drive, tmp_path / "out", policy="ncp19-lane", faults=["none", "contrast:5", "none"], open_loop=True)
    clean, pale = json.loads((tmp_path / "out/results.json").read_text())["conditions"]
    assert clean["faults"] == []
    assert 0.0 < clean["errors"]["steering"]["rmse"] < 0.2, "it drives"
    # In a picture that is almost all grey it cannot know how far it is off; which way it errs is its own business.
    assert abs(pale["errors"]["acceleration"]["rmse"] - clean["errors"]["acceleration"]["rmse"]) > 0.01


def test_what_is_refused(drive, tmp_path) -> None:
    out = tmp_path / "out"
    with pytest.raises(BadSelection, match=r"action_delay.*open loop"):
        rerun(drive, out, policy="expert", faults=["action_delay:2"], open_loop=True)
    with pytest.raises(UnknownPolicy):
        rerun(drive, out, policy="ncp19-lame")
    with pytest.raises(ScenarioError, match="HardRainNoon"):
        rerun(drive, out, policy="expert", weathers=["HardRainNon"])
    with pytest.raises(ScenarioError, match="gaussian_noise"):
        rerun(drive, out, policy="expert", faults=["gausian_noise:2"])
    with pytest.raises(ScenarioError, match="severity"):
        rerun(drive, out, policy="expert", faults=["gaussian_noise:6"])
    assert not out.exists(), "nothing half-written"
    out.mkdir()
    (out / "letter.txt").write_text("mine")
    with pytest.raises(FolderInUse):
        rerun(drive, out, policy="expert")


def test_a_road_that_has_changed_is_named(drive, tmp_path, monkeypatch) -> None:
    changed = Scenario.map_text
    monkeypatch.setattr(
        Scenario, "map_text", lambda self, seed=0: (changed(self, seed)[0], changed(self, seed)[1] + " ")
    )
    with pytest.raises(NotReplayable, match="not the one that was driven"):
        rerun(drive, tmp_path / "out", policy="expert")


def test_conditions_are_every_weather_with_every_fault() -> None:
    scenario = load("fault-frozen-bursts")
    assert [c.of(scenario) for c in conditions([], [])] == [scenario], "without any, the scenario's own"
    found = [c.of(scenario) for c in conditions(["night", "HardRainNoon"], ["none", "jpeg:2", "delayed_frame"])]
    labels = [(s.weather.label, [f.label for f in s.faults]) for s in found]
    assert len(labels) == 2 * 7
    assert labels[:3] == [("night", []), ("night", ["jpeg:2"]), ("night", ["delayed_frame:1"])]
    assert labels[7] == ("HardRainNoon", [])
