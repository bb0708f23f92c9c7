"""CARLA 0.9.16: a small server that speaks its protocol (`envs.carla.server`), and room for a client beside it.

CARLA's left-handed frame and its degrees exist only in this package; `frames` is the border.
"""
