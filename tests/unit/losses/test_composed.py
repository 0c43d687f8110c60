"""Whole objectives of sets of feature vectors, against NumPy and SciPy on the network's features."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates
from scipy.spatial.distance import cdist

from nst.losses import sliced
from nst.losses.hypercolumns import Positions
from nst.losses.sampled_objective import SampledObjective
from nst.networks.extractor import FeatureExtractor
from nst.settings import make
from untrained import random_state

SIZE = 32
LAYERS = {"conv1_1": 1.0, "conv2_1": 0.5, "conv3_1": 2.0}
CELL = "+".join(f"{layer}:{weight}" for layer, weight in LAYERS.items())
YUV = np.array([[0.299, 0.587, 0.114], [-0.14713, -0.28886, 0.436], [0.615, -0.51499, -0.10001]])


def picture(seed: int) -> torch.Tensor:
    return torch.rand(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


CONTENT, STYLE, IMAGE = (picture(seed) for seed in (1, 2, 3))


@pytest.fixture(scope="module")
def network() -> FeatureExtractor:
    network = FeatureExtractor("vgg19", random_state("vgg19"), [*LAYERS])
    network.convert(torch.device("cpu"), torch.float64)
    return network


def total(network: FeatureExtractor, **values: str) -> float:
    settings = make({"content_layers": CELL, "style_layers": CELL, "normalization": "relative"} | values)
    return SampledObjective(network, CONTENT, [(STYLE, 1.0)], settings).evaluate(IMAGE).total.item()


def maps(network: FeatureExtractor, image: torch.Tensor) -> dict[str, np.ndarray]:
    """Feature maps by layer, (channels, height, width)."""
    return {layer: values[0].clone().numpy() for layer, values in network(image).items()}


def at(values: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Feature vectors (n, channels) of a map at positions in px of the image, from pixel to pixel linearly."""
    scale = values.shape[1] / SIZE
    places = [rows * scale - 0.5, columns * scale - 0.5]
    return np.stack([map_coordinates(channel, places, order=1, mode="nearest") for channel in values], 1)


def relaxed_emd(distances: np.ndarray) -> float:
    return max(distances.min(0).mean(), distances.min(1).mean())


def test_strotss_is_the_sum_of_its_published_terms(network, monkeypatch) -> None:
    rng = np.random.default_rng(4)
    rows, columns = rng.uniform(0, SIZE, (2, 60))
    places = torch.from_numpy(np.stack([rows, columns], 1))
    monkeypatch.setattr(Positions, "of_image", lambda *_: places)

    def hypercolumns(image: torch.Tensor, of: torch.Tensor) -> np.ndarray:
        """With each layer at its weight, by the root mean square of the layer in another image."""
        parts = [at(image[0].numpy(), rows, columns)]
        for (layer, values), other in zip(maps(network, image).items(), maps(network, of).values(), strict=True):
            rms = np.sqrt((at(other, rows, columns) ** 2).mean())
            parts.append(at(values, rows, columns) * LAYERS[layer] / rms)
        return np.concatenate(parts, 1)

    x, y = hypercolumns(IMAGE, STYLE), hypercolumns(STYLE, STYLE)
    moments = np.abs(x.mean(0) - y.mean(0)).mean() + np.abs(np.cov(x.T, bias=True) - np.cov(y.T, bias=True)).mean()
    a, b = x[:, :3] @ YUV.T, y[:, :3] @ YUV.T
    colors = relaxed_emd(cdist(a, b, "cosine") + cdist(a, b))
    similarities = [
        distances / distances.sum(0)
        for distances in (cdist(z, z, "cosine") for z in (hypercolumns(i, CONTENT) for i in (IMAGE, CONTENT)))
    ]
    content = len(rows) * np.abs(similarities[0] - similarities[1]).mean()
    for weight in (4.0, 0.5):  # the content's; a color counts 1 / weight, at most 1
        style = relaxed_emd(cdist(x, y, "cosine")) + moments + colors / max(weight, 1)
        found = total(
            network, style_loss="remd", content_loss="self-similarity", content_weight=str(weight), style_weight="3"
        )
        assert found == pytest.approx(weight * content + 3 * style, rel=1e-6)


@pytest.mark.parametrize("content_match", [1.0, 0.75, 0.3])
def test_nnst_is_the_distance_of_hypercolumns_to_the_nearest_of_the_style(network, content_match: float) -> None:
    def hypercolumns(image: torch.Tensor) -> np.ndarray:
        """Of every fourth pixel: means of what lies around it."""
        parts = []
        for layer, values in maps(network, image).items():
            block = values.shape[1] * 4 // SIZE
            means = values.reshape(len(values), SIZE // 4, block, SIZE // 4, block).mean((2, 4))
            parts.append(means.reshape(len(values), -1).T * LAYERS[layer] / len(values))
        return np.concatenate(parts, 1)

    content, image = hypercolumns(CONTENT), hypercolumns(IMAGE)
    style = np.concatenate([hypercolumns(torch.from_numpy(np.rot90(STYLE, k, (2, 3)).copy())) for k in range(4)])
    mixed = content_match * content + (1 - content_match) * image
    chosen = style[cdist(mixed - mixed.mean(0), style - style.mean(0), "cosine").argmin(1)]
    expected = np.mean([cdist(x[None], y[None], "cosine") for x, y in zip(image, chosen, strict=True)])
    found = total(network, style_loss="nnst", content_weight="0", style_weight="2", content_match=str(content_match))
    assert found == pytest.approx(2 * expected, rel=1e-9)


def test_sliced_is_a_mean_of_transports_on_lines(network, monkeypatch) -> None:
    rng = np.random.default_rng(5)
    lines = {64: rng.normal(size=(6, 64)), 128: rng.normal(size=(6, 128)), 256: rng.normal(size=(6, 256))}
    lines = {channels: values / np.linalg.norm(values, axis=1)[:, None] for channels, values in lines.items()}
    monkeypatch.setattr(sliced, "directions", lambda _, channels, __: torch.from_numpy(lines[channels]))
    expected = 0.0
    for (layer, x), y in zip(maps(network, IMAGE).items(), maps(network, STYLE).values(), strict=True):
        x, y = (values.reshape(len(values), -1) for values in (x, y))
        sorted_x, sorted_y = (np.sort(lines[len(values)] @ values, axis=1) for values in (x, y))
        expected += LAYERS[layer] / sum(LAYERS.values()) * ((sorted_x - sorted_y) ** 2).mean() / (y**2).mean()
    found = total(network, style_loss="sliced", content_weight="0", style_weight="5")
    assert found == pytest.approx(5 * expected, rel=1e-6)
