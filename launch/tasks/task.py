"""What a job must know of a task."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from launch.recording import Recording
from scenarios.loader import AnyScenario

if TYPE_CHECKING:
    from envs.lockstep import World
    from liquid_pilot.imitation import TrainConfig

MakeEnv = Callable[[Any], Any]
"""Makes the environment of a scenario."""


@dataclass(frozen=True)
class VideoCurve:
    """A number of a trace that is drawn under a video: what it is called, its column, the least range of its axis."""

    name: str
    column: str
    least: float


class Task(ABC):
    """One thing to do in a world; see `launch.tasks`."""

    kind: ClassVar[str]
    """Of its scenarios, drives and traces."""
    actions: ClassVar[tuple[str, ...]]
    """Names of the components of an action."""
    heldout: ClassVar[str]
    """The split that is evaluated when nothing else is said."""
    title: ClassVar[str]
    """Of a report."""
    check_scenario: ClassVar[str]
    """On whose worlds the candidates of a training are compared."""
    error: ClassVar[str]
    """The metric, in m, that should be small and that decides between equally successful candidates."""
    curves: ClassVar[tuple[VideoCurve, VideoCurve]]
    """Drawn under videos."""

    @abstractmethod
    def make(self, scenario: Any, *, pictures: bool = True, film: bool = False) -> World:
        """The environment; without ``pictures`` nothing is drawn for the observations, ``film`` is for `render`."""

    @abstractmethod
    def recording(self, mode: Literal["segments", "drives"] = "segments") -> Recording:
        """How it is recorded when nothing else is said."""

    @abstractmethod
    def world_digest(self, scenario: Any, seed: int) -> str:
        """SHA-256 of what the world of this episode is made from; a change means that recordings no longer fit it.

        Raises MapError, ScenarioError.
        """

    @abstractmethod
    def check(self, scenario: Any, recording: Recording, seed: int) -> None:
        """Raise what is wrong with this episode before anything is written: a broken map, a route too short."""

    @abstractmethod
    def in_segments(self, scenario: Any, recording: Recording) -> Any:
        """The scenario whose limits do not end segments that begin far off."""

    @abstractmethod
    def segment_start(self, recording: Recording, env: Any, seed: int) -> Mapping[str, float]:
        """Where a segment begins, as ``reset(options={"start": ...})`` takes it."""

    @abstractmethod
    def recipe(self, controller: str, seed: int) -> TrainConfig:
        """What is trained, and how, when nothing else is said; raises UnknownController."""

    @abstractmethod
    def shortened(self, scenario: Any, length_m: float) -> Any:
        """The scenario of a quick check, ``length_m`` of it; a task may have no use for that."""

    def scenario_from(self, data: Mapping[str, Any], name: str) -> AnyScenario:
        """The scenario that a recorded drive tells; raises ScenarioError."""
        from scenarios.loader import from_dict

        return from_dict(dict(data), name)
