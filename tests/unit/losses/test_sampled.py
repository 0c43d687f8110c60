"""Losses of sets of feature vectors, against brute force in float64 and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nst.engine.stylization import Finished, Transfer, stylize
from nst.errors import Problems
from nst.losses import hypercolumns, nearest, nnst, remd
from nst.losses.moments import moments_loss
from nst.losses.sampled import SampledImage
from nst.losses.sampled_objective import SampledObjective, turned
from nst.networks.extractor import FeatureExtractor
from nst.settings import make
from untrained import random_state

LAYERS = "conv1_1+conv2_1:0.5+conv3_1"
KINDS = {
    "sliced": {"style_loss": "sliced"},
    "remd": {"style_loss": "remd", "content_loss": "self-similarity"},
    "nearest": {"style_loss": "nearest"},
    "nnst": {"style_loss": "nnst", "content_weight": "0"},
    "gram, self-similarity": {"content_loss": "self-similarity"},
}


def values(kind: str) -> dict:
    return {"content_layers": LAYERS, "style_layers": LAYERS, "iterations": 8} | KINDS[kind]


def pictures(seed: int, height: int, width: int) -> torch.Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def objective(kind: str, **inputs) -> SampledObjective:
    settings = make(values(kind))
    network = FeatureExtractor("vgg19", random_state("vgg19"), [*settings.style_layers])
    network.convert(torch.device("cpu"), torch.float64)
    return SampledObjective(network, pictures(1, 36, 44), [(pictures(2, 40, 32), 1.0)], settings, **inputs)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("masked", [False, True])
def test_the_gradient_equals_finite_differences(kind: str, masked: bool) -> None:
    regions = {"regions": pictures(5, 36, 44)[:, :1]} if masked else {}
    image, direction = pictures(3, 36, 44), pictures(4, 36, 44) - 0.5

    def value(x: torch.Tensor) -> float:
        whole = objective(kind, **regions)
        if kind == "nnst":  # which vectors are nearest must not change in between
            whole.evaluate(image)
        return whole.evaluate(x).total.item()

    whole = objective(kind, **regions)
    if kind == "nnst":
        whole.evaluate(image)
    slope = (whole.evaluate(image).gradient * direction).sum().item()
    step = 1e-8  # larger ones straddle kinks: of ReLU, sorting, and nearest vectors
    difference = (value(image + step * direction) - value(image - step * direction)) / (2 * step)
    assert slope == pytest.approx(difference, rel=2e-4, abs=1e-9)


def test_features_are_interpolated_between_positions() -> None:
    """A map that is linear in the pixel's position is met everywhere but at the edge."""
    rows, columns = torch.meshgrid(torch.arange(12.0), torch.arange(16.0), indexing="ij")
    fine = torch.stack([rows + 0.5, columns + 0.5])[None].double()
    coarse = torch.nn.functional.avg_pool2d(fine, 4)
    image = SampledImage(torch.zeros(1, 3, 12, 16, dtype=torch.float64), {"conv1_1": fine, "conv3_1": coarse})
    places = torch.tensor([[2.0, 2.0], [5.25, 9.5], [9.9, 13.9]], dtype=torch.float64)
    found = hypercolumns.at_positions(image, places, {"conv1_1": 1.0, "conv3_1": 2.0})
    torch.testing.assert_close(found[:, 3:5], places)
    torch.testing.assert_close(found[:, 5:], 2 * places)


@pytest.mark.parametrize("size", [(3, 4), (12, 16), (17, 40), (1, 1), (12, 5), (40, 16)])
def test_feature_maps_are_resized_as_torch_does(size: tuple[int, int]) -> None:
    maps = torch.randn(1, 5, 12, 16, dtype=torch.float64).requires_grad_()
    pooled = torch.nn.functional.adaptive_avg_pool2d(maps, (min(size[0], 12), min(size[1], 16)))
    wanted = torch.nn.functional.interpolate(pooled, size=size, mode="bilinear", align_corners=False)
    found = nnst.resized(maps, size).mT.unflatten(1, size)[None]
    torch.testing.assert_close(found, wanted)
    weight = torch.randn_like(wanted)
    gradients = [torch.autograd.grad((values * weight).sum(), maps)[0] for values in (found, wanted)]
    torch.testing.assert_close(*gradients)


def test_gradients_have_the_memory_format_of_the_network() -> None:
    """Convolutions would copy others, which takes longer than the convolutions."""
    maps = torch.randn(1, 6, 12, 16).contiguous(memory_format=torch.channels_last).requires_grad_()
    for vectors in (nnst.resized(maps, (3, 4)), hypercolumns.vectors_of(maps)):
        [gradient] = torch.autograd.grad(vectors.square().sum(), maps)
        assert gradient.is_contiguous(memory_format=torch.channels_last)


def test_positions_follow_the_mask() -> None:
    mask = torch.zeros(1, 1, 20, 30)
    mask[..., 5:10, 20:] = 1
    image = SampledImage(torch.zeros(1, 3, 20, 30), {}, mask)
    places = hypercolumns.Positions(image).of_image(500, torch.Generator().manual_seed(0))
    assert ((places[:, 0] >= 5) & (places[:, 0] < 10) & (places[:, 1] >= 20) & (places[:, 1] < 30)).all()
    everywhere = hypercolumns.Positions(image._replace(mask=None)).of_image(5000, torch.Generator().manual_seed(0))
    np.testing.assert_allclose(everywhere.mean(0), [10, 15], atol=0.5)


def test_a_mask_may_have_more_pixels_than_multinomial_takes() -> None:
    mask = torch.zeros(1, 1, 4100, 4100)  # more than 2^24
    mask[..., 4000:, :] = 1
    image = SampledImage(torch.zeros(1, 3, 1, 1).expand(1, 3, 4100, 4100), {}, mask)
    assert (hypercolumns.Positions(image).of_image(50, torch.Generator().manual_seed(0))[:, 0] >= 4000).all()


def test_a_blend_is_pooled_in_proportion_to_its_weights(monkeypatch) -> None:
    values = [torch.full((1, 2, 40, 40), float(i)) for i in range(3)]
    shares = zip(values, (0.6, 0.3, 0.1), strict=True)
    styles = [SampledImage(torch.zeros(1, 3, 40, 40), {"conv1_1": value}, None, share) for value, share in shares]
    monkeypatch.setattr(hypercolumns, "POOL", 1000)
    pool = hypercolumns.pooled(iter(styles), ["conv1_1"], torch.Generator())["conv1_1"]
    assert [int((pool[:, 0] == i).sum()) for i in range(3)] == [600, 300, 100]
    assert hypercolumns.count_of(styles[2], 1) == 1


def test_the_distance_of_moments_equals_numpys() -> None:
    x, y = torch.randn(50, 4, dtype=torch.float64), torch.randn(70, 4, dtype=torch.float64) + 1
    (mean, covariance), (own, own_covariance) = ((z.numpy().mean(0), np.cov(z.numpy().T, bias=True)) for z in (y, x))
    expected = np.abs(own - mean).mean() + np.abs(own_covariance - covariance).mean()
    wanted = torch.from_numpy(mean), torch.from_numpy(covariance)
    assert remd.moment_distance(x, *wanted).item() == pytest.approx(expected, rel=1e-12)
    assert torch.autograd.gradcheck(lambda x: remd.moment_distance(x, *wanted), x.requires_grad_(True), atol=1e-5)


def test_color_distances_equal_loops() -> None:
    x, y = torch.rand(4, 3, dtype=torch.float64), torch.rand(5, 3, dtype=torch.float64)
    expected = np.empty((4, 5))
    for i, a in enumerate(x.numpy()):
        for j, b in enumerate(y.numpy()):
            expected[i, j] = 1 - a @ b / np.linalg.norm(a) / np.linalg.norm(b) + np.linalg.norm(a - b)
    np.testing.assert_allclose(remd.color_distances(x, y), expected, rtol=1e-9)


def test_the_nearest_vectors_equal_brute_force(monkeypatch) -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(n, 6, generator=generator, dtype=torch.float64) + 2 for n in (30, 40))
    a, b = (v.numpy() - v.numpy().mean(0) for v in (x, y))
    cosines = np.array([[p @ q / np.linalg.norm(p) / np.linalg.norm(q) for q in b] for p in a])
    assert nnst.nearest_centered(x, y).tolist() == cosines.argmax(1).tolist()
    assert nearest.nearest_distance(x, y, x, 0.0).item() == pytest.approx(1 - cosines.max(1).mean(), rel=1e-9)
    content = torch.randn(30, 6, generator=generator, dtype=torch.float64)
    of_content = nearest.centered(content) @ nearest.centered(y).mT
    expected = 1 - cosines[np.arange(30), of_content.argmax(1).numpy()].mean()
    assert nearest.nearest_distance(x, y, content, 1.0).item() == pytest.approx(expected, rel=1e-9)


def test_the_losses_of_the_style_itself_are_least(monkeypatch) -> None:
    """`sliced`, `nearest` and `nnst` are 0 where the image is the style; relaxed EMD sees other positions."""
    settings = make(values("sliced") | {"content_weight": "0"})
    network = FeatureExtractor("vgg19", random_state("vgg19"), [*settings.style_layers])
    network.convert(torch.device("cpu"), torch.float64)
    style = pictures(2, 36, 44)
    monkeypatch.setattr(nearest, "POSITIONS", 10**6)  # all
    monkeypatch.setattr(nearest, "STYLE_POSITIONS", 10**6)
    for kind, most in (("sliced", 1e-9), ("nearest", 0.02), ("nnst", 1e-9), ("remd", 2.0)):
        settings = make(values(kind) | {"content_weight": "0"})
        same, other = (
            SampledObjective(network, image, [(style, 1.0)], settings).evaluate(image).total.item()
            for image in (style, pictures(7, 36, 44))
        )
        assert same <= most
        assert same < other


def test_moments_loss_equals_numpy_and_finite_differences() -> None:
    features, style = (np.random.default_rng(seed).random((4, 60)) for seed in (1, 2))

    def statistics(x: np.ndarray) -> list[torch.Tensor]:
        return [torch.from_numpy(x @ x.T / x.shape[1])[None], torch.from_numpy(x.mean(1))[None]]

    def expected(x: np.ndarray) -> float:
        pairs = [(f(x), f(style)) for f in (lambda v: v @ v.T / v.shape[1], lambda v: v.mean(1), lambda v: v.std(1))]
        return float(np.mean([((a - b) ** 2).sum() / (b**2).sum() for a, b in pairs]))

    found = moments_loss(*statistics(features), *statistics(style))
    assert found.item() == pytest.approx(expected(features), rel=1e-9)
    grams, means = (value.requires_grad_(True) for value in statistics(features))
    assert torch.autograd.gradcheck(lambda g, m: moments_loss(g, m, *statistics(style)), (grams, means))


def test_each_evaluation_draws_other_positions_and_a_state_restores_them() -> None:
    first, second, resumed = (objective("remd") for _ in range(3))
    image = pictures(3, 36, 44)
    one, two = first.evaluate(image).total, first.evaluate(image).total
    assert one != two
    assert second.evaluate(image).total == one
    resumed.load_state(second.state())
    assert resumed.evaluate(image).total == two


def test_an_nnst_state_keeps_the_assignment() -> None:
    first, resumed = objective("nnst"), objective("nnst")
    first.evaluate(pictures(3, 36, 44))
    resumed.load_state(first.state())
    other = pictures(6, 36, 44)
    assert resumed.evaluate(other).total == first.evaluate(other).total
    assert objective("nnst").evaluate(other).total != resumed.evaluate(other).total


def test_hypercolumns_are_searched_again_after_a_while(monkeypatch) -> None:
    monkeypatch.setattr(nnst, "RENEWED_AFTER", 2)
    loss, image = objective("nnst"), pictures(3, 36, 44)
    totals = [loss.evaluate(x).total.item() for x in (image, pictures(6, 36, 44), pictures(6, 36, 44))]
    assert totals[2] < totals[1]


def test_turned_styles_have_the_same_values_elsewhere() -> None:
    picture = pictures(1, 5, 7)
    assert turned(picture, 1).shape == (1, 3, 7, 5)
    assert torch.equal(turned(turned(picture, 1), 3), picture)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "more", [{}, {"network": "lite"}, {"network": "vgg16"}, {"color": "luminance"}, {"precision": "bf16"}], ids=str
)
def test_it_stylizes_and_resumes(kind: str, more: dict, scene, stripes) -> None:
    pyramid = {"parameters": "pyramid", "optimizer": "adam", "scales": 2, "coarsest": 16, "scale_factor": 2}
    settings = make(values(kind) | pyramid | more | {"iterations": 10})
    state = random_state(settings.network)
    inputs = Transfer(scene, [stripes, scene[::-1]], settings, blend=[0.7, 0.3])
    *events, end = stylize(inputs, state=state, device="cpu")
    assert isinstance(end, Finished)
    assert np.isfinite(end.losses["total"])
    for event in stylize(inputs, state=state, device="cpu"):
        if event.iteration == 7:
            saved = event.state()
            break
    *_, resumed = stylize(inputs, state=state, device="cpu", resume=saved)
    assert np.array_equal(resumed.pixels, end.pixels)
    assert len(events) == 10


@pytest.mark.parametrize("kind", ["sliced", "remd", "nearest", "nnst"])
def test_regions_take_their_own_style(kind: str, scene, stripes) -> None:
    """Left white, right black: each half becomes like its style. The other half does not matter to it."""
    mask = np.zeros((*scene.shape[:2], 3), np.float32)
    mask[:, : scene.shape[1] // 2] = 1
    settings = make(
        values(kind) | {"content_mask": "mask.png", "optimizer": "adam", "content_weight": "0", "iterations": 40}
    )
    red, blue = np.zeros_like(stripes), np.zeros_like(stripes)
    red[..., 0], blue[..., 2] = stripes[..., 0], stripes[..., 0]
    inputs = Transfer(scene, [red, blue], settings, content_mask=mask)
    *_, end = stylize(inputs, state=random_state("vgg19"), device="cpu")
    left, right = np.split(end.pixels - scene, 2, axis=1)
    redness = [(half[..., 0] - half[..., 2]).mean() for half in (left, right)]
    assert redness[0] > redness[1]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"style_loss": "sliced", "tile": "64"}, "style_loss: sliced cannot be combined with tile: it"),
        ({"content_loss": "self-similarity", "tile": "64"}, "content_loss: self-similarity cannot be combined with"),
        ({"style_loss": "remd", "style_weight": "auto"}, "style_loss: remd cannot be combined with style_weight auto"),
        ({"style_loss": "nnst", "normalization": "paper"}, "style_loss: nnst requires normalization relative"),
        ({"content_match": "0.25"}, "content_match: requires style_loss nnst"),
        ({"coarsest": "64"}, "coarsest: requires scales above 1"),
    ],
)
def test_what_cannot_be_combined_is_said_before_any_work(given: dict, message: str) -> None:
    with pytest.raises(Problems, match=message):
        make(given)
