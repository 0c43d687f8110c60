"""What one pair is painted from and into: paths and settings, and the pictures that they name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from nst.errors import Problems
from nst.images import Picture, picture_size, read_picture
from nst.inputs import mask_problems
from nst.settings import PATHS, Settings


@dataclass(frozen=True)
class Job:
    """One pair to paint.

    `output` is the picture's path; `record` the folder for losses.csv, run.json, snapshots/ and animation.gif (None:
    picture only); `work` the folder of unfinished work, on the same file system (None: hidden, beside the output);
    `unless_done` leaves a result alone that the same files and settings have made.
    """

    content: str
    styles: tuple[tuple[str, float], ...]
    settings: Settings
    output: Path
    record: Path | None = None
    work: Path | None = None
    device: str = "auto"
    threads: int = 0
    id: str = ""
    unless_done: bool = False

    @property
    def workplace(self) -> Path:
        """The work folder: given, or hidden beside the output."""
        return (self.work or self.output.with_name(f".{self.output.name}.work")).absolute()


@dataclass(frozen=True)
class Inputs:
    """The pictures of a job, read."""

    content: Picture
    styles: list[Picture]
    init: Picture | None
    content_mask: Picture | None
    style_mask: Picture | None


def read_inputs(job: Job) -> Inputs:
    """The pictures of a pair at the sizes that its settings ask for; styles and init lie on white."""
    s = job.settings
    if wrong := mask_problems(s, job.content, job.styles, picture_size):
        raise Problems(f"{column}: {sentence}" for column, sentence in wrong)
    side = s.size or max(picture_size(job.content))
    size = {"shape": (side, side)} if s.fit == "square" else {"long_side": s.size}
    content = read_picture(job.content, **size)
    height, width = content.pixels.shape[:2]
    if s.style_fit == "stretch":
        shape = (max(1, round(height * s.style_scale)), max(1, round(width * s.style_scale)))
        styles = [read_picture(path, shape=shape).on_white() for path, _ in job.styles]
    else:
        side = max(1, round(max(height, width) * s.style_scale))
        styles = [read_picture(path, long_side=side).on_white() for path, _ in job.styles]
    init = read_picture(s.init, shape=(height, width)).on_white() if s.init not in PATHS["init"] else None
    return Inputs(content, styles, init, _mask(s.content_mask, content), _mask(s.style_mask, styles[0]))


def _mask(path: str, picture: Picture) -> Picture | None:
    """A mask at its picture's size, dark where it is transparent."""
    if not path:
        return None
    height, width = picture.pixels.shape[:2]
    mask = read_picture(path, shape=(height, width))
    return mask if mask.alpha is None else replace(mask, pixels=mask.pixels * mask.alpha[..., None])
