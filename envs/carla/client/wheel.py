"""The ``carla`` package from PyPI: heavy and not for every machine, so it is imported when somebody drives in CARLA."""

from __future__ import annotations

import importlib
from typing import Any

from envs.carla.errors import WheelMissing

VERSION = "0.9.16"
"""Of the wheel and of the servers that we speak to."""


def wheel() -> Any:
    """The module ``carla``. Raises WheelMissing."""
    try:
        found = importlib.import_module("carla")
        found.Client  # noqa: B018  # a folder called carla in the working directory is a module too
    except (ImportError, AttributeError) as error:
        raise WheelMissing(
            f"the carla package is not there ({error}): pip install carla=={VERSION} "
            "(Python 3.10 to 3.12 on x86-64 Linux or Windows)"
        ) from error
    return found
