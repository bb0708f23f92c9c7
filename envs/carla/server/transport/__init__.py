"""Sockets: remote calls (msgpack-rpc) and streams of sensor data; both know nothing of CARLA's calls."""
