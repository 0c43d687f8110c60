"""Decoding of one uploaded file in a process of its own, with limits on memory, time and files.

`python -m nst.studio.decoding image|mask FILE PREVIEW PIXELS` decodes FILE, writes PREVIEW and prints one line of JSON:
the file's suffix and size, or the error as the rest of a sentence that starts with the file's name.

A file that crashes a decoder, or makes it take too much memory or time, ends only this process.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nst.errors import NstError
from nst.studio.errors import BusyError

#: The suffixes of the formats that are accepted, by the name that `nst.images` gives them.
SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "TIFF": ".tif", "WEBP": ".webp", "HEIF": ".heic", "AVIF": ".avif"}
_USE = "use JPEG, PNG, WebP, HEIC, AVIF or TIFF"

#: Long side of a preview, and of a stored mask, in pixels.
PREVIEW, MASK = 480, 4096
#: Pixels of an image, unless the studio's quotas say otherwise.
PIXELS = 100_000_000

#: Processes at once, and seconds that a further file waits for one of them.
PROCESSES, WAIT = 2, 30.0
#: Files that are decoded or wait; more are refused at once, so that threads of the server remain for other requests.
FILES = 12
#: Seconds of a process by the clock. It may share its core with others, so they are more than those of CPU time.
SECONDS = 60.0

# Limits of a process. `nst.images` refuses images that take more than 1 GB to decode; the rest of the address space is
# for the interpreter with the decoders (0.15 GB), the file, and the strips. 100 megapixels took up to 1.2 GB and 7 s.
_MEMORY, _CPU_SECONDS, _WRITTEN, _OPEN_FILES = 1_500_000_000, 30, 32_000_000, 32
#: Processors of a process: decoders start a thread for each, whose stacks take address space.
_PROCESSORS = 2
#: Characters of a process's answer.
_LONGEST_ANSWER = 10_000

_slots, _files = threading.BoundedSemaphore(PROCESSES), threading.BoundedSemaphore(FILES)


@dataclass(frozen=True)
class Decoded:
    """A file that has been decoded."""

    suffix: str  # of its format, with the dot
    width: int  # in pixels, upright
    height: int


def decode(file: Path, preview: Path, *, name: str = "", pixels: int = PIXELS) -> Decoded:
    """Decode an image, and write an upright preview (WebP).

    name: the name of the image in messages; by default that of the file.
    pixels: the most that the image may have.
    Raises NstError for a file that is no image of an accepted format, or is broken or too large, and BusyError.
    """
    return _decoded("image", file, preview, name or file.name, pixels)


def mask(file: Path, preview: Path, *, name: str = "", pixels: int = PIXELS) -> Decoded:
    """As `decode`, for a PNG, which becomes a grayscale PNG of at most 4096 pixels per side; transparent is black."""
    return _decoded("mask", file, preview, name or file.name, pixels)


def _decoded(kind: str, file: Path, preview: Path, name: str, pixels: int) -> Decoded:
    with _slot():
        answer = _run([kind, str(file.resolve()), str(preview.resolve()), str(pixels)])
    error = ": cannot be decoded, or not with the memory and time that the studio allows; export it again, or reduce it"
    if answer is not None:
        if not answer.get("error"):
            return Decoded(answer["suffix"], answer["width"], answer["height"])
        error = answer["error"]
    raise NstError(f"{name}{error}")


@contextmanager
def _slot() -> Iterator[None]:
    busy = BusyError("the studio is busy with other images; try again in a minute")
    if not _files.acquire(blocking=False):
        raise busy
    try:
        if not _slots.acquire(timeout=WAIT):
            raise busy
        try:
            yield
        finally:
            _slots.release()
    finally:
        _files.release()


def _run(arguments: list[str]) -> dict[str, Any] | None:
    """The answer of a process; None if it crashed, exceeded a limit or took too long."""
    command = [sys.executable, "-P", "-m", "nst.studio.decoding", *arguments]
    # A file instead of a pipe: the limit on written bytes holds for it.
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command,
            cwd="/",
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            status = process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            if process.returncode is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        output.seek(0)
        try:
            return json.loads(output.read(_LONGEST_ANSWER)) if status == 0 else None
        except ValueError:  # a decoder printed something, too
            return None


def _environment() -> dict[str, str]:
    """Where nst is, and nothing of ours: neither secrets nor variables that change how decoders work."""
    return {
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
        "PYTHONUTF8": "1",
        # Each thread and each arena of malloc reserves address space, which is limited.
        "MALLOC_ARENA_MAX": "2",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }


def _answer(kind: str, file: str, preview: str, pixels: str) -> dict[str, Any]:
    """What a process answers."""
    try:
        return (_mask if kind == "mask" else _image)(Path(file), Path(preview), int(pixels))
    except NstError as error:
        # An error that does not start with the image's name, which is empty here, may contain a path.
        return {"error": str(error) if str(error)[:1] in (":", " ") else ": cannot be stored; try again later"}
    except MemoryError:
        return {"error": ": needs more memory than the studio allows; reduce the image"}


def _limit() -> None:
    """Limit this process, before it imports a decoder."""
    import resource

    for kind, most in (
        (resource.RLIMIT_AS, _MEMORY),
        (resource.RLIMIT_CPU, _CPU_SECONDS),
        (resource.RLIMIT_FSIZE, _WRITTEN),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most))
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-_PROCESSORS:])


def _image(file: Path, preview: Path, pixels: int) -> dict[str, Any]:
    from nst.images import ImageFile, read_picture, write_picture

    image = ImageFile("", file.read_bytes())
    suffix, width, height = _checked(image.data, pixels)
    picture = read_picture(image, long_side=min(PREVIEW, max(width, height)))
    write_picture(preview, picture.pixels, alpha=picture.alpha, quality=80)
    return {"suffix": suffix, "width": width, "height": height}


def _mask(file: Path, preview: Path, pixels: int) -> dict[str, Any]:
    import numpy as np
    from PIL import Image

    from nst.images import ImageFile, read_picture, resize, write_picture

    image = ImageFile("", file.read_bytes())
    suffix, *size = _checked(image.data, pixels)
    if suffix != ".png":
        raise NstError(" is not a mask; a mask is a PNG")
    picture = read_picture(image, long_side=min(MASK, max(size)))
    opacity = 1 if picture.alpha is None else picture.alpha[..., None]
    levels = np.asarray(Image.fromarray(np.rint(picture.pixels * opacity * 255).astype(np.uint8)).convert("L"))
    if not levels.any():
        raise NstError(" is empty; paint where the style goes")
    Image.fromarray(levels).save(file, "PNG")
    height, width = levels.shape
    small = resize(levels, long_side=min(PREVIEW, max(width, height)))
    write_picture(preview, np.repeat(small[..., None], 3, axis=2), quality=80)
    return {"suffix": suffix, "width": width, "height": height}


def _checked(data: bytes, pixels: int) -> tuple[str, int, int]:
    """Suffix, width and height of an image. Raises NstError for one that is not accepted; reads its header only."""
    from nst.images import ImageFile, picture_size
    from nst.images.opening import format_of

    if not data:
        raise NstError(" is empty; save the image again")
    kind = format_of(data[:16])
    if kind is None:
        if b"<svg" in data[:1000].lower():
            raise NstError(" is an SVG, a drawing without pixels; export it as PNG")
        raise NstError(f" is not an image of a supported format; {_USE}")
    if kind not in SUFFIXES:
        raise NstError(f" is a {kind}; {_USE}")
    width, height = picture_size(ImageFile("", data))
    if width * height > pixels:
        raise NstError(
            f" has {width}×{height} pixels; at most {pixels / 1e6:.0f} megapixels are allowed: reduce the image"
        )
    return SUFFIXES[kind], width, height


if __name__ == "__main__":
    _limit()
    print(json.dumps(_answer(*sys.argv[1:])))
