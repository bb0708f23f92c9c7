"""A network that is given another camera's pictures than it learned from is told of, once."""

import policies
import scenarios
from launch.cameras import warn_of_other_cameras
from liquid_pilot.nn import PilotConfig, PilotNetwork, save_checkpoint

CAMERA = {"width": 200, "height": 78, "fov_deg": 90.0, "x_m": 1.3, "z_m": 2.3, "pitch_deg": -12.0}


def looking(pitch: float):
    scenario = scenarios.load("train-lane")
    return scenario.model_copy(update={"camera": scenario.camera.model_copy(update=CAMERA | {"pitch_deg": pitch})})


def test_other_cameras_are_told_of(tmp_path, capsys):
    network = PilotNetwork(PilotConfig.build())
    known = save_checkpoint(tmp_path / "known", network, "a network", CAMERA)
    unknown = save_checkpoint(tmp_path / "unknown", network, "a network")
    assert policies.camera_of(known) == CAMERA
    assert policies.camera_of(unknown) is None
    assert policies.camera_of("expert") is None

    names = [str(known), str(unknown), "expert"]
    warn_of_other_cameras(names, [looking(-12.0)])
    assert capsys.readouterr().err == ""
    warn_of_other_cameras(names, [looking(-12.0), looking(-4.0), looking(-4.0)])
    line, rest = capsys.readouterr().err.split("\n", 1)
    assert rest == ""
    assert "known learned from a camera with pitch_deg -12" in line
    assert "train-lane has pitch_deg -4" in line
