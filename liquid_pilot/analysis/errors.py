"""Named errors of the analysis."""

from __future__ import annotations

from liquid_pilot.errors import LiquidPilotError


class BadTrace(LiquidPilotError):
    """An episode trace lacks a column or holds columns of different lengths."""


class BadResults(LiquidPilotError):
    """A results file is not what this version of liquid-pilot writes."""
