"""A contact sheet: many small pictures in labelled rows and columns."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from envs.effects.errors import BadImage
from envs.effects.types import Image, check_image

_PAPER, _INK, _GAP = 250, (30, 30, 30), 6
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_TEXT = 0.5
"""Scale of OpenCV's font: letters 11 pixels high."""
_LINE = 22
"""Pixels, height of a line of text."""


def contact_sheet(rows: Sequence[tuple[str, Sequence[tuple[str, Image]]]], cell_width: int = 200) -> Image:
    """Pictures in a table.

    Args:
        rows: (label of the row, its cells); a cell is (label, picture). Rows may be of different length. A label that
            all cells of a column share stands once above it, others stand above their own picture.
        cell_width: pixels; pictures are scaled to it, keeping their shape: enlarged by whole pixels where that is
            possible, so that noise looks as it is.

    Returns:
        uint8 (height, width, 3) RGB.

    Raises:
        BadImage: no picture at all, or one of the wrong dtype or shape.
    """
    columns = max((len(cells) for _, cells in rows), default=0)
    if columns == 0:
        raise BadImage("a contact sheet needs at least one picture, got none")
    scaled = [[(label, _scaled(check_image(image), cell_width)) for label, image in cells] for _, cells in rows]
    heads = [{cells[i][0] for cells in scaled if i < len(cells)} for i in range(columns)]
    shared = all(len(labels) == 1 for labels in heads)
    names = [name for name, _ in rows]
    margin = max(_text_width(name) for name in names) + 2 * _GAP
    caption = 0 if shared else _LINE
    heights = [caption + max((image.shape[0] for _, image in cells), default=0) + _GAP for cells in scaled]
    top = (_LINE if shared else 0) + _GAP
    sheet = np.full((top + sum(heights), margin + columns * (cell_width + _GAP), 3), _PAPER, dtype=np.uint8)
    if shared:
        for i, labels in enumerate(heads):
            _write(sheet, next(iter(labels)), margin + i * (cell_width + _GAP), _LINE)
    for name, cells, height in zip(names, scaled, heights, strict=True):
        _write(sheet, name, _GAP, top + height // 2)
        for i, (label, image) in enumerate(cells):
            left = margin + i * (cell_width + _GAP)
            if not shared:
                _write(sheet, label, left, top + _LINE - _GAP)
            sheet[top + caption : top + caption + image.shape[0], left : left + cell_width] = image
        top += height
    return sheet


def _scaled(image: Image, width: int) -> Image:
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    if width % image.shape[1] == 0:
        way = cv2.INTER_NEAREST
    else:
        way = cv2.INTER_AREA if width < image.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(np.ascontiguousarray(image), (width, height), interpolation=way), dtype=np.uint8)


def _text_width(text: str) -> int:
    return int(cv2.getTextSize(text, _FONT, _TEXT, 1)[0][0])


def _write(sheet: Image, text: str, left: int, baseline: int) -> None:
    cv2.putText(sheet, text, (left, baseline), _FONT, _TEXT, _INK, 1, cv2.LINE_AA)
