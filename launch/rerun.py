"""``replay --policy``: a recorded drive again under other weather and faults, beside the original.

Closed loop, the policy drives the recorded route from the recorded start. Open loop, the car follows the recorded path
exactly while the policy is shown what the camera would have seen under the conditions: its answers against the
recorded actions are the error of perception alone, without the drift that follows from it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import policies
from launch.backend import EMBEDDED, Backend
from launch.cameras import warn_of_other_cameras
from launch.closed_loop import file_safe, trace_of
from launch.comparison import Comparison, Curve
from launch.conditions import Condition, conditions
from launch.errors import BadSelection, NotReplayable
from launch.folder import named_write_errors, open_output
from launch.progress import progress_bar
from launch.replay import require_town, require_unchanged, scenario_of, world_digest
from launch.tasks import Task, task_of
from launch.versions import results_versions
from launch.workers import Send, Work, WorkerPool
from liquid_pilot.analysis.judging import JUDGING
from liquid_pilot.analysis.open_loop import OpenLoopResult, write_open_loop
from liquid_pilot.analysis.report import DrivenEpisode, Video, condition_table, headlines, write_report
from liquid_pilot.analysis.results import EpisodeResult, aggregate, condition_name, write_results
from liquid_pilot.drives import Drive, DriveInfo, read_drive, verify
from scenarios.loader import AnyScenario

if TYPE_CHECKING:
    from envs.lockstep import Moment

VIDEOS, RESULTS, REPORT = "videos", "results.json", "report.html"
Image = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Rerun:
    """What came out: the report and one line for each condition."""

    report: Path
    lines: tuple[str, ...]


@dataclass(frozen=True)
class _Shared:
    drive: Path
    policy: str
    open_loop: bool
    out: Path
    backend: Backend


@dataclass(frozen=True)
class _Original:
    """The recorded drive and the world that it was driven in."""

    drive: Drive
    scenario: AnyScenario

    @property
    def info(self) -> DriveInfo:
        return self.drive.info

    @property
    def options(self) -> dict[str, Any]:
        """What the environment was reset with; a drive that was cut is driven for as long as it was recorded."""
        options = dict(self.info.options.get("reset", {}))
        if self.info.end == "cut":
            options["duration_s"] = self.info.frames / self.info.control_hz
        return options


def rerun(
    drive: Path,
    out: Path,
    *,
    policy: str,
    weathers: Sequence[str] = (),
    faults: Sequence[str] = (),
    open_loop: bool = False,
    as_recorded: bool = False,
    workers: int = 1,
    backend: Backend = EMBEDDED,
) -> Rerun:
    """Drive a recording again under every weather with every fault; writes videos, ``results.json``, ``report.html``.

    Args:
        drive: the recording.
        out: output folder; the same command goes on in it where it stopped.
        policy: as `policies.load` takes it.
        weathers: names of weathers; none: as recorded.
        faults: ``none`` and ``NAME:SEVERITY,...``; nothing: as recorded.
        open_loop: keep the car on the recorded path.
        as_recorded: also when the scenario's file has changed since.
        workers: processes.
        backend: where it is driven again.

    Raises:
        BrokenDrive, NotReplayable, ScenarioChanged, UnknownPolicy, ScenarioError, BadSelection, FolderInUse:
            before anything is driven.
    """
    info = verify(drive)
    if not as_recorded:
        require_unchanged(drive, info)
    scenario = scenario_of(drive, info)
    require_town(drive, info, backend)
    if world_digest(drive, scenario, info.seed) != info.options.get("world_sha256"):
        raise NotReplayable(f"{drive}: the map of {info.scenario_name} is not the one that was driven; record it again")
    under = conditions(weathers, faults)
    if open_loop:
        if backend.remote:
            raise BadSelection(
                "--open-loop keeps the car on the recorded path to the bit, which only the embedded world does; leave "
                "--backend carla or --open-loop out"
            )
        _refuse_actuators(under, scenario)
    policies.load(policy, scenario.kind)
    warn_of_other_cameras([policy], [scenario])
    told = results_versions() | backend.identity(task_of(scenario))
    job = {
        "command": "replay",
        "drive": hashlib.sha256(drive.read_bytes()).hexdigest(),
        "policy": policy,
        "weathers": list(weathers),
        "faults": list(faults),
        "open_loop": open_loop,
        "versions": told,
    }
    words = ["liquid-pilot", "replay", str(drive), "--policy", policy]
    for option, values in (("--weather", weathers), ("--fault", faults)):
        words += [option, *values] if values else []
    command = " ".join([*words, *(["--open-loop"] if open_loop else []), *backend.words(), "--out", str(out)])
    with open_output(out, job, owns=[VIDEOS, RESULTS, REPORT]) as folder, named_write_errors(out):
        shared = _Shared(drive, policy, open_loop, out, backend)
        found: dict[int, Any] = {}
        with (
            progress_bar("replay", "conditions") as progress,
            WorkerPool[tuple[int, Condition], Any](
                _make_work, shared, min(backend.workers(workers), len(under))
            ) as pool,
        ):
            progress(0, len(under))
            for number, result in pool.run(list(enumerate(under))):
                found[number] = result
                progress(len(found), len(under))
        outcomes = [found[number] for number in range(len(under))]
        videos = [Video(path, caption) for _, path, caption in outcomes]
        title = f"{info.scenario_name}, seed {info.seed}, again {'open loop' if open_loop else 'closed loop'}"
        if open_loop:
            results: list[OpenLoopResult] = [result for result, _, _ in outcomes]
            write_open_loop(out, results, title=title, command=command, versions=told, videos=videos)
            lines = [str(result) for result in results]
        else:
            driven: list[DrivenEpisode] = [episode for episode, _, _ in outcomes]
            write_results(out / RESULTS, [e.result for e in driven], command=command, versions=told)
            write_report(out / REPORT, driven, title=title, command=command, versions=told, videos=videos)
            rows, judging = aggregate([e.result for e in driven]), JUDGING[scenario.kind]
            lines = [*condition_table(rows, judging), *headlines(rows, judging)]
        folder.finish(conditions=len(under))
    return Rerun(out / REPORT, tuple(lines))


def _refuse_actuators(under: Sequence[Condition], scenario: AnyScenario) -> None:
    for condition in under:
        for fault in condition.of(scenario).faults:
            if fault.kind.part == "actuator":
                raise BadSelection(
                    f"fault {fault.fault!r} cannot act open loop: the car follows the recorded path whatever the wheel "
                    "does; leave it or --open-loop out"
                )


# From here on: what runs in the workers.


def _make_work(shared: _Shared) -> Work:
    drive = read_drive(shared.drive)
    original = _Original(drive, scenario_of(shared.drive, drive.info))
    policy = policies.load(shared.policy, original.scenario.kind)

    def work(task: tuple[int, Condition], send: Send) -> tuple[Any, Path, str]:
        del send
        number, condition = task
        scenario = condition.of(original.scenario)
        name = condition_name(scenario.weather.label, [fault.label for fault in scenario.faults])
        path = shared.out / VIDEOS / f"{number:03d}-{file_safe(name)}.mp4"
        result: DrivenEpisode | OpenLoopResult
        if shared.open_loop:
            result, comparison = _open_loop(original, scenario, policy, shared.policy)
        else:
            result, comparison = _closed_loop(original, scenario, policy, shared.policy, shared.backend)
        comparison.write(path, ("as recorded", f"{shared.policy}, {name}"), original.info.control_hz)
        return result, path, f"Left as recorded by {original.info.policy}, right {shared.policy} in {name}."

    return work


def _closed_loop(
    original: _Original, scenario: AnyScenario, policy: Any, name: str, backend: Backend
) -> tuple[DrivenEpisode, Comparison]:
    from envs.lockstep import DrivenEpisode as Driven
    from envs.lockstep import Episode, LockStep

    task = task_of(scenario)
    images: list[Image] = []
    finished: list[Driven] = []

    def watch(moment: Moment) -> None:
        images.append(moment.observation["image"])

    # The recorded start replaces the scenario's draw, so that both begin at the same place to the last bit.
    LockStep(1, backend.make).run(
        policy, [Episode(scenario, original.info.seed, original.options)], finished.append, watch
    )
    trace = trace_of(finished[0])
    recorded = original.drive
    result = EpisodeResult(
        policy=name,
        scenario=original.info.scenario_name,
        seed=original.info.seed,
        success=trace.success,
        end=trace.end,
        steps=len(trace),
        metrics=JUDGING[trace.kind].metrics(trace),
        weather=scenario.weather.label,
        faults=tuple(fault.label for fault in scenario.faults),
    )
    curves = [Curve(curve.name, _recorded(task, recorded, curve.column), trace[curve.column]) for curve in task.curves]
    # The lock step shows what was seen after each action; of the recording that is everything but its first picture.
    comparison = Comparison(list(recorded.images[1:]), images, curves)
    return DrivenEpisode(result, trace), comparison


def _recorded(task: Task, drive: Drive, column: str) -> npt.NDArray[Any]:
    """What a trace has in a column, of a recorded drive: an action, or the truth after each action."""
    for index, action in enumerate(task.actions):
        if column == (action if action not in drive.truth else f"{action}_action"):
            return drive.applied[:, index]
    return drive.truth[column][1:]


def _open_loop(original: _Original, scenario: AnyScenario, policy: Any, name: str) -> tuple[OpenLoopResult, Comparison]:
    drive, info = original.drive, original.info
    env: Any = task_of(original.scenario).make(original.scenario, pictures=False)
    answers, images = np.empty_like(drive.action), []
    try:
        _, state = env.reset(seed=info.seed, options=original.options)
        senses = env.senses_under(scenario)
        policy.reset()
        for frame in range(info.frames):
            _require_same(frame, drive.truth, state)
            observation = env.observe_with(senses)
            answers[frame] = policy.act(observation, state)
            images.append(observation["image"])
            if frame + 1 < info.frames:
                _, _, _, _, state = env.step(drive.applied[frame])
    finally:
        env.close()
    result = OpenLoopResult.compare(
        policy=name,
        scenario=info.scenario_name,
        seed=info.seed,
        weather=scenario.weather.label,
        faults=tuple(fault.label for fault in scenario.faults),
        names=tuple(info.action_names),
        recorded=drive.action,
        answered=answers,
    )
    curves = tuple(
        Curve(action, drive.action[:, column], answers[:, column]) for column, action in enumerate(info.action_names)
    )
    return result, Comparison(list(drive.images), images, curves)


def _require_same(frame: int, truth: Mapping[str, npt.NDArray[Any]], state: Mapping[str, Any]) -> None:
    for key in ("x", "y", "heading", "speed"):
        if not math.isclose(float(truth[key][frame]), state[key], rel_tol=0.0, abs_tol=0.0):
            raise NotReplayable(
                f"the recorded path cannot be followed: {key} differs at frame {frame} "
                f"(recorded {float(truth[key][frame])!r}, now {state[key]!r}); see `liquid-pilot replay DRIVE --check`"
            )


__all__ = ["Rerun", "rerun"]
