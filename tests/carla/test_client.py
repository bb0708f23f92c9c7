"""The lane-keeping task in CARLA is that of the embedded world: the real wheel in other processes, our own server."""

import math
import sys
from pathlib import Path

import carla
import gymnasium
import numpy
import pytest

from envs.carla.client.session import require_substeps
from envs.carla.client.stage import with_surroundings
from envs.carla.errors import BadSettings
from envs.carla.server.world.signals import read_extras
from envs.driving.backends import make_lane_keeping
from envs.errors import BadBackend
from scenarios import maps
from scenarios.schema import Surroundings

# What the scripts need, under the names that they find in their own process.
from tests.carla.wheel import CARLA, driven, scenario, spawn, vehicles


def test_the_same_actions_give_the_same_states_pictures_and_info(server):
    def script(client):
        both = scenario(map="hairpins-2", start={"position": "random", "lateral_m": 0.5, "heading_deg": 3.0})
        name = "liquid_pilot/LaneKeeping-v0"
        here = gymnasium.make(f"envs.registration:{name}", scenario=both)
        there = gymnasium.make(name, scenario=both, backend="carla", port=int(sys.argv[1]))
        assert here.observation_space == there.observation_space
        assert here.action_space == there.action_space
        (seen, info), (received, told) = here.reset(seed=4), there.reset(seed=4)
        for number in range(31):
            assert list(info) == list(told)
            assert {type(v) for v in info.values()} == {type(v) for v in told.values()}
            for key in ("x", "y", "z", "heading", "speed", "steering_angle", "cross_track_error", "heading_error"):
                assert abs(info[key] - told[key]) < 0.01, (number, key, info[key], told[key])
            assert (info["end"], info["lane_invasion"]) == (told["end"], told["lane_invasion"])
            assert received["image"].dtype == numpy.uint8
            assert abs(float(received["speed"][0] - seen["speed"][0])) < 0.01
            assert received["elapsed"] == seen["elapsed"]
            difference = numpy.abs(seen["image"].astype(float) - received["image"])
            assert difference.mean() < 2.0, (number, difference.mean())
            assert seen["image"].std() > 20.0
            # A slalom: what is left in the one world is left in the other.
            action = numpy.array((0.1 * math.sin(0.3 * number), 0.3 if number < 20 else -0.2), dtype=numpy.float32)
            seen, reward, *_, info = here.step(action)
            received, given, *_, told = there.step(action)
            assert abs(reward - given) < 0.01
        assert there.unwrapped.server == "0.9.16, liquid-pilot serve"
        there.close()

    server.play(script)


def test_weather_is_carlas_and_faults_are_ours(server):
    def script(client):
        knocked = {"fault": "camera_shift", "severity": 4}
        for extra in (
            {"weather": "night"},
            {"weather": "dense_fog"},
            {"faults": [knocked]},
            {"faults": [{"fault": "impulse_noise", "severity": 3}], "weather": "fog"},
            {"weather": {"keyframes": [{"time_s": 0.0, "weather": "clear"}, {"time_s": 0.4, "weather": "night"}]}},
        ):
            both = scenario(map="lane-1", **extra)
            name = "envs.registration:liquid_pilot/LaneKeeping-v0"
            here, there = (gymnasium.make(name, scenario=both, **more) for more in ({}, CARLA))
            here.reset(seed=1), there.reset(seed=1)
            for _ in range(10):
                seen, received = (env.step(numpy.zeros(2, numpy.float32))[0]["image"] for env in (here, there))
            gap = numpy.abs(seen.astype(float) - received).mean()
            assert gap < 4.0, (extra, gap)
            there.close()

    server.play(script)


def test_a_wet_road_is_slippery_where_the_scenario_says_so(server):
    def script(client):
        def speed_after_braking(**options):
            name = "envs.registration:liquid_pilot/LaneKeeping-v0"
            env = gymnasium.make(name, scenario=wet, observation_mode="state", **options)
            env.reset(seed=1)
            for _ in range(20):
                *_, info = env.step(numpy.array((0.0, -1.0), dtype=numpy.float32))
            env.close()
            return info["speed"]

        speeds = []
        for slippery in (True, False):
            wet = scenario(map="lane-1", weather="storm", wet_grip=slippery, start={"speed": 12.0})
            speeds.append((speed_after_braking(), speed_after_braking(**CARLA)))
        assert all(abs(here - there) < 0.05 for here, there in speeds), speeds
        assert speeds[0][1] > speeds[1][1] + 0.3, speeds

    server.play(script)


def test_a_route_by_waypoints_is_that_of_the_map(server, tmp_path):
    def script(client, folder):

        from envs.driving.backends import make_lane_keeping
        from policies import load

        Path(folder, "mine.xodr").write_text(maps.read("hairpins-2"))
        both = scenario(map="hairpins-2", length=300.0, start={"position": "random", "lateral_m": 0.3})
        here = make_lane_keeping(both, observation_mode="state")
        expert = load("expert")
        for town in ("hairpins-2", f"{folder}/mine.xodr"):
            there = make_lane_keeping(both, observation_mode="state", town=town, **CARLA)
            ours, theirs = here.plan(3), there.plan(3)
            assert abs(ours.length - theirs.length) < 1e-9
            assert abs(ours.route.length - theirs.route.length) < 2.5  # the lane's last strides
            sides = [ours.route.project(x, y).cross_track for x, y in zip(theirs.route.x, theirs.route.y, strict=True)]
            assert numpy.abs(sides).max() < 0.01, numpy.abs(sides).max()
            turns = [
                (ours.route.project(x, y).curvature, k)
                for x, y, k in zip(theirs.route.x, theirs.route.y, theirs.route.curvature, strict=True)
            ]
            assert numpy.mean([abs(a - b) for a, b in turns]) < 0.001
            observation, info = there.reset(seed=3)
            worst = 0.0
            while not info["end"] and info["time"] < 8.0:
                observation, *_, info = there.step(expert.act(observation, info))
                worst = max(worst, abs(info["cross_track_error"]))
            assert info["end"] in ("", "completed"), info["end"]
            assert worst < 0.5, worst
            there.close()

    server.play(script, tmp_path)


def test_a_route_says_what_the_map_does_not_have(server):
    def script(client):
        from envs.carla.errors import NoRoute, ServerRefused
        from envs.driving.backends import make_lane_keeping

        for extra, town, words in (
            ({"route": {"length_m": 99000.0}}, "lane-1", "the lane ends after"),
            ({"route": {"start": {"road": "777"}}}, "lane-1", "777"),
            ({"route": {"start": {"road": "a"}}}, "lane-1", "by number"),
            ({"route": {"via": ["777"], "length_m": 50.0}}, "lane-1", "777"),
            ({}, "Town99", "Town99"),
        ):
            env = make_lane_keeping(scenario(map="lane-1", **extra), observation_mode="state", town=town, **CARLA)
            with pytest.raises((NoRoute, ServerRefused), match=words):
                env.reset(seed=0)
            env.close()

    server.play(script)


def test_a_car_in_the_way_is_a_collision_and_a_crossed_line_an_invasion(server):
    def script(client):
        env = driven(map="lane-1", limits={"off_lane": 3.0})
        _, info = env.reset(seed=0)
        for number in range(200):
            steer = 0.1 if number < 12 else 0.0
            *_, info = env.step(numpy.array((steer, 0.2), dtype=numpy.float32))
            if info["lane_invasion"]:
                break
        assert info["lane_invasion"]
        assert not info["collision"]
        _, info = env.reset(seed=0)
        assert not info["lane_invasion"]
        x, y, yaw = info["x"], -info["y"], -math.degrees(info["heading"])
        ahead = carla.Transform(carla.Location(x, y, info["z"] + 0.3), carla.Rotation(yaw=yaw))
        ahead.location += ahead.get_forward_vector() * 20.0
        truck = spawn(client.get_world(), "vehicle.carlamotors.firetruck", ahead)
        while not info["end"]:
            *_, info = env.step(numpy.array((0.0, 0.3), dtype=numpy.float32))
        assert (info["end"], info["collision"], info["success"]) == ("collision", True, False)
        env.close()
        truck.destroy()

    server.play(script)


def test_an_episode_begins_where_another_has_ended(server):
    def script(client):
        env = driven(map="lane-1", route={"length_m": 20.0}, start={"speed": 10.0})
        ends = []
        for seed in (5, 6, 5):
            _, info = env.reset(seed=seed)
            places = [info["x"]]
            while not info["end"]:
                *_, info = env.step(numpy.array((0.0, 0.1), dtype=numpy.float32))
                places.append(info["x"])
            ends.append((info["end"], info["time"], places))
            vehicles(client, 1)
        assert [end[0] for end in ends] == ["completed"] * 3
        assert ends[0] == ends[2]  # the server repeats itself
        env.close()

    server.play(script)


def test_cars_of_the_traffic_manager_drive_and_are_gone_afterwards(server):
    def script(client):
        env = driven(map="town-1", traffic=3)
        env.reset(seed=2)
        others = [car for car in vehicles(client, 4) if "liquidpilot" not in car.type_id]
        assert len(others) == 3
        starts = [car.get_location() for car in others]
        for _ in range(60):
            env.step(numpy.zeros(2, dtype=numpy.float32))
        moved = [car.get_location().distance(start) for car, start in zip(others, starts, strict=True) if car.is_alive]
        assert max(moved) > 1.0, moved
        env.close()
        vehicles(client, 0)
        assert not client.get_world().get_settings().synchronous_mode

    server.play(script)


def test_the_picture_for_people_has_the_car_from_behind(server):
    def script(client):
        env = driven(map="lane-1", mode="camera", render_mode="rgb_array")
        env.reset(seed=0)
        picture = env.render()
        assert picture.shape == (620, 800, 3)
        below = picture[312:582, :480]
        assert below.std() > 15.0
        env.step(numpy.array((0.0, 1.0), dtype=numpy.float32))
        assert not (env.render()[312:582, :480] == below).all()
        env.close()

    server.play(script)


def test_options_that_make_no_sense_are_refused():
    with pytest.raises(BadBackend, match="embedded or carla"):
        make_lane_keeping(backend="torcs")
    with pytest.raises(BadBackend, match="port: only for backend='carla'"):
        make_lane_keeping(port=2000)
    with pytest.raises(BadBackend, match="timeout"):
        make_lane_keeping(backend="carla", timeout=0.0)
    with pytest.raises(BadBackend):
        gymnasium.make("envs.registration:liquid_pilot/LaneKeeping-v0", backend="airsim")


def test_the_rule_of_the_substeps():
    require_substeps(0.05, 0.01, 10)
    require_substeps(0.1, 0.01, 10)
    with pytest.raises(BadSettings, match=r"0\.2 s is longer than 10 physics steps"):
        require_substeps(0.2, 0.01, 10)
    with pytest.raises(BadSettings):
        require_substeps(math.nan, 0.01, 10)


@pytest.mark.parametrize("name", ["lane-1", "town-1"])
def test_the_land_travels_in_the_header(name):
    text = maps.read(name)
    look = Surroundings(theme="autumn", seed=3, recolour=0.25)
    told = with_surroundings(text, look)
    assert read_extras(told).surroundings == ("autumn", 3, 0.25)
    assert read_extras(with_surroundings(text, Surroundings(theme="alpine", seed=2147483646))).surroundings == (
        "alpine", 2147483646, 0.0,
    )  # fmt: skip
    assert told.replace('<userData code="liquid_pilot.surroundings" value="autumn 3 0.25"/>', "") != told
    closed = '<OpenDRIVE><header revMajor="1" name="a>b"/><road/></OpenDRIVE>'
    assert with_surroundings(closed, look).count("</header><road/>") == 1
    assert with_surroundings("<none/>", look) == "<none/>"
