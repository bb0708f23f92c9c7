"""CARLA's records: what they are on the wire."""
