"""Faces in an image, by OpenCV's Haar cascades (Viola & Jones, CVPR 2001), and the map that covers them."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nst.errors import NstError

#: Long side in px at which faces are searched; smaller images are not enlarged.
SEARCH_SIDE = 1024

#: Coefficients of the luma Y' in R'G'B' (ITU-R BT.601).
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
#: The smallest face, relative to the long side: at 512 px, two positions of conv4_2.
_SMALLEST = 1 / 32
#: Two cascades that were trained apart. Each finds faces where there are none, but hardly ever both at the same place.
_FRONTAL = ("haarcascade_frontalface_default.xml", "haarcascade_frontalface_alt.xml")
#: A single cascade, so it must find a face at many neighboring places. It was trained with faces that look left.
_PROFILE = "haarcascade_profileface.xml"
_FRONTAL_PLACES, _PROFILE_PLACES = 4, 20

#: Semi-axes of the ellipse that is kept, in sides of the box, which leaves out hair and the tip of the chin.
_SEMI_AXES = (0.55, 0.7)
#: The ellipse from which on the map is 0, relative to the one that is kept.
_FADED = 1.35


class Face(NamedTuple):
    """The box of a face: its center and its sides, relative to the image's width and height."""

    x: float
    y: float
    width: float
    height: float


class _Box(NamedTuple):
    x: int
    y: int
    side: int


def missing() -> str:
    """What has to be installed to find faces; '' if nothing."""
    if find_spec("cv2"):
        return ""
    return "requires OpenCV; run `pip install 'opencv-python-headless<5'`, or give a mask"


def find(pixels: np.ndarray) -> list[Face]:
    """The faces in an image (H, W, 3), sRGB in 0..1, from top to bottom.

    A frontal face is found by both frontal cascades, a profile by the profile cascade at many neighboring places. Both
    are searched in the image and in its mirror image. Raises NstError without OpenCV.
    """
    gray = np.rint(pixels @ _LUMA * 255).clip(0, 255).astype(np.uint8)
    first, second = (_boxes(gray, name, _FRONTAL_PLACES) for name in _FRONTAL)
    found = [box for box in first if any(_is_same(box, other) for other in second)]
    distinct: list[_Box] = []
    for box in [*found, *_boxes(gray, _PROFILE, _PROFILE_PLACES)]:
        if not any(_is_same(box, other) for other in distinct):
            distinct.append(box)
    height, width = gray.shape
    faces = [Face((x + s / 2) / width, (y + s / 2) / height, s / width, s / height) for x, y, s in distinct]
    return sorted(faces, key=lambda face: (face.y, face.x))


def coverage(faces: Iterable[Face], shape: tuple[int, int]) -> np.ndarray:
    """A map (H, W) float32: 1 in an ellipse around each face with hair and chin, with soft edges, 0 elsewhere."""
    covered = np.zeros(shape, np.float32)
    for face in faces:
        rows, down = _along(shape[0], face.y, _SEMI_AXES[1] * face.height)
        columns, across = _along(shape[1], face.x, _SEMI_AXES[0] * face.width)
        share = ((_FADED - np.hypot(down[:, None], across[None])) / (_FADED - 1)).clip(0, 1)
        part = covered[rows, columns]
        np.maximum(part, share * share * (3 - 2 * share), out=part)
    return covered


def _along(length: int, center: float, semi_axis: float) -> tuple[slice, np.ndarray]:
    """The pixels of an axis near a face, and their distances from its center in semi-axes, float32."""
    places = (np.arange(length) + 0.5) / length - center
    near = np.flatnonzero(np.abs(places) < _FADED * semi_axis)
    inside = slice(near[0], near[-1] + 1) if near.size else slice(0)
    return inside, (places[inside] / semi_axis).astype(np.float32)


def _boxes(gray: np.ndarray, cascade: str, places: int) -> list[_Box]:
    """The boxes that a cascade finds at at least this many neighboring places, in the image and in its mirror image."""
    smallest = round(max(gray.shape) * _SMALLEST)
    classifier, found = _cascade(cascade), []
    for mirrored in (False, True):
        image = np.ascontiguousarray(gray[:, ::-1]) if mirrored else gray
        boxes = classifier.detectMultiScale(image, scaleFactor=1.1, minNeighbors=places, minSize=(smallest, smallest))
        for x, y, side, _ in sorted(map(tuple, boxes)):
            found.append(_Box(int(gray.shape[1] - x - side if mirrored else x), int(y), int(side)))
    return found


def _cascade(name: str) -> Any:
    """A cascade of OpenCV. Not cached, because threads must not share one."""
    if problem := missing():
        raise NstError(f"protect: faces {problem}")
    import cv2

    return cv2.CascadeClassifier(str(Path(cv2.data.haarcascades) / name))


def _is_same(one: _Box, other: _Box) -> bool:
    """Whether two boxes are of one face: their centers are near, and their sides alike."""
    larger, smaller = max(one.side, other.side), min(one.side, other.side)
    across, down = one.x - other.x + (one.side - other.side) / 2, one.y - other.y + (one.side - other.side) / 2
    return max(abs(across), abs(down)) < 0.3 * larger and smaller > 0.6 * larger
