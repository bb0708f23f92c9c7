"""The science of liquid-pilot: liquid networks, recorded drives, imitation, analysis. Knows no simulator.

Importing this package is cheap on purpose (the command line answers in under a second): torch and friends are
imported by the sub-packages that need them.
"""

__version__ = "0.1.0"
