"""The wind: statistics of the Dryden turbulence against their closed forms, limits, repeatability."""

import itertools
import math

import numpy as np
import pytest
from scipy.linalg import expm

from envs.drone.errors import BadWind, WindTooStrong
from envs.drone.parameters import CONTROL_PERIOD, QuadrotorParameters
from envs.drone.wind import CALM, Wind, _Lateral


def blown(wind: Wind, seed: int, steps: int) -> np.ndarray:
    return np.array(list(itertools.islice(wind.series(seed), steps)))


def test_figures_of_the_specification() -> None:
    # MIL-F-8785C at 20 feet, where the profile changes nothing: 0.1 W20, and h / (0.177 + 0.000823 h)^n.
    wind = Wind(speed=10.0, height=20 * 0.3048)
    assert wind.intensities[2] == pytest.approx(1.0)
    assert wind.intensities[0] == wind.intensities[1] == pytest.approx(1 / 0.19346**0.4)
    assert wind.lengths[2] == pytest.approx(6.096)
    assert wind.lengths[0] == wind.lengths[1] == pytest.approx(6.096 / 0.19346**1.2)
    # At 1,000 feet turbulence becomes the same in all directions.
    high = Wind(speed=10.0, height=1000 * 0.3048)
    assert high.intensities[0] == pytest.approx(high.intensities[2], rel=1e-3)
    assert high.lengths[0] == pytest.approx(high.lengths[2], rel=1e-3)
    # Below 10 feet nothing changes any more.
    assert Wind(speed=5.0, height=0.5).intensities == Wind(speed=5.0, height=3.048).intensities


def test_mean_deviation_and_autocorrelation_are_those_of_the_dryden_filter() -> None:
    wind = Wind(speed=4.0)
    # 6,000 s are some 1,600 time constants of u, so its variance is known to 5 %; every test number is 3 sigma away.
    samples = blown(wind, 3, 120_000)
    sigma, times = wind.intensities, wind.times
    assert samples.mean(axis=0) == pytest.approx((4.0, 0.0, 0.0), abs=3 * sigma[0] * math.sqrt(2 * times[0] / 6000))
    deviations = samples.std(axis=0)
    assert deviations[:2] == pytest.approx(sigma[:2], rel=0.08)
    assert deviations[2] == pytest.approx(sigma[2], rel=0.03)
    gusts = (samples - (4.0, 0.0, 0.0)) / sigma
    for lag in (1, 4, 20, 60):
        t = lag * CONTROL_PERIOD
        measured = (gusts[lag:] * gusts[:-lag]).mean(axis=0)
        expected = [
            math.exp(-t / times[0]),
            math.exp(-t / times[1]) * (1 - t / (2 * times[1])),
            math.exp(-t / times[2]) * (1 - t / (2 * times[2])),
        ]
        assert measured == pytest.approx(expected, abs=0.12)


def test_lateral_filter_is_sampled_exactly() -> None:
    # Matrix exponential, and the step's noise covariance after C. F. Van Loan, IEEE TAC 23 (1978).
    time_constant = 0.4
    system = np.array(((-1.0, 0.0), (1.0, -1.0))) / time_constant
    noise = np.array(((2.0, 0.0), (0.0, 0.0))) / time_constant
    whole = expm(np.block([[-system, noise], [np.zeros((2, 2)), system.T]]) * CONTROL_PERIOD)
    transition = whole[2:, 2:].T
    ours = _Lateral(time_constant)
    np.testing.assert_allclose(((ours.keep, 0.0), (ours.leak, ours.keep)), transition, atol=1e-12)
    factor = np.array(((ours.top, 0.0), (ours.mix, ours.low)))
    np.testing.assert_allclose(factor @ factor.T, transition @ whole[:2, 2:], atol=1e-12)


def test_it_starts_as_it_goes_on() -> None:
    # The first and second step over many seeds: no warming up.
    wind = Wind(speed=4.0)
    first = np.array([blown(wind, seed, 2) for seed in range(1500)])
    for step in (0, 1):
        assert first[:, step].mean(axis=0) == pytest.approx((4.0, 0.0, 0.0), abs=0.08)
        assert first[:, step].std(axis=0) == pytest.approx(wind.intensities, rel=0.06)
    change = (first[:, 1] - first[:, 0]).std(axis=0)
    r = CONTROL_PERIOD / np.array(wind.times)
    correlation = np.exp(-r) * (1 - np.array((0.0, 0.5, 0.5)) * r)
    assert change == pytest.approx(np.array(wind.intensities) * np.sqrt(2 - 2 * correlation), rel=0.06)


def test_direction_turns_mean_and_gusts_together() -> None:
    straight, turned = blown(Wind(speed=4.0), 1, 50), blown(Wind(speed=4.0, direction=2.0), 1, 50)
    cosine, sine = math.cos(2.0), math.sin(2.0)
    np.testing.assert_allclose(turned[:, 0], cosine * straight[:, 0] - sine * straight[:, 1], atol=1e-12)
    np.testing.assert_allclose(turned[:, 1], sine * straight[:, 0] + cosine * straight[:, 1], atol=1e-12)
    np.testing.assert_array_equal(turned[:, 2], straight[:, 2])


def test_the_series_depends_on_the_seed_alone() -> None:
    wind = Wind(speed=3.0)
    alone = blown(wind, 5, 600)
    one, other = wind.series(5), wind.series(6)
    woven = [(next(one), next(other)) for _ in range(600)]
    np.testing.assert_array_equal(alone, [a for a, _ in woven])
    assert (alone != [b for _, b in woven]).any()


def test_calm_and_steady() -> None:
    assert not blown(CALM, 0, 10).any()
    np.testing.assert_allclose(
        blown(Wind(speed=2.0, direction=math.pi / 2, gusts=0.0), 0, 5), [(0, 2, 0)] * 5, atol=1e-12
    )


@pytest.mark.parametrize("values", [{"speed": -1.0}, {"speed": math.nan}, {"gusts": -0.1}, {"direction": math.inf}])
def test_wind_that_makes_no_sense(values: dict[str, float]) -> None:
    with pytest.raises(BadWind, match="finite"):
        Wind(**values)


def test_too_strong_a_wind_names_what_fits() -> None:
    drone = QuadrotorParameters()
    Wind(speed=5.6).check(drone)
    with pytest.raises(WindTooStrong, match=r"mean wind of 5\.\d m/s is the most") as caught:
        Wind(speed=12.0).check(drone)
    fits = float(str(caught.value).split("mean wind of ")[1].split()[0])
    Wind(speed=fits).check(drone)
    with pytest.raises(WindTooStrong):
        Wind(speed=fits + 0.2).check(drone)
