"""Weather and sensor faults, as pure functions on anybody's numpy images, and as a Gymnasium wrapper.

    from envs.effects import Key, gaussian_noise
    spoilt = gaussian_noise(image, severity=3, key=Key(seed=7, frame=0))

`SensorLine` has all the faults of an episode in one object, timing, speed and actuators included; `SensorFaults` puts
it around an environment. What the names and severities mean is in `scenarios.faults.FAULTS`. Weather, which needs to
know what is where in the picture, is in `envs.effects.weather`.
"""

from envs.effects.blur import defocus_blur, gaussian_blur, motion_blur
from envs.effects.drops import lens_drops
from envs.effects.errors import BadImage, NotWrappable, UnknownEffect
from envs.effects.images import IMAGE_FAULTS, ImageFault, apply
from envs.effects.lens import lens_dirt, occlusion
from envs.effects.line import CameraShift, SensorLine
from envs.effects.noise import gaussian_noise, impulse_noise, paper_gaussian, shot_noise, speckle_noise
from envs.effects.sensor import dead_pixels, dead_rows
from envs.effects.sheet import contact_sheet
from envs.effects.tone import brightness, contrast, exposure_step, saturation
from envs.effects.transmission import jpeg, lost_blocks
from envs.effects.types import Image, Key
from envs.effects.wrapper import SensorFaults
from envs.moment import Moment

__all__ = [
    "IMAGE_FAULTS",
    "BadImage",
    "CameraShift",
    "Image",
    "ImageFault",
    "Key",
    "Moment",
    "NotWrappable",
    "SensorFaults",
    "SensorLine",
    "UnknownEffect",
    "apply",
    "brightness",
    "contact_sheet",
    "contrast",
    "dead_pixels",
    "dead_rows",
    "defocus_blur",
    "exposure_step",
    "gaussian_blur",
    "gaussian_noise",
    "impulse_noise",
    "jpeg",
    "lens_dirt",
    "lens_drops",
    "lost_blocks",
    "motion_blur",
    "occlusion",
    "paper_gaussian",
    "saturation",
    "shot_noise",
    "speckle_noise",
]
