"""The recipe of a training, every number of it: saved with the run, shown by the command line, and documented here.

The defaults are what drove in trials (two cores, 20,000 frames): see each field. Numbers of epochs count passes over
the training frames, so the same recipe suits 5,000 and 100,000 frames; what is trained is the same number of steps on
every machine, never "as many as fit into a minute", so that a run can be repeated.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from liquid_pilot.nn.config import PilotConfig


class _Recipe(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ActionRecipe(_Recipe):
    """How one action is learned."""

    weight: float = Field(default=1.0, ge=0)
    """Weight of its squared error, in the network's scaled units (label x the network's action scale)."""
    emphasis: float = Field(default=0.0, ge=0)
    """A frame's squared error is multiplied by 1 + emphasis x |scaled label|: curves are rare and matter."""
    typical: float = Field(default=0.1, gt=0)
    """Magnitude of the label (in units of the action) that counts as one unit of interest when windows are drawn."""
    mirrored: bool = False
    """True where the action changes its sign in a mirrored world (steering)."""


DRIVING_ACTIONS: dict[str, ActionRecipe] = {
    "steering": ActionRecipe(emphasis=1.0, typical=0.08, mirrored=True),
    "acceleration": ActionRecipe(typical=0.15),
}
"""The lane keeper's two actions. Acceleration is the hard half: with less weight it often stayed constant."""


class Augmentation(_Recipe):
    """Changes to the pictures, and to what is measured beside them, while training."""

    noise_share: float = Field(default=0.3, ge=0, le=1)
    """Share of the windows that get Gaussian noise; half of them clean cost no success without noise."""
    noise: float = Field(default=0.25, ge=0)
    """Standard deviation of the noise is uniform in [0, noise], pictures being in [0, 1]."""
    light_share: float = Field(default=0.5, ge=0, le=1)
    """Share of the windows with other light: the next three fields."""
    brightness: float = Field(default=0.4, ge=0)
    """All channels are multiplied by exp(U(-1, 1) brightness) and clipped: over- and underexposure."""
    contrast: float = Field(default=0.2, ge=0)
    """Distance from mid-grey is multiplied by exp(U(-1, 1) contrast)."""
    tint: float = Field(default=0.15, ge=0)
    """Each channel is multiplied by its own exp(U(-1, 1) tint): the head standardises a picture, not its channels."""
    measured_offset: tuple[float, ...] = ()
    """Standard deviation of an offset for each of the network's measurements, in its unit, drawn once for each window;
    empty: none. Where what the expert wants follows from the picture alone, a network reads its own speed instead,
    which is what the expert wanted just now, and goes on as it does; with an offset that answer is wrong."""
    mirror_share: float = Field(default=0.0, ge=0, le=1)
    """Share of the windows seen in a mirror with the signs of steering and truth changed. Off: with traffic on the
    right, the mirrored lane is the oncoming one."""


class PerceptionStage(_Recipe):
    """Train the head alone on shuffled single frames, through readouts that are dropped afterwards.

    32 different places in a step teach the head more than 16 windows of 8 nearly equal pictures.
    """

    kind: Literal["perception"] = "perception"
    epochs: float = Field(default=2.0, gt=0)
    batch: int = Field(default=32, ge=1)
    """Frames in a step. Errors on unseen roads after two epochs of 24,000 frames, as shares of the labels' variances:
    .17 and .39 with 64, .11 and .37 with 32, .12 and .38 with 16 (steering, acceleration; one seed each): a thousand
    steps are few."""
    learning_rate: float = Field(default=4e-3, gt=0)
    """The same errors with batches of 32: .14 and .40 with 2.5e-3, .11 and .37 with 4e-3, .12 and .37 with 6e-3."""
    hidden: int = Field(default=64, ge=0)
    """Units of the readout features + speed -> hidden -> labels; 0: linear. With a linear one the controller copied
    acceleration better and steering worse, and kept its lane less often (docs/results.md)."""


class LiquidStage(_Recipe):
    """Train the controller alone on the features of all frames, which are computed once.

    The input map is set so that every feature has mean 0.5 and standard deviation 0.5 over the training frames, the
    middle of the synapses' sigmoids.
    """

    kind: Literal["liquid"] = "liquid"
    steps: int = Field(default=6000, ge=1)
    """They cost little (a thousand of them 3 s with the compiled scan), and acceleration comes late. On the features of
    one head the validation loss was .181 after 2,000 steps and .129 after 6,000, and with that 22 and 24 of 24 unseen
    roads were completed (one training each)."""
    batch: int = Field(default=32, ge=1)
    """Windows in a step."""
    window: int = Field(default=16, ge=1)
    """Frames in a window."""
    learning_rate: float | None = Field(default=None, gt=0)
    """None: by controller, see :data:`CONTROLLER_LEARNING_RATE`."""
    burn_in: int = Field(default=0, ge=0)
    """Frames at the beginning of a window whose error does not count, because the state is still that of a fresh start
    (windows at the beginning of a drive count in full: there the state really is fresh)."""
    noisy_copies: int = Field(default=1, ge=0)
    """Copies of all features from augmented pictures besides the clean ones; windows are drawn from all copies."""
    normalise: bool = True
    """Set the input map from the training frames before the first step."""


class JointStage(_Recipe):
    """Train head and controller end to end on windows."""

    kind: Literal["joint"] = "joint"
    epochs: float = Field(default=3.0, gt=0)
    batch: int = Field(default=16, ge=1)
    """Windows in a step."""
    window: int = Field(default=8, ge=1)
    """Frames in a window; 8 were better than 16, and 60 s drives are stable with them."""
    learning_rate: float = Field(default=1e-3, gt=0)
    """Of the head."""
    controller_learning_rate: float | None = Field(default=None, gt=0)
    """None: by controller, see :data:`CONTROLLER_LEARNING_RATE`."""
    burn_in: int = Field(default=0, ge=0)
    """As in :class:`LiquidStage`."""
    readout: float = Field(default=1.0, ge=0)
    """Weight of the auxiliary linear readout of the features; without it joint training from nothing often fails."""
    warm_up: float = Field(default=0.03, ge=0, lt=1)
    """Share of the steps in which the learning rate rises."""


Stage = Annotated[PerceptionStage | LiquidStage | JointStage, Field(discriminator="kind")]

JOINT: tuple[Stage, ...] = (JointStage(epochs=3.4),)
"""One stage, end to end from nothing: the first recipe that drove."""

STAGED: tuple[Stage, ...] = (PerceptionStage(epochs=2.5), LiquidStage())
"""Head, then controller: what drives best for its time. On 24,000 frames the errors on unseen roads were 14 and 57 % of
the labels' variances (steering, acceleration) after the head's stage, 8 and 39 % after the controller's 2,000 steps."""

THREE_STAGES: tuple[Stage, ...] = (
    *STAGED,
    JointStage(epochs=1.25, learning_rate=5e-4, controller_learning_rate=5e-3),
)
"""And both together in the end. In the same trial that made it worse again: 11 and 43 %."""

CONTROLLER_LEARNING_RATE: dict[str, float] = {"ncp19": 0.015, "ncp2020": 0.015, "ltc": 0.015}
"""Learning rate of the part behind the features; the synapses' parameters need large steps."""

OTHER_LEARNING_RATE = 3e-3
"""Learning rate of the controllers that are not liquid."""


class TrainConfig(_Recipe):
    """Everything that decides what a training does, apart from the drives."""

    network: PilotConfig = Field(default_factory=PilotConfig)
    """What is trained; its seed decides the first weights."""
    seed: int = 0
    """Of the split, the windows and the augmentation."""
    stages: tuple[Stage, ...] = Field(default=STAGED, min_length=1)
    actions: dict[str, ActionRecipe] = Field(default_factory=lambda: dict(DRIVING_ACTIONS))
    """By action name; the network's actions are looked up here."""
    augmentation: Augmentation = Augmentation()
    truth: tuple[str, ...] = (
        "cross_track_error",
        "heading_error",
        "curvature",
        "curvature_10",
        "curvature_20",
        "curvature_30",
        "curvature_40",
        "curvature_50",
    )
    """Privileged values that the auxiliary readouts learn too, as far as the drives hold them (standardised). They make
    the head look at the lane; the network itself never sees them."""
    truth_weight: float = Field(default=0.5, ge=0)
    interest: float = Field(default=0.5, ge=0)
    """Windows are drawn with weight 1 + interest x (sum of |label| / typical, each capped at 4)."""
    clip: float = Field(default=1.0, gt=0)
    """Largest gradient norm, for head and controller apart: a steep moment of one must not stop the other."""
    final_learning_rate: float = Field(default=0.01, ge=0, le=1)
    """Learning rates fall along a cosine to this share of themselves."""
    validation_share: float = Field(default=0.12, gt=0, lt=1)
    """Share of the roads that are kept for validation."""
    validation_frames: int = Field(default=2048, ge=1)
    """At most this many frames are validated on: 1 to 2 s each time."""
    validations: int = Field(default=4, ge=1)
    """Validations in each stage, evenly spaced, the last one at its end."""
    patience: int | None = Field(default=None, ge=1)
    """Early stopping of a stage after so many validations without improvement; None: never."""
    candidates: int = Field(default=3, ge=1)
    """The network of the last so many validations of the last stage is kept, and the best of them chosen: by driving
    where a closed-loop check is given, by validation loss otherwise."""
    checkpoint_steps: int = Field(default=50, ge=1)
    """The state of the training is saved every so many steps (and on SIGTERM and Ctrl-C)."""
    precision: Literal["auto", "bfloat16", "float32"] = "auto"
    """Of the head's convolutions; auto: bfloat16 where the processor has instructions for it."""
    threads: int = Field(default=2, ge=1)
    """How many cores the head uses. It changes the time, not the result."""

    def steps(self, stage: Stage, frames: int) -> int:
        """Number of optimiser steps of a stage with so many training frames."""
        if isinstance(stage, LiquidStage):
            return stage.steps
        length = stage.window if isinstance(stage, JointStage) else 1
        return max(1, math.ceil(stage.epochs * frames / (stage.batch * length)))

    def controller_learning_rate(self, stage: LiquidStage | JointStage) -> float:
        """Learning rate of the controller in a stage."""
        given = stage.learning_rate if isinstance(stage, LiquidStage) else stage.controller_learning_rate
        return given or CONTROLLER_LEARNING_RATE.get(self.network.controller, OTHER_LEARNING_RATE)
