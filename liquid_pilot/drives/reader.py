"""Reading drives back: the header alone, frame by frame, or whole into arrays. Every byte is checked."""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from foxglove_schemas_protobuf.RawImage_pb2 import RawImage
from google.protobuf.message import DecodeError

from liquid_pilot.drives import container
from liquid_pilot.drives.container import Layout
from liquid_pilot.drives.errors import BrokenDrive, DriveNotFound, DriveTooLarge
from liquid_pilot.drives.format import (
    METADATA_NAME,
    TOPICS,
    Drive,
    DriveInfo,
    Step,
    decode_info,
    parse_json,
)

MEMORY_LIMIT = 8 * 2**30
"""How large the images of one drive may become in memory unless the caller says otherwise, bytes."""
_MESSAGE = struct.Struct("<HIQQ")  # channel, sequence, log time, publish time
_DIGESTS = ("image_sha256", "state_sha256")


@dataclass(frozen=True)
class RawFrame:
    """One frame as it lies in the file; ``where`` names the chunk for error messages."""

    number: int
    time: int
    """Log time, ns."""
    image: bytes
    """The picture's bytes; their number fits to the drive's image size."""
    observation: bytes
    action: bytes
    truth: bytes
    where: str


@contextmanager
def open_drive(path: str | os.PathLike[str]) -> Iterator[tuple[Path, BinaryIO]]:
    """The drive's path and its bytes; what the system refuses becomes `DriveNotFound` or `BrokenDrive`."""
    name = Path(path)
    try:
        stream = name.open("rb")
    except FileNotFoundError as error:
        raise DriveNotFound(name) from error
    except OSError as error:
        raise BrokenDrive(name, f"the file cannot be opened: {error.strerror}") from error
    with stream:
        try:
            yield name, stream
        except OSError as error:
            raise BrokenDrive(name, f"the file cannot be read: {error.strerror}") from error


def read_info(path: str | os.PathLike[str]) -> DriveInfo:
    """The drive's header without reading its frames (0.3 ms); checks the summary's CRC and the header's digest.

    Raises `DriveNotFound`, `BrokenDrive` or `DriveVersion`. Damage inside of the frames is not seen: `verify` does.
    """
    with open_drive(path) as (name, stream):
        return decode_info(name, container.read_metadata(stream, name))


def scan_drive(stream: BinaryIO, path: Path) -> tuple[Layout, DriveInfo]:
    """Where the chunks are, and the header; raises `BrokenDrive` unless structure and all checksums are right."""
    layout = container.scan(stream, path)
    if layout.data_damaged:
        _name_the_damage(stream, layout)
    if METADATA_NAME not in layout.metadata:
        raise BrokenDrive(path, f"this MCAP file is no drive of liquid-pilot: it has no metadata '{METADATA_NAME}'")
    return layout, decode_info(path, layout.metadata[METADATA_NAME])


def _name_the_damage(stream: BinaryIO, layout: Layout) -> None:
    """The data section's CRC is wrong: find the chunk and the frames, and raise `BrokenDrive`."""
    messages = 0
    for place in layout.chunks:
        try:
            data = container.read_chunk(stream, layout.path, place, check_crc=True)
            records = container.chunk_records(data, layout.path, place)
            messages += sum(opcode == container.MESSAGE for opcode, _, _ in records)
        except BrokenDrive as error:
            raise BrokenDrive(layout.path, error.what, f"{place}, from frame {messages // len(TOPICS)} on") from error
    raise BrokenDrive(layout.path, "the data does not match its checksum", "outside of the frames")


def _channels(data: bytes, at: int, length: int) -> tuple[int, str]:
    """Id and topic from a channel record's body."""
    (number,) = struct.unpack_from("<H", data, at)
    return number, container.parse_text(data[at : at + length], 4)[0]


def raw_frames(stream: BinaryIO, layout: Layout, info: DriveInfo, check_crc: bool = False) -> Iterator[RawFrame]:
    """The frames in order, each with exactly one message per topic; raises `BrokenDrive`."""
    path, topic_of = layout.path, {}
    expected, pending, time, number = 0, [b""] * len(TOPICS), 0, 0
    height, width = info.image_size
    for place in layout.chunks:
        data = container.read_chunk(stream, path, place, check_crc)
        for opcode, at, length in container.chunk_records(data, path, place):
            if opcode == container.CHANNEL:
                try:
                    channel, topic = _channels(data, at, length)
                except (ValueError, struct.error) as error:
                    raise BrokenDrive(path, f"a channel cannot be read: {error}", str(place)) from error
                if topic in TOPICS:
                    topic_of[channel] = TOPICS.index(topic)
                continue
            if opcode != container.MESSAGE:
                continue
            where = f"frame {number}, {place}"
            if length < _MESSAGE.size:
                raise BrokenDrive(path, "a message is cut off", where)
            channel, sequence, log_time, _ = _MESSAGE.unpack_from(data, at)
            index = topic_of.get(channel)
            if index is None:
                continue  # a channel that somebody added
            if index != expected or sequence != number or (index > 0 and log_time != time):
                wanted, found = f"{TOPICS[expected]} of frame {number}", f"{TOPICS[index]} of frame {sequence}"
                raise BrokenDrive(path, f"expected {wanted}, found {found}", where)
            if index == 0 and number > 0 and log_time <= time:
                raise BrokenDrive(path, "the times do not increase", where)
            if number >= info.frames:
                raise BrokenDrive(path, f"more frames than the {info.frames} that the header announces", where)
            time = log_time
            pending[index] = data[at + _MESSAGE.size : at + length]
            expected += 1
            if expected == len(TOPICS):
                image = _image_bytes(path, pending[0], height, width, where)
                yield RawFrame(number, time, image, pending[1], pending[2], pending[3], where)
                expected, number = 0, number + 1
    if number != info.frames or expected:
        raise BrokenDrive(path, f"{number} whole frames instead of the {info.frames} that the header announces")


def _image_bytes(path: Path, data: bytes, height: int, width: int, where: str) -> bytes:
    try:
        message = RawImage.FromString(data)
    except DecodeError as error:
        raise BrokenDrive(path, "an image cannot be decoded", where) from error
    image: bytes = message.data
    if (message.encoding, message.height, message.width, message.step, len(image)) != (
        "rgb8", height, width, 3 * width, 3 * width * height
    ):  # fmt: skip
        raise BrokenDrive(
            path,
            f"an image of {message.width} x {message.height} {message.encoding}, not of {width} x {height} rgb8",
            where,
        )
    return image


def parse_object(path: Path, data: bytes, where: str) -> dict[str, Any]:
    """A message as a JSON object; raises `BrokenDrive`."""
    try:
        value = parse_json(data)
    except ValueError as error:
        raise BrokenDrive(path, f"a message cannot be read: {error}", where) from error
    if not isinstance(value, dict):
        raise BrokenDrive(path, "a message is no JSON object", where)
    return value


def iter_steps(path: str | os.PathLike[str]) -> Iterator[Step]:
    """The steps one after the other, in bounded memory. The whole file is checked before the first one comes.

    Raises `DriveNotFound`, `BrokenDrive` or `DriveVersion`.
    """
    with open_drive(path) as (name, stream):
        layout, info = scan_drive(stream, name)
        height, width = info.image_size
        for frame in raw_frames(stream, layout, info):
            observation = parse_object(name, frame.observation, frame.where)
            truth = parse_object(name, frame.truth, frame.where)
            action = parse_object(name, frame.action, frame.where)
            for key in _DIGESTS:
                observation.pop(key, None)
            try:
                yield Step(
                    time=float(observation.pop("time")),
                    image=np.frombuffer(frame.image, np.uint8).reshape(height, width, 3),
                    observation={key: float(value) for key, value in _scalars(observation).items()},
                    action=_vector(action["label"], info),
                    applied=_vector(action["applied"], info),
                    truth=_scalars(truth),
                )
            except (KeyError, TypeError, ValueError, OverflowError) as error:
                raise BrokenDrive(name, f"a message lacks or garbles a value: {error}", frame.where) from error


def _scalars(values: dict[str, Any]) -> dict[str, Any]:
    for key, value in values.items():
        if not isinstance(value, (bool, int, float)) or not math.isfinite(value):
            raise TypeError(f"{key} is no finite number")
    return values


def _vector(values: Any, info: DriveInfo) -> npt.NDArray[np.float32]:
    vector = np.array([float(values[name]) for name in info.action_names], np.float32)
    if not np.isfinite(vector).all():
        raise ValueError("an action is not finite")
    return vector


def read_drive(path: str | os.PathLike[str], truth: bool = True, memory_limit: int = MEMORY_LIMIT) -> Drive:
    """A whole drive as arrays, 100 us a frame of 200 x 78; ``truth=False`` leaves the truth out (20 % quicker).

    Raises `DriveNotFound`, `BrokenDrive`, `DriveVersion`, or `DriveTooLarge` above ``memory_limit`` bytes of images.
    """
    with open_drive(path) as (name, stream):
        layout, info = scan_drive(stream, name)
        height, width = info.image_size
        needed = info.frames * height * width * 3
        if needed > memory_limit:
            raise DriveTooLarge(name, needed, memory_limit)
        images = np.empty((info.frames, height, width, 3), np.uint8)
        flat = images.reshape(info.frames, -1)
        seen: list[bytes] = []
        actions: list[bytes] = []
        states: list[bytes] = []
        for frame in raw_frames(stream, layout, info):
            flat[frame.number] = np.frombuffer(frame.image, np.uint8)
            seen.append(frame.observation)
            actions.append(frame.action)
            if truth:
                states.append(frame.truth)
    observation = _columns(name, _objects(name, seen), skip=_DIGESTS)
    pairs = _objects(name, actions)
    try:
        label = np.stack([_vector(pair["label"], info) for pair in pairs])
        applied = np.stack([_vector(pair["applied"], info) for pair in pairs])
        times = observation.pop("time").astype(np.float64)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BrokenDrive(name, f"an action or a time is missing: {error}") from error
    return Drive(
        info=info,
        times=times,
        images=images,
        observation={key: values.astype(np.float64) for key, values in observation.items()},
        action=label,
        applied=applied,
        truth=_columns(name, _objects(name, states)),
    )


def _objects(path: Path, messages: list[bytes]) -> list[dict[str, Any]]:
    """All messages of a channel, parsed in one go: half of the time of one by one."""
    try:
        values = parse_json(b"[" + b",".join(messages) + b"]")
        if len(values) != len(messages):
            raise ValueError("a message that holds several")
    except ValueError as error:
        for number, message in enumerate(messages):
            parse_object(path, message, f"frame {number}")
        raise BrokenDrive(path, f"the messages cannot be read: {error}") from error
    for number, value in enumerate(values):
        if not isinstance(value, dict):
            raise BrokenDrive(path, "a message is no JSON object", f"frame {number}")
    return list(values)


def _columns(path: Path, rows: list[dict[str, Any]], skip: tuple[str, ...] = ()) -> dict[str, npt.NDArray[Any]]:
    """One array per key: float64, int64 or bool, as the first row has it."""
    if not rows:
        return {}
    columns: dict[str, npt.NDArray[Any]] = {}
    for key, first in rows[0].items():
        if key in skip:
            continue
        try:
            values = [row[key] for row in rows]
            if len(set(map(type, values))) != 1 or not isinstance(first, (bool, int, float)):
                raise TypeError("it changes its type or is no number")
            columns[key] = np.array(values)
            if columns[key].dtype.kind not in "bif" or not np.isfinite(columns[key]).all():
                raise ValueError("it is not finite")
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise BrokenDrive(path, f"{key!r} is missing or wrong in a frame: {error}") from error
    return columns
