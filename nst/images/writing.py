"""Arrays to files: whole or not at all, and the same bytes for the same picture."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nst.errors import NstError
from nst.images.color import srgb_profile
from nst.images.metadata import exif_block, metadata_text, png_text
from nst.images.resizing import over_white
from nst.images.source import PathLike
from nst.io.files import replacing

Encoder = Callable[[np.ndarray, str | None, int], bytes]
"""(H, W, 3 or 4) levels, the metadata's text, the quality → the file."""


def write_picture(
    path: PathLike,
    pixels: np.ndarray,
    *,
    alpha: np.ndarray | None = None,
    bits: int | None = None,
    metadata: dict[str, Any] | None = None,
    quality: int = 95,
    folders: bool = True,
) -> None:
    """Save (H, W, 3) sRGB pixels 0..1 (clipped to it), in the format of the path's suffix.

    alpha: (H, W) 0..1, kept by PNG, TIFF and WebP; JPEG lies on white.
    bits: 8, or 16 for TIFF; None is the most that the format has. metadata: what read_metadata gives back.
    quality: 1..100, of JPEG and WebP.
    folders: whether missing folders are made. The file is complete or, after any failure, what it was before.
    Raises NstError for a suffix, depth or place that cannot be written, and for NaN or infinity.
    """
    path = Path(path)
    bits = bits or bits_of(path)
    encoder = _encoder(path, bits)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or (alpha is not None and alpha.shape != pixels.shape[:2]):
        raise ValueError(f"pixels are (H, W, 3) and alpha (H, W), got {pixels.shape}")
    if not np.isfinite(pixels).all() or (alpha is not None and not np.isfinite(alpha).all()):
        raise NstError(f"{path}: holds NaN or infinity and was never saved; lower the weights")
    if encoder is _jpeg and alpha is not None:
        pixels, alpha = over_white(pixels, alpha), None
    planes = pixels if alpha is None else np.dstack([pixels, alpha])
    text = None if metadata is None else metadata_text(metadata)
    try:
        data = encoder(_levels(planes, bits), text, quality)
    except (OSError, ValueError, OverflowError, RuntimeError) as error:  # mostly a limit of the format
        raise NstError(f"{path}: cannot be saved in this format ({error}); choose .png or .tif") from error
    with replacing(path, suffix=".part", folders=folders) as temporary:  # no picture of a folder that is read meanwhile
        temporary.write_bytes(data)


def bits_of(path: PathLike) -> int:
    """The most bits a channel that the format of a path's suffix is written with."""
    return 16 if Path(path).suffix.lower() in (".tif", ".tiff") else 8


def _encoder(path: Path, bits: int) -> Encoder:
    encoder = _ENCODERS.get(path.suffix.lower())
    if encoder is None:
        raise NstError(f"{path}: pictures are saved as {', '.join(_ENCODERS)}; choose one of these suffixes")
    if bits not in (8, 16):
        raise ValueError(f"bits are 8 or 16, got {bits}")
    if bits == 16 and encoder is not _tiff:
        raise NstError(f"{path}: 16 bits a channel are saved as TIFF only; choose .tif or 8 bits")
    return encoder


def _levels(planes: np.ndarray, bits: int) -> np.ndarray:
    """0..1 to the nearest level, of uint8 or uint16."""
    top = 2**bits - 1
    levels: np.ndarray = np.rint(np.clip(planes, 0, 1) * np.float32(top))
    return levels.astype(np.uint8 if bits == 8 else np.uint16)


def _png(levels: np.ndarray, text: str | None, quality: int) -> bytes:
    file = io.BytesIO()
    chunks = png_text(text) if text is not None else None
    Image.fromarray(levels).save(file, "PNG", icc_profile=srgb_profile(), pnginfo=chunks)
    return file.getvalue()


def _jpeg(levels: np.ndarray, text: str | None, quality: int) -> bytes:
    file = io.BytesIO()
    exif = exif_block(text) if text is not None else b""
    # Color at full resolution: stylized edges are where a halved one shows.
    image = Image.fromarray(levels)
    image.save(file, "JPEG", quality=quality, subsampling=0, icc_profile=srgb_profile(), exif=exif)
    return file.getvalue()


def _webp(levels: np.ndarray, text: str | None, quality: int) -> bytes:
    file = io.BytesIO()
    exif = exif_block(text) if text is not None else b""
    # Method 2 takes half the time of Pillow's 4, for files larger by 1 to 3 %.
    Image.fromarray(levels).save(file, "WEBP", quality=quality, method=2, icc_profile=srgb_profile(), exif=exif)
    return file.getvalue()


def _tiff(levels: np.ndarray, text: str | None, quality: int) -> bytes:
    import tifffile

    file = io.BytesIO()
    tifffile.imwrite(
        file,
        levels,
        photometric="rgb",
        extrasamples=["unassalpha"] if levels.shape[2] == 4 else None,
        compression="zlib",
        predictor=True,
        iccprofile=srgb_profile(),
        description=text,
        metadata=None,  # no tags of tifffile's own
        software=False,
    )
    return file.getvalue()


_ENCODERS: dict[str, Encoder] = {
    ".png": _png, ".jpg": _jpeg, ".jpeg": _jpeg, ".tif": _tiff, ".tiff": _tiff, ".webp": _webp,
}  # fmt: skip

#: The suffixes of pictures that can be written.
WRITTEN = tuple(_ENCODERS)
