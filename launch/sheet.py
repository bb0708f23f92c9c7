"""``scenarios --sheet``: every weather and every fault of pictures on one sheet, to be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

import scenarios
from launch.errors import BadSelection, FolderInUse
from launch.folder import named_write_errors
from launch.progress import Report
from liquid_pilot.files import whole_file
from scenarios.faults import FAULTS, SEVERITIES, FaultSpec
from scenarios.schema import Scenario
from scenarios.weather import PRESETS

SCENES = ("heldout-country", "heldout-hairpins", "heldout-motorway", "heldout-town")
"""Scenes of the weathers, one column each; faults are shown on the first."""
WIDTH, HEIGHT = 400, 156
"""Of each picture: the driving camera at twice its size."""
START_M = 120.0
"""Metres along the route where the picture is taken."""
FRAMES = 4
"""Frames that are driven before, so that what needs time (drops, a delay) is there."""

Image = npt.NDArray[np.uint8]
Row = tuple[str, list[tuple[str, Image]]]


def draw_sheet(path: Path, progress: Report) -> None:
    """Write the contact sheet as PNG; refuses to overwrite.

    Raises:
        FolderInUse: the file exists. BadSelection: it is no .png. OutputNotWritable: it cannot be written.
    """
    import cv2

    from envs.effects.sheet import contact_sheet

    if path.exists():
        raise FolderInUse(f"{path}: exists already; give another name or move it away")
    if path.suffix.lower() != ".png":
        raise BadSelection(f"{path}: the sheet is a PNG; give it a name that ends in .png")
    shown = [name for name in FAULTS if FAULTS[name].part in ("image", "camera")]
    total = len(SCENES) + 1
    columns = []
    for number, name in enumerate(SCENES):
        progress(number, total, name)
        columns.append(_under_all(name, [_weathers(preset) for preset in PRESETS]))
    rows: list[Row] = [
        (preset, [(scene, column[i]) for scene, column in zip(SCENES, columns, strict=True)])
        for i, preset in enumerate(PRESETS)
    ]
    progress(len(SCENES), total, "faults")
    specs = [(name, severity) for name in shown for severity in SEVERITIES]
    pictures = _under_all(SCENES[0], [_faults(name, severity) for name, severity in specs])
    faults: list[Row] = [
        (name, [(f"severity {severity}", pictures[specs.index((name, severity))]) for severity in SEVERITIES])
        for name in shown
    ]
    whole = _stacked([contact_sheet(rows, WIDTH), contact_sheet(faults, WIDTH)])
    good, encoded = cv2.imencode(".png", whole[..., ::-1])
    assert good  # an in-memory PNG of a valid picture
    with named_write_errors(path), whole_file(path) as temporary:
        temporary.write_bytes(encoded.tobytes())
    progress(total, total)


def _weathers(preset: str) -> dict[str, object]:
    return {"weather": preset}


def _faults(name: str, severity: int) -> dict[str, object]:
    return {"faults": (FaultSpec(fault=name, severity=float(severity)),)}


def _under_all(name: str, changes: Sequence[dict[str, object]]) -> list[Image]:
    """The same place of a scenario under each condition."""
    from envs.driving.env import LaneKeepingEnv

    scenario = scenarios.load_drive(name)
    camera = scenario.camera.model_copy(update={"width": WIDTH, "height": HEIGHT})
    scenario = scenario.model_copy(update={"camera": camera})
    variants: list[Scenario] = [scenario.with_conditions(**change) for change in changes]  # type: ignore[arg-type]
    env = LaneKeepingEnv(scenario, observation_mode="state")
    try:
        env.reset(seed=0, options={"start": {"position_m": START_M, "lateral_m": 0.0, "heading_rad": 0.0}})
        for _ in range(FRAMES):
            env.step(np.zeros(2, np.float32))
        return [env.senses_under(variant).look(env.ride, env.car_pose())[0] for variant in variants]
    finally:
        env.close()


def _stacked(sheets: Sequence[Image]) -> Image:
    """One below the other, on white."""
    width = max(sheet.shape[1] for sheet in sheets)
    whole = np.full((sum(sheet.shape[0] for sheet in sheets), width, 3), 250, np.uint8)
    top = 0
    for sheet in sheets:
        whole[top : top + sheet.shape[0], : sheet.shape[1]] = sheet
        top += sheet.shape[0]
    return whole
