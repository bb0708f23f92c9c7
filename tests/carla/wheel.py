"""What test scripts do with the wheel; they run in processes of their own, see conftest.py."""

import faulthandler
import queue
import sys
import time

import carla

CARLA = {"backend": "carla", "port": int(sys.argv[1]) if sys.argv[1:2] and sys.argv[1].isdigit() else 0}
"""The options of an environment on the server under test."""


def connect():
    """A client of the server under test."""
    faulthandler.enable()
    client = carla.Client("127.0.0.1", int(sys.argv[1]))
    client.set_timeout(60.0)
    return client


def synchronous(world, step=0.05, **more):
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, step
    for name, value in more.items():
        setattr(settings, name, value)
    world.apply_settings(settings)


def spawn(world, name, place=None, **attributes):
    parent = attributes.pop("attach_to", None)
    blueprint = world.get_blueprint_library().find(name)
    for key, value in attributes.items():
        blueprint.set_attribute(key, str(value))
    place = place or world.get_map().get_spawn_points()[0]
    return world.spawn_actor(blueprint, place, attach_to=parent)


kept = []


def listen(sensor):
    data = queue.Queue()
    kept.append(sensor)  # the wheel stops a sensor that nobody holds
    sensor.listen(data.put)
    return data


def of_frame(data, frame):
    while True:
        item = data.get(timeout=60.0)
        assert item.frame <= frame
        if item.frame == frame:
            return item


def refused(call, *words):
    try:
        call()
    except RuntimeError as error:
        text = str(error)
    else:
        raise AssertionError("not refused")
    assert all(word in text for word in words), text


def vehicles(client, count):
    """So many vehicles; a client hears of another one's map up to a second later."""
    for _ in range(1000):
        found = client.get_world().get_actors().filter("vehicle.*")
        if len(found) == count:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{len(found)} vehicles instead of {count}")


def scenario(**parts):
    """A drive on one of our maps, with what else is given of it."""
    from scenarios.schema import Scenario

    road = {key: parts.pop(key) for key in ("map", "file") if key in parts}
    data = {"description": "A test", "road": road, "route": {"length_m": parts.pop("length", 100.0)}, **parts}
    return Scenario.from_dict(data, "test")


def driven(*, mode="state", render_mode=None, traffic=0, timeout=60.0, **parts):
    """An environment on the server under test."""
    from envs.driving.backends import make_lane_keeping

    options = {"traffic": traffic, "timeout": timeout, **CARLA}
    return make_lane_keeping(scenario(**parts), observation_mode=mode, render_mode=render_mode, **options)
