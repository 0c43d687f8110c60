"""A small network from content to stylized image, trained on one pair (`parameters: network`).

It processes three resolutions in parallel and combines them (HRNet: Sun, Xiao, Liu & Wang, arXiv:1902.09212), as
kvsnoufal's neural_style_transfer does. Each convolution is followed by instance normalization (arXiv:1607.08022), in
training and in use, so the network applies to images of any size.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from nst.errors import NstError
from nst.networks.extractor import to_tensor
from nst.networks.imagenet import IMAGENET_MEAN, IMAGENET_STD

#: Sides are padded to a multiple of this, because they are halved twice.
MULTIPLE = 4
#: Smallest side in px: at a quarter of the size, normalization needs at least two positions a side.
MIN_SIDE = 8


class Transformation(nn.Module):
    """Images (batch, 3, height, width) in 0..1 to images of the same shape, about in 0..1.

    Inside, zero is ImageNet's mean color, so the output of an untrained network is gray, not black. It has about 60,000
    parameters, initialized from `seed`.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, seed: int = 0):
        super().__init__()
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.enter = _Bottleneck(3, 16)
            self.first = nn.ModuleList([_Bottleneck(16, 32), _Bottleneck(16, 32)])
            self.second = nn.ModuleList([_Bottleneck(64, 32), _Bottleneck(64, 32), _Bottleneck(64, 32)])
            self.halve = nn.ModuleList(
                [_Unit(16, 16, 3, 2), _Unit(32, 32, 3, 2), _Unit(32, 32, 3, 2), _Unit(32, 32, 3, 2)]
            )
            self.leave = nn.Sequential(_Bottleneck(96, 16), nn.Conv2d(16, 3, 1))

    def forward(self, pictures: Tensor) -> Tensor:
        height, width = pictures.shape[2:]
        x = F.pad((pictures - self.mean) / self.std, (0, -width % MULTIPLE, 0, -height % MULTIPLE), mode="replicate")
        x = self.enter(x)
        full, half = self.first[0](x), self.first[1](self.halve[0](x))
        down = self.halve[1](full)
        full, half, quarter = (
            self.second[0](torch.cat([full, _enlarged(half, full)], 1)),
            self.second[1](torch.cat([half, down], 1)),
            self.second[2](torch.cat([self.halve[2](half), self.halve[3](down)], 1)),
        )
        x = self.leave(torch.cat([full, _enlarged(half, full), _enlarged(quarter, full)], 1))
        return x[:, :, :height, :width] * self.std + self.mean


class _Unit(nn.Sequential):
    """Convolution, instance normalization, ReLU."""

    def __init__(self, before: int, after: int, side: int, stride: int = 1):
        super().__init__(
            nn.Conv2d(before, after, side, stride, side // 2, bias=False),
            nn.InstanceNorm2d(after, affine=True),
            nn.ReLU(),
        )


class _Bottleneck(nn.Module):
    """A residual block of 1×1, 3×3 and 1×1 convolutions (He et al., arXiv:1512.03385).

    The shortcut has a 1×1 convolution where the width changes.
    """

    def __init__(self, before: int, after: int):
        super().__init__()
        middle = after // 2
        self.path = nn.Sequential(_Unit(before, middle, 1), _Unit(middle, middle, 3), _Unit(middle, after, 1))
        self.shortcut = _Unit(before, after, 1) if before != after else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.path(x) + self.shortcut(x)


def _enlarged(small: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(small, size=like.shape[2:], mode="bilinear", align_corners=False)


def apply(network: Transformation, pixels: NDArray[np.float32], device: torch.device) -> NDArray[np.float32]:
    """The network's output for an image, (H, W, 3) in 0..1. NstError where a side is smaller than MIN_SIDE."""
    if min(pixels.shape[:2]) < MIN_SIDE:
        raise NstError(f"the image is {pixels.shape[1]}×{pixels.shape[0]} px; it needs at least {MIN_SIDE} px per side")
    picture = to_tensor(pixels, channels_last=True).to(device)
    output = network.to(device)(picture)[0].clamp(0, 1)
    return np.asarray(output.permute(1, 2, 0).cpu().contiguous().numpy())
