"""``network -> file.onnx``, compared with torch before the file is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from liquid_pilot.deploy.engine import open_session
from liquid_pilot.deploy.errors import Differs, FileThere
from liquid_pilot.deploy.model import (
    ACTION,
    ELAPSED,
    IMAGE,
    NEXT,
    STATE,
    build,
    describe,
    observation_shapes,
    write_metadata,
)
from liquid_pilot.files import whole_file
from liquid_pilot.nn.pilot import PilotNetwork
from liquid_pilot.randomness import generator

STEPS = 1000
TOLERANCE = 1e-4
"""The most by which an action (in [-1, 1]) or a state (in shares of 1, or of the largest if that is more) may differ
in the course of the comparison. About 1e-6 is usual."""

Observation = dict[str, npt.NDArray[Any]]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Comparison:
    """ONNX beside torch, each with its own state from the first step to the last."""

    steps: int
    action: float
    """The largest difference of any action."""
    state: float
    """The largest difference of any state, as in `TOLERANCE`."""


def export(
    network: PilotNetwork,
    path: Path,
    *,
    name: str,
    units: Mapping[str, str] | None = None,
    meanings: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Write the network as one ONNX file, head and controller, state in and out.

    Args:
        network: on the CPU; it is put into eval mode and frozen.
        path: of the file; its folder is made when missing.
        name: of the policy, for the metadata.
        units: of observations, by name, for the metadata.
        meanings: what an action of 1 means, by name, for the metadata.
        progress: called with (steps compared, all steps).

    Raises:
        FileThere: something has that name already; it stays as it is.
        Differs: the model does not answer as torch does; no file is left.
        ExtraMissing, NotExportable.
    """
    _require_free(path)
    model = build(network)
    found = compare(network, model.SerializeToString(), progress=progress)
    check = {"steps": found.steps, "tolerance": TOLERANCE, "action": found.action, "state": found.state}
    write_metadata(model, describe(network, name, units or {}, meanings or {}, check))
    with whole_file(path) as temporary:
        temporary.write_bytes(model.SerializeToString())
        _require_free(path)
    return found


def compare(network: PilotNetwork, model: bytes, *, steps: int = STEPS, progress: Progress | None = None) -> Comparison:
    """Run model and network side by side over random pictures, measurements and times; raises `Differs`."""
    network.eval()
    network.freeze()
    session = open_session(model, torch.get_num_threads())
    ours = network.initial_state(1)
    theirs = ours.numpy().copy()
    worst = {ACTION: 0.0, STATE: 0.0}
    for number in range(steps):
        observation = _observation(network, number)
        action, ours = _torch_step(network, observation, ours)
        answer, theirs = session.run([ACTION, NEXT], {**observation, STATE: theirs})
        largest = max(1.0, float(np.abs(ours.numpy()).max(initial=0.0)))
        for key, difference in ((ACTION, answer - action), (STATE, (theirs - ours.numpy()) / largest)):
            off = float(np.abs(difference).max(initial=0.0))
            worst[key] = max(worst[key], off)
            if not off <= TOLERANCE:  # also when it is NaN
                raise Differs(
                    f"the model differs from torch at step {number}: {key} by {off:.2g}, where {TOLERANCE:.0e} is "
                    "allowed; nothing was written. Are weights broken? If not, this is a defect of liquid-pilot"
                )
        if progress is not None and number % 20 == 19:
            progress(number + 1, steps)
    return Comparison(steps, worst[ACTION], worst[STATE])


def _torch_step(
    network: PilotNetwork, observation: Observation, state: torch.Tensor
) -> tuple[npt.NDArray[np.float32], torch.Tensor]:
    measured = [observation[one.observation][:, one.index] for one in network.config.measurements]
    with torch.inference_mode():
        actions, state = network(
            torch.from_numpy(observation[IMAGE])[:, None],
            torch.from_numpy(np.stack(measured, 1) if measured else np.zeros((1, 0), np.float32))[:, None],
            state,
            torch.from_numpy(observation[ELAPSED]),
        )
    clipped: npt.NDArray[np.float32] = actions[:, 0].clamp(-1.0, 1.0).numpy()
    return clipped, state


def _observation(network: PilotNetwork, number: int) -> Observation:
    """Patches with some noise on them, any contrast; measurements over all their ranges; times that jump."""
    rng = generator(0, "export-check", number)
    shapes = observation_shapes(network)
    height, width, _ = shapes[IMAGE]
    coarse = rng.uniform(0, 255, (height // 8 + 1, width // 8 + 1, 3))
    picture = np.kron(coarse, np.ones((8, 8, 1)))[:height, :width]
    picture = 128 + rng.uniform(0.05, 1) * (picture - 128) + rng.normal(0, rng.uniform(0, 20), picture.shape)
    found: Observation = {IMAGE: picture.clip(0, 255).astype(np.uint8)[None]}
    for name, shape in shapes.items():
        if name not in (IMAGE, ELAPSED):
            ranges = [span for one in network.config.measurements if one.observation == name for span in one.ranges]
            low, high = min(c - s for c, s in ranges), max(c + 2 * s for c, s in ranges)
            found[name] = rng.uniform(low, high, (1, *shape)).astype(np.float32)
    # Frames that come late, and now and then one that was dropped, or none at all.
    share = 0.0 if number % 50 == 7 else 5.0 if number % 50 == 31 else rng.uniform(0.5, 1.5)
    found[ELAPSED] = np.full((1, 1), share * network.config.nominal_elapsed, np.float32)
    return found


def _require_free(path: Path) -> None:
    if path.exists() or path.is_symlink():
        raise FileThere(f"{path} exists already: delete it, or choose another name with --out")
