"""Driving in CARLA 0.9.16, or in our own server of the same protocol: `env.CarlaLaneKeepingEnv`.

* `wheel`: the ``carla`` package, imported when it is needed.
* `session`: connection, version, settings, maps, ticks, and leaving the server as it was, whatever happens.
* `waking`: the Traffic Manager's own sleep, from which only another signal wakes it.
* `sensors`: what arrives from the server's sensors, matched by frame.
* `car`: the vehicle, under the names of the embedded world's.
* `stage`: the map as the environment sees it; `waypoints`: routes by CARLA's own waypoints.
* `traffic`: cars of the Traffic Manager.
* `env`: the environment.
"""
