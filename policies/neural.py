"""A trained network at the wheel."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from liquid_pilot.deploy.engine import Engine, FastHead, chosen, say_once
from liquid_pilot.nn.checkpoint import load_checkpoint
from liquid_pilot.nn.pilot import PilotNetwork, coded
from policies.errors import BadObservation, NonFiniteOutput
from policies.policy import Action, Info, Observation, Policy

CONTROL_CHUNK = 8
"""Rows that go through the controller at once."""
CRUISE_GAIN = 0.25
"""Acceleration per m/s of missing speed when a network only steers."""


class NeuralPolicy(Policy):
    """Drives with a checkpoint: float32, eval mode, one memory per row. Threads are left as the program set them.

    Libraries may add up a batch of 20 in another order than a batch of 3, and closed-loop driving magnifies the last
    bit. So images go through the head one at a time (two at a time would save a tenth), and the controller runs in
    chunks of one constant size, filled up where rows are missing: what a row does never depends on how many others
    run beside it.

    A network that only steers (ncp2020) is given a speed holder, as the paper's car had: it accelerates towards
    ``cruise_speed``, from the observed speed alone.

    Args:
        checkpoint: folder with ``weights.safetensors`` and ``config.json``.
        cruise_speed: m/s, for networks without an acceleration output.
        engine: what the head runs on; None: `liquid_pilot.deploy.engine.chosen`, ONNX Runtime where it is installed.
            Actions of the two agree to `liquid_pilot.deploy.export.TOLERANCE`, not to the last bit.

    Raises the `CheckpointError` family of `liquid_pilot.nn.errors`, `EngineChoice` or `ExtraMissing`.
    """

    def __init__(
        self, checkpoint: str | os.PathLike[str], *, cruise_speed: float = 8.0, engine: Engine | None = None
    ) -> None:
        folder = Path(checkpoint)
        self.network = load_checkpoint(folder)
        self.network.freeze()
        self.config = self.network.config
        self.engine: Engine = engine or chosen()
        say_once(self.engine)
        self._fast = FastHead(self.network.head) if self.engine == "onnxruntime" else None
        # A run's checkpoint lies in RUN/best: the run is the name that a user gave.
        self.name = folder.resolve().parent.name if folder.name == "best" else folder.resolve().name
        self.cruise_speed = cruise_speed
        self._steers_only = self.config.actions == ("steering",)
        self._states: npt.NDArray[np.float32] = np.zeros((0, self.network.controller.state_size), np.float32)
        self._chunk = _Chunk(self.network)

    def reset(self, rows: Sequence[int] = (0,)) -> None:
        """Forget everything about these rows."""
        self._make_room(rows)
        self._states[list(rows)] = 0.0  # `PilotNetwork.initial_state`

    def act_rows(self, rows: Sequence[int], observations: Sequence[Observation], infos: Sequence[Info]) -> Action:
        """Actions (len(rows), A) in [-1, 1] from ``image``, ``elapsed`` and the measurements of the observations.

        ``infos`` is not looked at. Raises `BadObservation`, `NonFiniteOutput`, `BadElapsed`.
        """
        del infos  # the truth is none of an honest policy's business
        self._make_room(rows)
        actions = np.empty((len(rows), len(self.config.actions)), np.float32)
        states = np.empty((len(rows), self._states.shape[1]), np.float32)
        with torch.inference_mode():
            for begin in range(0, len(rows), CONTROL_CHUNK):
                part = slice(begin, begin + CONTROL_CHUNK)
                self._control(rows[part], observations[part], actions[part], states[part])
        if not math.isfinite(actions.sum()):
            raise NonFiniteOutput(f"{self.name} answers with NaN or infinity: train it again or take another one")
        for row, state in zip(rows, states, strict=True):
            self._states[row] = state
        actions = actions.clip(-1.0, 1.0)
        return self._with_cruise(actions, observations) if self._steers_only else actions

    def _control(
        self, rows: Sequence[int], observations: Sequence[Observation], actions: Action, states: Action
    ) -> None:
        """Fill in actions (rows, A), not clipped, and the new states (rows, N) of one chunk at most."""
        chunk, network = self._chunk, self.network
        chunk.elapsed.fill(0.0)  # also of rows that are not there: a bad time that was left behind would be refused
        for place, (row, observation) in enumerate(zip(rows, observations, strict=True)):
            chunk.features[place] = self._encoded(observation)
            chunk.elapsed[place] = _element(observation, "elapsed", 0, self.name)
            chunk.states[place] = self._states[row]
            for column, one in enumerate(self.config.measurements):
                chunk.measured[place, column] = _element(observation, one.observation, one.index, self.name)
        chunk.codes[:] = coded(chunk.measured[:, chunk.rows], chunk.centre, chunk.scale)
        output, state = network.controller(*chunk.given)
        np.divide(output.numpy()[: len(rows), 0], chunk.target_scale, out=actions)  # `PilotNetwork.actions`
        states[:] = state.numpy()[: len(rows)]

    def _encoded(self, observation: Observation) -> npt.NDArray[np.float32]:
        """Features (1, 32) of the picture."""
        image = _read(observation, "image", self.name)
        size = (self.config.image_height, self.config.image_width, 3)
        if image.shape != size or image.dtype != np.uint8:
            raise BadObservation(
                f"{self.name} reads images of shape {size} and type uint8; "
                f"the observation's has shape {image.shape} and type {image.dtype}"
            )
        if self._fast is not None:
            return self._fast(image)
        features: npt.NDArray[np.float32] = self.network.encode(torch.from_numpy(image[None].copy())).numpy()
        return features

    def _with_cruise(self, steering: Action, observations: Sequence[Observation]) -> Action:
        speeds = np.array([_element(one, "speed", 0, self.name) for one in observations], np.float32)
        acceleration = np.clip(CRUISE_GAIN * (self.cruise_speed - speeds), -1.0, 1.0)
        return np.stack([steering[:, 0], acceleration], 1).astype(np.float32)

    def _make_room(self, rows: Sequence[int]) -> None:
        missing = max(rows, default=-1) + 1 - len(self._states)
        if missing > 0:
            self._states = np.concatenate([self._states, np.zeros((missing, self._states.shape[1]), np.float32)])


class _Chunk:
    """What a controller reads of `CONTROL_CHUNK` rows, as arrays and as the tensors that share their memory.

    Plain arrays, made once: for things this small a call of torch costs more than its work.
    """

    def __init__(self, network: PilotNetwork) -> None:
        self._network = network
        seen = network.head.output_size
        inputs = np.zeros((CONTROL_CHUNK, 1, network.controller.input_size), np.float32)
        self.features, self.codes = inputs[:, 0, :seen], inputs[:, 0, seen:]
        self.elapsed = np.zeros((CONTROL_CHUNK, 1), np.float32)
        self.states = np.zeros((CONTROL_CHUNK, network.controller.state_size), np.float32)
        self.given = [torch.from_numpy(one) for one in (inputs, self.states, self.elapsed)]
        self.measured = np.zeros((CONTROL_CHUNK, len(network.config.measurements)), np.float32)
        self.rows = np.array(network.code_rows, np.int64)
        self.centre, self.scale = network.centre.numpy(), network.scale.numpy()
        self.target_scale = network.target_scale.numpy()

    def __reduce__(self) -> tuple[Any, ...]:
        return _Chunk, (self._network,)  # arrays and tensors of a copy would no longer share memory


def _read(observation: Observation, key: str, reader: str) -> npt.NDArray[Any]:
    if key not in observation:
        raise BadObservation(f"{reader} reads {key!r}, but the observation has only {', '.join(observation)}")
    return observation[key]


def _element(observation: Observation, key: str, index: int, reader: str) -> float:
    values = np.asarray(_read(observation, key, reader))
    if index >= values.size:
        raise BadObservation(f"{reader} reads element {index} of {key!r}, but the observation has {values.size}")
    value = float(values.flat[index])
    if not math.isfinite(value):
        raise BadObservation(f"{key!r} of the observation is {value}: {reader} needs a finite number")
    return value
