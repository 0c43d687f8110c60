"""The Laplacian pyramid of an image as what is optimized (`parameters: pyramid`).

A step changes all bands at once, so coarse shapes and colors change as fast as details (STROTSS, arXiv:1904.12785,
section 2.5, and NNST, arXiv:2203.13215).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from nst.engine.canvas import PixelCanvas

#: Largest number of bands, and the smallest side of the coarsest in px.
BANDS, SMALLEST = 8, 2


def sizes(height: int, width: int, bands: int = BANDS) -> list[tuple[int, int]]:
    """The (rows, columns) of each band, fine to coarse; each has half the sides of the one before."""
    found = [(height, width)]
    while len(found) < bands and min(found[-1]) >= 2 * SMALLEST:
        found.append(((found[-1][0] + 1) // 2, (found[-1][1] + 1) // 2))
    return found


def split(picture: Tensor, bands: int = BANDS) -> list[Tensor]:
    """The bands of images (batch, channels, height, width), fine to coarse (Burt & Adelson 1983).

    Each is the difference of the image and its enlarged half size; the last is the smallest image. Their sum, each
    enlarged to the size of the one before, is the image.
    """
    parts = []
    for size in sizes(picture.shape[2], picture.shape[3], bands)[1:]:
        smaller = F.interpolate(picture, size=size, mode="bilinear", antialias=True, align_corners=False)
        parts.append(picture - _enlarged(smaller, picture))
        picture = smaller
    return [*parts, picture]


def merged(parts: list[Tensor]) -> Tensor:
    """The images (batch, channels, height, width) with these bands."""
    picture = parts[-1]
    for part in reversed(parts[:-1]):
        picture = part + _enlarged(picture, part)
    return picture


def _enlarged(picture: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(picture, size=like.shape[2:], mode="bilinear", align_corners=False)


class PyramidCanvas(PixelCanvas):
    """The parameters are the bands of the pixels' Laplacian pyramid, fine to coarse. Arguments as for `PixelCanvas`."""

    def __init__(self, shape: tuple[int, ...], kind: str):
        super().__init__(shape, kind)
        self._sizes = sizes(*shape[2:])

    def parameters(self, picture: Tensor) -> Tensor:
        pixels = super().parameters(picture).view(-1, *self.shape[1:])
        return torch.cat([part.flatten(1) for part in split(pixels)], 1)

    def _pixels(self, x: Tensor) -> Tensor:
        """The pixels of parameters (batch, n), (batch, channels, height, width)."""
        channels = self.shape[1]
        parts = x.split([channels * rows * columns for rows, columns in self._sizes], 1)
        return merged([p.view(-1, channels, *size) for p, size in zip(parts, self._sizes, strict=True)])

    def into_range(self, x: Tensor) -> Tensor:
        """Changes the finest band so that the pixels are in range."""
        pixels = self._pixels(x).flatten(1)
        excess = super().into_range(pixels) - pixels
        return torch.cat([x[:, : excess.shape[1]] + excess, x[:, excess.shape[1] :]], 1)

    def picture(self, x: Tensor, *, differentiable: bool = False) -> Tensor:
        return self._pixels(x).expand(-1, 3, -1, -1)

    def gradient(self, x: Tensor, picture_gradient: Tensor) -> Tensor:
        x = x.detach().requires_grad_(True)
        with torch.enable_grad():
            picture = self.picture(x)
        (gradient,) = torch.autograd.grad(picture, x, picture_gradient)
        return gradient
