"""The Laplacian pyramid as parameters: exact, and its gradient is the adjoint of its images."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from nst.engine import level, pyramid
from nst.engine.canvas import PixelCanvas
from nst.engine.pyramid import PyramidCanvas
from nst.engine.stylization import Finished, Transfer, stylize
from nst.settings import make

SIZES = [(64, 48), (37, 50), (3, 200), (1, 1)]


def pictures(*shape: int) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("size", SIZES)
def test_the_bands_of_an_image_give_the_image(size: tuple[int, int]) -> None:
    picture = pictures(2, 3, *size)
    torch.testing.assert_close(pyramid.merged(pyramid.split(picture)), picture)


def test_bands_halve_to_the_smallest_side() -> None:
    assert pyramid.sizes(512, 384) == [(512 >> k, 384 >> k) for k in range(8)]
    assert pyramid.sizes(37, 50) == [(37, 50), (19, 25), (10, 13), (5, 7), (3, 4)]
    assert pyramid.sizes(1, 300) == [(1, 300)]


def test_a_flat_image_is_in_the_coarsest_band_alone() -> None:
    *fine, coarsest = pyramid.split(torch.full((1, 3, 40, 30), 0.25, dtype=torch.float64))
    assert max(band.abs().max().item() for band in fine) < 1e-12
    torch.testing.assert_close(coarsest, torch.full_like(coarsest, 0.25))


@pytest.mark.parametrize("size", SIZES)
def test_a_blurred_image_lacks_the_finest_bands(size: tuple[int, int]) -> None:
    """It is the reduced image, enlarged again; the coarsest band is always kept."""
    picture = pictures(1, 3, *size)
    steps = pyramid.sizes(*size)[: 1 + level.DETAILS]
    wanted = picture
    for step in steps[1:]:
        wanted = F.interpolate(wanted, size=step, mode="bilinear", antialias=True, align_corners=False)
    for step in steps[-2::-1]:
        wanted = F.interpolate(wanted, size=step, mode="bilinear", align_corners=False)
    found = level.of_bands(picture, None, "blurred")
    torch.testing.assert_close(found, wanted)
    assert found.mean().item() == pytest.approx(picture.mean().item(), abs=0.01)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_gradient_is_the_adjoint(channels: int) -> None:
    canvas = PyramidCanvas((2, channels, 37, 50), "clip")
    x = canvas.parameters(pictures(2, 3, 37, 50))
    direction, weights = torch.randn_like(x), torch.randn(2, 3, 37, 50, dtype=torch.float64)
    change = canvas.picture(x + direction) - canvas.picture(x)  # exact: it is linear
    expected = (change * weights).sum((1, 2, 3))
    torch.testing.assert_close((canvas.gradient(x, weights) * direction).sum(1), expected)


@pytest.mark.parametrize("kind", ["clip", "clamp", "rescale"])
def test_pixels_are_kept_in_range_as_pixels_are(kind: str) -> None:
    shape = (2, 3, 37, 50)
    canvas, of_pixels = PyramidCanvas(shape, kind), PixelCanvas(shape, kind)
    beyond = 3 * pictures(*shape) - 1
    found = canvas.picture(canvas.into_range(canvas.parameters(beyond)))
    torch.testing.assert_close(found, of_pixels.picture(of_pixels.into_range(of_pixels.parameters(beyond))))


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "lbfgs"])
@pytest.mark.parametrize("color", ["style", "luminance"])
def test_it_is_optimized(scene, stripes, untrained, optimizer: str, color: str) -> None:
    settings = make({
        "parameters": "pyramid", "optimizer": optimizer, "color": color, "scales": 2, "iterations": 24,
        "learning_rate": 1 if optimizer == "lbfgs" else 0.002,
        "content_layers": "conv2_1", "style_layers": "conv1_1+conv2_1",
    })  # fmt: skip
    *events, end = stylize(Transfer(scene, [stripes], settings), state=untrained, device="cpu")
    assert isinstance(end, Finished)
    assert end.losses["total"] < 0.95 * events[12].losses["total"]
    assert end.pixels.shape == scene.shape


def test_the_mean_color_of_a_large_style_is_exact():
    style = np.broadcast_to(np.float32(0.3), (4000, 4000, 3))  # takes no memory
    inputs = SimpleNamespace(styles=[style], blend=[1.0])
    assert level.of_bands(torch.zeros(1, 3, 32, 32), inputs, "mean+detail").mean().item() == pytest.approx(
        0.3, abs=1e-6
    )
