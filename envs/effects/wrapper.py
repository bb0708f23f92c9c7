"""Sensor faults for anybody's environment that has an image."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, SupportsFloat

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.utils import RecordConstructorArgs

from envs.effects.errors import NotWrappable
from envs.effects.line import SensorLine
from envs.effects.types import SMALLEST
from envs.moment import Moment
from liquid_pilot.randomness import derive_seed
from scenarios.faults import FaultSpec, SeverityCourse, parse_fault


class SensorFaults(gymnasium.Wrapper[Any, Any, Any, Any], RecordConstructorArgs):
    """An environment whose sensors and actuators have faults; spaces and rewards stay as they are.

    The observation is an image uint8 (height, width, 3), or a dict that holds one, and perhaps ``speed`` (one number,
    m/s) and ``elapsed`` (one number, s since the previous observation: it becomes true to dropped and delayed frames).

    Args:
        env: the environment.
        faults: each a `FaultSpec`, or as on the command line, ``"jpeg:3"``.
        seed: another seed, other draws in the same episodes. In any case the draws depend on the seed of ``reset``;
            without one, each episode goes on from the last seed, and the environment's own draws are left alone.
        image_key: key of the image in a dict.
        period: s between two observations, for schedules in seconds; None: what ``metadata["render_fps"]`` says, or
            0.05. A dict's ``elapsed``, where there is one, counts instead.

    Raises:
        NotWrappable: what a fault spoils is not there: no such image, no ``speed``, no bounded Box of actions. Also for
            ``camera_shift``, which has to render the world anew, and, at the first ``reset``, for keyframes by route
            when ``info`` holds no ``route_position`` (m) and ``route_completion`` (0..1).
        ScenarioError: a fault that does not exist, or a severity out of range.
    """

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        faults: Sequence[FaultSpec | str],
        seed: int | None = None,
        image_key: str = "image",
        period: float | None = None,
    ) -> None:
        RecordConstructorArgs.__init__(self, faults=faults, seed=seed, image_key=image_key, period=period)
        gymnasium.Wrapper.__init__(self, env)
        self._specs = [one for fault in faults for one in (parse_fault(fault) if isinstance(fault, str) else [fault])]
        self._image_key = image_key
        self._period = 1.0 / float(env.metadata.get("render_fps") or 20.0) if period is None else period
        if not self._period > 0.0:
            raise NotWrappable(f"period must be greater than 0 s, got {self._period:g}")
        self._seed = 0 if seed is None else seed
        self._episode_seed: int | None = None
        self._episodes = 0
        space = env.observation_space
        self._parts: Mapping[str, spaces.Space[Any]] | None = space.spaces if isinstance(space, spaces.Dict) else None
        self._check(space)
        self._line = SensorLine(self._specs, self._seed, self._period)
        self._moment = Moment(0, 0.0, 0.0, 0.0)
        self._unseen: deque[float] = deque()

    # Gymnasium's two methods

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin an episode; see `gymnasium.Env.reset`."""
        observation, info = self.env.reset(seed=seed, options=options)
        if seed is not None or self._episode_seed is None:
            self._episode_seed, self._episodes = self._first_seed(seed), 0
        else:
            self._episodes += 1
        if any(_by_route(spec) for spec in self._specs) and not {"route_position", "route_completion"} <= info.keys():
            raise NotWrappable(
                "keyframes by route_percent or route_m need an environment whose info holds route_position and "
                f"route_completion, this one's holds {', '.join(info) or 'nothing'}: use keyframes by time_s"
            )
        line_seed = derive_seed(self._seed, "sensor-faults", self._episode_seed, self._episodes)
        self._line = SensorLine(self._specs, line_seed, self._period)
        self._unseen.clear()
        return self._spoilt(observation, info, frame=0, time_s=0.0), info

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """One step; see `gymnasium.Env.step`."""
        observation, reward, terminated, truncated, info = self.env.step(self._acted(action))
        own = self._own_elapsed(observation)
        time_s = (self._moment.frame + 1) * self._period if own is None else self._moment.time_s + own
        return (
            self._spoilt(observation, info, self._moment.frame + 1, time_s), reward, terminated, truncated, info
        )  # fmt: skip

    # Their parts

    def _spoilt(self, observation: Any, info: dict[str, Any], frame: int, time_s: float) -> Any:
        self._moment = Moment(
            frame, time_s, float(info.get("route_position", 0.0)), float(info.get("route_completion", 0.0))
        )
        if not self._line.active:
            return observation
        image = observation if self._parts is None else observation[self._image_key]
        seen, elapsed = self._line.deliver(self._line.image(image, self._moment), self._moment)
        if self._parts is None:
            return seen
        result = {**observation, self._image_key: seen}
        own = self._own_elapsed(observation)
        if own is not None:
            # The line counts in periods; the environment's own steps may differ from one another.
            self._unseen.append(own)
            result["elapsed"] = self._like("elapsed", sum(self._unseen.popleft() for _ in range(self._frames(elapsed))))
        if "speed" in self._parts and any(spec.kind.part == "speed" for spec in self._specs):
            value = float(np.asarray(observation["speed"]).item())
            reading = self._line.speed(value, self._moment)
            if reading != value:
                result["speed"] = self._like("speed", reading)
        return result

    def _frames(self, elapsed: float) -> int:
        return round(elapsed / self._period)

    def _acted(self, action: Any) -> Any:
        space = self.env.action_space
        if not any(spec.kind.part == "actuator" for spec in self._specs) or not isinstance(space, spaces.Box):
            return action
        given = np.asarray(action, dtype=space.dtype)
        low, high = space.low.ravel(), space.high.ravel()
        unit = bool((low == -1.0).all() and (high == 1.0).all())
        middle, half = (high + low) / 2, (high - low) / 2
        scaled = given.ravel() if unit else ((given.ravel() - middle) / half).astype(np.float32)
        result = self._line.action(scaled, self._moment)
        if result is scaled:
            return action
        return (result if unit else middle + half * result).astype(space.dtype).reshape(given.shape)

    def _own_elapsed(self, observation: Any) -> float | None:
        if self._parts is None or "elapsed" not in self._parts:
            return None
        return float(np.asarray(observation["elapsed"]).item())

    def _like(self, name: str, value: float) -> Any:
        """The number as the space of this part of the observation wants it."""
        space = (self._parts or {})[name]
        values = np.full(space.shape or (), value, dtype=space.dtype)
        return np.clip(values, space.low, space.high) if isinstance(space, spaces.Box) else values

    def _first_seed(self, seed: int | None) -> int:
        if seed is not None:
            return seed
        # The environment drew itself a seed; -1 is Gymnasium's word for "nobody knows which".
        own = self.env.unwrapped.np_random_seed
        return own if own is not None and own >= 0 else int(np.random.SeedSequence().generate_state(1)[0])

    def _check(self, space: spaces.Space[Any]) -> None:
        parts = {spec.kind.part for spec in self._specs}
        image = space if self._parts is None else self._parts.get(self._image_key)
        if image is None:
            raise NotWrappable(f"the observation has no {self._image_key!r}, it has {', '.join(self._parts or {})}")
        if not isinstance(image, spaces.Box) or image.dtype != np.uint8 or image.shape[2:] != (3,):
            raise NotWrappable(f"faults need an image uint8 (height, width, 3), this environment gives {image}")
        if min(image.shape[:2]) < SMALLEST:
            raise NotWrappable(f"faults need an image of at least {SMALLEST} x {SMALLEST}, got {image.shape}")
        if "camera" in parts:
            raise NotWrappable(
                "camera_shift renders the world anew and cannot be had from a picture: name it in a scenario"
            )
        if "speed" in parts and "speed" not in (self._parts or {}):
            raise NotWrappable("faults of the speed need a dict observation that holds 'speed'")
        for name in ("speed", "elapsed"):
            if name in (self._parts or {}) and int(np.prod((self._parts or {})[name].shape or ())) != 1:
                raise NotWrappable(f"the observation's {name!r} must be one number, got {(self._parts or {})[name]}")
        actions = self.env.action_space
        if "actuator" in parts and not (
            isinstance(actions, spaces.Box) and actions.is_bounded() and np.issubdtype(actions.dtype, np.floating)
        ):
            raise NotWrappable(
                f"faults of the actuators need actions of a bounded Box of floats, this one has {actions}"
            )


def _by_route(spec: FaultSpec) -> bool:
    return isinstance(spec.severity, SeverityCourse) and spec.severity.keyframes[0].axis != "time_s"
