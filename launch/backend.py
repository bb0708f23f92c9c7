"""``--backend``: which simulator the jobs drive in, our own world or a CARLA server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from launch.errors import BadSelection
from launch.serve import CARLA_PORT
from launch.tasks import Task, task_of

if TYPE_CHECKING:
    from envs.lockstep import World

Name = Literal["embedded", "carla"]
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Backend:
    """Who simulates the road. Host, port and town are CARLA's alone.

    Attributes:
        name: ``embedded`` or ``carla``.
        host, port: of the CARLA server.
        town: one of its maps or an OpenDRIVE file, instead of the scenarios' roads.
        timeout: s after which a server that does not answer counts as lost.
    """

    name: Name = "embedded"
    host: str = HOST
    port: int = CARLA_PORT
    town: str | None = None
    timeout: float = 20.0

    @property
    def remote(self) -> bool:
        """Whether the world is a server's."""
        return self.name == "carla"

    def workers(self, wanted: int) -> int:
        """How many processes may drive at once: a server has one world, and one client that ticks it."""
        return 1 if self.remote else wanted

    def worlds(self, wanted: int) -> int:
        """How many worlds may run side by side in a process."""
        return 1 if self.remote else wanted

    def make(self, scenario: Any, *, pictures: bool = True, film: bool = False) -> World:
        """The environment of a scenario; as `Task.make`."""
        if not self.remote:
            return task_of(scenario).make(scenario, pictures=pictures, film=film)
        from envs.carla.client.env import CarlaLaneKeepingEnv

        return CarlaLaneKeepingEnv(
            scenario,
            render_mode="rgb_array" if film else None,
            observation_mode="camera" if pictures else "state",
            host=self.host,
            port=self.port,
            town=self.town,
            timeout=self.timeout,
        )

    def identity(self, task: Task) -> dict[str, str]:
        """What results and drives keep of it: nothing for the embedded world, else backend, map and server.

        Raises BadSelection for what no CARLA server does, ServerUnreachable, VersionMismatch.
        """
        if not self.remote:
            return {}
        if task.kind != "driving":
            raise BadSelection(
                f"backend carla drives cars; scenarios of the kind {task.kind} are for the embedded world"
            )
        from envs.carla.client.probe import server_identity
        from envs.carla.client.session import Address, require_server

        require_server(Address(self.host, self.port))
        server = server_identity(self.host, self.port) or "gone"
        found = {"backend": "carla", "carla server": server}
        return found if self.town is None else found | {"town": Path(self.town).name}

    def words(self) -> list[str]:
        """The options that say it again on a command line."""
        if not self.remote:
            return []
        words = ["--backend", self.name, "--host", self.host, "--port", str(self.port)]
        return words if self.town is None else [*words, "--town", self.town]


EMBEDDED = Backend()


def chosen(name: Name, host: str | None, port: int | None, town: str | None) -> Backend:
    """The backend of a command line. Raises BadSelection for a server's options without a server."""
    if name == "embedded":
        given = [o for o, v in (("--host", host), ("--port", port), ("--town", town)) if v is not None]
        if given:
            raise BadSelection(f"{', '.join(given)}: only with --backend carla")
        return EMBEDDED
    return Backend(name, host or HOST, CARLA_PORT if port is None else port, town)


def recorded_in(versions: Mapping[str, str]) -> str:
    """The backend of a drive, by its versions."""
    return versions.get("backend", "embedded")
