"""What can go wrong while learning from drives; each message is one line that says what, where and what to do."""

from __future__ import annotations

from liquid_pilot.errors import LiquidPilotError


class ImitationError(LiquidPilotError):
    """Base of the errors of :mod:`liquid_pilot.imitation`."""


class DrivesDoNotFit(ImitationError):
    """The drives lack an action that the network shall learn, or their pictures have another size."""


class TooFewDrives(ImitationError):
    """There are not enough drives to keep one of them apart for validation, or none is as long as one window."""


class NoSpaceForFrames(ImitationError):
    """The decoded frames do not fit on the disk that shall hold the frame cache."""


class DifferentTraining(ImitationError):
    """The output folder holds the unfinished training of another recipe or of other drives."""


class BrokenTrainingState(ImitationError):
    """A file that the unfinished training needs in order to go on cannot be read."""


class TrainingDiverged(ImitationError):
    """The loss is no longer a finite number."""
