"""Output folders: new, or holding exactly this command's unfinished work; anything else is left alone.

A job writes ``job.json`` into its folder before anything else: what it was asked to do and a fingerprint of that. The
same command finds it again after a kill and goes on; another command is refused; a finished one says so.
"""

from __future__ import annotations

import errno
import fcntl
import fnmatch
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from launch.errors import FolderInUse, OutputNotWritable
from liquid_pilot.files import TEMPORARY_SUFFIX, write_json

JOB_FILE = "job.json"
_MAX_JOB_BYTES = 10_000_000

_REASONS = {
    errno.ENOSPC: "no space left; free some and run the same command again: it goes on where it stopped",
    errno.EDQUOT: "the disk quota is used up; free some and run the same command again",
    errno.EROFS: "the file system is read-only; choose another --out",
    errno.EACCES: "no permission to write; choose another --out or change the folder's permissions",
    errno.EPERM: "no permission to write; choose another --out or change the folder's permissions",
    errno.ENOTDIR: "a file stands where a folder should be; choose another --out",
    errno.ENAMETOOLONG: "the name is too long; choose another --out",
}


@contextmanager
def named_write_errors(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn what the system says about writing below ``path`` into `OutputNotWritable`; other errors pass."""
    try:
        yield
    except OSError as error:
        if error.errno not in _REASONS:
            raise
        place = error.filename if isinstance(error.filename, str) else path
        raise OutputNotWritable(f"{place}: {_REASONS[error.errno]}") from error


def fingerprint(job: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of what a job was asked to do; equal for equal values in any order of keys."""
    return hashlib.sha256(json.dumps(job, sort_keys=True, allow_nan=False).encode()).hexdigest()


class OutputFolder:
    """An output folder that belongs to this process until the ``with`` block ends; made by `open_output`.

    Attributes:
        path: the folder.
        resumed: it held this command's unfinished work.
        already_finished: it holds this command's finished work; there is nothing to do.

    If the block ends by an error before the job has written anything, a folder that was made for it disappears again.
    """

    def __init__(
        self, path: Path, job: Mapping[str, Any], lock: int, made: Sequence[Path], resumed: bool, finished: bool
    ) -> None:
        self.path = path
        self.job = job
        self.resumed = resumed
        self.already_finished = finished
        self._lock = lock
        self._made = list(made)

    def finish(self, **results: Any) -> None:
        """Mark the job as finished; ``results`` (plain values, e.g. counts) are kept in job.json for the reader."""
        with named_write_errors(self.path):
            remove_partials(self.path)  # a worker that was killed on the way leaves one
            _write_job(self.path, self.job, finished=True, results=results)
        self.already_finished = True

    def __enter__(self) -> OutputFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._vanish_if_empty()
        os.close(self._lock)

    def _vanish_if_empty(self) -> None:
        """After an error: take away temporary files, and the folder if nothing but the job's description is in it."""
        with suppress(OSError):  # the error that brought us here matters more
            remove_partials(self.path)
            if self.path in self._made and [entry.name for entry in self.path.iterdir()] == [JOB_FILE]:
                (self.path / JOB_FILE).unlink()
            _remove_folders(self._made)


def open_output(
    path: str | os.PathLike[str], job: Mapping[str, Any], owns: Sequence[str] | None = None
) -> OutputFolder:
    """Take a folder for a job; use the result as a context manager.

    Args:
        path: it is made when it does not exist; an empty folder will do.
        job: what the command was asked to do, resolved, with ``command`` and what else must be equal for its work to be
            continued (versions, say). Plain JSON values, no paths that may change.
        owns: patterns (``*.mcap``) of the files and folders that the job makes. When given, a file of another name is
            somebody else's, and the folder is refused.

    Returns:
        An `OutputFolder`: new, ``resumed``, or ``already_finished``. Temporary files of a killed run are removed.

    Raises:
        FolderInUse: it holds something else, another command's work, or another process is at work in it now.
        OutputNotWritable: read-only, no permission, no space, a file in the way.
    """
    folder = Path(path)
    described = json.loads(json.dumps(dict(job), allow_nan=False))  # tuples become lists, as they will be read back
    with named_write_errors(folder):
        if folder.exists() and not folder.is_dir():
            raise FolderInUse(f"{folder}: this is a file; --out must name a folder that does not exist yet")
        made = _make_folders(folder)
        try:
            lock = _lock(folder)
        except BaseException:
            _remove_folders(made)
            raise
        try:
            resumed, finished = _recognise(folder, described, owns)
            if not resumed and not finished:
                _write_job(folder, described, finished=False, results={})
            if not finished:
                remove_partials(folder)
        except BaseException:
            os.close(lock)
            with suppress(OSError):
                _remove_folders(made)
            raise
    return OutputFolder(folder, described, lock, made, resumed, finished)


def remove_partials(folder: Path) -> None:
    """Delete what a killed run had half written (``*.partial``), in all depths."""
    for entry in folder.rglob(f"*{TEMPORARY_SUFFIX}"):
        if entry.is_file() or entry.is_symlink():
            entry.unlink(missing_ok=True)


def _recognise(folder: Path, job: Mapping[str, Any], owns: Sequence[str] | None) -> tuple[bool, bool]:
    """Whether the folder holds this job's (unfinished, finished) work; raises FolderInUse when it is not this job's."""
    present = sorted(entry.name for entry in folder.iterdir())
    # A run that was killed at its very beginning leaves at most a half-written description.
    half_written = f"{JOB_FILE}.*{TEMPORARY_SUFFIX}"
    names = [name for name in present if not fnmatch.fnmatchcase(name, half_written)]
    if not names:
        return False, False
    if JOB_FILE not in names:
        raise FolderInUse(f"{folder}: the folder is not empty ({names[0]}...); choose a new --out or delete it")
    known = _read_job(folder)
    if known.get("fingerprint") != fingerprint(job):
        raise FolderInUse(
            f"{folder}: the folder holds the work of another command ({_difference(known.get('job'), job)}); "
            "choose a new --out, or delete the folder"
        )
    strangers = [name for name in names if name != JOB_FILE and not _matches(name, owns)]
    if strangers:
        raise FolderInUse(f"{folder}: {strangers[0]} does not belong to this command; move it elsewhere")
    return (False, True) if known.get("finished") is True else (True, False)


def _matches(name: str, patterns: Sequence[str] | None) -> bool:
    return patterns is None or any(
        fnmatch.fnmatchcase(name, pattern) for pattern in (*patterns, f"*{TEMPORARY_SUFFIX}")
    )


def _read_job(folder: Path) -> dict[str, Any]:
    path = folder / JOB_FILE
    try:
        if path.stat().st_size > _MAX_JOB_BYTES:
            raise ValueError("too large")
        value = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(value, dict):
            raise ValueError("no object")
    except (ValueError, RecursionError) as error:
        raise FolderInUse(
            f"{path}: this file was not written by liquid-pilot ({error}); choose a new --out, or delete the folder"
        ) from error
    return value


def _difference(known: Any, job: Mapping[str, Any]) -> str:
    """The first thing in which two jobs differ, in words."""
    if not isinstance(known, dict):
        return "its job.json names no job"
    for key in [*job, *(key for key in known if key not in job)]:
        if known.get(key) != job.get(key):
            return f"{key} there: {_short(known.get(key))}, here: {_short(job.get(key))}"
    return "its job.json was changed"


def _short(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _write_job(folder: Path, job: Mapping[str, Any], finished: bool, results: Mapping[str, Any]) -> None:
    write_json(
        folder / JOB_FILE,
        {
            "schema": 1,
            "fingerprint": fingerprint(job),
            "finished": finished,
            "job": dict(job),
            "results": dict(results),
        },
    )


def _lock(folder: Path) -> int:
    """Hold the folder itself; the lock goes with the process, so a killed one leaves none behind."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise FolderInUse(f"{folder}: another process is at work in it; wait for it or choose another --out") from error
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL):
            os.close(handle)
            raise  # otherwise a file system without locks (some network disks): then nobody watches
    return handle


def _make_folders(folder: Path) -> list[Path]:
    """Make the folder and its missing parents; gives those that were made, innermost first."""
    missing = [folder, *folder.parents]
    missing = [entry for entry in missing if not entry.exists()]
    made: list[Path] = []
    try:
        for entry in reversed(missing):
            entry.mkdir(exist_ok=True)
            made.insert(0, entry)
    except OSError:
        _remove_folders(made)
        raise
    return made


def _remove_folders(folders: Sequence[Path]) -> None:
    """Remove folders, innermost first, up to the first that is not empty."""
    with suppress(OSError):
        for entry in folders:
            entry.rmdir()
