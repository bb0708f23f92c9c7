"""Connect, episodes, settings, time: the real wheel in other processes."""

import os
import signal
import subprocess
import sys
import time

from tests.carla.wheel import connect, refused, spawn, synchronous


def test_versions_and_a_world_without_asking_for_anything(server):
    def script(client):
        assert client.get_server_version() == client.get_client_version() == "0.9.16"
        world = client.reload_world()
        assert world.get_snapshot().frame > 0
        assert not world.get_settings().synchronous_mode

    server.play(script)


def test_synchronous_ticks_move_time_by_the_fixed_step(server):
    def script(client):
        world = client.reload_world()
        synchronous(world, 0.1)
        before = world.get_snapshot()
        frames = [world.tick() for _ in range(5)]
        after = world.get_snapshot()
        assert frames == [before.frame + 1 + i for i in range(5)]
        assert after.frame == frames[-1]
        assert abs(after.timestamp.elapsed_seconds - before.timestamp.elapsed_seconds - 0.5) < 1e-6
        assert abs(after.timestamp.delta_seconds - 0.1) < 1e-6
        time.sleep(0.3)
        assert world.get_snapshot().frame == frames[-1]  # nobody ticks but we

    server.play(script)


def test_asynchronous_time_goes_by_itself(server):
    def script(client):
        world = client.reload_world()
        first = world.wait_for_tick(5.0)
        seen = []
        number = world.on_tick(lambda snapshot: seen.append(snapshot.frame))
        for _ in range(4):
            last = world.wait_for_tick(5.0)
        world.remove_on_tick(number)
        assert last.frame >= first.frame + 4
        assert len(seen) >= 3
        assert seen == sorted(set(seen))
        frame = world.tick()  # in asynchronous mode: the next frame
        assert world.get_snapshot().frame >= frame - 1

    server.play(script)


def test_settings_are_kept_and_impossible_ones_refused(server):
    def script(client):
        world = client.reload_world()
        synchronous(world, 0.02, max_substeps=7, no_rendering_mode=True)
        settings = world.get_settings()
        assert (settings.synchronous_mode, settings.no_rendering_mode, settings.max_substeps) == (True, True, 7)
        assert abs(settings.fixed_delta_seconds - 0.02) < 1e-9
        settings.fixed_delta_seconds = 5.0
        refused(lambda: world.apply_settings(settings), "set_episode_settings", "at most")
        world = client.reload_world(False)  # keeps the settings
        assert world.get_settings().synchronous_mode
        world.tick()
        world = client.reload_world(True)
        assert not world.get_settings().synchronous_mode

    server.play(script)


def test_two_clients_see_one_world(server):
    def script(client):
        world = client.reload_world()
        synchronous(world)
        car = spawn(world, "vehicle.tesla.model3")
        other = connect()
        there = other.get_world()  # joins a synchronous world without anybody's tick
        frame = world.tick()
        for _ in range(100):
            if there.get_snapshot().frame == frame:
                break
            time.sleep(0.02)
        assert there.get_actor(car.id).type_id == "vehicle.tesla.model3"
        assert there.get_actor(car.id).get_transform() == car.get_transform()
        frames = [world.tick(), there.tick(), world.tick()]
        assert frames == sorted(set(frames))

    server.play(script)


def test_who_ticked_and_was_killed_leaves_no_frozen_world(lonely):
    def killed(client):
        world = client.reload_world()
        synchronous(world)
        spawn(world, "vehicle.tesla.model3")
        world.tick()
        os.kill(os.getpid(), signal.SIGKILL)

    def after(client):
        world = client.get_world()
        assert not world.get_settings().synchronous_mode
        first = world.wait_for_tick(10.0).frame
        assert world.wait_for_tick(10.0).frame > first
        assert len(world.get_actors().filter("vehicle.*")) == 1  # as in CARLA, actors stay

    running = lonely("--map", "lane-1")
    running.play(killed, code=-signal.SIGKILL)
    running.play(after)
    assert "left the world in synchronous mode" in running.stop()


def test_says_where_it_listens_and_ctrl_c_ends_it(lonely):
    running = lonely("--map", "lane-1")
    assert "127.0.0.1" in running.greeting
    assert "this machine only" in running.greeting
    assert running.stop() == ""
    assert running.process.returncode == 0


def test_a_taken_port_and_an_unknown_map_are_one_line_each(server):
    command = [sys.executable, "-c", "from launch.cli import main; main()", "serve"]
    for options, words in (
        (["--port", str(server.port)], ("is taken", "--port")),
        (["--port", "0", "--map", "Town77"], ("Town77", "not found", "town-1")),
        (["--port", "0", "--map", "no/such.xodr"], ("no/such.xodr", "no such file")),
        (["--port", "0", "--theme", "mars"], ("mars",)),
        (["--port", "0", "--host", "203.0.113.7"], ("cannot listen", "203.0.113.7")),
    ):
        done = subprocess.run([*command, *options], capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 2, done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert all(word in done.stderr for word in words), done.stderr


def test_a_second_client_follows_into_a_new_episode(server):
    def script(client):
        world = client.load_world("lane-1")
        other = connect()
        there = other.get_world()
        before = there.get_snapshot()
        spawn(world, "vehicle.tesla.model3")
        client.load_world("lane-2")
        for _ in range(200):
            there = other.get_world()
            if there.get_map().name.endswith("lane-2"):
                break
            time.sleep(0.02)
        assert there.get_map().name.endswith("lane-2")
        frame = there.wait_for_tick(10.0).frame
        assert frame > before.frame
        assert len(there.get_actors().filter("vehicle.*")) == 0

    server.play(script)


def test_worlds_loaded_one_after_the_other_by_two_clients_at_once(server):
    """What crashed the client once: it opens the new episode's stream while its threads are still in the old one's."""

    def script(client):
        for _ in range(6):
            client.load_world("lane-1")
            world = client.reload_world()
            synchronous(world)
            world = client.reload_world(False)
            world.tick()

    both = [server.start(script) for _ in range(2)]
    for done in both:
        out, errors = done.communicate(timeout=120)
        assert done.returncode == 0, out + errors
