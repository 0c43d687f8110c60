"""3×3 convolutions with frozen weights by Winograd's minimal filtering along rows, for CPUs.

Four neighboring outputs in a row follow from six products (F(4, 3) of Lavin & Gray, arXiv:1509.09308):
y = Aᵀ[(G g) ∘ (Bᵀ d)] with three weights g and six inputs d. This halves the multiplications at the cost of a small
transform before and after. Along columns the convolution is direct: minimal filtering in both directions would need a
quarter of the multiplications, but has twice the rounding error, and its transforms take as long as they save.
"""

from __future__ import annotations

import math
import platform
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from nst.machine import cpu

#: The interpolation points of F(4, 3) with the least rounding error (Barabasz et al., arXiv:1803.10986). All entries of
#: Aᵀ and Bᵀ are exact in bf16.
POINTS = (0.0, 1.0, -1.0, 0.5, -2.0, math.inf)
#: Outputs and inputs of a tile.
OUTPUTS, INPUTS = len(POINTS) - 2, len(POINTS)

#: With fewer channels the transforms take as long as they save.
MIN_CHANNELS = 128

#: Entries per thread that are transformed at a time, so that they stay in the cache for the next operation.
GROUP = 1 << 20

Matrix = NDArray[np.float64]


class WinogradConv2d(nn.Module):
    """A 3×3 convolution of stride 1 with a border of zeros; differentiable in its input, not in its weights.

    Maps (batch, channels in, height, width) to (batch, channels out, height, width), channels-last.

    plain: the convolution to compute, float32 or bfloat16; its weights are copied.
    """

    def __init__(self, plain: nn.Conv2d):
        super().__init__()
        assert plain.bias is not None
        assert (plain.kernel_size, plain.stride, plain.padding) == ((3, 3), (1, 1), (1, 1))
        weight, bias = plain.weight.detach().clone(), plain.bias.detach()
        self.weight, self.flipped = _PackedWeight(weight, flip=False), _PackedWeight(weight, flip=True)
        # The column of Aᵀ for the point 1 holds ones only, so a bias there is added to all four outputs.
        self.bias = torch.cat([bias if point == 1 else torch.zeros_like(bias) for point in POINTS])
        self.widths = (plain.in_channels, plain.out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return _Winograd.apply(x, self)  # type: ignore[no-any-return, no-untyped-call]


class _Winograd(torch.autograd.Function):
    """The convolution; its gradient is the convolution with the flipped kernel."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, layer: WinogradConv2d) -> Tensor:
        ctx.layer = layer
        return _convolved(x, layer.weight, layer.bias, layer.widths[1])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return _convolved(grads[0], ctx.layer.flipped, None, ctx.layer.widths[0]), None


def is_faster(step: nn.Conv2d) -> bool:
    """Whether `WinogradConv2d` is faster than this one: on x86-64 in float32, and in bf16 with AVX512 but no AMX."""
    on_x86_64 = step.weight.device.type == "cpu" and platform.machine() in ("x86_64", "AMD64")
    if not on_x86_64 or not torch.backends.mkldnn.is_available():
        return False
    if min(step.in_channels, step.out_channels) < MIN_CHANNELS:
        return False
    if step.weight.dtype == torch.bfloat16:
        return cpu.cpu_flags() & {"avx512_bf16", "amx_bf16"} == {"avx512_bf16"}
    return step.weight.dtype == torch.float32


class _PackedWeight:
    """Transformed weights, one column per point, in the layout that oneDNN wants, as inductor has frozen weights.

    From a plain layout oneDNN reorders the weights in every call, which takes longer than the convolution of a small
    feature map; from the layout of another shape, up to 30 times longer. So the last shape's layout is kept.
    """

    def __init__(self, weight: Tensor, *, flip: bool):
        self.plain, self.flip = weight, flip  # (channels out, channels in, 3, 3)
        self.last: tuple[tuple[int, ...], Tensor] | None = None

    def for_input(self, shape: torch.Size) -> Tensor:
        """The layout for inputs (batch, points · channels, height + 2, tiles) and the current number of threads."""
        key = (*shape, torch.get_num_threads())
        last = self.last  # threads that share a network may replace it meanwhile
        if last is None or last[0] != key:
            last = self.last = key, self._packed(shape)
        return last[1]

    def _packed(self, shape: torch.Size) -> Tensor:
        weight = self.plain.flip(2, 3).transpose(0, 1) if self.flip else self.plain
        kernel = torch.from_numpy(matrices()[1]).float()
        columns = torch.einsum("oiyx,px->poiy", weight.float(), kernel).flatten(0, 1)[..., None]
        columns = columns.to(weight.dtype).contiguous(memory_format=torch.channels_last)
        return torch.ops.mkldnn._reorder_convolution_weight(columns, [0, 0], [1, 1], [1, 1], INPUTS, list(shape))


@cache
def matrices() -> tuple[Matrix, Matrix, Matrix]:
    """Aᵀ (outputs, points), G (points, 3) and Bᵀ (points, inputs), by the Toom-Cook construction."""
    finite = [p for p in POINTS if p != math.inf]
    a, g, b = np.zeros((OUTPUTS, INPUTS)), np.zeros((INPUTS, 3)), np.zeros((INPUTS, INPUTS))
    for row, point in enumerate(POINTS):
        others = [p for p in finite if p != point]
        if point == math.inf:
            a[-1, row] = g[row, -1] = 1
        else:
            a[:, row] = point ** np.arange(OUTPUTS)
            g[row] = point ** np.arange(3) / math.prod(point - p for p in others)
        b[row, : len(others) + 1] = np.poly(others)[::-1]  # coefficients of the polynomial with these roots
    return a, g, b


def _convolved(x: Tensor, weight: _PackedWeight, bias: Tensor | None, channels: int) -> Tensor:
    """The convolution of x (batch, channels in, height, width), computed in groups of rows.

    All groups have the same number of rows, so that one layout of the weights fits all: the last ones may overlap.
    """
    batch, _, height, width = x.shape
    result = torch.empty(batch, channels, height, width, dtype=x.dtype, memory_format=torch.channels_last)
    tiles = -(-width // OUTPUTS)
    most = max(1, GROUP * torch.get_num_threads() // (batch * tiles * INPUTS * max(x.shape[1], channels)))
    rows = -(-height // -(-height // most))
    outputs, _, inputs = (torch.from_numpy(matrix).to(x.dtype) for matrix in matrices())
    for start in range(0, height, rows):
        end = min(height, start + rows)
        top = end - rows
        low, high = max(0, top - 1), min(height, end + 1)
        border = (1, tiles * OUTPUTS + 1 - width, low - (top - 1), end + 1 - high)
        padded = F.pad(x[:, :, low:high], border).permute(0, 2, 3, 1)
        values = _transformed(inputs, padded.unfold(2, INPUTS, OUTPUTS).transpose(3, 4))
        convolved = _transformed(outputs, _convolved_columns(values, weight, bias))
        result[:, :, top:end] = convolved.flatten(2, 3)[:, :, :width].permute(0, 3, 1, 2)
    return result


def _transformed(matrix: Tensor, tiles: Tensor) -> Tensor:
    """A matrix (n, m) times each tile: (batch, height, tiles, m, channels) to (batch, height, tiles, n, channels)."""
    flat = tiles.flatten(0, 2)
    return torch.bmm(matrix.expand(len(flat), -1, -1), flat).unflatten(0, tiles.shape[:3])


def _convolved_columns(values: Tensor, weight: _PackedWeight, bias: Tensor | None) -> Tensor:
    """Convolve each point's values with its column of weights.

    (batch, height + 2, tiles, points, channels) to (batch, height, tiles, points, channels).
    """
    x = values.flatten(3).permute(0, 3, 1, 2)
    packed = weight.for_input(x.shape)
    y = torch.ops.mkldnn._convolution_pointwise(x, packed, bias, [0, 0], [1, 1], [1, 1], INPUTS, "none", [], "")
    return y.permute(0, 2, 3, 1).unflatten(3, (INPUTS, -1))
