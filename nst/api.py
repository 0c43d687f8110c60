"""Neural style transfer in one call, for Python programs and notebooks.

`stylize` takes files, Pillow images or arrays and returns an image in memory. `stylize_files` reads and writes files,
as the command `nst stylize` does. `evaluate` measures any image.
"""

from __future__ import annotations

import hashlib
import io
import numbers
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from PIL import Image, ImageOps

from nst import weights
from nst.errors import NstError
from nst.grid.cells import check_mean_mask, parse_styles
from nst.grid.names import stem
from nst.images import Picture, from_array, is_foreign, resized, write_picture
from nst.images.color import to_srgb
from nst.io.files import refuse_inputs
from nst.pair.job import Job, output_name, read_inputs, transfer_of
from nst.pair.outputs import check_records
from nst.pair.sources import Sources
from nst.settings import PICTURES, Settings, fields, make, presets

if TYPE_CHECKING:
    from nst.engine.stylization import Progress
    from nst.metrics import Metrics

#: An image: the path of a file, a Pillow image, or an sRGB array of shape (height, width) or (height, width, 1, 3 or
#: 4), where the fourth channel is alpha, as uint8 or as floating point from 0 to 1.
Source: TypeAlias = str | os.PathLike[str] | Image.Image | np.ndarray
#: One style, or a blend of several: a sequence of images (equal weights) or of pairs (image, weight).
Styles: TypeAlias = Source | Sequence[Source | tuple[Source, float]]


@dataclass(frozen=True, repr=False)
class Stylized:
    """A stylized image. Notebooks display it."""

    pixels: np.ndarray
    """(height, width, 3) float32, sRGB from 0 to 1."""
    alpha: np.ndarray | None
    """(height, width) float32 from 0 to 1: the alpha of the content; None where it is opaque."""
    losses: dict[str, float]
    """Content, style, tv and total loss of the image; with a photo_weight also the photo loss."""
    settings: Settings
    style_weight: float
    """The value of the setting, or the one that `auto` found."""
    history: list[dict[str, float]]
    """The losses of each iteration, by the column names of losses.csv."""
    metadata: dict[str, Any]
    """What `save` embeds: the settings, and the paths and SHA-256 of the inputs."""
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        width, height = self.size
        losses = ", ".join(f"{name} {loss:.4g}" for name, loss in self.losses.items())
        return f"<Stylized {width}×{height} px, {len(self.history)} iterations, {losses}>"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the image and its metadata as .png, .jpg, .tif or .webp.

        Raises NstError for another suffix, a path that cannot be written, or the path of an input.
        """
        inputs = (self.metadata["content"], *self.metadata["style"], *self.metadata["pictures"])
        refuse_inputs([Path(path)], (each["path"] for each in inputs))
        write_picture(path, self.pixels, alpha=self.alpha, metadata=self.metadata)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in px."""
        height, width = self.pixels.shape[:2]
        return width, height

    def image(self) -> Image.Image:
        """The image as a Pillow image with 8 bits per channel."""
        planes = self.pixels if self.alpha is None else np.dstack([self.pixels, self.alpha])
        return Image.fromarray(np.rint(planes * 255).astype(np.uint8))

    def _repr_png_(self) -> bytes:
        file = io.BytesIO()
        self.image().save(file, "PNG")
        return file.getvalue()


def stylize(
    content: Source,
    style: Styles,
    settings: Settings | None = None,
    *,
    device: str = "auto",
    threads: int = 0,
    on_progress: Callable[[Progress], None] | None = None,
    **values: Any,
) -> Stylized:
    """Stylize one content image in memory.

    Args:
        content: the content image. All inputs are resized to `size` px on the long side (512; 0 keeps their size).
        style: the style image, or several for a blend; a text may be a blend of paths with weights, or their mean, as
            `mean(monet/*.jpg):0.7+scream.jpg:0.3`.
        settings: the settings; None for the defaults.
        device: auto, cuda, mps or cpu.
        threads: CPU threads; 0 for torch's default.
        on_progress: called after each iteration. Its argument has `losses`, and `picture()` for the best image so far.
        values: settings by name (`nst settings` lists them), also `preset`; they override `settings`. `init`,
            `content_mask`, `style_mask` and `protect` may be any `Source`.
    Raises:
        NstError: an input cannot be read, a setting is wrong, or no iteration has a finite loss.
    """
    from nst.engine import stylization
    from nst.pair.stylize import describe

    sources = _Sources()
    values = {name: sources.add(name, value) if name in PICTURES else value for name, value in values.items()}
    styles, chosen = _styles(style, sources), _settings("nst.stylize", settings, values)
    check_mean_mask(style if isinstance(style, str) else "", styles, chosen)
    job = Job(sources.add("content", content), styles, chosen, Path())
    inputs = read_inputs(job, sources)
    state, origin, digest = weights.load(job.settings.network, job.settings.weights)
    finished, history = None, []
    transfer = transfer_of(job, inputs)
    for event in stylization.stylize(transfer, state=state, device=device, threads=threads):
        if isinstance(event, stylization.Progress):
            history.append({"iteration": event.iteration, **event.losses, "seconds": event.seconds})
            if on_progress:
                on_progress(event)
        else:
            finished = event
    assert finished is not None
    return Stylized(
        pixels=finished.pixels,
        alpha=None if inputs.content.alpha is None else inputs.content.alpha.copy(),  # other calls get it, too
        losses={name: loss for name, loss in finished.losses.items() if ":" not in name},
        settings=job.settings,
        style_weight=finished.style_weight,
        history=history,
        metadata=describe(job, inputs, origin, digest) | {"threads": finished.machine["threads"]},
        warnings=(*inputs.warnings, *finished.warnings),
    )


def stylize_files(
    content: str | os.PathLike[str],
    style: str | os.PathLike[str] | Sequence[str | os.PathLike[str] | tuple[str | os.PathLike[str], float]],
    output: str | os.PathLike[str] | None = None,
    settings: Settings | None = None,
    *,
    record: str | os.PathLike[str] | None = None,
    force: bool = False,
    device: str = "auto",
    threads: int = 0,
    on_progress: Callable[[Progress], None] | None = None,
    **values: Any,
) -> dict[str, Any]:
    """Stylize one content image from files to files, as `nst stylize` does. An interrupted run is resumed.

    Images are given by their paths. The arguments that are not listed are those of `stylize`.

    Args:
        output: the image to write; None for `<content>--<style>.png` in the current folder.
        record: the folder for the losses, frames, animation and run.json; None to write the image only.
        force: overwrite an existing image, or files in `record`, that nst did not make.
    Returns:
        the contents of run.json: settings, losses, reference metrics, seconds; the path of the image is
        `["output"]["path"]`.
    Raises:
        NstError: as for `stylize`; also if the output is an input, if it or a file in `record` exists and nst did
            not make it, or if a file cannot be written. Existing results are kept then.
    """
    from nst.pair.stylize import stylize_pair
    from nst.worker import client

    paths = _Paths()
    path, styles = paths.add("content", content), _styles(style, paths)
    values = {name: paths.add(name, value) if name in PICTURES else value for name, value in values.items()}
    chosen = _settings("nst.stylize_files", settings, values)
    check_mean_mask(style if isinstance(style, str) else "", styles, chosen)
    target = Path(output) if output else Path(f"{output_name(stem(path), styles)}.png")
    if not force and is_foreign(target):
        raise NstError(f"{target}: exists and was not made by nst; choose another output, or force=True to overwrite")
    folder = Path(record) if record else None
    job = Job(path, styles, chosen, target, record=folder, device=device, threads=threads)
    check_records([job], force=force)
    return stylize_pair(job, on_progress, when_busy=client.stop_workers)


def evaluate(
    image: Source,
    content: Source,
    style: Styles,
    *,
    network: str = "vgg19",
    weights: str | None = None,
    device: str = "auto",
) -> Metrics:
    """The metrics of an image for its content and its style, whatever program made it.

    Args:
        image: the stylized image. The metrics are computed at its size, but at most 1024 px on the long side.
        content: its content image, resized to the same size. Transparent parts do not count.
        style: its style image, or several for a blend, as for `stylize`.
        network: vgg19, the reference, or vgg16 or lite. Only metrics by the same network can be compared.
        weights: of the network, as in the setting `weights`; None for `oxford` with vgg19 and `auto` with the others.
        device: auto, cuda, mps or cpu.
    Raises:
        NstError: an input cannot be read, or the weights are missing or unusable.
    """
    from nst.pair import evaluation

    sources = _Sources()
    styles, original = _styles(style, sources), sources.add("content", content)
    return evaluation.evaluate(
        sources.add("image", image),
        original,
        styles,
        sources=sources,
        network=network,
        weights=weights,
        device=device,
    )


class _Sources(Sources):
    """Images in memory, by names that take the place of paths. Any other name is a path."""

    def __init__(self) -> None:
        super().__init__()
        self._pictures: dict[str, Picture] = {}

    def add(self, what: str, source: Any) -> str:
        """Add an image; returns its path, or the name of an image in memory."""
        if isinstance(source, (str, os.PathLike)):
            return os.fspath(source)
        name = f"<{what}>"
        self._pictures[name] = _picture(what, source)
        return name

    def read(self, path: str, **size: Any) -> Picture:
        return resized(self._pictures[path], **size) if path in self._pictures else super().read(path, **size)

    def size(self, path: str) -> tuple[int, int]:
        if path not in self._pictures:
            return super().size(path)
        height, width = self._pictures[path].pixels.shape[:2]
        return width, height

    def sha256(self, path: str) -> str:
        """The SHA-256 of the file, or of the pixels of the image in memory."""
        if path not in self._pictures:
            return super().sha256(path)
        return hashlib.sha256(self._pictures[path].pixels.tobytes()).hexdigest()


class _Paths(_Sources):
    """Images by their paths only."""

    def add(self, what: str, source: Any) -> str:
        """The path as a text. Raises NstError for an image in memory."""
        if isinstance(source, (str, os.PathLike)):
            return os.fspath(source)
        hint = "leave it out, or give a path" if source is None else "use nst.stylize for images in memory"
        raise NstError(f"{what}: nst.stylize_files takes paths; {hint}")


def _picture(what: str, source: Any) -> Picture:
    if not isinstance(source, Image.Image):
        return from_array(source, what)
    upright = ImageOps.exif_transpose(source)
    levels = np.asarray(upright.convert("RGBA" if upright.has_transparency_data else "RGB"))
    color = to_srgb(levels[..., :3], source.info.get("icc_profile"), what)
    return from_array(np.dstack([color, levels[..., 3:]]), what)


def _styles(style: Any, sources: _Sources) -> tuple[tuple[str, float], ...]:
    """Names and weights of the styles; the weights sum to 1."""
    if isinstance(style, str):
        return parse_styles(style)
    parts = list(style) if isinstance(style, (list, tuple)) else [style]
    if not parts:
        raise NstError("style: the list is empty; give at least one image")
    pairs = [part if isinstance(part, tuple) else (part, 1.0) for part in parts]
    names = [sources.add(f"style {number}", source) for number, (source, _) in enumerate(pairs, 1)]
    shares = [weight for _, weight in pairs]
    if not all(isinstance(share, numbers.Real) and 0 < float(share) < float("inf") for share in shares):
        raise NstError("style: the weights of a blend must be numbers above 0, as in [(first, 0.7), (second, 0.3)]")
    if len(set(names)) < len(names):
        raise NstError("style: an image is given twice; give it once, with one weight")
    return tuple((name, share / sum(shares)) for name, share in zip(names, shares, strict=True))


def _settings(where: str, settings: Settings | None, values: dict[str, Any]) -> Settings:
    known = {} if settings is None else {name: getattr(settings, name) for name in settings.model_fields_set}
    if "preset" in values:
        return make(known | presets.load(values["preset"]).values | values, where)
    complete = known.keys() >= fields().keys()  # those of a result, whose preset may be of another folder
    own = {} if complete else presets.load(known.get("preset", "")).values
    return make(own | known | values, where)
