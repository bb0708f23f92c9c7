"""The head on ONNX Runtime: what a policy looks through where the extra is installed.

Nearly all of a control step is the convolutions, so they alone run there; the controller stays in our own scan, which
takes microseconds. ONNX Runtime computes in float32 like torch, with another order of sums: features agree to about
1e-6, and a whole drive of actions to `liquid_pilot.deploy.export.TOLERANCE`.
"""

from __future__ import annotations

import logging
import os
from functools import cache, partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from liquid_pilot.deploy.blocks import blocked_head, vector
from liquid_pilot.deploy.errors import Differs, EngineChoice, ExtraMissing
from liquid_pilot.deploy.graph import EXTRA, Graph
from liquid_pilot.nn.perception import ConvHead

Engine = Literal["torch", "onnxruntime"]
ENGINES: tuple[Engine, ...] = ("torch", "onnxruntime")
VARIABLE = "LIQUID_PILOT_ENGINE"
"""The environment variable that forces an engine."""
FEATURE_TOLERANCE = 1e-4
"""The most by which a feature may differ, in shares of the largest, or of 1 if that is more."""

logger = logging.getLogger(__name__)


def forced() -> Engine | None:
    """The engine that the environment forces, if any; `EngineChoice` when it is no engine's name."""
    name = os.environ.get(VARIABLE)
    if not name:
        return None
    if name not in ENGINES:
        raise EngineChoice(f"{VARIABLE} is {name!r}: choose {' or '.join(ENGINES)}, or unset it")
    return name


def chosen() -> Engine:
    """The engine to use now: the forced one, else ONNX Runtime where it is installed, else torch.

    Raises `EngineChoice`, and `ExtraMissing` when ONNX Runtime is forced and is not installed.
    """
    choice = forced()
    if choice == "torch":
        return "torch"
    reason = missing()
    if reason is None:
        return "onnxruntime"
    if choice == "onnxruntime":
        raise ExtraMissing(reason)
    return "torch"


@cache
def missing() -> str | None:
    """Why ONNX Runtime cannot be used here; None when it can."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        return f"onnx and onnxruntime cannot be imported ({error}): {EXTRA}"
    return None


def version(engine: Engine) -> str:
    """The engine with its version, as results name it: ``onnxruntime 1.32.0``."""
    if engine == "torch":
        return f"torch {torch.__version__}"
    import onnxruntime

    return f"onnxruntime {onnxruntime.__version__}"


@cache
def say_once(engine: Engine) -> None:
    """One line in the log, at level INFO."""
    logger.info("perception runs on %s; %s=torch or =onnxruntime forces an engine", version(engine), VARIABLE)


def open_session(model: bytes, threads: int) -> Any:
    """An ``onnxruntime.InferenceSession`` on the CPU; raises `ExtraMissing`."""
    if (reason := missing()) is not None:
        raise ExtraMissing(reason)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    # Threads that spin between two steps would take a core all to themselves.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


class FastHead:
    """A `ConvHead` as it was when this was made; pictures go through it one at a time.

    Raises `ExtraMissing`, `NotExportable`, and `Differs` when it does not answer as torch does.
    """

    def __init__(self, perception: ConvHead) -> None:
        graph = Graph()
        shape = (1, perception.height, perception.width, 3)
        features = blocked_head(graph, perception, "image", vector())
        model = graph.model({"image": (np.uint8, shape)}, {"features": (features, (1, perception.output_size))})
        self._open(model.SerializeToString())
        self._compare(perception, shape)

    def _open(self, model: bytes) -> None:
        self._model = model
        session = open_session(model, torch.get_num_threads())
        # Read and written where they lie: passing arrays by name costs a hundredth of a step.
        given, made = session.get_inputs()[0], session.get_outputs()[0]
        self._image, self._features = np.zeros(given.shape, np.uint8), np.zeros(made.shape, np.float32)
        binding = session.io_binding()
        binding.bind_input(given.name, "cpu", 0, np.uint8, given.shape, self._image.ctypes.data)
        binding.bind_output(made.name, "cpu", 0, np.float32, made.shape, self._features.ctypes.data)
        self._run = partial(session.run_with_iobinding, binding)

    def __call__(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Features (1, 32) of one image (H, W, 3)."""
        self._image[0] = image
        self._run()
        return self._features.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened, (self._model,)  # sessions cannot be pickled or copied

    def _compare(self, perception: ConvHead, shape: tuple[int, ...]) -> None:
        # A gradient with edges: every layer answers to it.
        image = (np.arange(np.prod(shape)) * 7 % 251).astype(np.uint8).reshape(shape)
        with torch.inference_mode():
            expected = perception(torch.from_numpy(image)).numpy()
        off = np.abs(self(image[0]) - expected).max() / max(1.0, float(np.abs(expected).max()))
        if off > FEATURE_TOLERANCE:
            raise Differs(
                f"features from ONNX Runtime differ from torch's by {off:.2g}: this is a defect of liquid-pilot; "
                f"{VARIABLE}=torch goes on without it"
            )


def _reopened(model: bytes) -> FastHead:
    """A stored `FastHead`, with as many threads as torch has here."""
    fast = FastHead.__new__(FastHead)
    fast._open(model)
    return fast
