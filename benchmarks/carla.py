"""How fast the CARLA server is with the unmodified wheel as client, both on this machine, and whether its memory grows.

::

    python -m benchmarks.carla              # a minute
    python -m benchmarks.carla --long       # and 10,000 ticks with a camera and 20 load_world, memory before and after

Ticks/s are of the wall clock, because two processes share the work: other work on the machine shows. Nothing here
fails; tests are elsewhere.
"""

from __future__ import annotations

import argparse
import os
import queue
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from envs.carla.client.waking import Watched

EMPTY_GOAL, CAMERA_GOAL, TRAFFIC_GOAL = 1500.0, 400.0, 100.0
"""Synchronous ticks/s asked for: nothing in the world; a 200 x 78 camera and control each tick; 20 cars of the Traffic
Manager and that camera."""
ROUNDS = 3


@contextmanager
def serving(map_name: str) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """A server on a free port: (port, its process)."""
    command = [sys.executable, "-c", "from launch.cli import main; main()", "serve", "--port", "0", "--map", map_name]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    root = Path(__file__).parents[1]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root, env=environment) as process:
        assert process.stdout is not None
        found = re.search(r":(\d+) \(", process.stdout.readline())
        assert found
        try:
            yield int(found[1]), process
        finally:
            process.terminate()


def rate(step: Callable[[], object], ticks: int) -> str:
    """Median ticks/s of a few rounds, and their spread."""
    rates = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for _ in range(ticks):
            step()
        rates.append(ticks / (time.perf_counter() - began))
    return f"{statistics.median(rates):8.0f} ticks/s ({min(rates):.0f} to {max(rates):.0f})"


def synchronous(world: Any) -> None:
    """Time goes by ticks of 0.05 s."""
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.05
    world.apply_settings(settings)


def camera_on(world: Any, car: Any, place: Any = None) -> tuple[Any, queue.Queue[Any]]:
    """The driving camera on a car, or somewhere else, and where its pictures arrive."""
    import carla

    from scenarios.schema import CameraSpec

    spec = CameraSpec()
    blueprint = world.get_blueprint_library().find("sensor.camera.rgb")
    blueprint.set_attribute("image_size_x", str(spec.width))
    blueprint.set_attribute("image_size_y", str(spec.height))
    mount = carla.Transform(carla.Location(spec.x_m, 0.0, spec.z_m), carla.Rotation(spec.pitch_deg))
    camera = world.spawn_actor(blueprint, place or mount, attach_to=car)
    pictures: queue.Queue[Any] = queue.Queue()
    camera.listen(pictures.put)
    return camera, pictures


def with_camera(world: Any, car: Any, pictures: queue.Queue[Any]) -> Callable[[], None]:
    """A tick with control, that waits for its picture."""
    import carla

    def step() -> None:
        car.apply_control(carla.VehicleControl(throttle=0.3))
        frame = world.tick()
        while pictures.get(timeout=10.0).frame < frame:
            pass

    return step


def traffic(client: Any, map_name: str, ticks: int) -> str:
    """20 cars of the Traffic Manager and a camera.

    Our towns have ends, where the manager takes cars away; one of CARLA's (--town Town01.xodr) keeps all 20.
    """
    world = client.load_world(map_name)
    synchronous(world)
    manager = client.get_trafficmanager(0x4000 + os.getpid() % 0x4000)
    manager.set_synchronous_mode(True)
    blueprint = world.get_blueprint_library().find("vehicle.tesla.model3")
    cars = [world.try_spawn_actor(blueprint, place) for place in world.get_map().get_spawn_points()[::3]]
    cars = [car for car in cars if car is not None][:20]
    world.tick()
    for car in cars:
        car.set_autopilot(True, manager.get_port())
    # On no car, so that it stays.
    camera, pictures = camera_on(world, None, cars[0].get_transform())

    watched = Watched(manager.get_port(), 30.0)

    def step() -> None:
        frame = watched.call("tick", world.tick)
        while pictures.get(timeout=10.0).frame < frame:
            pass

    for _ in range(20):
        step()
    found = f"{rate(step, ticks)} ({sum(car.is_alive for car in cars)} of {len(cars)} cars left at the end)"
    camera.destroy()
    # The client's manager must be gone before a map is loaded, or it ends the process.
    for car in cars:
        if car.is_alive:
            car.set_autopilot(False, manager.get_port())
    manager.set_synchronous_mode(False)
    manager.shut_down()
    return found


def megabytes(process: subprocess.Popen[str]) -> float:
    """Resident memory of a process."""
    import psutil

    return float(psutil.Process(process.pid).memory_info().rss / 1e6)


def main() -> None:
    """Print ticks/s, and memory with --long."""
    import carla

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--long", action="store_true", help="memory over 10,000 ticks and 20 load_world")
    parser.add_argument("--town", default="town-2", help="map for traffic, a name or a file (default town-2)")
    options = parser.parse_args()
    long: bool = options.long
    with serving("lane-1") as (port, process):
        client = carla.Client("127.0.0.1", port)
        client.set_timeout(30.0)
        world = client.get_world()
        synchronous(world)
        print(f"no sensors           {rate(world.tick, 2000)}, asked for: {EMPTY_GOAL:.0f}", flush=True)
        place = world.get_map().get_spawn_points()[4]
        car = world.spawn_actor(world.get_blueprint_library().find("vehicle.tesla.model3"), place)
        camera, pictures = camera_on(world, car)
        step = with_camera(world, car, pictures)
        for _ in range(20):
            step()
        print(f"camera and control   {rate(step, 500)}, asked for: {CAMERA_GOAL:.0f}", flush=True)
        if long:
            before = megabytes(process)
            for _ in range(10_000):
                step()
            print(f"memory over 10,000 ticks with a camera: {before:.0f} -> {megabytes(process):.0f} MB", flush=True)
        camera.destroy()
        print(f"20 cars and a camera {traffic(client, options.town, 200)}, asked for: {TRAFFIC_GOAL:.0f}", flush=True)
        if long:
            sizes = []
            for number in range(20):
                world = client.load_world(("lane-1", "town-1")[number % 2])
                car = world.spawn_actor(
                    world.get_blueprint_library().find("vehicle.tesla.model3"), world.get_map().get_spawn_points()[4]
                )
                camera, pictures = camera_on(world, car)
                pictures.get(timeout=30.0)
                camera.destroy()
                sizes.append(megabytes(process))
            print(f"memory over 20 load_world: {sizes[1]:.0f} (after 2) -> {sizes[-1]:.0f} MB")


if __name__ == "__main__":
    main()
