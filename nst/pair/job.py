"""The job of one pair: paths and settings; reading of its images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nst import layout
from nst.errors import Problems
from nst.grid.inputs import Styles, mask_problems
from nst.grid.names import MOST_LISTED, blend_name, short_hash, slug, stem
from nst.images import Picture
from nst.pair import protection
from nst.pair.protection import Protection
from nst.pair.sources import Sources
from nst.settings import PATHS, Settings, pictures

if TYPE_CHECKING:
    from nst.engine.stylization import Transfer

#: Maximum bytes of a file name without suffix. File systems allow 255, and work folders append to the name.
MAX_NAME_BYTES = 200

#: Images with a shorter side (px) have too little detail for the network.
MIN_SIDE = 16


@dataclass(frozen=True)
class Job:
    """One pair to stylize.

    `output` is the path of the image; `record` the folder for losses.csv, run.json, snapshots/ and animation.gif (None:
    image only); `work` the work folder, on the same file system (None: a hidden folder next to the output). With
    `unless_done` an existing result of the same files and settings is kept; with `keep_work` hard links to the results
    stay in the work folder, from which deleted results are restored.
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
        """The paths of the input images."""
        return [self.content, *(path for path, _ in self.styles), *pictures(self.settings).values()]

    @property
    def inputs(self) -> list[str]:
        """The paths of all inputs, including the setting `weights`, which may be a path."""
        return [*self.pictures, self.settings.weights]

    @property
    def outputs(self) -> list[Path]:
        """The files and the folder that the job replaces."""
        names = (layout.LOSSES, layout.RUN, layout.ANIMATION, layout.SNAPSHOTS)
        return [self.output, *(self.record / name for name in names if self.record)]

    @property
    def work_folder(self) -> Path:
        """The absolute path of the work folder."""
        return (self.work or self.output.with_name(f".{self.output.name}.work")).absolute()


@dataclass(frozen=True)
class Inputs:
    """The images of a job."""

    content: Picture
    styles: list[Picture]
    init: Picture | None
    content_mask: Picture | None
    style_mask: Picture | None
    protection: Protection
    references: list[Picture]  # the styles for the metrics: at the content's size, with their own aspect ratio
    hashes: dict[str, str]  # SHA-256 by path, of the bytes that the images were decoded from
    warnings: tuple[str, ...] = ()  # about tiny images, and faces that were not found


def output_name(content: str, styles: Styles) -> str:
    """The default file name of an output without suffix: photo--painting, photo--wave+scream, photo--mean-of-60-in-art.

    content: the file name of the content without suffix.
    """
    many = len(styles) > MOST_LISTED
    name = f"{content}--{slug(blend_name(styles)) if many else '+'.join(stem(path) for path, _ in styles)}"
    encoded = name.encode(errors="replace")
    if len(encoded) <= MAX_NAME_BYTES:
        return encoded.decode()
    return f"{encoded[: MAX_NAME_BYTES - 9].decode(errors='ignore')}-{short_hash(name, 8)}"


def read_inputs(job: Job, sources: Sources | None = None) -> Inputs:
    """Read the images of a pair at the sizes given by its settings. Transparent styles and init are put on white.

    Raises NstError for a file that cannot be read, and Problems for masks that do not fit their images.
    """
    s, sources = job.settings, sources or Sources()
    read = sources.read
    if wrong := mask_problems(s, job.content, job.styles, sources.size):
        raise Problems(f"{column}: {message}" for column, message in wrong)
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
    protected = _protection(sources, s.protect, job.content, content)
    used = [("content", job.content, content)]
    used += [("style", path, style) for (path, _), style in zip(job.styles, styles, strict=True)]
    tiny = [_tiny_input(what, path, sources.size(path), picture) for what, path, picture in used]
    warnings = tuple(filter(None, [*tiny, _tiny_output(content), *protected.warnings]))
    hashes = {path: sources.sha256(path) for path in job.pictures}
    return Inputs(content, styles, init, *masks, protected, references, hashes, warnings)


def _tiny_input(what: str, path: str, size: tuple[int, int], picture: Picture) -> str:
    """A warning about a tiny image; '' for any other."""
    if min(size) >= MIN_SIDE:
        return ""
    height, width = picture.pixels.shape[:2]
    return (
        f"the {what} {path} has {size[0]}×{size[1]} px and is used at {width}×{height} px: below {MIN_SIDE} px per "
        "side there is too little detail; use a larger image"
    )


def _tiny_output(content: Picture) -> str:
    """A warning if the metrics have to enlarge the stylized image; otherwise ''."""
    height, width = content.pixels.shape[:2]
    if min(height, width) >= MIN_SIDE:
        return ""
    return f"the output has {width}×{height} px: its metrics are computed after enlarging it to {MIN_SIDE} px per side"


def transfer_of(job: Job, inputs: Inputs) -> Transfer:
    """The input of the engine: arrays and settings, without files."""
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
        protection=inputs.protection.map,
    )


def _protection(sources: Sources, protect: str, path: str, content: Picture) -> Protection:
    if protect == "faces":
        return protection.on_faces(path, (content.pixels.shape[0], content.pixels.shape[1]), sources)
    return protection.by_mask(_mask(sources, protect, content))


def _mask(sources: Sources, path: str, picture: Picture) -> Picture | None:
    """A mask at the size of its image; transparent parts are black. None without a path."""
    if not path:
        return None
    height, width = picture.pixels.shape[:2]
    mask = sources.read(path, shape=(height, width))
    return mask if mask.alpha is None else replace(mask, pixels=mask.pixels * mask.alpha[..., None])
