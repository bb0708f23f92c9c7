"""What stands where: nothing on the road, land below it, the same world for the same seed, in every theme and map."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from envs.driving.scenery import build_scene
from envs.driving.shapes import network_shapes
from envs.driving.terrain import CELL, build_terrain
from envs.driving.themes import THEMES, UnknownTheme, theme
from envs.render.labels import Label
from envs.render.props import footprint, obstacles
from envs.render.scene import SceneDescription, check_mesh
from envs.road import RoadNetwork, parse_map
from envs.road.road import DRIVABLE
from scenarios import maps

TOWNS = Path(os.environ.get("LIQUID_PILOT_TOWN_MAPS", Path(__file__).parents[2].parent / "shared" / "maps"))


def network_of(name: str) -> RoadNetwork:
    if name.startswith("Town"):
        path = TOWNS / f"{name}.xodr"
        if not path.is_file():
            pytest.skip(f"no {path}: set LIQUID_PILOT_TOWN_MAPS to a folder with CARLA's maps")
        return parse_map(path.read_text(encoding="utf-8"), name)
    return parse_map(maps.read(name), name)


def lane_cloud(network: RoadNetwork) -> np.ndarray:
    """(N, 3) points all over the driving lanes, at most 0.5 m apart, from the lanes' own paths."""
    points = []
    for road in network.roads.values():
        for number, section in enumerate(road.lane_sections):
            s = np.linspace(section.start, section.end, max(2, int((section.end - section.start) / 0.4) + 1))
            for lane in section.lanes.values():
                if lane.type not in DRIVABLE or lane.id == 0:
                    continue
                path = road.lane_path(number, lane.id, s)
                for aside in np.linspace(-1.0, 1.0, 11):
                    shift = aside * path.half_width
                    x, y = path.x - shift * np.sin(path.heading), path.y + shift * np.cos(path.heading)
                    points.append(np.stack((x, y, path.z), 1))
    return np.concatenate(points)


@pytest.mark.parametrize(
    ("name", "look"),
    [
        ("hairpins-2", "alpine"), ("hills-1", "forest"), ("town-1", "village"), ("lane-1", "meadow"),
        ("Town01", "town"),
    ],
)  # fmt: skip
def test_nothing_stands_within_two_metres_of_a_lane(name: str, look: str) -> None:
    network = network_of(name)
    scene = build_scene(network, look, 7)
    circles = obstacles(scene.instances)
    assert len(scene.obstacles) > 50
    distance, _ = cKDTree(lane_cloud(network)[:, :2]).query(circles[:, :2])
    # Points are 0.2 m from the true edge at worst half way along it: 1 cm at a distance of 2 m.
    assert (distance - circles[:, 2]).min() >= 2.0 - 1e-6
    # What has no footprint (grass) keeps off the lanes as well.
    feet = np.array([item.position for item in scene.instances if not footprint(item.kind)]).reshape(-1, 3)
    if len(feet):
        assert cKDTree(lane_cloud(network)[:, :2]).query(feet[:, :2])[0].min() > 1.0
    # Whatever a car can reach before its episode ends is an obstacle.
    listed = {tuple(circle) for circle in np.round(scene.obstacles, 6).tolist()}
    assert all(tuple(c) in listed for c in np.round(circles[distance < 40.0], 6).tolist())


@pytest.mark.parametrize("name", ["hairpins-2", "hills-2", "town-2", "motorway-1"])
@pytest.mark.parametrize("look", ["alpine", "meadow"])
def test_land_lies_below_every_lane_and_near_its_height(name: str, look: str) -> None:
    network = network_of(name)
    cloud = lane_cloud(network)
    terrain = build_terrain(network_shapes(network), theme(look), 3)
    depth = cloud[:, 2] - terrain.height(cloud[:, 0], cloud[:, 1])
    assert depth.min() > 0.1
    # Beside the road it is a ditch at most, on hills a bank: no road runs over a chasm.
    assert np.percentile(depth, 99) < 3.0


@pytest.mark.parametrize("name", ["hairpins-1", "town-2", "Town01"])
def test_no_green_on_the_road(name: str) -> None:
    """Neither the land nor the verges of this or of another road show above a driving lane."""
    network = network_of(name)
    scene = build_scene(network, "village", 3)
    corners = np.concatenate([m.vertices[m.triangles] for m in scene.meshes if m.label == Label.TERRAIN])
    u, v = corners[:, 1, :2] - corners[:, 0, :2], corners[:, 2, :2] - corners[:, 0, :2]
    corners = corners[np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]) > 1e-9]  # upright ones cover nothing
    low, high = corners[..., :2].min(1), corners[..., :2].max(1)
    cloud = lane_cloud(network)
    for x, y, z in cloud[np.random.default_rng(2).integers(0, len(cloud), 400)]:
        near = corners[((low <= (x, y)) & (high >= (x, y))).all(1)]
        a, b, c = near[:, 0], near[:, 1], near[:, 2]
        area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
        v = ((x - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (y - a[:, 1])) / area
        w = ((b[:, 0] - a[:, 0]) * (y - a[:, 1]) - (x - a[:, 0]) * (b[:, 1] - a[:, 1])) / area
        inside = (v >= 0) & (w >= 0) & (v + w <= 1)
        heights = a[:, 2] + v * (b[:, 2] - a[:, 2]) + w * (c[:, 2] - a[:, 2])
        assert (heights[inside] < z).all()


def test_terrain_mesh_is_the_terrain() -> None:
    network = network_of("hairpins-1")
    look = theme("alpine")
    terrain = build_terrain(network_shapes(network), look, 3)
    scene = build_scene(network, "alpine", 3)
    ground = [mesh for mesh in scene.meshes if mesh.label == Label.TERRAIN]
    drawn = np.concatenate([mesh.vertices for mesh in ground[:2]])
    assert np.abs(drawn[:, 2] - terrain.height(drawn[:, 0], drawn[:, 1])).max() < 1e-9
    # The drawn triangles cover the land without gap or overlap: their middles lie on the surface too, and their
    # areas add up to whole cells.
    area = 0.0
    for mesh in ground[:2]:
        corners = mesh.vertices[mesh.triangles]
        middle = corners.mean(1)
        assert np.abs(middle[:, 2] - terrain.height(middle[:, 0], middle[:, 1])).max() < 1e-6
        u, v = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        area += 0.5 * float((u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]).sum())
    distance = terrain.distance
    cells = int((np.minimum(distance[:-1, :-1], distance[1:, 1:]) < look.reach).sum())
    assert area == pytest.approx(CELL**2 * cells, rel=0.02)


@pytest.mark.parametrize("look", sorted(THEMES))
def test_every_theme_makes_a_drawable_scene(look: str) -> None:
    scene = build_scene(parse_map(maps.generate(3, "hills", 600.0), "short"), look, 1)
    for mesh in scene.meshes:
        check_mesh(mesh)
    labels = {int(mesh.label) for mesh in scene.meshes}
    assert {int(Label.ROADS), int(Label.TERRAIN)} <= labels
    assert len(scene.instances) > 20
    assert all(np.isfinite(item.position).all() for item in scene.instances)


def test_training_and_heldout_themes_have_other_grounds() -> None:
    from scenarios.schema import HELDOUT_THEMES, TRAIN_THEMES

    assert set(THEMES) == {*TRAIN_THEMES, *HELDOUT_THEMES}
    mixes = {name: {plant.kind for plant in look.plants} for name, look in THEMES.items()}
    looks = {name: (look.ground, look.ground_tint) for name, look in THEMES.items()}
    for held in HELDOUT_THEMES:
        assert all((mixes[held], looks[held]) != (mixes[seen], looks[seen]) for seen in TRAIN_THEMES)


def test_unknown_theme_is_named() -> None:
    with pytest.raises(UnknownTheme, match=r"moon.*meadow"):
        theme("moon")


def digest(scene: SceneDescription) -> str:
    sha = hashlib.sha256()
    for mesh in scene.meshes:
        for array in (mesh.vertices, mesh.triangles, mesh.colours, mesh.uv, mesh.texture_labels):
            sha.update(b"" if array is None else np.ascontiguousarray(array).tobytes())
        sha.update(mesh.texture.encode() if isinstance(mesh.texture, str) else bytes(0))
    sha.update(repr([(i.kind, i.position, i.yaw, i.scale, i.tint, i.variant) for i in scene.instances]).encode())
    sha.update(repr(scene.sky).encode() + scene.obstacles.tobytes())
    return sha.hexdigest()


def scene_of(seed: int) -> SceneDescription:
    return build_scene(parse_map(maps.generate(4, "town", 500.0), "same"), "village", seed)


def test_same_seed_same_world_in_any_process() -> None:
    here = digest(scene_of(5))
    assert digest(scene_of(6)) != here
    code = f"import runpy; m = runpy.run_path({__file__!r}); print(m['digest'](m['scene_of'](5)))"
    # Another hash seed: an order that came from a set of strings would show.
    environment = {**os.environ, "PYTHONHASHSEED": "77"}
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert there.stdout.strip() == here


def test_carla_town_builds() -> None:
    scene = build_scene(network_of("Town03"), "meadow", 1)
    assert {int(Label.SIDEWALKS), int(Label.ROADS)} <= {int(mesh.label) for mesh in scene.meshes}
