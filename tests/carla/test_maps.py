"""Maps: ours, files, texts from the client."""

from pathlib import Path

import carla

from scenarios import maps
from tests.carla.wheel import refused, spawn


def test_our_maps_load_and_spawn_points_lie_on_lanes(server):
    def script(client):
        names = [name.split("/")[-1] for name in client.get_available_maps()]
        assert "town-1" in names
        assert "hills-1" in names
        world = client.load_world("hills-1")
        road = world.get_map()
        assert road.name.endswith("hills-1")
        points = road.get_spawn_points()
        assert len(points) > 5
        assert max(p.location.z for p in points) - min(p.location.z for p in points) > 5.0
        for point in points[:20]:
            lane = road.get_waypoint(point.location, project_to_road=False)
            assert lane is not None
            assert lane.lane_type == carla.LaneType.Driving
            there = lane.transform
            assert there.location.distance(point.location) < 0.5
            assert there.get_forward_vector().dot(point.get_forward_vector()) > 0.999
        refused(lambda: client.load_world("Town99"), "load_new_episode", "Town99", "not found")
        assert client.get_world().get_map().name.endswith("hills-1")

    server.play(script)


def test_reload_gives_another_episode_without_the_actors(server):
    def script(client):
        world = client.load_world("lane-1")
        spawn(world, "vehicle.audi.tt")
        again = client.reload_world()
        assert again.id != world.id
        assert len(again.get_actors().filter("vehicle.*")) == 0
        frame = again.get_snapshot().frame
        assert frame > 0
        assert client.load_world_if_different("lane-1") is None

    server.play(script)


def test_a_file_by_its_path_and_no_file_that_is_not_there(server, tmp_path):
    def script(client, folder):
        world = client.load_world(folder + "/mine.xodr")
        assert world.get_map().name.endswith("mine")
        refused(lambda: client.load_world(folder + "/yours.xodr"), "there is no such file")
        refused(lambda: client.load_world(folder + "/broken.xodr"), "load_new_episode", "XML")
        refused(lambda: client.load_world("/etc/passwd"), "not found")

    Path(tmp_path / "mine.xodr").write_text(maps.read("lane-2"))
    Path(tmp_path / "broken.xodr").write_text("<OpenDRIVE><road")
    server.play(script, tmp_path)


def test_a_text_from_the_client_becomes_a_world(server, tmp_path):
    def script(client, file):
        text = Path(file).read_text()
        world = client.generate_opendrive_world(text)
        road = world.get_map()
        assert road.to_opendrive() == text
        lane = road.get_waypoint(road.get_spawn_points()[0].location)
        assert len(lane.next(20.0)) == 1
        refused(lambda: client.generate_opendrive_world("<nothing/>"), "copy_opendrive_to_file", "OpenDRIVE")

    Path(tmp_path / "mine.xodr").write_text(maps.read("lane-2"))
    server.play(script, tmp_path / "mine.xodr")
