"""Named errors of the jobs."""

from __future__ import annotations

from liquid_pilot.errors import FolderInUse, LiquidPilotError

__all__ = [
    "BadSelection",
    "FolderInUse",
    "LaunchError",
    "NotReplayable",
    "NothingToResume",
    "OutputNotWritable",
    "RecordingError",
    "WorkerDied",
]


class LaunchError(LiquidPilotError):
    """Base of every error of `launch`."""


class WorkerDied(LaunchError):
    """A worker process was killed or crashed, more than once on the same task."""


class OutputNotWritable(LaunchError):
    """The output folder cannot be made or written: read-only, no permission, no space, a file in the way."""


class RecordingError(LaunchError):
    """A recording that cannot be made as asked: no episodes, two scenarios of one name, a road that is too short."""


class NotReplayable(LaunchError):
    """A drive that this version cannot drive again: another kind of world, or a scenario that it does not know."""


class ScenarioChanged(LaunchError):
    """The scenario that a drive was recorded in says something else today."""


class BadSelection(LaunchError):
    """Policies or scenarios that cannot be evaluated together."""


class NothingToResume(LaunchError):
    """``--resume`` without any unfinished work in the folder."""
