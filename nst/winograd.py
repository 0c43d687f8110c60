"""3×3 convolutions with frozen weights by Winograd's minimal filtering along rows, for CPUs.

Four neighbours in a row of the output are a product of polynomials, which its values at six points determine (F(4, 3)
of Lavin & Gray, arXiv:1509.09308): y = Aᵀ[(G g) ∘ (Bᵀ d)] of three weights g and six inputs d. That is half of the
multiplications, for a few additions before and after. Down the columns the convolution stays as it is: minimal in both
directions it would multiply a quarter, with twice the rounding and so many additions that it takes no less time.
"""

from __future__ import annotations

import platform
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nst import devices

#: Outputs of a tile, and the points that determine them: 0, 1, −1, 2, −2 and infinity.
OUTPUTS, POINTS = 4, 6

#: G: the weights' polynomial at the points, over the product of a point's distances from the others.
KERNEL = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)

#: With fewer channels the additions take as long as the multiplications that they save.
LEAST_CHANNELS = 128

#: Entries for each thread that are transformed at a time: as many as caches hold until the next step.
GROUP = 1 << 20


class WinogradConv2d(nn.Module):
    """A 3×3 convolution of stride 1 with a border of zeros; differentiable in its input, not in its weights.

    Maps (batch, channels in, height, width) to (batch, channels out, height, width), channels-last.

    Args:
        plain: the convolution to compute, float32 or bfloat16; later changes of its weights are not seen.
    """

    def __init__(self, plain: nn.Conv2d):
        super().__init__()
        assert plain.bias is not None
        weight, bias = plain.weight.detach(), plain.bias.detach()
        self.forth, self.back = _packed(weight), _packed(weight.flip(2, 3).transpose(0, 1))
        self.bias = torch.cat([bias if point == 1 else torch.zeros_like(bias) for point in range(POINTS)])
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
    if step.weight.dtype == torch.bfloat16:
        return devices.cpu_flags() & {"avx512_bf16", "amx_bf16"} == {"avx512_bf16"}
    return step.weight.dtype == torch.float32 and torch.backends.mkldnn.is_available()


def _packed(weight: Tensor) -> Tensor:
    """Transformed weights (channels out, channels in, 3, 3), a column a point, in the layout of `_convolved`."""
    kernel = torch.tensor(KERNEL)
    columns = torch.einsum("oiyx,px->poiy", weight.float(), kernel).flatten(0, 1)[..., None]
    columns = columns.to(weight.dtype).contiguous(memory_format=torch.channels_last)
    # What inductor does with frozen weights: else they are put in this order at every call, which takes longer than
    # the work where feature maps are small. The size is an example.
    some = [1, POINTS * weight.shape[1], 64, 16]
    return torch.ops.mkldnn._reorder_convolution_weight(columns, [0, 0], [1, 1], [1, 1], POINTS, some)


def _columns(values: Tensor, packed: Tensor, bias: Tensor | None) -> Tensor:
    """Convolve each point's values with its column: (batch, height + 2, tiles, points, channels) to (…, height, …)."""
    x = values.flatten(3).permute(0, 3, 1, 2)
    y = torch.ops.mkldnn._convolution_pointwise(x, packed, bias, [0, 0], [1, 1], [1, 1], POINTS, "none", [], "")
    return y.permute(0, 2, 3, 1).unflatten(3, (POINTS, -1))


def _convolved(x: Tensor, packed: Tensor, bias: Tensor | None, channels: int) -> Tensor:
    """The convolution of x (batch, channels in, height, width), a group of rows after the other."""
    batch, _, height, width = x.shape
    result = torch.empty(batch, channels, height, width, dtype=x.dtype, memory_format=torch.channels_last)
    tiles = -(-width // OUTPUTS)
    row = batch * tiles * POINTS * max(x.shape[1], channels)
    rows = max(1, GROUP * torch.get_num_threads() // row)
    for top in range(0, height, rows):
        end = min(height, top + rows)
        low, high = max(0, top - 1), min(height, end + 1)
        border = (1, tiles * OUTPUTS + 1 - width, low - (top - 1), end + 1 - high)
        values = _values(F.pad(x[:, :, low:high], border).permute(0, 2, 3, 1), tiles)
        made = _outputs(_columns(values, packed, bias).unbind(3))
        result[:, :, top:end] = made.flatten(2, 3)[:, :, :width].permute(0, 3, 1, 2)
    return result


def _values(padded: Tensor, tiles: int) -> Tensor:
    """Bᵀ d: (batch, height, 4·tiles + 2, channels) to (batch, height, tiles, points, channels).

    What the inputs at even and at odd places contribute is the same at p and at −p, up to the sign of the odd.
    """
    d = [padded[:, :, at : at + OUTPUTS * (tiles - 1) + 1 : OUTPUTS] for at in range(POINTS)]
    values = padded.new_empty(*padded.shape[:2], tiles, POINTS, padded.shape[3])
    v = values.unbind(3)
    for at, p in ((1, 1), (3, 2)):
        even, odd = torch.sub(d[4], d[2], alpha=4 // p**2), torch.sub(d[3], d[1], alpha=4 // p**2)
        torch.add(even, odd, alpha=p, out=v[at])
        torch.sub(even, odd, alpha=p, out=v[at + 1])
    for at, d0, d2, d4 in ((0, d[0], d[2], d[4]), (5, d[1], d[3], d[5])):  # 0 and infinity
        torch.add(torch.sub(d4, d2, alpha=5), d0, alpha=4, out=v[at])
    return values


def _outputs(m: tuple[Tensor, ...]) -> Tensor:
    """Aᵀ m: the products at each of the points, (batch, height, tiles, channels), to (batch, height, tiles, 4, …)."""
    made = m[0].new_empty(*m[0].shape[:3], OUTPUTS, m[0].shape[3])
    y = made.unbind(3)
    even, odd = (m[1] + m[2], m[3] + m[4]), (m[1] - m[2], m[3] - m[4])  # of ±1, of ±2
    torch.add(m[0] + even[0], even[1], out=y[0])
    torch.add(odd[0], odd[1], alpha=2, out=y[1])
    torch.add(even[0], even[1], alpha=4, out=y[2])
    torch.add(m[5] + odd[0], odd[1], alpha=8, out=y[3])
    return made
