"""A tiled objective equals the objective of the whole picture."""

import itertools

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from nst.engine.stylization import Transfer, stylize
from nst.losses.objective import Objective
from nst.losses.tiling import TiledObjective, _spans, halo
from nst.networks.extractor import FeatureExtractor
from nst.settings import make
from untrained import random_state

CPU = torch.device("cpu")


def picture(seed, height, width):
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_a_picture_in_tiles_is_the_picture(scene, stripes, untrained):
    """For a few iterations: over more of them rounding errors grow a thousandfold, also without tiles."""
    values = {"content_layers": "conv2_1", "style_layers": "conv1_1+conv2_1", "iterations": 4, "precision": "fp32"}
    *_, whole = stylize(Transfer(scene, [stripes], make(values)), state=untrained, device="cpu")
    *_, tiled = stylize(Transfer(scene, [stripes], make(values | {"tile": 16})), state=untrained, device="cpu")
    assert abs(whole.pixels - scene).mean() > 0.005
    np.testing.assert_allclose(tiled.pixels, whole.pixels, atol=1e-5)


def test_the_smallest_tiles_still_reach_the_deepest_layer(scene, stripes, untrained):
    values = {"iterations": 1, "precision": "fp32", "tile": 1}
    *_, end = stylize(
        Transfer(np.pad(scene, ((0, 1), (0, 1), (0, 0))), [stripes], make(values)), state=untrained, device="cpu"
    )
    assert np.isfinite(end.pixels).all()


def test_the_halo_is_the_reach_of_the_deepest_layer(untrained):
    """A pixel beyond the halo has no influence on a position; one that is nearer by GRID has."""
    settings = make({"content_layers": "conv3_1", "style_layers": "conv2_1"})
    reach = halo(settings)
    network = FeatureExtractor("vgg19", untrained, ["conv3_1"]).convert(CPU, torch.float64)
    x = picture(1, 128, 16).requires_grad_(True)
    middle = network(x)["conv3_1"][0, :, 16].abs().sum()  # the row of the pixels 64 to 68
    (gradient,) = torch.autograd.grad(middle, x)
    touched = gradient.abs().sum((0, 1, 3)).nonzero().flatten()
    assert 64 - reach <= touched.min()
    assert touched.max() < 68 + reach
    assert touched.min() < 64 - reach + 16


def test_spans_cover_a_length_from_multiples_of_the_grid():
    for length, side in itertools.product((1, 15, 16, 100, 257, 1500), (1, 16, 50, 300, 1024)):
        spans = _spans(length, side)
        assert [a for a, _ in spans[1:]] == [b for _, b in spans[:-1]]
        assert (spans[0][0], spans[-1][1]) == (0, length)
        assert all(a % 16 == 0 and min(16, length) <= b - a <= max(side, 32) + 16 for a, b in spans)


@pytest.mark.parametrize("network", ["vgg19", "lite"])
@pytest.mark.parametrize(
    "values",
    [
        {},
        {"normalization": "paper", "tv_weight": 0.3},
        {"normalization": "mean", "pooling": "average"},
        {"normalization": "sum", "layer_output": "conv"},
        {"style_loss": "wasserstein", "padding": "replicate"},
        {"style_loss": "covariance", "content_weight": 0},
        {"style_weight": 0},
    ],
    ids=str,
)
def test_value_parts_and_gradient_are_those_of_the_whole(network, values):
    settings = make(
        {"network": network, "content_layers": "conv2_1:2+conv3_1", "style_layers": "conv1_1+conv3_1:0.5", "tile": 48}
        | values
    )
    layers = [*settings.content_layers, *settings.style_layers]
    extractor = FeatureExtractor(
        network, random_state(network), layers,
        pooling=settings.pooling, layer_output=settings.layer_output, padding=settings.padding,
    ).convert(CPU, torch.float64)  # fmt: skip
    content, styles = picture(1, 101, 150), [(picture(2, 90, 70), 0.7), (picture(3, 60, 75), 0.3)]
    masks = {"regions": torch.stack([picture(5, 101, 150)[0, :1], picture(6, 101, 150)[0, :1]])}
    visible = picture(7, 101, 150)[:, :1]
    protected = {"visible": visible, "protection": picture(8, 101, 150)[:, :1]}
    for given in ({}, masks, {"visible": visible}, protected, masks | protected):
        whole = Objective(extractor, content, styles, settings, **given).evaluate(picture(4, 101, 150))
        tiled = TiledObjective(extractor, content, styles, settings, **given).evaluate(picture(4, 101, 150))
        torch.testing.assert_close(tiled.total, whole.total, rtol=1e-6, atol=0)
        for name, part in whole.parts.items():
            torch.testing.assert_close(tiled.parts[name], part, rtol=1e-6, atol=1e-8, check_dtype=False)
        assert ((tiled.gradient - whole.gradient).norm() / whole.gradient.norm()).item() < 1e-6


class Largest(TorchDispatchMode):
    """The number of entries of the largest tensor that an operation creates."""

    entries = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        made = operation(*args, **(kwargs or {}))
        views = ("view", "slice", "split", "detach", "expand", "select", "t.default", "transpose", "alias")
        if isinstance(made, torch.Tensor) and not any(word in str(operation) for word in views):
            self.entries = max(self.entries, made.numel())
        return made


@pytest.mark.parametrize("normalization", ["relative", "paper", "mean"])
def test_an_iteration_takes_the_memory_of_a_tile(normalization):
    """No new tensor is as large as the stored features of the content."""
    settings = make(
        {"content_layers": "conv2_1", "style_layers": "conv1_1", "tile": 32, "normalization": normalization}
    )
    network = FeatureExtractor("vgg19", random_state("vgg19"), ["conv1_1", "conv2_1"]).convert(CPU, torch.float32)
    content, style = picture(1, 512, 128).float(), picture(2, 64, 64).float()
    objective = TiledObjective(network, content, [(style, 1.0)], settings)
    with Largest() as largest:
        objective.evaluate(content)
    assert 0 < largest.entries < objective.content["conv2_1"].numel() / 1.9


def test_the_halo_leaves_out_layers_without_weight():
    shallow = {"style_layers": "conv1_1", "content_layers": "conv5_1"}
    assert halo(make(shallow | {"content_weight": 0})) == halo(make(shallow | {"content_layers": "conv1_1"}))
