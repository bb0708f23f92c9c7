"""Whether a network is given the pictures of the camera that it learned from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import policies
from launch.console import complain
from scenarios.loader import AnyScenario


def warn_of_other_cameras(names: Sequence[str], driven: Iterable[AnyScenario]) -> None:
    """Say, once for each policy and camera, which of these policies learned from another camera than a scenario has.

    It is no error, for a camera that is mounted otherwise is a thing to be studied; but a network that looks 8 degrees
    lower than it learned drives into the ditch, and nobody would know why.
    """
    seen = {tuple(scenario.camera.model_dump().items()): scenario.name for scenario in driven}
    for name in names:
        learned = policies.camera_of(name)
        if learned is None:
            continue
        for camera, scenario in seen.items():
            other = {key: value for key, value in camera if learned.get(key, value) != value}
            if other:
                complain(
                    f"{name} learned from a camera with {_told({key: learned[key] for key in other})}, but that of "
                    f"{scenario} has {_told(other)}: its pictures are strange to it"
                )


def _told(part: dict[str, float]) -> str:
    return ", ".join(f"{key} {value:g}" for key, value in part.items())
