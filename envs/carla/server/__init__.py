"""A CARLA 0.9.16 server without a GPU: CARLA's wire protocol around the embedded driving world.

* `transport`: sockets, msgpack-rpc and the streams of sensors, with every size, count and depth bounded.
* `protocol`: CARLA's records as bytes, and the checks of what comes over the wire.
* `world`: the episode: map, actors, vehicles, traffic lights, time. Knows nothing of sockets.
* `sensors`: what cameras, lidars and the others see of the world.
* `calls`: one small function per remote call, named as the call; ``docs/carla.md`` has the table.
* `server.Server` puts them together.
"""
