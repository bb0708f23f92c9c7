"""What can go wrong with a sensor, its timing or an actuator, and how bad: names, levels, schedules.

Severity goes from 0 (nothing, to the last bit) to 5. Severities 1 to 5 are the rows of the table below; between them,
and between 0 and 1, every parameter goes linearly. What a fault does with its parameters is told by ``envs.effects``.

Where a fault is one of ImageNet-C's (Hendrycks and Dietterich 2019, https://arxiv.org/abs/1903.12261; the numbers are
those of its published code for 224 x 224 images) the published numbers stand here; pixels are scaled by
image width / 224 where they are used.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, field_validator, model_serializer, model_validator

from scenarios.errors import ScenarioError
from scenarios.keyframes import Keyframe, find_span, in_order
from scenarios.names import unknown
from scenarios.part import OrText, Part

SEVERITIES = (1, 2, 3, 4, 5)
"""The severities that have a row of their own in the table."""

FaultPart = Literal["image", "camera", "timing", "speed", "actuator"]


@dataclass(frozen=True)
class FaultKind:
    """One kind of fault.

    Args:
        name: lower_snake_case.
        part: what is broken: the picture, where the camera stands, when pictures come, the speed, the actuators.
        description: one line.
        levels: parameters at severity 1 to 5.
        identity: the parameters that change nothing; infinite where a parameter is a divisor.
        grows: whether more severity always means more distortion.
    """

    name: str
    part: FaultPart
    description: str
    levels: tuple[Mapping[str, float], ...]
    identity: Mapping[str, float]
    grows: bool = True

    def at(self, severity: float) -> dict[str, float]:
        """The parameters at a severity from 0 to 5: the table's rows exactly, between them linear.

        A parameter whose identity is infinite (photons per unit of light) goes linearly in its reciprocal. Counts are
        not rounded here. Raises ScenarioError for a severity out of range.
        """
        if not 0.0 <= severity <= 5.0:
            raise ScenarioError(f"fault {self.name!r}", f"severity must be 0 to 5, got {severity:g}")
        rows = (self.identity, *self.levels)
        below = min(int(severity), 4)
        share = severity - below
        return {
            key: _between(rows[below][key], rows[below + 1][key], share, reciprocal=math.isinf(self.identity[key]))
            for key in self.identity
        }


def _between(one: float, two: float, share: float, *, reciprocal: bool) -> float:
    if share == 0.0:
        return one
    if share == 1.0:
        return two
    if reciprocal:
        rate = 1.0 / one + share * (1.0 / two - 1.0 / one)
        return 1.0 / rate if rate else math.inf
    return one + share * (two - one)


def _kind(
    name: str,
    part: FaultPart,
    description: str,
    levels: Mapping[str, tuple[float, ...]],
    identity: Mapping[str, float],
    *,
    grows: bool = True,
) -> FaultKind:
    """A kind from columns: parameter -> its six values would hide which is the identity, so that stands apart."""
    rows = tuple(MappingProxyType({key: float(column[i]) for key, column in levels.items()}) for i in range(5))
    return FaultKind(
        name, part, description, rows, MappingProxyType({key: float(identity[key]) for key in levels}), grows
    )


_KINDS = (
    # Pictures: noise. sd and variance on [0, 1] images.
    _kind("gaussian_noise", "image", "Noise of the electronics: normal, each channel its own (ImageNet-C).",
          {"sd": (0.08, 0.12, 0.18, 0.26, 0.38)}, {"sd": 0}),
    _kind("shot_noise", "image", "Noise of the light itself: Poisson, so many photons at full brightness (ImageNet-C).",
          {"photons": (60, 25, 12, 5, 3)}, {"photons": math.inf}),
    _kind("impulse_noise", "image", "Salt and pepper: this share of the values is black or full (ImageNet-C).",
          {"share": (0.03, 0.06, 0.09, 0.17, 0.27)}, {"share": 0}),
    _kind("speckle_noise", "image", "Noise in proportion to the brightness (ImageNet-C).",
          {"sd": (0.15, 0.2, 0.35, 0.45, 0.6)}, {"sd": 0}),
    _kind("paper_gaussian", "image",
          "The noise of the NCP paper's active test (Lechner et al. 2020): variances .1, .2, .3; 4 and 5 go on.",
          {"variance": (0.1, 0.2, 0.3, 0.4, 0.5)}, {"variance": 0}),
    # Pictures: optics. Lengths in pixels of a picture 224 pixels wide.
    _kind("gaussian_blur", "image", "A greasy lens: Gaussian blur (ImageNet-C).",
          {"sigma": (1, 2, 3, 4, 6)}, {"sigma": 0}),
    _kind("defocus_blur", "image", "Out of focus: a disc of this radius, its edge smoothed (ImageNet-C).",
          {"radius": (3, 4, 6, 8, 10), "alias_blur": (0.1, 0.5, 0.5, 0.5, 0.5)}, {"radius": 0, "alias_blur": 0.1}),
    _kind("motion_blur", "image", "Shaken while exposing: a smear of this radius and fall-off (ImageNet-C).",
          {"radius": (10, 15, 15, 15, 20), "sigma": (3, 5, 8, 12, 15)}, {"radius": 0, "sigma": 0}),
    # Pictures: exposure and colour.
    _kind("brightness", "image", "Washed out: so much added to the value in HSV (ImageNet-C).",
          {"add": (0.1, 0.2, 0.3, 0.4, 0.5)}, {"add": 0}),
    _kind("contrast", "image", "Flat: the distance from the mean is multiplied by this (ImageNet-C).",
          {"factor": (0.4, 0.3, 0.2, 0.1, 0.05)}, {"factor": 1}),
    _kind("saturation", "image",
          "Colours: the saturation in HSV, multiplied and added to; 1 and 2 pale, 3 to 5 garish (ImageNet-C).",
          {"factor": (0.3, 0.1, 2, 5, 20), "add": (0, 0, 0, 0.1, 0.2)}, {"factor": 1, "add": 0}, grows=False),
    _kind("exposure_step", "image", "The exposure jumps by so many stops, up or down, anew every 2 s.",
          {"stops": (0.5, 1, 1.5, 2, 3)}, {"stops": 0}),
    # Pictures: the cable and the chip.
    _kind("jpeg", "image", "JPEG at this quality (ImageNet-C).",
          {"quality": (25, 18, 15, 10, 7)}, {"quality": 100}),
    _kind("lost_blocks", "image", "Packets lost on the way: this share of the blocks (of so many pixels) is wrong.",
          {"share": (0.02, 0.05, 0.1, 0.2, 0.35), "block": (16, 16, 16, 16, 16)}, {"share": 0, "block": 16}),
    _kind("dead_pixels", "image", "This share of the pixels is stuck at black or white, the same ones all the drive.",
          {"share": (0.001, 0.003, 0.01, 0.03, 0.1)}, {"share": 0}),
    _kind("dead_rows", "image", "This share of the rows is stuck, the same ones all the drive.",
          {"share": (0.02, 0.05, 0.1, 0.18, 0.3)}, {"share": 0}),
    # Pictures: what lies on the glass.
    _kind("lens_dirt", "image", "Dirt on the lens: soft brown spots over this share of the picture, so opaque.",
          {"share": (0.04, 0.08, 0.14, 0.22, 0.32), "opacity": (0.5, 0.6, 0.7, 0.8, 0.9)},
          {"share": 0, "opacity": 0.5}),
    _kind("lens_drops", "image", "So many drops of water on the lens, each a small upside-down world; some slide down.",
          {"drops": (5, 11, 20, 36, 60)}, {"drops": 0}),
    _kind("occlusion", "image", "Something sticks to the glass: one opaque patch over this share of the picture.",
          {"share": (0.03, 0.06, 0.12, 0.2, 0.3)}, {"share": 0}),
    # The camera. Metres and degrees; y to the left, z up, yaw to the left, pitch upwards, roll to the right.
    _kind("camera_shift", "camera", "The camera was knocked: shifted and turned, and the world rendered from there.",
          {"dy_m": (0.05, 0.1, 0.15, 0.25, 0.4), "dz_m": (-0.02, -0.05, -0.1, -0.15, -0.2),
           "yaw_deg": (1, 2, 4, 6, 9), "pitch_deg": (-0.5, -1, -2, -3, -5), "roll_deg": (1, 2, 4, 7, 10)},
          {"dy_m": 0, "dz_m": 0, "yaw_deg": 0, "pitch_deg": 0, "roll_deg": 0}),
    # Timing. The first two have the same table on purpose: as many pictures lost, untold and told.
    _kind("frozen_frame", "timing", "With this chance a frame is the last one again, sent as if it were new.",
          {"chance": (0.1, 0.25, 0.5, 0.75, 0.9)}, {"chance": 0}),
    _kind("dropped_frame", "timing", "With this chance a frame does not come; the elapsed time says so.",
          {"chance": (0.1, 0.25, 0.5, 0.75, 0.9)}, {"chance": 0}),
    _kind("delayed_frame", "timing", "Every picture comes so many frames late.",
          {"frames": (1, 2, 3, 5, 8)}, {"frames": 0}),
    # The speedometer.
    _kind("speed_noise", "speed", "Normal noise on the speed, in m/s.",
          {"sd": (0.3, 0.6, 1.2, 2.5, 5)}, {"sd": 0}),
    _kind("speed_bias", "speed", "The speed reads too high by this factor, as with worn tyres.",
          {"factor": (1.05, 1.1, 1.2, 1.35, 1.5)}, {"factor": 1}),
    _kind("speed_dropout", "speed", "With this chance the speed of a frame reads 0.",
          {"chance": (0.1, 0.25, 0.5, 0.75, 0.9)}, {"chance": 0}),
    # What the wheel and the pedals make of an action, whose components are in -1..1.
    _kind("action_delay", "actuator", "Every action takes effect so many frames late.",
          {"frames": (1, 2, 3, 5, 8)}, {"frames": 0}),
    _kind("action_bias", "actuator", "The steering pulls to the left: so much is added to the first component.",
          {"bias": (0.02, 0.04, 0.08, 0.12, 0.2)}, {"bias": 0}),
    _kind("action_saturation", "actuator", "Weak actuators: no component goes beyond this.",
          {"limit": (0.7, 0.5, 0.3, 0.2, 0.1)}, {"limit": 1}),
)  # fmt: skip

FAULTS: Mapping[str, FaultKind] = MappingProxyType({kind.name: kind for kind in _KINDS})
"""Every kind of fault by its name."""


class Schedule(Part):
    """When a fault is there: always, from one moment to another, or in random bursts."""

    from_s: float | None = Field(default=None, ge=0.0)
    """Seconds since the episode began, from which (inclusive) the fault is there; omitted: from the beginning."""
    to_s: float | None = Field(default=None, gt=0.0)
    """Seconds until which (exclusive) it is there; omitted: to the end."""
    bursts_per_minute: float | None = Field(default=None, gt=0.0, le=600.0)
    """How many bursts begin in a minute on average, at independent moments (a Poisson process)."""
    burst_s: float | None = Field(default=None, gt=0.0)
    """How many seconds a burst lasts; bursts that overlap are one."""

    @model_validator(mode="before")
    @classmethod
    def _from_word(cls, value: Any) -> Any:
        if value == "always":
            return {}
        if not isinstance(value, dict | Schedule):
            raise ValueError(f"should be 'always' or a mapping, got {value!r:.60}")
        return value

    @model_validator(mode="after")
    def _one_kind(self) -> Schedule:
        bursts = (self.bursts_per_minute is not None, self.burst_s is not None)
        if any(bursts) and not all(bursts):
            raise ValueError("bursts need both bursts_per_minute and burst_s")
        if any(bursts) and (self.from_s is not None or self.to_s is not None):
            raise ValueError("either from_s and to_s or bursts_per_minute and burst_s, not both")
        if self.to_s is not None and self.to_s <= (self.from_s or 0.0):
            raise ValueError(f"to_s ({self.to_s:g}) must come after from_s ({self.from_s or 0.0:g})")
        return self

    @model_serializer(mode="plain")
    def _short(self) -> Any:
        given = {key: value for key in Schedule.model_fields if (value := getattr(self, key)) is not None}
        return given or "always"

    @property
    def always(self) -> bool:
        """Whether the fault is there all the time."""
        return self.from_s is None and self.to_s is None and self.bursts_per_minute is None


Severity = Annotated[float, Field(ge=0.0, le=5.0)]


class SeverityKeyframe(Keyframe):
    """The severity at one place of the way."""

    severity: Severity
    """0 (nothing) to 5."""


class SeverityCourse(Part):
    """A severity that slides along the episode."""

    keyframes: Annotated[tuple[SeverityKeyframe, ...], AfterValidator(in_order)] = Field(
        strict=False, json_schema_extra={"minItems": 2}
    )
    """At least two, all placed by the same of route_percent, route_m and time_s, increasing."""


def _severity_kind(value: Any) -> str:
    return "course" if isinstance(value, dict | SeverityCourse) else "number"


class FaultSpec(Part):
    """One fault of an episode: which, how bad, when."""

    fault: str = Field(json_schema_extra={"enum": list(FAULTS)})
    """Name of the fault."""
    severity: Annotated[
        Annotated[Severity, Tag("number")] | Annotated[SeverityCourse, Tag("course")], Discriminator(_severity_kind)
    ]
    """0 (nothing) to 5, or keyframes between which it slides."""
    schedule: Annotated[Schedule, OrText({"type": "string", "const": "always"})] = Schedule()
    """`always`, or from_s and to_s, or bursts_per_minute and burst_s."""

    @field_validator("fault")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in FAULTS:
            raise ValueError(unknown("fault", name, FAULTS))
        return name

    @property
    def kind(self) -> FaultKind:
        """The kind of the fault."""
        return FAULTS[self.fault]

    @property
    def label(self) -> str:
        """A short name for tables: ``jpeg:3``, ``jpeg:0>5`` for a course, with the schedule where there is one."""
        severity = self.severity
        numbers = (
            [frame.severity for frame in severity.keyframes] if isinstance(severity, SeverityCourse) else [severity]
        )
        text = f"{self.fault}:{'>'.join(f'{number:g}' for number in numbers)}"
        plan = self.schedule
        if plan.bursts_per_minute is not None:
            return f"{text} ({plan.bursts_per_minute:g} bursts a minute of {plan.burst_s:g} s)"
        if plan.always:
            return text
        return f"{text} ({plan.from_s or 0:g} s to {'the end' if plan.to_s is None else f'{plan.to_s:g} s'})"

    def severity_at(self, time_s: float, route_m: float, route_share: float) -> float:
        """The severity of one moment, 0..5, whatever the schedule says.

        Args:
            time_s: seconds since the episode began.
            route_m: metres along the route.
            route_share: share of the route, 0..1.
        """
        if not isinstance(self.severity, SeverityCourse):
            return self.severity
        frames = self.severity.keyframes
        span = find_span(frames, time_s, route_m, route_share)
        before, after = frames[span.before].severity, frames[span.after].severity
        return before + span.share * (after - before)


def parse_fault(text: str) -> list[FaultSpec]:
    """The faults of a command line: ``gaussian_noise:1,3,5`` gives three, a bare name severities 1 to 5.

    Raises ScenarioError that names the nearest fault or what is wrong with the severity.
    """
    name, colon, given = text.partition(":")
    place = f"fault {text!r:.60}"
    if name not in FAULTS:
        raise ScenarioError(place, unknown("fault", name, FAULTS))
    specs = []
    for word in given.split(",") if colon else map(str, SEVERITIES):
        try:
            severity = float(word)
        except ValueError:
            severity = math.nan
        if not 0.0 <= severity <= 5.0:
            what = f"severity must be a number from 0 to 5, got {word.strip()!r:.60}; write {name}:3 or {name}:1,3,5"
            raise ScenarioError(place, what)
        specs.append(FaultSpec(fault=name, severity=severity))
    return list(dict.fromkeys(specs))
