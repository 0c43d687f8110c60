"""Reference metrics of an image, comparable between networks, sizes, presets and systems.

They use one reference network: the original VGG-19, which is installed with nst (`nst.networks.oxford`), with maximum
pooling, features after the ReLU, in float32, at the image's size but at most 1024 px. `style_error` is the mean over
conv1_1…conv5_1 of ‖G−A‖²/‖A‖² of Gram matrices over pixel count. `content_error` is ‖F−P‖²/‖P‖² at conv4_2. `ssim` is
the structural similarity of the luminance of image and content (Wang, Bovik, Sheikh & Simoncelli, IEEE Trans. Image
Processing 13(4), 2004, equation 13).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from nst import weights
from nst.errors import NstError
from nst.images import filled, resize
from nst.losses.functional import content_loss, gram_loss, position_weights, weighted
from nst.losses.gram import gram_of
from nst.machine import runtime
from nst.networks.extractor import FeatureExtractor, smallest_side, to_tensor

Pixels = NDArray[np.float32]

CONTENT_LAYER = "conv4_2"
STYLE_LAYERS = tuple(f"conv{block}_1" for block in range(1, 6))
MAX_SIDE = 1024


@dataclass(frozen=True)
class ReferenceNetwork:
    """A network for the metrics; its name contains the first digits of its weights' SHA-256."""

    network: str
    state: dict[str, Tensor]
    digest: str

    @classmethod
    def load(cls, network: str = "vgg19", weights_path: str = "oxford") -> ReferenceNetwork:
        """A network with its weights, by default the original VGG-19. NstError where they are missing or unusable."""
        state, _, digest = weights.load(network, weights_path)
        return cls(network, state, digest)

    @property
    def name(self) -> str:
        return f"{self.network}:{self.digest[:8]}"


@dataclass(frozen=True)
class Metrics:
    """Metrics of one image. Only metrics with the same `reference`, a `ReferenceNetwork.name`, are comparable.

    `style_error` and `content_error` are 0 for a perfect match, `ssim` is -1..1, `layers` is the style error by layer.
    """

    reference: str
    style_error: float
    content_error: float
    ssim: float
    layers: dict[str, float]

    def as_dict(self) -> dict[str, object]:
        """The metrics as in run.json."""
        return asdict(self)


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
        picture, content: (H, W, 3) float32 in 0..1; the content is resized to the picture's shape.
        styles: each (h, w, 3), resized to the image's long side. blend: a weight for each; equal where None.
            Images below 16 px per side are enlarged.
        by: the reference network; where None, VGG-19 with the weights `oxford`.
        alpha: (h, w), opacity of the content; transparent parts count in no metric.
        device: auto, cuda, mps or cpu.
    Raises:
        NstError: the features overflow, or the reference network's weights are missing.
    """
    if alpha is not None:
        alpha = resize(alpha, shape=picture.shape[:2])
        picture, content = filled(picture, alpha), filled(resize(content, shape=picture.shape[:2]), alpha)
    by, to = by or ReferenceNetwork.load(), runtime.torch_device(device)
    min_side, side = smallest_side(STYLE_LAYERS), min(max(picture.shape[:2]), MAX_SIDE)
    network = FeatureExtractor(by.network, by.state, [*STYLE_LAYERS, CONTENT_LAYER])
    stylized = _at_least(resize(picture, long_side=side), min_side)
    shape = stylized.shape[:2]
    original = resize(content, shape=shape)
    visible = None if alpha is None else torch.from_numpy(resize(alpha, shape=shape))[None, None].to(to)
    examples = [_at_least(resize(style, long_side=side), min_side) for style in styles]
    shares = np.asarray(blend or [1.0] * len(styles), dtype=np.float64)

    def features_of(pixels: Pixels) -> dict[str, Tensor]:
        return network(to_tensor(pixels, channels_last=True).to(to))  # type: ignore[no-any-return]

    with runtime.exact_convolutions(), torch.no_grad():
        network.convert(to, torch.float32)
        features = {layer: _weighted(values, visible) for layer, values in features_of(stylized).items()}
        target = network.project(CONTENT_LAYER, _weighted(features_of(original)[CONTENT_LAYER], visible))
        content_error = content_loss(network.project(CONTENT_LAYER, features[CONTENT_LAYER]), target, "relative").item()
        grams = {layer: gram_of(network, layer, features[layer]) for layer in STYLE_LAYERS}
        del features, target
        targets: dict[str, Tensor] = dict.fromkeys(STYLE_LAYERS, torch.zeros(()))
        for example, share in zip(examples, shares / shares.sum(), strict=True):
            features = features_of(example)
            for layer in STYLE_LAYERS:
                targets[layer] = targets[layer] + float(share) * gram_of(network, layer, features[layer])
        errors = {layer: gram_loss(grams[layer], targets[layer], "relative").item() for layer in STYLE_LAYERS}
    style_error = sum(errors.values()) / len(errors)
    if not math.isfinite(style_error + content_error):
        raise NstError(f"{by.name}: the features of these images overflow; use other weights for the metrics")
    similarity = ssim(luminance(stylized), luminance(original), visible)
    return Metrics(by.name, style_error, content_error, similarity, layers=errors)


def _weighted(features: Tensor, visible: Tensor | None) -> Tensor:
    """Features weighted by the opacity (1, 1, height, width) in 0..1; None: unchanged."""
    return features if visible is None else weighted(features, position_weights(visible, features.shape[2:]))


def _at_least(pixels: Pixels, min_side: int) -> Pixels:
    """The image, enlarged where a side is below `min_side` px, the smallest size at which the deepest layer exists."""
    height, width = pixels.shape[:2]
    if min(height, width) >= min_side:
        return pixels
    scale = min_side / min(height, width)
    return resize(pixels, shape=(round(height * scale), round(width * scale)))


def luminance(pixels: Pixels) -> Pixels:
    """The luma (H, W) of sRGB (H, W, 3) in 0..1, with the coefficients of Rec. 709."""
    return np.asarray(pixels @ np.array([0.2126, 0.7152, 0.0722], dtype=np.float32))


def ssim(a: Pixels, b: Pixels, visible: Tensor | None = None) -> float:
    """Mean structural similarity, -1..1, of two (H, W) arrays in 0..1 over all 11 px Gaussian windows (σ = 1.5).

    visible: (1, 1, H, W) in 0..1, weight of the window around each pixel; None: equal weights. Source: Wang et al.
    2004, equation 13.
    """
    axis = torch.arange(-5, 6, dtype=torch.float64)
    window = torch.exp(-(axis**2) / (2 * 1.5**2))
    window = window / window.sum()
    x, y = (torch.from_numpy(np.asarray(p, dtype=np.float64))[None, None] for p in (a, b))
    planes = torch.cat([x, y, x * x, y * y, x * y], 1).transpose(0, 1)
    planes = F.conv2d(F.conv2d(planes, window.view(1, 1, 11, 1)), window.view(1, 1, 1, 11))
    mx, my, xx, yy, xy = planes[:, 0]
    vx, vy, cov = xx - mx * mx, yy - my * my, xy - mx * my
    c1, c2 = 0.01**2, 0.03**2
    index = ((2 * mx * my + c1) * (2 * cov + c2)) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    if visible is None:
        return index.mean().item()
    weight = visible[0, 0, 5:-5, 5:-5].to(index)
    return ((index * weight).sum() / weight.sum().clamp_min(1e-6)).item()
