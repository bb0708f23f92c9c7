"""An agent of Stable-Baselines3's PPO at the wheel, or the sticks: it reads the ``state`` observation, no picture.

Stable-Baselines3's own files hold pickled Python. Here the weights are safetensors and the rest is JSON, and the agent
is built again from them: reading a file from a stranger runs no code of theirs.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from liquid_pilot.files import write_json, write_text
from policies.errors import BadObservation
from policies.policy import Action, Info, Observation, Policy

if TYPE_CHECKING:
    from gymnasium import spaces
    from stable_baselines3.common.policies import ActorCriticPolicy

FORMAT = 1
WEIGHTS, CONFIG, CARD = "weights.safetensors", "config.json", "card.md"


def agent_kind(checkpoint: Path) -> str | None:
    """The kind of scenarios that an agent in this folder is for; None where there is no agent."""
    try:
        value = json.loads((checkpoint / CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None  # whoever reads it as a network says what is wrong
    agent = value.get("agent") if isinstance(value, dict) else None
    return str(agent.get("kind")) if isinstance(agent, dict) else None


def save_agent(folder: Path, policy: ActorCriticPolicy, *, kind: str, layers: Sequence[int], card: str) -> None:
    """Write an agent as a checkpoint.

    Args:
        folder: made when missing.
        policy: a ``MultiInputPolicy`` of PPO in the environment of ``kind``.
        kind: of the scenarios that it was trained in.
        layers: units of its hidden layers (``net_arch``).
        card: Markdown, what it is.
    """
    from liquid_pilot.nn.weights import write_weights

    config = {"format": FORMAT, "agent": {"algorithm": "ppo", "kind": kind, "layers": list(layers)}}
    write_weights(folder / WEIGHTS, policy.state_dict(), _digest(config))
    write_json(folder / CONFIG, config)
    write_text(folder / CARD, card)


class AgentPolicy(Policy):
    """Drives with an agent that `save_agent` wrote, by its mean action.

    Args:
        checkpoint: the folder.
        kind: of the scenarios that it shall drive.

    Raises the `CheckpointError` family of `liquid_pilot.nn.errors`.
    """

    privileged = True  # the state is the truth, and needs no picture drawn

    def __init__(self, checkpoint: str | os.PathLike[str], kind: str) -> None:
        from stable_baselines3.common.policies import MultiInputActorCriticPolicy

        from liquid_pilot.nn.errors import CheckpointCorrupt, CheckpointMismatch, CheckpointVersion
        from liquid_pilot.nn.weights import read_weights

        folder = Path(checkpoint)
        value = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        if value.get("format") != FORMAT:
            raise CheckpointVersion(f"{folder / CONFIG}: format {value.get('format')!r}; this version reads {FORMAT}")
        agent = value["agent"]
        layers = agent.get("layers")
        if not isinstance(layers, list) or not all(isinstance(n, int) and 1 <= n <= 4096 for n in layers[:9]):
            raise CheckpointCorrupt(f"{folder / CONFIG}: not the configuration of an agent: copy it again")
        if agent.get("kind") != kind:
            raise CheckpointMismatch(f"{folder}: an agent for scenarios of the kind {agent.get('kind')!r}, not {kind}")
        self.name = folder.resolve().parent.name if folder.name == "best" else folder.resolve().name
        observation, action = spaces_of(kind)
        self._keys = list(observation.spaces)
        self._agent = MultiInputActorCriticPolicy(observation, action, lambda _: 0.0, net_arch=layers)
        tensors = read_weights(folder / WEIGHTS, _digest(value), self._agent.state_dict(), CONFIG)
        self._agent.load_state_dict(tensors)
        self._agent.set_training_mode(False)

    def reset(self, rows: Sequence[int] = (0,)) -> None:
        """It remembers nothing."""

    def act_rows(self, rows: Sequence[int], observations: Sequence[Observation], infos: Sequence[Info]) -> Action:
        """Actions (len(rows), A) from the observations of ``observation_mode="state"``. Raises BadObservation."""
        del rows, infos
        if missing := [key for key in self._keys if key not in observations[0]]:
            raise BadObservation(
                f"{self.name} reads {', '.join(missing)}, but the observation has only {', '.join(observations[0])}: "
                'make the environment with observation_mode="state"'
            )
        batch = {key: np.stack([one[key] for one in observations]) for key in self._keys}
        actions, _ = self._agent.predict(batch, deterministic=True)
        result: Action = np.asarray(actions, np.float32)
        return result


def spaces_of(kind: str) -> tuple[spaces.Dict, spaces.Box]:
    """Observation and action space of the ``state`` mode, which is the same in every scenario of a kind."""
    import gymnasium

    ids = {"driving": "LaneKeeping-v0", "flight": "FlyToTarget-v0"}
    env = gymnasium.make(f"liquid_pilot/{ids[kind]}", observation_mode="state")
    observation: Any = env.observation_space
    action: Any = env.action_space
    env.close()
    return observation, action


def _digest(config: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(config["agent"], sort_keys=True).encode()).hexdigest()
