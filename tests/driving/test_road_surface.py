"""The road's triangles against the lanes of the map, and its paint seen from straight above."""

from __future__ import annotations

import math

import numpy as np
import pytest

from envs.driving.road_surface import road_meshes
from envs.driving.shapes import network_shapes
from envs.render.labels import Label
from envs.render.pose import Pose
from envs.render.renderer import Renderer
from envs.render.scene import Mesh, SceneDescription, Sky
from envs.road import RoadNetwork, parse_map
from envs.road.road import DRIVABLE
from scenarios import maps

WIDTH = 0.16
SPAN = 30.0
KINDS = (
    "solid", "broken", "solid solid", "solid broken", "broken solid", "broken broken", "botts dots", "none", "grass",
)  # fmt: skip


def straight_map(kinds: tuple[str, ...], colour: str = "white", edge: str = "none") -> str:
    """A straight road along +x, two lanes of 3.5 m and pavements; each mark of the centre line holds for 30 m."""
    marks = "".join(
        f'<roadMark sOffset="{SPAN * i}" type="{kind}" color="{colour}" width="{WIDTH}"/>'
        for i, kind in enumerate(kinds)
    )
    length = SPAN * len(kinds)

    def side(sign: int) -> str:
        return (
            f'<lane id="{sign}" type="driving"><width sOffset="0" a="3.5" b="0" c="0" d="0"/>'
            f'<roadMark sOffset="0" type="{edge}" color="white" width="0.3"/></lane>'
            f'<lane id="{2 * sign}" type="sidewalk"><width sOffset="0" a="2" b="0" c="0" d="0"/></lane>'
        )

    lanes = f'<left>{side(1)}</left><center><lane id="0" type="none">{marks}</lane></center><right>{side(-1)}</right>'
    return (
        '<OpenDRIVE><header revMajor="1" revMinor="4"/>'
        f'<road name="" id="1" length="{length}" junction="-1"><planView><geometry s="0" x="0" y="0" hdg="0" '
        f'length="{length}"><line/></geometry></planView><lanes><laneSection s="0">{lanes}</laneSection></lanes></road>'
        "</OpenDRIVE>"
    )


class FromAbove:
    """Labels and colours of a small world, looked up by place."""

    def __init__(self, text: str) -> None:
        network = parse_map(text, "test")
        meshes = road_meshes(network, network_shapes(network))
        # White light from straight above leaves the colours as they are painted.
        sky = Sky(sun_elevation=math.pi / 2, sun_light=(1.0, 1.0, 1.0), sky_light=(0.0, 0.0, 0.0))
        self.renderer = Renderer(SceneDescription(meshes=meshes, sky=sky), near=0.5, far=100.0)
        self.camera = self.renderer.camera(1024, 512, math.radians(90), channels=("rgb", "segmentation"))

    def look(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Labels (N,) and colours (N, 3) at points (N, 3) that lie within 8 m along and 4 m across of each other."""
        middle = points.mean(0)
        pose = Pose.from_angles(middle[0], middle[1], 10.0, yaw=math.pi / 2, pitch=-math.pi / 2)
        frame = self.camera.render(pose)
        pixels = np.floor(self.camera.project(pose, points)).astype(int)
        return frame.segmentation[pixels[:, 1], pixels[:, 0]], frame.rgb[pixels[:, 1], pixels[:, 0]]


def expected(kind: str, offset: float, along: float) -> bool:
    """Whether OpenDRIVE wants paint ``offset`` metres left of the centre line, ``along`` metres from the mark's start.

    Double lines leave one line's width between them; broken lines have 3 m dashes and 6 m gaps, dots 0.1 m in 1 m.
    """
    dash = {"solid": True, "broken": along % 9.0 < 3.0, "botts dots": along % 1.0 < 0.1}
    if kind in ("none", "grass"):
        return False
    if " " not in kind or kind == "botts dots":
        return abs(offset) < WIDTH / 2 and dash[kind]
    left, right = kind.split()
    if abs(offset - WIDTH) < WIDTH / 2:
        return dash[left]
    return abs(offset + WIDTH) < WIDTH / 2 and dash[right]


@pytest.fixture(scope="module")
def all_marks() -> FromAbove:
    return FromAbove(straight_map(KINDS))


@pytest.mark.parametrize("kind", KINDS)
def test_paint_lies_where_the_mark_says(all_marks: FromAbove, kind: str) -> None:
    start = SPAN * KINDS.index(kind)
    along = np.array([9.5, 10.05, 11.03, 12.7, 14.06, 15.55, 16.5, 17.03])
    offsets = np.array([-2.0, -0.34, -WIDTH, 0.0, WIDTH, 0.34, 2.0])
    grid = np.array([(start + s, offset, 0.0) for s in along for offset in offsets])
    labels, _ = all_marks.look(grid)
    wanted = [expected(kind, offset, s) for s in along for offset in offsets]
    assert (labels == np.where(wanted, int(Label.ROAD_LINES), int(Label.ROADS))).all()
    if kind not in ("none", "grass"):
        assert any(wanted)


def test_a_kerb_is_pavement_and_no_paint() -> None:
    above = FromAbove(straight_map(("none",), edge="curb"))
    roads, pavement = int(Label.ROADS), int(Label.SIDEWALKS)
    for side in (1.0, -1.0):
        labels, _ = above.look(np.array([(10.0, side * y, 0.0) for y in (0.0, 3.2, 3.5, 4.0, 4.6)]))
        assert labels.tolist() == [roads, roads, pavement, pavement, pavement]


@pytest.mark.parametrize(("colour", "rgb"), [("yellow", (232, 182, 46)), ("white", (236, 236, 230))])
def test_paint_has_its_colour(colour: str, rgb: tuple[int, int, int]) -> None:
    above = FromAbove(straight_map(("solid",), colour))
    _, colours = above.look(np.array([(10.0 + 0.2 * i, 0.0, 0.0) for i in range(20)]))
    assert np.abs(colours.mean(0) - rgb).max() < 16  # worn by up to 7 %


def covering(mesh: Mesh, points: np.ndarray) -> list[np.ndarray]:
    """For each point (N, 2) the heights of all triangles of the mesh above or below it."""
    corners = mesh.vertices[mesh.triangles]
    a, b, c = (corners[:, i] for i in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (b[:, 1] - a[:, 1])
    flat = np.abs(area) > 1e-9
    a, b, c, area = a[flat], b[flat], c[flat], area[flat]
    found = []
    for x, y in points:
        v = ((x - a[:, 0]) * (c[:, 1] - a[:, 1]) - (c[:, 0] - a[:, 0]) * (y - a[:, 1])) / area
        w = ((b[:, 0] - a[:, 0]) * (y - a[:, 1]) - (x - a[:, 0]) * (b[:, 1] - a[:, 1])) / area
        inside = (v >= -1e-9) & (w >= -1e-9) & (v + w <= 1 + 1e-9)
        found.append((a[:, 2] + v * (b[:, 2] - a[:, 2]) + w * (c[:, 2] - a[:, 2]))[inside])
    return found


def lane_points(network: RoadNetwork, rng: np.random.Generator, count: int) -> np.ndarray:
    """(count, 3) random points on driving lanes, from the lanes' own paths rather than from their borders."""
    pieces = [
        (road, number, lane.id)
        for road in network.roads.values()
        for number, section in enumerate(road.lane_sections)
        for lane in section.lanes.values()
        if lane.type in DRIVABLE and section.end - section.start > 0.5
    ]
    points = []
    for _ in range(count):
        road, number, lane = pieces[rng.integers(len(pieces))]
        section = road.lane_sections[number]
        path = road.lane_path(number, lane, np.array([rng.uniform(section.start, section.end)]))
        aside = rng.uniform(-0.95, 0.95) * float(path.half_width[0])
        x = float(path.x[0]) - aside * math.sin(float(path.heading[0]))
        y = float(path.y[0]) + aside * math.cos(float(path.heading[0]))
        points.append((x, y, float(path.z[0])))
    return np.array(points)


@pytest.mark.parametrize("name", ["hairpins-1", "hills-2", "town-1"])
def test_surface_is_closed_and_as_high_as_the_map_says(name: str) -> None:
    network = parse_map(maps.read(name), name)
    meshes = [m for m in road_meshes(network, network_shapes(network)) if m.label == Label.ROADS]
    points = lane_points(network, np.random.default_rng(5), 150)
    heights = [np.concatenate(pieces) for pieces in zip(*(covering(m, points[:, :2]) for m in meshes), strict=True)]
    assert all(len(found) for found in heights)  # no hole
    # The topmost is what one sees and drives on.
    error = np.array([found.max() for found in heights]) - points[:, 2]
    assert np.abs(error).max() < 0.02


def test_triangles_look_up() -> None:
    network = parse_map(maps.read("hairpins-1"), "hairpins-1")
    for mesh in road_meshes(network, network_shapes(network)):
        a, b, c = (mesh.vertices[mesh.triangles[:, i]] for i in range(3))
        assert (np.cross(b - a, c - a)[:, 2] > 0).all()
