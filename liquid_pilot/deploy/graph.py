"""Writing an ONNX graph by hand: our networks are small, and no exporter has to guess what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch

from liquid_pilot.deploy.errors import ExtraMissing, NotExportable
from liquid_pilot.nn.perception import ConvHead

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET, IR_VERSION = 17, 8
"""Of 2022, so that engines of that age read the files."""
EXTRA = "pip install 'liquid-pilot[fast]'"

Array = npt.NDArray[Any]


def onnx() -> Any:
    """The package ``onnx``; raises `ExtraMissing`."""
    try:
        import onnx
    except ImportError as error:
        raise ExtraMissing(f"the package onnx is needed and cannot be imported ({error}): {EXTRA}") from error
    return onnx


class Graph:
    """Nodes and constants; values are known by their names (str), and what takes a value takes an array too."""

    def __init__(self) -> None:
        self._onnx = onnx()
        self._nodes: list[Any] = []
        self._constants: list[Any] = []

    def constant(self, value: Array | torch.Tensor | float) -> str:
        """The name of a constant: floats in float32, integers in int64."""
        array = value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)
        array = array.astype(np.int64 if np.issubdtype(array.dtype, np.integer) else np.float32)
        name = f"constant_{len(self._constants)}"
        self._constants.append(self._onnx.numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, operation: str, *inputs: str | Array | torch.Tensor | float, **attributes: Any) -> str:
        """The name of the one output of an operation."""
        return self.nodes(operation, 1, *inputs, **attributes)[0]

    def nodes(
        self, operation: str, outputs: int, *inputs: str | Array | torch.Tensor | float, **attributes: Any
    ) -> list[str]:
        """The names of the outputs of an operation."""
        taken = [one if isinstance(one, str) else self.constant(one) for one in inputs]
        given = [f"{operation.lower()}_{len(self._nodes)}_{place}" for place in range(outputs)]
        self._nodes.append(self._onnx.helper.make_node(operation, taken, given, **attributes))
        return given

    def linear(self, x: str, weight: torch.Tensor, bias: torch.Tensor | None = None) -> str:
        """``x weight^T + bias``, as `torch.nn.functional.linear`, of x (B, I), weight (O, I) and bias (O,)."""
        return self.node("Gemm", x, weight, weight.new_zeros(weight.shape[0]) if bias is None else bias, transB=1)

    def model(self, inputs: dict[str, Any], outputs: dict[str, tuple[str, Any]]) -> ModelProto:
        """The checked model.

        Args:
            inputs: name to (numpy type, shape); a dimension that is a str may have any size.
            outputs: name to (value, shape).
        """
        helper = self._onnx.helper
        described = [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(np.dtype(kind)), shape)
            for name, (kind, shape) in inputs.items()
        ]
        results = []
        for name, (value, shape) in outputs.items():
            self._nodes.append(helper.make_node("Identity", [value], [name]))
            results.append(helper.make_tensor_value_info(name, self._onnx.TensorProto.FLOAT, shape))
        graph = helper.make_graph(self._nodes, "liquid_pilot", described, results, self._constants)
        model: ModelProto = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name="liquid-pilot"
        )
        self._onnx.checker.check_model(model, full_check=True)
        return model


def head(graph: Graph, perception: ConvHead, images: str) -> str:
    """Features (B, 32) of images (B, H, W, 3) uint8: `ConvHead.forward`."""
    require_known(perception)
    x = standardised(graph, perception, images)
    for layer in convolutions(perception):
        assert layer.bias is not None
        rows, columns = (int(one) for one in layer.padding)
        geometry: dict[str, Any] = {
            "kernel_shape": list(layer.kernel_size),
            "strides": list(layer.stride),
            "pads": [rows, columns, rows, columns],
        }
        x = graph.node("Relu", graph.node("Conv", x, layer.weight, layer.bias, **geometry))
    return dense(graph, perception, x)


def require_known(perception: torch.nn.Module) -> None:
    """Raise `NotExportable` for a head that is not written down here."""
    if type(perception) is not ConvHead:
        raise NotExportable(f"a head of the type {type(perception).__name__} is not known here: only ConvHead is")


def standardised(graph: Graph, perception: ConvHead, images: str) -> str:
    """Images (B, H, W, 3) uint8 as (B, 3, H, W) with mean 0 and deviation 1 each: `ConvHead.standardise`."""
    shape = perception.height, perception.width, 3
    values = graph.node("Reshape", graph.node("Cast", images, to=1), np.array([-1, 1, int(np.prod(shape))]))
    epsilon = 1.0 / float(np.prod(shape))
    standard = graph.node("InstanceNormalization", values, np.ones(1), np.zeros(1), epsilon=epsilon)
    return graph.node("Transpose", graph.node("Reshape", standard, np.array([-1, *shape])), perm=[0, 3, 1, 2])


def dense(graph: Graph, perception: ConvHead, maps: str) -> str:
    """Features (B, 32) of the last maps (B, 8, rows, columns): the eight dense layers."""
    channels, places, _ = perception.weight.shape
    # As one batched product, (B, 8, 1, places) x (8, places, 4).
    flat = graph.node("Reshape", maps, np.array([-1, channels, 1, places]))
    features = graph.node("Add", graph.node("MatMul", flat, perception.weight), perception.bias.unsqueeze(1))
    return graph.node("Reshape", graph.node("Relu", features), np.array([-1, perception.output_size]))


def convolutions(perception: ConvHead) -> list[torch.nn.Conv2d]:
    """The head's layers."""
    return [layer for layer in perception.convolutions if isinstance(layer, torch.nn.Conv2d)]
