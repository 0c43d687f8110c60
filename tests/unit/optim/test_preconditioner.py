"""The preconditioner: against the definition of the DCT, and whether it is symmetric and positive definite."""

import math

import numpy as np
import pytest
import torch

from nst.optim import preconditioner

SHAPE = (2, 3, 12, 17)


@pytest.fixture(params=[False, True], ids=["fast", "differentiable"])
def smooth(request):
    """As on a CPU, and by matrices as on a GPU."""
    return preconditioner.Smoothing(SHAPE, torch.device("cpu"), differentiable=request.param)


@pytest.fixture
def x():
    return torch.randn(2, 3 * 12 * 17, generator=torch.Generator().manual_seed(1))


def waves(pictures):
    """The coefficients of the DCT-II, from its definition."""
    for axis in (2, 3):
        side = SHAPE[axis]
        wave, place = np.ogrid[:side, :side]
        cosines = np.cos(math.pi * wave * (place + 0.5) / side) * math.sqrt(2 / side)
        cosines[0] /= math.sqrt(2)
        pictures = np.moveaxis(np.tensordot(cosines, pictures, (1, axis)), 0, axis)
    return pictures


def test_it_divides_each_cosine_wave_by_a_power_of_its_frequency(smooth, x):
    before, after = (waves(y.view(SHAPE).numpy()) for y in (x, smooth(x)))
    f = np.hypot(np.arange(12)[:, None] / 24, np.arange(17) / 34)
    gain = np.hypot(f, preconditioner.FLOOR) ** -preconditioner.POWER
    np.testing.assert_allclose(after, before * gain / gain.mean(), rtol=1e-3, atol=1e-4)


def test_it_is_symmetric_and_positive(smooth, x):
    y = x.flip(1)
    assert (smooth(x) * y).sum().item() == pytest.approx((x * smooth(y)).sum().item(), rel=1e-4)
    assert (smooth(x) * x).sum(1).min() > 0


def test_pictures_and_channels_stay_apart(smooth, x):
    x[1] = 0
    x.view(SHAPE)[0, 1] = 0
    y = smooth(x).view(SHAPE)
    assert y[1].abs().max() == 0
    assert y[0, 1].abs().max() == 0


def test_autograd_follows_if_differentiable(x):
    smooth = preconditioner.Smoothing(SHAPE, torch.device("cpu"), differentiable=True)
    x.requires_grad_(True)
    (gradient,) = torch.autograd.grad((x * smooth(x)).sum() / 2, x)
    torch.testing.assert_close(gradient, smooth(x), rtol=1e-4, atol=1e-5)
