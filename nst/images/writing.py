"""Arrays to image files. Writing is atomic, and the same pixels give the same bytes."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from nst.errors import NstError
from nst.images.color import srgb_profile
from nst.images.metadata import exif_block, metadata_text, png_text
from nst.images.resizing import Shape, over_white, resize
from nst.images.source import PathLike
from nst.io.files import replacing

_FRAME_QUALITY = 92

Encoder = Callable[[np.ndarray, str | None, int], bytes]
"""(H, W, 3 or 4) levels, metadata as text, and quality → bytes of the file."""


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
    """Save (H, W, 3) sRGB pixels, clipped to 0..1, in the format of the path's suffix. An error leaves the old file.

    alpha: (H, W) 0..1, for PNG, TIFF and WebP; a JPEG is composited on white.
    bits: 8, or 16 for TIFF; None for the maximum of the format.
    metadata: embedded, for `read_metadata`.
    quality: 1..100, for JPEG and WebP.
    folders: whether to create missing folders.
    Raises NstError for a suffix, depth or path that cannot be written, and for NaN or infinity.
    """
    path = Path(path)
    bits = bits or bits_of(path)
    encoder = _encoder(path, bits)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or (alpha is not None and alpha.shape != pixels.shape[:2]):
        raise ValueError(f"pixels are (H, W, 3) and alpha (H, W), got {pixels.shape}")
    if not np.isfinite(pixels).all() or (alpha is not None and not np.isfinite(alpha).all()):
        raise NstError(
            f"{path}: not saved, because the image contains NaN or infinity; reduce `content_weight` or "
            "`style_weight`, or set `precision: fp32`"
        )
    if encoder is _jpeg and alpha is not None:
        pixels, alpha = over_white(pixels, alpha), None
    planes = pixels if alpha is None else np.dstack([pixels, alpha])
    text = None if metadata is None else metadata_text(metadata)
    try:
        data = encoder(_levels(planes, bits), text, quality)
    except (OSError, ValueError, OverflowError, RuntimeError) as error:  # usually a limit of the format
        raise NstError(f"{path}: cannot be saved in this format ({error}); choose .png or .tif") from error
    with replacing(path, suffix=".part", folders=folders) as temporary:  # globs for images skip it
        temporary.write_bytes(data)


def write_frame(path: PathLike, pixels: np.ndarray, shape: Shape, *, alpha: np.ndarray | None = None) -> None:
    """Save a frame of an animation: a JPEG of (height, width) `shape`; pixels and alpha as for `write_picture`.

    It is resampled in 8 bits, which is faster than in float32. The folder must exist.
    """
    shown = pixels if alpha is None else over_white(pixels, resize(alpha, shape=(pixels.shape[0], pixels.shape[1])))
    frame = Image.fromarray(_levels(shown, 8))
    if frame.size != shape[::-1]:
        frame = frame.resize(shape[::-1], Image.Resampling.LANCZOS, reducing_gap=3)
    with replacing(Path(path), suffix=".part", folders=False) as temporary:
        temporary.write_bytes(_jpeg(np.asarray(frame), None, _FRAME_QUALITY))


def bits_of(path: PathLike) -> int:
    """The bits per channel with which the format of a path's suffix is written by default."""
    return 16 if Path(path).suffix.lower() in (".tif", ".tiff") else 8


def _encoder(path: Path, bits: int) -> Encoder:
    encoder = _ENCODERS.get(path.suffix.lower())
    if encoder is None:
        raise NstError(f"{path}: cannot save an image with this suffix; use one of {', '.join(_ENCODERS)}")
    if bits not in (8, 16):
        raise ValueError(f"bits are 8 or 16, got {bits}")
    if bits == 16 and encoder is not _tiff:
        raise NstError(f"{path}: 16 bits per channel require TIFF; choose .tif or 8 bits")
    return encoder


def _levels(planes: np.ndarray, bits: int) -> np.ndarray:
    """Values 0..1 rounded to levels of uint8 or uint16."""
    levels = np.clip(planes, 0, 1)
    levels *= np.float32(2**bits - 1)  # in place: in the main thread, new arrays of this size cost page faults
    return np.rint(levels, out=levels).astype(np.uint8 if bits == 8 else np.uint16)


def _by_pillow(levels: np.ndarray, format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(levels).save(file, format, icc_profile=srgb_profile(), **options)
    return file.getvalue()


def _png(levels: np.ndarray, text: str | None, quality: int) -> bytes:
    # Run lengths only: half the time for files that are 0 to 1 % larger, as stylized images hardly repeat themselves.
    return _by_pillow(levels, "PNG", pnginfo=None if text is None else png_text(text), compress_type=zlib.Z_RLE)


def _jpeg(levels: np.ndarray, text: str | None, quality: int) -> bytes:
    # Color at full resolution: subsampling would be visible at stylized edges.
    exif = b"" if text is None else exif_block(text)
    return _by_pillow(levels, "JPEG", quality=quality, subsampling=0, exif=exif)


def _webp(levels: np.ndarray, text: str | None, quality: int) -> bytes:
    # Method 2 takes half the time of Pillow's default 4; the files are 1 to 3 % larger.
    exif = b"" if text is None else exif_block(text)
    return _by_pillow(levels, "WEBP", quality=quality, method=2, exif=exif)


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
        metadata=None,  # no additional tags of tifffile
        software=False,
    )
    return file.getvalue()


_ENCODERS: dict[str, Encoder] = {
    ".png": _png, ".jpg": _jpeg, ".jpeg": _jpeg, ".tif": _tiff, ".tiff": _tiff, ".webp": _webp,
}  # fmt: skip

#: Suffixes of the formats that can be written.
WRITTEN = tuple(_ENCODERS)
