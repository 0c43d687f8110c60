"""3×3 convolutions with frozen weights by Winograd's minimal filtering along rows, for CPUs.

Four neighbors in a row of the output are a product of polynomials, which its values at six points determine (F(4, 3)
of Lavin & Gray, arXiv:1509.09308): y = Aᵀ[(G g) ∘ (Bᵀ d)] of three weights g and six inputs d. That is half of the
multiplications, for two small products before and after. Down the columns the convolution stays as it is: minimal in
both directions it would multiply a quarter, with twice the rounding, and so much before and after that it takes no
less time.
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

#: The points of a tile's polynomials. Of those for four outputs they round the least (Barabasz et al.,
#: arXiv:1803.10986), and Aᵀ and Bᵀ hold no number that bf16 does not hold exactly.
POINTS = (0.0, 1.0, -1.0, 0.5, -2.0, math.inf)
#: Outputs and inputs of a tile.
OUTPUTS, INPUTS = len(POINTS) - 2, len(POINTS)

#: With fewer channels what comes before and after takes as long as what it saves.
LEAST_CHANNELS = 128

#: Entries for each thread that are transformed at a time: as many as caches hold until the next step.
GROUP = 1 << 20

Matrix = NDArray[np.float64]


class WinogradConv2d(nn.Module):
    """A 3×3 convolution of stride 1 with a border of zeros; differentiable in its input, not in its weights.

    Maps (batch, channels in, height, width) to (batch, channels out, height, width), channels-last.

    Args:
        plain: the convolution to compute, float32 or bfloat16; later changes of its weights are not seen.
    """

    def __init__(self, plain: nn.Conv2d):
        super().__init__()
        assert plain.bias is not None
        assert (plain.kernel_size, plain.stride, plain.padding) == ((3, 3), (1, 1), (1, 1))
        weight, bias = plain.weight.detach(), plain.bias.detach()
        self.forth, self.back = _packed(weight), _packed(weight.flip(2, 3).transpose(0, 1))
        # What is added to the product at 1 is added to all four outputs: its column of Aᵀ holds ones only.
        self.bias = torch.cat([bias if point == 1 else torch.zeros_like(bias) for point in POINTS])
        self.widths = (plain.in_channels, plain.out_channels)

    def forward(self, x: Tensor) -> Tensor:
        return _Winograd.apply(x, self)  # type: ignore[no-any-return, no-untyped-call]


class _Winograd(torch.autograd.Function):
    """The convolution; its slope is the convolution with the flipped kernel."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, layer: WinogradConv2d) -> Tensor:
        ctx.layer = layer
        return _convolved(x, layer.forth, layer.bias, layer.widths[1])

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        return _convolved(grads[0], ctx.layer.back, None, ctx.layer.widths[0]), None


def pays(step: nn.Module) -> bool:
    """Whether a layer of a network is computed sooner so: on x86-64 in float32, and in bf16 with AVX512 but no AMX."""
    if not isinstance(step, nn.Conv2d) or min(step.in_channels, step.out_channels) < LEAST_CHANNELS:
        return False
    if step.weight.device.type != "cpu" or platform.machine() not in ("x86_64", "AMD64"):
        return False
    if not torch.backends.mkldnn.is_available():
        return False
    if step.weight.dtype == torch.bfloat16:
        return cpu.cpu_flags() & {"avx512_bf16", "amx_bf16"} == {"avx512_bf16"}
    return step.weight.dtype == torch.float32


def _packed(weight: Tensor) -> Tensor:
    """Transformed weights (channels out, channels in, 3, 3), a column a point, in the layout of `_convolved`."""
    kernel = torch.from_numpy(matrices()[1]).float()
    columns = torch.einsum("oiyx,px->poiy", weight.float(), kernel).flatten(0, 1)[..., None]
    columns = columns.to(weight.dtype).contiguous(memory_format=torch.channels_last)
    # What inductor does with frozen weights: else they are put in this order at every call, which takes longer than
    # the work where feature maps are small. The size is an example.
    some = [1, INPUTS * weight.shape[1], 64, 16]
    return torch.ops.mkldnn._reorder_convolution_weight(columns, [0, 0], [1, 1], [1, 1], INPUTS, some)


@cache
def matrices() -> tuple[Matrix, Matrix, Matrix]:
    """Aᵀ (outputs, points), G (points, 3) and Bᵀ (points, inputs), by Toom and Cook's construction."""
    finite = [p for p in POINTS if p != math.inf]
    a, g, b = np.zeros((OUTPUTS, INPUTS)), np.zeros((INPUTS, 3)), np.zeros((INPUTS, INPUTS))
    for row, point in enumerate(POINTS):
        others = [p for p in finite if p != point]
        if point == math.inf:
            a[-1, row] = g[row, -1] = 1
        else:
            a[:, row] = point ** np.arange(OUTPUTS)
            g[row] = point ** np.arange(3) / math.prod(point - p for p in others)
        b[row, : len(others) + 1] = np.poly(others)[::-1]  # of the polynomial that is 0 at the others
    return a, g, b


def _convolved(x: Tensor, packed: Tensor, bias: Tensor | None, channels: int) -> Tensor:
    """The convolution of x (batch, channels in, height, width), a group of rows after the other."""
    batch, _, height, width = x.shape
    result = torch.empty(batch, channels, height, width, dtype=x.dtype, memory_format=torch.channels_last)
    tiles = -(-width // OUTPUTS)
    rows = max(1, GROUP * torch.get_num_threads() // (batch * tiles * INPUTS * max(x.shape[1], channels)))
    outputs, _, inputs = (torch.from_numpy(matrix).to(x.dtype) for matrix in matrices())
    for top in range(0, height, rows):
        end = min(height, top + rows)
        low, high = max(0, top - 1), min(height, end + 1)
        border = (1, tiles * OUTPUTS + 1 - width, low - (top - 1), end + 1 - high)
        padded = F.pad(x[:, :, low:high], border).permute(0, 2, 3, 1)
        values = _mapped(inputs, padded.unfold(2, INPUTS, OUTPUTS).transpose(3, 4))
        made = _mapped(outputs, _columns(values, packed, bias))
        result[:, :, top:end] = made.flatten(2, 3)[:, :, :width].permute(0, 3, 1, 2)
    return result


def _mapped(matrix: Tensor, tiles: Tensor) -> Tensor:
    """A matrix (n, m) times each tile: (batch, height, tiles, m, channels) to (batch, height, tiles, n, channels)."""
    flat = tiles.flatten(0, 2)
    return torch.bmm(matrix.expand(len(flat), -1, -1), flat).unflatten(0, tiles.shape[:3])


def _columns(values: Tensor, packed: Tensor, bias: Tensor | None) -> Tensor:
    """Convolve each point's values with its column: (batch, height + 2, tiles, points, channels) to (…, height, …)."""
    x = values.flatten(3).permute(0, 3, 1, 2)
    y = torch.ops.mkldnn._convolution_pointwise(x, packed, bias, [0, 0], [1, 1], [1, 1], INPUTS, "none", [], "")
    return y.permute(0, 2, 3, 1).unflatten(3, (INPUTS, -1))
