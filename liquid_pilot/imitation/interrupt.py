"""SIGTERM and Ctrl-C while training: finish the step in hand, save, and then stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


class StopRequest:
    """What was asked from outside. ``polite`` is True while somebody looks at ``signal`` after every step."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self.polite = False

    def raise_if_asked(self) -> None:
        """Raise `SystemExit` (SIGTERM) or KeyboardInterrupt (Ctrl-C) when one of them has arrived."""
        if self.signal is not None:
            raise _exception(self.signal) from None

    def _arrived(self, number: int, _frame: FrameType | None) -> None:
        asked_before, self.signal = self.signal is not None, number
        if not self.polite or asked_before:
            raise _exception(number)


def _exception(number: int) -> BaseException:
    # 128 + number is what a shell reports for a process that a signal ended.
    return KeyboardInterrupt() if number == signal.SIGINT else SystemExit(128 + number)


@contextmanager
def listening() -> Iterator[StopRequest]:
    """Listen to SIGTERM and SIGINT; afterwards the handlers are as before. Elsewhere than in the main thread: deaf."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before: dict[int, Any] = {}
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            before[number] = signal.signal(number, request._arrived)
        yield request
    finally:
        for changed, handler in before.items():
            signal.signal(changed, handler)
