"""A connection to a CARLA server that leaves it as it was found, whatever happens in between.

Synchronous mode, actors and Traffic Manager belong to the *server*: a client that ends without giving them back leaves
the next one a world that stands still, with a car on its starting place. So every session is closed by its user, at the
end of Python, on SIGINT (an exception like any other) and on SIGTERM.
"""

from __future__ import annotations

import atexit
import os
import signal
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NamedTuple

from envs.carla.client.probe import free_port, listens, server_version
from envs.carla.client.waking import Watched, require_awake
from envs.carla.client.wheel import VERSION, wheel
from envs.carla.errors import (
    BadSettings,
    CarlaError,
    ServerBusy,
    ServerLost,
    ServerRefused,
    ServerUnreachable,
    VersionMismatch,
)
from envs.driving.ride import CONTROL_PERIOD

ROLE = "liquid_pilot"
"""``role_name`` of all our actors: by it the remains of a run that was killed are found."""
OWN_CAR = "vehicle.liquidpilot.car"
"""The blueprint of the embedded world's car; only our own server has it."""
SUBSTEP, SUBSTEPS = 0.01, 10
"""s of a physics step, and how many a tick may have at most."""
LOADING = 120.0
"""s that loading a map may take: large towns do, on slow disks."""
_FIRST = 10.0
"""s in which a server that is there says its version."""
_DROWSY = 0.05
"""s that the Traffic Manager may need from looking at its flag to being asleep."""
_WATCH = 0.6
"""s for which a world that was found in synchronous mode is watched."""


class Address(NamedTuple):
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def require_substeps(step: float, substep: float, most: int) -> None:
    """CARLA's rule for physics: ``most`` substeps must fill a tick. Raises BadSettings."""
    if not 0.0 < step <= most * substep + 1e-9:
        raise BadSettings(
            f"a tick of {step:g} s is longer than {most} physics steps of {substep:g} s: CARLA would drive slower than "
            "its clock; use shorter ticks or more or longer steps"
        )


class Session:
    """A client in synchronous mode; only one may tick a world.

    Args:
        address: of the server.
        timeout: s that the server may take for an answer or a picture.
        drawing: whether pictures are wanted; without, the server need not draw at all.

    Attributes:
        carla: the module.
        client, world: the wheel's.
        lost: the server is gone; nothing is asked of it any more.
        own: whether it is our own server.

    Raises WheelMissing, ServerUnreachable, VersionMismatch, ServerBusy, ServerLost.
    """

    def __init__(self, address: Address, timeout: float, drawing: bool) -> None:
        self.carla = wheel()
        self.address, self.timeout, self._drawing = address, timeout, drawing
        self.lost = self._closed = False
        self._actors: list[Any] = []
        self._manager: Any = None
        self._watched: Watched | None = None
        self._loaded: tuple[int, str] | None = None
        require_awake()
        require_server(address)
        self.client = self.carla.Client(address.host, address.port)
        self.client.set_timeout(timeout)
        if self.client.get_client_version() != VERSION:
            raise VersionMismatch(
                f"the carla package is {self.client.get_client_version()}, servers speak {VERSION}: "
                f"pip install carla=={VERSION}"
            )
        with self.speaking("get_world"):
            self.world: Any = self.client.get_world()
            self._before = self.world.get_settings()
            if self._before.synchronous_mode:
                self._require_standstill()
                self._before.synchronous_mode, self._before.fixed_delta_seconds = False, None
            library = self.world.get_blueprint_library()
        self.own = any(print_.id == OWN_CAR for print_ in library.filter("vehicle.liquidpilot.*"))
        _remember(self)
        try:
            self._sweep()
            self._synchronise(True)
        except BaseException:
            self.close()
            raise

    @property
    def server(self) -> str:
        """Version and kind of the server, for results."""
        return f"{VERSION}, liquid-pilot serve" if self.own else VERSION

    # Errors

    @contextmanager
    def speaking(self, what: str) -> Iterator[None]:
        """Turn what the wheel raises inside into ServerLost and ServerRefused; ``what`` names the call."""
        try:
            yield
        except RuntimeError as error:
            text = " ".join(str(error).split())
            if "time-out" not in text and "rpc::rpc_error" not in text:
                raise ServerRefused(f"the CARLA server on {self.address} refused {what}: {text}") from error
            raise self.lose(what) from error

    def lose(self, what: str) -> ServerLost:
        """Give the server up; gives the error to raise."""
        self.lost = True
        gone = not listens(*self.address)
        state = "has ended" if gone else f"has not answered for {self.timeout:g} s"
        return ServerLost(
            f"the CARLA server on {self.address} {state} ({what}): "
            f"{'start' if gone else 'restart'} it and run the same again; finished episodes are kept"
        )

    def check(self) -> None:
        """Is it still there? Raises ServerLost."""
        with self.speaking("get_server_version"):
            self.client.get_server_version()

    def _require_standstill(self) -> None:
        """A synchronous world was left behind by a dead run, or somebody drives it."""
        seen = self.world.get_snapshot().frame
        # Twice: until the first snapshot arrives the wheel says frame 0, and its arrival is no tick.
        for _ in range(2):
            time.sleep(_WATCH)
            before, seen = seen, self.world.get_snapshot().frame
            if seen == before:
                return
        raise ServerBusy(
            f"another client ticks the world of the CARLA server on {self.address}, and only one may: "
            "wait for it, or use a server of your own on another --port"
        )

    # Time

    def tick(self) -> int:
        """One control period; gives its frame."""
        with self.speaking("tick"):
            world, limit = self.world, self.timeout
            if self._watched is None:
                return int(world.tick(limit))
            before = world.get_snapshot().frame
            # The wheel asks the manager once the frame is there.
            asleep = lambda: bool(world.get_snapshot().frame > before)  # noqa: E731
            with self._sleepless():
                return int(self._watched.call("tick", lambda: world.tick(limit), asleep))

    def _synchronise(self, on: bool) -> None:
        require_substeps(CONTROL_PERIOD, SUBSTEP, SUBSTEPS)
        with self.speaking("apply_settings"):
            settings = self.world.get_settings()
            settings.synchronous_mode = on
            settings.fixed_delta_seconds = CONTROL_PERIOD if on else None
            settings.substepping = True
            settings.max_substep_delta_time, settings.max_substeps = SUBSTEP, SUBSTEPS
            settings.deterministic_ragdolls = True
            settings.no_rendering_mode = not self._drawing
            self.world.apply_settings(settings)

    # Maps

    def load_text(self, name: str, text: str) -> bool:
        """Have the server drive on this OpenDRIVE text; False when it does already. Raises ServerRefused."""
        if self._still(text):
            return False
        with self.speaking(f"the map {name}"):
            same = self.world.get_map().to_opendrive() == text
        if not same:
            carla = self.carla
            # Lane surfaces only: walls would stand where our own map has none.
            mesh = carla.OpendriveGenerationParameters(
                vertex_distance=2.0, max_road_length=50.0, wall_height=0.0, additional_width=0.6,
                smooth_junctions=True, enable_mesh_visibility=True,
            )  # fmt: skip
            self._load(name, lambda: self.client.generate_opendrive_world(text, mesh, False))
        self._loaded = self.world.id, text
        return not same

    def load_town(self, name: str) -> None:
        """Have the server load one of its own maps. Raises ServerRefused."""
        if self._still(name):
            return
        with self.speaking(f"the map {name}"):
            same = self.world.get_map().name.rsplit("/", 1)[-1] == name.rsplit("/", 1)[-1]
        if not same:
            self._load(name, lambda: self.client.load_world(name, False))
        self._loaded = self.world.id, name

    def _still(self, key: str) -> bool:
        """Whether what this session loaded last is this, and still there."""
        if self._loaded is None or self._loaded[1] != key:
            return False
        with self.speaking("get_world"):
            self.world = self.client.get_world()
        return bool(self.world.id == self._loaded[0])

    def _load(self, name: str, load: Any) -> None:
        self.clear()
        self.end_traffic()
        # A server that waits for ticks cannot tell the client that the new map is there.
        self._synchronise(False)
        self.client.set_timeout(max(self.timeout, LOADING))
        try:
            with self.speaking(f"the map {name}"):
                self.world = load()
        finally:
            self.client.set_timeout(self.timeout)
        self._sweep()
        self._synchronise(True)

    # Actors

    def blueprint(self, name: str, **attributes: object) -> Any:
        """A blueprint with attributes; those that it does not have are left out. Raises ServerRefused."""
        with self.speaking("get_blueprint_library"):
            try:
                found = self.world.get_blueprint_library().find(name)
            except IndexError as error:
                raise ServerRefused(f"the CARLA server on {self.address} has no blueprint {name}") from error
        for key, value in {"role_name": ROLE, **attributes}.items():
            if found.has_attribute(key):
                found.set_attribute(key, str(value))
        return found

    def spawn(self, blueprint: Any, transform: Any, parent: Any = None) -> Any:
        """A new actor, destroyed when this session is cleared or closed. Raises ServerRefused."""
        with self.speaking(f"to spawn {blueprint.id}"):
            actor = self.world.spawn_actor(blueprint, transform, attach_to=parent)
        self._actors.append(actor)
        return actor

    def clear(self) -> None:
        """Destroy our actors, sensors first."""
        actors, self._actors = self._actors, []
        if self.lost or not actors:
            return
        with self.speaking("to destroy actors"):
            sensors = [actor for actor in actors if actor.type_id.startswith("sensor.")]
            for sensor in sensors:
                if sensor.is_listening():
                    sensor.stop()
            for group in (sensors, [actor for actor in actors if actor not in sensors]):
                self._destroy(group)

    def _destroy(self, actors: list[Any]) -> None:
        if actors:
            self.client.apply_batch_sync([self.carla.command.DestroyActor(actor) for actor in actors], False)

    def _sweep(self) -> None:
        """Destroy what a run of ours that was killed has left."""
        with self.speaking("get_actors"):
            mine = {actor.id for actor in self._actors}
            left = [a for a in self.world.get_actors() if a.attributes.get("role_name") == ROLE and a.id not in mine]
            self._destroy(sorted(left, key=lambda actor: not actor.type_id.startswith("sensor.")))

    # Traffic Manager

    def traffic_manager(self, seed: int) -> Any:
        """The Traffic Manager of this session, on a port of its own, in step with our ticks."""
        if self._manager is None:
            with self.speaking("get_trafficmanager"):
                self._manager = self.client.get_trafficmanager(free_port())
                self._manager.set_synchronous_mode(True)
                self._watched = Watched(self._manager.get_port(), self.timeout)
        # Before any vehicle registers: each draws from it when it does.
        self._manager.set_random_device_seed(seed)
        return self._manager

    def end_traffic(self) -> None:
        """Without it a map change hangs, and the client's process ends."""
        manager, watched = self._manager, self._watched
        self._manager = self._watched = None
        if manager is None or watched is None or self.lost:
            return
        with self._sleepless():
            watched.settle()
        with self.speaking("to end the Traffic Manager"):
            manager.set_synchronous_mode(False)
            # Its signal, too, may be lost, and shut_down would wait for ever, with the GIL: once more, a little later.
            time.sleep(_DROWSY)
            manager.set_synchronous_mode(True)
            manager.set_synchronous_mode(False)
            manager.shut_down()

    @contextmanager
    def _sleepless(self) -> Iterator[None]:
        """With a manager that sleeps for ever in this process nothing can be asked any more."""
        try:
            yield
        except ServerLost:
            self.lost = True
            raise

    # The end

    def close(self) -> None:
        """Leave the server as it was found; may be called more than once, and never raises because it has gone."""
        if self._closed:
            return
        self._closed = True
        _OPEN.discard(self)
        with suppress(CarlaError):
            self._give_back()
        self._actors.clear()
        self.world = None
        self.client = None

    def _give_back(self) -> None:
        if self.lost:
            return
        self.end_traffic()
        self.clear()
        self.tick()  # what was destroyed goes with the next tick
        with self.speaking("apply_settings"):
            self.world.apply_settings(self._before)


# Whoever forgets a session, or is ended in the middle of it.

_OPEN: weakref.WeakSet[Session] = weakref.WeakSet()
_watching = False


def _remember(session: Session) -> None:
    global _watching
    _OPEN.add(session)
    if _watching:
        return
    _watching = True
    atexit.register(_close_all)
    # Only where a SIGTERM would end the process at once: who has a handler unwinds, and comes to its own close().
    main = threading.current_thread() is threading.main_thread()
    if main and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _on_sigterm)


def _close_all() -> None:
    for session in list(_OPEN):
        session.close()


def _on_sigterm(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _close_all()
    os.kill(os.getpid(), signal.SIGTERM)


def require_server(address: Address) -> None:
    """See that a server of our version is there, before the wheel meets it. Raises ServerUnreachable, VersionMismatch.

    The wheel would wait for the whole time-out where nobody listens, abort the process where somebody else does, and
    only warn of another version, whose messages it misreads and crashes on.
    """
    if not listens(*address):
        raise ServerUnreachable(
            f"no CARLA server on {address}: start one (`liquid-pilot serve --port {address.port}`, or CARLA {VERSION} "
            "itself), or give --host and --port of one"
        )
    version = server_version(*address, _FIRST)
    if version is None:
        raise ServerUnreachable(
            f"what listens on {address} does not answer as a CARLA server does: check host and port, or wait until it "
            "has started"
        )
    if version != VERSION:
        raise VersionMismatch(
            f"the server on {address} is CARLA {version}, the carla package {VERSION}: use a server of that version"
        )
