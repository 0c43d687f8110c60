"""A new style loss: one class and one line in a table suffice."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gridfiles import picture, table
from nst.cli import main
from nst.engine.stylization import Transfer, stylize, stylize_batch
from nst.errors import NstError
from nst.grid.pairs import read_grid
from nst.images import read_metadata
from nst.losses.covariance import means_of
from nst.losses.objective import Objective
from nst.losses.style import StyleLoss
from nst.losses.tiling import TiledObjective
from nst.networks.extractor import FeatureExtractor
from nst.settings import STYLE_LOSSES, StyleLossEntry, make
from untrained import random_state

VALUES = {"style_loss": "means", "content_layers": "conv2_1", "style_layers": "conv1_1+conv3_1:0.5", "iterations": 3}


class Means(StyleLoss):
    """Squared distance of the channels' means, relative to the target's."""

    def statistics(self, network, layer, features, weight=None):
        return (means_of(network, layer, features if weight is None else features * weight),)

    def distance(self, found, target, scale):
        return (found[0] - target[0]).square().sum(1) / target[0].square().sum(1)


@pytest.fixture(autouse=True)
def _means(monkeypatch):
    monkeypatch.setitem(STYLE_LOSSES, "means", StyleLossEntry(f"{__name__}:Means"))


def test_the_settings_know_it():
    assert make(VALUES).style_loss == "means"
    with pytest.raises(NstError, match=r"'meens' is not allowed; expected one of gram, .*; did you mean means\?"):
        make({"style_loss": "meens"})
    with pytest.raises(NstError, match="means requires normalization relative"):
        make(VALUES | {"normalization": "paper"})


def test_a_manifest_and_the_command_take_it(tmp_path, monkeypatch, untrained_folder, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NST_WEIGHTS_DIR", str(untrained_folder))
    a, b = picture("a.png", (40, 36)), picture("b.png", (36, 40))
    [first, second] = read_grid(table(f"content,style,style_loss\n{a},{b},means|gram\n"))
    assert (first.settings.style_loss, second.settings.style_loss) == ("means", "gram")
    flags = ["--style-loss", "means", "--style-layers", "conv1_1", "--content-layers", "conv2_1"]
    assert main(["stylize", a, b, "-o", "out.png", "--size", "40", "--iterations", "2", *flags]) == 0
    assert read_metadata("out.png")["settings"]["style_loss"] == "means"
    assert main(["stylize", "--help"]) == 0
    assert "--style-loss gram|covariance|wasserstein" in capsys.readouterr().out


def extractor(settings):
    layers = [*settings.content_layers, *settings.style_layers]
    network = FeatureExtractor("vgg19", random_state("vgg19"), layers)
    return network.convert(torch.device("cpu"), torch.float64)


def pictures(seed, height, width):
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("masked", [False, True])
def test_tiles_and_masks_work_with_it(masked):
    settings = make(VALUES | {"tile": 48})
    network, content, styles = extractor(settings), pictures(1, 101, 130), [(pictures(2, 70, 60), 1.0)]
    regions = {"regions": pictures(5, 101, 130)[0, :1][None]} if masked else {}
    image = pictures(4, 101, 130)
    whole = Objective(network, content, styles, settings, **regions).evaluate(image)
    tiled = TiledObjective(network, content, styles, settings, **regions).evaluate(image)
    torch.testing.assert_close(tiled.total, whole.total)
    torch.testing.assert_close(tiled.gradient, whole.gradient, rtol=1e-6, atol=1e-9)
    assert whole.parts["style"] > 0.001


def test_a_mask_that_is_bright_everywhere_changes_nothing():
    settings = make(VALUES)
    network, content, styles = extractor(settings), pictures(1, 48, 64), [(pictures(2, 70, 60), 1.0)]
    bright = torch.ones(1, 1, 48, 64, dtype=torch.float64)
    plain, masked = (Objective(network, content, styles, settings, regions=r) for r in (None, bright))
    image = pictures(4, 48, 64)
    torch.testing.assert_close(masked.evaluate(image).gradient, plain.evaluate(image).gradient)


def test_a_batch_of_images_works_with_it(scene, stripes, untrained):
    settings = make(VALUES | {"precision": "fp32"})
    transfers = [Transfer(content, [stripes], settings) for content in (scene, scene[::-1].copy())]
    ends = [event for _, event in stylize_batch(transfers, state=untrained, device="cpu") if hasattr(event, "pixels")]
    for transfer, end in zip(transfers, ends, strict=True):
        *_, alone = stylize(Transfer(transfer.content, [stripes], settings), state=untrained, device="cpu")
        np.testing.assert_allclose(end.pixels, alone.pixels, atol=1e-4)
        assert abs(end.pixels - transfer.content).mean() > 0.002
