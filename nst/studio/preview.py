"""The image of a shared run that messengers show beside its link (Open Graph)."""

from __future__ import annotations

from pathlib import Path

from nst.io.files import replacing
from nst.studio import progress
from nst.studio.runs import StudioRun

#: Size in px that the large messengers ask for.
WIDTH, HEIGHT = 1200, 630
#: Maximum number of images side by side.
MAX_IMAGES = 3


def preview(run: StudioRun) -> Path | None:
    """A JPEG of the first finished images side by side, made again when there are others; None without any."""
    frames = [pair.frame for pair in progress.read(run) if pair.state == "done" and pair.frame][:MAX_IMAGES]
    if not frames:
        return None
    path = run.folder / "preview.jpg"
    if not path.is_file() or path.stat().st_mtime < max(frame.stat().st_mtime for frame in frames):
        _write(path, frames)
    return path


def _write(path: Path, frames: list[Path]) -> None:
    from PIL import Image, ImageOps

    canvas, gap = Image.new("RGB", (WIDTH, HEIGHT), "white"), 6
    width = (WIDTH - gap * (len(frames) - 1)) / len(frames)
    for index, frame in enumerate(frames):
        with Image.open(frame) as image:
            left, right = round(index * (width + gap)), round(index * (width + gap) + width)
            canvas.paste(ImageOps.fit(image.convert("RGB"), (right - left, HEIGHT)), (left, 0))
    with replacing(path) as temporary:
        canvas.save(temporary, "JPEG", quality=86)
