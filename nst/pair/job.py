"""What one pair is stylized from and into: paths and settings, and the pictures that they name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nst import layout
from nst.errors import Problems
from nst.grid.inputs import Styles, mask_problems
from nst.grid.names import short_hash, stem
from nst.images import Picture
from nst.pair.sources import Sources
from nst.settings import PATHS, Settings, pictures

if TYPE_CHECKING:
    from nst.engine.stylization import Transfer

#: Bytes of a name without its suffix: file systems take 255 in all, and work folders are named after the picture.
LONGEST = 200

#: A picture with a shorter side (px) has nothing of its own for a network to see, however it is enlarged.
TINY = 16


@dataclass(frozen=True)
class Job:
    """One pair to stylize.

    `output` is the picture's path; `record` the folder for losses.csv, run.json, snapshots/ and animation.gif (None:
    picture only); `work` the folder of unfinished work, on the same file system (None: hidden, beside the output);
    `unless_done` leaves a result alone that the same files and settings have made; `keep_work` leaves hard links to the
    results in the work folder, from which they are restored where somebody deletes them.
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
    keep_work: bool = False

    @property
    def pictures(self) -> list[str]:
        """The paths of the pictures that it is stylized from."""
        return [self.content, *(path for path, _ in self.styles), *pictures(self.settings).values()]

    @property
    def inputs(self) -> list[str]:
        """The files that it is stylized from, or that may be such files."""
        return [*self.pictures, self.settings.weights]

    @property
    def outputs(self) -> list[Path]:
        """The files, and the folder, that are replaced."""
        kept = (layout.LOSSES, layout.RUN, layout.ANIMATION, layout.SNAPSHOTS)
        return [self.output, *(self.record / name for name in kept if self.record)]

    @property
    def work_folder(self) -> Path:
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
    references: list[Picture]
    """The styles as the metrics compare with them: at the content's size and their own aspect."""
    hashes: dict[str, str]
    """SHA-256 by path: of the bytes that all of these are decoded from."""
    warnings: tuple[str, ...] = ()
    """What was done to a picture that hardly is one."""


def output_name(content: str, styles: Styles) -> str:
    """The file name of an image that was given none, without its suffix: photo--painting, photo--wave+scream.

    content: the content's name without its suffix.
    """
    name = f"{content}--{'+'.join(stem(path) for path, _ in styles)}"
    if len(name.encode()) <= LONGEST:
        return name
    return f"{name.encode()[: LONGEST - 9].decode(errors='ignore')}-{short_hash(name, 8)}"


def read_inputs(job: Job, sources: Sources | None = None) -> Inputs:
    """The pictures of a pair at the sizes that its settings ask for; styles and init lie on white.

    Raises NstError for a file that cannot be read, and Problems for masks that do not suit their pictures.
    """
    s, sources = job.settings, sources or Sources()
    read = sources.read
    if wrong := mask_problems(s, job.content, job.styles, sources.size):
        raise Problems(f"{column}: {sentence}" for column, sentence in wrong)
    side = s.size or max(sources.size(job.content))
    size = {"shape": (side, side)} if s.fit == "square" else {"long_side": s.size}
    content = read(job.content, **size)
    height, width = content.pixels.shape[:2]
    if s.style_fit == "stretch":
        shape = (max(1, round(height * s.style_scale)), max(1, round(width * s.style_scale)))
        styles = [read(path, shape=shape).on_white() for path, _ in job.styles]
    else:
        side = max(1, round(max(height, width) * s.style_scale))
        styles = [read(path, long_side=side).on_white() for path, _ in job.styles]
    references = styles
    if s.style_fit == "stretch" or s.style_scale != 1:
        references = [read(path, long_side=max(height, width)).on_white() for path, _ in job.styles]
    init = read(s.init, shape=(height, width)).on_white() if s.init not in PATHS["init"] else None
    masks = _mask(sources, s.content_mask, content), _mask(sources, s.style_mask, styles[0])
    used = [("content", job.content, content)]
    used += [("style", path, style) for (path, _), style in zip(job.styles, styles, strict=True)]
    enlarged = [_enlargement(what, path, sources.size(path), picture) for what, path, picture in used]
    warnings = tuple(filter(None, [*enlarged, _measurement(content)]))
    hashes = {path: sources.sha256(path) for path in job.pictures}
    return Inputs(content, styles, init, *masks, references, hashes, warnings)


def _enlargement(what: str, path: str, size: tuple[int, int], picture: Picture) -> str:
    """A warning about a tiny picture; '' for any other."""
    width, height = size
    if min(width, height) >= TINY:
        return ""
    used = f"{picture.pixels.shape[1]}×{picture.pixels.shape[0]} px"
    return (
        f"the {what} {path} has {width}×{height} px and is used at {used}: below {TINY} px a side there is little "
        "to stylize from; give a larger picture"
    )


def _measurement(content: Picture) -> str:
    """A warning where the metrics enlarge the stylized picture; '' where they do not."""
    height, width = content.pixels.shape[:2]
    if min(height, width) >= TINY:
        return ""
    return f"the picture has {width}×{height} px: its metrics are those of an enlargement to {TINY} px a side"


def transfer_of(job: Job, inputs: Inputs) -> Transfer:
    """What the engine optimizes: arrays and settings, no files."""
    from nst.engine.stylization import Transfer

    return Transfer(
        inputs.content.pixels,
        [style.pixels for style in inputs.styles],
        job.settings,
        blend=[weight for _, weight in job.styles],
        init=inputs.init.pixels if inputs.init else None,
        content_mask=inputs.content_mask.pixels if inputs.content_mask else None,
        style_mask=inputs.style_mask.pixels if inputs.style_mask else None,
        alpha=inputs.content.alpha,
    )


def _mask(sources: Sources, path: str, picture: Picture) -> Picture | None:
    """A mask at its picture's size, dark where it is transparent."""
    if not path:
        return None
    height, width = picture.pixels.shape[:2]
    mask = sources.read(path, shape=(height, width))
    return mask if mask.alpha is None else replace(mask, pixels=mask.pixels * mask.alpha[..., None])
