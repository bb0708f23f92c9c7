"""A server in a process of its own, and the unmodified carla wheel in others: the wheel can end its process."""

import inspect
import os
import re
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import pytest

from envs.carla.client.waking import wake

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
WAIT = 280
"""Seconds for any one script: the machine may be busy."""
SILENCE = 30.0
"""Seconds after which a client with a Traffic Manager may have hung; nothing breaks if it has not."""

PRELUDE = """
import gc, math, os, queue, signal, socket, struct, sys, threading, time
import carla, gymnasium, numpy, pytest
from pathlib import Path
from envs.carla.errors import *
from scenarios import maps
from tests.carla.wheel import CARLA, connect, driven, listen, of_frame, refused, scenario, spawn, synchronous, vehicles
"""


class Running:
    """A server process."""

    def __init__(self, *options: str) -> None:
        self.scripts: list[Path] = []
        number, name = tempfile.mkstemp(suffix=".log")  # a pipe that nobody reads would block it
        self._log = Path(name)
        code = "from launch.cli import main; main()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, "serve", "--port", "0", *options],
            stdout=subprocess.PIPE, stderr=number, text=True, cwd=ROOT, env=ENVIRONMENT,
        )  # fmt: skip
        os.close(number)
        assert self.process.stdout is not None
        self.greeting = self.process.stdout.readline()
        found = re.search(r":(\d+) \(streams: (\d+)\)", self.greeting)
        if not found:
            self.process.kill()
            raise AssertionError(f"the server did not start: {self.greeting}{self.log()}")
        self.port, self.stream_port = int(found[1]), int(found[2])

    def play(self, script, *arguments: object, code: int = 0, manager: int | None = None) -> str:
        """Run ``script(client, ...)`` in a process of its own; gives what it printed."""
        done = self.start(script, *arguments)
        out, errors = self.ended(done, manager)
        assert done.returncode == code, f"client exit {done.returncode}:\n{out}{errors}"
        assert self.process.poll() is None, "the server has died"
        return out

    def start(self, script, *arguments: object) -> subprocess.Popen:
        source = textwrap.dedent(inspect.getsource(script))
        call = f"{script.__name__}(connect(), *sys.argv[2:])\nsys.stdout.flush()\nos._exit(0)\n"
        # A file, so that tracebacks have lines.
        number, name = tempfile.mkstemp(suffix=".py")
        os.close(number)
        self.scripts.append(Path(name))
        self.scripts[-1].write_text("\n".join((PRELUDE, source, call)))
        return subprocess.Popen(
            [sys.executable, name, str(self.port), *map(str, arguments)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT,
        )  # fmt: skip

    def ended(self, client: subprocess.Popen, manager: int | None = None) -> tuple[str, str]:
        """What a client has printed, once it has ended.

        A synchronous Traffic Manager, on port ``manager``, loses a notification between two threads of its own now and
        then when the machine is busy: docs/carla.md has what the stacks and flags of hung clients showed. What it tells
        a user to do then is done here. It wakes that thread and nothing else: a hang of the server's making stays one.
        """
        until = time.monotonic() + WAIT
        while True:
            try:
                return client.communicate(timeout=SILENCE if manager else WAIT)
            except subprocess.TimeoutExpired:
                if manager and time.monotonic() < until:
                    wake(manager)
                    continue
                client.kill()
                out, errors = client.communicate()
                raise AssertionError(f"the client hung:\n{out}{errors}") from None

    def stop(self) -> str:
        """End it by Ctrl-C; gives its log."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise AssertionError(f"the server did not end: {self.log()}") from None
        return self.log()

    def log(self) -> str:
        """What it has said to standard error so far."""
        return self._log.read_text()

    def clear(self) -> None:
        """Kill what is left and take the files away."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        for file in (*self.scripts, self._log):
            file.unlink(missing_ok=True)


@pytest.fixture(scope="session")
def server():
    """One server for all tests that leave it as it is; each script begins with a world of its own."""
    running = Running("--map", "lane-1")
    yield running
    log = running.stop()
    running.clear()
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
        running.clear()
