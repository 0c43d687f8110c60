"""A 16-bit convolution whose input has twice the precision, at the cost of three convolutions."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SplitConv2d(nn.Conv2d):
    """A convolution with 16-bit significands, computed in bf16, which has 8 bits (Henry et al., arXiv:1904.06376).

    Input and weights are each the sum of two bf16 numbers, high and low; high·high + low·high + high·low is one
    convolution with three times the channels. In bf16 alone, dark pixels have no finer steps than in an 8-bit file:
    this causes more than half of the squared error of the gradient of a dark picture.

    Maps (batch, channels in, height, width) float32 to (batch, channels out, height, width) in the compute type.

    plain: the convolution, float32, with a bias. dtype: to compute in.
    """

    def __init__(self, plain: nn.Conv2d, dtype: torch.dtype):
        assert plain.bias is not None
        channels, sides = (3 * plain.in_channels, plain.out_channels), (plain.kernel_size, plain.stride, plain.padding)
        super().__init__(*channels, *sides, padding_mode=plain.padding_mode, device="meta")
        high, low = halves(plain.weight.detach(), dtype)
        self.weight = nn.Parameter(torch.cat([high, high, low], 1), requires_grad=False)
        self.bias = nn.Parameter(plain.bias.detach().to(dtype), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        high, low = halves(x, self.weight.dtype)
        # Only high·high has a gradient: its rounding error is small compared to that of the layers above.
        return super().forward(torch.cat([high, low.detach(), high.detach()], 1))


def halves(values: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Values rounded to a narrower type, and the rounding errors in the same type."""
    high = values.to(dtype)
    return high, (values - high.to(values.dtype)).to(dtype)
