"""Where a pair's content is kept, by the setting `protect`: on the faces that are found, or by a mask."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nst.engine.color import luma
from nst.images import Picture, faces
from nst.pair.sources import Sources


class Protection(NamedTuple):
    """Where the content is kept."""

    map: np.ndarray | None = None  # (H, W) float32 in 0..1; None: nowhere
    faces: int | None = None  # how many were found; None if they were not searched
    warnings: tuple[str, ...] = ()


def on_faces(path: str, shape: tuple[int, int], sources: Sources) -> Protection:
    """The faces of the content at `path`, as a map of this shape. Raises NstError without OpenCV.

    They are searched at a size of its own, so that every `size` of the result finds the same.
    """
    side = min(faces.SEARCH_SIDE, max(sources.size(path)))
    found = faces.find(sources.read(path, long_side=side).on_white().pixels)
    if not found:
        return Protection(None, 0, (f"protect: no face was found in {path}; nothing is protected",))
    return Protection(faces.coverage(found, shape), len(found))


def by_mask(mask: Picture | None) -> Protection:
    """The brightness of a mask as a map; nowhere without a mask."""
    return Protection() if mask is None else Protection(luma(mask.pixels).clip(0, 1))
