"""From a folder of drives to a trained network: all stages of a recipe, stopped and resumed at will."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from liquid_pilot.drives import DriveInfo, find_drives, read_infos
from liquid_pilot.errors import FolderInUse, LiquidPilotError
from liquid_pilot.files import write_json
from liquid_pilot.imitation.augment import Augmenter
from liquid_pilot.imitation.cache import Frames, open_frames
from liquid_pilot.imitation.choice import Candidate, ClosedLoopScore, choose
from liquid_pilot.imitation.config import JointStage, LiquidStage, Stage, TrainConfig
from liquid_pilot.imitation.curves import draw_curves, write_table
from liquid_pilot.imitation.errors import BrokenTrainingState, DifferentTraining
from liquid_pilot.imitation.features import (
    Features,
    compute_features,
    load_features,
    normalise_input_map,
    save_features,
)
from liquid_pilot.imitation.head import Encoder
from liquid_pilot.imitation.interrupt import StopRequest, listening
from liquid_pilot.imitation.loop import Record, run_stage
from liquid_pilot.imitation.material import Material, prepare, split_for
from liquid_pilot.imitation.memory import keep_freed_memory
from liquid_pilot.imitation.progress import Clock, Progress, Report
from liquid_pilot.imitation.result import FILE, TrainResult, write_card
from liquid_pilot.imitation.stages import make_ready
from liquid_pilot.imitation.state_file import load_state, save_state
from liquid_pilot.imitation.validation import Validation
from liquid_pilot.nn import PilotNetwork, save_checkpoint

ClosedLoopCheck = Callable[[PilotNetwork, int], ClosedLoopScore]
"""Drives a network (which it may keep or change) that was taken at a step of the last stage."""

# Work of one frame in units of "once through the head, there and back": for the time left.
_DECODING, _ENCODING, _CONTROLLING = 0.06, 0.45, 0.025


def train(
    config: TrainConfig,
    drives: Path | Sequence[Path],
    out: Path,
    *,
    resume: bool = False,
    progress: Report | None = None,
    validate_closed_loop: ClosedLoopCheck | None = None,
    cache: Path | None = None,
) -> TrainResult:
    """Train a network on all drives in a folder and write it to ``out``.

    Args:
        config: the recipe.
        drives: folder of drives, or one drive file, or several of either.
        out: made when missing. In the end it holds ``best/``, ``last/``, ``curves.csv``, ``curves.png`` and
            ``training.json``; until then also ``state/`` and ``cache/``.
        resume: go on with the unfinished training in ``out`` (nothing there: begin). After a kill at any moment the
            weights become, bit by bit, those of the training that was never interrupted. A finished training of the
            same recipe and drives is returned as it is.
        progress: called about twice a second.
        validate_closed_loop: drives with the last few networks at the end; the best driver becomes ``best/``.
            Without it the one with the least validation loss does.
        cache: keep the decoded frames here, for other trainings on the same drives; None: in ``out``, deleted at the
            end.

    Raises:
        FolderInUse: ``out`` holds a training and ``resume`` is False.
        DifferentTraining: ``out`` holds the training of another recipe or of other drives.
        DriveNotFound, EmptyDrives, MixedDrives, BrokenDrive, DriveVersion: as `liquid_pilot.drives` says.
        DrivesDoNotFit, TooFewDrives, NoSpaceForFrames, TrainingDiverged, BrokenTrainingState.
        KeyboardInterrupt, SystemExit(143): Ctrl-C or SIGTERM; the state was saved before.

    From now on the process keeps freed memory (see `memory`); torch's number of threads is as before afterwards.
    """
    keep_freed_memory()
    with listening() as stop, _one_torch_thread():
        folders = [drives] if isinstance(drives, Path) else list(drives)
        return _Training(config, folders, out, stop, progress or (lambda _: None), cache).run(
            resume, validate_closed_loop
        )


@contextmanager
def _one_torch_thread() -> Iterator[None]:
    """The threads are ours (see `head`): torch's own would wait for each other too often."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Training:
    """One call of `train`: where its files are, and its phases in order."""

    def __init__(
        self,
        config: TrainConfig,
        drives: Sequence[Path],
        out: Path,
        stop: StopRequest,
        report: Report,
        cache: Path | None,
    ) -> None:
        self.config = config
        self.paths = [path for folder in drives for path in find_drives(folder)]
        self.out = out
        self.state = out / "state"
        self.own_cache = cache is None
        self.cache = cache or out / "cache"
        self.stop = stop
        self.report = report
        self.camera: dict[str, float] | None = None

    def run(self, resume: bool, check: ClosedLoopCheck | None) -> TrainResult:
        finished = self._finished(resume)
        if finished is not None:
            return finished
        frames, material = self._open()
        network = PilotNetwork(self.config.network)
        records = [self._stage(number, network, material) for number in range(len(self.config.stages))]
        scores = self._drive(records[-1], check)
        result = self._write(records, network, frames, material, scores)
        self._clean()
        return result

    # Who this training is, and whether it is done.

    def _identity(self, key: str) -> dict[str, Any]:
        return {"schema": 1, "config": self.config.model_dump(mode="json"), "drives": key}

    def _finished(self, resume: bool) -> TrainResult | None:
        """The result of a finished training in ``out``; raises `FolderInUse` unless it may be looked at."""
        done, begun = self.out / FILE, self.state / FILE
        if not resume and (done.exists() or begun.exists()):
            raise FolderInUse(f"{self.out}: it holds a training already; go on with --resume or choose another folder")
        if not done.exists():
            return None
        value = _read_json(done)
        if value.get("config") != self._identity("")["config"]:
            raise DifferentTraining(f"{self.out}: it holds the training of another recipe; choose another folder")
        self._clean()
        return TrainResult.from_dict(self.out, value["result"])

    def _open(self) -> tuple[Frames, Material]:
        """Decode the drives, after making sure that they can be learned from; takes back the folders otherwise."""
        infos = read_infos(self.paths)
        self.camera = _camera(infos)
        split = split_for(infos, self.config)
        measured = [(one.observation, one.index) for one in self.config.network.measurements]
        try:
            frames = open_frames(self.paths, infos, self.cache, measured, self.config.truth, self._decoded)
        except LiquidPilotError:
            for folder in (self.cache, self.out):
                with suppress(OSError):
                    folder.rmdir()
            raise
        self._begin(frames.key)
        material = prepare(frames, split, self.config)
        self.clock = Clock(self._work(material))
        return frames, material

    def _begin(self, key: str) -> None:
        """Make sure that unfinished work in ``out`` is of this recipe and these drives, or note that it will be."""
        begun, identity = self.state / FILE, self._identity(key)
        if begun.exists():
            found = _read_json(begun)
            what = "recipe" if found.get("config") != identity["config"] else "set of drives"
            if found != identity:
                raise DifferentTraining(
                    f"{self.out}: it holds the unfinished training of another {what}; choose another folder"
                )
        write_json(begun, identity)

    def _decoded(self, done: int, total: int) -> None:
        self.report(Progress("frames", done, total))
        self.stop.raise_if_asked()

    def _work(self, material: Material) -> dict[str, float]:
        work: dict[str, float] = {}
        for number, stage in enumerate(self.config.stages):
            steps, name = self.config.steps(stage, material.training_frames), _name(number, stage)
            if isinstance(stage, LiquidStage):
                work[f"{name}/features"] = _ENCODING * _encoded_frames(stage, material)
                work[name] = _CONTROLLING * steps * stage.batch * stage.window
            else:
                length = stage.window if isinstance(stage, JointStage) else 1
                work[name] = float(steps * stage.batch * length)
        return work

    # One stage.

    def _stage(self, number: int, network: PilotNetwork, material: Material) -> Record:
        """Train stage ``number``, or load what it led to; the network then is as at the stage's end."""
        stage = self.config.stages[number]
        name = _name(number, stage)
        end = self.state / f"{name}-end.safetensors"
        if end.exists():
            stored = load_state(end)
            network.load_state_dict(stored["network"])
            for phase in (name, f"{name}/features"):
                if phase in self.clock.work:
                    self.clock.skip(phase)
            return Record(**stored["record"])
        features = self._features(name, stage, network, material) if isinstance(stage, LiquidStage) else None
        ready = make_ready(number, stage, network, self.config, material, features)
        last = number == len(self.config.stages) - 1

        def tell(step: int, rate: float, loss: float | None, validation: Validation | None) -> None:
            left = self.clock.at(name, step / ready.steps)
            notes = _plateau_notes(validation) if validation is not None and 2 * step > ready.steps else ()
            self.report(Progress(name, step, ready.steps, rate, left, loss, validation, notes))

        def keep_candidate(step: int) -> None:
            if last:
                save_state(self._candidate(step), network.state_dict())

        state = self.state / f"{name}.safetensors"
        record = run_stage(ready, self.config, state, self.stop, tell, keep_candidate)
        save_state(end, {"network": network.state_dict(), "record": vars(record)})
        state.unlink(missing_ok=True)
        return record

    def _features(self, name: str, stage: LiquidStage, network: PilotNetwork, material: Material) -> Features:
        path, phase = self.state / f"{name}-features.safetensors", f"{name}/features"
        total, done = _encoded_frames(stage, material), 0

        def count(frames: int) -> None:
            nonlocal done
            done += frames
            self.report(Progress(phase, done, total, seconds_left=self.clock.at(phase, done / total)))
            self.stop.raise_if_asked()

        if path.exists():
            features = load_features(path)
            self.clock.skip(phase)
        else:
            encoder = Encoder(network, self.config.precision, self.config.threads)
            augmenter = Augmenter(self.config.augmentation, self.config.seed)
            features = compute_features(encoder, material, augmenter, stage.noisy_copies, count)
            save_features(path, features)
        self.report(Progress(phase, total, total, notes=_dead_notes(features.clean, material)))
        if stage.normalise:
            normalise_input_map(network, features.clean, material)
        return features

    def _candidate(self, step: int) -> Path:
        return self.state / f"candidate-{step}.safetensors"

    # The end: who drives best, and what is left behind.

    def _drive(self, record: Record, check: ClosedLoopCheck | None) -> dict[int, ClosedLoopScore]:
        """Let every candidate drive; a score that was had before an interruption is kept."""
        if check is None:
            return {}
        scores: dict[int, ClosedLoopScore] = {}
        for number, step in enumerate(candidate["step"] for candidate in record.candidates):
            path = self.state / f"score-{step}.json"
            if path.exists():
                scores[step] = ClosedLoopScore(**_read_json(path))
            else:
                self.report(Progress("driving", number, len(record.candidates)))
                scores[step] = check(self._load_candidate(step), step)
                write_json(path, vars(scores[step]))
            self.stop.raise_if_asked()
        self.report(Progress("driving", len(record.candidates), len(record.candidates)))
        return scores

    def _load_candidate(self, step: int) -> PilotNetwork:
        network = PilotNetwork(self.config.network)
        network.load_state_dict(load_state(self._candidate(step)))
        network.eval()
        return network

    def _write(
        self,
        records: list[Record],
        network: PilotNetwork,
        frames: Frames,
        material: Material,
        scores: dict[int, ClosedLoopScore],
    ) -> TrainResult:
        """Write the checkpoints, the curves, and last of all the result that says that everything is there."""
        candidates = [Candidate(one["step"], Validation(**one["validation"])) for one in records[-1].candidates]
        chosen = choose(candidates, scores)
        pictured = [
            one for one, stage in zip(records, self.config.stages, strict=True) if not isinstance(stage, LiquidStage)
        ]
        result = TrainResult(
            folder=self.out,
            step=chosen.step,
            validation=chosen.validation,
            scores=scores,
            frames={"training": material.training_frames, "validation": len(frames) - material.training_frames},
            split_by=material.split.by,
            steps={one.rows[-1]["stage"]: one.rows[-1]["step"] for one in records},
            seconds=sum(one.seconds for one in records),
            frames_per_second=sum(one.rows[-1]["frames"] for one in pictured)
            / max(sum(one.training_seconds for one in pictured), 1e-9),
        )
        card = write_card(self.config, len(self.paths), result)
        save_checkpoint(result.last, network, card, self.camera)
        save_checkpoint(result.best, self._load_candidate(chosen.step), card, self.camera)
        rows = [row for one in records for row in one.rows]
        write_table(self.out, rows)
        draw_curves(self.out, rows)
        write_json(self.out / FILE, {**self._identity(frames.key), "result": result.to_dict()})
        return result

    def _clean(self) -> None:
        shutil.rmtree(self.state, ignore_errors=True)
        if self.own_cache:
            shutil.rmtree(self.cache, ignore_errors=True)


def _camera(infos: Sequence[DriveInfo]) -> dict[str, float] | None:
    """The camera of all these drives; None when there are several, which is a recipe of its own."""
    cameras = [info.scenario.get("camera") for info in infos]
    return cameras[0] if all(camera == cameras[0] for camera in cameras) else None


def _name(number: int, stage: Stage) -> str:
    return f"{number + 1}-{stage.kind}"


def _encoded_frames(stage: LiquidStage, material: Material) -> int:
    """How many pictures a liquid stage encodes before its first step."""
    validation = sum(end - first for first, end in material.validation)
    return validation + (1 + stage.noisy_copies) * material.training_frames


def _plateau_notes(validation: Validation) -> tuple[str, ...]:
    return tuple(
        f"{name} is not being learned: validation error {validation.error[name]:.5f} is {validation.share(name):.0%} "
        f"of the labels' variance {validation.variance[name]:.5f}"
        for name in validation.plateaus
    )


def _dead_notes(features: Tensor, material: Material) -> tuple[str, ...]:
    """A head whose ReLUs have died answers every picture alike, and nothing behind it can learn."""
    known = np.concatenate([np.arange(first, end) for first, end in material.training])
    seen = features[torch.from_numpy(known)]
    dead = int((seen == seen[0]).all(dim=0).sum())
    if 4 * dead < 3 * seen.shape[1]:  # some always die, up to half of 32 in networks that drive
        return ()
    return (
        f"{dead} of {seen.shape[1]} features are the same for every picture: the head has died; train again with "
        "another seed or a smaller learning rate of the perception stage",
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(value, dict):
            return value
        problem = "it holds no object"
    except (OSError, ValueError, RecursionError) as error:
        problem = str(error)
    raise BrokenTrainingState(f"{path}: cannot be read ({problem}); delete the output folder and train again")
