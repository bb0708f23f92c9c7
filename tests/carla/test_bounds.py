"""What comes over a socket is never trusted: fuzz, bounds, slow readers, clients that vanish."""

import math
import os
import signal
import socket
import struct
import sys
import time

import carla
import msgpack
import psutil
import pytest

from envs.carla.server import limits
from liquid_pilot.randomness import generator
from tests.carla.wheel import listen, of_frame, refused, spawn, synchronous

PLACE = [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
VECTOR = [1.0, 2.0, 3.0]
CAR = [0, "vehicle.audi.tt", [["role_name", 4, "x"]]]
CAMERA = [0, "sensor.camera.rgb", [["image_size_x", 2, "32"], ["image_size_y", 2, "32"]]]
SETTINGS = [False, False, [True, 0.05], True, 0.01, 10, 0.0, True, 3000.0, 2000.0, True]
WHEEL = [1.0, 0.25, 70.0, 35.0, 1500.0, 3000.0, 20.0, 17.0, 1000.0, VECTOR]
PHYSICS = [
    [[0.0, 400.0]], 5500.0, 1.0, 0.15, 2.0, 0.35, True, 0.5, 10.0, 4.0, [[2.5, 0.5, 0.65]], 1500.0, 0.3, VECTOR,
    [[0.0, 1.0]], [WHEEL] * 4, False,
]  # fmt: skip
CONTROL = [0.5, 0.0, 0.0, False, False, False, 0]
ID = 2
ARGUMENTS = {
    "get_sensor_token": [1], "set_episode_settings": [SETTINGS], "get_required_files": ["Nav"],
    "load_new_episode": ["no such map", False, 65535], "copy_opendrive_to_file": ["<x/>", [2.0] * 4 + [True] * 3],
    "get_actors_by_id": [[1, 2]], "spawn_actor": [CAR, PLACE], "spawn_actor_with_parent": [CAMERA, PLACE, ID, 0, ""],
    "destroy_actor": [77], "get_actor_bounding_box": [ID], "set_actor_transform": [ID, PLACE],
    "set_actor_location": [ID, VECTOR], "set_actor_target_velocity": [ID, VECTOR],
    "set_actor_target_angular_velocity": [ID, VECTOR], "enable_actor_constant_velocity": [ID, VECTOR],
    "disable_actor_constant_velocity": [ID], "add_actor_impulse": [ID, VECTOR], "add_actor_force": [ID, VECTOR],
    "add_actor_angular_impulse": [ID, VECTOR], "add_actor_torque": [ID, VECTOR],
    "set_actor_simulate_physics": [ID, True], "set_actor_collisions": [ID, True],
    "set_actor_enable_gravity": [ID, True], "apply_control_to_vehicle": [ID, CONTROL],
    "apply_ackermann_control_to_vehicle": [ID, [0.0] * 5], "get_ackermann_controller_settings": [ID],
    "apply_ackermann_controller_settings": [ID, [0.1] * 6], "get_physics_control": [ID],
    "apply_physics_control": [ID, PHYSICS], "get_telemetry_data": [ID], "get_wheel_steer_angle": [ID, 0],
    "get_vehicle_light_state": [ID], "set_vehicle_light_state": [ID, [3]], "set_actor_autopilot": [ID, True],
    "open_vehicle_door": [ID, 0], "close_vehicle_door": [ID, 0], "show_vehicle_debug_telemetry": [ID, True],
    "apply_control_to_walker": [ID, [VECTOR, 1.0, False]], "set_traffic_light_state": [ID, 0],
    "set_traffic_light_green_time": [ID, 1.0], "set_traffic_light_yellow_time": [ID, 1.0],
    "set_traffic_light_red_time": [ID, 1.0], "freeze_traffic_light": [ID, True],
    "freeze_all_traffic_lights": [True], "reset_traffic_light_group": [ID], "get_group_traffic_lights": [ID],
    "get_light_boxes": [ID], "query_lights_state": ["x"], "update_lights_state": ["x", [], False],
    "update_day_night_cycle": ["x", True], "set_weather_parameters": [[10.0] * 14], "set_imui_gravity": [9.8],
    "get_environment_objects": [255], "enable_environment_objects": [[1], True], "get_all_level_BBs": [255],
    "project_point": [VECTOR, [0.0, 0.0, -1.0], 10.0], "cast_ray": [VECTOR, [0.0, 0.0, 0.0]],
    "draw_debug_shape": [[[0, [VECTOR, 0.1]], [255, 0, 0], 1.0, False]], "load_map_layer": [1],
    "unload_map_layer": [1], "set_annotations_traverse_translucency": [True],
    "is_traffic_manager_running": [8000], "get_traffic_manager_running": [8000],
    "add_traffic_manager_running": [["127.0.0.1", 8000]], "destroy_traffic_manager": [8000],
    "apply_batch": [[
        [[0, [CAR, PLACE, [False], 0, "", [[[2, [0, CONTROL]]]]]]], [[6, [ID, PLACE]]], [[16, [ID, True]]],
    ], False],
}  # fmt: skip
"""Right arguments of every call that takes any."""
WRONG = [
    None, True, -1, 0, 2**32, 2**63, -(2**63), 1.5, math.nan, math.inf, -1e300, 1e30, "", "x" * 300, b"", b"\xff" * 9,
    [], [[]], [None] * 20, [1.0, math.nan, 2.0], [True, [True, [True]]],
]  # fmt: skip
MESSAGES = 30_000


def slots(value, path=()):
    """The path of every slot of nested arrays, itself included."""
    yield path
    if isinstance(value, list):
        for number, part in enumerate(value):
            yield from slots(part, (*path, number))


def put(value, path, what):
    """A copy with something else in one slot."""
    if not path:
        return what
    copy = list(value)
    copy[path[0]] = put(copy[path[0]], path[1:], what)
    return copy


def nested(depth):
    return b"\x91" * depth + b"\xc0"


def wrong_calls(calls):
    """Every call with every kind of nonsense in every slot; the envelope's slots too."""
    for name in calls:
        right = [0, 7, name, [[False], *ARGUMENTS.get(name, [])]]
        for path in slots(right):
            for what in WRONG:
                yield path, put(right, path, what)


def ended(sock):
    """Whether the other side has closed; reads what it still says."""
    try:
        while sock.recv(65536):
            pass
    except (ConnectionError, TimeoutError) as error:
        return isinstance(error, ConnectionError)
    return True


opened = []


@pytest.fixture(autouse=True)
def _closing():
    yield
    for sock in opened:
        sock.close()
    opened.clear()


def dial(port):
    sock = socket.create_connection(("127.0.0.1", port), timeout=10)
    opened.append(sock)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def answers(sock, count):
    """That many answers of a connection; fewer when it is closed."""
    unpacker = msgpack.Unpacker(raw=False, strict_map_key=False)
    found = []
    while len(found) < count:
        try:
            data = sock.recv(1 << 20)
        except ConnectionError:
            break
        if not data:
            break
        unpacker.feed(data)
        found += unpacker
    return found


def throw(port, data):
    """A connection of its own for a message; whatever becomes of it."""
    other = dial(port)
    other.sendall(data)
    opened.pop().close()


def test_thirty_thousand_messages_of_nonsense(lonely):
    """Wrong types in every slot of every call, then random, truncated, oversized and deeply nested messages."""
    from envs.carla.server.calls import CALLS

    running = lonely("--map", "lane-1")
    without = {name for name, call in CALLS.items() if call.readers} - set(ARGUMENTS)
    assert not without, f"no arguments to mutate for {without}"
    random = generator(6, "carla/fuzz")
    process = psutil.Process(running.process.pid)
    sent = 0
    sock = dial(running.port)
    spawned = [0, 1, "spawn_actor", [[False], CAR, [[1.0, 2.0, 0.0], [0.0, 0.0, 0.0]]]]
    sock.sendall(msgpack.packb(spawned))
    assert answers(sock, 1)[0][3][0][0] == 1
    memory = process.memory_info().rss

    def keep_pace():
        """Let the server catch up now and then: a full queue of connections costs a second each."""
        if sent % 60 == 0:
            call = msgpack.packb([0, 1, "version", [[False]]])
            second.sendall(call)
            assert answers(second, 1)[0][3] == [[1, "0.9.16"]]

    second = dial(running.port)
    batch = []
    for path, message in wrong_calls(CALLS):
        sent += 1
        if len(path) >= 2 and path[0] == 3 and path[1] > 0:
            batch.append(msgpack.packb(message))  # arguments: answered, whatever they are
            if len(batch) == 200:
                sock.sendall(b"".join(batch))
                assert len(answers(sock, len(batch))) == len(batch)
                batch.clear()
        else:
            throw(running.port, msgpack.packb(message))
            keep_pace()
    sock.sendall(b"".join(batch))
    assert len(answers(sock, len(batch))) == len(batch)
    good = [msgpack.packb([0, 7, name, [[False], *ARGUMENTS.get(name, [])]]) for name in CALLS]
    while sent < MESSAGES:
        sent += 1
        kind = sent % 5
        base = good[int(random.integers(len(good)))]
        if kind == 0:
            data = random.integers(0, 256, size=int(random.integers(1, 200)), dtype="uint8").tobytes()
        elif kind == 1:
            data = base[: int(random.integers(1, len(base)))]
        elif kind == 2:
            size = int(random.integers(limits.MESSAGE_BYTES, 2**32))
            data = bytes([(0xDB, 0xC6, 0xDD, 0xDF)[sent % 4]]) + struct.pack(">I", size) + b"x" * 50
        elif kind == 3:
            data = nested(int(random.integers(5, 3000)))
        else:
            flipped = bytearray(base)
            flipped[int(random.integers(len(flipped)))] ^= 1 << int(random.integers(8))
            data = bytes(flipped)
        throw(running.port if sent % 7 else running.stream_port, data)
        keep_pace()

    def script(client):
        world = client.reload_world()
        synchronous(world)
        car = spawn(world, "vehicle.tesla.model3")
        camera = spawn(world, "sensor.camera.rgb", carla.Transform(), attach_to=car, image_size_x=64, image_size_y=32)
        assert of_frame(listen(camera), world.tick()).width == 64

    running.play(script)
    assert process.memory_info().rss - memory < 250e6
    log = running.stop()
    assert "Traceback" not in log, log[log.index("Traceback") :][:3000]


def test_a_malformed_message_ends_that_connection_only(server):
    good, bad = dial(server.port), dial(server.port)
    call = msgpack.packb([0, 1, "version", [[False]]])
    bad.sendall(call)
    assert answers(bad, 1) == [[1, 1, None, [[1, "0.9.16"]]]]
    for nonsense in (b"\xc1", nested(2000), msgpack.packb([0, 1, "version"]), msgpack.packb({"a": 1})):
        bad.sendall(nonsense)
        assert ended(bad)
        bad = dial(server.port)
    lying = b"\xdd\xff\xff\xff\xff"  # an array that says it holds four billion
    bad.sendall(lying)
    assert ended(bad)
    good.sendall(call)
    assert answers(good, 1) == [[1, 1, None, [[1, "0.9.16"]]]]


def test_too_many_connections_are_turned_away(lonely):
    running = lonely("--map", "lane-1")
    held = [dial(running.port) for _ in range(limits.CONNECTIONS)]
    call = msgpack.packb([0, 1, "version", [[False]]])
    held[-1].sendall(call)
    assert answers(held[-1], 1)
    extra = dial(running.port)
    assert ended(extra)
    listeners = [dial(running.stream_port) for _ in range(limits.STREAM_CONNECTIONS + 1)]
    assert ended(listeners[-1])
    for sock in opened:
        sock.close()

    def script(client):
        assert client.get_world().get_snapshot().frame > 0

    running.play(script)


def drawing(client):
    """Has the server load its renderer."""
    world = client.load_world("lane-1")
    camera = spawn(world, "sensor.camera.semantic_segmentation", carla.Transform(), image_size_x=1024, image_size_y=768)
    listen(camera).get(timeout=20.0)


def test_a_reader_that_does_not_read_holds_nobody_up(server):
    def script(client, stream_port):
        world = client.load_world("lane-1")
        synchronous(world)
        size = {"image_size_x": 1024, "image_size_y": 768}
        camera = spawn(world, "sensor.camera.semantic_segmentation", carla.Transform(), **size)
        images = listen(camera)
        world.tick()
        lazy = []
        for _ in range(3):  # they subscribe and never read
            sock = socket.create_connection(("127.0.0.1", int(stream_port)))
            sock.sendall(struct.pack("<I", 16 + camera.id))
            lazy.append(sock)
        for _ in range(30):
            of_frame(images, world.tick())  # each within its time-out: the world goes on
        for sock in lazy:
            sock.close()

    server.play(drawing)
    before = psutil.Process(server.process.pid).memory_info().rss
    server.play(script, server.stream_port)
    assert psutil.Process(server.process.pid).memory_info().rss - before < 150e6
    assert "too slowly" in server.log()


def test_a_client_that_is_killed_in_the_middle_leaves_the_others_alone(server):
    def killed(client):
        world = client.load_world("lane-1")
        synchronous(world)
        car = spawn(world, "vehicle.tesla.model3")
        images = listen(spawn(world, "sensor.camera.rgb", carla.Transform(), attach_to=car))
        of_frame(images, world.tick())
        sys.stdout.write("driving\n")
        sys.stdout.flush()
        while True:
            car.apply_control(carla.VehicleControl(throttle=0.5))
            world.tick()

    def after(client):
        world = client.get_world()
        assert not world.get_settings().synchronous_mode
        cars = world.get_actors().filter("vehicle.*")
        assert len(cars) == 1
        assert cars[0].destroy()
        assert world.wait_for_tick(10.0).frame > 0

    running = server.start(killed)
    assert running.stdout.readline() == "driving\n"
    time.sleep(0.2)
    os.kill(running.pid, signal.SIGKILL)
    running.communicate()
    server.play(after)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_server_that_ends_gives_the_client_an_error_not_a_hang(lonely, number):
    def script(client, process, number):
        world = client.get_world()
        synchronous(world)
        world.tick()
        client.set_timeout(2.0)
        os.kill(int(process), int(number))
        refused(lambda: [world.tick() for _ in range(100)], "time-out")

    running = lonely("--map", "lane-1")
    done = running.start(script, running.process.pid, int(number))
    out, errors = done.communicate(timeout=120)
    assert done.returncode == 0, out + errors
    assert running.process.wait(timeout=20) == (0 if number == signal.SIGINT else -number)
    assert "Traceback" not in running.log()


def test_what_this_server_does_not_have_names_the_call(server):
    def script(client):
        world = client.load_world("lane-1")
        car = spawn(world, "vehicle.tesla.model3")
        world.wait_for_tick()
        refused(lambda: client.start_recorder("x.log"), "start_recorder", "does not have")
        refused(lambda: client.replay_file("x.log", 0.0, 0.0, 0), "replay_file")
        refused(lambda: client.show_recorder_file_info("x.log", True), "show_recorder_file_info")
        refused(lambda: client.request_file("x"), "request_file")
        refused(car.get_bone_names, "get_actor_bone_names")
        refused(car.get_component_names, "get_actor_component_names")
        refused(car.get_socket_names, "get_actor_socket_names")
        refused(lambda: car.get_component_world_transform("x"), "get_actor_component_world_transform")
        car.enable_chrono_physics(1, 0.01)  # nobody waits for its answer: accepted by the client, logged here
        world.debug.draw_point(carla.Location(0.0, 0.0, 1.0), 0.1, carla.Color(255, 0, 0), 1.0)
        world.debug.draw_string(carla.Location(0.0, 0.0, 1.0), "hello")
        world.debug.draw_box(carla.BoundingBox(carla.Location(), carla.Vector3D(1, 1, 1)), carla.Rotation())
        assert world.get_names_of_all_objects() == []
        assert world.get_environment_objects() == []
        assert len(world.get_level_bbs(carla.CityObjectLabel.Car)) == 1
        ground = world.ground_projection(car.get_location() + carla.Location(z=5.0), 20.0)
        assert abs(ground.location.z - car.get_location().z) < 0.1
        up = carla.Location(z=5.0)
        assert len(world.cast_ray(car.get_location() + up, car.get_location() - up)) == 1
        world.load_map_layer(carla.MapLayer.All)
        assert world.get_random_location_from_navigation() is None
        assert world.get_lightmanager().get_all_lights() == []

    server.play(script)


def test_sensors_that_are_gone_do_not_make_their_listeners_dial_for_ever(lonely):
    def script(client):
        world = client.load_world("lane-1")
        for _ in range(3):
            listen(spawn(world, "sensor.other.gnss", carla.Transform()))
        world.wait_for_tick()
        world = client.load_world("lane-2")
        data = listen(spawn(world, "sensor.other.gnss", carla.Transform()))
        for _ in range(10):
            data.get(timeout=10.0)

    running = lonely("--map", "lane-1", "--verbose")
    running.play(script)
    assert running.stop().count("which is not there") < 10
