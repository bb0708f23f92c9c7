"""Runs one stage with Lightning: steps, validations, saving, stopping; and goes on where it was stopped."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lightning.fabric.plugins import CheckpointIO
from lightning.pytorch import Callback, Trainer

from liquid_pilot.imitation.config import TrainConfig
from liquid_pilot.imitation.interrupt import StopRequest
from liquid_pilot.imitation.material import Batch
from liquid_pilot.imitation.module import StageModule
from liquid_pilot.imitation.stages import ReadyStage
from liquid_pilot.imitation.state_file import load_state, save_state
from liquid_pilot.imitation.validation import Validation, validate

REPORT_S = 0.5
"""Progress is reported about this often, s."""
_ROWS = 50
"""About so many rows of the loss table per stage."""


@dataclass
class Record:
    """What a stage remembers besides its weights; all of it is saved with the state.

    rows: of the loss table; seconds: spent in all; training_seconds: of them, without validating and saving;
    candidates: ``step`` and ``validation`` (`Validation.to_dict`) of the last networks; best: the smallest validation
    loss; since_best: number of validations since it.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0
    training_seconds: float = 0.0
    candidates: list[dict[str, Any]] = field(default_factory=list)
    best: float = float("inf")
    since_best: int = 0


Tell = Callable[[int, float, float | None, Validation | None], None]
"""tell(step, frames a second, mean loss, validation): called about twice a second and after each validation."""


class Keeper(Callback):
    """Validates, remembers, saves and stops, all after a step and before the next one begins.

    keep_candidate(step) is called after each validation and shall save the network as it is.
    """

    def __init__(
        self,
        ready: ReadyStage,
        config: TrainConfig,
        state: Path,
        stop: StopRequest,
        tell: Tell,
        keep_candidate: Callable[[int], None],
    ) -> None:
        self.ready = ready
        self.config = config
        self.state = state
        self.stop = stop
        self.tell = tell
        self.keep_candidate = keep_candidate
        self.record = Record()
        self._losses: list[float] = []
        self._first_step = 0
        self._mark = 0.0
        self._told = 0.0
        self._training_before = 0.0

    def state_dict(self) -> dict[str, Any]:
        """The record as plain values, for Lightning to save."""
        return {**vars(self.record), "losses": list(self._losses)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the record of a stopped training."""
        values = dict(state_dict)
        self._losses = values.pop("losses")
        self.record = Record(**values)

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:  # noqa: ARG002
        """Start the clock."""
        self._first_step = trainer.global_step
        self._training_before = self.record.training_seconds
        self._mark = self._told = time.perf_counter()

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:  # noqa: ARG002
        """Everything that happens between two steps."""
        step, now = trainer.global_step, time.perf_counter()
        self._losses.append(float(outputs["loss"]))
        self.record.training_seconds += now - self._mark
        self.record.seconds += now - self._mark
        validation = self._validate(step, pl_module) if self._is_due(step, self.config.validations) else None
        if validation is not None or self._is_due(step, _ROWS):
            self._write_row(step, pl_module, validation)
        if validation is not None or now - self._told > REPORT_S:
            self._told = now
            frames = (step - self._first_step) * self.ready.frames_per_step
            loss = sum(self._losses) / len(self._losses) if self._losses else self.record.rows[-1]["loss"]
            self.tell(step, frames / (self.record.training_seconds - self._training_before), loss, validation)
        patience = self.config.patience
        if self.stop.signal is not None or (patience is not None and self.record.since_best >= patience):
            trainer.should_stop = True
        if self.stop.signal is not None or step % self.config.checkpoint_steps == 0:
            trainer.save_checkpoint(self.state)
        self._mark = time.perf_counter()
        self.record.seconds += self._mark - now

    def _is_due(self, step: int, times: int) -> bool:
        """Whether one of ``times`` evenly spaced events, the last one at the end, falls on this step."""
        return step * times // self.ready.steps > (step - 1) * times // self.ready.steps

    def _validate(self, step: int, module: StageModule) -> Validation:
        validation = validate(module, self.ready.validation())
        record = self.record
        record.since_best = 0 if validation.loss < record.best else record.since_best + 1
        record.best = min(record.best, validation.loss)
        self.keep_candidate(step)
        candidate = {"step": step, "validation": validation.to_dict()}
        record.candidates = [*record.candidates, candidate][-self.config.candidates :]
        return validation

    def _write_row(self, step: int, module: StageModule, validation: Validation | None) -> None:
        row: dict[str, Any] = {
            "stage": self.ready.name,
            "step": step,
            "frames": step * self.ready.frames_per_step,
            "seconds": round(self.record.seconds, 3),
            "learning_rate": max(module.rates.values()) * module.rate_factor(step - 1),
            "loss": sum(self._losses) / len(self._losses),
        }
        if validation is not None:
            row["validation_loss"] = validation.loss
            for name, error in validation.error.items():
                row[f"error/{name}"] = error
                row[f"share/{name}"] = validation.share(name)
        self.record.rows.append(row)
        self._losses.clear()


class _StateIO(CheckpointIO):
    """Lightning's checkpoints as our whole, harmless safetensors files."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:  # noqa: ARG002
        save_state(Path(path), checkpoint)

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: Any = None) -> dict[str, Any]:  # noqa: ARG002
        state: dict[str, Any] = load_state(Path(path))
        return state

    def remove_checkpoint(self, path: Any) -> None:
        Path(path).unlink(missing_ok=True)


class _Steps:
    """The batches from the module's current step on; has no length, so Lightning sees one endless epoch."""

    def __init__(self, ready: ReadyStage) -> None:
        self.ready = ready

    def __iter__(self) -> Iterator[Batch]:
        for step in range(self.ready.module.global_step, self.ready.steps):
            yield self.ready.batch(step)


def run_stage(
    ready: ReadyStage,
    config: TrainConfig,
    state: Path,
    stop: StopRequest,
    tell: Tell,
    keep_candidate: Callable[[int], None],
) -> Record:
    """Train a stage to its end, from the state file if there is one.

    Raises KeyboardInterrupt or SystemExit when a signal asked for it, after the state was saved; `TrainingDiverged`,
    `BrokenTrainingState`.
    """
    keeper = Keeper(ready, config, state, stop, tell, keep_candidate)
    with _quiet(), _polite(stop):
        trainer = Trainer(
            accelerator="cpu",
            devices=1,
            max_steps=ready.steps,
            max_epochs=-1,
            callbacks=[keeper],
            plugins=[_StateIO()],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            default_root_dir=state.parent,
        )
        try:
            trainer.fit(ready.module, _Steps(ready), ckpt_path=str(state) if state.exists() else None)
        except SystemExit:
            # Lightning's own answer to signals, of which an exit code of 0 is the worst part.
            stop.raise_if_asked()
            raise
    stop.raise_if_asked()
    return keeper.record


@contextmanager
def _polite(stop: StopRequest) -> Iterator[None]:
    """Signals wait for the end of a step, where the state can be saved; a second one does not."""
    stop.polite = True
    try:
        yield
    finally:
        stop.polite = False


@contextmanager
def _quiet() -> Iterator[None]:
    """Lightning's greetings, and its advice on data loaders and GPUs, are not ours to print."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="lightning")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
