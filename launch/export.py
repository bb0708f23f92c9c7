"""``liquid-pilot export``: a trained policy as one ONNX file."""

from __future__ import annotations

from pathlib import Path

import policies
from envs.driving.vehicle import VehicleParameters
from envs.drone.control import ControlParameters
from launch.folder import named_write_errors
from launch.progress import progress_bar
from liquid_pilot.deploy.errors import NotExportable
from liquid_pilot.deploy.export import Comparison, export
from policies.agent import agent_kind
from policies.neural import NeuralPolicy

UNITS = {
    "image": "uint8 RGB, row by row from the top, as the environment's camera sees",
    "speed": "m/s",
    "velocity": "m/s ahead, left, up along the body's axes",
    "yaw_rate": "rad/s, + left",
    "elapsed": "s between this picture and the previous one; dt at the first",
}
"""Of observations, for the file's metadata."""


def meanings() -> dict[str, str]:
    """What the actions are worth, for the file's metadata."""
    car, drone = VehicleParameters(), ControlParameters()
    return {
        "steering": f"share of the greatest wheel angle, {car.steering_max} rad; + left",
        "acceleration": f"+1: {car.motor_acceleration} m/s^2 from the motor, -1: {car.brake_acceleration} m/s^2 braked",
        "vx": f"share of {drone.ahead_max} m/s ahead, in the level frame that turns with the heading",
        "vy": f"share of {drone.side_max} m/s to the left, in the same frame",
        "vz": f"share of {drone.climb_max} m/s up",
        "yaw_rate": f"share of {drone.yaw_rate_max} rad/s to the left",
    }


def export_policy(name: str, out: Path | None) -> tuple[Path, Comparison]:
    """Write the network of a policy, and compare it with torch over 1,000 steps before the file is there.

    Args:
        name: as `policies.load` takes it.
        out: the file; None: the policy's name with ``.onnx``, here.

    Raises:
        NotExportable: the policy is a program, or an agent of Stable-Baselines3.
        UnknownPolicy, CheckpointError, FileThere, Differs, ExtraMissing, OutputNotWritable.
    """
    if any(name in scripted for scripted in policies.SCRIPTED.values()):
        raise NotExportable(f"{name} is a program that sees the truth, not a network: give a run folder or a zoo name")
    folder = policies.find_checkpoint(name)
    if agent_kind(folder) is not None:
        raise NotExportable(f"{name} is an agent of Stable-Baselines3: export it with its own tools")
    policy = NeuralPolicy(folder, engine="torch")
    path = out or Path(f"{policy.name}.onnx")
    with named_write_errors(path), progress_bar("export", "steps compared") as progress:
        found = export(policy.network, path, name=policy.name, units=UNITS, meanings=meanings(), progress=progress)
    return path, found
