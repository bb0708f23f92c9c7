"""Named errors of the policies."""

from __future__ import annotations

from liquid_pilot.errors import LiquidPilotError


class PolicyError(LiquidPilotError):
    """Base of every error of `policies`."""


class UnknownPolicy(PolicyError):
    """No policy has this name and no checkpoint lies at this path; the message gives the nearest names."""


class BadObservation(PolicyError):
    """An observation lacks something that the policy reads, or has it in another shape."""


class NonFiniteOutput(PolicyError):
    """The network produced NaN or infinity: its weights or its input are broken."""


class WrongKind(PolicyError):
    """A policy that was given scenarios of another kind: a driver that shall fly, or a pilot that shall drive."""
