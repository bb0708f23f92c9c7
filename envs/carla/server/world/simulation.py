"""An episode: a map, the actors on it and their time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from envs.carla.errors import Refused
from envs.carla.frames import Place
from envs.carla.server import limits
from envs.carla.server.protocol import layouts
from envs.carla.server.world import collisions
from envs.carla.server.world.actors import Actor, Sensor, TrafficSign, Walker
from envs.carla.server.world.blueprints import Blueprint, blueprint
from envs.carla.server.world.collisions import Contact
from envs.carla.server.world.lights import Lights, TrafficLight, blueprint_of, place_of, stops_of
from envs.carla.server.world.maps import Map
from envs.carla.server.world.vehicle import Vehicle
from scenarios.weather import CLEAR, Weather

MUTE = frozenset({"sensor.other.lane_invasion"})
"""Sensors that live in the client and have no stream."""
SPECTATOR = Blueprint("spectator", ())
_STREAM_BASE = 16
_GRAVITY = 9.81


class Simulation:
    """One episode.

    Args:
        episode: its number.
        map_: where it takes place.
        first: the first actor id; ids are never used twice in the life of a server.

    Attributes:
        frame: ticks since the server began, so that it never falls.
        seconds: simulated time of this episode.
        step: length of the last tick, s.
        contacts: collisions of the last tick.
        weather: CARLA's 14 numbers.
    """

    def __init__(self, episode: int, map_: Map, first: int, frame: int) -> None:
        self.episode, self.map = episode, map_
        self.frame, self.seconds, self.step = frame, 0.0, 0.05
        self.actors: dict[int, Actor] = {}
        self.contacts: list[Contact] = []
        self.weather: Weather = CLEAR
        self.gravity = _GRAVITY
        self._next = first
        self._moving: list[Vehicle | Walker] = []
        self._followers: list[Actor] = []
        points = map_.spawn_points
        start = points[0] if points else Place(0.0, 0.0, 0.0)
        self.spectator = self._enter(Actor(self._number(), SPECTATOR, {}, start._replace(z=start.z + 2.0)))
        self.lights = Lights(list(self._signals()))

    @property
    def next_identity(self) -> int:
        """The id that the next actor will have."""
        return self._next

    # Actors

    def actor(self, identity: int) -> Actor:
        """The actor of this id; Refused when there is none."""
        found = self.actors.get(identity)
        if found is None:
            raise Refused(f"actor {identity} not found: it was destroyed or belongs to an episode that is over")
        return found

    def vehicle(self, identity: int) -> Vehicle:
        """Likewise, a vehicle."""
        found = self.actor(identity)
        if not isinstance(found, Vehicle):
            raise Refused(f"actor {identity} is a {found.kind}, not a vehicle")
        return found

    def walker(self, identity: int) -> Walker:
        """Likewise, a walker."""
        found = self.actor(identity)
        if not isinstance(found, Walker):
            raise Refused(f"actor {identity} is a {found.kind}, not a walker")
        return found

    def light(self, identity: int) -> TrafficLight:
        """Likewise, a traffic light."""
        found = self.actor(identity)
        if not isinstance(found, TrafficLight):
            raise Refused(f"actor {identity} is a {found.kind}, not a traffic light")
        return found

    @property
    def vehicles(self) -> Iterator[Vehicle]:
        """All vehicles."""
        return (actor for actor in self._moving if isinstance(actor, Vehicle))

    @property
    def bodies(self) -> tuple[Vehicle | Walker, ...]:
        """All vehicles and walkers."""
        return tuple(self._moving)

    @property
    def sensors(self) -> Iterator[Sensor]:
        """All sensors."""
        return (actor for actor in self.actors.values() if isinstance(actor, Sensor))

    def spawn(
        self, name: str, attributes: dict[str, str], place: Place, parent: int | None = None, attachment: int = 0
    ) -> Actor:
        """A new actor. With a parent ``place`` is in its frame.

        Raises Refused: no such blueprint or parent, attributes that do not parse, too many actors, something stands
        there already.
        """
        if len(self.actors) >= limits.ACTORS:
            raise Refused(f"this server has at most {limits.ACTORS} actors")
        print_ = blueprint(name)
        values = print_.values(attributes)
        holder = None if parent is None else self.actor(parent)
        depth, above = 1, holder
        while above is not None:
            depth, above = depth + 1, above.parent
        if depth > 16:
            raise Refused("actors attached to one another more than 16 deep")
        made = self._make(print_, values, place)
        if holder is not None:
            if isinstance(made, Vehicle | Walker):
                raise Refused(f"spawn_actor: {name} cannot be attached; only sensors can")
            made.parent, made.relative, made.attachment = holder, place, attachment
            holder.children.append(made)
            made.follow()
        return self._enter(made)

    def _make(self, print_: Blueprint, values: dict[str, str], place: Place) -> Actor:
        kind = print_.id.split(".", 1)[0]
        if kind == "vehicle":
            made: Actor = Vehicle(self._number(), print_, values, place, self.map.ground)
        elif kind == "walker":
            made = Walker(self._number(), print_, values, place)
        elif kind == "sensor":
            made = Sensor(self._number(), print_, values, place)
            if print_.id not in MUTE:
                made.stream = _STREAM_BASE + made.identity
            return made
        else:
            raise Refused(f"spawn_actor: this server does not have {print_.id} (it has no navigation mesh)")
        for other in self._moving:
            if other.collides and collisions.overlap(made, other) is not None:
                raise Refused("Spawn failed because of collision at spawn position")
        return made

    def destroy(self, identity: int) -> list[Actor]:
        """Take an actor and all that is attached to it away; gives them. Refused when there is no such actor."""
        actor = self.actor(identity)
        if actor is self.spectator:
            raise Refused("the spectator cannot be destroyed")
        gone = [actor]
        for child in list(actor.children):
            if child.identity in self.actors:
                gone += self.destroy(child.identity)
        del self.actors[identity]
        actor.alive = False
        if isinstance(actor, Vehicle | Walker):
            self._moving.remove(actor)
        if isinstance(actor, TrafficLight):
            self.lights = Lights([light for light in self.lights.lights if light is not actor])
        if actor.parent is not None:
            actor.parent.children.remove(actor)
            self._followers.remove(actor)
        return gone

    def _number(self) -> int:
        self._next += 1
        return self._next - 1

    def _enter(self, actor: Actor) -> Actor:
        self.actors[actor.identity] = actor
        if isinstance(actor, Vehicle | Walker):
            self._moving.append(actor)
        if actor.parent is not None:
            self._followers.append(actor)
        return actor

    def _signals(self) -> Iterable[TrafficLight]:
        for signal in self.map.extras.signals:
            print_, place = blueprint_of(signal), place_of(signal, self.map)
            if print_ is None or place is None:
                continue
            if print_.id == "traffic.traffic_light":
                light = TrafficLight(self._number(), print_, place, signal)
                light.stops = stops_of(signal, self.map)
                self._enter(light)
                yield light
            else:
                self._enter(TrafficSign(self._number(), print_, place, signal.id))

    # Time

    def tick(self, dt: float) -> None:
        """Let ``dt`` s pass: lights, motion, collisions, what is attached."""
        self.frame += 1
        self.seconds += dt
        self.step = dt
        self.lights.advance(dt)
        ground = self.map.ground
        for actor in self._moving:
            if isinstance(actor, Vehicle):
                actor.advance(dt)
            elif actor.simulates:
                feet = actor.place.z - actor.box.extent[2]
                actor.advance(dt, ground.under(actor.place.x, actor.place.y, feet).z)
        self.contacts = self._collide()
        if self.lights.lights:
            for vehicle in self.vehicles:
                vehicle.light = self.lights.before(vehicle)
        for follower in self._followers:
            follower.follow()

    def _collide(self) -> list[Contact]:
        solid = [actor for actor in self._moving if actor.collides]
        contacts = list(collisions.between_actors(solid)) if len(solid) > 1 else []
        for actor in solid:
            if isinstance(actor, Vehicle) and actor.simulates and collisions.may_touch_roadside(actor):
                hit = collisions.with_roadside(actor, self.map.driving.obstacles)
                if hit is not None:
                    contacts.append(hit)
        return contacts

    def snapshot(self, platform: float, changed: bool) -> bytes:
        """The world as it is now, for the client."""
        records = [actor.record() for actor in self.actors.values()]
        return layouts.snapshot(self.frame, self.seconds, self.episode, platform, self.step, changed, records)
