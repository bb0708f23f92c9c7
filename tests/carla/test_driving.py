"""Vehicles: control, physics, collisions, the Traffic Manager."""

import math
import sys

import carla

from tests.carla.wheel import listen, spawn, synchronous


def test_throttle_brake_steer_and_reverse(server):
    def script(client):
        world = client.load_world("lane-1")
        synchronous(world)
        car = spawn(world, "vehicle.tesla.model3")
        world.tick()
        start = car.get_transform()
        for _ in range(60):
            car.apply_control(carla.VehicleControl(throttle=0.7))
            world.tick()
        speed = car.get_velocity()
        assert 6.0 < speed.length() < 9.0
        assert start.get_forward_vector().dot(speed) > 0.99 * speed.length()
        travelled = car.get_location().distance(start.location)
        assert 8.0 < travelled < 14.0
        assert 1.5 < car.get_acceleration().length() < 4.0
        yaw = car.get_transform().rotation.yaw
        for _ in range(10):
            car.apply_control(carla.VehicleControl(throttle=0.3, steer=0.3))  # to the right
            world.tick()
        assert 5.0 < (car.get_transform().rotation.yaw - yaw + 180.0) % 360.0 - 180.0 < 60.0
        assert car.get_angular_velocity().z > 10.0  # deg/s, to the right
        assert car.get_wheel_steer_angle(carla.VehicleWheelLocation.FL_Wheel) > 5.0
        for _ in range(60):
            car.apply_control(carla.VehicleControl(brake=1.0))
            world.tick()
        assert car.get_velocity().length() < 0.01
        back = car.get_transform()
        for _ in range(20):
            car.apply_control(carla.VehicleControl(throttle=0.5, reverse=True))
            world.tick()
        moved = car.get_location() - back.location
        assert back.get_forward_vector().dot(moved) < -0.5
        assert car.get_control().reverse
        for _ in range(40):
            car.apply_control(carla.VehicleControl(throttle=0.5))
            world.tick()
        assert car.get_transform().get_forward_vector().dot(car.get_velocity()) > 0.5

    server.play(script)


def test_the_embedded_car_drives_as_in_the_embedded_world(server):
    """The same controls on the same hill, the same path: our environment, and through the wheel."""

    def script(client, x, y, z, heading, *expected):
        world = client.load_world("hills-2")
        synchronous(world)
        place = carla.Transform(
            carla.Location(float(x), -float(y), float(z) + 0.1), carla.Rotation(yaw=-math.degrees(float(heading)))
        )
        car = spawn(world, "vehicle.liquidpilot.car", place)
        for number in range(60):
            steering, pedal = 0.02 * math.sin(0.1 * number), (0.9 if number < 45 else -0.3)
            car.apply_control(carla.VehicleControl(max(0.0, pedal), -steering, max(0.0, -pedal)))
            world.tick()
        there, speed = car.get_location(), car.get_velocity().length()
        found = (there.x, -there.y, there.z, speed)
        assert all(abs(a - float(b)) < 0.01 for a, b in zip(found, expected, strict=True)), (found, expected)

    import numpy as np

    from envs.driving.env import LaneKeepingEnv

    env = LaneKeepingEnv("heldout-hills", observation_mode="state")
    options = {"start": {"position_m": 60.0, "lateral_m": 0.0, "heading_rad": 0.0, "speed": 0.0}}
    _, begin = env.reset(seed=0, options=options)
    for number in range(60):
        action = np.array((0.02 * math.sin(0.1 * number), 0.9 if number < 45 else -0.3), dtype=np.float32)
        info = env.step(action)[4]
    start = (begin[key] for key in ("x", "y", "z", "heading"))
    server.play(script, *start, *(info[key] for key in ("x", "y", "z", "speed")))


def test_velocities_impulses_and_constant_velocity(server):
    def script(client):
        world = client.load_world("lane-1")
        synchronous(world)
        car = spawn(world, "vehicle.tesla.model3")
        world.tick()
        ahead = car.get_transform().get_forward_vector()
        car.set_target_velocity(ahead * 8.0)
        world.tick()
        assert abs(car.get_velocity().length() - 8.0) < 0.3
        car.enable_constant_velocity(carla.Vector3D(5.0, 0.0, 0.0))
        for _ in range(10):
            world.tick()
        assert abs(car.get_velocity().length() - 5.0) < 0.05
        car.disable_constant_velocity()
        car.apply_control(carla.VehicleControl(brake=1.0))
        for _ in range(40):
            world.tick()
        assert car.get_velocity().length() < 0.05
        mass = car.get_physics_control().mass
        car.apply_control(carla.VehicleControl())
        car.add_impulse(ahead * (3.0 * mass))
        world.tick()
        assert abs(car.get_velocity().length() - 3.0) < 0.3
        car.set_target_angular_velocity(carla.Vector3D(0.0, 0.0, 30.0))
        before = car.get_transform().rotation.yaw
        world.tick()
        assert (car.get_transform().rotation.yaw - before + 180.0) % 360.0 - 180.0 > 0.1

    server.play(script)


def test_ackermann_control_reaches_its_speed(server):
    def script(client):
        world = client.load_world("lane-1")
        synchronous(world)
        car = spawn(world, "vehicle.tesla.model3")
        for _ in range(120):
            car.apply_ackermann_control(carla.VehicleAckermannControl(speed=6.0, acceleration=2.0))
            world.tick()
        assert abs(car.get_velocity().length() - 6.0) < 0.3
        settings = car.get_ackermann_controller_settings()
        settings.speed_kp = 0.5
        car.apply_ackermann_controller_settings(settings)
        assert car.get_ackermann_controller_settings().speed_kp == 0.5

    server.play(script)


def test_physics_control_is_read_and_written(server):
    def script(client):
        world = client.load_world("lane-1")
        synchronous(world)
        car = spawn(world, "vehicle.tesla.model3")
        world.tick()
        control = car.get_physics_control()
        assert control.mass == 1730.0
        assert len(control.wheels) == 4
        spread = control.wheels[0].position.distance(control.wheels[2].position) / 100.0
        assert 2.4 < spread < 3.2  # wheelbase
        control.mass = 3460.0
        wheels = control.wheels
        for wheel in wheels:
            wheel.max_steer_angle = 20.0
        control.wheels = wheels
        car.apply_physics_control(control)
        assert car.get_physics_control().mass == 3460.0
        for _ in range(30):
            car.apply_control(carla.VehicleControl(throttle=0.2, steer=1.0))
            world.tick()
        assert abs(car.get_wheel_steer_angle(carla.VehicleWheelLocation.FR_Wheel) - 20.0) < 0.5
        telemetry = car.get_telemetry_data()
        assert abs(telemetry.speed - car.get_velocity().length()) < 0.3
        assert len(telemetry.wheels) == 4

    server.play(script)


def test_cars_that_meet_collide_and_the_sensor_says_so(server):
    def script(client):
        world = client.load_world("lane-1")
        synchronous(world)
        road = world.get_map()
        first = road.get_spawn_points()[2]
        lane = road.get_waypoint(first.location)
        ahead = lane.next(25.0)[0].transform
        ahead.location.z += 0.3
        car = spawn(world, "vehicle.tesla.model3", first)
        other = spawn(world, "vehicle.carlamotors.firetruck", ahead)
        hits = listen(spawn(world, "sensor.other.collision", carla.Transform(), attach_to=car))
        world.tick()
        was = other.get_location()
        car.set_target_velocity(first.get_forward_vector() * 12.0)
        for _ in range(80):
            world.tick()
        event = hits.get(timeout=10.0)
        assert event.actor.id == car.id
        assert event.other_actor.id == other.id
        push = event.normal_impulse
        assert first.get_forward_vector().dot(push) < -1000.0
        assert car.get_velocity().length() < 9.0
        assert other.get_location().distance(was) > 0.2
        assert first.get_forward_vector().dot(other.get_location() - car.get_location()) > 6.0

    server.play(script)


def test_a_walker_in_the_way_is_hit_and_not_driven_through(server):
    def script(client):
        world = client.load_world("lane-1")
        synchronous(world)
        road = world.get_map()
        first = road.get_spawn_points()[2]
        ahead = road.get_waypoint(first.location).next(15.0)[0].transform
        ahead.location.z += 1.0
        car, walker = spawn(world, "vehicle.tesla.model3", first), spawn(world, "walker.pedestrian.0004", ahead)
        hits = listen(spawn(world, "sensor.other.collision", carla.Transform(), attach_to=car))
        felt = listen(spawn(world, "sensor.other.collision", carla.Transform(), attach_to=walker))
        world.tick()
        car.set_target_velocity(first.get_forward_vector() * 10.0)
        for _ in range(40):
            world.tick()
            way = walker.get_location() - car.get_location()
            gap = first.get_forward_vector().dot(way)
            assert gap > car.bounding_box.extent.x, gap
        assert hits.get(timeout=10.0).other_actor.id == walker.id
        assert felt.get(timeout=10.0).other_actor.id == car.id
        car.set_location(first.location)
        car.set_collisions(False)
        car.enable_constant_velocity(carla.Vector3D(10.0, 0.0, 0.0))
        for _ in range(60):
            world.tick()
        gap = first.get_forward_vector().dot(walker.get_location() - car.get_location())
        assert gap < 0.0  # without collisions it goes through

    server.play(script)


def test_what_stands_beside_the_road_stops_a_car(server):
    def script(client):
        world = client.load_world("lane-1")
        synchronous(world)
        car = spawn(world, "vehicle.tesla.model3")
        hits = listen(spawn(world, "sensor.other.collision", carla.Transform(), attach_to=car))
        for number in range(600):
            car.apply_control(carla.VehicleControl(throttle=0.6, steer=0.25 if number < 12 else 0.0))
            world.tick()
            if not hits.empty():
                break
        event = hits.get(timeout=5.0)
        assert event.other_actor.type_id.startswith("static.")
        world.tick()
        assert car.get_velocity().length() < 2.0

    server.play(script)


def test_the_traffic_manager_drives_in_town(server):
    def script(client, _):
        world = client.load_world("town-1")
        synchronous(world)
        manager = client.get_trafficmanager(int(sys.argv[2]))
        manager.set_synchronous_mode(True)
        manager.set_random_device_seed(1)
        road = world.get_map()
        points = road.get_spawn_points()[::5][:12]
        batch = [
            carla.command.SpawnActor(world.get_blueprint_library().find("vehicle.tesla.model3"), p) for p in points
        ]
        ids = [a.actor_id for a in client.apply_batch_sync(batch, True) if not a.error]
        cars = world.get_actors(ids)
        for car in cars:
            car.set_autopilot(True, manager.get_port())
        starts = {car.id: car.get_location() for car in cars}
        worst = 0.0
        for number in range(240):
            world.tick()
            if number % 20 == 0:
                # The manager takes cars away that come to the end of a road.
                for car in (car for car in cars if car.is_alive):
                    place = car.get_location()
                    worst = max(worst, place.distance(road.get_waypoint(place).transform.location))
        moved = [car.get_location().distance(starts[car.id]) for car in cars if car.is_alive]
        assert len(moved) >= 6, len(moved)
        assert sorted(moved)[len(moved) // 2] > 25.0, moved
        assert worst < 2.5, worst
        manager.set_synchronous_mode(False)

    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server.play(script, port, manager=port)
