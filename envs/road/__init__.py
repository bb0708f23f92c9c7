"""OpenDRIVE roads as numbers: parse a map, plan a route on it, project onto the route, cut the lanes into strips."""

from envs.road.chain import default_start
from envs.road.curves import LaneCurve, find_curves, step_back
from envs.road.errors import MapError, RouteError
from envs.road.lanes import LaneStrip, MarkRange, lane_strips
from envs.road.network import LaneRef, RoadNetwork, parse_map
from envs.road.planning import plan_route
from envs.road.road import Road
from envs.road.route import Projection, Route

__all__ = [
    "LaneCurve",
    "LaneRef",
    "LaneStrip",
    "MapError",
    "MarkRange",
    "Projection",
    "Road",
    "RoadNetwork",
    "Route",
    "RouteError",
    "default_start",
    "find_curves",
    "lane_strips",
    "parse_map",
    "plan_route",
    "step_back",
]
