"""Blueprints, spawning, attaching, batches, transforms."""

import carla
import numpy

from tests.carla.wheel import refused, spawn, synchronous


def test_blueprints_are_carlas(server):
    def script(client):
        library = client.get_world().get_blueprint_library()
        for name in (
            "vehicle.tesla.model3",
            "vehicle.lincoln.mkz_2020",
            "walker.pedestrian.0001",
            "sensor.camera.rgb",
            "sensor.lidar.ray_cast",
            "sensor.other.imu",
        ):
            library.find(name)
        assert len(library.filter("vehicle.*")) > 35
        four = [b for b in library.filter("vehicle.*") if int(b.get_attribute("number_of_wheels")) == 4]
        assert len(four) > 25
        bp = library.find("vehicle.tesla.model3")
        assert bp.has_attribute("color")
        assert len(bp.get_attribute("color").recommended_values) > 2
        bp.set_attribute("role_name", "hero")
        assert bp.get_attribute("role_name").as_str() == "hero"
        camera = library.find("sensor.camera.rgb")
        assert camera.get_attribute("image_size_x").as_int() == 800
        assert camera.get_attribute("fov").as_float() == 90.0

    server.play(script)


def test_spawn_take_a_place_destroy(server):
    def script(client):
        world = client.load_world("lane-1")
        synchronous(world)
        place = world.get_map().get_spawn_points()[0]
        car = spawn(world, "vehicle.tesla.model3", place, role_name="hero")
        assert car.attributes["role_name"] == "hero"
        assert abs(car.bounding_box.extent.x - 2.395) < 1e-3
        assert world.try_spawn_actor(world.get_blueprint_library().find("vehicle.audi.tt"), place) is None
        refused(lambda: spawn(world, "vehicle.audi.tt", place), "collision")
        world.tick()
        assert abs(car.get_location().x - place.location.x) < 1e-3
        assert abs(car.get_location().z - place.location.z) < 0.6
        assert car.is_alive
        assert world.get_actors().find(car.id).id == car.id
        assert car.semantic_tags == [14]
        assert car.destroy()
        refused(car.destroy, "destroyed")
        world.tick()
        assert car.id not in [actor.id for actor in world.get_actors()]
        assert spawn(world, "vehicle.audi.tt", place).id > car.id

    server.play(script)


def test_attached_sensors_follow_rigidly_or_on_a_spring_arm(server):
    def script(client):
        world = client.load_world("hills-1")
        synchronous(world)
        place = world.get_map().get_spawn_points()[3]
        car = spawn(world, "vehicle.tesla.model3", place)
        world.tick()
        offset = carla.Transform(carla.Location(1.0, -0.5, 2.0), carla.Rotation(-10.0, 30.0, 5.0))
        imu = spawn(world, "sensor.other.imu", offset, attach_to=car)
        arm = world.spawn_actor(
            world.get_blueprint_library().find("sensor.other.gnss"),
            carla.Transform(carla.Location(-5.0, 0.0, 3.0)),
            attach_to=car,
            attachment_type=carla.AttachmentType.SpringArmGhost,
        )
        world.tick()
        assert imu.parent.id == car.id
        wanted = numpy.array(car.get_transform().get_matrix()) @ numpy.array(offset.get_matrix())
        assert numpy.abs(wanted - numpy.array(imu.get_transform().get_matrix())).max() < 1e-3
        turn = arm.get_transform().rotation
        assert abs(turn.pitch) < 1e-3
        assert abs(turn.roll) < 1e-3
        assert 5.0 < arm.get_location().distance(car.get_location()) < 6.5
        car.destroy()
        world.tick()
        assert imu.id not in [actor.id for actor in world.get_actors()]  # what is attached goes with it

    server.play(script)


def test_transforms_and_the_spectator(server):
    def script(client):
        world = client.load_world("lane-1")
        synchronous(world)
        points = world.get_map().get_spawn_points()
        car = spawn(world, "vehicle.tesla.model3", points[0])
        world.tick()
        car.set_transform(points[2])
        world.tick()
        there = car.get_transform()
        assert there.location.distance(points[2].location) < 0.5
        assert abs((there.rotation.yaw - points[2].rotation.yaw + 180) % 360 - 180) < 0.1
        car.set_simulate_physics(False)
        car.set_location(carla.Location(points[1].location.x, points[1].location.y, 7.0))
        world.tick()
        assert abs(car.get_location().z - 7.0) < 1e-3
        eye = carla.Transform(carla.Location(1.0, -2.0, 30.0), carla.Rotation(-40.0, 120.0, 0.0))
        world.get_spectator().set_transform(eye)
        world.tick()
        found = world.get_spectator().get_transform()
        assert found.location.distance(eye.location) < 1e-3
        assert abs(found.rotation.yaw - 120.0) < 1e-3
        assert abs(found.rotation.pitch + 40.0) < 1e-3

    server.play(script)


def test_batches_with_then_and_their_errors(server):
    def script(client):
        world = client.load_world("lane-1")
        synchronous(world)
        points = world.get_map().get_spawn_points()
        library = world.get_blueprint_library()
        c = carla.command
        batch = [
            c.SpawnActor(library.find("vehicle.audi.tt"), point)
            .then(c.ApplyVehicleControl(c.FutureActor, carla.VehicleControl(throttle=1.0)))
            .then(c.SetVehicleLightState(c.FutureActor, carla.VehicleLightState.LowBeam))
            for point in (points[0], points[2], points[0])
        ]
        answers = client.apply_batch_sync(batch, True)
        assert [bool(a.error) for a in answers] == [False, False, True], [a.error for a in answers]
        assert "collision" in answers[2].error
        ids = [a.actor_id for a in answers[:2]]
        for _ in range(20):
            world.tick()
        cars = world.get_actors(ids)
        assert all(car.get_velocity().length() > 2.0 for car in cars)
        assert all(car.get_control().throttle == 1.0 for car in cars)
        assert all(car.get_light_state() == carla.VehicleLightState.LowBeam for car in cars)
        assert len(world.get_vehicles_light_states()) == 2
        answers = client.apply_batch_sync([c.DestroyActor(i) for i in (*ids, 999999)], True)
        assert [bool(a.error) for a in answers] == [False, False, True]
        assert len(world.get_actors().filter("vehicle.*")) == 0

    server.play(script)


def test_walkers_walk(server):
    def script(client):
        world = client.load_world("lane-1")
        synchronous(world)
        place = world.get_map().get_spawn_points()[0]
        place.location.z += 1.0
        walker = spawn(world, "walker.pedestrian.0001", place)
        world.tick()
        start = walker.get_location()
        walker.apply_control(carla.WalkerControl(carla.Vector3D(0.0, 1.0, 0.0), 2.0))
        for _ in range(20):
            world.tick()
        moved = walker.get_location() - start
        assert abs(moved.y - 2.0) < 0.11
        assert abs(moved.x) < 1e-3
        assert abs(walker.get_velocity().y - 2.0) < 1e-3
        assert abs(walker.get_transform().rotation.yaw - 90.0) < 1e-3
        assert walker.get_control().speed == 2.0
        assert abs(walker.bounding_box.extent.z - 0.93) < 0.01

    server.play(script)


def test_every_command_of_a_batch(server):
    def script(client):
        world = client.load_world("lane-1")
        synchronous(world)
        points = world.get_map().get_spawn_points()
        car = spawn(world, "vehicle.tesla.model3", points[0])
        walker = spawn(world, "walker.pedestrian.0002", points[2])
        world.tick()
        c, v = carla.command, carla.Vector3D(1.0, 0.0, 0.0)
        batch = [
            c.ApplyTransform(car, points[4]), c.ApplyWalkerState(walker, points[6], 1.0),
            c.ApplyTargetVelocity(car, v), c.ApplyTargetAngularVelocity(car, v), c.ApplyImpulse(car, v),
            c.ApplyForce(car, v), c.ApplyAngularImpulse(car, v), c.ApplyTorque(car, v),
            c.SetSimulatePhysics(car, True), c.SetEnableGravity(car, True),
            c.ApplyVehiclePhysicsControl(car, car.get_physics_control()), c.SetVehicleLightState(car.id, 3),
            c.ApplyVehicleAckermannControl(car, carla.VehicleAckermannControl()),
            c.ApplyWalkerControl(walker, carla.WalkerControl()),
            c.ApplyVehicleControl(car, carla.VehicleControl(brake=0.25)),
        ]  # fmt: skip
        answers = client.apply_batch_sync(batch, True)
        assert [answer.error for answer in answers] == [""] * len(batch)
        assert car.get_location().distance(points[4].location) < 1.0
        assert walker.get_location().distance(points[6].location) < 1.5
        assert car.get_control().brake == 0.25
        assert int(car.get_light_state()) == 3
        client.apply_batch([c.DestroyActor(car), c.DestroyActor(walker)])
        for _ in range(3):
            world.tick()
        assert not [a for a in world.get_actors() if a.type_id.startswith(("vehicle", "walker"))]

    server.play(script)
