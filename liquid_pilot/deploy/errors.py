"""Named errors of export and of the fast engine."""

from __future__ import annotations

from liquid_pilot.errors import LiquidPilotError


class DeployError(LiquidPilotError):
    """Base of every error of `liquid_pilot.deploy`."""


class ExtraMissing(DeployError):
    """onnx or onnxruntime is not installed."""


class EngineChoice(DeployError):
    """``LIQUID_PILOT_ENGINE`` names no engine that there is."""


class NotExportable(DeployError):
    """This policy is no network, or its network has a part that nobody has written down as ONNX."""


class FileThere(DeployError):
    """The file to be written exists already."""


class Differs(DeployError):
    """ONNX and torch do not answer alike; nothing was written."""
