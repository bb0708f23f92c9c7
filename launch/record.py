"""The job ``record``: drive scenarios with several workers and write one drive per episode.

What an episode is follows from (scenario, seed, number) alone; workers, kills and restarts change nothing. Files appear
when they are whole, so a second run of the same command does what is missing and nothing else.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

import scenarios
from launch.backend import EMBEDDED, Backend
from launch.cameras import warn_of_other_cameras
from launch.errors import RecordingError
from launch.folder import named_write_errors, open_output
from launch.listing import expand_scenarios
from launch.progress import Report
from launch.recording import CONTROL_PERIOD, Pulses, Recording
from launch.tasks import MakeEnv, Task, task_for, task_of
from launch.versions import versions
from launch.workers import Send, Work, WorkerPool
from liquid_pilot.drives import DriveInfo, DriveWriter, Step, read_info
from liquid_pilot.randomness import derive_seed
from policies.policy import Policy
from scenarios.loader import AnyScenario

NOT_TRUTH = ("time", "success", "seed", "route_length")
"""Numbers in ``info`` that are kept elsewhere in the drive, or that only ``reset`` gives."""
BLOCK = 16
"""Episodes that one worker does on one road before it may be given another task."""
REPORT_EVERY = 100
"""Frames between two messages of a whole drive."""


@dataclass(frozen=True)
class Recorded:
    """What a recording has come to."""

    out: Path
    """Its folder."""
    episodes: int
    """Drives in the folder..."""
    frames: int
    """...and their frames."""
    new_episodes: int
    """Drives that this run added; 0 when everything was there already."""
    seconds: float
    """What this run took, s."""


@dataclass(frozen=True)
class Block:
    """A worker's task: some episodes of one scenario on one road, so that a world is built once."""

    scenario: AnyScenario
    episodes: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.scenario.name}, episodes {self.episodes[0]} to {self.episodes[-1]}"


@dataclass(frozen=True)
class _Shared:
    """What all workers are told once."""

    out: Path
    policy: str
    driver: str | None
    seed: int
    recording: Recording
    versions: dict[str, str]
    make_env: MakeEnv


def episode_seed(scenario: AnyScenario, seed: int, episode: int) -> int:
    """The seed that episode's environment is reset with.

    Consecutive within a scenario, because a family of roads is then visited evenly.
    """
    return derive_seed(seed, f"record/{scenario.name}") % 2**31 + episode


def drive_path(out: Path, scenario: AnyScenario, episode: int) -> Path:
    """Where a recording puts an episode: ``NAME-000123.mcap``."""
    return out / f"{scenario.name}-{episode:06d}.mcap"


def record(
    names: Sequence[str | os.PathLike[str] | AnyScenario],
    out: str | os.PathLike[str],
    *,
    episodes: int | None = None,
    frames: int | None = None,
    policy: str = "expert",
    driver: str | None = None,
    seed: int = 0,
    workers: int | None = None,
    mode: Literal["segments", "drives"] = "segments",
    recording: Recording | None = None,
    progress: Report | None = None,
    make_env: MakeEnv | None = None,
    backend: Backend = EMBEDDED,
) -> Recorded:
    """Record drives; the same call again goes on where an interrupted one stopped.

    Args:
        names: scenarios, catalogue names, YAML files, or splits (``train``). What is named twice is recorded twice as
            much.
        out: folder for the drives; new, or with this very recording's unfinished work.
        episodes: episodes of each scenario. Give it or ``frames``.
        frames: segments only: as many episodes as make at least so many frames in all.
        policy: who drives: ``expert``, a zoo name or a run folder. Its action is the label.
        driver: another policy that moves the car, while the labels still are the policy's. A network that drives shows
            the states that it gets itself into, and the expert how to come out of them (DAgger: Ross, Gordon and
            Bagnell, AISTATS 2011, https://arxiv.org/abs/1011.0686).
        seed: everything random follows from it.
        workers: processes; by default one per core.
        mode: short stretches from disturbed poses, or whole drives.
        recording: how it is disturbed, instead of what suits the task; its own mode counts.
        progress: called with (frames done, frames expected, note).
        make_env: a module-level function to use instead of the task's environment, for worlds of your own.
        backend: where it is driven, when there is no ``make_env``.

    Raises:
        RecordingError, FolderInUse, OutputNotWritable, WorkerDied; what scenarios, maps and policies raise. A folder
        that was made for this call disappears if nothing was recorded.
    """
    began = time.monotonic()
    chosen = _scenarios(names)
    task = task_for(chosen)
    recording = task.recording(mode) if recording is None else recording
    counts = _episodes_of(chosen, recording, episodes, frames)
    chosen = list(dict.fromkeys(chosen))
    warn_of_other_cameras([policy] if driver is None else [policy, driver], chosen)
    told = versions() | backend.identity(task)
    workers = backend.workers(workers or _cores())
    digests = {
        scenario.name: _check(task, scenario, recording, episode_seed(scenario, seed, 0), backend)
        for scenario in chosen
    }
    job = {
        "command": "record",
        "scenarios": {scenario.name: scenario.to_dict() for scenario in chosen},
        "maps": digests,
        "episodes": counts,
        "policy": _policy_identity(policy, task),
        "driver": None if driver is None else _policy_identity(driver, task),
        "seed": seed,
        "recording": asdict(recording),
        "versions": told,
    }
    with open_output(out, job, owns=["*.mcap"]) as folder:
        tally = _Tally(sum(counts.values()), recording, progress)
        missing = {s.name: _missing(folder.path, s, counts[s.name], tally) for s in chosen}
        tally.report()
        blocks = [
            block
            for scenario in chosen
            for block in _blocks(scenario, missing[scenario.name], seed, len(chosen), workers)
        ]
        if blocks:
            shared = _Shared(folder.path, policy, driver, seed, recording, told, make_env or backend.make)
            with WorkerPool[Block, None](_make_work, shared, min(workers, len(blocks))) as pool:
                for _ in pool.run(blocks, lambda _, message: tally.hear(*message)):
                    pass
        if not folder.already_finished:
            folder.finish(episodes=tally.episodes, frames=tally.frames)
        new = sum(map(len, missing.values()))
        return Recorded(folder.path, tally.episodes, tally.frames, new, time.monotonic() - began)


class _Tally:
    """Counts episodes and frames as they are finished and tells the progress bar."""

    def __init__(self, expected: int, recording: Recording, progress: Report | None) -> None:
        self.episodes = self.frames = 0
        self._expected = expected
        self._frames_each = recording.frames if recording.mode == "segments" else None
        self._progress = progress
        self._under_way: dict[tuple[str, int], int] = {}

    def found(self, frames: int) -> None:
        """An episode that an earlier run recorded."""
        self.episodes += 1
        self.frames += frames

    def hear(self, scenario: str, episode: int, frames: int, finished: bool) -> None:
        """A worker's message: so many frames of this episode."""
        self._under_way[scenario, episode] = frames
        if finished:
            del self._under_way[scenario, episode]
            self.found(frames)
        self.report()

    def report(self) -> None:
        """Say how far it is. How long whole drives will be is guessed from those that are finished."""
        if self._progress is None:
            return
        done = self.frames + sum(self._under_way.values())
        each = self._frames_each or (self.frames / self.episodes if self.episodes else 1000.0)
        missing = self._expected - self.episodes
        total = max(done, self.frames + missing * each)
        self._progress(done, total, f"{self.episodes} of {self._expected} episodes")


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _scenarios(names: Sequence[str | os.PathLike[str] | AnyScenario]) -> list[AnyScenario]:
    texts = [os.fspath(name) if isinstance(name, os.PathLike) else name for name in names]
    plain = expand_scenarios([name for name in texts if isinstance(name, str)])
    chosen = [scenarios.load(name) for name in plain] + [name for name in texts if not isinstance(name, str)]
    if not chosen:
        raise RecordingError("no scenario to record; give a name, for example train-country")
    known: dict[str, AnyScenario] = {}
    for scenario in chosen:
        if known.setdefault(scenario.name, scenario) != scenario:
            raise RecordingError(
                f"two scenarios are called {scenario.name!r} ({known[scenario.name].source}, {scenario.source}), and "
                "their drives would have the same names; rename one of the files"
            )
    return chosen


def _episodes_of(
    chosen: Sequence[AnyScenario], recording: Recording, episodes: int | None, frames: int | None
) -> dict[str, int]:
    """How many episodes of each scenario, by name; a scenario that is named twice gets twice as many."""
    if (episodes is None) == (frames is None):
        raise RecordingError("say how much to record: either the episodes of each scenario or the frames in all")
    if frames is not None:
        if recording.mode != "segments":
            raise RecordingError("how many frames whole drives have shows only afterwards; give the number of episodes")
        episodes = math.ceil(frames / (recording.frames * len(chosen)))
    if episodes is None or episodes < 1:
        raise RecordingError("at least one episode must be recorded")
    times = Counter(scenario.name for scenario in chosen)
    return {name: episodes * number for name, number in times.items()}


def _check(task: Task, scenario: AnyScenario, recording: Recording, seed: int, backend: Backend) -> str:
    """Find what is wrong with the first episode's world before anything is written; gives the world's digest."""
    if backend.town is None:  # what a server's own map has, only the server knows
        task.check(scenario, recording, seed)
    return task.world_digest(scenario, seed)


def _policy_identity(policy: str, task: Task) -> str:
    """A name that changes when the policy's weights do. Raises UnknownPolicy."""
    from policies import SCRIPTED, find_checkpoint

    if policy in SCRIPTED[task.kind]:
        return policy
    checkpoint = find_checkpoint(policy, task.kind)
    content = hashlib.sha256()
    for file in sorted(checkpoint.glob("*.*")):
        if file.suffix in (".json", ".safetensors"):
            content.update(file.read_bytes())
    return f"{checkpoint.name}:{content.hexdigest()}"


def _missing(out: Path, scenario: AnyScenario, count: int, tally: _Tally) -> list[int]:
    """Episodes that are not there yet; those that are there are counted. Raises BrokenDrive for a damaged one."""
    missing = []
    for episode in range(count):
        path = drive_path(out, scenario, episode)
        if path.exists():
            tally.found(read_info(path).frames)
        else:
            missing.append(episode)
    return missing


def _blocks(
    scenario: AnyScenario, episodes: Sequence[int], seed: int, scenarios_chosen: int, workers: int
) -> list[Block]:
    """Episodes of the same road together, in blocks small enough that all workers have something to do to the end."""
    by_road: dict[int | None, list[int]] = {}
    for episode in episodes:
        by_road.setdefault(scenario.world_seed(episode_seed(scenario, seed, episode)), []).append(episode)
    # A road is worth splitting only if there are fewer roads than would keep the workers evenly busy.
    pieces = max(1, math.ceil(4 * workers / (len(by_road) * scenarios_chosen))) if by_road else 1
    blocks = []
    for numbers in by_road.values():
        size = max(BLOCK, math.ceil(len(numbers) / pieces)) if pieces > 1 else len(numbers)
        blocks += [Block(scenario, tuple(numbers[at : at + size])) for at in range(0, len(numbers), size)]
    return blocks


# From here on: what runs in the workers.


def _make_work(shared: _Shared) -> Work:
    import policies

    loaded: dict[str, tuple[Policy, Policy | None]] = {}
    current: dict[AnyScenario, Any] = {}

    def work(block: Block, send: Send) -> None:
        scenario, task = block.scenario, task_of(block.scenario)
        if task.kind not in loaded:
            driver = None if shared.driver is None else policies.load(shared.driver, task.kind)
            loaded[task.kind] = policies.load(shared.policy, task.kind), driver
        if shared.recording.mode == "segments":
            scenario = task.in_segments(scenario, shared.recording)
        if scenario not in current:
            for env in current.values():
                env.close()
            current.clear()
            current[scenario] = shared.make_env(scenario)
        for episode in block.episodes:
            path = drive_path(shared.out, scenario, episode)
            if path.exists():
                continue  # this block was begun by a worker that died
            with named_write_errors(path):
                frames = record_episode(task, current[scenario], block, *loaded[task.kind], path, episode, shared, send)
            send((scenario.name, episode, frames, True))

    return work


def record_episode(
    task: Task,
    env: Any,
    block: Block,
    policy: Policy,
    driver: Policy | None,
    path: Path,
    episode: int,
    shared: _Shared,
    send: Send,
) -> int:
    """Drive one episode and write it; gives the number of frames."""
    recording, scenario = shared.recording, env.scenario
    segments = recording.mode == "segments"
    seed = episode_seed(scenario, shared.seed, episode)
    options: dict[str, Any] = {"start": dict(task.segment_start(recording, env, seed))} if segments else {}
    observation, info = env.reset(seed=seed, options=options)
    policy.reset()
    if driver is not None:
        driver.reset()
    pulses = Pulses(recording, seed)
    resolved = scenario.for_episode(seed)
    header = DriveInfo(
        kind=task.kind,
        scenario=resolved.to_dict(),
        scenario_name=scenario.name,
        seed=seed,
        episode=episode,
        policy=policy.name,
        action_names=task.actions,
        control_hz=1.0 / CONTROL_PERIOD,
        versions=shared.versions,
        options={
            "reset": options,
            "recording": asdict(recording),
            "world_sha256": task.world_digest(resolved, seed),
            "scenario_file": _scenario_file(block.scenario, seed),
            "driver": policy.name if driver is None else driver.name,
        },
    )
    with DriveWriter(path, header) as drive:
        while True:
            label = policy.act(observation, info)
            wanted = label if driver is None else driver.act(observation, info)
            applied = recording.disturbed(wanted, pulses.at(info["time"]))
            drive.add(make_step(observation, info, label, applied))
            if segments and drive.frames == recording.frames:
                return drive.finish(end="cut", success=True).frames
            observation, _, terminated, truncated, info = env.step(applied)
            if terminated or truncated:
                return drive.finish(end=info["end"], success=info["success"]).frames
            if not segments and drive.frames % REPORT_EVERY == 0:
                send((scenario.name, episode, drive.frames, False))


def _scenario_file(scenario: AnyScenario, seed: int) -> dict[str, str | None]:
    """Where the scenario came from (None: the catalogue, or nowhere) and what it said, so that a change is noticed."""
    source = scenario.source
    shipped = source is None or source.parent == scenarios.loader.CATALOGUE
    return {"path": None if shipped else str(source), "sha256": scenario_digest(scenario.for_episode(seed))}


def scenario_digest(scenario: AnyScenario) -> str:
    """SHA-256 of all that a scenario says."""
    return hashlib.sha256(json.dumps(scenario.to_dict(), sort_keys=True).encode()).hexdigest()


def make_step(observation: dict[str, Any], info: dict[str, Any], label: Any, applied: Any) -> Step:
    """A drive's step from what the environment and the policy said."""
    return Step(
        time=info["time"],
        image=observation["image"],
        observation=numbers_of(observation),
        action=np.asarray(label, np.float32),
        applied=np.asarray(applied, np.float32),
        truth=truth_of(info),
    )


def numbers_of(observation: dict[str, Any]) -> dict[str, float]:
    """The numbers of an observation by name; of several elements each has its index behind the name: ``velocity_0``."""
    numbers: dict[str, float] = {}
    for key, value in observation.items():
        if key != "image":
            names = [key] if len(value) == 1 else [f"{key}_{index}" for index in range(len(value))]
            numbers |= zip(names, map(float, value), strict=True)
    return numbers


def truth_of(info: dict[str, Any]) -> dict[str, bool | int | float]:
    """The numbers of ``info`` that a drive keeps: the state of the world, and nothing that is text or an array."""
    return {key: value for key, value in info.items() if isinstance(value, (bool, int, float)) and key not in NOT_TRUTH}
