"""The frames of all drives, decoded once into a memory-mapped file.

Decompressing a frame takes some 50 us, and a training looks at each of them many times in a random order. The file lies
beside the run (never among the drives), it is written under a temporary name, and its name holds a digest of the
drives, so an old one is never taken for the frames of other drives.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from liquid_pilot.drives import Drive, DriveInfo, read_drive
from liquid_pilot.files import TEMPORARY_SUFFIX, whole_file
from liquid_pilot.imitation.errors import DrivesDoNotFit, NoSpaceForFrames

_FORMAT = 1
_DECODERS = 2
"""Threads that decode drives side by side: zstd and the copying release Python's lock."""


@dataclass(frozen=True)
class Frames:
    """All frames of a set of drives, one drive after the other.

    images: (N, H, W, 3) uint8, memory-mapped; measured: (N, K) float32, what is fed in beside the picture; elapsed:
    (N,) float32, s since the frame before; action: (N, A) float32 labels; truth: (N, Q) float32 privileged values;
    first: (D + 1,) index of each drive's first frame; key: digest of the drives.
    """

    images: NDArray[np.uint8]
    measured: NDArray[np.float32]
    elapsed: NDArray[np.float32]
    action: NDArray[np.float32]
    truth: NDArray[np.float32]
    first: NDArray[np.int64]
    action_names: tuple[str, ...]
    truth_names: tuple[str, ...]
    key: str

    def __len__(self) -> int:
        return len(self.elapsed)

    def spans(self, drives: Sequence[int]) -> list[tuple[int, int]]:
        """[first, end) of the frames of these drives."""
        return [(int(self.first[d]), int(self.first[d + 1])) for d in drives]


def open_frames(
    drives: Sequence[Path],
    infos: Sequence[DriveInfo],
    folder: Path,
    measured: Sequence[tuple[str, int]],
    truth: Sequence[str],
    progress: Callable[[int, int], None],
) -> Frames:
    """The frames of these drives, from the cache in ``folder`` or decoded into it now.

    infos: the drives' headers, from `read_infos`, which makes sure that they fit together; measured: keys of the
    observation and which element of it (an observation of several elements is recorded as ``velocity_0``...), each of
    which every drive must hold; truth: names of privileged values, of which those are taken that every drive holds.
    progress(frames done, all) is called after each drive.
    Raises `BrokenDrive` (liquid_pilot.drives), `DrivesDoNotFit` and `NoSpaceForFrames`.
    """
    wanted = _Wanted(tuple(measured), tuple(truth))
    key = _key(drives, wanted)
    index = folder / f"frames-{key}.npz"
    if not index.exists():
        _remove_leftovers(folder)
        _build(drives, infos, folder, key, wanted, progress)
    with np.load(index, allow_pickle=False) as stored:
        names = json.loads(str(stored["names"]))
        arrays = {name: stored[name] for name in ("measured", "elapsed", "action", "truth", "first")}
    return Frames(
        images=np.load(folder / f"frames-{key}.npy", mmap_mode="r", allow_pickle=False),
        action_names=infos[0].action_names,
        truth_names=tuple(names),
        key=key,
        **arrays,
    )


def road_of(info: DriveInfo) -> str:
    """What tells the road (or land) of a drive from others: two drives with the same answer must not be split.

    The digest of the world where the recorder has noted it, otherwise what the resolved scenario says of its road.
    """
    known = info.options.get("world_sha256")
    told = info.scenario.get("road") or info.scenario.get("world") or info.scenario_name
    return str(known) if known else json.dumps(told, sort_keys=True)


@dataclass(frozen=True)
class _Wanted:
    """Names of the numbers to take out of each drive."""

    measured: tuple[tuple[str, int], ...]
    truth: tuple[str, ...]


def _key(drives: Sequence[Path], wanted: _Wanted) -> str:
    """16 hexadecimal digits that change whenever a drive is added, removed, or written anew."""
    files = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in drives]
    return hashlib.sha256(json.dumps([_FORMAT, files, wanted.measured, wanted.truth]).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class _Numbers:
    """What a drive holds besides its pictures, float32."""

    measured: NDArray[np.float32]
    elapsed: NDArray[np.float32]
    action: NDArray[np.float32]
    truth: dict[str, NDArray[np.float32]]


def _build(
    drives: Sequence[Path],
    infos: Sequence[DriveInfo],
    folder: Path,
    key: str,
    wanted: _Wanted,
    progress: Callable[[int, int], None],
) -> None:
    """Decode all drives; the numbers' file is written last and says that the pictures' file is whole."""
    first = np.concatenate([[0], np.cumsum([info.frames for info in infos])]).astype(np.int64)
    total = int(first[-1])
    parts: list[_Numbers] = []
    with _saying_when_full(folder, total * int(np.prod(infos[0].image_size)) * 3):
        with whole_file(folder / f"frames-{key}.npy") as path, ThreadPoolExecutor(_DECODERS) as pool:
            images = _reserve(path, (total, *infos[0].image_size, 3))
            jobs = [
                pool.submit(_decode, drive, images[begin:end], wanted)
                for drive, begin, end in zip(drives, first, first[1:], strict=False)
            ]
            try:
                for job, end in zip(jobs, first[1:], strict=True):
                    parts.append(job.result())
                    progress(int(end), total)
            finally:
                pool.shutdown(wait=True, cancel_futures=True)
            images.flush()
        names = [name for name in wanted.truth if all(name in part.truth for part in parts)]
        truth = [np.concatenate([part.truth[name] for part in parts]) for name in names]
        with whole_file(folder / f"frames-{key}.npz") as path, path.open("wb") as stream:
            np.savez(
                stream,
                measured=np.concatenate([part.measured for part in parts]),
                elapsed=np.concatenate([part.elapsed for part in parts]),
                action=np.concatenate([part.action for part in parts]),
                truth=_columns(truth, total),
                first=first,
                names=np.array(json.dumps(names)),
            )


def _decode(path: Path, images: NDArray[np.uint8], wanted: _Wanted) -> _Numbers:
    """Decode one drive: its pictures into ``images`` (T, H, W, 3), the rest is returned."""
    drive = read_drive(path, truth=bool(wanted.truth))
    names = [_name(drive, *one) for one in wanted.measured]
    missing = [name for name in (*names, "elapsed") if name not in drive.observation]
    if missing:
        raise DrivesDoNotFit(
            f"{path}: the observations hold no {', '.join(missing)}, which the network reads; they hold "
            f"{', '.join(drive.observation)}: choose another network or record the drive again"
        )
    images[:] = drive.images
    return _Numbers(
        measured=_columns([drive.observation[name] for name in names], len(drive.times)),
        elapsed=drive.elapsed.astype(np.float32),
        action=drive.action.astype(np.float32),
        truth={name: drive.truth[name].astype(np.float32) for name in wanted.truth if name in drive.truth},
    )


def _name(drive: Drive, key: str, index: int) -> str:
    """Under which name a drive holds an element of an observation."""
    return key if index == 0 and key in drive.observation else f"{key}_{index}"


def _columns(values: Sequence[NDArray[np.floating[Any]]], rows: int) -> NDArray[np.float32]:
    """Values (rows,) side by side as (rows, number of values), also when there are none."""
    return np.stack(values, axis=1).astype(np.float32) if values else np.empty((rows, 0), np.float32)


def _reserve(path: Path, shape: tuple[int, ...]) -> np.memmap[tuple[int, ...], np.dtype[np.uint8]]:
    """A new .npy file of this shape whose space on the disk is taken already.

    Without that, a full disk would show itself as a bus error in the middle of a memory-mapped write.
    """
    np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape).flush()
    with path.open("rb+") as stream:
        os.posix_fallocate(stream.fileno(), 0, path.stat().st_size)
    return np.lib.format.open_memmap(path, mode="r+")


@contextmanager
def _saying_when_full(folder: Path, size: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        raise NoSpaceForFrames(
            f"{folder}: no space for {size / 1e9:.2f} GB of decoded frames; free some or choose another output folder"
        ) from error


def _remove_leftovers(folder: Path) -> None:
    """Delete what killed processes left half-written."""
    for path in folder.glob(f"frames-*{TEMPORARY_SUFFIX}"):
        process = path.name.removesuffix(TEMPORARY_SUFFIX).rpartition(".")[2]
        if not Path(f"/proc/{process}").exists() or process == str(os.getpid()):
            path.unlink(missing_ok=True)
