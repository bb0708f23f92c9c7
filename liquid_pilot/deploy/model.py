"""A whole pilot network as one ONNX model: observation and state in, action and next state out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from liquid_pilot import __version__
from liquid_pilot.deploy.controllers import step
from liquid_pilot.deploy.graph import Graph, head, onnx
from liquid_pilot.nn.pilot import CODE_RANGE, PilotNetwork

if TYPE_CHECKING:
    from onnx import ModelProto

FORMAT = "liquid-pilot 1"
IMAGE, ELAPSED, STATE, ACTION, NEXT = "image", "elapsed", "state", "action", "next_state"
BATCH = "batch"


def build(network: PilotNetwork) -> ModelProto:
    """The model, without metadata. Raises `ExtraMissing`, `NotExportable`.

    Inputs are the environment's observation, key by key, with a batch in front (see `observation_shapes`), and
    ``state`` (B, N) float32, zeros when an episode begins. Outputs: ``action`` (B, A) in [-1, 1] and ``next_state``.
    """
    graph = Graph()
    inputs = head(graph, network.head, IMAGE)
    measurements = network.config.measurements
    if measurements:
        columns = [
            graph.node("Gather", one.observation, np.array([one.index] * len(one.ranges)), axis=1)
            for one in measurements
        ]
        coded = graph.node("Div", graph.node("Sub", _joined(graph, columns), network.centre), network.scale)
        inputs = _joined(graph, [inputs, graph.node("Clip", coded, *CODE_RANGE)])
    outputs, state = step(graph, network.controller, inputs, STATE, ELAPSED)
    actions = graph.node("Clip", graph.node("Div", outputs, network.target_scale), -1.0, 1.0)
    given = {
        name: (np.uint8 if name == IMAGE else np.float32, (BATCH, *shape))
        for name, shape in observation_shapes(network).items()
    }
    size = network.controller.state_size
    given[STATE] = (np.float32, (BATCH, size))
    return graph.model(given, {ACTION: (actions, (BATCH, len(network.config.actions))), NEXT: (state, (BATCH, size))})


def _joined(graph: Graph, columns: list[str]) -> str:
    return graph.node("Concat", *columns, axis=1) if len(columns) > 1 else columns[0]


def observation_shapes(network: PilotNetwork) -> dict[str, tuple[int, ...]]:
    """What the network reads of an observation: name to shape, without the batch.

    A vector of which only the first elements are measured is asked for as long as the last of these needs.
    """
    config = network.config
    sizes: dict[str, int] = {}
    for one in config.measurements:
        sizes[one.observation] = max(sizes.get(one.observation, 0), one.index + 1)
    return {
        IMAGE: (config.image_height, config.image_width, 3),
        **{name: (size,) for name, size in sizes.items()},
        ELAPSED: (1,),
    }


def describe(
    network: PilotNetwork, name: str, units: Mapping[str, str], meanings: Mapping[str, str], check: Mapping[str, Any]
) -> dict[str, str]:
    """The metadata: name to text, some of it JSON.

    Args:
        network: what was exported.
        name: of the policy.
        units: of observations, by name.
        meanings: what 1 means, by action.
        check: how the file was compared with torch.
    """
    config = network.config
    shapes = observation_shapes(network)
    return {
        "format": FORMAT,
        "version": __version__,
        "policy": name,
        "controller": config.controller,
        "actions": json.dumps(
            [{"name": action, "range": [-1, 1], "meaning": meanings.get(action, "")} for action in config.actions]
        ),
        "observations": json.dumps(
            {key: {"shape": list(shape), "unit": units.get(key, "")} for key, shape in shapes.items()}
        ),
        "normalisation": "none is needed: pictures are standardised and measurements coded inside; actions are clipped",
        "state": f"{network.controller.state_size} numbers a row, zeros when an episode begins; then next_state",
        "dt": str(config.nominal_elapsed),
        "network": json.dumps(config.model_dump(mode="json")),
        "weights_sha256": weights_digest(network),
        "check": json.dumps(dict(check)),
    }


def weights_digest(network: PilotNetwork) -> str:
    """SHA-256 of all weights, by name."""
    digest = hashlib.sha256()
    for key, tensor in sorted(network.state_dict().items()):
        digest.update(f"{key} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().numpy().tobytes())
    return digest.hexdigest()


def write_metadata(model: ModelProto, values: Mapping[str, str]) -> None:
    """Put the metadata into the model."""
    onnx().helper.set_model_props(model, dict(values))
