"""However a run in CARLA ends, the server is left as it was; and what is wrong is one line that says what to do."""

import gc
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import carla
import msgpack
import numpy
import pytest

from envs.carla.errors import (
    ServerBusy,
    ServerLost,
    ServerRefused,
    ServerUnreachable,
    VersionMismatch,
    WheelMissing,
)
from tests.carla.wheel import connect, driven, scenario, spawn, synchronous, vehicles


def left_as_it_was(client):
    world = client.get_world()
    settings = world.get_settings()
    assert not settings.synchronous_mode
    assert not settings.fixed_delta_seconds
    assert world.wait_for_tick(10.0).frame < world.wait_for_tick(10.0).frame
    vehicles(client, 0)
    assert len(world.get_actors().filter("sensor.*")) == 0


@pytest.mark.parametrize("end", ["close", "exception", "forgotten", "deleted", "SIGINT", "SIGTERM"])
def test_settings_and_actors_are_given_back(server, end):
    def script(client, end):
        env = driven(map="lane-1", mode="camera" if end == "close" else "state")
        env.reset(seed=0)
        env.step(numpy.zeros(2, dtype=numpy.float32))
        vehicles(client, 1)
        assert client.get_world().get_settings().synchronous_mode
        sys.stdout.write("driving\n")
        sys.stdout.flush()
        if end == "exception":
            raise ValueError("a mistake of the user's")
        if end.startswith("SIG"):
            os.kill(os.getpid(), getattr(signal, end))
            time.sleep(60.0)
        if end == "forgotten":
            sys.exit(0)  # atexit
        if end == "deleted":
            del env
            gc.collect()
            assert not client.get_world().get_settings().synchronous_mode
            return
        env.close()
        env.close()

    codes = {"exception": 1, "SIGINT": -signal.SIGINT, "SIGTERM": -signal.SIGTERM}
    assert server.play(script, end, code=codes.get(end, 0)) == "driving\n"
    server.play(left_as_it_was)


def test_a_killed_client_freezes_nothing_and_the_next_one_sweeps_up(server):
    def killed(client):
        env = driven(map="lane-1")
        env.reset(seed=0)
        sys.stdout.write("driving\n")
        sys.stdout.flush()
        while True:
            env.step(numpy.array((0.0, 0.3), dtype=numpy.float32))
            time.sleep(0.01)  # so that the route does not end before the kill

    def next_one(client):
        world = client.get_world()
        assert not world.get_settings().synchronous_mode  # the server has seen to it
        assert world.wait_for_tick(10.0).frame > 0
        vehicles(client, 1)  # as in CARLA
        env = driven(map="lane-1")
        env.reset(seed=0)  # on the very place where the dead one began
        env.step(numpy.zeros(2, dtype=numpy.float32))
        vehicles(client, 1)
        env.close()

    running = server.start(killed)
    assert running.stdout.readline() == "driving\n"
    time.sleep(0.2)
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()
    server.play(next_one)
    server.play(left_as_it_was)


def test_a_server_that_dies_is_a_named_error_and_the_next_reset_looks_for_it_again(lonely):
    def script(client, process):
        env = driven(map="lane-1", timeout=2.0)
        env.reset(seed=0)
        os.kill(int(process), signal.SIGKILL)
        with pytest.raises(ServerLost, match=r"has ended \(tick\): start it and run the same again"):
            all(env.step(numpy.zeros(2, dtype=numpy.float32)) for _ in range(100))
        with pytest.raises(ServerUnreachable, match="liquid-pilot serve --port"):
            env.reset(seed=0)
        env.close()

    running = lonely("--map", "lane-1")
    done = running.start(script, running.process.pid)
    out, errors = done.communicate(timeout=120)
    assert done.returncode == 0, out + errors


def test_a_server_that_hangs_is_a_named_error_too(lonely):
    def script(client, process):
        env = driven(map="lane-1", timeout=2.0)
        env.reset(seed=0)
        os.kill(int(process), signal.SIGSTOP)
        with pytest.raises(ServerLost, match="has not answered for 2 s"):
            env.step(numpy.zeros(2, dtype=numpy.float32))
        os.kill(int(process), signal.SIGCONT)
        env.reset(seed=0)  # connects anew
        env.step(numpy.zeros(2, dtype=numpy.float32))
        env.close()

    running = lonely("--map", "lane-1")
    running.play(script, running.process.pid)
    running.play(left_as_it_was)


def test_only_one_client_ticks(server):
    def script(client):
        world = client.load_world("lane-1")
        synchronous(world)
        other = connect()
        stop = threading.Event()
        ticking = threading.Thread(target=lambda: [other.get_world().tick() for _ in iter(stop.is_set, True)])
        ticking.start()
        env = driven(map="lane-1")
        with pytest.raises(ServerBusy, match="only one may"):
            env.reset(seed=0)
        stop.set()
        ticking.join()
        env.reset(seed=0)  # what was left behind synchronous stands still, and is taken over
        env.close()
        assert not client.get_world().get_settings().synchronous_mode

    server.play(script)


def test_a_place_that_is_taken_says_by_whom_it_may_be(server):
    def script(client):
        env = driven(map="lane-1")
        _, info = env.reset(seed=0)
        place = carla.Transform(carla.Location(info["x"], -info["y"], info["z"] + 0.3))
        env.close()
        truck = spawn(client.get_world(), "vehicle.carlamotors.firetruck", place)
        with pytest.raises(ServerRefused, match=r"something stands at x .* reload the map or restart"):
            env.reset(seed=0)
        truck.destroy()
        env.reset(seed=0)
        env.close()

    server.play(script)


def test_nobody_something_else_and_another_version(server):
    def script(client, port, stream_port, free, old):
        from envs.driving.backends import make_lane_keeping

        for number, error, words in (
            (free, ServerUnreachable, "no CARLA server on"),
            (stream_port, ServerUnreachable, "does not answer as a CARLA server does"),
            (old, VersionMismatch, "CARLA 0.9.15, the carla package 0.9.16"),
        ):
            env = make_lane_keeping(scenario(map="lane-1"), backend="carla", port=int(number))
            with pytest.raises(error, match=words):
                env.reset(seed=0)
            env.close()

    with socket.socket() as probe, socket.create_server(("127.0.0.1", 0)) as old:
        probe.bind(("127.0.0.1", 0))
        threading.Thread(target=_of_another_version, args=(old,), daemon=True).start()
        server.play(script, server.port, server.stream_port, probe.getsockname()[1], old.getsockname()[1])


def _of_another_version(listening: socket.socket) -> None:
    while True:
        try:
            connection = listening.accept()[0]
        except OSError:
            return
        threading.Thread(target=_say_0_9_15, args=(connection,), daemon=True).start()


def _say_0_9_15(connection: socket.socket) -> None:
    unpacker = msgpack.Unpacker()
    with connection:
        while data := connection.recv(4096):
            unpacker.feed(data)
            for _, number, _, _ in unpacker:
                connection.sendall(msgpack.packb([1, number, None, [[1, "0.9.15"]]]))


def test_without_the_wheel_there_is_a_named_error(monkeypatch):
    from envs.carla.client.wheel import wheel

    monkeypatch.setitem(sys.modules, "carla", None)
    with pytest.raises(WheelMissing, match=r"pip install carla==0\.9\.16"):
        wheel()


def test_nothing_heavy_is_imported_for_the_embedded_world():
    code = (
        "import sys; from envs.driving.backends import make_lane_keeping; "
        "make_lane_keeping(observation_mode='state').reset(seed=0); "
        "print([name for name in ('carla', 'envs.carla', 'msgpack') if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
