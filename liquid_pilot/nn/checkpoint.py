"""A network on disk: ``weights.safetensors``, ``config.json`` (all that rebuilds it) and ``card.md`` (what it is).

Each file is whole or absent. The weights carry a digest of themselves and of the configuration that they belong to,
so that an altered byte or a file from another network is found when loading. The wiring is written out, synapse by
synapse: a network stays what it is even if random generators change.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from liquid_pilot import __version__
from liquid_pilot.files import write_json, write_text
from liquid_pilot.nn.config import PilotConfig
from liquid_pilot.nn.errors import (
    BadConfig,
    BadWiring,
    CheckpointCorrupt,
    CheckpointMismatch,
    CheckpointMissing,
    CheckpointVersion,
)
from liquid_pilot.nn.pilot import PilotNetwork
from liquid_pilot.nn.weights import read_weights, write_weights
from liquid_pilot.nn.wiring import Wiring

FORMAT = 1
WEIGHTS, CONFIG, CARD = "weights.safetensors", "config.json", "card.md"


Camera = Mapping[str, float]
"""The camera of a scenario: ``width``, ``height`` (pixels), ``fov_deg``, ``x_m``, ``z_m``, ``pitch_deg``."""


def save_checkpoint(
    folder: str | os.PathLike[str], network: PilotNetwork, card: str, camera: Camera | None = None
) -> Path:
    """Write the three files into ``folder`` (made when missing; other files in it stay) and return it.

    The network may be on any device and in any mode; ``card`` is Markdown; ``camera`` is whose pictures it learned
    from, None where it is not known or there were several.
    """
    target = Path(folder)
    config = describe(network)
    if camera is not None:
        config["camera"] = dict(camera)
    # Weights first: until config.json is there the folder is no checkpoint. Saving a later state of the same network
    # over an earlier one is safe at every moment, because the configuration is the same.
    write_weights(target / WEIGHTS, network.state_dict(), _network_digest(config))
    write_json(target / CONFIG, config)
    write_text(target / CARD, card if card.endswith("\n") else card + "\n")
    return target


def load_checkpoint(folder: str | os.PathLike[str], device: torch.device | str = "cpu") -> PilotNetwork:
    """Rebuild the network of a checkpoint folder, in eval mode.

    Raises `CheckpointMissing`, `CheckpointCorrupt`, `CheckpointMismatch` or `CheckpointVersion`, each naming the file.
    """
    source = Path(folder)
    value = _read_json(source)
    config, wiring = _parse(source / CONFIG, value)
    try:
        network = PilotNetwork(config, wiring)
    except (BadConfig, BadWiring) as error:
        raise CheckpointMismatch(f"{source / CONFIG}: the configuration contradicts itself: {error}") from error
    tensors = read_weights(source / WEIGHTS, _network_digest(value), network.state_dict(), CONFIG)
    network.load_state_dict(tensors)
    return network.to(device).eval()


def read_config(folder: str | os.PathLike[str]) -> tuple[PilotConfig, Wiring | None]:
    """Configuration and wiring of a checkpoint without its weights; raises as `load_checkpoint` does."""
    source = Path(folder)
    return _parse(source / CONFIG, _read_json(source))


def read_camera(folder: str | os.PathLike[str]) -> dict[str, float] | None:
    """The camera that the network of a checkpoint learned from, None where that is not written.

    Raises as `load_checkpoint` does.
    """
    source = Path(folder)
    camera = _read_json(source).get("camera")
    if camera is None:
        return None
    if not isinstance(camera, dict) or not all(isinstance(value, int | float) for value in camera.values()):
        raise CheckpointCorrupt(f"{source / CONFIG}: its camera is not a table of numbers")
    return camera


def _read_json(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CheckpointMissing(f"{folder} is not a checkpoint: it has no {CONFIG}") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise CheckpointCorrupt(f"{path}: not readable as JSON ({error}): copy it again") from error
    if not isinstance(value, dict) or "format" not in value or "network" not in value:
        raise CheckpointCorrupt(f"{path}: not the configuration of a liquid-pilot network")
    if value["format"] != FORMAT:
        raise CheckpointVersion(f"{path}: format {value['format']!r}; this version reads format {FORMAT}")
    return value


def _parse(path: Path, value: dict[str, Any]) -> tuple[PilotConfig, Wiring | None]:
    try:
        wiring = value.get("wiring")
        return PilotConfig.build(value["network"]), None if wiring is None else Wiring.from_dict(wiring)
    except (BadConfig, BadWiring, TypeError) as error:
        raise CheckpointCorrupt(f"{path}: {error}") from error


def describe(network: PilotNetwork) -> dict[str, Any]:
    """The content of ``config.json``."""
    return {
        "format": FORMAT,
        "written_by": f"liquid-pilot {__version__}",
        "network": network.config.model_dump(mode="json"),
        "parameters": network.parameter_counts,
        "wiring": None if network.wiring is None else network.wiring.to_dict(),
    }


def _network_digest(config: Mapping[str, Any]) -> str:
    """Of what rebuilds the network; not of the writing version, which may change between two savings.

    Taken of the values in the file, not of the parsed configuration: a later version may know more keys.
    """
    text = json.dumps([config["network"], config.get("wiring")], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
