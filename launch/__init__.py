"""The command line ``liquid-pilot`` and its jobs: record, train, evaluate, replay, demo, doctor."""
