"""A server in a process of its own, and the unmodified carla wheel in others: the wheel can end its process."""

import inspect
import os
import re
import signal
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WAIT = 60
"""Seconds for any one script: the machine may be busy."""

PRELUDE = """
import faulthandler, math, os, queue, signal, sys, time
import carla
faulthandler.enable()
port = int(sys.argv[1])
client = carla.Client("127.0.0.1", port)
client.set_timeout(20.0)


def synchronous(world, step=0.05, **more):
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, step
    for name, value in more.items():
        setattr(settings, name, value)
    world.apply_settings(settings)


def spawn(world, name, place=None, **attributes):
    parent = attributes.pop("attach_to", None)
    blueprint = world.get_blueprint_library().find(name)
    for key, value in attributes.items():
        blueprint.set_attribute(key, str(value))
    place = place or world.get_map().get_spawn_points()[0]
    return world.spawn_actor(blueprint, place, attach_to=parent)


kept = []


def listen(sensor):
    data = queue.Queue()
    kept.append(sensor)  # the wheel stops a sensor that nobody holds
    sensor.listen(data.put)
    return data


def of_frame(data, frame):
    while True:
        item = data.get(timeout=15.0)
        assert item.frame <= frame
        if item.frame == frame:
            return item


def refused(call, *words):
    try:
        call()
    except RuntimeError as error:
        assert all(word in str(error) for word in words), str(error)
    else:
        raise AssertionError("not refused")
"""


class Running:
    """A server process."""

    def __init__(self, *options: str) -> None:
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        self.scripts: list[Path] = []
        code = "from launch.cli import main; main()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, "serve", "--port", "0", *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.greeting = self.process.stdout.readline()
        found = re.search(r":(\d+) \(streams: (\d+)\)", self.greeting)
        if not found:
            self.process.kill()
            raise AssertionError(f"the server did not start: {self.greeting}{self.process.communicate()[1]}")
        self.port, self.stream_port = int(found[1]), int(found[2])

    def play(self, script, *arguments: object, code: int = 0) -> str:
        """Run ``script(client, ...)`` in a process of its own; gives what it printed."""
        done = self.start(script, *arguments)
        try:
            out, errors = done.communicate(timeout=WAIT)
        except subprocess.TimeoutExpired:
            done.kill()
            out, errors = done.communicate()
            raise AssertionError(f"the client hung:\n{out}{errors}") from None
        assert done.returncode == code, f"client exit {done.returncode}:\n{out}{errors}"
        assert self.process.poll() is None, "the server has died"
        return out

    def start(self, script, *arguments: object) -> subprocess.Popen:
        source = textwrap.dedent(inspect.getsource(script))
        program = f"{PRELUDE}\n{source}\n{script.__name__}(client, *sys.argv[2:])\nsys.stdout.flush()\nos._exit(0)\n"
        file = tempfile.NamedTemporaryFile("w", suffix=".py", delete=False)  # a file, so that tracebacks have lines
        with file:
            file.write(program)
        self.scripts.append(Path(file.name))
        return subprocess.Popen(
            [sys.executable, file.name, str(self.port), *map(str, arguments)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def stop(self) -> str:
        """End it by Ctrl-C; gives its log."""
        for script in self.scripts:
            script.unlink(missing_ok=True)
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            _, log = self.process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            _, log = self.process.communicate()
            raise AssertionError(f"the server did not end: {log}") from None
        return log


@pytest.fixture(scope="session")
def server():
    """One server for all tests that leave it as it is; each script begins with a world of its own."""
    running = Running("--map", "lane-1")
    yield running
    log = running.stop()
    assert "Traceback" not in log, log
    assert running.process.returncode == 0, log


@pytest.fixture
def lonely():
    """Starts servers of a test's own."""
    started = []

    def start(*options: str) -> Running:
        started.append(Running(*options))
        return started[-1]

    yield start
    for running in started:
        if running.process.poll() is None:
            running.process.kill()
        running.process.communicate()
