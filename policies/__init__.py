"""Who holds the wheel: the `Policy` interface, experts, neural policies, and the zoo of trained checkpoints."""

from __future__ import annotations

import difflib
import importlib
import os
from pathlib import Path

from policies.errors import UnknownPolicy
from policies.policy import Policy

__all__ = ["EXPERT", "SCRIPTED", "ZOO", "Policy", "UnknownPolicy", "find_checkpoint", "load", "zoo_names"]

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


def zoo_names() -> list[str]:
    """The names of the shipped checkpoints."""
    return sorted(path.parent.name for path in ZOO.glob("*/config.json"))


def load(name_or_path: str | os.PathLike[str], kind: str = "driving") -> Policy:
    """The policy with this name: ``expert`` (or another of `SCRIPTED`), a zoo name, or a run folder or checkpoint.

    ``kind`` is that of the scenarios that it is for: ``driving`` or ``flight``.

    Raises `UnknownPolicy` with the nearest names, or the `CheckpointError` family for a broken checkpoint.
    """
    scripted = SCRIPTED[kind].get(str(name_or_path))
    if scripted is not None:
        module, name = scripted
        policy: Policy = getattr(importlib.import_module(module), name)()
        return policy
    folder = find_checkpoint(name_or_path, kind)
    from policies.agent import AgentPolicy, is_agent

    if is_agent(folder):
        return AgentPolicy(folder, kind)
    from policies.neural import NeuralPolicy  # late: it loads torch

    return NeuralPolicy(folder)


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
