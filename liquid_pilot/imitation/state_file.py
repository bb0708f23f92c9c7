"""The state of an unfinished training as one safetensors file: numbers and names only, nothing that could run.

A state is a tree of dicts, lists and tuples with tensors and plain values as leaves (what Lightning and torch's
optimisers give). The tensors are stored as they are; the tree itself goes as JSON into the file's header.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from liquid_pilot.files import whole_file
from liquid_pilot.imitation.errors import BrokenTrainingState

_HEADER = "tree"


def save_state(path: Path, state: Any) -> None:
    """Write a state, whole or not at all. Raises TypeError for a leaf that is neither a tensor nor a plain value."""
    tensors: dict[str, Tensor] = {}
    tree = json.dumps(_encode(state, tensors))
    with whole_file(path) as temporary:
        save_file(tensors, temporary, metadata={_HEADER: tree})


def load_state(path: Path) -> Any:
    """Read what :func:`save_state` wrote, to the last bit. Raises `BrokenTrainingState`."""
    try:
        with safe_open(path, framework="pt") as stored:
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 (it is no dict)
            return _decode(json.loads(stored.metadata()[_HEADER]), tensors)
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise BrokenTrainingState(
            f"{path}: the state of the unfinished training cannot be read ({type(error).__name__}: {error}); "
            "delete the output folder and train again"
        ) from error


def _encode(value: Any, tensors: dict[str, Tensor]) -> Any:
    if isinstance(value, Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().contiguous().clone()
        return {"tensor": name, "channels_last": _is_channels_last(value)}
    if isinstance(value, Mapping):
        return {"dict": [[key, _encode(item, tensors)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_encode(item, tensors) for item in value]}
    if value is None or isinstance(value, bool | int | float | str):
        return {"value": value}
    raise TypeError(f"a training state cannot hold a {type(value).__name__}")


def _decode(node: Any, tensors: Mapping[str, Tensor]) -> Any:
    if "tensor" in node:
        # The memory layout too: an optimiser that walks over memory must find its averages as the weights lie.
        layout = torch.channels_last if node["channels_last"] else torch.contiguous_format
        return tensors[node["tensor"]].contiguous(memory_format=layout)
    if "dict" in node:
        return {key: _decode(item, tensors) for key, item in node["dict"]}
    if "list" in node:
        return [_decode(item, tensors) for item in node["list"]]
    if "tuple" in node:
        return tuple(_decode(item, tensors) for item in node["tuple"])
    return node["value"]


def _is_channels_last(tensor: Tensor) -> bool:
    return tensor.dim() == 4 and not tensor.is_contiguous() and tensor.is_contiguous(memory_format=torch.channels_last)
