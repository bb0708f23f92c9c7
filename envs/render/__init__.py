"""Pictures of a world: a scene described in plain numpy, drawn by Panda3D's software renderer.

Nothing here knows of roads or tracks. ``scene`` and ``pose`` (numpy only) say what is where; ``props`` models trees,
houses and the like; ``renderer`` turns a scene into RGB, metric depth and segmentation. panda3d is imported only by
``engine`` and ``renderer``.
"""
