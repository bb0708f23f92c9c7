"""Calls that 0.9.16 clients know and this server does not have: answered with an error that names them.

Those that the client sends without waiting are only logged: it never looks at their answers.
"""

from __future__ import annotations

from envs.carla.server.calls import Shape

REFUSED: dict[str, Shape] = {
    **dict.fromkeys(
        (
            "request_file",
            "start_recorder", "show_recorder_file_info", "show_recorder_collisions", "show_recorder_actors_blocked",
            "replay_file",
            "get_bones_transform", "get_actor_component_world_transform", "get_actor_component_relative_transform",
            "get_actor_bone_world_transforms", "get_actor_bone_relative_transforms", "get_actor_component_names",
            "get_actor_bone_names", "get_actor_socket_world_transforms", "get_actor_socket_relative_transforms",
            "get_actor_socket_names", "get_vehicle_bone_world_transforms",
            "get_wheel_pitch_angle",
            "is_sensor_enabled_for_ros", "are_gbuffers_enabled", "get_gbuffer_token",
            "console_command",
        ),
        Shape.VALUE,
    ),
    **dict.fromkeys(
        (
            "stop_recorder", "stop_replayer", "set_replayer_time_factor", "set_replayer_ignore_hero",
            "set_replayer_ignore_spectator",
            "set_bones_transform", "blend_pose", "get_pose_from_animation", "set_actor_dead",
            "add_actor_impulse_at_location", "add_actor_force_at_location",
            "set_wheel_steer_direction", "set_wheel_pitch_angle",
            "enable_carsim", "use_carsim_road", "enable_chrono_physics", "restore_physx_physics",
            "apply_color_texture_to_objects", "apply_float_color_texture_to_objects",
            "enable_sensor_for_ros", "disable_sensor_for_ros", "enable_gbuffers", "send",
        ),
        Shape.VOID,
    ),
}  # fmt: skip
"""Name of the call to the shape of its answer."""


def shape_of(name: str) -> Shape:
    """The shape of a call's answer that this server does not have; a guess for names that no client knows."""
    return REFUSED.get(name, Shape.VALUE)


def message(name: str) -> str:
    """What the caller reads."""
    return f"{name[:80]}: this server does not have this call (liquid-pilot serve; docs/carla.md lists what it has)"
