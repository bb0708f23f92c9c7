"""Sensors: what the wheel makes of them."""

import math
import time

import carla
import numpy
import numpy as np

from tests.carla.wheel import connect, listen, of_frame, refused, spawn, synchronous


def test_the_rgb_camera_sees_the_embedded_world(server, tmp_path):
    def script(client, file):
        expected = numpy.load(file)
        world = client.load_world("lane-1")
        synchronous(world)
        car = spawn(world, "vehicle.liquidpilot.car", world.get_map().get_spawn_points()[4])
        eye = carla.Transform(carla.Location(1.3, 0.0, 2.3), carla.Rotation(-20.0))
        camera = spawn(world, "sensor.camera.rgb", eye, image_size_x=200, image_size_y=78, attach_to=car)
        images = listen(camera)
        frame = world.tick()
        image = of_frame(images, frame)
        assert (image.width, image.height, image.fov) == (200, 78, 90.0)
        assert abs(image.timestamp - world.get_snapshot().timestamp.elapsed_seconds) < 1e-6
        found = numpy.frombuffer(image.raw_data, dtype=numpy.uint8).reshape(78, 200, 4)[..., 2::-1]
        difference = numpy.abs(found.astype(int) - expected.astype(int))
        assert difference.mean() < 0.5, difference.mean()

    from envs.carla.server.world.actors import tilted
    from envs.carla.server.world.maps import MapSource
    from envs.render.pose import Pose
    from scenarios import maps
    from scenarios.schema import CameraSpec

    built = MapSource("lane-1", maps.read("lane-1"), "meadow", 0).build()
    place = built.spawn_points[4]
    footing = built.ground.under(place.x, place.y, place.z)
    eye = tilted(place, footing).pose().compose(Pose.from_angles(1.3, 0.0, 2.3, pitch=np.radians(-20.0)))
    np.save(tmp_path / "expected.npy", built.driving.picture(CameraSpec(), eye))
    built.close()
    server.play(script, tmp_path / "expected.npy")


def test_weather_is_seen_by_the_camera_and_read_again(server):
    def script(client):
        world = client.load_world("lane-1")
        synchronous(world)
        place = world.get_map().get_spawn_points()[0]
        place.location.z += 2.0
        images = listen(spawn(world, "sensor.camera.rgb", place, image_size_x=160, image_size_y=90))

        def look():
            image = of_frame(images, world.tick())
            return numpy.frombuffer(image.raw_data, dtype=numpy.uint8).reshape(90, 160, 4)[..., :3].astype(int)

        clear = look()
        names = [
            "cloudiness",
            "precipitation",
            "precipitation_deposits",
            "wind_intensity",
            "sun_azimuth_angle",
            "sun_altitude_angle",
            "fog_density",
            "fog_distance",
            "fog_falloff",
            "wetness",
            "scattering_intensity",
            "mie_scattering_scale",
            "rayleigh_scattering_scale",
            "dust_storm",
        ]
        weather = carla.WeatherParameters.ClearNoon
        for number, name in enumerate(names):
            setattr(weather, name, float(number + 1))
        world.set_weather(weather)
        world.tick()
        assert [round(getattr(world.get_weather(), name), 3) for name in names] == [i + 1.0 for i in range(14)]
        world.set_weather(carla.WeatherParameters.ClearNight)
        night = look()
        assert night.mean() < 0.5 * clear.mean()
        foggy = carla.WeatherParameters.ClearNoon
        foggy.fog_density, foggy.fog_distance = 90.0, 0.0
        world.set_weather(foggy)
        fog = look()
        assert fog.std() < 0.6 * clear.std()
        for name in dir(carla.WeatherParameters):  # every preset of CARLA's
            if name[0].isupper():
                world.set_weather(getattr(carla.WeatherParameters, name))
                look()

    server.play(script)


def test_depth_semantic_and_instance_segmentation_show_a_car_ahead(server):
    def script(client):
        world = client.load_world("lane-1")
        synchronous(world)
        road = world.get_map()
        place = road.get_spawn_points()[2]
        ahead = road.get_waypoint(place.location).next(15.0)[0].transform
        ahead.location.z += 0.3
        other = spawn(world, "vehicle.carlamotors.firetruck", ahead)
        place.location.z += 1.5
        size = {"image_size_x": 161, "image_size_y": 121}
        kinds = ("depth", "semantic_segmentation", "instance_segmentation")
        queues = [listen(spawn(world, f"sensor.camera.{kind}", place, fov=60, **size)) for kind in kinds]
        frame = world.tick()
        depth, semantic, instance = (
            numpy.frombuffer(of_frame(q, frame).raw_data, dtype=numpy.uint8).reshape(121, 161, 4).astype(int)
            for q in queues
        )
        tags = semantic[..., 2]
        assert tags[60, 80] == int(carla.CityObjectLabel.Truck)
        assert tags[120, 80] in (int(carla.CityObjectLabel.Roads), int(carla.CityObjectLabel.RoadLines))
        assert tags[0, 80] == int(carla.CityObjectLabel.Sky)
        metres = (depth[..., 2] + 256 * depth[..., 1] + 65536 * depth[..., 0]) / (2**24 - 1) * 1000.0
        assert abs(metres[60, 80] - (15.0 - other.bounding_box.extent.x)) < 0.6, metres[60, 80]
        assert metres[0, 80] > 999.0
        assert metres[120, 80] < 6.0
        assert (instance[..., 2] == tags).all()
        owner = instance[..., 1] + 256 * instance[..., 0]
        assert owner[60, 80] == other.id
        assert owner[120, 80] == 0
        image = of_frame(queues[1], world.tick())
        image.convert(carla.ColorConverter.CityScapesPalette)
        palette = numpy.frombuffer(image.raw_data, dtype=numpy.uint8).reshape(121, 161, 4)
        assert tuple(palette[60, 80, 2::-1]) == (0, 0, 70)  # CityScapes' truck

    server.play(script)


def test_imu_gyroscope_compass_and_noise(server):
    def script(client):
        world = client.load_world("lane-1")
        synchronous(world)
        car = spawn(world, "vehicle.tesla.model3")
        still = listen(spawn(world, "sensor.other.imu", carla.Transform(), attach_to=car))
        noisy = listen(
            spawn(
                world,
                "sensor.other.imu",
                carla.Transform(),
                attach_to=car,
                noise_gyro_bias_z=0.5,
                noise_accel_stddev_x=1.0,
            )
        )
        world.tick()
        frame = world.tick()
        calm, other = of_frame(still, frame), of_frame(noisy, frame)
        assert abs(calm.accelerometer.z - 9.81) < 0.05
        assert abs(calm.accelerometer.x) < 0.3
        assert abs(other.gyroscope.z - calm.gyroscope.z - 0.5) < 1e-5
        assert other.accelerometer.x != calm.accelerometer.x
        north = math.degrees(calm.compass)  # 0 is north (-y), clockwise
        yaw = car.get_transform().rotation.yaw
        assert abs((north - (yaw + 90.0) + 180.0) % 360.0 - 180.0) < 0.1
        for _ in range(40):
            car.apply_control(carla.VehicleControl(throttle=0.5, steer=0.15))
            frame = world.tick()
        turning = of_frame(still, frame)
        spin = math.radians(car.get_angular_velocity().z)
        assert spin > 0.1
        assert abs(turning.gyroscope.z - spin) < 0.02
        assert turning.accelerometer.y > 0.3  # to the right, into the bend
        world.set_imui_sensor_gravity(1.62)
        assert abs(world.get_imui_sensor_gravity() - 1.62) < 1e-6

    server.play(script)


def test_gnss_agrees_with_the_clients_own_map(server):
    def script(client, file):
        for world in (client.load_world("lane-1"), client.load_world(file)):
            synchronous(world)
            road = world.get_map()
            place = road.get_spawn_points()[-1]
            fixes = listen(spawn(world, "sensor.other.gnss", place))
            fix = of_frame(fixes, world.tick())
            wanted = road.transform_to_geolocation(place.location)
            assert abs(fix.latitude - wanted.latitude) < 1e-6, (fix, wanted.latitude)
            assert abs(fix.longitude - wanted.longitude) < 1e-6, (fix, wanted.longitude)
            assert abs(fix.altitude - place.location.z) < 1e-3
            world = client.reload_world()

    server.play(script, "hills-1")


def test_lane_invasion_runs_in_the_client(server):
    def script(client):
        world = client.load_world("motorway-1")
        synchronous(world)
        road = world.get_map()
        lanes = [
            p
            for p in road.get_spawn_points()
            if road.get_waypoint(p.location).get_right_lane() is not None
            and road.get_waypoint(p.location).get_right_lane().lane_type == carla.LaneType.Driving
        ]
        car = spawn(world, "vehicle.tesla.model3", lanes[0])
        events = listen(spawn(world, "sensor.other.lane_invasion", carla.Transform(), attach_to=car))
        world.tick()
        car.set_target_velocity(lanes[0].get_forward_vector() * 15.0)
        for _ in range(80):
            car.apply_control(carla.VehicleControl(throttle=0.4, steer=0.03))
            world.tick()
        event = events.get(timeout=10.0)
        assert len(event.crossed_lane_markings) >= 1

    server.play(script)


def test_the_obstacle_detector_measures_what_is_ahead(server):
    def script(client):
        world = client.load_world("lane-1")
        synchronous(world)
        road = world.get_map()
        place = road.get_spawn_points()[2]
        ahead = road.get_waypoint(place.location).next(20.0)[0].transform
        ahead.location.z += 0.3
        car, other = spawn(world, "vehicle.tesla.model3", place), spawn(world, "vehicle.audi.tt", ahead)
        front = carla.Transform(carla.Location(2.4, 0.0, 0.7))
        far = listen(spawn(world, "sensor.other.obstacle", front, attach_to=car, distance=40, only_dynamics="true"))
        near = listen(spawn(world, "sensor.other.obstacle", front, attach_to=car, distance=5, only_dynamics="true"))
        world.tick()
        frame = world.tick()
        event = of_frame(far, frame)
        assert event.other_actor.id == other.id
        gap = 20.0 - 2.4 - other.bounding_box.extent.x
        assert abs(event.distance - gap) < 1.2, (event.distance, gap)
        assert near.empty()

    server.play(script)


def test_lidars_measure_the_ground_and_a_truck(server):
    def script(client):
        world = client.load_world("lane-1")
        synchronous(world)
        road = world.get_map()
        place = road.get_spawn_points()[2]
        lane = road.get_waypoint(place.location)
        ahead = lane.next(15.0)[0].transform
        ahead.location.z += 0.3
        other = spawn(world, "vehicle.carlamotors.firetruck", ahead)
        eye = lane.transform
        eye.location.z += 2.0
        shape = {
            "channels": 16,
            "range": 40,
            "rotation_frequency": 20,
            "points_per_second": 115200,
            "upper_fov": 5,
            "lower_fov": -25,
        }
        plain = listen(
            spawn(world, "sensor.lidar.ray_cast", eye, dropoff_general_rate=0, dropoff_zero_intensity=0, **shape)
        )
        named = listen(spawn(world, "sensor.lidar.ray_cast_semantic", eye, **shape))
        frame = world.tick()
        cloud, rich = of_frame(plain, frame), of_frame(named, frame)
        points = numpy.frombuffer(cloud.raw_data, dtype=numpy.float32).reshape(-1, 4)
        assert cloud.channels == 16
        assert sum(cloud.get_point_count(i) for i in range(16)) == len(points) > 2000
        assert numpy.linalg.norm(points[:, :3], axis=1).max() <= 40.001
        assert (points[:, 3] > 0.8).all()
        kind = numpy.dtype(
            [("p", numpy.float32, 3), ("cos", numpy.float32), ("id", numpy.uint32), ("tag", numpy.uint32)]
        )
        table = numpy.frombuffer(rich.raw_data, dtype=kind)
        truck = table[table["id"] == other.id]
        assert len(truck) > 100
        assert (numpy.isin(truck["tag"], (15,))).mean() > 0.9
        inverse = numpy.array(other.get_transform().get_inverse_matrix())
        whole = numpy.array(eye.get_matrix())
        local = (inverse @ whole @ numpy.c_[truck["p"], numpy.ones(len(truck))].T)[:3].T
        box = other.bounding_box.extent
        assert (numpy.abs(local[:, 0]) < box.x + 0.25).all()
        assert (numpy.abs(local[:, 1]) < box.y + 0.25).all()
        rear = local[numpy.abs(local[:, 0] + box.x) < 0.25]  # its rear side, towards us
        assert len(rear) > 60
        ground = table[numpy.isin(table["tag"], (1, 24)) & (numpy.linalg.norm(table["p"], axis=1) < 15)]
        assert len(ground) > 200
        assert numpy.abs(ground["p"][:, 2] + 2.0).mean() < 0.1, numpy.abs(ground["p"][:, 2] + 2.0).mean()
        assert (ground["cos"] < 0.9).all()

    server.play(script)


def test_the_radar_measures_speed(server):
    def script(client):
        world = client.load_world("lane-1")
        synchronous(world)
        road = world.get_map()
        place = road.get_spawn_points()[2]
        lane = road.get_waypoint(place.location)
        ahead = lane.next(20.0)[0].transform
        ahead.location.z += 0.3
        other = spawn(world, "vehicle.carlamotors.carlacola", ahead)
        eye = lane.transform
        eye.location.z += 1.0
        data = listen(
            spawn(world, "sensor.other.radar", eye, points_per_second=20000, horizontal_fov=20, vertical_fov=10)
        )
        world.tick()
        other.set_target_velocity(ahead.get_forward_vector() * 6.0)
        scan = of_frame(data, world.tick())
        found = [(d.velocity, d.azimuth, d.depth) for d in scan]
        assert len(found) > 100
        moving = [d for d in found if d[0] > 5.0]
        assert len(moving) > 30
        assert all(abs(d[2] - 17.7) < 1.5 for d in moving), sorted(moving)[:3]
        assert all(abs(d[0]) < 1e-3 for d in found if d[2] < 12.0)

    server.play(script)


def test_sensor_tick_and_two_listeners(server):
    def script(client):
        world = client.load_world("lane-1")
        synchronous(world)
        car = spawn(world, "vehicle.tesla.model3")
        seldom = spawn(world, "sensor.other.gnss", carla.Transform(), attach_to=car, sensor_tick=0.2)
        first = listen(seldom)
        other = connect()
        second = listen(other.get_world().get_actor(seldom.id))
        time.sleep(0.2)
        frames = [world.tick() for _ in range(12)]
        time.sleep(0.2)
        got = [first.get_nowait().frame for _ in range(first.qsize())]
        assert got[1:] == [got[0] + 4 * (i + 1) for i in range(len(got) - 1)], got
        assert 2 <= len(got) <= 4
        assert [second.get_nowait().frame for _ in range(second.qsize())] == got
        seldom.stop()
        world.tick()
        world.tick()
        again = listen(seldom)
        time.sleep(0.1)
        for _ in range(5):
            world.tick()
        assert again.get(timeout=5.0).frame > frames[-1]

    server.play(script)


def test_what_no_camera_can_be_is_refused(server):
    def script(client):
        world = client.load_world("lane-1")
        place = carla.Transform()
        wrong = {"image_size_x": 100000}, {"image_size_x": 0}, {"fov": 179}, {"fov": 0}
        for attributes in wrong:
            refused(lambda a=attributes: spawn(world, "sensor.camera.rgb", place, **a), "spawn_actor")
        refused(lambda: spawn(world, "controller.ai.walker", place), "controller.ai.walker", "does not have")
        names = {blueprint.id for blueprint in world.get_blueprint_library()}
        assert "sensor.camera.optical_flow" not in names  # the client: IndexError with its name

    server.play(script)


def test_the_event_camera_reports_changes_of_brightness(server):
    def script(client):
        world = client.load_world("lane-1")
        synchronous(world)
        place = world.get_map().get_spawn_points()[0]
        place.location.z += 1.5
        size = {"image_size_x": 120, "image_size_y": 80}
        camera = spawn(world, "sensor.camera.dvs", place, positive_threshold=0.2, negative_threshold=0.2, **size)
        picture = spawn(world, "sensor.camera.rgb", place, **size)
        events, pictures = listen(camera), listen(picture)
        kind = numpy.dtype([("x", "<u2"), ("y", "<u2"), ("t", "<i8"), ("pol", "?")])

        def look():
            frame = world.tick()
            image = numpy.frombuffer(of_frame(pictures, frame).raw_data, dtype=numpy.uint8).reshape(80, 120, 4)
            grey = image[..., :3] @ numpy.array((0.114, 0.587, 0.299)) / 255.0
            found = of_frame(events, frame)
            assert (found.width, found.height) == (120, 80)
            return numpy.frombuffer(found.raw_data, dtype=kind), numpy.log(0.001 + grey), found

        first, before, _ = look()
        assert len(first) == 0
        still, _, _ = look()
        assert len(still) == 0
        turned = camera.get_transform()
        turned.rotation.yaw += 3.0
        camera.set_transform(turned)
        picture.set_transform(turned)
        moved, after, message = look()
        wanted = numpy.trunc((after - before) / 0.2)
        counted = numpy.zeros((80, 120))
        numpy.add.at(counted, (moved["y"], moved["x"]), numpy.where(moved["pol"], 1, -1))
        assert len(moved) > 500
        assert (counted == wanted).mean() > 0.97  # the two cameras round grey in different places
        assert (numpy.diff(moved["t"]) >= 0).all()
        end = world.get_snapshot().timestamp.elapsed_seconds * 1e9
        assert end - 0.05e9 - 1e3 <= moved["t"].min()
        assert moved["t"].max() <= end + 1e3
        assert len(message.to_array_t()) == len(moved)
        world.tick()

    server.play(script)
