"""A Traffic Manager that has fallen asleep is woken, and what cannot be woken is a named error: never a hang."""

import logging
import os
import signal
import socket
import threading

import msgpack
import numpy
import pytest

from envs.carla.client import waking
from envs.carla.client.waking import Watched, require_awake, wake
from envs.carla.errors import ServerLost
from tests.carla.wheel import driven, vehicles

LIMIT = 0.4
"""Seconds asleep; a quarter of it between wakings."""


class Sleeper:
    """A tick as the wheel's: it sleeps until it is woken for the ``times``-th time."""

    def __init__(self, times=1):
        self.left, self.over, self.ports = times, threading.Event(), []

    def tick(self):
        self.over.wait()
        return 7

    def rouse(self, port):
        self.ports.append(port)
        self.left -= 1
        if self.left == 0:
            self.over.set()


@pytest.mark.parametrize("times", [1, 3])
def test_a_tick_that_sleeps_is_woken_until_it_goes_on(caplog, times):
    sleeper = Sleeper(times)
    with caplog.at_level(logging.WARNING):
        assert Watched(8123, LIMIT, sleeper.rouse).call("tick", sleeper.tick) == 7
    assert sleeper.ports == [8123] * times
    assert [record.levelname for record in caplog.records] == ["WARNING"] * times
    assert "tick: the Traffic Manager on port 8123 sleeps (CARLA issue 9172); waking it" in caplog.text


def test_one_that_nothing_wakes_is_a_named_error_and_so_is_the_next_session(monkeypatch, caplog):
    monkeypatch.setattr(waking, "_abandoned", threading.Event())
    sleeper = Sleeper(times=99)
    require_awake()
    with pytest.raises(ServerLost, match=r"port 8123 has slept for 0\.4 s .* woken 4 times: .* in a new process"):
        Watched(8123, LIMIT, sleeper.rouse).call("tick", sleeper.tick)
    assert caplog.records[-1].levelname == "ERROR"
    with pytest.raises(ServerLost, match="run the same again in a new one"):
        require_awake()
    sleeper.over.set()


def test_what_waits_for_the_server_is_left_to_the_wheels_time_out():
    sleeper, asked = Sleeper(), []

    def asleep():
        asked.append(True)
        if len(asked) == 6:  # longer than the limit
            sleeper.over.set()
        return False

    assert Watched(8123, LIMIT, sleeper.rouse).call("tick", sleeper.tick, asleep) == 7
    assert not sleeper.ports


def test_an_error_of_the_call_is_the_callers():
    with pytest.raises(RuntimeError, match="time-out of 20000ms"):
        Watched(8123, LIMIT, Sleeper().rouse).call("tick", lambda: _fail("time-out of 20000ms"))


def _fail(text):
    raise RuntimeError(text)


def test_ctrl_c_waits_until_the_call_is_over():
    sleeper = Sleeper()

    def interrupted():
        os.kill(os.getpid(), signal.SIGINT)
        return sleeper.tick()

    with pytest.raises(KeyboardInterrupt):
        Watched(8123, LIMIT, sleeper.rouse).call("tick", interrupted)
    assert sleeper.over.is_set()


def test_waking_is_asynchronous_and_back():
    heard = []

    def manager(listening):
        with listening.accept()[0] as connection:
            unpacker = msgpack.Unpacker()
            while len(heard) < 2:
                unpacker.feed(connection.recv(4096))
                for _, number, method, arguments in unpacker:
                    heard.append((method, arguments))
                    connection.sendall(msgpack.packb([1, number, None, None]))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        answering = threading.Thread(target=manager, args=(listening,), daemon=True)
        answering.start()
        assert wake(port)
        answering.join()
    assert heard == [("set_synchronous_mode", [False]), ("set_synchronous_mode", [True])]
    assert not wake(port)  # nobody there any more


def test_a_drive_that_is_woken_without_need_goes_on_and_leaves_nothing(server):
    def script(client):
        import psutil

        from envs.carla.client import waking

        def drive(wakings):
            env = driven(map="town-1", traffic=3)
            env.reset(seed=2)
            assert len(vehicles(client, 4)) == 4
            port, path = env.unwrapped._session._manager.get_port(), []
            for number in range(40):
                *_, info = env.step(numpy.zeros(2, dtype=numpy.float32))
                path.append((info["x"], info["y"], info["speed"]))
                if number in wakings:
                    assert waking.wake(port)
            env.close()
            vehicles(client, 0)
            assert not waking.wake(port)
            return path

        assert drive(()) == drive((5, 6, 20))
        assert not psutil.Process().children()
        assert [thread.name for thread in threading.enumerate()] == ["MainThread"]
        assert not client.get_world().get_settings().synchronous_mode

    server.play(script)
