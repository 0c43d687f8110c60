"""How far an image is from being, around each pixel, an affine function of the content's colors.

The photorealism regularizer of Luan, Paris, Shechtman & Bala, arXiv:1703.07511, equation 2: Σ V_cᵀ M V_c over the color
channels c of an image V, with the matting Laplacian M of the content (Levin, Lischinski & Weiss, A closed-form solution
to natural image matting, IEEE TPAMI 30, 2008, equation 12).

M is never built. V_cᵀ M V_c is the sum over all 3×3 windows of the least squares Σ (V_c − a·I − b)² + ε|a|², over the 9
pixels of a window with the content's colors I, minimal in a (3 coefficients) and b. With the window's means μ, the
covariance Σ of I and its covariance c with V_c,

    a = (Σ + ε/9)⁻¹ c        b = μ(V_c) − a·μ(I)        (M V_c)_i = Σ over the windows of pixel i of V_c,i − a·I_i − b

so M V takes two box filters, no matrix and no solver. All is in float64: in a window of one color, Σ is small beside ε,
and rounded to float32 the squares' differences would exceed both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from nst.losses.functional import Normalization
from nst.machine import runtime

#: ε, with colors in 0..1: that of both papers' programs.
RIDGE = 1e-7
#: Pixels of the strips of rows in which M V is computed: few enough for a CPU's cache, or many for a GPU.
STRIP = {"cpu": 2**13, "cuda": 2**20}


class Windows(NamedTuple):
    """The 3×3 windows of contents: `weight` and `factors` have an entry for each, (height − 2) × (width − 2)."""

    colors: Tensor  # (batch, 3, height, width), the content's, float64
    factors: Tensor  # (batch, 6, h, w): Cholesky factor of Σ + ε/9, with the reciprocals of its diagonal; row by row
    weight: Tensor  # (batch, 1, h, w), mean 1: each window's weight in the sum


def windows(content: Tensor, visible: Tensor | None = None) -> Windows:
    """The windows of a content (batch, 3, height, width) in 0..1.

    visible: (1, 1, height, width) in 0..1, opacity of the content; a window's weight is its mean. None: equal weights.
    On a device without float64 the result is on the CPU.
    """
    wide = torch.float64
    device = content.device if runtime.widest(content.device) == wide else torch.device("cpu")
    colors = content.to(device, wide)
    mean = _sums(colors) / 9
    pairs = [(row, column) for row in range(3) for column in range(row + 1)]
    moments = {(r, c): _sums(colors[:, r] * colors[:, c]) / 9 - mean[:, r] * mean[:, c] for r, c in pairs}
    opacity = torch.ones_like(colors[:, :1]) if visible is None else visible.to(device, wide).expand_as(colors[:, :1])
    weight = _sums(opacity)
    return Windows(colors, _cholesky(moments), weight / weight.mean().clamp_min(1e-6))


def joined(of_images: Sequence[Windows]) -> Windows:
    """The windows of a batch, from those of its contents."""
    return Windows(*map(torch.cat, zip(*of_images, strict=True)))


def photo_loss(pictures: Tensor, content: Windows, normalization: Normalization) -> Tensor:
    """Distance of images (batch, 3, height, width) in 0..1 from a local affine function of the content's colors.

    Returns:
        (batch,): Σ V_cᵀ M V_c with `paper`, else divided by 3 · height · width, so that one weight suits every size.
        λ of arXiv:1703.07511 is the weight of the sum: this weight over 3 · height · width. The other losses have
        factors too: that program's content loss is 5 · mean (F − P)², 2e6 times ours with `relative`, as mean P² is
        about 4.5e5 at conv4_2. So its λ = 1e4 at 700 × 525 px is like a weight of 5e3 beside a content_weight of 1.
        Images of fewer than 3 rows or columns have no window: 0.
    """
    factor = 1.0 if normalization == "paper" else 1 / pictures[0].numel()
    return _Photo.apply(pictures, content, factor)  # type: ignore[no-any-return, no-untyped-call]


class _Photo(torch.autograd.Function):
    """factor · Σ V_cᵀ M V_c, (batch,), with the gradient 2 factor · M V."""

    @staticmethod
    def forward(ctx: Any, pictures: Tensor, content: Windows, factor: float) -> Tensor:
        wide = pictures.to(content.colors)
        product = laplacian_product(wide, content) * factor
        ctx.save_for_backward(product.to(pictures))
        return (wide * product).sum((1, 2, 3)).to(pictures)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None]:
        (product,) = ctx.saved_tensors
        return product * (2 * grads[0])[:, None, None, None], None, None


def laplacian_product(pictures: Tensor, content: Windows) -> Tensor:
    """M V for each channel of images V (batch, 3, height, width), float64."""
    product = torch.zeros_like(pictures)
    for rows in _strips(pictures):
        inner = slice(rows.start, rows.stop - 2)
        part = Windows(content.colors[:, :, rows], content.factors[:, :, inner], content.weight[:, :, inner])
        product[:, :, rows] += _product(pictures[:, :, rows], part)
    return product


def _strips(pictures: Tensor) -> Iterator[slice]:
    """Rows of strips, each of which begins with the last two rows of the one before: no window is counted twice."""
    height, width = pictures.shape[2:]
    step = max(1, STRIP.get(pictures.device.type, STRIP["cpu"]) // width)
    if width >= 3:
        yield from (slice(first, min(first + step + 2, height)) for first in range(0, height - 2, step))


def _product(pictures: Tensor, content: Windows) -> Tensor:
    """M V, of the windows of one strip."""
    colors, factors, weight = content
    mean, mean_color = _sums(pictures) / 9, _sums(colors) / 9
    moments = _sums(pictures[:, :, None] * colors[:, None]) / 9  # (batch, channels, 3, h, w)
    slope = _solved(factors, moments - mean[:, :, None] * mean_color[:, None])
    offset = mean - (slope * mean_color[:, None]).sum(2)
    affine = (_spread(slope * weight[:, None]) * colors[:, None]).sum(2) + _spread(offset * weight)
    return pictures * _spread(weight) - affine


def _sums(values: Tensor) -> Tensor:
    """The sum over each 3×3 window: (..., height, width) to (..., height − 2, width − 2)."""
    rows = values[..., :-2, :] + values[..., 1:-1, :] + values[..., 2:, :]
    return rows[..., :-2] + rows[..., 1:-1] + rows[..., 2:]


def _spread(values: Tensor) -> Tensor:
    """The transpose of `_sums`: for each pixel the sum over the windows that contain it."""
    height, width = values.shape[-2:]
    rows = values.new_zeros(*values.shape[:-2], height + 2, width)
    pixels = values.new_zeros(*values.shape[:-2], height + 2, width + 2)
    for k in range(3):
        rows[..., k : k + height, :] += values
    for k in range(3):
        pixels[..., k : k + width] += rows
    return pixels


def _cholesky(moments: dict[tuple[int, int], Tensor]) -> Tensor:
    """`Windows.factors` of symmetric matrices, entries (batch, h, w) by (row, column), plus ε/9 on the diagonal.

    Not an inverse: in a gray window that would lose the coefficient along the gray axis to rounding.
    """
    m = moments
    r0 = (m[0, 0] + RIDGE / 9).rsqrt()
    l10, l20 = m[1, 0] * r0, m[2, 0] * r0
    r1 = (m[1, 1] + RIDGE / 9 - l10 * l10).rsqrt()
    l21 = (m[2, 1] - l20 * l10) * r1
    r2 = (m[2, 2] + RIDGE / 9 - l20 * l20 - l21 * l21).rsqrt()
    return torch.stack([r0, l10, r1, l20, l21, r2], 1)


def _solved(factors: Tensor, right: Tensor) -> Tensor:
    """x of (Σ + ε/9) x = right, (batch, channels, 3, h, w) each, by forward and back substitution."""
    r0, l10, r1, l20, l21, r2 = factors[:, :, None].unbind(1)
    y0 = right[:, :, 0] * r0
    y1 = (right[:, :, 1] - l10 * y0) * r1
    y2 = (right[:, :, 2] - l20 * y0 - l21 * y1) * r2
    x2 = y2 * r2
    x1 = (y1 - l21 * x2) * r1
    x0 = (y0 - l10 * x1 - l20 * x2) * r0
    return torch.stack([x0, x1, x2], 2)
