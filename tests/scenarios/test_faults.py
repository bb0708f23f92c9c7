"""Faults: the published numbers, severity between the rows, schedules, and what the command line may say."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import scenarios
from scenarios.errors import ScenarioError
from scenarios.faults import FAULTS, FaultKind, FaultSpec, Schedule, parse_fault
from tests.scenarios.conditions import faults
from tests.scenarios.test_weather import ROAD, moment

KINDS = list(FAULTS.values())

# Hendrycks and Dietterich 2019, imagenet_c/corruptions.py; saturate has factor and add, the blurs two numbers.
IMAGENET_C = {
    "gaussian_noise": [(0.08,), (0.12,), (0.18,), (0.26,), (0.38,)],
    "shot_noise": [(60,), (25,), (12,), (5,), (3,)],
    "impulse_noise": [(0.03,), (0.06,), (0.09,), (0.17,), (0.27,)],
    "speckle_noise": [(0.15,), (0.2,), (0.35,), (0.45,), (0.6,)],
    "gaussian_blur": [(1,), (2,), (3,), (4,), (6,)],
    "defocus_blur": [(3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)],
    "motion_blur": [(10, 3), (15, 5), (15, 8), (15, 12), (20, 15)],
    "brightness": [(0.1,), (0.2,), (0.3,), (0.4,), (0.5,)],
    "contrast": [(0.4,), (0.3,), (0.2,), (0.1,), (0.05,)],
    "saturation": [(0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2)],
    "jpeg": [(25,), (18,), (15,), (10,), (7,)],
}
NAMES = {
    "image": "gaussian_noise shot_noise impulse_noise speckle_noise paper_gaussian gaussian_blur defocus_blur "
    "motion_blur brightness contrast saturation exposure_step jpeg lost_blocks dead_pixels dead_rows lens_dirt "
    "lens_drops occlusion",
    "camera": "camera_shift",
    "timing": "frozen_frame dropped_frame delayed_frame",
    "speed": "speed_noise speed_bias speed_dropout",
    "actuator": "action_delay action_bias action_saturation",
}


def test_names_and_parts() -> None:
    for part, names in NAMES.items():
        assert [kind.name for kind in KINDS if kind.part == part] == names.split()
    assert all(FAULTS[kind.name] is kind for kind in KINDS)


@pytest.mark.parametrize("name", IMAGENET_C)
def test_published_parameters(name: str) -> None:
    assert [tuple(row.values()) for row in FAULTS[name].levels] == IMAGENET_C[name]


def test_the_papers_variances() -> None:
    assert [FAULTS["paper_gaussian"].at(severity)["variance"] for severity in range(4)] == [0.0, 0.1, 0.2, 0.3]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_severities_are_the_rows_exactly(kind: FaultKind) -> None:
    assert len(kind.levels) == 5
    assert kind.at(0) == kind.identity
    for severity, row in enumerate(kind.levels, start=1):
        assert kind.at(severity) == row
        assert kind.at(float(severity)) == row
    assert len(kind.description) <= 120
    assert len(kind.description.splitlines()) == 1


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@settings(max_examples=40, deadline=None)
@given(pair=st.tuples(st.floats(0.0, 5.0), st.floats(0.0, 5.0)))
def test_between_the_rows_severity_grows_without_a_jump(kind: FaultKind, pair: tuple[float, float]) -> None:
    one, two = (kind.at(severity) for severity in sorted(pair))
    for key, start in kind.identity.items():
        way = [start, *(row[key] for row in kind.levels)]
        if kind.grows:
            # In one direction all the way, away from the identity.
            sign = 1.0 if way[-1] >= start else -1.0
            assert sign * one[key] <= sign * two[key] + 1e-9
            assert [sign * value for value in way] == sorted(sign * value for value in way)
        close = kind.at(min(min(pair) + 1e-9, 5.0))
        in_range = [1.0 / value if math.isinf(start) else value for value in (one[key], close[key])]
        assert in_range[0] == pytest.approx(in_range[1], abs=1e-6)


def test_half_way() -> None:
    assert FAULTS["gaussian_noise"].at(2.5) == pytest.approx({"sd": 0.15})
    assert FAULTS["contrast"].at(0.5) == pytest.approx({"factor": 0.7})
    # Noise power of shot noise is 1 / photons, and that is what goes linearly.
    assert FAULTS["shot_noise"].at(0.5) == pytest.approx({"photons": 120.0})
    assert [kind.name for kind in KINDS if not kind.grows] == ["saturation"]


@pytest.mark.parametrize("severity", [-0.1, 5.1, math.nan, math.inf])
def test_severity_out_of_range(severity: float) -> None:
    with pytest.raises(ScenarioError, match=r"fault 'jpeg': severity must be 0 to 5, got"):
        FAULTS["jpeg"].at(severity)


@settings(max_examples=60, deadline=None)
@given(st.lists(faults, max_size=4))
def test_what_the_file_says_is_kept(given_faults: list[dict]) -> None:
    scenario = scenarios.Scenario.from_dict({**ROAD, "faults": given_faults})
    again = scenarios.parse(scenario.to_yaml())
    assert again == scenario
    assert len(again.faults) == len(given_faults)
    for spec, data in zip(again.faults, given_faults, strict=True):
        assert (spec.fault, spec.kind) == (data["fault"], FAULTS[data["fault"]])
        severity = data["severity"]
        if isinstance(severity, dict):
            for frame in severity["keyframes"]:
                # A percent goes through a division by 100 and back, so it may fall a hair beside the keyframe.
                assert spec.severity_at(**moment(frame)) == pytest.approx(frame["severity"], abs=1e-6)
        else:
            assert spec.severity_at(1.0, 2.0, 0.5) == severity
        schedule = data.get("schedule", "always")
        expected = {} if schedule == "always" else schedule
        assert spec.schedule.model_dump() == (expected or "always")
        assert spec.schedule.always == (not expected)


def test_severity_slides_and_stays_at_the_ends() -> None:
    frames = [{"time_s": 10, "severity": 1}, {"time_s": 20, "severity": 5}, {"time_s": 30, "severity": 0}]
    spec = FaultSpec.model_validate({"fault": "jpeg", "severity": {"keyframes": frames}})
    seen = [spec.severity_at(time_s, 0.0, 0.0) for time_s in (0.0, 10.0, 15.0, 20.0, 25.0, 30.0, 99.0)]
    assert seen == [1.0, 1.0, 3.0, 5.0, 2.5, 0.0, 0.0]


def test_labels() -> None:
    jpeg = FaultSpec(fault="jpeg", severity=2.5)
    assert jpeg.label == "jpeg:2.5"
    bursts = Schedule(bursts_per_minute=6.0, burst_s=1.5)
    assert jpeg.model_copy(update={"schedule": bursts}).label == "jpeg:2.5 (6 bursts a minute of 1.5 s)"
    assert jpeg.model_copy(update={"schedule": Schedule(from_s=3.0)}).label == "jpeg:2.5 (3 s to the end)"
    assert jpeg.model_copy(update={"schedule": Schedule(to_s=3.0)}).label == "jpeg:2.5 (0 s to 3 s)"
    assert scenarios.load("drift-noise").faults[0].label == "gaussian_noise:0>5"


def test_faults_of_the_command_line() -> None:
    assert parse_fault("jpeg:1,3.5,0") == [FaultSpec(fault="jpeg", severity=s) for s in (1.0, 3.5, 0.0)]
    assert parse_fault("jpeg") == parse_fault("jpeg:1,2,3,4,5")
    assert parse_fault("jpeg:2, 2.0") == [FaultSpec(fault="jpeg", severity=2.0)]
    # What was meant on the command line is the label of the table.
    assert [spec.label for spec in parse_fault("jpeg:1,3.5")] == ["jpeg:1", "jpeg:3.5"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("gausian_noise:1", "unknown fault 'gausian_noise'; did you mean 'gaussian_noise'"),
        ("FrozenFrames", "unknown fault 'FrozenFrames'; did you mean 'frozen_frame'"),
        ("delay", "did you mean 'action_delay'"),
        ("", "unknown fault ''; known: gaussian_noise, "),
        ("jpeg:", "severity must be a number from 0 to 5, got ''; write jpeg:3 or jpeg:1,3,5"),
        ("jpeg:6", "got '6'"),
        ("jpeg:1,-1", "got '-1'"),
        ("jpeg:nan", "got 'nan'"),
        ("jpeg:bad", "got 'bad'"),
        ("jpeg:1:2", "got '1:2'"),
    ],
)
def test_mistakes_of_the_command_line(text: str, what: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_fault(text)
    assert str(caught.value).startswith(f"fault {text!r}: ")
    assert what in str(caught.value)
    assert "\n" not in str(caught.value)
