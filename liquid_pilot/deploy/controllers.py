"""One step of each controller as ONNX nodes: (inputs, state, elapsed) -> (outputs, state), as its ``forward``."""

from __future__ import annotations

import numpy as np
import torch.nn.functional as F

from liquid_pilot.deploy.errors import NotExportable
from liquid_pilot.deploy.graph import Graph
from liquid_pilot.nn.baselines import CTRNN, GRU, LSTM, FeedForward
from liquid_pilot.nn.cfc import CfC
from liquid_pilot.nn.controller import Controller
from liquid_pilot.nn.ltc import LTC

Step = tuple[str, str]
"""The values that hold outputs (B, M) and state (B, N)."""


def step(graph: Graph, controller: Controller, inputs: str, state: str, elapsed: str) -> Step:
    """One step of inputs (B, F), state (B, N) and elapsed (B, 1) seconds; raises `NotExportable`."""
    match controller:
        case LTC():
            return _ltc(graph, controller, inputs, state, elapsed)
        case CfC():
            return _cfc(graph, controller, inputs, state, elapsed)
        case CTRNN():
            return _ctrnn(graph, controller, inputs, state, elapsed)
        # The others count steps.
        case LSTM():
            return _lstm(graph, controller, inputs, state)
        case GRU():
            return _gru(graph, controller, inputs, state)
        case FeedForward():
            return _feed_forward(graph, controller, inputs, state)
    raise NotExportable(f"nobody has written a controller of the type {type(controller).__name__} down as ONNX yet")


def _ltc(graph: Graph, layer: LTC, inputs: str, state: str, elapsed: str) -> Step:
    packed, node = layer.packed(), graph.node
    if layer.input_w is not None:
        inputs = node("Mul", inputs, layer.input_w)
    if layer.input_b is not None:
        inputs = node("Add", inputs, layer.input_b)
    sources = node("Gather", inputs, layer.sensory_source, axis=1)
    drive = node("Add", node("Mul", sources, packed.sensory_gain), packed.sensory_bias)
    sums = node("Gemm", node("Sigmoid", drive), packed.sensory_out, packed.leak)
    dt = node("Mul", elapsed, 1.0 / (layer.nominal_elapsed * layer.unfolds))
    for _ in range(layer.unfolds):
        activation = node("Sigmoid", node("Gemm", state, packed.gain, packed.bias))
        total = node("Gemm", activation, packed.out, sums)
        pull, conductance = graph.nodes("Split", 2, total, axis=1)
        change = node("Mul", dt, node("Sub", pull, node("Mul", conductance, state)))
        inertia = node("Add", node("Mul", dt, conductance), packed.capacitance)
        state = node("Add", state, node("Div", change, inertia))
    outputs = node("Slice", state, np.array([0]), np.array([layer.output_size]), np.array([1]))
    if layer.output_w is not None:
        outputs = node("Mul", outputs, layer.output_w)
    if layer.output_b is not None:
        outputs = node("Add", outputs, layer.output_b)
    return outputs, state


def _cfc(graph: Graph, layer: CfC, inputs: str, state: str, elapsed: str) -> Step:
    node, backbone = graph.node, list(layer.backbone)
    t = node("Mul", elapsed, 1.0 / layer.nominal_elapsed)
    x = node("Concat", inputs, state, axis=1)
    for weight, bias in zip(backbone[::2], backbone[1::2], strict=True):
        x = node("Mul", 1.7159, node("Tanh", node("Mul", 0.666, graph.linear(x, weight, bias))))
    heads = graph.linear(x, layer.heads[0], layer.heads[1])
    if layer.mode == "pure":
        rate = node("Mul", t, node("Add", node("Abs", heads), layer.w_tau.abs()))
        decayed = node("Mul", node("Exp", node("Neg", rate)), node("Mul", heads, layer.amplitude))
        new = node("Sub", layer.amplitude, decayed)
    else:
        one, two, a, b = graph.nodes("Split", 4, heads, axis=1)
        one, two = node("Tanh", one), node("Tanh", two)
        gate = node("Sigmoid", node("Add", node("Mul", a, t), b))
        kept = one if layer.mode == "no_gate" else node("Mul", one, node("Sub", 1.0, gate))
        new = node("Add", kept, node("Mul", gate, two))
    state = node("Where", node("Equal", t, 0.0), state, new)
    return graph.linear(state, layer.readout[0], layer.readout[1]), state


def _lstm(graph: Graph, layer: LSTM, inputs: str, state: str) -> Step:
    node, cell = graph.node, dict(layer.cell.named_parameters())
    hidden, memory = graph.nodes("Split", 2, state, axis=1)
    driven = graph.linear(inputs, cell["weight_ih_l0"], cell["bias_ih_l0"])
    gates = node("Add", driven, graph.linear(hidden, cell["weight_hh_l0"], cell["bias_hh_l0"]))
    enter, keep, new, show = graph.nodes("Split", 4, gates, axis=1)
    kept = node("Mul", node("Sigmoid", keep), memory)
    memory = node("Add", kept, node("Mul", node("Sigmoid", enter), node("Tanh", new)))
    hidden = node("Mul", node("Sigmoid", show), node("Tanh", memory))
    return graph.linear(hidden, layer.readout.weight, layer.readout.bias), node("Concat", hidden, memory, axis=1)


def _gru(graph: Graph, layer: GRU, inputs: str, state: str) -> Step:
    node, cell = graph.node, dict(layer.cell.named_parameters())
    driven = graph.nodes("Split", 3, graph.linear(inputs, cell["weight_ih_l0"], cell["bias_ih_l0"]), axis=1)
    recurrent = graph.nodes("Split", 3, graph.linear(state, cell["weight_hh_l0"], cell["bias_hh_l0"]), axis=1)
    reset = node("Sigmoid", node("Add", driven[0], recurrent[0]))
    keep = node("Sigmoid", node("Add", driven[1], recurrent[1]))
    new = node("Tanh", node("Add", driven[2], node("Mul", reset, recurrent[2])))
    state = node("Add", new, node("Mul", keep, node("Sub", state, new)))
    return graph.linear(state, layer.readout.weight, layer.readout.bias), state


def _ctrnn(graph: Graph, layer: CTRNN, inputs: str, state: str, elapsed: str) -> Step:
    node = graph.node
    rate = 1.0 / (layer.nominal_elapsed * layer.unfolds * F.softplus(layer.tau))
    share = node("Sub", 1.0, node("Exp", node("Neg", node("Mul", elapsed, rate))))
    drive = graph.linear(inputs, layer.drive.weight, layer.drive.bias)
    for _ in range(layer.unfolds):
        goal = node("Tanh", node("Add", graph.linear(state, layer.recurrent.weight), drive))
        state = node("Add", state, node("Mul", share, node("Sub", goal, state)))
    return graph.linear(state, layer.readout.weight, layer.readout.bias), state


def _feed_forward(graph: Graph, layer: FeedForward, inputs: str, state: str) -> Step:
    hidden = graph.node("Tanh", graph.linear(inputs, layer.hidden.weight, layer.hidden.bias))
    return graph.linear(hidden, layer.readout.weight, layer.readout.bias), state
