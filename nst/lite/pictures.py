"""Reading a folder of training pictures, without those that resemble a test picture."""

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
LONGEST = 640  # px that a picture is reduced to
#: Correlation of thumbnails above which two pictures count as the same: 0.74 is another crop of the same painting.
ALIKE = 0.7


def read_pictures(folder: Path, leave_out: Path | None) -> list[Tensor]:
    """Every picture of a folder, (3, h, w) uint8, without those that resemble one of the folder `leave_out`.

    Raises NstError where a folder holds no picture, or none is left.
    """
    known = [_thumbnail(_read(path)) for path in _files(leave_out)] if leave_out else []
    known += [thumbnail[:, ::-1] for thumbnail in known]
    files, kept = _files(folder), []
    with ThreadPoolExecutor() as threads:
        pictures = tqdm(threads.map(_read, files), "reading", len(files), disable=None)
        for path, picture in zip(files, pictures, strict=True):
            small = _thumbnail(picture)
            if any((small * other).mean() > ALIKE for other in known):
                print(f"left out because it resembles a test picture: {path.name}", flush=True)
                continue
            kept.append(torch.from_numpy(picture).permute(2, 0, 1).contiguous())
    if not kept:
        raise NstError(f"{folder}: all {len(files)} pictures resemble one of {leave_out}; give others to train on")
    return kept


def _files(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not found:
        raise NstError(f"{folder}: no picture there ({', '.join(SUFFIXES)}); give a folder that holds some")
    return found


def _read(path: Path) -> np.ndarray:
    """(h, w, 3) uint8, reduced to LONGEST px."""
    pixels = read_picture(path).pixels
    if max(pixels.shape) > LONGEST:
        pixels = resize(pixels, long_side=LONGEST)
    return (pixels * 255).round().clip(0, 255).astype(np.uint8)


def _thumbnail(pixels: np.ndarray) -> np.ndarray:
    """16 × 16 gray values of mean 0 and variance 1."""
    gray = resize(pixels, shape=(16, 16)).mean(2)
    return (gray - gray.mean()) / (gray.std() + 1e-6)
