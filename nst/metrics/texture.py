"""Distance of two images' texture statistics: Portilla & Simoncelli, Int. J. Computer Vision 40(1), 2000.

The 710 statistics are those of the package plenoptic: of a steerable pyramid with four scales and four orientations, of
the luminance at a long side of 256 px. They share neither a network nor a loss with anything that nst optimizes.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nst.images import resize
from nst.metrics.structure import Pixels, luminance

#: Long side in px at which the statistics are measured.
SIDE = 256

_SCALES, _ORIENTATIONS, _WIDTH = 4, 4, 7
_MULTIPLE = 2 ** (_SCALES + 1)  # the model halves the image _SCALES times, and is wrong for odd sides at the last
_SHORTEST = 128  # its correlations span _WIDTH px at every scale
_LEAST = 1e-4  # of standard deviations whose logarithm is compared, for luminances in 0..1

#: Correlations, within -1..1: compared as they are.
_CORRELATIONS = (
    "auto_correlation_magnitude", "auto_correlation_reconstructed", "cross_orientation_correlation_magnitude",
    "cross_scale_correlation_magnitude", "cross_scale_correlation_real",
)  # fmt: skip


def has_plenoptic() -> bool:
    """Whether the package plenoptic is installed: the extra `nst-grid[metrics]`."""
    return importlib.util.find_spec("plenoptic") is not None


def texture_distance(picture: Pixels, styles: Sequence[Pixels], shares: Sequence[float]) -> float:
    """Distance of texture statistics, 0 for equal ones. All images (H, W, 3) in 0..1; the shares sum to 1.

    The statistics are in seven groups: five of correlations, which are compared as they are; contrasts (standard
    deviations of pixels, of lowpass images, of magnitudes and of the highpass band), by their natural logarithms; and
    the shape of the histograms (inverse hyperbolic sine of the skewness, logarithm of the kurtosis). A group's distance
    is the root mean square of its differences, and the result is the mean over the groups. The mean luminance and the
    extreme values are left out. A blend's statistics are the weighted means of its styles'. Raises ImportError without
    plenoptic.
    """
    found = statistics(picture)
    parts = [statistics(style) for style in styles]
    targets = [sum(share * part[i] for part, share in zip(parts, shares, strict=True)) for i in range(len(found))]
    errors = [(mine - target).square().mean().sqrt() for mine, target in zip(found, targets, strict=True)]
    return torch.stack(errors).mean().item()


def statistics(pixels: Pixels) -> list[Tensor]:
    """The groups of statistics that `texture_distance` compares, each (n,) in float64."""
    plane = torch.from_numpy(_plane(pixels))[None, None]
    model = _model((plane.shape[2], plane.shape[3]))
    with torch.no_grad():
        found = _by_name(model, model(plane).nan_to_num())  # a flat image has correlations of 0/0
    variance, skewness, kurtosis = found["pixel_statistics"][1:4].split(1)
    deviations = [variance.sqrt(), found["std_reconstructed"], found["magnitude_std"]]
    deviations.append(found["var_highpass_residual"].sqrt())
    skewness = torch.cat([skewness, found["skew_reconstructed"]])
    kurtosis = torch.cat([kurtosis, found["kurtosis_reconstructed"]])
    return [
        *(found[name] for name in _CORRELATIONS),
        torch.cat(deviations).clamp_min(_LEAST).log(),
        torch.cat([skewness.asinh(), kurtosis.clamp_min(1).log()]),
    ]


def _plane(pixels: Pixels) -> NDArray[np.float64]:
    """The luminance with a long side of SIDE px, mirrored at its end to sides in multiples of 32, at least 128.

    Stretching it instead would change the orientations.
    """
    plane = resize(luminance(pixels), long_side=SIDE)
    wanted = [max(_SHORTEST, -(-side // _MULTIPLE) * _MULTIPLE) for side in plane.shape]
    missing = [(0, there - here) for there, here in zip(wanted, plane.shape, strict=True)]
    return np.pad(plane, missing, mode="symmetric").astype(np.float64)


@functools.lru_cache(maxsize=4)
def _model(shape: tuple[int, int]) -> Any:
    from plenoptic.models import PortillaSimoncelli

    return PortillaSimoncelli(shape, _SCALES, _ORIENTATIONS, _WIDTH).double()


def _by_name(model: Any, found: Tensor) -> dict[str, Tensor]:
    """The model's statistics by its names, each (n,), without the redundant ones, which it returns as NaN."""
    values = {name: values.flatten() for name, values in model.convert_to_dict(found).items()}
    return {name: each[~each.isnan()] for name, each in values.items()}
