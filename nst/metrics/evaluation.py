"""All metrics of one image.

`style_error` is the mean over conv1_1…conv5_1 of ‖G−A‖²/‖A‖² of Gram matrices over pixel count. `content_error` is
‖F−P‖²/‖P‖² at conv4_2. `relaxed_emd` and `sliced_wasserstein` are means over conv1_2, conv2_2, conv3_3 and conv4_3,
which the default objective does not use; `self_similarity` is the mean over conv3_3 and conv4_3, because shallower
layers compare colors and strokes, which a style changes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean

import numpy as np
import torch

from nst.errors import NstError
from nst.images import filled, resize
from nst.losses.functional import content_loss, gram_loss
from nst.machine import runtime
from nst.metrics.gaussians import e_statistic
from nst.metrics.observation import SAMPLED_LAYERS, STYLE_LAYERS, Observed, Observer, blended
from nst.metrics.reference import ReferenceNetwork
from nst.metrics.samples import Samples
from nst.metrics.structure import Pixels, luminance, ssim
from nst.metrics.texture import has_plenoptic, texture_distance
from nst.metrics.transport import relaxed_emd, self_similarity, sliced_wasserstein
from nst.networks.extractor import smallest_side

#: Layers whose self-similarity is compared.
DEEP_LAYERS = ("conv3_3", "conv4_3")
MAX_SIDE = 1024


@dataclass(frozen=True)
class Metrics:
    """Metrics of one image. Only metrics with the same `reference`, a `ReferenceNetwork.name`, are comparable.

    `style_error` and `content_error` are 0 for a perfect match, `ssim` is -1..1, `relaxed_emd` and `self_similarity`
    are 0..2 and `sliced_wasserstein` is relative to the style, all 0 for a perfect match; `e_statistic` is at most
    13.8. `portilla_simoncelli` is None without the package plenoptic; the three metrics of layers that lite lacks are
    None with lite as the reference. `layers` is the style error by layer.
    """

    reference: str
    style_error: float
    content_error: float
    ssim: float
    relaxed_emd: float | None
    sliced_wasserstein: float | None
    portilla_simoncelli: float | None
    e_statistic: float
    self_similarity: float | None
    layers: dict[str, float]

    def as_dict(self) -> dict[str, object]:
        """The metrics as in run.json, without those that are None."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def evaluate(
    picture: Pixels,
    content: Pixels,
    styles: Sequence[Pixels],
    *,
    by: ReferenceNetwork | None = None,
    blend: Sequence[float] | None = None,
    alpha: Pixels | None = None,
    device: str = "auto",
) -> Metrics:
    """The metrics of an image for its content and styles, whichever system stylized it.

    Args:
        picture: the image, (H, W, 3) float32 in 0..1.
        content: the same of its content, which is resized to the picture's shape.
        styles: each (h, w, 3), resized to the image's long side. Images below 16 px per side are enlarged.
        by: the reference network; where None, VGG-19 with the weights `oxford`.
        blend: a weight for each style; equal where None.
        alpha: (h, w), opacity of the content. Transparent parts are filled, and count in no metric but
            `portilla_simoncelli`, which has no weights.
        device: auto, cuda, mps or cpu.
    Raises:
        NstError: the content is fully transparent, the features overflow, or the network's weights are missing.
    """
    if alpha is not None:
        if alpha.max() <= 0:
            raise NstError("the content image is fully transparent; give one with visible pixels")
        alpha = resize(alpha, shape=picture.shape[:2])
        picture, content = filled(picture, alpha), filled(resize(content, shape=picture.shape[:2]), alpha)
    by, to = by or ReferenceNetwork.load(), runtime.torch_device(device)
    min_side, side = smallest_side(STYLE_LAYERS), min(max(picture.shape[:2]), MAX_SIDE)
    stylized = _at_least(resize(picture, long_side=side), min_side)
    shape = stylized.shape[:2]
    original = resize(content, shape=shape)
    examples = [_at_least(resize(style, long_side=side), min_side) for style in styles]
    shares = np.asarray(blend or [1.0] * len(styles), dtype=np.float64)
    examples = [example for example, share in zip(examples, shares, strict=True) if share]
    shares = shares[shares > 0] / shares.sum()

    with runtime.exact_convolutions(), torch.no_grad():
        visible = None if alpha is None else torch.from_numpy(resize(alpha, shape=shape))[None, None].to(to)
        observe = Observer(by, to)
        (features, seen), (wanted, kept) = observe.image(stylized, visible), observe.image(original, visible)
        content_error = content_loss(features, wanted, "relative").item()
        del features, wanted
        target = blended([observe.style(*each) for each in zip(examples, shares, strict=True)], shares)
        errors = {layer: gram_loss(seen.grams[layer], target.grams[layer], "relative").item() for layer in STYLE_LAYERS}
        transport = [_mean_over(SAMPLED_LAYERS, each, seen, target) for each in (relaxed_emd, sliced_wasserstein)]
        neighborhoods = _mean_over(DEEP_LAYERS, self_similarity, seen, kept)
    style_error = sum(errors.values()) / len(errors)
    if not math.isfinite(style_error + content_error):
        raise NstError(f"{by.name}: the features of these images overflow; use other weights for the metrics")
    return Metrics(
        by.name,
        style_error,
        content_error,
        ssim(luminance(stylized), luminance(original), visible),
        relaxed_emd=transport[0],
        sliced_wasserstein=transport[1],
        portilla_simoncelli=texture_distance(stylized, examples, shares) if has_plenoptic() else None,
        e_statistic=e_statistic(seen.moments(), target.moments()),
        self_similarity=neighborhoods,
        layers=errors,
    )


def _mean_over(
    layers: Sequence[str], distance: Callable[[Samples, Samples], float], one: Observed, other: Observed
) -> float | None:
    """The mean of a distance over layers; None if the reference network lacks them."""
    if not one.samples:
        return None
    return fmean(distance(one.samples[layer], other.samples[layer]) for layer in layers)


def _at_least(pixels: Pixels, min_side: int) -> Pixels:
    """The image, enlarged where a side is below `min_side` px, the smallest size at which the deepest layer exists."""
    height, width = pixels.shape[:2]
    if min(height, width) >= min_side:
        return pixels
    scale = min_side / min(height, width)
    return resize(pixels, shape=(round(height * scale), round(width * scale)))
