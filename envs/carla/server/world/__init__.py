"""The simulated world behind the server: maps, actors, time. No sockets, no bytes."""
