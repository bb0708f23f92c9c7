"""Which bits the effects make: written into every drive and results file beside the packages' versions."""

EFFECTS = "3"
"""Raised whenever a fault (above severity 0) or a weather (other than ``clear``) gives other bits than before, so that
``replay --check`` of a drive with effects names the reason. 1 was all before 2026-11-23: other draws of noise, of rain
and of its drops; 2 was one day: other rounding of brightness and saturation, finer steps of motion blur and shot noise,
sharper pictures in the drops on the lens."""
