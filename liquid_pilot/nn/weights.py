"""Weights on disk: safetensors that carry a digest of themselves and of the configuration that they belong to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from liquid_pilot.files import whole_file
from liquid_pilot.nn.errors import CheckpointCorrupt, CheckpointMismatch, CheckpointMissing, CheckpointVersion

WEIGHTS_FORMAT = "liquid-pilot 1"


def write_weights(path: Path, tensors: Mapping[str, torch.Tensor], owner: str) -> None:
    """Write the file whole or not at all; ``owner`` is the digest of the configuration that they belong to."""
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    metadata = {"format": WEIGHTS_FORMAT, "network": owner, "tensors": _digest(plain)}
    with whole_file(path) as temporary:
        temporary.write_bytes(save_tensors(plain, metadata))


def read_weights(path: Path, owner: str, expected: Mapping[str, torch.Tensor], config: str) -> dict[str, torch.Tensor]:
    """What `write_weights` wrote, checked against names and shapes of ``expected``; ``config`` is its file's name.

    Raises `CheckpointMissing`, `CheckpointCorrupt`, `CheckpointMismatch` or `CheckpointVersion`, each naming the file.
    """
    tensors, metadata = _read(path)
    if metadata.get("network") != owner:
        raise CheckpointMismatch(
            f"{path.parent}: {path.name} and {config} do not belong together: copy both from the same checkpoint again"
        )
    _compare(path, expected, tensors, config)
    if metadata.get("tensors") != _digest(tensors):
        raise CheckpointCorrupt(f"{path}: the weights were altered since they were saved: copy it again")
    return tensors


def _read(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise CheckpointMissing(f"{path} is missing: copy the whole checkpoint folder") from error
    try:
        tensors = load_tensors(content)
        # The library gives the metadata only when it opens a file itself, so take them from the header just checked:
        # eight bytes of length, then JSON.
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    except (SafetensorError, ValueError, KeyError) as error:
        raise CheckpointCorrupt(f"{path}: cut off or not a safetensors file ({error}): copy it again") from error
    metadata = header.get("__metadata__", {})
    if metadata.get("format") != WEIGHTS_FORMAT:
        raise CheckpointVersion(f"{path}: format {metadata.get('format')!r}; this version reads {WEIGHTS_FORMAT!r}")
    return tensors, metadata


def _compare(path: Path, expected: Mapping[str, torch.Tensor], found: Mapping[str, torch.Tensor], config: str) -> None:
    missing, unknown = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
    if missing or unknown:
        raise CheckpointMismatch(
            f"{path}: the weights are not those of {config}: missing {missing[:3]}, not expected {unknown[:3]}"
        )
    for name, tensor in expected.items():
        if tensor.shape != found[name].shape:
            raise CheckpointMismatch(
                f"{path}: {name} has shape {tuple(found[name].shape)}, but {config} asks for {tuple(tensor.shape)}"
            )


def _digest(tensors: Mapping[str, torch.Tensor]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(f"{name} {tensors[name].dtype} {tuple(tensors[name].shape)}".encode())
        digest.update(tensors[name].numpy().tobytes())
    return digest.hexdigest()
