"""The worker pool: what happens when tasks fail, workers are killed, and parents go away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from launch.errors import WorkerDied
from launch.workers import WorkerPool
from liquid_pilot.drives import BrokenDrive

JOBS = """
import os, signal, sys, time
from pathlib import Path
from liquid_pilot.drives import BrokenDrive
from liquid_pilot.files import whole_file


class Odd(Exception):
    def __init__(self, a, b):
        super().__init__(f"{a} and {b}")


def make(shared):
    calls = []

    def work(task, send):
        calls.append(task)
        kind, value = task
        if kind == "square":
            send(("working on", value))
            return value * value, os.getpid(), len(calls), shared
        if kind == "threads":
            return os.environ.get("OMP_NUM_THREADS")
        if kind == "fail":
            raise BrokenDrive("a.mcap", "it fell down", "chunk 7")
        if kind == "odd":
            raise Odd(1, 2)
        if kind == "disk":
            raise OSError(28, "No space left on device", "a.mcap")
        if kind == "die":                      # until the file exists
            marker = Path(value)
            if marker.exists():
                return "survived"
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if kind == "always die":
            os.kill(os.getpid(), signal.SIGSEGV)
        if kind == "hold":                     # a half-written file until somebody ends us
            with whole_file(Path(value) / f"{os.getpid()}.bin") as temporary:
                temporary.write_bytes(b"half")
                send(os.getpid())
                time.sleep(60)
        if kind == "stubborn":                 # does not hear SIGTERM
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            send(os.getpid())
            time.sleep(60)
        raise ValueError(kind)

    return work


def broken_make(shared):
    raise BrokenDrive("b.mcap", "no world", "")


def dying_make(shared):
    os._exit(3)
"""


@pytest.fixture
def jobs(tmp_path, monkeypatch):
    """A module that the spawned workers can import as well."""
    (tmp_path / "jobs_for_workers.py").write_text(JOBS)
    monkeypatch.syspath_prepend(str(tmp_path))
    import importlib

    yield importlib.import_module("jobs_for_workers")
    sys.modules.pop("jobs_for_workers", None)


def gone(pids: list[int]) -> bool:
    """Whether none of the processes runs any more (zombies do not run), within two seconds."""
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        if not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != "zombie" for pid in pids):
            return True
        time.sleep(0.02)
    return False


def test_results_messages_and_state_in_the_worker(jobs) -> None:
    messages: list[tuple[int, object]] = []
    environment = dict(os.environ)
    with WorkerPool(jobs.make, {"k": 1}, 2) as pool:
        results = dict(pool.run([("square", n) for n in range(9)], lambda *m: messages.append(m)))
        assert {number: value[0] for number, value in results.items()} == {n: n * n for n in range(9)}
        assert all(value[3] == {"k": 1} for value in results.values())
        pids = {value[1] for value in results.values()}
        assert len(pids) <= 2
        assert os.getpid() not in pids
        # `make` ran once in each worker: its list of calls grew from task to task.
        assert sum(max(v[2] for v in results.values() if v[1] == pid) for pid in pids) == 9
        assert sorted(messages) == [(n, ("working on", n)) for n in range(9)]
        again = dict(pool.run([("square", 5), ("threads", 0)]))
        assert again[0][0] == 25
        assert again[0][1] in pids
        assert again[1] == "1"
    assert gone(list(pids))
    assert dict(os.environ) == environment


def test_errors_come_home_with_their_traceback_and_end_the_workers(jobs) -> None:
    with WorkerPool(jobs.make, None, 2) as pool:
        with pytest.raises(BrokenDrive, match="it fell down") as caught:
            list(pool.run([("fail", 0), *[("square", n) for n in range(20)]]))
        assert caught.value.where == "chunk 7"
        assert "in work" in str(caught.value.__cause__)
        assert pool.pids == []
        with pytest.raises(RuntimeError, match="Odd: 1 and 2"):
            list(pool.run([("odd", 0)]))
        with pytest.raises(OSError, match="No space left") as disk:
            list(pool.run([("disk", 0)]))
        assert (disk.value.errno, disk.value.filename) == (28, "a.mcap")


def test_a_killed_worker_is_replaced_and_its_task_done_again(jobs, tmp_path) -> None:
    with WorkerPool(jobs.make, None, 2) as pool:
        tasks = [("square", 1), ("die", str(tmp_path / "once")), ("square", 2), ("square", 3)]
        results = dict(pool.run(tasks))
    assert results[1] == "survived"
    assert [results[n][0] for n in (0, 2, 3)] == [1, 4, 9]


def test_a_worker_killed_from_outside_while_idle_or_busy(jobs, tmp_path) -> None:
    with WorkerPool(jobs.make, None, 1) as pool:
        list(pool.run([("square", 1)]))
        os.kill(pool.pids[0], signal.SIGKILL)
        assert next(iter(pool.run([("square", 4)])))[1][0] == 16

        def kill_once(number: int, pid: object) -> None:
            if not (tmp_path / "killed").exists():
                (tmp_path / "killed").touch()
                os.kill(int(str(pid)), signal.SIGKILL)
            else:
                os.kill(int(str(pid)), signal.SIGINT)  # ignored: only the parent decides
                raise InterruptedError

        with pytest.raises(InterruptedError):
            list(pool.run([("hold", str(tmp_path))], kill_once))


def test_a_task_that_always_kills_its_worker_is_named(jobs) -> None:
    with WorkerPool(jobs.make, None, 2) as pool, pytest.raises(WorkerDied, match=r"always die.*2 times \(SIGSEGV\)"):
        list(pool.run([("always die", 0), ("square", 1)]))


@pytest.mark.parametrize(("make", "error"), [("broken_make", BrokenDrive), ("dying_make", WorkerDied)])
def test_a_worker_that_cannot_start(jobs, make, error) -> None:
    with WorkerPool(getattr(jobs, make), None, 2) as pool, pytest.raises(error):
        list(pool.run([("square", 1), ("square", 2)]))


def test_leaving_the_block_ends_busy_workers_and_their_half_written_files(jobs, tmp_path) -> None:
    pids: list[int] = []

    def leave(number: int, pid: object) -> None:
        pids.append(int(str(pid)))
        if len(pids) == 2:
            raise KeyboardInterrupt

    def hold() -> None:
        with WorkerPool(jobs.make, None, 2) as pool:
            list(pool.run([("hold", str(tmp_path)), ("hold", str(tmp_path))], leave))

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        hold()
    assert gone(pids)
    assert time.monotonic() - began < 10
    assert not list(tmp_path.glob("*.partial"))
    assert not list(tmp_path.glob("*.bin"))


def test_a_worker_that_does_not_listen_is_killed(jobs, monkeypatch) -> None:
    import launch.workers

    monkeypatch.setattr(launch.workers, "GRACE_S", 0.3)
    pids: list[int] = []

    def leave(number: int, pid: object) -> None:
        pids.append(int(str(pid)))
        raise KeyboardInterrupt

    with WorkerPool(jobs.make, None, 1) as pool, pytest.raises(KeyboardInterrupt):
        list(pool.run([("stubborn", 0)], leave))
    assert gone(pids)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_no_orphans_however_the_parent_ends(jobs, tmp_path, how) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        textwrap.dedent("""
            import sys
            from launch.workers import WorkerPool
            import jobs_for_workers
            if __name__ == "__main__":
                show = lambda number, pid: print(pid, flush=True)
                with WorkerPool(jobs_for_workers.make, None, 2) as pool:
                    list(pool.run([("hold", sys.argv[1])] * 2, show))
            """)
    )
    paths = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])
    parent = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": paths},
        text=True,
        start_new_session=True,
    )
    with parent:
        assert parent.stdout is not None
        pids = [int(parent.stdout.readline()) for _ in range(2)]
        # The terminal's Ctrl-C goes to the whole group.
        os.killpg(parent.pid, how) if how == signal.SIGINT else os.kill(parent.pid, how)
        parent.wait(30)
    assert gone(pids)
    assert not list(tmp_path.glob("*.partial"))


def test_the_number_of_workers_is_checked(jobs) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        WorkerPool(jobs.make, None, 0)
