"""Worlds as Gymnasium environments: roads, the renderer, weather and faults, driving, the drone, and CARLA."""
