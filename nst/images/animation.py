"""Animations of a picture being stylized, from the frames that a run keeps: GIF, or MP4 by the suffix."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from PIL import Image

from nst import layout
from nst.errors import NstError
from nst.images.metadata import mark
from nst.io.files import replacing

T = TypeVar("T")

_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
_MOST_FRAMES = 75  # six seconds at the default rate
_FEWEST_FRAMES = 12
_STEP = 1 / 20  # least change from frame to frame, of that from the first to the last
_VISIBLE = 0.05  # levels of 255: a change below is none
_MOST_COMPARED = 4 * _MOST_FRAMES
_COMPARED_SIDE = 48  # of the frames whose change is measured
_SMALLEST_SIDE = 160
_X264 = ["-crf", "20", "-movflags", "+faststart", "-fflags", "+bitexact", "-flags:v", "+bitexact"]
_PALETTE_SIDE = 128  # of the frames from which the colors are chosen


def animate(
    frames_dir: Path,
    out: Path,
    *,
    frame_rate: float,
    end_pause: float,
    long_side: int = 384,
    max_bytes: int = 4_000_000,
) -> None:
    """Write the frames of a folder, in the order of the numbers that name them, as a looping GIF or an MP4.

    frame_rate: frames a second; browsers show at most 50.
    end_pause: seconds that the first and the last frame stand still.
    long_side: pixels of the longer side; smaller frames are not enlarged.
    max_bytes: largest file; over it the pictures shrink to 160 pixels, then there are fewer, at least 12.
    A frame that hardly differs from the one before is left out, so that the picture moves until its end; of more than
    75 frames that are left 75 are shown, denser at the beginning.
    The same frames make the same bytes. Raises NstError where there is no frame, or one cannot be read.
    """
    encode = {".gif": _gif, ".mp4": _mp4}.get(out.suffix.lower())
    if encode is None:
        raise NstError(f"{out}: an animation is written as .gif or .mp4; choose one of these suffixes")
    frames = _read(spread(moving(spread(frames_of(frames_dir), _MOST_COMPARED)), _MOST_FRAMES), long_side)
    data = encode(frames, _times(len(frames), frame_rate, end_pause))
    while len(data) > max_bytes and (smaller := _reduced(frames, max_bytes / len(data))):
        frames = smaller
        data = encode(frames, _times(len(frames), frame_rate, end_pause))
    with replacing(out) as temporary:
        temporary.write_bytes(data)


def moving(paths: Sequence[Path]) -> list[Path]:
    """The frames that differ from the one shown before by a visible step; always the first and the last."""
    import numpy as np

    sights = [np.asarray(_open(path).resize((_COMPARED_SIDE, _COMPARED_SIDE)), dtype=np.int16) for path in paths]
    least = max(_STEP * np.abs(sights[-1] - sights[0]).mean(), _VISIBLE)
    kept = [0]
    for at, sight in enumerate(sights[:-1]):
        if at and np.abs(sight - sights[kept[-1]]).mean() >= least and np.abs(sights[-1] - sight).mean() >= least:
            kept.append(at)
    return [paths[at] for at in dict.fromkeys([*kept, len(paths) - 1])]


def spread(items: Sequence[T], most: int) -> list[T]:
    """So many of the items, or all if there are fewer: the first, the last, and more early ones than late."""
    if len(items) <= most:
        return list(items)
    last = len(items) - 1
    places = [max(i, round(last * (i / (most - 1)) ** 1.5)) for i in range(most)]
    return [items[place] for place in places]


def frames_of(folder: Path) -> list[Path]:
    """The frames in a folder, or in that of a pair, by their numbers; NstError where there are none."""
    if not folder.is_dir():
        raise NstError(f"{folder}: is no folder; name the folder of a pair, or of frames like 000010.jpg")
    for place in (folder / layout.FRAMES, folder / "frames", folder):
        found = [path for path in place.glob("*") if path.suffix.lower() in _SUFFIXES and path.stem.isdecimal()]
        if found:
            return sorted(found, key=lambda path: int(path.stem))
    raise NstError(
        f"{folder}: no frames in it or in its snapshots/frames; name the folder of a pair that was made with frames "
        "above 0 and, by nst stylize, with --record FOLDER"
    )


def _read(paths: Sequence[Path], long_side: int) -> list[Image.Image]:
    """All frames in the size of the last; those of a coarser scale are smaller."""
    last = _open(paths[-1])
    scale = min(1.0, long_side / max(last.size))
    # Both sides even: H.264 halves the resolution of its colors.
    size = (_even(last.width * scale), _even(last.height * scale))
    return [_open(path).resize(size, Image.Resampling.LANCZOS) for path in paths]


def _open(path: Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise NstError(f"{path}: this frame cannot be read ({error}); delete it, or stylize the pair again") from error


def _even(length: float) -> int:
    return max(2, round(length / 2) * 2)


def _times(count: int, frame_rate: float, end_pause: float) -> list[float]:
    """Seconds that each frame is shown."""
    times = [1 / min(frame_rate, 50)] * count
    times[0] = times[-1] = max(end_pause, times[0])
    return times


def _reduced(frames: list[Image.Image], ratio: float) -> list[Image.Image]:
    """Smaller frames, or fewer where they are small, to bring the bytes down to `ratio`; [] at the end."""
    width, height = frames[0].size
    scale = max(0.95 * ratio**0.5, _SMALLEST_SIDE / max(width, height))
    size = (_even(width * scale), _even(height * scale))
    if max(size) < max(width, height):
        return [frame.resize(size, Image.Resampling.LANCZOS) for frame in frames]
    fewer = spread(frames, max(_FEWEST_FRAMES, int(len(frames) * 0.95 * ratio)))
    return fewer if len(fewer) < len(frames) else []


def _gif(frames: list[Image.Image], times: list[float]) -> bytes:
    """One palette for all frames: a palette each would flicker, and costs more than it gains."""
    colors = _palette(frames)
    pictures = [frame.quantize(palette=colors, dither=Image.Dither.FLOYDSTEINBERG) for frame in frames]
    file = io.BytesIO()
    durations = [round(time * 100) * 10 for time in times]  # a GIF counts hundredths of a second
    pictures[0].save(
        file, "GIF", save_all=True, append_images=pictures[1:], duration=durations, loop=0, optimize=False,
        comment=mark("animation"),
    )  # fmt: skip
    return file.getvalue()


def _palette(frames: list[Image.Image]) -> Image.Image:
    """256 colors for the whole run, from frames over all of it and twice from the last, which is held."""
    chosen = [*spread(frames, 8), frames[-1]]
    small = [frame.copy() for frame in chosen]
    for frame in small:
        frame.thumbnail((_PALETTE_SIDE, _PALETTE_SIDE))
    mosaic = Image.new("RGB", (small[0].width, small[0].height * len(small)))
    for i, frame in enumerate(small):
        mosaic.paste(frame, (0, i * small[0].height))
    return mosaic.quantize(256, Image.Quantize.MEDIANCUT)


def _mp4(frames: list[Image.Image], times: list[float]) -> bytes:
    """H.264 in yuv420p, which every browser plays; each frame is repeated as long as it is shown."""
    import tempfile

    import imageio_ffmpeg

    rate = 60  # of the video: a frame stands for several of its own
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, layout.VIDEO)
        writer = imageio_ffmpeg.write_frames(
            str(path), frames[0].size, fps=rate, codec="libx264", pix_fmt_out="yuv420p",
            quality=None, macro_block_size=2, output_params=_X264,
        )  # fmt: skip
        try:
            writer.send(None)
            for frame, time in zip(frames, times, strict=True):
                for _ in range(max(1, round(time * rate))):
                    writer.send(frame.tobytes())
            writer.close()
            return path.read_bytes()
        except (OSError, RuntimeError) as error:
            raise NstError(f"the video cannot be encoded ({str(error).strip()[:200]}); choose .gif instead") from error
