"""The example in docs/carla.md runs as printed, and the table of calls is that of the code."""

import re
import socket
import subprocess
import sys
from pathlib import Path

import cv2

from envs.carla.server.calls import CALLS
from envs.carla.server.calls.refused import REFUSED

PAGE = Path(__file__).parents[2] / "docs" / "carla.md"


def test_the_example_drives_and_saves_its_picture(lonely, tmp_path):
    program = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL).group(1)
    program = program.replace("(20.0)", "(100.0)").replace("timeout=10.0", "timeout=100.0")  # tests share the machine
    running = lonely("--map", "town-1")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    program = program.replace("2000", str(running.port)).replace("8000", str(free))
    client = subprocess.Popen(
        [sys.executable, "-c", program], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    out, errors = running.ended(client, free)
    assert client.returncode == 0, errors
    speed = float(out.split()[-1])
    assert speed > 3.0
    picture = cv2.imread(str(tmp_path / "carla.png"))
    assert picture.shape == (540, 960, 3)
    assert picture.std() > 20.0


def test_no_call_is_both_had_and_refused():
    assert not set(CALLS) & set(REFUSED)
    assert len(CALLS) > 70


def test_the_doctor_finds_a_server_and_says_what_to_do_without_one(server, tmp_path):
    from envs.carla.client.probe import server_identity, server_version

    assert server_version("127.0.0.1", server.port) == "0.9.16"
    assert server_identity("127.0.0.1", server.port) == "0.9.16, liquid-pilot serve"
    assert server_identity("127.0.0.1", server.stream_port) is None
    assert server_version("127.0.0.1", server.stream_port) is None  # something else that listens
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
    assert server_version("127.0.0.1", free) is None
    told = subprocess.run(
        [sys.executable, "-m", "launch.cli", "doctor"], capture_output=True, text=True, check=False, cwd=PAGE.parents[1]
    )
    assert re.search(r"carla client +0\.9\.16", told.stdout)
    assert re.search(r"carla server +(none on .*liquid-pilot serve|0\.9\.16.* on )", told.stdout)


def test_the_doctor_names_server_and_wheel(server, monkeypatch):
    from launch import doctor, serve

    monkeypatch.setattr(serve, "CARLA_PORT", server.port)
    found = doctor._carla_server()
    assert (found.state, found.found) == ("good", f"0.9.16, liquid-pilot serve on 127.0.0.1:{server.port}")
    monkeypatch.setattr(serve, "CARLA_VERSION", "0.9.17")
    found = doctor._carla_server()
    assert found.state == "note"
    assert "use CARLA 0.9.17" in found.cure
    monkeypatch.setattr(serve, "CARLA_PORT", server.stream_port)  # something else that listens
    found = doctor._carla_server()
    assert found.state == "note"
    assert "liquid-pilot serve" in found.cure
    monkeypatch.setitem(sys.modules, "carla", None)
    found = doctor._carla()
    assert found.state == "bad"
    assert "pip install carla==0.9.16" in found.cure


def test_the_compose_file_starts_the_version_that_we_speak():
    import yaml

    from envs.carla.client.wheel import VERSION

    compose = yaml.safe_load((PAGE.parents[1] / "launch" / "carla.compose.yaml").read_text())["services"]["carla"]
    assert compose["image"] == f"carlasim/carla:{VERSION}"
    assert "-RenderOffScreen" in compose["command"]
    assert all(port.startswith("127.0.0.1:") for port in compose["ports"])
    assert "docker compose -f launch/carla.compose.yaml up" in PAGE.read_text()


def test_the_command_has_an_example():
    told = subprocess.run(
        [sys.executable, "-m", "launch.cli", "serve", "--help"], capture_output=True, text=True, check=True,
        cwd=PAGE.parents[1],
    )  # fmt: skip
    assert "Example: liquid-pilot serve" in told.stdout
