"""Animations (GIF or MP4) from the frames of a run."""

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
_MOST_FRAMES = 75  # 6 s at the default frame rate
_FEWEST_FRAMES = 12
_STEP = 1 / 20  # minimum change between frames, relative to that from the first to the last
_VISIBLE = 0.05  # minimum visible change, in levels of 255
_MOST_COMPARED = 4 * _MOST_FRAMES
_COMPARED_SIDE = 48  # size at which frames are compared
_SMALLEST_SIDE = 160
_X264 = ["-crf", "20", "-movflags", "+faststart", "-fflags", "+bitexact", "-flags:v", "+bitexact"]
_PALETTE_SIDE = 48  # size of the frames from which the colors are chosen


def animate(
    frames_dir: Path,
    out: Path,
    *,
    frame_rate: float,
    end_pause: float,
    long_side: int = 384,
    max_bytes: int = 4_000_000,
) -> None:
    """Write the frames of a folder, in the order of their numbers, as a looping GIF or an MP4.

    Frames that hardly differ from the previous one are left out. Of the others at most 75 are used, more of the early
    ones. The same frames give the same bytes. Raises NstError if there is no frame, or one cannot be read.

    Args:
        frame_rate: frames per second; browsers show at most 50.
        end_pause: seconds for which the first and the last frame are shown.
        long_side: long side in pixels; smaller frames are not enlarged.
        max_bytes: maximum file size. To keep it, frames are reduced down to 160 pixels, and then dropped down to 12.
    """
    encode = {".gif": _gif, ".mp4": _mp4}.get(out.suffix.lower())
    if encode is None:
        raise NstError(f"{out}: an animation is written as .gif or .mp4; choose one of these suffixes")
    frames = _read(
        sample_frames(distinct_frames(sample_frames(frame_files(frames_dir), _MOST_COMPARED)), _MOST_FRAMES), long_side
    )
    data = encode(frames, _times(len(frames), frame_rate, end_pause))
    while len(data) > max_bytes and (smaller := _reduced(frames, max_bytes / len(data))):
        frames = smaller
        data = encode(frames, _times(len(frames), frame_rate, end_pause))
    with replacing(out) as temporary:
        temporary.write_bytes(data)


def distinct_frames(paths: Sequence[Path]) -> list[Path]:
    """The frames that visibly differ from the previously chosen one, and the first and the last."""
    import numpy as np

    side = _COMPARED_SIDE
    thumbnails = [np.asarray(_open(path, side).resize((side, side)), dtype=np.int16) for path in paths]
    least = max(_STEP * np.abs(thumbnails[-1] - thumbnails[0]).mean(), _VISIBLE)
    last = len(paths) - 1
    chosen = [0]
    for i in range(1, last):
        if all(np.abs(thumbnails[i] - thumbnails[j]).mean() >= least for j in (chosen[-1], last)):
            chosen.append(i)
    return [paths[i] for i in dict.fromkeys([*chosen, last])]


def sample_frames(items: Sequence[T], most: int) -> list[T]:
    """At most `most` of the items: the first, the last, and more of the early ones than of the late ones."""
    if len(items) <= most:
        return list(items)
    last = len(items) - 1
    indices = [max(i, round(last * (i / (most - 1)) ** 1.5)) for i in range(most)]
    return [items[index] for index in indices]


def frame_files(folder: Path) -> list[Path]:
    """The frames in a folder of frames or of a pair, sorted by number. Raises NstError if there are none."""
    if not folder.is_dir():
        raise NstError(f"{folder}: is not a folder; give the folder of a pair, or of frames like 000010.jpg")
    for index in (folder / layout.FRAMES, folder / "frames", folder):
        frames = [path for path in index.glob("*") if path.suffix.lower() in _SUFFIXES and path.stem.isdecimal()]
        if frames:
            return sorted(frames, key=lambda path: int(path.stem))
    raise NstError(
        f"{folder}: has no frames, neither in it nor in snapshots/frames; give the folder of a pair that was "
        "stylized with a frame_interval above 0 (with nst stylize, also with --record FOLDER)"
    )


def _read(paths: Sequence[Path], long_side: int) -> list[Image.Image]:
    """The frames, resized to the size of the last; frames of a coarser scale are smaller."""
    last = _open(paths[-1])
    scale = min(1.0, long_side / max(last.size))
    # H.264 with 4:2:0 needs even sides.
    size = (_even(last.width * scale), _even(last.height * scale))
    return [_open(path).resize(size, Image.Resampling.LANCZOS) for path in paths]


def _open(path: Path, least_side: int = 0) -> Image.Image:
    """The frame. With `least_side` a JPEG is decoded at a lower resolution, with at least so many px per side."""
    try:
        with Image.open(path) as image:
            if least_side:
                image.draft("RGB", (least_side, least_side))
            return image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise NstError(f"{path}: the frame cannot be read ({error}); delete it, or stylize the pair again") from error


def _even(length: float) -> int:
    return max(2, round(length / 2) * 2)


def _times(count: int, frame_rate: float, end_pause: float) -> list[float]:
    """Seconds for which each frame is shown."""
    times = [1 / min(frame_rate, 50)] * count
    times[0] = times[-1] = max(end_pause, times[0])
    return times


def _reduced(frames: list[Image.Image], ratio: float) -> list[Image.Image]:
    """Smaller frames, or fewer if they are small already, to reduce the bytes by `ratio`; [] if neither is possible."""
    width, height = frames[0].size
    scale = max(0.95 * ratio**0.5, _SMALLEST_SIDE / max(width, height))
    size = (_even(width * scale), _even(height * scale))
    if max(size) < max(width, height):
        return [frame.resize(size, Image.Resampling.LANCZOS) for frame in frames]
    fewer = sample_frames(frames, max(_FEWEST_FRAMES, int(len(frames) * 0.95 * ratio)))
    return fewer if len(fewer) < len(frames) else []


def _gif(frames: list[Image.Image], times: list[float]) -> bytes:
    """An animated GIF. All frames share one palette: separate palettes would flicker and take more space."""
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
    """256 colors from frames of the whole run; the last frame, which is shown longest, counts twice."""
    small = [frame.copy() for frame in (*sample_frames(frames, 8), frames[-1])]
    for frame in small:
        frame.thumbnail((_PALETTE_SIDE, _PALETTE_SIDE))
    mosaic = Image.new("RGB", (small[0].width, small[0].height * len(small)))
    for i, frame in enumerate(small):
        mosaic.paste(frame, (0, i * small[0].height))
    return mosaic.quantize(256, Image.Quantize.MAXCOVERAGE)  # keeps vivid colors, which a median cut dulls


def _mp4(frames: list[Image.Image], times: list[float]) -> bytes:
    """An H.264 video in yuv420p, which all browsers play. Each frame is repeated for as long as it is shown."""
    import tempfile

    import imageio_ffmpeg

    rate = 60  # frames per second of the video, which repeats each frame
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
