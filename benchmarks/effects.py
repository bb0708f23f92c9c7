"""What weather and faults of the picture cost at 200 x 78, as shares of a frame rendered in clear weather.

::

    python -m benchmarks.effects                      # half a minute
    python -m benchmarks.effects --rounds 400

Every round times each effect once, one after the other, with a rendered frame before each, so that other work on the
machine strikes all alike: the share is the median of effect over frame. No single effect should cost more than one
frame. Nothing here fails; tests are elsewhere.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

GOAL = 1.0
"""Of a rendered clear frame, what a single effect may cost."""
SCENES = ("heldout-country", "heldout-town")
WEATHERS = ("overcast", "dense_fog", "HardRainNoon", "wet_road", "low_sun_ahead", "night", "stormy_night", "dust_storm")


class Place:
    """A car on its way: its camera's pictures with all channels, and the means to draw them again."""

    def __init__(self, scenario: str) -> None:
        from envs.driving.env import LaneKeepingEnv
        from envs.driving.world import DrivingWorld
        from envs.effects.weather import View, WeatherLook, street_lamps
        from envs.render.pose import Pose
        from policies.expert import ExpertDriver

        env, expert = LaneKeepingEnv(scenario, observation_mode="state"), ExpertDriver()
        observation, info = env.reset(seed=3)
        for _ in range(60):
            observation, _, _, _, info = env.step(expert.act(observation, info))
        spec, world, car = env.scenario.camera, env.ride.world, env.ride.car
        assert isinstance(world, DrivingWorld)
        mount = Pose.from_angles(spec.x_m, 0.0, spec.z_m, pitch=math.radians(spec.pitch_deg))
        self.eye = env.car_pose().compose(mount)
        renderer, angle = world.open_renderer(), math.radians(spec.fov_deg)
        self.clear = renderer.camera(spec.width, spec.height, angle, {"rgb"})
        self.deep = renderer.camera(spec.width, spec.height, angle, {"rgb", "depth"})
        self.full = renderer.camera(spec.width, spec.height, angle, {"rgb", "depth", "segmentation"})
        self.frame = self.full.render(self.eye)
        assert self.frame.rgb is not None
        self.image = self.frame.rgb
        heading = (math.cos(car.heading), math.sin(car.heading))
        import numpy as np

        velocity = np.array((car.speed * heading[0], car.speed * heading[1], 0.0))
        focal = spec.width / 2 / math.tan(angle / 2)
        north = math.atan2(heading[1], heading[0])
        self.view = View(spec.width, spec.height, focal, self.eye.position, self.eye.rotation, velocity, north)
        self.look = WeatherLook(world.scene.sky, 7, street_lamps(world.scene.instances))
        self._env = env  # keeps the world open

    def draw(self) -> None:
        """One frame in clear weather."""
        self.clear.render(self.eye)


def single_effects(place: Place) -> dict[str, Callable[[], Any]]:
    """Every part of the weather on its own, and every fault of the picture at severity 3."""
    from envs.effects import IMAGE_FAULTS, Key
    from envs.effects.weather import glare, haze, lens, light, night, rain, wet
    from envs.effects.weather.conditions import conditions
    from envs.effects.weather.view import Shot, merge
    from scenarios.weather import PRESETS

    frame, view, look, key = place.frame, place.view, place.look, Key(5, 40)
    rgb = place.image
    street = look.street_light()
    # Film and puddles on their own, each in falling rain.
    weathers = dict(PRESETS)
    weathers["damp"] = PRESETS["rain"].model_copy(update={"precipitation_deposits": 0.0})
    weathers["flooded"] = PRESETS["rain"].model_copy(update={"wetness": 0.0})

    def stage(weather: str, part: Callable[[Any, Shot, Any], Any], merged: bool = False) -> Callable[[], Any]:
        now = conditions(weathers[weather], look.heaven.sky, view.north)
        planes = light.relight(rgb, now, view)
        before = merge(planes) if merged else planes
        # A fresh picture each time: what parts share (rays, the road's plane) is counted to each of them.
        return lambda: part(before.copy(), Shot(rgb, frame.depth, frame.segmentation, view), now)

    effects: dict[str, Callable[[], Any]] = {
        "another light": stage("overcast", lambda _, shot, now: merge(light.relight(shot.image, now, view))),
        "sky": stage("overcast", lambda planes, shot, now: look.heaven.paint(planes, shot, now)),
        "fog": stage("dense_fog", lambda planes, shot, now: haze.fill(planes, shot, now, look.heaven, 7, key)),
        "dust": stage("dust_storm", lambda planes, shot, now: haze.fill(planes, shot, now, look.heaven, 7, key)),
        "rain": stage("storm", lambda image, shot, now: rain.fall(image, shot, now, look.heaven, 7, key), merged=True),
        "drops on the lens": stage("storm", lambda image, _, now: lens.wet_lens(image, now, key), merged=True),
        "wet road": stage("damp", lambda planes, shot, now: wet.drench(planes, shot, now, look.heaven, 7, key)),
        "puddles": stage("flooded", lambda planes, shot, now: wet.drench(planes, shot, now, look.heaven, 7, key)),
        "glare": stage("low_sun_ahead", lambda planes, shot, now: glare.dazzle(planes, shot, now, 1.0)),
        "lights by night": stage("night", lambda planes, shot, now: night.shine(planes, shot, now, street, 7)),
    }
    for name, fault in IMAGE_FAULTS.items():
        effects[name] = partial(fault, rgb, 3.0, key)
    return effects


def whole_weathers(place: Place) -> dict[str, Callable[[], Any]]:
    """A frame in each of some weathers, drawn with the channels that it needs."""
    from envs.effects import Key
    from scenarios.weather import PRESETS

    def one(weather: Any) -> Callable[[], Any]:
        needs = place.look.needs(weather)
        camera = place.full if "segmentation" in needs else place.deep if needs else place.clear

        def picture() -> None:
            frame = camera.render(place.eye)
            assert frame.rgb is not None
            place.look.apply(frame.rgb, frame.depth, frame.segmentation, place.view, weather, Key(5, 40))

        return picture

    return {name: one(PRESETS[name]) for name in WEATHERS}


def shares(
    effects: dict[str, Callable[[], Any]], draw: Callable[[], Any], rounds: int
) -> dict[str, tuple[float, float]]:
    """Of each effect: median milliseconds, and the median share of a clear frame."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in effects}
    for effect in effects.values():
        effect()  # what is computed once per world is not counted
    for _ in range(rounds):
        for name, effect in effects.items():
            began = time.perf_counter()
            draw()
            drawn = time.perf_counter()
            effect()
            times[name].append((time.perf_counter() - drawn, drawn - began))
    return {
        name: (1e3 * statistics.median(t for t, _ in pairs), statistics.median(t / frame for t, frame in pairs))
        for name, pairs in times.items()
    }


def say(text: str) -> None:
    """Print now, also into a pipe."""
    print(text, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=150, help="times that each effect is measured")
    given = parser.parse_args(arguments)
    for scenario in SCENES:
        place = Place(scenario)
        results = shares(single_effects(place), place.draw, given.rounds)
        say(f"{scenario}: single effects, without drawing the frame")
        for name, (milliseconds, share) in results.items():
            say(f"  {name:20} {milliseconds:6.2f} ms  {share:6.2f} of a clear frame")
        worst = max(results, key=lambda name: results[name][1])
        say(f"  most costly: {worst}, {results[worst][1] / GOAL:.2f} of what is allowed")
        say(f"{scenario}: a whole frame, drawn and with its weather")
        for name, (milliseconds, share) in shares(whole_weathers(place), place.draw, given.rounds).items():
            say(f"  {name:20} {milliseconds:6.2f} ms  {share:6.2f} of a clear frame")
    return 0


if __name__ == "__main__":
    sys.exit(main())
