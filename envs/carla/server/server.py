"""The server: sockets, the world, and the beat of its time.

One process, one thread, one asyncio loop: the renderer allows no second thread, and nothing here needs one.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import math
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from envs.carla.errors import BadValue, MalformedMessage, PortInUse, Refused
from envs.carla.frames import Place
from envs.carla.server import limits, sensors
from envs.carla.server.calls import CALLS, refused
from envs.carla.server.protocol.values import Description
from envs.carla.server.sensors import Lab
from envs.carla.server.sensors.studio import Studio
from envs.carla.server.transport.rpc import RpcConnection, RpcHub
from envs.carla.server.transport.streams import WORLD, Listener, Streams
from envs.carla.server.world import maps
from envs.carla.server.world.actors import Actor, Sensor
from envs.carla.server.world.maps import Map, MapSource
from envs.carla.server.world.settings import Settings
from envs.carla.server.world.simulation import Simulation

log = logging.getLogger(__name__)

BEAT = 0.05
"""s between two ticks in asynchronous mode, unless the settings fix them."""
_SHORTEST, _LONGEST = 0.001, 0.1
"""s of simulated time that a tick of no fixed length may have."""
_FRESH = 10.0
"""s after a map was loaded in which whoever joins is told to read it again."""
_MOST_TOLD = 100
_DRAIN_POLL = 0.002


@dataclass(frozen=True)
class Options:
    """How a server is started.

    Args:
        host: address to listen on.
        port: of the calls; 0 takes any free one.
        stream_port: of the streams; None: the next after ``port``.
        map: a map's name or an OpenDRIVE file.
        theme, seed: of the land around maps that do not say it themselves; "": town or meadow, by the map's name.
    """

    host: str = "127.0.0.1"
    port: int = 2000
    stream_port: int | None = None
    map: str = "town-1"
    theme: str = ""
    seed: int = 0


class Server:
    """A CARLA server; `serve` runs one until it is stopped.

    Attributes:
        world: the present episode.
        settings: how its time goes.
        streams: who listens to what.
        traffic_managers: port to (address, client) of the clients' Traffic Managers.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.settings = Settings()
        self.streams = Streams(self._joined)
        self.hub = RpcHub(self.dispatch, self._left)
        self.traffic_managers: dict[int, tuple[str, RpcConnection]] = {}
        self._drivers: set[RpcConnection] = set()
        self._opendrive: str | None = None
        self._studio = Studio()
        self._source = maps.find(options.map, options.theme, options.seed, files=True)
        self._unfinished = self._failing = False
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = asyncio.Event()
        self._began = self._ticked = time.monotonic()
        self._loaded = -math.inf
        self.world = self._enter(self._source.build(), 1, 1, 1)
        self.lab = Lab(self.world, self._studio, self.describe)

    # Life

    async def run(self, ready: Callable[[int, int], None]) -> None:
        """Serve until `stop` is called, SIGINT or SIGTERM; ``ready`` is told both ports. Raises PortInUse."""
        loop = asyncio.get_running_loop()
        calls = await self._listen(self.hub.accept, self.options.port)
        port = calls.sockets[0].getsockname()[1]
        wanted = self.options.stream_port
        if wanted is None:
            wanted = port + 1 if self.options.port else 0
        try:
            streams = await self._listen(self.streams.accept, wanted)
        except PortInUse:
            calls.close()
            raise
        self.streams.port = streams.sockets[0].getsockname()[1]
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.stop)
        self._schedule()
        ready(port, self.streams.port)
        try:
            await self._stopped.wait()
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)
            if self._timer is not None:
                self._timer.cancel()
            for listening in (calls, streams):
                listening.close()
            self.hub.close()
            self.streams.close()
            self._studio.leave()

    def stop(self) -> None:
        """End `run`."""
        self._stopped.set()

    async def _listen(self, accept: Callable[[], asyncio.Protocol], port: int) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        try:
            return await loop.create_server(accept, self.options.host, port, backlog=128)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortInUse(
                    f"port {port} on {self.options.host} is taken: stop what listens there or choose another --port"
                ) from error
            if error.errno in (errno.EADDRNOTAVAIL, errno.EACCES) or error.errno is None or error.errno < 0:
                raise PortInUse(f"cannot listen on {self.options.host}:{port}: {error.strerror}") from error
            raise

    # Calls

    def dispatch(self, client: RpcConnection, method: str, arguments: list[Any]) -> Any:
        """Do a call and give its wrapped answer, or a future of it."""
        self.finish_frame()
        meta = arguments[0] if arguments else None
        if not isinstance(meta, list) or len(meta) != 1 or not isinstance(meta[0], bool):
            raise MalformedMessage(f"call {method[:80]!r} without metadata")
        found = CALLS.get(method)
        if found is None:
            shape, problem = refused.shape_of(method), refused.message(method)
        else:
            try:
                done = found.run(self, client, arguments[1:])
                if isinstance(done, asyncio.Future):
                    return done
                return found.shape.good(done)
            except (BadValue, Refused) as error:
                shape, problem = found.shape, f"{method}: {error}"
            except Exception:  # a defect of a handler must not take the other clients' world with it
                log.exception("call %s failed", method)
                shape, problem = found.shape, f"{method}: failed inside the server; its log has the traceback"
        # Nobody waits for the answer of these; once, because many come with every tick.
        if meta[0] and method not in client.told and len(client.told) < _MOST_TOLD:
            client.told.add(method)
            log.warning("%s", problem)
        return shape.bad(problem)

    def _left(self, client: RpcConnection) -> None:
        """A client has gone; without anybody who ticks, a synchronous world would stand still for ever."""
        for port, (_, owner) in list(self.traffic_managers.items()):
            if owner is client:
                del self.traffic_managers[port]
        drove = client in self._drivers
        self._drivers.discard(client)
        if drove and not self._drivers and self.settings.synchronous:
            log.warning("client %s went and left the world in synchronous mode: back to asynchronous", client.peer)
            self.set_settings(Settings(no_rendering=self.settings.no_rendering), None)

    def _joined(self, stream: int, listener: Listener) -> bool:
        if stream == WORLD:
            # Whoever joins a synchronous world must not wait for somebody else's tick to know what is there; and
            # whoever comes back after it has loaded a map must read the map again.
            fresh = time.monotonic() - self._loaded < _FRESH
            self.streams.tell((listener,), self.world.snapshot(self._platform(), changed=fresh))
            return True
        return self.has_stream(stream)

    # World

    @property
    def step(self) -> float:
        """How long a tick is, s (the last one's length where it is not fixed)."""
        return self.settings.fixed_step or self.world.step

    def has_stream(self, stream: int) -> bool:
        """Whether a sensor of this episode sends it."""
        return any(sensor.stream == stream for sensor in self.world.sensors)

    def describe(self, actor: Actor) -> list[Any]:
        """An actor as calls answer it."""
        return actor.wire(self.streams.token(actor.stream) if actor.stream else b"")

    def spawn(self, wanted: Description, place: Place, parent: int | None = None, attachment: int = 0) -> Actor:
        """A new actor. Raises Refused."""
        actor = self.world.spawn(wanted.blueprint, wanted.attributes, place, parent, attachment)
        if isinstance(actor, Sensor):
            try:
                sensors.check(self.lab, actor)
            except Refused:
                self.world.destroy(actor.identity)
                raise
        return actor

    def destroy(self, identity: int) -> None:
        """Take an actor away, with its streams. Raises Refused."""
        for gone in self.world.destroy(identity):
            if gone.stream:
                self.streams.end(gone.stream)
                self.lab.forget(gone.identity)

    def keep_opendrive(self, text: str) -> None:
        """The text of `maps.OPENDRIVE_MAP`, checked now, where the client can be told."""
        MapSource(maps.OPENDRIVE_MAP, text, self.options.theme, self.options.seed).build()
        self._opendrive = text

    def load(self, name: str, reset: bool, files: bool) -> None:
        """Begin another episode; see the call ``load_new_episode``. Raises Refused, and all stays as it is."""
        source = self._source
        if name.rsplit("/", 1)[-1] == maps.OPENDRIVE_MAP:
            if self._opendrive is None:
                raise Refused("no client has sent an OpenDRIVE text: use generate_opendrive_world()")
            source = MapSource(maps.OPENDRIVE_MAP, self._opendrive, self.options.theme, self.options.seed)
        elif name:
            source = maps.find(name, self.options.theme, self.options.seed, files)
        old = self.world
        map_ = old.map if source == self._source else source.build()
        self._source = source
        for sensor in list(old.sensors):
            if sensor.stream:
                self.streams.end(sensor.stream)
        self.streams.hold(WORLD)
        asyncio.get_running_loop().call_later(limits.HOLD_SECONDS + 0.01, self._catch_up)
        self._loaded = time.monotonic()
        self.world = self._enter(map_, old.episode + 1, old.next_identity, old.frame + 1)
        self.lab = Lab(self.world, self._studio, self.describe)
        if reset:
            self.set_settings(Settings(), None)

    def _enter(self, map_: Map, episode: int, first: int, frame: int) -> Simulation:
        old = getattr(self, "world", None)
        if old is not None and old.map is map_:
            self._studio.empty()
        else:
            self._studio.enter(map_)
        return Simulation(episode, map_, first, frame)

    # Time

    def set_settings(self, settings: Settings, client: RpcConnection | None) -> None:
        """Have the time go otherwise."""
        self.settings = settings
        if settings.synchronous:
            if client is not None:
                self._drivers.add(client)
        else:
            self._drivers.clear()
        self._schedule()

    def tick_cue(self, client: RpcConnection) -> int | asyncio.Future[Any]:
        """A client's tick: the frame that it makes, at once or when slow readers have caught up."""
        if not self.settings.synchronous:
            return self.world.frame + 1
        self._drivers.add(client)
        if not self.streams.lagging():
            return self.tick()
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._tick_when_drained(done, time.monotonic() + limits.DRAIN_SECONDS)
        return done

    def _tick_when_drained(self, done: asyncio.Future[Any], until: float) -> None:
        if self.streams.lagging() and time.monotonic() < until:
            asyncio.get_running_loop().call_later(_DRAIN_POLL, self._tick_when_drained, done, until)
            return
        self.streams.give_up_on_lagging()
        if not done.done():
            done.set_result([[1, self.tick()]])

    def tick(self) -> int:
        """One tick; gives its frame."""
        self.finish_frame()
        now = time.monotonic()
        passed, self._ticked = now - self._ticked, now
        self.world.tick(self.settings.fixed_step or min(_LONGEST, max(_SHORTEST, passed)))
        self._publish()
        return self.world.frame

    def _catch_up(self) -> None:
        """Tell those who were held back: in synchronous mode the next tick may be one of theirs to wait for."""
        now = time.monotonic()
        late = [one for one in self.streams.listeners(WORLD) if one.behind and one.held <= now]
        if late:
            self.streams.tell(late, self.world.snapshot(self._platform(), changed=True))
            for one in late:
                one.behind = False

    def _publish(self) -> None:
        """Send the snapshot now and the sensors' data as soon as the tick's answer is out: who waits for the tick can
        go on while pictures are drawn."""
        now = time.monotonic()
        current = [one for one in self.streams.listeners(WORLD) if one.held <= now and not one.behind]
        if current:
            self.streams.tell(current, self.world.snapshot(self._platform(), changed=False))
        self._catch_up()
        self._unfinished = True
        asyncio.get_running_loop().call_soon(self.finish_frame)

    def finish_frame(self) -> None:
        """Have the sensors measure this frame, if they have not yet; nothing changes the world before they have."""
        if not self._unfinished:
            return
        self._unfinished = False
        drawing = not self.settings.no_rendering
        for sensor in list(self.world.sensors):
            if sensor.stream and self.streams.heard(sensor.stream):
                self._measure(sensor, drawing)

    def _measure(self, sensor: Sensor, drawing: bool) -> None:
        try:
            for parts in sensors.measurements(self.lab, sensor, drawing):
                self.streams.send(sensor.stream, *parts)
        except Exception:  # a map or a sensor that cannot be drawn must not stop the world
            log.exception("sensor %d (%s) failed and is switched off", sensor.identity, sensor.kind)
            self.streams.end(sensor.stream)
            sensor.stream = 0

    def _platform(self) -> float:
        return time.monotonic() - self._began

    def _schedule(self) -> None:
        """Set the clock of asynchronous mode."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self.settings.synchronous:
            self._beat(time.monotonic())

    def _beat(self, due: float) -> None:
        period = max(_SHORTEST, self.settings.fixed_step or BEAT)
        following = max(due + period, time.monotonic())
        delay = following - time.monotonic()
        self._timer = asyncio.get_running_loop().call_later(delay, self._on_beat, following)

    def _on_beat(self, due: float) -> None:
        try:
            self.tick()
        except Exception:  # as above; once, because it would be said 20 times a second
            if not self._failing:
                log.exception("a tick failed; the world goes on")
            self._failing = True
        self._beat(due)


def serve(options: Options, ready: Callable[[int, int], None]) -> None:
    """Run a server until it is stopped. Raises PortInUse, Refused (no such map)."""

    async def live() -> None:
        await Server(options).run(ready)

    asyncio.run(live())
