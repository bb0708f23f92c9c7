"""What there is to do, each with all that the jobs must know of it: keeping a lane, flying to a target.

The jobs (record, train, evaluate, replay) are written once, for a `Task`; what only a car or only a drone has stands
here. A task belongs to a kind of scenario, and to the drives and traces of the same kind.
"""

from __future__ import annotations

from collections.abc import Sequence

from launch.errors import BadSelection
from launch.tasks.fly_to_target import FlyToTarget
from launch.tasks.lane_keeping import LaneKeeping
from launch.tasks.task import MakeEnv, Task
from scenarios.loader import AnyScenario

__all__ = ["TASKS", "MakeEnv", "Task", "task_for", "task_of"]

TASKS: dict[str, Task] = {task.kind: task for task in (LaneKeeping(), FlyToTarget())}
"""By the kind of their scenarios."""


def task_of(scenario: AnyScenario) -> Task:
    """The task in a scenario."""
    return TASKS[scenario.kind]


def task_for(scenarios: Sequence[AnyScenario]) -> Task:
    """The one task in all of these; raises BadSelection where some are drives and some flights."""
    first = scenarios[0]
    for other in scenarios:
        if other.kind != first.kind:
            raise BadSelection(
                f"{first.name} is of the kind {first.kind}, {other.name} of the kind {other.kind}: "
                "give them to two commands"
            )
    return task_of(first)
