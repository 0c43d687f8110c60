"""The inputs of an image at one scale: content, styles, masks and initial image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from nst.engine import color
from nst.engine.pyramid import merged, split
from nst.engine.transformation import MIN_SIDE
from nst.errors import NstError
from nst.images import resize
from nst.losses.objective import Objective, used_layers
from nst.losses.sampled_objective import SampledObjective
from nst.losses.tiling import TiledObjective
from nst.networks.extractor import FeatureExtractor, smallest_side, to_tensor
from nst.settings import PATHS, STYLE_LOSSES, Settings, SettingsError, is_sampled, mask_problem
from nst.settings.scales import Scale

Pixels = NDArray[np.float32]

#: The finest bands that `init: blurred` leaves out.
DETAILS = 3


@dataclass(frozen=True)
class Level:
    """The inputs of an image at one scale.

    Attributes:
        original: the content before `color`, (H, W, 3). content, styles: after `color`, (H, W, 3) and (h, w, 3) each.
        blend: a weight for each style. content_mask, style_mask: as the settings describe them.
        state: the network's weights. alpha: (H, W), opacity of the content's pixels in 0..1; None: all opaque.
        protection: (H, W) in 0..1, where the content is kept by the setting `protect`; None: nowhere.
    """

    original: Pixels
    content: Pixels
    styles: list[Pixels]
    blend: list[float]
    content_mask: Pixels | None
    style_mask: Pixels | None
    settings: Settings
    state: dict[str, Tensor]
    device: torch.device
    alpha: NDArray[np.float32] | None = None
    protection: NDArray[np.float32] | None = None

    def at(self, scale: Scale) -> Level:
        """The level at a scale: content and styles resized by the same factor, with the scale's settings."""
        level = replace(self, settings=self.settings.model_copy(update=scale.changes)) if scale.changes else self
        shape, *of_styles = self.shapes(scale)
        if shape == self.content.shape[:2]:
            return level
        return replace(
            level,
            original=resize(self.original, shape=shape),
            content=resize(self.content, shape=shape),
            styles=[resize(style, shape=own) for style, own in zip(self.styles, of_styles, strict=True)],
            content_mask=None if self.content_mask is None else resize(self.content_mask, shape=shape),
            alpha=None if self.alpha is None else resize(self.alpha, shape=shape),
            protection=None if self.protection is None else resize(self.protection, shape=shape),
        )

    def shapes(self, scale: Scale) -> list[tuple[int, int]]:
        """(height, width) of the content, then of each style, at a scale."""
        height, width = self.content.shape[:2]
        shape = _side(height * scale.share), _side(width * scale.share)
        share = max(shape) / max(height, width)
        return [shape, *((_side(s.shape[0] * share), _side(s.shape[1] * share)) for s in self.styles)]

    def network(self, dtype: torch.dtype) -> FeatureExtractor:
        """The feature extractor, down to the deepest layer with a non-zero weight."""
        s = self.settings
        network = FeatureExtractor(
            s.network, self.state, used_layers(s), pooling=s.pooling, layer_output=s.layer_output, padding=s.padding
        )
        return network.convert(self.device, dtype).optimize_for_inference()

    def objective(self, network: FeatureExtractor) -> Objective:
        """The objective at this scale; tiled if the content or a style is larger than the setting `tile`."""
        s = self.settings
        styles = [
            (to_tensor(style).to(self.device), share) for style, share in zip(self.styles, self.blend, strict=True)
        ]
        tiled = is_tiled(s, [self.content, *self.styles])
        return (TiledObjective if tiled else SampledObjective if is_sampled(s) else Objective)(
            network, to_tensor(self.content).to(self.device), styles, s,
            regions=self._regions(), style_mask=self._style_mask(), visible=self._on_device(self.alpha),
            protection=self._on_device(self.protection),
        )  # fmt: skip

    def _regions(self) -> Tensor | None:
        """The visible region of each style in 0..1, (styles, 1, H, W), for the objective; None without a mask."""
        masks, visible = self._masks(), self._on_device(self.alpha)
        return masks if masks is None or visible is None else masks * visible

    def _masks(self) -> Tensor | None:
        """The part of `content_mask` for each style in 0..1, (styles, 1, H, W); None without a mask."""
        if self.content_mask is None:
            return None
        bright = torch.from_numpy(color.luma(self.content_mask)).clamp(0, 1)
        colored = to_tensor(self.content_mask)[0].clamp(0, 1)
        regions = {1: [bright], 2: [bright, 1 - bright], 3: [*colored]}[len(self.styles)]
        return torch.stack(regions)[:, None].to(self.device)

    def masked(self, picture: Tensor) -> Tensor:
        """An image (1, 3, H, W), with the content where `content_mask` allows no style, and mixed with it where gray.

        The content loss alone leaves other colors there, and not the details that an image from a coarser scale lacks.
        """
        masks = self._masks()
        if masks is None:
            return picture
        content = to_tensor(self.content).to(picture)
        return content + masks.sum(0).clamp(max=1).to(picture) * (picture - content)

    def _on_device(self, plane: NDArray[np.float32] | None) -> Tensor | None:
        """A plane (H, W) as (1, 1, H, W)."""
        return None if plane is None else torch.from_numpy(plane).to(self.device)[None, None]

    def _style_mask(self) -> Tensor | None:
        if self.style_mask is None:
            return None
        mask = resize(self.style_mask, shape=self.styles[0].shape[:2])
        return torch.from_numpy(color.luma(mask)).clamp(0, 1)[None, None].to(self.device)

    def to_pixels(self, picture: Tensor) -> Pixels:
        """An image (1, 3, H, W) as an array (H, W, 3), clamped to 0..1: `masked`, with the colors by `color`."""
        pixels = self.masked(picture)[0].clamp(0, 1).permute(1, 2, 0).float().cpu().contiguous().numpy()
        return color.finished(pixels, self.original, self.settings.color)


def is_tiled(settings: Settings, pictures: Sequence[Pixels]) -> bool:
    """Whether one of the images (H, W, 3) is larger than the setting `tile`."""
    return 0 < settings.tile < max(side for picture in pictures for side in picture.shape[:2])


def _side(length: float) -> int:
    return max(1, round(length))


def check_sides(level: Level, scale: Scale) -> None:
    """Raise NstError where an image is too small for the layers at a scale."""
    s = level.settings
    of_layers = smallest_side(used_layers(s)) if used_layers(s) else 1
    of_content = max(of_layers, MIN_SIDE) if s.parameters == "network" else of_layers
    compared = s.style_layers if s.style_weight and STYLE_LOSSES[s.style_loss].has_deviations else ()
    one_position = 2 * smallest_side(compared) if compared else 0
    fewer = ", reduce `scales`" if s.scales > 1 else ""
    for number, (height, width) in enumerate(level.shapes(scale)):
        what, min_side = ("style", of_layers) if number else ("content", of_content)
        if min(height, width) < min_side:
            raise NstError(
                f"the {what} image is {width}×{height} px at this size; its layers need at least {min_side} px per "
                f"side: increase `size`{fewer}, or use shallower layers"
            )
        if number and one_position > max(height, width):
            raise NstError(
                f"the style image is {width}×{height} px at this size, one position of its deepest layer, which has no "
                f"deviations for `style_loss: {s.style_loss}`: increase `size` or `style_scale`{fewer}, or use "
                "shallower layers"
            )


def check_masks(level: Level) -> None:
    """Raise NstError where a mask is missing, black, or does not fit the number of styles."""
    if problem := mask_problem(len(level.styles), level.settings):
        raise SettingsError([problem])
    for column, mask in (("content_mask", level.content_mask), ("style_mask", level.style_mask)):
        if mask is None and getattr(level.settings, column):
            raise NstError(f"{column}: the image is missing; give it as `{column}`")
        if mask is not None and color.luma(mask).max() <= 0:
            raise NstError(f"{column}: is black all over; make it bright where the style applies")
    _check_protection(level)
    if level.alpha is None:
        return
    if level.alpha.max() <= 0:
        raise NstError("the content image is fully transparent; give one with visible pixels")
    if level.content_mask is not None and (color.luma(level.content_mask) * level.alpha).max() <= 0:
        raise NstError(
            "content_mask: is bright only where the content is transparent; make it bright where the content is visible"
        )


def _check_protection(level: Level) -> None:
    protect = level.settings.protect
    if level.protection is None and protect not in PATHS["protect"]:
        raise NstError("protect: the image is missing; give it as `protection`")
    if level.protection is not None and level.protection.max() <= 0:
        raise NstError("protect: the mask is black all over; make it bright where the content is kept")


def start(level: Level, init: Pixels | None) -> Tensor:
    """The initial image by the setting `init`, (1, 3, H, W). NstError where it names a file and `init` is None."""
    s, shape = level.settings, to_tensor(level.content).shape
    if s.init in ("noise", "black+noise"):
        base = torch.full(shape, 0.5 if s.init == "noise" else 0.0)
    elif s.init == "style":
        base = F.interpolate(
            to_tensor(level.styles[0]), size=shape[2:], mode="bicubic", antialias=True, align_corners=False
        ).clamp(0, 1)
    elif s.init in ("blurred", "mean+detail"):
        base = of_bands(to_tensor(level.content), level, s.init)
    elif s.init in ("content", "content+noise"):
        base = to_tensor(level.content)
    else:
        if init is None:
            raise NstError(f"init {s.init}: the image is missing; give it as `init`")
        base = to_tensor(resize(init, shape=(shape[2], shape[3])))
    gray = s.color == "luminance"
    if gray:
        base = (base * torch.from_numpy(color.LUMA)[:, None, None]).sum(1, keepdim=True).expand(shape)
    if "noise" in s.init.split("+"):
        generator = torch.Generator().manual_seed(s.seed)  # on the CPU: the same noise on every device
        base = base + s.noise * torch.randn((1, 1 if gray else 3, *shape[2:]), generator=generator)
    return base if init is not None else level.masked(base)


def of_bands(content: Tensor, level: Level, init: str) -> Tensor:
    """The initial image from the content's pyramid: without its finest bands, or these alone on the style's mean color.

    NNST (arXiv:2203.13215) starts from the first, STROTSS (arXiv:1904.12785) from the second.
    """
    if init == "blurred":
        parts = split(content)
        kept = max(len(parts) - DETAILS, 1)
        return merged([torch.zeros_like(part) for part in parts[:-kept]] + parts[-kept:]).clamp(0, 1)
    # float32 would lose digits: over the outer axes numpy adds one by one.
    means = [style.mean((0, 1), dtype=np.float64) for style in level.styles]
    mean = np.average(means, axis=0, weights=level.blend)
    return (split(content, 2)[0] + torch.from_numpy(mean).float()[:, None, None]).clamp(0, 1)
