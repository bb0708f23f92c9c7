"""Writing one drive: frame by frame into a temporary file that becomes the drive only when it is finished."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from foxglove_schemas_protobuf.RawImage_pb2 import RawImage
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from liquid_pilot import __version__
from liquid_pilot.drives.container_writer import ContainerWriter
from liquid_pilot.drives.digests import Scalar, encode_state, image_digest, state_digest
from liquid_pilot.drives.errors import BadStep, UnwritableDrive
from liquid_pilot.drives.format import (
    ACTION_TOPIC,
    IMAGE_TOPIC,
    METADATA_NAME,
    OBSERVATION_TOPIC,
    PROFILE,
    TRUTH_TOPIC,
    DriveInfo,
    Step,
    encode_info,
)
from liquid_pilot.files import whole_file

IMAGE_FRAME_ID = "camera"
"""The coordinate frame that the pictures name, for viewers."""
_JSON_TYPES: dict[type, str] = {bool: "boolean", int: "integer", float: "number"}


class DriveWriter:
    """Writes one episode; use it as a context manager. What is not finished leaves no file behind.

    ::

        with DriveWriter("drives/bends-000000.mcap", info) as drive:
            drive.add(step)
            drive.finish(end="completed", success=True)

    ``info`` comes without frames, size and end; the writer fills them in. Raises `BadStep` for what cannot be kept
    exactly and `UnwritableDrive` when the disk refuses.
    """

    def __init__(self, path: str | os.PathLike[str], info: DriveInfo) -> None:
        self.path = Path(path)
        self.info = info
        self.frames = 0
        self._encoded_info = encode_info(info)  # a scenario that is not JSON shall fail before an hour of driving
        self._shape: tuple[int, ...] = ()
        self._action_size = len(info.action_names)
        self._first_time = self._last_time = -math.inf
        self._observation_types: dict[str, type] = {}
        self._truth_types: dict[str, type] = {}
        self._channels: tuple[int, int, int, int] = (0, 0, 0, 0)
        self._label_names = [json.dumps(name) for name in info.action_names]
        self._stream: BinaryIO | None = None
        self._whole: AbstractContextManager[Path] = whole_file(self.path)
        try:
            temporary = self._whole.__enter__()
            self._stream = temporary.open("wb")
            self._mcap = ContainerWriter(self._stream, PROFILE, f"liquid-pilot {__version__}")
        except OSError as error:
            self.discard()
            raise UnwritableDrive(self.path, error.strerror or str(error)) from error

    def __enter__(self) -> DriveWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    def discard(self) -> None:
        """Throw away what was written, unless it was finished; may be called at any time and more than once."""
        if self._stream is None:
            return
        stream, self._stream = self._stream, None
        with suppress(OSError):  # a full disk refuses the last bytes of a file that is deleted now anyway
            stream.close()
        reason = UnwritableDrive(self.path, "given up")
        self._whole.__exit__(type(reason), reason, None)

    def add(self, step: Step) -> None:
        """Write the next step: H x W x 3 uint8 image, numbers and actions, all finite, with increasing times."""
        if self._stream is None:
            raise BadStep(self.frames, "the drive is finished already")
        if self.frames == 0:
            self._begin(step)
        self._check(step)
        time = round(step.time * 1e9)
        image = step.image.tobytes()
        height, width, _ = self._shape
        message = RawImage(
            frame_id=IMAGE_FRAME_ID, width=width, height=height, encoding="rgb8", step=3 * width, data=image
        )
        message.timestamp.FromNanoseconds(time)
        try:
            truth = encode_state(_typed(step.truth, self._truth_types, self.frames, "the truth"))
            seen = _typed(step.observation, self._observation_types, self.frames, "the observation")
            digests = {"image_sha256": image_digest(image), "state_sha256": state_digest(truth)}
            observation = json.dumps({"time": float(step.time), **seen, **digests}, allow_nan=False).encode()
        except ValueError as error:
            raise BadStep(self.frames, f"a number is not finite ({_not_finite(step)})") from error
        action = f'{{"label":{self._vector(step.action)},"applied":{self._vector(step.applied)}}}'.encode()
        try:
            for channel, data in zip(
                self._channels, (message.SerializeToString(), observation, action, truth), strict=True
            ):
                self._mcap.add_message(channel, self.frames, time, data)
        except OSError as error:
            raise UnwritableDrive(self.path, error.strerror or str(error)) from error
        self._last_time = float(step.time)
        self.frames += 1

    def finish(self, end: str, success: bool) -> DriveInfo:
        """Write header and indexes, flush to disk and give the file its name; returns the complete header."""
        if self._stream is None or self.frames == 0:
            raise BadStep(self.frames, "the drive has no frames" if self._stream else "the drive is finished already")
        height, width, _ = self._shape
        self.info = replace(
            self.info,
            image_size=(height, width),
            frames=self.frames,
            duration=self._last_time - self._first_time,
            end=end,
            success=bool(success),
        )
        try:
            self._mcap.add_metadata(METADATA_NAME, encode_info(self.info))
            self._mcap.finish()
            self._stream.close()
            self._stream = None
            self._whole.__exit__(None, None, None)
        except OSError as error:
            self.discard()
            raise UnwritableDrive(self.path, error.strerror or str(error)) from error
        return self.info

    def _begin(self, step: Step) -> None:
        """Take shapes and keys from the first step and announce the channels."""
        if step.image.ndim != 3 or step.image.shape[2] != 3 or 0 in step.image.shape:
            raise BadStep(0, f"the image's shape is {step.image.shape}, not (height, width, 3)")
        self._shape = step.image.shape
        self._first_time = float(step.time)
        self._observation_types = dict.fromkeys(step.observation, float)
        self._truth_types = {key: _kind(value, key) for key, value in sorted(step.truth.items())}
        image_schema = self._mcap.add_schema("foxglove.RawImage", "protobuf", _descriptor_set())
        numbers = {"type": "object", "properties": {name: {"type": "number"} for name in self.info.action_names}}
        text = {"type": "string"}
        observation = {"time": {"type": "number"}, **_properties(self._observation_types)}
        self._channels = (
            self._mcap.add_channel(IMAGE_TOPIC, "protobuf", image_schema),
            self._json_channel(OBSERVATION_TOPIC, {**observation, "image_sha256": text, "state_sha256": text}),
            self._json_channel(ACTION_TOPIC, {"label": numbers, "applied": numbers}),
            self._json_channel(TRUTH_TOPIC, _properties(self._truth_types)),
        )

    def _json_channel(self, topic: str, properties: Mapping[str, Any]) -> int:
        schema = {"type": "object", "properties": properties, "required": list(properties)}
        name = f"liquid_pilot{topic.replace('/', '.')}"
        return self._mcap.add_channel(
            topic, "json", self._mcap.add_schema(name, "jsonschema", json.dumps(schema).encode())
        )

    def _check(self, step: Step) -> None:
        if step.image.dtype != np.uint8 or step.image.shape != self._shape:
            raise BadStep(
                self.frames,
                f"the image is {step.image.dtype} {step.image.shape}, the drive's images are uint8 {self._shape}",
            )
        if not math.isfinite(step.time) or step.time < 0 or step.time <= self._last_time:
            raise BadStep(self.frames, f"time {step.time} s does not follow {self._last_time} s")
        for name, action in (("action", step.action), ("applied action", step.applied)):
            if np.shape(action) != (self._action_size,):
                raise BadStep(self.frames, f"the {name} has shape {np.shape(action)}, not ({self._action_size},)")

    def _vector(self, action: Any) -> str:
        values = [float(np.float32(value)) for value in action]
        if not all(map(math.isfinite, values)):
            raise BadStep(self.frames, f"an action is not finite: {values}")
        return "{" + ",".join(f"{name}:{value!r}" for name, value in zip(self._label_names, values, strict=True)) + "}"


def _kind(value: Any, key: str) -> type:
    if isinstance(value, (bool, np.bool_)):
        return bool
    if isinstance(value, (int, np.integer)):
        return int
    if isinstance(value, (float, np.floating)):
        return float
    raise BadStep(0, f"{key} in the truth is a {type(value).__name__}; only float, int and bool can be kept")


def _typed(values: Mapping[str, Any], types: Mapping[str, type], frame: int, name: str) -> dict[str, Scalar]:
    """The values as plain Python numbers, each of the type that its key had in the first step."""
    if values.keys() != types.keys():
        raise BadStep(frame, f"{name} has other keys than before: {sorted(values.keys() ^ types.keys())}")
    return {key: kind(values[key]) for key, kind in types.items()}


def _not_finite(step: Step) -> str:
    every = {**step.observation, **step.truth}
    return ", ".join(f"{key} = {value}" for key, value in every.items() if not math.isfinite(value))


def _properties(types: Mapping[str, type]) -> dict[str, Any]:
    return {key: {"type": _JSON_TYPES[kind]} for key, kind in types.items()}


def _descriptor_set() -> bytes:
    """The protobuf descriptors of RawImage and of all that it imports, dependencies first, as MCAP wants them."""
    files: dict[str, FileDescriptor] = {}

    def visit(file: FileDescriptor) -> None:
        for dependency in file.dependencies:
            visit(dependency)
        files.setdefault(file.name, file)

    visit(RawImage.DESCRIPTOR.file)
    result = FileDescriptorSet()
    for file in files.values():
        file.CopyToProto(result.file.add())
    data: bytes = result.SerializeToString(deterministic=True)
    return data
