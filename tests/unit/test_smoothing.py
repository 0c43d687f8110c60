"""The smoothing of gradients, against SciPy's cosine transform and what makes a preconditioner."""

import numpy as np
import pytest
import torch
from nst import smoothing
from scipy import fft

SHAPE = (2, 3, 12, 17)


@pytest.fixture
def smooth():
    return smoothing.Smoothing(SHAPE, torch.device("cpu"))


@pytest.fixture
def x():
    return torch.randn(2, 3 * 12 * 17, generator=torch.Generator().manual_seed(1))


def test_it_divides_each_cosine_wave_by_a_power_of_its_frequency(smooth, x):
    before, after = (fft.dctn(y.view(SHAPE).numpy(), axes=(2, 3), norm="ortho") for y in (x, smooth(x)))
    f = np.hypot(np.arange(12)[:, None] / 24, np.arange(17) / 34)
    gain = np.hypot(f, smoothing.FLOOR) ** -smoothing.POWER
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
