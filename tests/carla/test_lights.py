"""Traffic lights and signs, on a map that has some."""

from pathlib import Path

import carla
import numpy

from tests.carla.wheel import listen, of_frame, spawn, synchronous

MAP = Path(__file__).with_name("signals.xodr")


def test_lights_take_turns_and_obey(server):
    def script(client, file):
        world = client.load_world(file)
        synchronous(world, 0.1)
        world.tick()
        lights = sorted(world.get_actors().filter("traffic.traffic_light"), key=lambda light: light.id)
        assert len(lights) == 2
        assert len(world.get_actors().filter("traffic.stop")) == 1
        first, second = lights
        assert first.get_opendrive_id() == "101"
        assert abs(first.get_location().x - 80.0) < 1e-3
        assert abs(first.get_location().y - 5.0) < 1e-3
        assert world.get_traffic_light_from_opendrive_id("102").id == second.id
        assert {light.id for light in first.get_group_traffic_lights()} == {first.id, second.id}
        green, red = carla.TrafficLightState.Green, carla.TrafficLightState.Red
        assert (first.get_state(), second.get_state()) == (green, red)
        first.set_green_time(1.0)
        first.set_yellow_time(0.5)
        first.set_red_time(0.5)
        seen = set()
        for _ in range(25):
            world.tick()
            seen.add((str(first.get_state()), str(second.get_state())))
        assert seen == {("Green", "Red"), ("Yellow", "Red"), ("Red", "Red"), ("Red", "Green")}
        second.set_state(red)
        first.set_state(green)
        world.freeze_all_traffic_lights(True)
        for _ in range(30):
            world.tick()
        assert first.is_frozen()
        assert (first.get_state(), second.get_state()) == (green, red)
        world.freeze_all_traffic_lights(False)
        world.reset_all_traffic_lights()
        world.tick()
        assert first.get_green_time() == 1.0
        assert len(first.get_light_boxes()) == 1

    server.play(script, MAP)


def test_cars_know_the_light_and_the_speed_limit(server):
    def script(client, file):
        world = client.load_world(file)
        synchronous(world)
        lane = world.get_map().get_waypoint(carla.Location(75.0, 1.75, 0.0)).transform
        lane.location.z += 0.3
        car = spawn(world, "vehicle.tesla.model3", lane)
        world.tick()
        assert car.is_at_traffic_light()
        light = car.get_traffic_light()
        assert light.get_opendrive_id() == "101"
        light.set_state(carla.TrafficLightState.Red)
        light.freeze(True)
        world.tick()
        assert car.get_traffic_light_state() == carla.TrafficLightState.Red
        assert abs(car.get_speed_limit() - 40.0) < 1e-3
        car.set_location(carla.Location(40.0, 1.75, 0.3))
        world.tick()
        assert not car.is_at_traffic_light()
        images = listen(
            spawn(
                world,
                "sensor.camera.semantic_segmentation",
                carla.Transform(carla.Location(60.0, 3.0, 2.5)),
                image_size_x=200,
                image_size_y=120,
            )
        )
        image = of_frame(images, world.tick())
        tags = numpy.frombuffer(image.raw_data, dtype=numpy.uint8).reshape(120, 200, 4)[..., 2]
        assert (tags == int(carla.CityObjectLabel.TrafficLight)).sum() > 20

    server.play(script, MAP)
