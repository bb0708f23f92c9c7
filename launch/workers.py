"""A small pool of worker processes for jobs: one task at a time in each, and no way to lose one silently.

``concurrent.futures`` is not used: when one of its workers is killed (the system ran out of memory) the whole pool is
broken, its workers outlive a killed parent, and a task cannot say how far it is. Here a dead worker is replaced and its
task done again, once; workers end with their parent, however that ends; tasks send messages home.

Processes are spawned, not forked: a fork would copy the renderer's and torch's threads in whatever state they are.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from multiprocessing.reduction import ForkingPickler
from types import FrameType, TracebackType
from typing import Any, Generic, TypeVar

from launch.errors import WorkerDied

Task = TypeVar("Task")
Result = TypeVar("Result")

Send = Callable[[Any], None]
"""Sends a picklable message from the task to the parent."""
Work = Callable[[Any, Send], Any]
"""Does one task: ``work(task, send) -> result``."""
Make = Callable[[Any], Work]
"""Builds a worker's `Work` once, in the worker: ``make(shared)``; a module-level function (it is pickled by name)."""

GRACE_S = 3.0
"""How long a worker may take to clean up after it was asked to end, before it is killed, s."""
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class RemoteTraceback(Exception):
    """Carries the text of a worker's traceback as the cause of the error that is raised at home."""

    def __init__(self, text: str) -> None:
        self.text = text
        super().__init__(text)

    def __str__(self) -> str:
        return f"\n\nin the worker process:\n{self.text}"


class _Worker:
    """A process, the pipe to it, and the task that it works on."""

    def __init__(self, make: Make, shared: Any, number: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(
            target=_main, args=(theirs, make, shared), name=f"liquid-pilot-{number}", daemon=True
        )
        self.process.start()
        theirs.close()  # so that the pipe ends when the worker does
        self.task: int | None = None
        self.ready = False

    def ask_to_end(self) -> None:
        with suppress(OSError, ValueError):
            self.process.terminate()

    def end_within(self, seconds: float) -> None:
        self.process.join(max(seconds, 0.0))
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.connection.close()

    def how_it_died(self) -> str:
        self.process.join(GRACE_S)
        code = self.process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name if -code in list(signal.Signals) else str(-code)
            return f"{name}; perhaps the memory did not suffice" if name == "SIGKILL" else name
        return f"exit code {code}"


class WorkerPool(Generic[Task, Result]):
    """Worker processes that live from ``with`` to the end of its block.

    ::

        with WorkerPool(make, shared, workers=2) as pool:
            for index, result in pool.run(tasks, on_message=show):
                ...

    Args:
        make: builds the function that does tasks, once in every worker (worlds and policies are loaded there).
        shared: its argument; picklable.
        workers: how many processes, at least 1.
        threads: threads that numerical libraries may use in each worker; None leaves it to them. One by default,
            because the workers are the parallelism.
        attempts: how often a task is tried when its worker dies.

    Whatever ends the block (an error, Ctrl-C, ``break``), all workers are gone when it has ended. A worker gets
    SIGTERM, which unwinds its stack so that temporary files are removed, and SIGKILL if that takes it too long.
    """

    def __init__(self, make: Make, shared: Any, workers: int, *, threads: int | None = 1, attempts: int = 2) -> None:
        if workers < 1:
            raise ValueError(f"workers must be at least 1, not {workers}")
        self._make, self._shared, self._threads, self._attempts = make, shared, threads, attempts
        self._wanted = workers
        self._workers: list[_Worker] = []
        self._started = 0

    def __enter__(self) -> WorkerPool[Task, Result]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pids(self) -> list[int]:
        """Process numbers of the living workers."""
        return [worker.process.pid for worker in self._workers if worker.process.pid is not None]

    def close(self) -> None:
        """End all workers; may be called more than once."""
        try:
            for worker in self._workers:
                worker.ask_to_end()
            deadline = time.monotonic() + GRACE_S
            for worker in self._workers:
                worker.end_within(deadline - time.monotonic())
        finally:
            # A second Ctrl-C arrives here: no more patience.
            for worker in self._workers:
                if worker.process.is_alive():
                    worker.process.kill()
            self._workers.clear()

    def run(
        self, tasks: Sequence[Task], on_message: Callable[[int, Any], None] | None = None
    ) -> Iterator[tuple[int, Result]]:
        """Do the tasks; gives (number of the task, its result) in the order in which they are finished.

        ``on_message(number, message)`` is called for every message that a task sends, in this process.

        Raises what a task raised (the worker's traceback is its cause), or `WorkerDied` when a task lost its worker
        ``attempts`` times. After an error no further tasks are done.
        """
        waiting = deque(range(len(tasks)))
        lost = [0] * len(tasks)
        missing = len(tasks)
        try:
            while missing:
                self._hand_out(waiting, tasks)
                for worker in self._speaking():
                    try:
                        kind, number, content = worker.connection.recv()
                    except (EOFError, OSError):
                        self._bury(worker, waiting, lost, tasks)
                        continue
                    if kind == "ready":
                        worker.ready = True
                    elif kind == "message":
                        if on_message is not None:
                            on_message(number, content)
                    elif kind == "done":
                        worker.task = None
                        missing -= 1
                        yield number, content
                    else:
                        error, text = content
                        raise error from RemoteTraceback(text)
        except BaseException:
            self.close()
            raise

    def _hand_out(self, waiting: deque[int], tasks: Sequence[Task]) -> None:
        busy = sum(worker.task is not None for worker in self._workers)
        while len(self._workers) < min(self._wanted, busy + len(waiting)):
            with _thread_limit(self._threads):
                self._workers.append(_Worker(self._make, self._shared, self._started))
            self._started += 1
        for worker in self._workers:
            if worker.task is None and waiting:
                worker.task = waiting.popleft()
                # A dead worker's pipe breaks here or is found at its end; then the task goes back in `_bury`.
                with suppress(OSError):
                    worker.connection.send((worker.task, tasks[worker.task]))

    def _speaking(self) -> list[_Worker]:
        by_connection: dict[Connection[Any, Any], _Worker] = {worker.connection: worker for worker in self._workers}
        return [by_connection[ready] for ready in wait(list(by_connection))]  # type: ignore[index]

    def _bury(self, worker: _Worker, waiting: deque[int], lost: list[int], tasks: Sequence[Task]) -> None:
        how = worker.how_it_died()
        worker.end_within(0.0)
        self._workers.remove(worker)
        if not worker.ready:
            raise WorkerDied(f"a worker process could not start ({how}); its reason is above. In a script of your own "
                             "the call belongs under: if __name__ == '__main__'")  # fmt: skip
        if worker.task is None:
            return
        lost[worker.task] += 1
        if lost[worker.task] >= self._attempts:
            times = f"{self._attempts} times" if self._attempts > 1 else "once"
            raise WorkerDied(
                f"{tasks[worker.task]}: its worker process died {times} ({how}); run the same command again, perhaps "
                f"with fewer --workers than {self._wanted}"
            )
        waiting.appendleft(worker.task)


@contextmanager
def _thread_limit(threads: int | None) -> Iterator[None]:
    """What is in the environment while a process starts is what its libraries find when they are loaded."""
    if threads is None:
        yield
        return
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


# From here on: what runs in the worker.


def _main(connection: Connection[Any, Any], make: Make, shared: Any) -> None:
    # Ctrl-C reaches every process of the terminal; only the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    number = -1
    try:
        work = make(shared)
        connection.send(("ready", -1, None))
        while True:
            number, task = connection.recv()
            result = work(task, partial(_send, connection, number))
            connection.send(("done", number, result))
    except (EOFError, BrokenPipeError):
        pass  # the parent is gone
    except Exception as error:
        with suppress(BrokenPipeError):
            connection.send(("error", number, (_portable(error), traceback.format_exc())))
    finally:
        # It ends by itself now: a SIGTERM would only break into the interpreter's own cleaning up, with a traceback.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def _send(connection: Connection[Any, Any], number: int, message: Any) -> None:
    connection.send(("message", number, message))


def _end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    # Once: a second SIGTERM shall not interrupt the cleaning up of the first.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(128 + number)


def _end_with_parent() -> None:
    """End this process when its parent has ended, killed or not; runs in a thread."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os._exit(1)


def _portable(error: Exception) -> Exception:
    """The error itself if it survives the way through the pipe, else a RuntimeError with its name and text."""
    try:
        copy = ForkingPickler.loads(ForkingPickler.dumps(error))
        if type(copy) is type(error) and str(copy) == str(error):
            return error
    except Exception as why:  # whatever a foreign exception's constructor raises
        return RuntimeError(f"{type(error).__name__}: {error} (it could not be sent as it is: {why})")
    return RuntimeError(f"{type(error).__name__}: {error}")
