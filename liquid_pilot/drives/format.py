"""What a recorded drive is: its header, its steps, and how both are laid out in an MCAP file.

One file is one episode. Four channels, one message each per frame, all stamped with the simulation time:

=============== ======================================= =====================================================
topic           encoding                                content
=============== ======================================= =====================================================
/camera/front   protobuf ``foxglove.RawImage``, ``rgb8`` the picture, lossless
/observation    JSON                                    ``time``, ``speed``, ``elapsed``..., ``image_sha256``
/action         JSON                                    ``label`` and ``applied``, each an object by action name
/truth          JSON                                    the simulator's own state: pose, cross-track error...
=============== ======================================= =====================================================

The metadata record ``liquid_pilot`` holds the `DriveInfo`, each field as JSON, and a digest over them. JSON rather
than a protobuf of our own: floats by ``repr`` come back bit by bit, every viewer plots them, and no compiled schema has
to travel along. Images rather than video: what a network is trained on must be what it saw.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from liquid_pilot.drives.digests import Scalar
from liquid_pilot.drives.errors import BrokenDrive, DriveVersion

FORMAT = 1
"""Number of the layout that this version writes and reads."""
PROFILE = "liquid-pilot"
METADATA_NAME = "liquid_pilot"
SUFFIX = ".mcap"

IMAGE_TOPIC = "/camera/front"
OBSERVATION_TOPIC = "/observation"
ACTION_TOPIC = "/action"
TRUTH_TOPIC = "/truth"
TOPICS = (IMAGE_TOPIC, OBSERVATION_TOPIC, ACTION_TOPIC, TRUTH_TOPIC)
"""The topics in the order in which every frame has its messages."""

# Bounds for files from strangers. A chunk is closed at 1 MiB or after the frame that crosses it.
MAX_RECORD_BYTES = 128 * 2**20
MAX_CHUNK_BYTES = 128 * 2**20
MAX_METADATA_BYTES = 16 * 2**20
MAX_FRAMES = 10_000_000
MAX_IMAGE_SIDE = 8192


@dataclass(frozen=True)
class DriveInfo:
    """What one needs to know of a drive without reading its frames, and all that is needed to drive it again.

    The last five fields are filled in by the writer.
    """

    kind: str
    """That of its scenario: ``driving`` (a car on a road) or ``flight``."""
    scenario: Mapping[str, Any]
    """The resolved scenario, as ``Scenario.from_dict`` takes it."""
    scenario_name: str
    seed: int
    """The seed that the environment was reset with."""
    episode: int
    """Number of the episode within its recording, from 0."""
    policy: str
    """Name of who drove."""
    action_names: tuple[str, ...]
    """Names of the action's components, e.g. ``("steering", "acceleration")``."""
    control_hz: float
    """Nominal control frequency in 1/s; the true time of each step is in the step."""
    versions: Mapping[str, str]
    """Versions of the software that made the drive; ``liquid-pilot`` is always among them."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """What else is needed to repeat it: ``reset`` (the options of ``reset``), ``recording``..."""
    image_size: tuple[int, int] = (0, 0)
    """(height, width) in pixels."""
    frames: int = 0
    duration: float = 0.0
    """Time of the last step minus that of the first, s."""
    end: str = ""
    """Why it ended: ``completed``, ``off_lane``, ``collision``, ``time_limit``... or ``cut`` (frames enough)."""
    success: bool = False


@dataclass(frozen=True)
class Step:
    """One control step: the observation BEFORE the action, the action taken on it, and the truth at that time."""

    time: float
    """Simulation time in s; strictly increasing."""
    image: npt.NDArray[np.uint8]
    """(H, W, 3) RGB."""
    observation: Mapping[str, float]
    """The observation's numbers: ``speed`` (m/s), ``elapsed`` (s since the previous observation)..."""
    action: npt.NDArray[np.float32]
    """(A,) the label: what the policy wanted."""
    applied: npt.NDArray[np.float32]
    """(A,) what moved the car: the label plus the disturbance, clipped to [-1, 1]."""
    truth: Mapping[str, Scalar]
    """The simulator's state; the same keys in every step."""


@dataclass(frozen=True)
class Drive:
    """A whole drive in memory; T frames."""

    info: DriveInfo
    times: npt.NDArray[np.float64]
    """(T,) simulation time in s."""
    images: npt.NDArray[np.uint8]
    """(T, H, W, 3) RGB."""
    observation: Mapping[str, npt.NDArray[np.float64]]
    """Each (T,)."""
    action: npt.NDArray[np.float32]
    """(T, A) labels."""
    applied: npt.NDArray[np.float32]
    """(T, A) what moved the car."""
    truth: Mapping[str, npt.NDArray[Any]]
    """Each (T,): float64, int64 or bool. Empty if it was not asked for."""

    @property
    def speed(self) -> npt.NDArray[np.float64]:
        """(T,) speed in m/s as the policy saw it."""
        return self.observation["speed"]

    @property
    def elapsed(self) -> npt.NDArray[np.float64]:
        """(T,) time since the previous observation in s."""
        return self.observation["elapsed"]


def _plain(value: Any) -> Any:
    """NumPy numbers inside scenario or options as Python numbers."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be kept in a drive's metadata")


def _digest(entries: Mapping[str, str]) -> str:
    text = "\x1e".join(f"{key}\x1f{entries[key]}" for key in sorted(entries))
    return hashlib.sha256(text.encode()).hexdigest()


def encode_info(info: DriveInfo) -> dict[str, str]:
    """The metadata record's entries: each field as JSON, ``format``, and ``sha256`` over all of them."""
    entries = {
        item.name: json.dumps(getattr(info, item.name), sort_keys=True, allow_nan=False, default=_plain)
        for item in fields(info)
    }
    entries["format"] = str(FORMAT)
    entries["sha256"] = _digest(entries)
    return entries


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def parse_json(data: bytes | str) -> Any:
    """JSON from a file of a stranger: raises ValueError for whatever is wrong with it, depth bombs included."""
    try:
        return json.loads(data, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def decode_info(path: Path, entries: Mapping[str, str]) -> DriveInfo:
    """The `DriveInfo` from a metadata record; raises `DriveVersion` or `BrokenDrive`."""
    version = entries.get("format", "")
    where = f"metadata record '{METADATA_NAME}'"
    if not (version.isascii() and version.isdigit() and len(version) < 10):
        raise BrokenDrive(path, "the header names no format", where)
    if version != str(FORMAT):
        # Before the digest: a later format may compute it differently.
        writer = "?"
        with contextlib.suppress(ValueError, TypeError):
            writer = str(dict(parse_json(entries.get("versions", "{}"))).get("liquid-pilot", "?"))
        raise DriveVersion(path, version, FORMAT, writer)
    if _digest({key: text for key, text in entries.items() if key != "sha256"}) != entries.get("sha256"):
        raise BrokenDrive(path, "the header does not match its digest", where)
    try:
        values = {item.name: parse_json(entries[item.name]) for item in fields(DriveInfo)}
        height, width = (int(side) for side in values["image_size"])
        info = DriveInfo(
            kind=str(values["kind"]),
            scenario=dict(values["scenario"]),
            scenario_name=str(values["scenario_name"]),
            seed=int(values["seed"]),
            episode=int(values["episode"]),
            policy=str(values["policy"]),
            action_names=tuple(str(name) for name in values["action_names"]),
            control_hz=float(values["control_hz"]),
            versions={str(key): str(value) for key, value in dict(values["versions"]).items()},
            options=dict(values["options"]),
            image_size=(height, width),
            frames=int(values["frames"]),
            duration=float(values["duration"]),
            end=str(values["end"]),
            success=bool(values["success"]),
        )
    except KeyError as error:
        raise BrokenDrive(path, f"the header has no {error.args[0]!r}", where) from error
    except (ValueError, TypeError, OverflowError) as error:
        raise BrokenDrive(path, f"the header cannot be read: {error}", where) from error
    if not (0 < info.frames <= MAX_FRAMES and 0 < height <= MAX_IMAGE_SIDE and 0 < width <= MAX_IMAGE_SIDE):
        raise BrokenDrive(path, f"impossible sizes: {info.frames} frames of {width} x {height} pixels", where)
    if not info.action_names or len(set(info.action_names)) != len(info.action_names):
        raise BrokenDrive(path, f"impossible action names {info.action_names}", where)
    return info
