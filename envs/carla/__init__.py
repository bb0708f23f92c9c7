"""CARLA 0.9.16: a small server that speaks its protocol (`envs.carla.server`), and an environment that drives
in it or in CARLA itself (`envs.carla.client`).

CARLA's left-handed frame and its degrees exist only in this package; `frames` is the border.
"""
