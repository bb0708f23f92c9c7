"""Weather, CARLA's 14 parameters, laid over a picture with its depth and segmentation. See README.md beside this."""

from envs.effects.weather.look import WeatherLook
from envs.effects.weather.night import street_lamps
from envs.effects.weather.view import View

__all__ = ["View", "WeatherLook", "street_lamps"]
