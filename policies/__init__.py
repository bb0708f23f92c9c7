"""Who holds the wheel: the `Policy` interface, experts, neural policies, and the zoo of trained checkpoints."""

from __future__ import annotations

import difflib
import importlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from policies.errors import UnknownPolicy, WrongKind
from policies.policy import Policy

if TYPE_CHECKING:
    from liquid_pilot.deploy.engine import Engine

__all__ = [
    "ACTIONS",
    "EXPERT",
    "SCRIPTED",
    "ZOO",
    "Policy",
    "UnknownPolicy",
    "WrongKind",
    "camera_of",
    "find_checkpoint",
    "kind_of",
    "load",
    "zoo_names",
]

EXPERT = "expert"
"""The name of the driver, or pilot, that sees the truth and that networks learn from."""
SCRIPTED = {
    "driving": {EXPERT: ("policies.expert", "ExpertDriver")},
    "flight": {
        EXPERT: ("policies.pilot", "ExpertPilot"),
        "straight": ("policies.pilot", "StraightPilot"),
        "forgetful": ("policies.pilot", "ForgetfulPilot"),
        "hover": ("policies.pilot", "HoverPilot"),
    },
}
"""Policies that are written and not learned, by the kind of scenario; of a flight also those without some skill."""
ZOO = Path(__file__).parent / "zoo"
"""Where the trained checkpoints lie that come with liquid-pilot."""


ACTIONS = {"driving": ("steering", "acceleration"), "flight": ("vx", "vy", "vz", "yaw_rate")}
"""What a policy answers with, by the kind of scenario."""


def zoo_names() -> list[str]:
    """The names of the shipped checkpoints."""
    return sorted(path.parent.name for path in ZOO.glob("*/config.json"))


def load(name_or_path: str | os.PathLike[str], kind: str = "driving", *, engine: Engine | None = None) -> Policy:
    """The policy with this name: ``expert`` (or another of `SCRIPTED`), a zoo name, or a run folder or checkpoint.

    ``kind`` is that of the scenarios that it is for: ``driving`` or ``flight``; ``engine`` is what the network's head
    runs on, by itself the fastest that is installed (see `NeuralPolicy`).

    Raises `UnknownPolicy` with the nearest names, `WrongKind` for a network that does something else, or the
    `CheckpointError` family for a broken checkpoint.
    """
    scripted = SCRIPTED[kind].get(str(name_or_path))
    if scripted is not None:
        module, name = scripted
        written: Policy = getattr(importlib.import_module(module), name)()
        return written
    folder = find_checkpoint(name_or_path, kind)
    from policies.agent import AgentPolicy, agent_kind

    if agent_kind(folder) is not None:
        return AgentPolicy(folder, kind)
    from policies.neural import NeuralPolicy  # late: it loads torch

    policy = NeuralPolicy(folder, engine=engine)
    if not set(policy.config.actions) <= set(ACTIONS[kind]):
        raise WrongKind(
            f"{name_or_path} answers with {', '.join(policy.config.actions)}, but scenarios of the kind {kind} want "
            f"{', '.join(ACTIONS[kind])}: give it scenarios of its own kind"
        )
    return policy


def kind_of(name_or_path: str | os.PathLike[str]) -> str | None:
    """The kind of scenarios that a policy is for; None where its name means one of every kind (``expert``).

    Raises as `load`.
    """
    of_kinds = [kind for kind, scripted in SCRIPTED.items() if str(name_or_path) in scripted]
    if of_kinds:
        return of_kinds[0] if len(of_kinds) == 1 else None
    folder = find_checkpoint(name_or_path)
    from policies.agent import agent_kind

    if (kind := agent_kind(folder)) is not None:
        return kind
    from liquid_pilot.nn.checkpoint import read_config

    actions = set(read_config(folder)[0].actions)
    return next((kind for kind, known in ACTIONS.items() if actions <= set(known)), None)


def camera_of(name_or_path: str | os.PathLike[str]) -> dict[str, float] | None:
    """The camera that a policy learned from, with the keys of a scenario's; None where it has none or does not tell.

    Raises as `load`.
    """
    if any(str(name_or_path) in scripted for scripted in SCRIPTED.values()):
        return None
    from liquid_pilot.nn.checkpoint import read_camera
    from policies.agent import agent_kind

    folder = find_checkpoint(name_or_path)
    return None if agent_kind(folder) is not None else read_camera(folder)


def find_checkpoint(name_or_path: str | os.PathLike[str], kind: str = "driving") -> Path:
    """The checkpoint folder that a zoo name or a path means; of a run folder it is the best one, ``RUN/best``.

    ``kind`` only decides which scripted policies the message names.

    Raises `UnknownPolicy`.
    """
    name, path = str(name_or_path), Path(name_or_path)
    if name in zoo_names():
        return ZOO / name
    for folder in _candidates(path):
        if (folder / "config.json").is_file():
            return folder
    if path.is_dir():
        raise UnknownPolicy(f"{path} holds no trained policy: neither config.json nor best/config.json is in it")
    known = [*SCRIPTED[kind], *zoo_names()]
    beside = [
        str(other) for other in path.parent.glob("*") if any((f / "config.json").is_file() for f in _candidates(other))
    ]
    near = difflib.get_close_matches(name, [*known, *beside], 3, 0.5)
    hint = f" (did you mean {' or '.join(near)}?)" if near else ""
    raise UnknownPolicy(
        f"no policy is called {name!r} and no such folder exists{hint}; give a run folder or one of {', '.join(known)}"
    )


def _candidates(path: Path) -> tuple[Path, Path]:
    return path, path / "best"
