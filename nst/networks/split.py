"""A convolution whose input counts more than 16-bit arithmetic holds, at the price of three in 16 bits."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SplitConv2d(nn.Conv2d):
    """A convolution of numbers with 16 bits of significand each, where bf16 has 8 (Henry et al., arXiv:1904.06376).

    Input and weights are each the sum of two bf16 numbers, high and low; high·high + low·high + high·low is one
    convolution of three times the channels. A picture in bf16 alone has the steps of an 8-bit file where it is dark,
    and no finer ones: of a dark picture more than half of the gradient's error, by its square, comes from that.

    Maps (batch, channels in, height, width) float32 to (batch, channels out, …) in the compute type.

    Args:
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
        # The gradient goes the way of high·high: its own rounding is small beside what the layers above it have added.
        return super().forward(torch.cat([high, low.detach(), high.detach()], 1))


def halves(values: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Values in a narrower type, and what they lose by it."""
    high = values.to(dtype)
    return high, (values - high.to(values.dtype)).to(dtype)
