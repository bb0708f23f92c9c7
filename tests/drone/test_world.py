"""One world for the eye and for the collisions: PyBullet's rays end where the rendered depth says; nothing leaks."""

from __future__ import annotations

import gc
import math
from dataclasses import replace

import numpy as np
import psutil
import pybullet
import pytest

import scenarios
from envs.drone.hulls import Cylinders, Surroundings, solid
from envs.drone.land import DETAIL, HOUSES, TREES, LandSpec, build_land
from envs.drone.world import WORLDS, DroneWorlds
from envs.render.cells import place_model
from envs.render.labels import Label
from envs.render.pose import Pose
from envs.render.props import prop
from tests.drone.worlds import flight_of, make

CAMERA = flight_of().camera
FULL = DETAIL.near - DETAIL.cell / math.sqrt(2.0)
SPEC = LandSpec("meadow", 3, 45.0, 60.0, 0, 0.0, None, None)


@pytest.mark.parametrize("name", ["fly-heldout-town", "fly-heldout-forest", "fly-heldout-chair"])
def test_rays_end_where_the_picture_has_its_depth(name: str) -> None:
    env = make(name)
    try:
        env.reset(seed=5)
        mission, client = env.mission, env.mission.flight.client
        target = np.array(mission.target)
        # Two poses: the start, and near the target, looking at it. Within 23 m everything is drawn in full.
        near = Pose.looking_at(target + np.array((-3.0, 1.0, 0.4)), target)
        seen: dict[str, int] = {}
        for eye in (mission.flight.pose, near):
            frame = mission.world.frame(CAMERA, eye, frozenset({"depth", "segmentation"}), mission.shown)
            assert frame.depth is not None
            assert frame.segmentation is not None
            rows, columns = (grid.ravel() for grid in np.mgrid[1 : CAMERA.height : 3, 1 : CAMERA.width : 3])
            # Rays through a pixel's middle and through four points around it: the sample is somewhere among them.
            sides = ((0.0, 0.0), (-0.4, 0.0), (0.4, 0.0), (0.0, -0.4), (0.0, 0.4))
            cast = [_cast(client, eye, rows + 0.5 + down, columns + 0.5 + right) for down, right in sides]
            hit, depths = cast[0][0], np.array([depth for _, depth in cast])
            low, high = 0.99 * depths.min(axis=0), 1.01 * depths.max(axis=0)
            drawn, label = frame.depth[rows, columns], frame.segmentation[rows, columns]
            kinds = np.array([mission._bodies.get(int(body), "none") for body in hit])
            # Leaves are pictures with holes on larger cards: there a ray may end before what is seen through them.
            leafy = (label == Label.VEGETATION) | ((kinds == "tree") & (drawn > high))
            close = (np.minimum(drawn, depths[0]) < FULL) & ~leafy
            assert close.sum() > 600
            assert np.mean((low <= drawn) & (drawn <= high), where=close) > 0.98
            # And leaves are not seen before what one collides with, but for the rims of the cards.
            behind = leafy & (drawn < FULL)
            assert np.sum(low[behind] < drawn[behind]) >= 0.9 * behind.sum()
            for kind in ("ground", "building", "target", "tree"):
                seen[kind] = seen.get(kind, 0) + int((kinds == kind).sum())
        assert seen["ground"] > 500
        assert seen["target"] > 30
        assert seen["tree"] > 30
        assert name != "fly-heldout-town" or seen["building"] > 100
    finally:
        env.close()


def _cast(client: int, eye: Pose, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(bodies that rays through these places of the picture hit, -1 = none; their depth in metres, 1000 = none)."""
    focal = 0.5 * CAMERA.width
    across, up = -(columns - 0.5 * CAMERA.width) / focal, -(rows - 0.5 * CAMERA.height) / focal
    rays = np.column_stack((np.ones(len(rows)), across, up)) @ eye.rotation.T
    begins, ends = eye.position + 0.15 * rays, eye.position + 60.0 * rays  # the former beyond the drone itself
    answers = pybullet.rayTestBatch(begins.tolist(), ends.tolist(), physicsClientId=client)
    hit = np.array([answer[0] for answer in answers])
    return hit, np.where(hit >= 0, 0.15 + 59.85 * np.array([answer[2] for answer in answers]), 1e3)


def test_cylinders_contain_the_triangles() -> None:
    scene = build_land(replace(SPEC, theme="alpine"))
    env = make(flight_of(world={"theme": "alpine", "seed": 3, "trees_per_hectare": 60}))
    env.reset(seed=0)
    cylinders = env.mission.world.cylinders
    trees = [item for item in scene.instances if solid(item.kind) and item.kind not in HOUSES]
    assert len(trees) > 30
    for item in trees[::7]:
        model = prop(item.kind, item.variant).near
        vertices = place_model(model, [item], scene.sky)[0][0]
        middles = vertices[model.triangles].mean(axis=1)
        for x, y, z in np.concatenate((vertices, middles)).tolist():
            if z > 0.0:
                assert cylinders.clearance(x, y, z) < 1e-6
    env.close()


def test_free_ways_are_those_of_geometry() -> None:
    one = Cylinders(*np.array([[5.0], [0.0], [0.5], [0.0], [3.0]]))
    angles = np.array((0.0, math.radians(5.0), math.radians(30.0), math.pi))
    around = Surroundings(one, angles, 6.0, 0.5, 0.4)
    beside = 5.0 * math.cos(angles[1]) - math.sqrt(1.0 - (5.0 * math.sin(angles[1])) ** 2)
    assert around.measure(0.0, 0.0, 1.0, 0.0)[1].tolist() == pytest.approx([4.0, beside, 6.0, 6.0])
    assert around.measure(0.0, 0.0, 1.0, -angles[1])[1].tolist() == pytest.approx([beside, 4.0, 6.0, 6.0])
    assert around.measure(0.0, 0.0, 4.0, 0.0)[1].tolist() == [6.0] * 4  # over it
    assert one.clearance(0.0, 0.0, 1.0) == pytest.approx(4.5)
    assert one.clearance(5.0, 0.0, 5.0) == pytest.approx(2.0)
    assert around.measure(0.0, 0.0, 1.0, 0.0)[0] == pytest.approx(1.0)  # the ground
    assert around.measure(4.0, 0.0, 1.0, 0.0)[0] == pytest.approx(0.5)
    assert around.measure(5.0, 0.0, 1.0, 0.0)[0] == 0.0
    assert one.blocks(np.array((0.0, 0.1, 1.0)), np.array((9.0, 0.1, 1.0)), 0.1)
    assert not one.blocks(np.array((0.0, 2.0, 1.0)), np.array((9.0, 2.0, 1.0)), 0.1)
    assert Cylinders(*np.zeros((5, 0))).clearance(0.0, 0.0, 0.0) == math.inf


def test_what_is_far_is_left_out_of_the_sums_without_changing_them() -> None:
    rng = np.random.default_rng(5)
    count = 300
    low = rng.uniform(0.0, 3.0, count)
    x, y = rng.uniform(-40.0, 40.0, (2, count))
    trees = Cylinders(x, y, rng.uniform(0.1, 2.0, count), low, low + rng.uniform(0.5, 9.0, count))
    angles = np.radians((-60.0, 0.0, 25.0))
    along = Surroundings(trees, angles, 6.0, 0.35, 0.4)
    found: list[float] = []
    for step in range(400):
        place = 0.2 * step - 40.0, 8.0 * math.sin(0.05 * step), 1.0 + 14.0 * (step % 50 > 40)
        clearance, free = along.measure(*place, 0.1 * step)
        assert clearance == pytest.approx(min(place[2], trees.clearance(*place)), abs=1e-9)
        everything = Surroundings(trees, angles, 6.0, 0.35, 0.4).measure(*place, 0.1 * step)[1]
        np.testing.assert_allclose(free, everything, atol=1e-9)
        for angle, way in zip(angles, free.tolist(), strict=True):
            # By small steps along the way: nothing within the margin before its end, something just beyond.
            turn = angle + 0.1 * step
            ahead = np.arange(0.0, 6.0, 0.02)[:, None]
            far = np.hypot(place[0] + ahead * math.cos(turn) - x, place[1] + ahead * math.sin(turn) - y)
            inside = (far < trees.radius + 0.35) & (trees.low < place[2] + 0.4) & (trees.high > place[2] - 0.4)
            first = np.flatnonzero(inside.any(axis=1))
            if not inside[0].any():  # who is within the margin already may leave it
                found.append((0.02 * first[0] if len(first) else 6.0) - way)
    assert min(found) > -1e-9
    assert len(found) > 500
    # Chords shorter than a step are stepped over.
    assert np.mean(np.array(found) < 0.021) > 0.99


def test_colours_differ_between_worlds_only_when_they_shall() -> None:
    def ground(spec: LandSpec) -> np.ndarray:
        return np.asarray(build_land(spec).meshes[0].colours).astype(float).mean(axis=0)

    plain = [ground(replace(SPEC, seed=seed)) for seed in range(6)]
    drawn = [ground(replace(SPEC, seed=seed, recolour=1.0)) for seed in range(6)]
    assert np.ptp(plain, axis=0).max() < 12.0
    assert np.ptp(drawn, axis=0).max() > 40.0


def test_unseen_colours_are_outside_those_of_training() -> None:
    def looks(name: str, seed: int) -> np.ndarray:
        """(3, 3) log2 of the mean colours of ground, leaves and sky."""
        flight = scenarios.load_flight(name)
        world = worlds.take(flight, seed, flight)
        leaves = [item.tint for item in world.scene.instances if item.kind in TREES]
        ground = np.asarray(world.scene.meshes[0].colours).mean(axis=0) / 255.0
        worlds.give_back(world, flight)
        return np.asarray(np.log2([ground, np.mean(leaves, axis=0), world.scene.sky.zenith]))

    worlds = DroneWorlds(2)
    trained = np.array([looks("fly-train-meadow", seed) for seed in range(60)])
    low, high = trained.min(axis=0), trained.max(axis=0)
    unseen = np.array([looks("fly-heldout-colours", seed) for seed in range(20)])
    outside = ((unseen < low) | (unseen > high)).any(axis=2)
    assert outside[:, 1:].all()
    # A ground keeps its brightest channel: one in four has all its channels drawn the same way, and its old hue.
    assert outside[:, 0].mean() > 0.5
    painted = np.array([looks("fly-heldout-meadow", seed) for seed in range(20)])
    # Land only gets darker, so that as it is painted it is at the bright end.
    assert ((painted > low) & (painted < high + 0.15)).all()


def test_barriers_stand_beside_the_line_and_nothing_else_does() -> None:
    flight = scenarios.load_flight("fly-task-obstacles")
    worlds = DroneWorlds(2)
    for seed in range(6):
        world = worlds.take(flight, seed, flight)
        assert world.spec.line is not None
        (x0, y0), (x1, y1) = world.spec.line
        assert 16.0 <= math.hypot(x1 - x0, y1 - y0) <= 30.0
        way = np.array((x1 - x0, y1 - y0)) / math.hypot(x1 - x0, y1 - y0)
        aside = []
        for item in world.scene.instances:
            apart = np.array(item.position[:2]) - (x0, y0)
            if -1.0 < apart @ way < math.hypot(x1 - x0, y1 - y0) + 1.0:
                aside.append(float(way[0] * apart[1] - way[1] * apart[0]))
        near = [distance for distance in aside if abs(distance) < 4.0]
        assert len(near) == 3
        assert all(0.12 <= abs(distance) <= 0.18 for distance in near)
        assert len({math.copysign(1.0, distance) for distance in near}) == 1  # the target is seen past the other side
        assert worlds.take(flight, seed, flight) is world
        worlds.give_back(world, flight)
    assert len(worlds) == 2


@pytest.mark.parametrize("mode", ["state", "camera"])
def test_many_worlds_in_one_process_leave_nothing_behind(mode: str) -> None:
    world = {"seed": {"first": 0, "count": 1000}, "radius_m": 15}
    env = make(flight_of(world=world, target={"distance_m": [8, 15]}), observation_mode=mode)
    sizes = []
    for seed in range(70):
        env.reset(seed=seed)
        env.step(np.zeros(4, dtype=np.float32))
        if seed in (29, 69):
            gc.collect()
            sizes.append(psutil.Process().memory_info().rss)
    env.close()
    # PyBullet keeps every list of triangles that it is given: half a megabyte a world, 20 MB in all, were they not
    # always the same. 30 worlds fill the caches first; the allocator's own moods were 6 MB among other tests.
    assert sizes[-1] - sizes[0] < 10e6
    assert len(WORLDS) <= WORLDS.capacity
