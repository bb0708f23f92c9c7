"""The names of the road styles, alone in a file because the schema needs them and nothing else of the generator."""

from __future__ import annotations

from typing import Literal, get_args

Style = Literal["country", "motorway", "s_bends", "hairpins", "hills", "lane", "town", "corners", "avenue", "mixed"]
"""What kind of road the generator makes; ``mixed`` draws the characteristics of one of the others for each seed, of all
but ``corners`` and ``avenue``."""

STYLES: tuple[Style, ...] = get_args(Style)
"""All styles, ``mixed`` last."""
