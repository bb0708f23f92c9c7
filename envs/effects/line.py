"""The line from the sensors of one episode to the driver, and back to the actuators, with all that is wrong with it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.effects.draws import normals
from envs.effects.images import IMAGE_FAULTS
from envs.effects.schedule import Switch
from envs.effects.timing import PictureQueue
from envs.effects.types import Image, Key
from envs.moment import Moment
from liquid_pilot.randomness import derive_seed, generator
from scenarios.faults import FAULTS, FaultSpec

Action = NDArray[np.float32]


class CameraShift(NamedTuple):
    """How far the camera is from where it belongs, in its own frame (x forward, y left, z up)."""

    left_m: float
    up_m: float
    yaw: float
    """Radians, > 0 turns to the left."""
    pitch: float
    """Radians, > 0 looks up."""
    roll: float
    """Radians, > 0 lifts the left side."""


class _Fault:
    """One fault of the line, with its seed and its schedule."""

    def __init__(self, spec: FaultSpec, seed: int, index: int) -> None:
        self.name = spec.fault
        self.kind = spec.kind
        self.seed = derive_seed(seed, spec.fault, index)
        self._spec = spec
        self._switch = Switch(spec.schedule, self.seed)

    def severity(self, moment: Moment) -> float:
        """0..5, the schedule included."""
        if not self._switch.on(moment.time_s):
            return 0.0
        return self._spec.severity_at(moment.time_s, moment.route_m, moment.route_share)

    def level(self, moment: Moment) -> dict[str, float] | None:
        """The parameters now; None when the severity is 0."""
        severity = self.severity(moment)
        return None if severity == 0.0 else self.kind.at(severity)

    def key(self, moment: Moment) -> Key:
        """Of this fault's draws in this frame."""
        return Key(self.seed, moment.frame)

    def happens(self, moment: Moment) -> bool:
        """Whether what has a ``chance`` in every frame happens in this one."""
        level = self.level(moment)
        return level is not None and self.key(moment).generator(self.name).random() < level["chance"]


class SensorLine:
    """All faults of one episode; no environment inside.

    Every draw depends on (seed, name of the fault, how many of the same name stand before it, frame) and on nothing
    else: one more fault changes no draw of the others. A fault at severity 0 changes no bit.

    Args:
        specs: the faults. Those of pictures, of the speed and of the actuators work in this order; the timing is always
            frozen, then dropped, then delayed.
        seed: of the episode.
        period: seconds between two frames.

    Attributes:
        active: False when there is no fault at all; then every method hands back what it was given.
    """

    def __init__(self, specs: Sequence[FaultSpec], seed: int, period: float) -> None:
        counts: dict[str, int] = {}
        faults = []
        for spec in specs:
            index = counts[spec.fault] = counts.get(spec.fault, -1) + 1
            faults.append(_Fault(spec, seed, index))
        self.active = bool(faults)
        self._period = period
        self._images, self._camera, self._timing, self._speed, self._actuators = (
            [fault for fault in faults if fault.kind.part == part]
            for part in ("image", "camera", "timing", "speed", "actuator")
        )
        self.reset()

    def reset(self) -> None:
        """Forget all pictures and actions under way: the same episode begins again."""
        self._pictures = PictureQueue()
        longest = math.ceil(FAULTS["action_delay"].at(5.0)["frames"])
        self._commands: list[deque[Action]] = [deque(maxlen=longest + 1) for _ in self._actuators]

    def camera_shift(self, moment: Moment) -> CameraShift | None:
        """Where the camera is; None: where it belongs.

        The side that it was knocked to (left or right of: shift, yaw and roll together) is drawn once for each fault.
        """
        total = None
        for fault in self._camera:
            level = fault.level(moment)
            if level is not None:
                side = 1.0 if generator(fault.seed, fault.name).random() < 0.5 else -1.0
                one = CameraShift(
                    side * level["dy_m"],
                    level["dz_m"],
                    side * math.radians(level["yaw_deg"]),
                    math.radians(level["pitch_deg"]),
                    side * math.radians(level["roll_deg"]),
                )
                total = one if total is None else CameraShift(*(a + b for a, b in zip(total, one, strict=True)))
        return total

    def image(self, image: Image, moment: Moment) -> Image:
        """The picture as the camera captures it. Raises BadImage."""
        for fault in self._images:
            severity = fault.severity(moment)
            if severity > 0.0:
                image = IMAGE_FAULTS[fault.name](image, severity, fault.key(moment))
        return image

    def deliver(self, image: Image, moment: Moment) -> tuple[Image, float]:
        """The picture that the driver sees now, and the s that have passed for it since the one that it saw last.

        To be called once for every frame, also for those that will turn out to be lost.

        The seconds are the difference of the times of capture: 0 for the same picture again, the true sum when frames
        are missing; ``period`` at the first frame (which is always seen at once) and for a frozen camera's old picture,
        which comes as if it were new. With a delay of d frames the first picture is seen d frames longer.
        """
        if not self._timing:
            return image, self._period
        delay = sum(fault.kind.at(fault.severity(moment))["frames"] for fault in self._named("delayed_frame"))
        frozen = any(fault.happens(moment) for fault in self._named("frozen_frame"))
        dropped = any(fault.happens(moment) for fault in self._named("dropped_frame"))
        seen, frames = self._pictures.pass_on(image, moment.frame, frozen=frozen, dropped=dropped, delay=round(delay))
        return seen, frames * self._period

    def speed(self, value: float, moment: Moment) -> float:
        """What the speedometer reads, m/s, never below 0."""
        for fault in self._speed:
            level = fault.level(moment)
            if level is None:
                continue
            if fault.name == "speed_noise":
                value = max(0.0, value + level["sd"] * float(normals(fault.key(moment), fault.name, (1,))[0]))
            elif fault.name == "speed_bias":
                value = max(0.0, value * level["factor"])
            elif fault.happens(moment):
                value = 0.0
        return value

    def velocity(self, value: NDArray[np.float64], moment: Moment) -> NDArray[np.float64]:
        """What is measured of a velocity (3,), m/s: the faults of the speed, noise in each component."""
        for fault in self._speed:
            level = fault.level(moment)
            if level is None:
                continue
            if fault.name == "speed_noise":
                value = value + level["sd"] * normals(fault.key(moment), fault.name, (len(value),))
            elif fault.name == "speed_bias":
                value = value * level["factor"]
            elif fault.happens(moment):
                value = np.zeros_like(value)
        return value

    def action(self, action: Action, moment: Moment) -> Action:
        """What the actuators make of an action (A,) in [-1, 1]; ``moment`` is that of the observation it answers.

        To be called once for every frame. Before the first action has come through a delay, the actuators rest at 0.
        """
        for fault, commands in zip(self._actuators, self._commands, strict=True):
            level = fault.level(moment)
            if fault.name == "action_delay":
                commands.append(action.copy())
                late = 0 if level is None else round(level["frames"])
                if late > 0:
                    action = commands[-1 - late].copy() if late < len(commands) else np.zeros_like(action)
            elif level is not None and fault.name == "action_bias":
                action = action.copy()
                action[0] = np.clip(action[0] + level["bias"], -1.0, 1.0)
            elif level is not None:
                action = np.clip(action, -level["limit"], level["limit"]).astype(action.dtype, copy=False)
        return action

    def _named(self, name: str) -> list[_Fault]:
        return [fault for fault in self._timing if fault.name == name]
