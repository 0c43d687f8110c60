"""The convolution of split numbers against torch's own in float64."""

import copy

import pytest
import torch
from torch import nn

from nst.networks.imagenet import IMAGENET_MEAN, IMAGENET_STD
from nst.networks.split import SplitConv2d, halves

#: Relative rounding error of bf16.
ROUNDING = 2**-8


@pytest.fixture
def random():
    return torch.Generator().manual_seed(5)


def layer(random, padding_mode="zeros"):
    plain = nn.Conv2d(3, 16, 3, padding=1, padding_mode=padding_mode).requires_grad_(False)
    plain.weight.copy_(torch.randn(plain.weight.shape, generator=random))
    plain.bias.copy_(torch.randn(16, generator=random).bfloat16())
    return plain, SplitConv2d(plain, torch.bfloat16)


def dark(random):
    """A normalized image with values between the two darkest ones of an 8-bit file."""
    pixels = torch.rand(2, 3, 9, 14, generator=random) / 255
    return (pixels - torch.tensor(IMAGENET_MEAN).view(3, 1, 1)) / torch.tensor(IMAGENET_STD).view(3, 1, 1)


def test_two_halves_hold_sixteen_bits(random):
    values = torch.randn(1000, generator=random)
    high, low = halves(values, torch.bfloat16)
    assert high.dtype == low.dtype == torch.bfloat16
    assert (high.double() + low.double() - values.double()).abs().max() < 2**-16 * values.abs().max()
    assert torch.equal(halves(values, torch.float32)[0], values)
    assert not halves(values, torch.float32)[1].any()


@pytest.mark.parametrize("padding_mode", ["zeros", "replicate"])
def test_only_the_result_is_rounded(random, padding_mode):
    plain, split = layer(random, padding_mode)
    x = dark(random)
    found, usual = split(x), copy.deepcopy(plain).bfloat16()(x.bfloat16())
    assert found.dtype == torch.bfloat16
    wanted = plain.double()(x.double())
    # Where terms cancel, the error is relative to the terms, not to the sum.
    allowed = ROUNDING * wanted.abs() + 2**-13
    assert (found.double() - wanted).abs().le(allowed).all()
    assert (usual.double() - wanted).abs().gt(allowed).float().mean() > 0.1


def test_the_gradient_is_that_of_the_convolution(random):
    plain, split = layer(random)
    x = dark(random)
    weights = torch.randn(2, 16, 9, 14, generator=random)
    slopes = []
    for convolution, kind in ((split, torch.float32), (plain.double(), torch.float64)):
        picture = x.to(kind).requires_grad_(True)
        y = convolution(picture)
        slopes.append(torch.autograd.grad(y, picture, weights.to(y.dtype))[0])
    found, wanted = slopes
    assert found.dtype == torch.float32
    # Where no unit multiplies bf16, more than the result is rounded.
    assert (found - wanted).norm() < 1.5 * ROUNDING * wanted.norm()
