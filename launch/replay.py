"""The job ``replay --check``: drive a recorded drive again and compare every bit."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import scenarios
from launch.backend import EMBEDDED, Backend, recorded_in
from launch.errors import NotReplayable, ScenarioChanged
from launch.progress import Report
from launch.record import numbers_of, scenario_digest, truth_of
from launch.tasks import TASKS, MakeEnv, task_of
from launch.versions import versions
from liquid_pilot.drives import DriveInfo, Step, iter_steps, state_digest, verify
from liquid_pilot.errors import LiquidPilotError
from scenarios.loader import AnyScenario


@dataclass(frozen=True)
class Difference:
    """The first thing in which a replay differs from its recording."""

    frame: int
    field: str
    """``image``, ``end``, or the name of a number."""
    recorded: object
    replayed: object
    detail: str
    """By how much, in words."""

    def __str__(self) -> str:
        return f"frame {self.frame}, {self.field}: {self.detail}"


@dataclass(frozen=True)
class ReplayCheck:
    """The outcome of `check_replay`."""

    path: Path
    frames: int
    """Frames that were compared."""
    difference: Difference | None
    recorded_with: Mapping[str, str]
    replayed_with: Mapping[str, str]
    world_changed: bool
    """The road's OpenDRIVE text, or what the land is made of, is not as it was; then differences are no wonder."""

    @property
    def identical(self) -> bool:
        """Every image and every number was equal to the last bit."""
        return self.difference is None

    @property
    def summary(self) -> str:
        """One line for people."""
        if self.difference is None:
            return f"bit-identical, {self.frames} frames"
        text = f"differs from frame {self.difference.frame} on: {self.difference.field}, {self.difference.detail}"
        changed = [
            f"{name} {self.recorded_with.get(name, 'unknown')} then, {self.replayed_with.get(name, 'unknown')} now"
            for name in sorted({*self.recorded_with, *self.replayed_with})
            if self.recorded_with.get(name) != self.replayed_with.get(name)
        ]
        if self.world_changed:
            changed.append("the map is not the one that was driven")
        return f"{text} ({'; '.join(changed) or 'same versions on both sides'})"


def check_replay(
    drive: str | os.PathLike[str],
    progress: Report | None = None,
    make_env: MakeEnv | None = None,
    *,
    as_recorded: bool = False,
) -> ReplayCheck:
    """Rebuild the drive's world, apply the recorded actions, and compare images and states frame by frame.

    Stops at the first difference. Raises what reading a drive raises (`BrokenDrive`...), `NotReplayable` when the world
    cannot be rebuilt or was a CARLA server's, and
    `ScenarioChanged`, unless ``as_recorded``, when the scenario's file is not what it was.
    """
    path = Path(drive)
    info = verify(path)  # a damaged drive must not look like a world that has changed
    if recorded_in(info.versions) != EMBEDDED.name:
        raise NotReplayable(
            f"{path}: it was recorded with --backend {recorded_in(info.versions)}, and no server's world comes back to "
            "the bit; drive it again with --policy and --out"
        )
    if not as_recorded:
        require_unchanged(path, info)
    scenario = scenario_of(path, info)
    digest = world_digest(path, scenario, info.seed)
    env = (make_env or task_of(scenario).make)(scenario)
    frames, difference = 0, None
    try:
        observation, state = env.reset(seed=info.seed, options=dict(info.options.get("reset", {})))
        end = ""
        for step in iter_steps(path):
            if end:
                difference = Difference(
                    frames, "end", "", end, f"the recorded drive goes on, the replay ended by {end}"
                )
                break
            difference = compare(frames, step, observation, state)
            if difference is not None:
                break
            frames += 1
            if progress is not None:
                progress(frames, info.frames)
            if frames == info.frames and info.end == "cut":
                break
            observation, _, _, _, state = env.step(step.applied)
            end = state["end"]
        if difference is None and info.end != "cut" and end != info.end:
            detail = f"the recorded drive ended by {info.end}, the replay {f'by {end}' if end else 'goes on'}"
            difference = Difference(frames, "end", info.end, end, detail)
    finally:
        env.close()
    changed = digest != info.options.get("world_sha256", digest)
    return ReplayCheck(path, frames, difference, info.versions, versions(), changed)


def require_town(path: Path, info: DriveInfo, backend: Backend) -> None:
    """Refuse a drive on a map of a CARLA server where that map is not meant. Raises NotReplayable."""
    there = info.versions.get("town")
    here = None if backend.town is None else Path(backend.town).name
    if there != here:
        wanted = "without --town" if there is None else f"with --backend carla --town {there}"
        raise NotReplayable(f"{path}: it was recorded {wanted}; drive it again so")


def require_unchanged(path: Path, info: DriveInfo) -> None:
    """Refuse a drive whose scenario says something else today than when it was recorded.

    A file that is gone, or a recording that does not say where its scenario came from, is no reason to refuse: the
    drive holds all that is needed. Raises ScenarioChanged.
    """
    told = info.options.get("scenario_file")
    if not isinstance(told, dict):
        return
    name = told.get("path") or info.scenario_name
    try:
        # The path comes out of a file: nothing but an ordinary YAML file is opened for it.
        ordinary = name in scenarios.catalogue() or (Path(name).is_file() and Path(name).suffix in (".yaml", ".yml"))
        today = scenarios.load(name).for_episode(info.seed) if ordinary else None
    except (LiquidPilotError, OSError, TypeError):
        return
    if today is None or scenario_digest(today) == told.get("sha256"):
        return
    now, then = today.to_dict(), dict(info.scenario)
    changed = [key for key in sorted({*now, *then} - {"limits"}) if now.get(key) != then.get(key)] or ["limits"]
    raise ScenarioChanged(
        f"{path}: the scenario {name} has changed since this was recorded ({', '.join(changed)}); "
        "record it again, or give --as-recorded to take what the drive itself says"
    )


def scenario_of(path: Path, info: DriveInfo) -> AnyScenario:
    """The scenario of a recorded drive; raises NotReplayable."""
    if info.kind not in TASKS:
        raise NotReplayable(f"{path}: a drive of the kind {info.kind!r} cannot be replayed by this version")
    try:
        return TASKS[info.kind].scenario_from(info.scenario, info.scenario_name)
    except LiquidPilotError as error:
        raise NotReplayable(f"{path}: its scenario is not valid in this version: {error}") from error


def world_digest(path: Path, scenario: AnyScenario, seed: int) -> str:
    """What tells whether the world that the drive's scenario means today is that of then; raises NotReplayable."""
    try:
        return task_of(scenario).world_digest(scenario, seed)
    except LiquidPilotError as error:
        raise NotReplayable(f"{path}: the road that was driven cannot be found: {error}") from error


def compare(
    frame: int, step: Step, observation: Mapping[str, npt.NDArray[Any]], info: Mapping[str, Any]
) -> Difference | None:
    """The first difference between a recorded step and what the environment shows now, or None."""
    image = observation["image"]
    if image.shape != step.image.shape:
        return Difference(frame, "image", step.image.shape, image.shape, f"{image.shape} instead of {step.image.shape}")
    if not np.array_equal(image, step.image):
        gaps = np.abs(image.astype(np.int16) - step.image).max(axis=2)
        detail = f"{np.count_nonzero(gaps)} of {gaps.size} pixels differ, by up to {gaps.max()} of 255"
        return Difference(frame, "image", None, None, detail)
    seen = {"time": info["time"], **numbers_of(dict(observation))}
    difference = _first_number(frame, {"time": step.time, **step.observation}, seen)
    truth = truth_of(dict(info))
    if difference is None and state_digest(dict(step.truth)) != state_digest(truth):
        difference = _first_number(frame, step.truth, truth)
    return difference


def _first_number(frame: int, recorded: Mapping[str, Any], replayed: Mapping[str, Any]) -> Difference | None:
    for key in [*recorded, *(key for key in replayed if key not in recorded)]:
        then, now = recorded.get(key), replayed.get(key)
        # repr tells 0.0 from -0.0, which == does not.
        if repr(then) == repr(now):
            continue
        if then is None or now is None:
            detail = f"it is {'not recorded' if then is None else 'missing now'}"
        elif isinstance(then, float) and isinstance(now, float):
            detail = f"recorded {then!r}, now {now!r}, a difference of {now - then:.3g}"
        else:
            detail = f"recorded {then!r}, now {now!r}"
        return Difference(frame, key, then, now, detail)
    return None


__all__ = ["Difference", "ReplayCheck", "check_replay", "compare", "scenario_of"]
