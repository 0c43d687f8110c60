"""Reading a folder of training images, without those that resemble a test image."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from nst.errors import NstError
from nst.images import read_picture, resize

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
MAX_SIDE = 640  # px; larger images are reduced
#: Correlation of thumbnails above which images count as the same. Two crops of one painting have had 0.74.
SIMILAR = 0.7


def read_pictures(folder: Path, leave_out: Path | None) -> list[Tensor]:
    """Every image of a folder, (3, h, w) uint8, without those that resemble one of the folder `leave_out`.

    Raises NstError where a folder contains no image, or none is left.
    """
    excluded = [_thumbnail(_read(path)) for path in _files(leave_out)] if leave_out else []
    excluded += [thumbnail[:, ::-1] for thumbnail in excluded]
    files, result = _files(folder), []
    with ThreadPoolExecutor() as threads:
        pictures = tqdm(threads.map(_read, files), "reading", len(files), disable=None)
        for path, picture in zip(files, pictures, strict=True):
            small = _thumbnail(picture)
            if any((small * other).mean() > SIMILAR for other in excluded):
                print(f"left out, similar to a test image: {path.name}", flush=True)
                continue
            result.append(torch.from_numpy(picture).permute(2, 0, 1).contiguous())
    if not result:
        raise NstError(f"{folder}: all {len(files)} images resemble one of {leave_out}; give other images")
    return result


def _files(folder: Path) -> list[Path]:
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not files:
        raise NstError(f"{folder}: no image there; give a folder with images ({', '.join(SUFFIXES)})")
    return files


def _read(path: Path) -> np.ndarray:
    """(h, w, 3) uint8, reduced to MAX_SIDE px."""
    pixels = read_picture(path).pixels
    if max(pixels.shape) > MAX_SIDE:
        pixels = resize(pixels, long_side=MAX_SIDE)
    return (pixels * 255).round().clip(0, 255).astype(np.uint8)


def _thumbnail(pixels: np.ndarray) -> np.ndarray:
    """16 × 16 gray values of mean 0 and variance 1."""
    gray = resize(pixels, shape=(16, 16)).mean(2)
    return (gray - gray.mean()) / (gray.std() + 1e-6)
