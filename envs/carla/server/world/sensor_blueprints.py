"""Attributes of CARLA's sensors: name, type (2 Int, 3 Float, 4 String, 1 Bool), first value, recommended values."""

from __future__ import annotations

from typing import Any

Rows = dict[str, tuple[int, str, tuple[str, ...]]]

_BOOL, _INT, _FLOAT, _STRING = 1, 2, 3, 4


def _rows(kind: int, **values: Any) -> Rows:
    return {name: (kind, str(value), ()) for name, value in values.items()}


_TICK = _rows(_FLOAT, sensor_tick=0.0)
_CAMERA = {
    **_TICK,
    **_rows(_INT, image_size_x=800, image_size_y=600),
    **_rows(
        _FLOAT, fov=90.0, lens_circle_falloff=5.0, lens_circle_multiplier=0.0, lens_k=-1.0, lens_kcube=0.0,
        lens_x_size=0.08, lens_y_size=0.08,
    ),
}  # fmt: skip
_PHOTO = {
    **_rows(_BOOL, enable_postprocess_effects="true"),
    **_rows(_STRING, exposure_mode="histogram"),
    **_rows(
        _FLOAT, gamma=2.2, fstop=1.4, min_fstop=1.2, iso=100.0, shutter_speed=200.0, focal_distance=1000.0,
        blur_amount=1.0, blur_radius=0.0, motion_blur_intensity=0.45, motion_blur_max_distortion=0.35,
        motion_blur_min_object_screen_size=0.1, bloom_intensity=0.675, lens_flare_intensity=0.1,
        exposure_compensation=0.0, exposure_min_bright=10.0, exposure_max_bright=12.0, exposure_speed_up=3.0,
        exposure_speed_down=1.0, calibration_constant=16.0, black_clip=0.0, chromatic_aberration_intensity=0.0,
        chromatic_aberration_offset=0.0, shoulder=0.26, slope=0.88, tint=0.0, temp=6500.0, toe=0.55,
        white_clip=0.04,
    ),
    **_rows(_INT, blade_count=5),
}  # fmt: skip
_LIDAR = {
    **_TICK,
    **_rows(_INT, channels=32, points_per_second=56000),
    **_rows(
        _FLOAT, range=10.0, rotation_frequency=10.0, upper_fov=10.0, lower_fov=-30.0, horizontal_fov=360.0,
    ),
}  # fmt: skip
_IMU_NAMES = [f"noise_{quantity}_stddev_{axis}" for quantity in ("accel", "gyro") for axis in "xyz"]
_IMU_NAMES += [f"noise_gyro_bias_{axis}" for axis in "xyz"]
_GNSS_NAMES = [f"noise_{axis}_{what}" for axis in ("lat", "lon", "alt") for what in ("bias", "stddev")]

SENSORS: dict[str, Rows] = {
    "sensor.camera.rgb": {**_CAMERA, **_PHOTO},
    "sensor.camera.depth": _CAMERA,
    "sensor.camera.semantic_segmentation": _CAMERA,
    "sensor.camera.instance_segmentation": _CAMERA,
    "sensor.camera.dvs": {
        **_CAMERA,
        **_rows(
            _FLOAT, positive_threshold=0.3, negative_threshold=0.3, sigma_positive_threshold=0.0,
            sigma_negative_threshold=0.0, log_eps=0.001,
        ),
        **_rows(_INT, refractory_period_ns=0),
        **_rows(_BOOL, use_log="true"),
    },
    "sensor.lidar.ray_cast": {
        **_LIDAR,
        **_rows(
            _FLOAT, atmosphere_attenuation_rate=0.004, dropoff_general_rate=0.45, dropoff_intensity_limit=0.8,
            dropoff_zero_intensity=0.4, noise_stddev=0.0,
        ),
        **_rows(_INT, noise_seed=0),
    },
    "sensor.lidar.ray_cast_semantic": _LIDAR,
    "sensor.other.collision": _TICK,
    "sensor.other.gnss": {**_TICK, **_rows(_FLOAT, **dict.fromkeys(_GNSS_NAMES, 0.0)), **_rows(_INT, noise_seed=0)},
    "sensor.other.imu": {**_TICK, **_rows(_FLOAT, **dict.fromkeys(_IMU_NAMES, 0.0)), **_rows(_INT, noise_seed=0)},
    "sensor.other.lane_invasion": _TICK,
    "sensor.other.obstacle": {
        **_TICK,
        **_rows(_FLOAT, distance=5.0, hit_radius=0.5),
        **_rows(_BOOL, only_dynamics="false", debug_linetrace="false"),
    },
    "sensor.other.radar": {
        **_TICK,
        **_rows(_FLOAT, horizontal_fov=30.0, vertical_fov=30.0, range=100.0),
        **_rows(_INT, points_per_second=1500, noise_seed=0),
    },
}  # fmt: skip
