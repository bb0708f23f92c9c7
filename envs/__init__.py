"""Worlds as Gymnasium environments: roads, the renderer, and driving."""
