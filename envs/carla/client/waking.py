"""Never asleep for ever: the wheel's Traffic Manager, watched while it is in step with our ticks.

In the wheel 0.9.16 a synchronous Traffic Manager and the tick that waits for it signal each other without holding the
mutex: a signal that falls between the other's look at its flag and its sleep is lost, and both sleep on (CARLA's issue
9172, mended in its source after 0.9.16). No time-out of the wheel covers that sleep, and no Python call of the same
process ends it, because the tick holds the lock of all managers. But each manager also serves other processes, on a
port of its own, by a thread that needs no such lock: switched to asynchronous and back there, it signals once more.

So whatever may fall asleep runs in a thread of its own (the wheel waits without the GIL), and the caller waits for it
in Python, where time and Ctrl-C count. No second process is needed: the manager cannot tell who is on its port.
"""

from __future__ import annotations

import logging
import queue
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from envs.carla.errors import ServerLost

ISSUE = "CARLA issue 9172"
PATIENCE = 3.0
"""s after which a Traffic Manager is taken to be asleep, and between wakings: its steps take milliseconds, on a machine
that has far too much to do tenths of a second; and of the usual time-out of 20 s enough is left to try again."""

log = logging.getLogger(__name__)
_Result = TypeVar("_Result")
_abandoned = threading.Event()


def wake(port: int) -> bool:
    """Have the Traffic Manager on this port of this machine signal once more; whether it has answered.

    Asynchronous and back, in one packet: no free step falls in between. One that was not asleep makes a step too many
    and is a tick behind from then on, which costs no more than the repeatability of the drive.
    """
    import msgpack

    calls = [msgpack.packb([0, number, "set_synchronous_mode", [on]]) for number, on in enumerate((False, True))]
    answers = msgpack.Unpacker()
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
            connection.sendall(b"".join(calls))
            missing = len(calls)
            while missing and (data := connection.recv(4096)):
                answers.feed(data)
                missing -= sum(1 for _ in answers)
    except OSError:
        return False
    return not missing


def require_awake() -> None:
    """Raises ServerLost where a tick of this process sleeps for ever: it holds what every other tick needs."""
    if _abandoned.is_set():
        raise ServerLost(f"a Traffic Manager sleeps in this process ({ISSUE}): run the same again in a new one")


@dataclass
class _Call(Generic[_Result]):
    """One that may be under way: ``ended`` holds its result or its error once it is over, and then ``bell`` rings."""

    what: str
    asleep: Callable[[], bool]
    ended: list[tuple[_Result | None, BaseException | None]] = field(default_factory=list)
    bell: queue.SimpleQueue[None] = field(default_factory=queue.SimpleQueue)

    def run(self, function: Callable[[], _Result]) -> None:
        try:
            self.ended.append((function(), None))
        except BaseException as error:
            self.ended.append((None, error))
        self.bell.put(None)


class Watched:
    """Calls of the wheel during which a Traffic Manager may fall asleep, one at a time.

    There is a thread for as long as a call lasts, and nothing that would have to be ended.

    Args:
        port: the manager's.
        limit: s asleep after which it is given up.
        rouse: called with the port to wake it.
    """

    def __init__(self, port: int, limit: float, rouse: Callable[[int], object] = wake) -> None:
        self._port, self._limit, self._rouse = port, limit, rouse
        self._pause = min(PATIENCE, limit / 4.0)
        self._call: _Call[Any] | None = None

    def call(self, what: str, function: Callable[[], _Result], asleep: Callable[[], bool] = lambda: True) -> _Result:
        """What ``function()`` gives or raises.

        Args:
            what: names the call.
            function: the call; the wheel must release the GIL in it.
            asleep: whether it can only be the manager that it still waits for.

        Raises ServerLost when the manager has slept for the limit in spite of all waking. The call itself cannot be
        interrupted: it sleeps in a daemon thread until the process ends, and no other tick is possible in this process.
        """
        call = self._call = _Call[_Result](what, asleep)
        thread = threading.Thread(target=call.run, args=(function,), name=f"carla {what}", daemon=True)
        try:
            thread.start()
            self.settle()
        except ServerLost:
            raise
        except BaseException:
            # Ctrl-C: whoever tidies up must not meet a call that is still under way.
            if thread.ident is not None:
                self.settle()
            raise
        result, error = call.ended[0]
        if error is not None:
            raise error
        return cast(_Result, result)

    def settle(self) -> None:
        """Wait until no call is under way: a signal's handler may come in the middle of one. Raises as `call`."""
        call, wakings = self._call, 0
        while call is not None and not call.ended:
            with suppress(queue.Empty):
                call.bell.get(timeout=self._pause)
            # What waits for the server and not for the manager has a time-out of the wheel's.
            if call.ended or not call.asleep():
                continue
            if wakings * self._pause >= self._limit:
                raise self._give_up(call.what, wakings)
            wakings += 1
            log.warning("%s: the Traffic Manager on port %d sleeps (%s); waking it", call.what, self._port, ISSUE)
            self._rouse(self._port)

    def _give_up(self, what: str, wakings: int) -> ServerLost:
        _abandoned.set()
        lost = ServerLost(
            f"the Traffic Manager on port {self._port} has slept for {self._limit:g} s ({what}; {ISSUE}), though it "
            f"was woken {wakings} times: run the same again in a new process; finished episodes are kept"
        )
        log.error("%s", lost)
        return lost
