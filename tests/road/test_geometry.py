"""Curves against numerical integration (scipy) and finite differences, in float64."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import fresnel

from envs.road.geometry import Arc, Cubics, Curve, Line, ParametricCubic, Placed, PlanView, Spiral

CURVES = {
    "line": (Line(), 200.0),
    "arc": (Arc(0.04), 120.0),
    "arc right": (Arc(-1.0 / 7.0), 20.0),
    "arc nearly straight": (Arc(1e-13), 200.0),
    "spiral": (Spiral(0.0, 0.05, 200.0), 200.0),
    "spiral through zero": (Spiral(-0.03, 0.04, 150.0), 150.0),
    "spiral round and round": (Spiral(0.02, 0.5, 60.0), 60.0),
    "paramPoly3": (ParametricCubic((0.0, 30.0, 0.0, -2.0), (0.0, 0.0, 9.0, -4.0), 1.0, 29.0), None),
    "poly3": (ParametricCubic((0.0, 1.0, 0.0, 0.0), (0.0, 0.0, 0.01, -2e-4), 40.0, 41.0), None),
}


def with_true_length(curve: Curve, length: float | None) -> tuple[Curve, float]:
    if length is not None:
        return curve, length
    assert isinstance(curve, ParametricCubic)
    true = curve.arc_length
    return ParametricCubic(curve.u, curve.v, curve.p_end, true), true


@pytest.mark.parametrize("name", CURVES)
def test_position_is_the_integral_of_the_heading_and_heading_of_the_curvature(name: str) -> None:
    curve, length = with_true_length(*CURVES[name])

    def value(field: str, s: float) -> float:
        return float(getattr(curve.local(np.array([s])), field)[0])

    for s in (0.013 * length, 0.37 * length, length):
        at = curve.local(np.array([s]))
        options = {"epsabs": 1e-11, "epsrel": 1e-12, "limit": 400}
        turned, _ = quad(lambda q: value("curvature", q), 0.0, s, **options)
        x, _ = quad(lambda q: math.cos(value("heading", q)), 0.0, s, **options)
        y, _ = quad(lambda q: math.sin(value("heading", q)), 0.0, s, **options)
        assert at.heading[0] == pytest.approx(value("heading", 0.0) + turned, abs=1e-9)
        assert math.hypot(at.x[0] - x, at.y[0] - y) < 1e-7
        rate = (value("curvature", s) - value("curvature", s - 1e-5)) / 1e-5
        assert at.curvature_rate[0] == pytest.approx(rate, abs=1e-6)


def test_spiral_from_straight_equals_the_fresnel_integrals() -> None:
    spiral = Spiral(0.0, 0.06, 200.0)
    s = np.linspace(0.0, 200.0, 101)
    scale = math.sqrt(math.pi / spiral.rate)
    sine, cosine = fresnel(s / scale)
    at = spiral.local(s)
    assert np.abs(at.x - scale * cosine).max() < 1e-9
    assert np.abs(at.y - scale * sine).max() < 1e-9


def test_arc_is_a_circle_about_its_centre() -> None:
    at = Arc(-0.05).local(np.linspace(0.0, 100.0, 57))
    assert np.hypot(at.x, at.y + 20.0) == pytest.approx(np.full(57, 20.0), abs=1e-12)


def test_parametric_cubic_stretches_to_the_length_of_the_map() -> None:
    curve = ParametricCubic((0.0, 30.0, 0.0, 0.0), (0.0, 0.0, 5.0, 0.0), 1.0, 31.0)
    end = curve.local(np.array([31.0]))
    assert (end.x[0], end.y[0]) == (pytest.approx(30.0, abs=1e-9), pytest.approx(5.0, abs=1e-9))


def test_plan_view_turns_shifts_and_goes_on_straight_beyond_its_ends() -> None:
    quarter = math.pi * 10.0 / 2.0
    view = PlanView(
        (Placed(0.0, 1.0, 2.0, math.pi / 2, 5.0, Line()), Placed(5.0, 1.0, 7.0, math.pi / 2, quarter, Arc(0.1)))
    )
    at = view(np.array([-1.0, 5.0, 5.0 + quarter, 6.0 + quarter]))
    assert at.x == pytest.approx([1.0, 1.0, -9.0, -10.0])
    assert at.y == pytest.approx([1.0, 7.0, 17.0, 17.0])
    assert at.heading == pytest.approx([math.pi / 2, math.pi / 2, math.pi, math.pi])
    assert at.curvature == pytest.approx([0.0, 0.1, 0.1, 0.1])


def test_cubics_values_derivatives_and_what_lies_before_the_first() -> None:
    rows = ((10.0, 1.0, 0.5, -0.1, 0.01), (20.0, 7.0, 0.0, 0.0, 0.0))
    at = Cubics(rows)(np.array([5.0, 12.0, 20.0, 99.0]))
    assert at.value == pytest.approx([0.0, 1.0 + 1.0 - 0.4 + 0.08, 7.0, 7.0])
    assert at.first == pytest.approx([0.0, 0.5 - 0.4 + 0.12, 0.0, 0.0])
    assert at.second == pytest.approx([0.0, -0.2 + 0.12, 0.0, 0.0])
    assert Cubics(rows, zero_before=False)(np.array([5.0])).value[0] == pytest.approx(1.0 - 2.5 - 2.5 - 1.25)
    assert Cubics(())(np.array([3.0])).value[0] == 0.0
